"""The client's jobs: submitted once, polled patiently, picked up again; and the account and storage beside them."""

import base64
import inspect
import json
import random
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_type_hints

import pytest
from calling import INPUTS, make_key
from scripted import http, scripted
from silence import end_calls

from mockling import client, fixtures
from mockling.client import (
    ApiError,
    BrokenAnswer,
    Client,
    GenerationFailed,
    InsufficientCredits,
    Job,
    NoAnswer,
    NotFound,
    PaymentRequired,
    RateLimited,
    Video,
    WaitTimeout,
)
from mockling.client.client import LIVE_STORAGE, SLUG
from mockling.client.uploading import LARGEST_UPLOAD
from mockling.emulator import Emulator

KEY = "SG_0123456789abcdef"
MIDNIGHT = 1795305600.0  # 2026-11-22T00:00:00Z
METRICS = {"inference_time": 200.5, "queue_time": 3, "total_time": 203.5, "cost": 2.1, "remaining_credits": 0.1}


class Time:
    """A clock that passes only by sleeping; it stands where the client's patience reads the time."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return sum(self.slept)

    def time(self) -> float:
        return MIDNIGHT + sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    """A clock that nobody has to wait for, and back-off with its longest delays."""
    clock = Time()
    monkeypatch.setattr("mockling.client.patience.time", clock)
    monkeypatch.setattr("mockling.client.patience._chance", SimpleNamespace(uniform=lambda _, most: most))
    return clock


def answer(status: str, code: int = 200, **more: Any) -> bytes:
    return http(code, json.dumps({"status": status, "request_id": "a-1", "metrics": {}, **more}).encode())


def done(url: str = "https://images.example/a.mp4", **more: Any) -> bytes:
    return answer("COMPLETED", output=url, video={"url": url}, metrics={**METRICS, **more})


def job(url: str) -> Job:
    return Client(KEY, url).job("a-1")


def targets(requests: list[bytes]) -> list[str]:
    return [request.split(b" HTTP/")[0].decode() for request in requests]


STATUS, RESULT = "GET /v2/requests/a-1/status", "GET /v2/requests/a-1"


def test_submit_takes_what_generate_takes() -> None:
    """`submit` has exactly the parameters of `generate`, and sends the same body."""
    generate, submit = (inspect.signature(one) for one in (Client.generate, Client.submit))
    assert generate.parameters == submit.parameters
    assert get_type_hints(Client.submit)["return"] is Job
    given: dict[str, Any] = {"mode": "std", "keep_audio": False, "image_urls": ["https://e.com/1.png"]}
    with scripted(http(500), http(500)) as server:
        for call in (Client(KEY, server.url).generate, Client(KEY, server.url).submit):
            with pytest.raises(client.ServerError):
                call("a", "b", **given)
    heads, bodies = zip(*(request.split(b"\r\n\r\n") for request in server.requests), strict=True)
    assert bodies[0] == bodies[1]
    assert {"prompt": "a", "video_url": "b", **given}.items() <= json.loads(bodies[0]).items()
    assert targets(list(heads)) == [f"POST /v1/{SLUG}", f"POST /v2/{SLUG}"]


def test_a_job_is_submitted_polled_and_fetched(clock: Time) -> None:
    """A job is asked for until it is done, each change of state is told once, and its video says what it took."""
    told: list[str] = []
    running = [answer("QUEUED"), answer("QUEUED"), answer("PROCESSING"), answer("COMPLETED", metrics=METRICS)]
    with scripted(answer("QUEUED"), *running, done()) as server:
        submitted = Client(KEY, server.url).submit("a", "b")
        video = submitted.wait(on_progress=told.append)
    assert submitted.request_id == "a-1"
    assert told == ["QUEUED", "PROCESSING", "COMPLETED"]
    assert video == Video(
        url="https://images.example/a.mp4",
        request_id="a-1",
        seconds=203.5,
        cost=Decimal("2.1"),
        remaining_credits=Decimal("0.1"),
    )
    assert targets(server.requests)[1:] == [STATUS] * 4 + [RESULT]
    assert clock.slept == [5, 5, 5]


@pytest.mark.usefixtures("clock")
def test_the_key_goes_to_the_base_url_alone() -> None:
    """The URLs that a submission names are not followed: polls go to the base URL, with the key."""
    with scripted() as elsewhere:
        named = dict.fromkeys(("poll_url", "status_url", "response_url"), f"{elsewhere.url}/x")
        with scripted(answer("QUEUED", **named), answer("COMPLETED", **named), done()) as server:
            Client(KEY, f"{server.url}/").submit("a", "b").wait()
        assert elsewhere.requests == []
    assert all(f"x-api-key: {KEY}".encode() in request for request in server.requests)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"request_id": 7}', b'{"request_id": "a/b"}'])
def test_a_submission_without_an_id_is_broken(body: bytes) -> None:
    """An answer that names no usable id is one clear exception, and the job is not submitted again."""
    with scripted(http(200, body), http(200, body)) as server:
        with pytest.raises(BrokenAnswer):
            Client(KEY, server.url).submit("a", "b")
        assert len(server.requests) == 1


@pytest.mark.parametrize("reply", [None, b"", http(429), http(500), http(503)])
def test_a_submission_is_never_sent_twice(monkeypatch: pytest.MonkeyPatch, reply: bytes | None) -> None:
    """Whatever goes wrong, a submission is not repeated, for each is a charge (G12)."""
    with scripted(reply, reply, reply) as server:
        end_calls(monkeypatch, server.silent)
        with pytest.raises(ApiError):
            Client(KEY, server.url).submit("a", "b")
        assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "kind"), [(402, PaymentRequired), (406, InsufficientCredits)])
def test_a_low_balance_is_one_exception_under_either_status(status: int, kind: type[ApiError]) -> None:
    """Whichever way the server says that the balance is too low (D2), `InsufficientCredits` catches it."""
    refusal = http(status, b'{"error": "Insufficient credits. You have 0.0 credits."}')
    with scripted(refusal) as server, pytest.raises(InsufficientCredits, match=r"You have 0\.0 credits") as caught:
        Client(KEY, server.url).submit("a", "b")
    assert type(caught.value) is kind


@pytest.mark.parametrize("name", ["", "a/b", "..", ".", "a b", "a\n", "a?b", "ä", "%2e"])
def test_an_id_that_can_be_none_is_told(name: str) -> None:
    """An id that would lead to another address is a `ValueError`, before anything is asked."""
    with pytest.raises(ValueError, match="is no request id"):
        Client(KEY, "http://127.0.0.1:9").job(name)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("code", [422, 200])
def test_a_failed_job_is_told_in_the_servers_words(code: int) -> None:
    """FAILED is a status to `status`, and to `wait` an exception with the reason, which is not asked for again."""
    failed, told = answer("FAILED", code, error="Prompt is Mandatory and must be string"), list[str]()
    with scripted(failed, answer("PROCESSING"), failed) as server:
        assert job(server.url).status() == "FAILED"
        with pytest.raises(
            GenerationFailed, match=r"Prompt is Mandatory.*Nothing was billed.*\(request a-1\)"
        ) as caught:
            job(server.url).wait(on_progress=told.append)
    assert told == ["PROCESSING", "FAILED"]
    assert (caught.value.message, caught.value.status) == ("Prompt is Mandatory and must be string", code)


def test_a_job_that_takes_too_long_goes_on(clock: Time) -> None:
    """Past its deadline, at which it is asked for once more, waiting ends in `WaitTimeout` with the way back."""
    with (
        scripted(*[answer("PROCESSING")] * 4) as server,
        pytest.raises(WaitTimeout, match=r"is PROCESSING after 12 seconds\. The job goes on.*\(request a-1\)"),
    ):
        job(server.url).wait(timeout=12)
    assert len(server.requests) == 4
    assert clock.slept == [5, 5, 2]


def test_a_record_that_is_gone_is_told(clock: Time) -> None:
    """404 ends waiting at once, with the reasons there may be (A8)."""
    gone = http(404, b'{"error": "Request a-1 not found"}')
    with scripted(gone, gone) as server:
        for ask in (job(server.url).status, job(server.url).wait):
            with pytest.raises(NotFound, match=r"404: Request a-1 not found\. Its record is gone.*\(request a-1\)"):
                ask()
    assert clock.slept == []


@pytest.mark.parametrize("status", [400, 401, 403, 405, 406, 410])
def test_what_will_not_pass_is_not_asked_again(clock: Time, status: int) -> None:
    """A refused poll is told at once."""
    with scripted(http(status), answer("COMPLETED")) as server, pytest.raises(ApiError) as caught:
        job(server.url).wait()
    assert (caught.value.status, clock.slept) == (status, [])


@pytest.mark.parametrize(
    "failure",
    [*(http(status) for status in (408, 425, 429, 500, 502, 503, 504, 599)), b"", None, http(200, b"{", length=9)],
)
def test_a_poll_that_failed_is_asked_again(monkeypatch: pytest.MonkeyPatch, clock: Time, failure: bytes | None) -> None:
    """Network errors, broken answers and statuses that pass cost nothing but time, in polls as in the fetch."""
    with scripted(failure, answer("COMPLETED"), failure, done()) as server:
        end_calls(monkeypatch, server.silent)
        assert job(server.url).wait().cost == Decimal("2.1")
    assert targets(server.requests) == [STATUS, STATUS, RESULT, RESULT]
    assert clock.slept == [1, 1]


def test_back_off_grows_to_its_cap_and_ends_at_the_deadline(clock: Time) -> None:
    """The delays double up to 30 seconds, end with the wait, and the last error is the one that is told."""
    with (
        scripted(*[http(503)] * 9, http(502, b'{"error": "last"}')) as server,
        pytest.raises(client.BadGateway, match=r"last\. The job goes on"),
    ):
        job(server.url).wait(timeout=130)
    assert clock.slept == [1, 2, 4, 8, 16, 30, 30, 30, 9]


def test_back_off_is_jittered(clock: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two callers that failed at the same moment do not come back at the same moment."""
    for seed in (1, 2):
        monkeypatch.setattr("mockling.client.patience._chance", random.Random(seed))
        with scripted(http(503), answer("COMPLETED"), done()) as server:
            job(server.url).wait()
    first, second = clock.slept
    assert 0.5 <= first <= 1
    assert 0.5 <= second <= 1
    assert first != second


@pytest.mark.parametrize(
    ("reset", "delay"),
    [
        ("2026-11-22T00:00:40Z", 41),
        ("2026-11-22 00:00:40", 41),
        ("2026-11-22T01:00:40+01:00", 41),
        ("2026-11-21T23:00:00Z", 1),
        ("soon", 1),
    ],
)
def test_a_rate_limit_is_waited_for(clock: Time, reset: str, delay: float) -> None:
    """After 429 the next poll comes after the moment the server named (G10), or as usual if it named none."""
    with scripted(http(429, b"", f"x-rate-limit-reset-at-utc: {reset}"), answer("COMPLETED"), done()) as server:
        job(server.url).wait()
    assert clock.slept == [delay]


def test_a_rate_limit_does_not_outlast_the_wait(clock: Time) -> None:
    """A reset beyond the deadline is not waited for longer than that."""
    limited = http(429, b"", "x-rate-limit-reset-at-utc: 2026-11-23T00:00:00Z")
    with scripted(limited, limited) as server, pytest.raises(RateLimited):
        job(server.url).wait(timeout=60)
    assert clock.slept == [60]


@pytest.mark.parametrize("body", [b'{"status": 7}', b"{}"])
def test_a_status_that_is_none_is_broken(body: bytes) -> None:
    """An answer without a status is `BrokenAnswer`, which says that the job goes on."""
    with scripted(http(200, body)) as server, pytest.raises(BrokenAnswer, match=r"names no status.*The job goes on"):
        job(server.url).status()


@pytest.mark.usefixtures("clock")
def test_a_result_without_a_video_is_broken() -> None:
    """A result that names no output URL is asked for again, and told when the time is over."""
    with (
        scripted(answer("COMPLETED"), *[answer("COMPLETED", output="file:///etc/passwd")] * 2) as server,
        pytest.raises(BrokenAnswer, match="names no output URL"),
    ):
        job(server.url).wait(timeout=1)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("metrics", [None, [], {}, {"cost": "NaN", "total_time": None, "remaining_credits": True}])
def test_numbers_that_are_not_told_are_none(metrics: object) -> None:
    """A video that was paid for is not lost for want of its numbers."""
    result = answer("COMPLETED", output="https://e.com/a.mp4", metrics=metrics)
    with scripted(answer("COMPLETED"), result) as server:
        video = job(server.url).wait()
    assert (video.seconds, video.cost, video.remaining_credits) == (None, None, None)


@pytest.mark.parametrize("seconds", [0, -1, None, "5", float("nan")])
@pytest.mark.parametrize("name", ["timeout", "poll_interval"])
def test_seconds_that_are_none_are_told(name: str, seconds: Any) -> None:
    """Neither a deadline nor an interval can be nothing."""

    def unasked(*_: object) -> dict[str, Any]:
        raise AssertionError("It was asked for.")

    with pytest.raises(ValueError, match=f"{name} must be a number of seconds above 0"):
        Job("a-1", unasked).wait(**{name: seconds})


def test_a_job_shows_no_key() -> None:
    """What a job shows of itself is its id."""
    assert repr(job("http://127.0.0.1:9")) == "Job(request_id='a-1')"


def test_credits_are_added_exactly() -> None:
    """The balance is paid and free credits together, to the last digit (G19)."""
    with scripted(http(200, b'{"credits": 0.1, "free-credits": 0.0184921035}'), http(200, b'{"credits": 7}')) as server:
        api = Client(KEY, server.url)
        assert [api.credits(), api.credits()] == [Decimal("0.1184921035"), Decimal(7)]
    assert targets(server.requests) == ["GET /v1/get-user-credits"] * 2


@pytest.mark.parametrize("body", [b"{}", b'{"credits": null}', b'{"credits": 1, "free-credits": "x"}', b"<html>"])
def test_credits_that_are_none_are_broken(body: bytes) -> None:
    """A balance that cannot be read is an exception, never a number."""
    with scripted(http(200, body)) as server, pytest.raises(BrokenAnswer, match="ask again"):
        Client(KEY, server.url).credits()


def test_an_account_without_a_balance_is_not_found() -> None:
    """404 is told in the server's words (G19)."""
    refusal = http(404, b'{"error": "No credits found for the user"}')
    with scripted(refusal) as server, pytest.raises(NotFound, match="No credits found for the user"):
        Client(KEY, server.url).credits()


def test_uploads_go_to_the_storage() -> None:
    """The live storage belongs to the live API, any other server is its own, and another can be named (G20)."""
    assert Client(KEY).storage_url == LIVE_STORAGE
    assert Client(KEY, f"{client.LIVE}/").storage_url == LIVE_STORAGE
    assert Client(KEY, "http://127.0.0.1:9/").storage_url == "http://127.0.0.1:9"
    assert Client(KEY, storage_url="http://127.0.0.1:9/").storage_url == "http://127.0.0.1:9"
    with pytest.raises(ValueError, match="storage_url must be an address"):
        Client(KEY, storage_url="nowhere")


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("a.mp4", b"\0\0\0\x18ftypisom", "video/mp4"),
        ("a.MOV", b"\0\0\0\x14ftypqt  ", "video/quicktime"),
        ("b.mov", b"\0\0\0\x08skip\0\0\0\x08wide", "video/quicktime"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("a.jpeg", b"\xff\xd8\xff\xe1", "image/jpeg"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "image/png"),
    ],
)
def test_a_file_is_uploaded_as_what_it_is(tmp_path: Path, name: str, content: bytes, media_type: str) -> None:
    """One POST with a data URL and the key, and the URL of the file comes back (G20)."""
    (tmp_path / name).write_bytes(content)
    with scripted(http(200, b'{"file_urls": ["https://images.example/assets/a"], "message": "ok"}')) as server:
        assert Client(KEY, server.url).upload(tmp_path / name) == "https://images.example/assets/a"
    head, body = server.requests[0].split(b"\r\n\r\n")
    assert head.startswith(b"POST /upload-asset HTTP/")
    assert b"content-type: application/json" in head
    assert f"x-api-key: {KEY}".encode() in head
    assert json.loads(body) == {"data_urls": [f"data:{media_type};base64,{base64.b64encode(content).decode()}"]}


def test_a_file_that_cannot_be_an_input_is_told(tmp_path: Path) -> None:
    """A file of another kind, of another than its name says, too large or not there is told before anything is sent."""
    api = Client(KEY, "http://127.0.0.1:9")
    for name, content, told in (
        ("a.gif", b"GIF89a", r"must end in \.mp4, \.mov"),
        ("a.mp4", b"\x89PNG\r\n\x1a\n", "does not begin as video/mp4 does"),
        ("a.png", b"", "does not begin as image/png does"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=told):
            api.upload(tmp_path / name)
    with (tmp_path / "a.mp4").open("wb") as file:
        file.truncate(LARGEST_UPLOAD + 1)
    with pytest.raises(ValueError, match="has 209,715,201 bytes; at most 209,715,200"):
        api.upload(str(tmp_path / "a.mp4"))
    with pytest.raises(FileNotFoundError):
        api.upload(tmp_path / "none.mp4")


@pytest.mark.parametrize(
    "body", [b"{}", b'{"file_urls": []}', b'{"file_urls": ["a"]}', b'{"file_urls": "http://e.com/a"}', b""]
)
def test_an_upload_without_a_url_is_broken(tmp_path: Path, body: bytes) -> None:
    """An answer that names no URL is `BrokenAnswer`, which says that nothing was paid."""
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with scripted(http(200, body)) as server, pytest.raises(BrokenAnswer, match="An upload costs nothing"):
        Client(KEY, server.url).upload(tmp_path / "a.png")


def test_an_upload_without_an_answer_is_told(tmp_path: Path) -> None:
    """A storage that hangs up is `NoAnswer`, without a word on generations."""
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with scripted(b"") as server, pytest.raises(NoAnswer, match="An upload costs nothing"):
        Client(KEY, server.url).upload(tmp_path / "a.png")


def test_a_video_is_made_and_saved(tmp_path: Path, sample: dict[str, Any]) -> None:
    """Submitted, waited for and saved, a job gives the video that was asked for, at its price."""
    with Emulator(speed="instant") as emulator:
        api = Client(emulator.api_key, emulator.url)
        submitted, told = api.submit(**sample), list[str]()
        video = submitted.wait(poll_interval=0.01, on_progress=told.append)
        video.save(tmp_path / "out.mp4")
        assert api.credits() == Decimal("97.90")
    assert told == ["QUEUED", "PROCESSING", "COMPLETED"]
    assert (video.request_id, video.cost, video.remaining_credits) == (
        submitted.request_id,
        Decimal("2.1"),
        Decimal("97.9"),
    )
    assert video.seconds == pytest.approx(213, rel=0.6)
    found = fixtures.probe(tmp_path / "out.mp4")
    assert (found.width, found.height, found.frames, found.audio) == (1920, 1080, 120, False)


def test_a_job_is_picked_up_again(tmp_path: Path, emulator: Emulator, sample: dict[str, Any], key: str) -> None:
    """Whoever crashed goes on with the request id alone, as often as need be, and pays once."""
    before = Client(key, emulator.url)
    balance, name = before.credits(), before.submit(**sample).request_id
    for attempt in range(2):
        video = Client(key, emulator.url).job(name).wait(poll_interval=0.01)
        video.save(tmp_path / f"{attempt}.mp4")
        assert balance - Client(key, emulator.url).credits() == video.cost
    assert (tmp_path / "0.mp4").read_bytes() == (tmp_path / "1.mp4").read_bytes()


def test_a_job_that_fails_is_told_and_costs_nothing(emulator: Emulator, sample: dict[str, Any], key: str) -> None:
    """An input that cannot be read, or a parameter that is invalid, is queued and then fails for free (A6)."""
    api = Client(key, emulator.url)
    balance = api.credits()
    for wrong, told in (
        ({"video_url": f"{INPUTS}truncated.mp4"}, "Please provide a valid video"),
        ({"mode": "max"}, "mode must be"),
    ):
        with pytest.raises(GenerationFailed, match=told) as caught:
            api.submit(**{**sample, **wrong}).wait(poll_interval=0.01)
        assert caught.value.status == 422
    assert api.credits() == balance


def test_a_job_is_its_accounts_own(emulator: Emulator, sample: dict[str, Any], key: str) -> None:
    """With another key a job is `NotFound`, as is one that never was."""
    name = Client(key, emulator.url).submit(**sample).request_id
    with pytest.raises(NotFound, match="submitted with another key"):
        Client(make_key(), emulator.url).job(name).status()
    with pytest.raises(NotFound, match=f"Request {name[:-1]} not found"):
        Client(key, emulator.url).job(name[:-1]).wait()


def test_waiting_ends_though_the_job_does_not(sample: dict[str, Any], clock: Time) -> None:
    """At real speed a job is not done within a moment; it is waited for again as if nothing had been."""
    with Emulator(speed=1) as emulator:
        submitted = Client(emulator.api_key, emulator.url).submit(**sample)
        for _ in range(2):
            with pytest.raises(WaitTimeout, match=r"is (QUEUED|PROCESSING) after 10 seconds"):
                submitted.wait(timeout=10)
    assert clock.slept == [5, 5, 5, 5]


def test_an_upload_is_an_input(emulator: Emulator, sample: dict[str, Any], key: str, tmp_path: Path) -> None:
    """What was uploaded is really the input: its sound is kept, and its width judged."""
    api = Client(key, emulator.url)
    url = api.upload(fixtures.input_clip("valid"))
    video = api.submit(**{**sample, "video_url": url, "keep_audio": True}).wait(poll_interval=0.01)
    assert fixtures.probe(video.save(tmp_path / "out.mp4")).audio
    narrow = api.upload(fixtures.input_clip("narrow"))
    with pytest.raises(GenerationFailed, match="640 pixels"):
        api.submit(**{**sample, "video_url": narrow}).wait(poll_interval=0.01)
