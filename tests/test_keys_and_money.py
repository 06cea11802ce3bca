"""Keys and money: who may call, how often, what it costs, and the keys that always meet an error."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from calling import GOOD_KEY, SLUG, V1, V2, Local, make_key, post, text

from mockling.emulator import AccountSettings, Emulator

UNAUTHORIZED = "Unauthorized. API key is invalid or may have expired"
NO_KEY = "Missing Authorization or x-api-key in header"


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("ending", ["0401", "0403", "0406", "0429"])
def test_a_key_can_always_be_refused(emulator: Emulator, sample: dict[str, Any], ending: str, version: str) -> None:
    """A key that ends in a refusal's status meets it, every time, and nothing else needs to be set up."""
    for _ in range(2):
        refused = post(emulator, sample, f"SG_000000000000{ending}", f"/{version}/{SLUG}")
        assert refused.status_code == int(ending)


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_key_can_always_fail(emulator: Emulator, sample: dict[str, Any], status: int) -> None:
    """A key that ends in a failure's status has its generations fail with it on v1, every time."""
    for _ in range(2):
        assert post(emulator, sample, f"SG_0000000000000{status}").status_code == status


def test_an_error_key_meets_its_error_whatever_the_credits(sample: dict[str, Any]) -> None:
    """No lack of credits comes before a planned failure, and it costs nothing (G11)."""
    with Emulator(speed="instant", credits="0.5") as emulator:
        for _ in range(3):
            for status in (500, 502, 504):
                assert post(emulator, sample, f"SG_0000000000000{status}").status_code == status
        assert sum(exchange.cost for exchange in emulator.journal) == 0


def test_the_planned_errors_are_there_beside_configured_accounts(sample: dict[str, Any]) -> None:
    """With accounts of one's own the error keys still work, and other keys of the shape do not."""
    account = AccountSettings(key="an older key", credits="3")
    with Emulator(speed="instant", accounts=(account,)) as emulator:
        assert emulator.api_key == "an older key"
        assert post(emulator, sample, "an older key").status_code == 200
        assert post(emulator, sample, "SG_0000000000000502").status_code == 502
        assert post(emulator, sample, make_key()).status_code == 401


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, NO_KEY),
        ({"x-api-key": ""}, NO_KEY),
        ({"x-api-key": "YOUR_API_KEY"}, UNAUTHORIZED),
        ({"x-api-key": "SG_123"}, UNAUTHORIZED),
        ({"x-api-key": f"{GOOD_KEY}X"}, UNAUTHORIZED),
        ({"x-api-key": f"{GOOD_KEY} {GOOD_KEY}"}, UNAUTHORIZED),
        ({"Authorization": f"Bearer {GOOD_KEY}"}, UNAUTHORIZED),
        ({"x_api_key": GOOD_KEY}, NO_KEY),
    ],
)
def test_a_missing_or_bad_key_is_refused(
    emulator: Emulator, sample: dict[str, Any], headers: dict[str, str], told: str
) -> None:
    """The key must be in x-api-key and good; a bearer token is not taken (G2, G3)."""
    response = post(emulator, sample, None, headers=headers)
    assert response.status_code == 401
    assert text(response).startswith(told)


@pytest.mark.parametrize("key", [f"{GOOD_KEY} ", f"\t {GOOD_KEY}\t", GOOD_KEY.replace("abcdef", "ABCDEF")])
def test_blanks_around_a_key_do_not_count(local: Local, key: str) -> None:
    """A header's value is what stands between its blanks, and so is a key; it may have capital digits."""
    assert local.get("/v1/get-user-credits", key).status_code == 200


def test_a_low_balance_is_refused_with_balance_and_need(sample: dict[str, Any]) -> None:
    """When the credits do not cover the price the call is 406, names both, and bills nothing (P18, G8)."""
    with Emulator(speed="instant", credits="5.00") as emulator:
        key = make_key()
        left = [post(emulator, sample, key).headers.get("x-remaining-credits") for _ in range(2)]
        assert left == ["2.90", "0.80"]
        response = post(emulator, sample, key)
        assert response.status_code == 406
        assert text(response) == "Insufficient credits. You have 0.80 credits and this request needs 2.10 credits."
        last = post(emulator, {**sample, "mode": "std", "duration": "3"}, make_key())
        assert last.headers["x-remaining-credits"] == "4.055"


@pytest.mark.parametrize(("balance", "told"), [("0", "0.0"), ("1.50", "1.5"), ("0.005", "0.005")])
def test_v2_may_tell_a_low_balance_as_some_callers_saw_it(sample: dict[str, Any], balance: str, told: str) -> None:
    """With D2 answered 402 the text of v2 names the credits as Python writes them; v1 is as it was."""
    local = Local(speed="instant", credits=balance, answers={"D2": "402"})
    refused = local.post(V2, GOOD_KEY, sample)
    assert (refused.status_code, refused.get_json()) == (
        402,
        {"error": f"Insufficient credits. You have {told} credits."},
    )
    assert local.post(V1, GOOD_KEY, sample).status_code == 406


def test_an_account_may_have_no_balance(sample: dict[str, Any]) -> None:
    """An account without a balance record is a 404 on the balance, and can pay for nothing (G19)."""
    local = Local(speed="instant", accounts=[{"key": "a", "credits": "none"}])
    told = local.get("/v1/get-user-credits", "a")
    assert (told.status_code, told.get_json()) == (404, {"error": "No credits found for the user"})
    assert local.post(V1, "a", sample).status_code == 406


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_an_account_may_call_only_its_models(sample: dict[str, Any], version: str) -> None:
    """A model that is not among those of the account is 403, on v1 and on v2 (P16)."""
    accounts = [{"key": "a", "models": [SLUG]}, {"key": "b", "models": ["another-model"]}, {"key": "c", "models": []}]
    local = Local(speed="instant", accounts=accounts)
    assert [local.post(f"/{version}/{SLUG}", key, sample).status_code for key in "abc"] == [200, 403, 403]


def test_the_rate_limit_refuses_and_says_when_it_ends(sample: dict[str, Any]) -> None:
    """Beyond the limit a call is 429 with the time of its end and no Retry-After; other keys are not touched (G10)."""
    with Emulator(speed="instant", requests_per_minute=2) as emulator:
        key = make_key()
        allowed = [post(emulator, sample, key) for _ in range(2)]
        assert [one.headers["x-rate-limit-remaining"] for one in allowed] == ["1", "0"]
        refused = post(emulator, sample, key)
        assert refused.status_code == 429
        assert "retry-after" not in refused.headers
        assert refused.headers["x-rate-limit-reset-at-utc"] in text(refused)
        assert post(emulator, sample, make_key()).status_code == 200


def test_a_rate_limit_ends_after_its_minute() -> None:
    """The window is a simulated minute from its first request: just before its end a call is refused, at it allowed."""
    local = Local(requests_per_minute=1)
    assert local.post(V1, GOOD_KEY, {}).status_code == 400
    local.advance(59.999)
    assert local.post(V1, GOOD_KEY, {}).status_code == 429
    local.advance(0.001)
    assert [local.post(V1, GOOD_KEY, {}).status_code for _ in range(2)] == [400, 429]


def test_two_equal_requests_are_two_jobs_and_two_charges(emulator: Emulator, key: str, sample: dict[str, Any]) -> None:
    """Nothing makes a POST idempotent (G12): two ids, two charges, and two files of one length."""
    first, second = (post(emulator, sample, key) for _ in range(2))
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert second.headers["x-remaining-credits"] == f"{10**9 - 4.2:.2f}"
    videos = {requests.get(one.json()["output"], timeout=30).content for one in (first, second)}
    assert len(videos) == 2
    assert len({len(video) for video in videos}) == 1


def test_many_callers_at_once_are_all_billed_exactly(sample: dict[str, Any]) -> None:
    """Twenty calls at once for money that covers ten: ten succeed, ten are 406, and the balance is exact."""
    with Emulator(speed=2000, credits="21.00") as emulator, ThreadPoolExecutor(20) as pool:
        key = make_key()
        answers = list(pool.map(lambda _: post(emulator, sample, key), range(20)))
        assert sorted(one.status_code for one in answers) == [200] * 10 + [406] * 10
        left = {one.headers["x-remaining-credits"] for one in answers if one.status_code == 200}
        assert "0.00" in left <= {f"{2.1 * step:.2f}" for step in range(10)}
        assert "You have 0.00 credits" in text(post(emulator, sample, key))


def test_keys_that_become_accounts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a great number of keys a new one is refused as unknown, and those there are go on."""
    monkeypatch.setattr("mockling.emulator.platform.memory.MOST_ACCOUNTS", 2)
    local, keys = Local(), [make_key() for _ in range(3)]
    assert [local.get("/v1/get-user-credits", key).status_code for key in [*keys, *keys]] == [200, 200, 401] * 2


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_planned_error_is_met_however_many_keys_there_are(
    monkeypatch: pytest.MonkeyPatch, sample: dict[str, Any], version: str
) -> None:
    """Where a new key is refused for want of room, one that plans an error goes on to meet it, used before or not."""
    monkeypatch.setattr("mockling.emulator.platform.memory.MOST_ACCOUNTS", 0)
    local = Local(speed="instant")
    assert local.post(f"/{version}/{SLUG}", GOOD_KEY, sample).status_code == 401
    for status in (403, 406, 429):
        assert local.post(f"/{version}/{SLUG}", f"SG_0000000000000{status}", sample).status_code == status
    for status in (500, 502, 504):
        response = local.post(f"/{version}/{SLUG}", f"SG_0000000000000{status}", sample)
        assert response.status_code == (status if version == "v1" else 200)


def test_the_same_seed_and_requests_give_the_same_ids_and_latencies(sample: dict[str, Any]) -> None:
    """A run can be repeated exactly; another seed is another run. The names of uploads follow it too."""

    def run(seed: int) -> list[Any]:
        local = Local(speed="instant", seed=seed)
        answers = [local.post(V1, GOOD_KEY, sample) for _ in range(3)]
        uploaded = local.post("/upload-asset", GOOD_KEY, {"data_urls": ["data:text/plain;base64,aGk="] * 2})
        return [*((one.headers["x-request-id"], one.headers["x-generation-time"]) for one in answers), uploaded.json]

    assert run(7) == run(7)
    assert all(one != other for one, other in zip(run(7), run(8), strict=True))


def test_the_observed_profile_answers_with_the_video_itself(sample: dict[str, Any]) -> None:
    """With D1 answered `video` the body is the MP4, its type exactly video/mp4, its length announced."""
    with Emulator(speed="instant", profile="observed") as emulator:
        response = post(emulator, sample, make_key())
        assert response.headers["content-type"] == "video/mp4"
        assert int(response.headers["content-length"]) == len(response.content)
        assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])
    with Emulator(speed="instant", answers={"D1": "video"}) as emulator:
        other = post(emulator, sample, make_key())
        assert (other.headers["content-type"], len(other.content)) == ("video/mp4", len(response.content))


@pytest.mark.parametrize(("answers", "status"), [({"D4": "406"}, 406), ({"D4": "400"}, 400), ({"D7": "coerced"}, 200)])
def test_disputes_about_a_numeric_duration_can_be_answered_otherwise(
    sample: dict[str, Any], answers: dict[str, str], status: int
) -> None:
    """The status of an invalid parameter (D4), and whether a number is one (D7), follow the settings."""
    assert Local(speed="instant", answers=answers).post(V1, GOOD_KEY, {**sample, "duration": 5}).status_code == status
