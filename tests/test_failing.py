"""Generations that fail: what fails them, how that is told on v1 and on v2, when, and that it costs nothing."""

from typing import Any

import pytest
from calling import GOOD_KEY, INPUTS, PRICE, SLUG, STEADY, V1, V2, Local, make_key

LATENCY = 213.36  # seconds: the page's sample
SHARE = 0.05  # of the latency, after which most failures are found out
NO_WEB = "Reference media rejected: URL must be a valid HTTP or HTTPS URL."
UNREADABLE = "Invalid video URL or path. Please provide a valid video. Error: The file"
FAILING: list[tuple[str | None, dict[str, Any], int, float, str]] = [
    ("SG_0000000000000500", {}, 500, LATENCY * SHARE, "Internal server error. The generation failed."),
    ("SG_0000000000000502", {}, 502, LATENCY * SHARE, "Bad gateway. The service is temporarily unavailable."),
    ("SG_0000000000000504", {}, 504, 900, "Gateway timeout. The request took too long."),
    (None, {"prompt": ""}, 500, LATENCY * SHARE, "Prompt is required for video generation."),
    (None, {"prompt": " \n\t"}, 500, LATENCY * SHARE, "Prompt is required for video generation."),
    (None, {"image_urls": ["data:image/png;base64,aGk="]}, 500, LATENCY * SHARE, NO_WEB),
    (None, {"image_urls": ["https://e.com/a.png", "cat.png"]}, 500, LATENCY * SHARE, NO_WEB),
    (None, {"elements": [{"reference_image_urls": ["ftp://e.com/a.png"]}]}, 500, LATENCY * SHARE, NO_WEB),
    *(
        (None, {"video_url": f"{INPUTS}{clip}.mp4"}, 500, LATENCY * SHARE, UNREADABLE)
        for clip in ("audio-only", "truncated", "not-a-video")
    ),
]


@pytest.mark.parametrize(("key", "change", "status", "moment", "told"), FAILING)
def test_on_v2_a_failing_job_is_queued_processed_and_failed(
    local: Local, sample: dict[str, Any], key: str | None, change: dict[str, Any], status: int, moment: float, told: str
) -> None:
    """Its submission is a 200; when it fails each of its addresses is 422, without a cost, and nothing was paid."""
    del status
    key = key or GOOD_KEY
    reply = local.submit(key, {**sample, **change})

    def states() -> set[str]:
        told = [local.get(reply[name], key) for name in ("status_url", "response_url", "poll_url")]
        return {f"{one.status_code} {one.get_json()['status']}" for one in told}

    assert states() == {"200 QUEUED"}
    local.advance(LATENCY * 0.02 + 0.001)
    assert states() == {"200 PROCESSING"}
    local.advance(moment - local.clock.now() - 0.001)
    assert states() == {"200 PROCESSING"}
    local.advance(0.002)
    assert states() == {"422 FAILED"}
    failure = local.get(reply["response_url"], key).get_json()
    assert failure.keys() == {"status", "request_id", "error", "metrics"}
    assert failure["error"].startswith(told)
    assert failure["metrics"]["total_time"] == round(moment, 2)
    assert local.balance(key) == 100
    assert local.get(f"/generations/{reply['request_id']}.mp4").status_code == 404


@pytest.mark.parametrize(("key", "change", "status", "moment", "told"), FAILING)
def test_on_v1_a_failing_call_is_held_until_the_failure(
    local: Local, sample: dict[str, Any], key: str | None, change: dict[str, Any], status: int, moment: float, told: str
) -> None:
    """Just before its moment it is still held, and then answered with its status; it costs nothing."""
    key = key or GOOD_KEY
    held, answered = local.hold(key, {**sample, **change})
    local.advance(moment - 0.001)
    assert held.seconds > 0
    local.advance(0.002)
    assert held.seconds == 0
    body = b"".join(held.answer())
    assert answered[0].startswith(str(status))
    assert told in body.decode()
    (exchange,) = local.journal
    assert (exchange.status, exchange.cost, exchange.seconds) == (status, 0, pytest.approx(moment))
    assert exchange.error is not None and exchange.error.startswith(told)
    assert local.balance(key) == 100


@pytest.mark.parametrize("path", [V1, V2])
def test_money_comes_before_what_only_the_generation_finds_out(sample: dict[str, Any], path: str) -> None:
    """An input that cannot be read has its price promised first, on v1 and v2 alike; a planned failure has none."""
    local = Local(credits="2.09")
    for change in ({"video_url": f"{INPUTS}truncated.mp4"}, {"prompt": ""}, {"image_urls": ["cat.png"]}):
        assert local.post(path, GOOD_KEY, {**sample, **change}).status_code == 406
    local = Local(credits="0")
    local.submit("SG_0000000000000500", sample)


def test_what_is_promised_to_a_failing_job_is_free_when_it_has_failed(sample: dict[str, Any]) -> None:
    """A job that will fail holds its price until then, and gives all of it back."""
    local = Local(credits="2.10", contract=STEADY)
    local.submit(GOOD_KEY, {**sample, "video_url": f"{INPUTS}truncated.mp4"})
    local.submit(GOOD_KEY, sample, status=406)
    local.advance(LATENCY * SHARE + 0.001)
    local.submit(GOOD_KEY, sample)


def test_an_invalid_parameter_on_v2_promises_nothing(sample: dict[str, Any]) -> None:
    """What was never in order is queued and fails even for an account without a cent (A6, D5)."""
    local = Local(credits="0", contract=STEADY)
    reply = local.submit(GOOD_KEY, {**sample, "duration": 5})
    local.advance(LATENCY * SHARE + 0.001)
    assert "duration must be a string" in local.get(reply["status_url"], GOOD_KEY).get_json()["error"]


def slow(base: float) -> dict[str, Any]:
    """Return the change of the contract with which the sample takes so many seconds."""
    pro = {"base": {"values": {"pro": base}}, "per": {"duration": {"values": {"pro": 0}}}}
    return {"x-models": {SLUG: {"latency": {"spread": 0, **pro}}}}


def test_what_takes_longer_than_the_gateway_waits_is_504_on_v1(sample: dict[str, Any]) -> None:
    """A call that would take longer than the gateway's limit ends there, unpaid; on v2 the same job completes (M12)."""
    local = Local(contract=slow(900.5))
    held, answered = local.hold(GOOD_KEY, sample)
    reply = local.submit(GOOD_KEY, sample)
    local.advance(899.999)
    assert held.seconds > 0
    local.advance(0.001)
    list(held.answer())
    assert answered[0].startswith("504")
    assert local.balance(GOOD_KEY) == 100
    local.advance(0.5)
    assert local.get(reply["status_url"], GOOD_KEY).get_json()["status"] == "COMPLETED"
    assert local.balance(GOOD_KEY) == 97.9


def test_what_takes_as_long_as_the_gateway_waits_is_delivered(sample: dict[str, Any]) -> None:
    """At the limit itself a call is still answered with its video."""
    local = Local(contract=slow(900))
    held, answered = local.hold(GOOD_KEY, sample)
    local.advance(900)
    list(held.answer())
    assert answered[0].startswith("200")


def test_a_held_call_outlives_a_leap_of_time(sample: dict[str, Any]) -> None:
    """Other calls, and weeks that pass at once, neither end nor bill nor lose a call before it is answered."""
    local, other = Local(), make_key()
    held, answered = local.hold(GOOD_KEY, sample)
    local.advance(10**7)
    local.submit(other, sample)
    list(held.answer())
    assert answered[0].startswith("200")
    assert [exchange.cost for exchange in local.journal] == [0, PRICE]
    assert local.balance(GOOD_KEY) == 97.9


def test_a_failure_is_told_alike_to_the_caller_and_the_journal(sample: dict[str, Any]) -> None:
    """The response has the text that says what is wrong with the file, and so has the journal."""
    local = Local(speed="instant")
    response = local.post(V1, GOOD_KEY, {**sample, "video_url": f"{INPUTS}truncated.mp4"})
    assert response.status_code == 500
    assert response.get_json() == {"error": local.journal[-1].error}


def test_the_contract_of_an_emulator_can_be_changed(sample: dict[str, Any]) -> None:
    """Whatever is only assumed can be set: another status and moment of a failure, no spread in the latency."""
    changes = {**STEADY, "x-errors": {"unreadable_input": {"status": 400, "share": 0.5}}}
    local = Local(speed="instant", contract=changes)
    assert local.post(V1, GOOD_KEY, {**sample, "video_url": f"{INPUTS}truncated.mp4"}).status_code == 400
    assert local.journal[-1].seconds == LATENCY / 2
    assert local.post(V1, GOOD_KEY, sample).headers["x-generation-time"] == "213.36"
