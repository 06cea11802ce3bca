"""Planned faults as their callers see them, over a socket: what comes, what it costs, and what the journal says."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

import httpx
import pytest
import requests
from calling import PRICE, STEADY, V1, V2, data_url, make_key, post
from silence import end_calls, of_emulators
from test_held import still_held, wait_until_held
from urllib3.exceptions import ProtocolError

from mockling.emulator import Emulator
from mockling.emulator.http.delivery import Delivered, Delivery
from mockling.emulator.listening.delivering import deliver
from mockling.emulator.listening.pauses import Pauses
from mockling.emulator.listening.wsgi import Start
from mockling.emulator.platform.clock import Clock

PNG = data_url("image/png", b"\x89PNG\r\n\x1a\n" + bytes(100))
ENOUGH = 30.0
POSTS = ("generate", "submit")
ALL = (*POSTS, "status", "result", "poll", "download", "asset", "upload", "credits")
BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


class Caller:
    """A caller with a key of his own, a job that has completed, and an upload; each call is on a fresh connection."""

    def __init__(self, emulator: Emulator, sample: dict[str, Any]) -> None:
        self.emulator = emulator
        self.sample = sample
        self.key = make_key()
        self.job = self.call("submit").json()
        self.urls = {"status": self.job["status_url"], "result": self.job["response_url"], "poll": self.job["poll_url"]}
        for _ in range(3):
            done = self.call("result").json()
        self.urls["download"] = done["output"]
        self.urls["asset"] = self.call("upload").json()["file_urls"][0]
        self.urls["credits"] = f"{emulator.url}/v1/get-user-credits"
        self.before = self.balance()

    def call(self, operation: str, **more: Any) -> requests.Response:
        """Make one call of an operation."""
        headers = {"x-api-key": self.key, **more.pop("headers", {})}
        upload = ("/upload-asset", {"data_urls": [PNG]})
        posts = {"generate": (V1, self.sample), "submit": (V2, self.sample), "upload": upload}
        if operation in posts:
            path, body = posts[operation]
            return requests.post(self.emulator.url + path, json=body, headers=headers, timeout=ENOUGH, **more)
        return requests.request(
            more.pop("method", "GET"), self.urls[operation], headers=headers, timeout=ENOUGH, **more
        )

    def balance(self) -> Decimal:
        """Return what the account has, as the API says."""
        told = requests.get(f"{self.emulator.url}/v1/get-user-credits", headers={"x-api-key": self.key}, timeout=ENOUGH)
        return Decimal(str(told.json()["credits"]))

    @property
    def paid(self) -> Decimal:
        """What was paid since the preparations."""
        return self.before - self.balance()


@pytest.fixture(scope="module")
def listening() -> Iterator[Emulator]:
    with Emulator(speed="instant", contract=STEADY) as emulator:
        yield emulator


@pytest.fixture
def caller(listening: Emulator, sample: dict[str, Any]) -> Iterator[Caller]:
    """A caller of an emulator without faults and with an empty journal."""
    listening.reset()
    made = Caller(listening, sample)
    listening.journal.clear()
    yield made
    listening.settle()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is kept waiting by the emulator meets his time-out."""
    end_calls(monkeypatch, of_emulators(monkeypatch))


def told(caller: Caller, operation: str) -> Any:
    """Return the exchange of the last call of an operation that a fault has struck."""
    return [entry for entry in caller.emulator.journal if entry.operation == operation and entry.fault][-1]


def goes_on(caller: Caller, operation: str) -> None:
    """Check that the next call of the operation is answered as ever."""
    answer = caller.call(operation)
    assert answer.status_code == 200
    told = (answer.status_code, answer.headers, answer.content)
    assert caller.emulator.contract.response_violations(operation, *told) == []


@pytest.mark.parametrize("operation", ALL)
def test_each_documented_status_comes_as_documented(caller: Caller, operation: str) -> None:
    """Its body and headers keep the contract, nothing is billed, the journal tells it, and the next call works."""
    contract = caller.emulator.contract
    statuses = [int(status) for status in contract.operations[operation]["responses"] if not status.startswith("2")]
    assert statuses
    for status in statuses:
        fault = caller.emulator.fault(on=operation if operation in POSTS else "any", status=status)
        answer = caller.call(operation)
        assert answer.status_code == status
        assert contract.response_violations(operation, status, answer.headers, answer.content) == [], status
        entry = told(caller, operation)
        assert (entry.status, entry.cost, entry.fault) == (status, 0, str(fault))
        assert entry.response.body == answer.content, status
    assert caller.paid == 0
    goes_on(caller, operation)


def test_a_status_that_nobody_documents_has_its_phrase(caller: Caller) -> None:
    """Its text is what HTTP calls it, or its number; 204 has no body, and leaves the connection usable."""
    with requests.Session() as session:
        for status, text in ((418, "I'm a Teapot"), (599, "Status 599"), (503, "Service Unavailable"), (204, None)):
            caller.emulator.fault(on="credits", status=status)
            url, headers = caller.urls["credits"], {"x-api-key": caller.key}
            answer = session.get(url, headers=headers, timeout=ENOUGH)
            assert answer.status_code == status
            assert ("content-length" in answer.headers) == (text is not None)
            assert not answer.content if text is None else answer.json()["error"].lower() == text.lower()
            assert session.get(url, headers=headers, timeout=ENOUGH).status_code == 200


def test_the_text_the_body_and_the_headers_can_be_said(caller: Caller) -> None:
    """`error` is put into the documented body, `body` is sent as it stands, JSON as JSON, `headers` outweigh others."""
    fault = caller.emulator.fault
    fault(status=429, error="Slow down", headers={"Retry-After": "7", "x-rate-limit-remaining": "3"})
    answer = caller.call("generate")
    assert answer.json() == {"error": "Slow down"}
    assert (answer.headers["retry-after"], answer.headers["x-rate-limit-remaining"]) == ("7", "3")
    fault(status=502, body="<html>Bad Gateway</html>")
    answer = caller.call("submit")
    assert (answer.text, answer.headers["content-type"]) == ("<html>Bad Gateway</html>", "text/html; charset=utf-8")
    fault(status=500, body={"detail": ["x"]})
    answer = caller.call("generate")
    assert (answer.json(), answer.headers["content-type"]) == ({"detail": ["x"]}, "application/json")
    fault(status=500, body="Gone \u00e0 la mer")
    answer = caller.call("generate")
    assert (answer.content.decode(), answer.headers["content-type"]) == (
        "Gone \u00e0 la mer", "text/plain; charset=utf-8",
    )  # fmt: skip
    for body in ('{"detail": "x"}', " [1]"):
        fault(status=500, body=body)
        answer = caller.call("generate")
        assert (answer.text, answer.headers["content-type"]) == (body, "application/json")
    fault(on="poll", status=422, error="No video")
    assert caller.call("status").json()["error"] == "No video"
    fault(status=502, billed=True, headers={"content-type": "text/x", "x-a": "b"})
    answer = caller.call("generate")
    assert (answer.headers["content-type"], answer.headers["x-a"]) == ("text/x", "b")
    assert caller.paid == PRICE


def test_headers_alone_change_an_answer_that_is_as_ever(caller: Caller) -> None:
    """With `headers` and no status the answer keeps its status, body and cost."""
    caller.emulator.fault(headers={"x-a": "b", "x-cost": "0.00"})
    answer = caller.call("generate")
    assert (answer.status_code, answer.headers["x-a"], answer.headers["x-cost"]) == (200, "b", "0.00")
    assert told(caller, "generate").cost == caller.paid == PRICE


@pytest.mark.parametrize("operation", POSTS)
@pytest.mark.parametrize("words", [{"status": 502}, {"timeout": True}, {"drop": True}, {"reset": True}])
@pytest.mark.parametrize("billed", [True, False])
def test_what_is_billed_can_be_said(caller: Caller, operation: str, words: dict[str, Any], billed: bool) -> None:
    """With `billed` the generation takes place and is paid for, without it does neither, whatever its caller sees."""
    caller.emulator.fault(on=operation, billed=billed, **words)
    if "status" in words or "timeout" in words:
        assert caller.call(operation).status_code == words.get("status", 504)
    else:
        with pytest.raises(requests.ConnectionError):
            caller.call(operation)
    caller.emulator.settle()
    assert caller.paid == (PRICE if billed else 0)
    assert told(caller, operation).cost == caller.paid


def seen(caller: Caller, operation: str, **more: Any) -> Any:
    """Return what a call sees: its answer, or the kind of its failure."""
    try:
        return caller.call(operation, **more)
    except requests.Timeout:
        return "timeout"
    except BROKEN as error:
        return "timeout" if "timed out" in str(error) else "broken"


# Whether a place in the body lets the head of the answer through, and how the caller's call ends.
ENDINGS: list[tuple[dict[str, Any], bool, str]] = [
    ({"drop": True}, False, "broken"),
    ({"reset": True}, False, "broken"),
    ({"reset": 0.5}, True, "broken"),
    ({"reset": 10}, True, "broken"),
    ({"cut": 0.5}, True, "broken"),
    ({"cut": 0}, True, "broken"),
    ({"cut": 10**9}, True, "broken"),
    ({"length": 10**9}, True, "broken"),
    ({"stall": True}, False, "timeout"),
    ({"stall": 0.5}, True, "timeout"),
]


# Every ending of a generation, of a file and of what is neither; of the other operations one of each kind.
SOME = [ending for ending in ENDINGS if ending[0] in ({"drop": True}, {"cut": 0.5}, {"stall": 0.5})]
ENDED = [(operation, *ending) for operation in ALL
         for ending in (ENDINGS if operation in ("generate", "download", "credits") else SOME)]  # fmt: skip


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("operation", "words", "answered", "end"), ENDED, ids=[f"{of}-{words}" for of, words, *_ in ENDED]
)
def test_an_answer_ends_early(caller: Caller, operation: str, words: Any, answered: bool, end: str) -> None:
    """The caller sees a connection that broke or stalls; what he asked for was done, and a generation is paid for."""
    caller.emulator.fault(on=operation if operation in POSTS else "any", **words)
    assert seen(caller, operation) == end
    caller.emulator.settle()
    entry = told(caller, operation)
    assert (entry.status, bool(entry.fault)) == (200 if answered else None, True)
    assert caller.paid == entry.cost == (PRICE if operation in POSTS else 0)
    goes_on(caller, operation)


@pytest.mark.parametrize("words", [{"cut": 1000}, {"cut": 0.25}])
def test_what_comes_before_the_cut_is_the_video(caller: Caller, words: dict[str, Any]) -> None:
    """Exactly the bytes up to the place come, a share being one of the file."""
    whole = caller.call("download").content
    caller.emulator.fault(on="download", **words)
    with requests.get(caller.urls["download"], stream=True, timeout=ENOUGH) as answer:
        assert int(answer.headers["content-length"]) == len(whole)
        came = b""
        with suppress(ProtocolError):
            while block := answer.raw.read1():
                came += block
    place = words["cut"] if words["cut"] >= 1 else int(words["cut"] * len(whole))
    assert came == whole[:place]


@pytest.mark.parametrize("place", [True, 0, 0.5, 1000])
@pytest.mark.parametrize("operation", ["download", "asset"])
def test_one_byte_is_another(caller: Caller, operation: str, place: Any) -> None:
    """`corrupt` changes one byte and nothing else; the journal has the sum of what was really sent."""
    whole = caller.call(operation).content
    caller.emulator.fault(on="download", corrupt=place)
    came = caller.call(operation).content
    wanted = len(whole) // 2 if place is True else int(place * len(whole)) if place < 1 else min(place, len(whole) - 1)
    assert [at for at in range(len(whole)) if came[at] != whole[at]] == [wanted]
    assert len(came) == len(whole)
    assert told(caller, operation).response.size == len(whole)


@pytest.mark.parametrize("operation", ALL)
def test_half_of_an_answer_is_missing(caller: Caller, operation: str) -> None:
    """With `truncate_json` the length agrees with what comes, so that only who reads it notices."""
    caller.emulator.fault(on=operation if operation in POSTS else "any", truncate_json=True)
    answer = caller.call(operation)
    assert (answer.status_code, int(answer.headers["content-length"])) == (200, len(answer.content))
    if operation not in ("download", "asset"):
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            answer.json()
    else:
        assert len(answer.content) == len(caller.call(operation).content) // 2
    goes_on(caller, operation)


def test_a_length_that_is_too_small_hides_the_rest(caller: Caller) -> None:
    """With a smaller `length` only so many bytes come, and the connection ends."""
    caller.emulator.fault(on="credits", length=5)
    answer = caller.call("credits")
    assert (answer.headers["content-length"], len(answer.content)) == ("5", 5)


@pytest.mark.parametrize(
    "words", [{"cut": 0.5}, {"corrupt": True}, {"rate": 10**7}, {"status": 404}, {"latency": 0.05}]
)
def test_parts_of_files_are_struck_like_the_whole(caller: Caller, words: dict[str, Any]) -> None:
    """A Range is cut within itself, and a HEAD, which has no body, keeps its head."""
    whole = caller.call("download").content
    caller.emulator.fault(on="download", times=2, **words)
    part = seen(caller, "download", headers={"range": "bytes=100-199"})
    if "cut" in words:
        assert part == "broken"
    else:
        assert part.status_code == words.get("status", 206)
    if "corrupt" in words:
        assert [at for at in range(100) if part.content[at] != whole[100 + at]] == [50]
    head = caller.call("download", method="HEAD")
    assert head.status_code == words.get("status", 200)
    assert head.content == b""
    assert [entry.status for entry in caller.emulator.journal][-2:] == [
        words.get("status", 206),
        words.get("status", 200),
    ]
    goes_on(caller, "download")


def test_a_file_that_is_known_already_can_be_struck(caller: Caller) -> None:
    """A conditional GET whose answer is 304 has no body to be cut, and ends all the same."""
    tag = caller.call("download").headers["etag"]
    caller.emulator.fault(on="download", cut=0.5)
    assert caller.call("download", headers={"if-none-match": tag}).status_code == 304
    goes_on(caller, "download")


@contextmanager
def held(caller: Caller, operation: str, **more: Any) -> Iterator["Future[requests.Response]"]:
    """Make a call that the emulator holds, in a thread."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(caller.call, operation, **more)
        wait_until_held(caller.emulator, 1)
        yield future
        future.result(ENOUGH)


@pytest.mark.parametrize(
    ("operation", "word"),
    [*((operation, "latency") for operation in ALL), ("generate", "latency_is"), ("asset", "latency_is")],
)
def test_an_answer_comes_later(caller: Caller, operation: str, word: str) -> None:
    """It is held back until that much time was advanced, and is then as ever, journal and bill included."""
    caller.emulator.fault(**{"on": operation if operation in POSTS else "any", word: 600})
    with held(caller, operation) as answer:
        caller.emulator.advance(minutes=9)
        assert still_held(caller.emulator, 1)
        caller.emulator.advance(minutes=1)
        assert answer.result(ENOUGH).status_code == 200
    assert told(caller, operation).status == 200
    caller.emulator.settle()
    assert told(caller, operation).cost == caller.paid == (PRICE if operation in POSTS else 0)


@pytest.mark.usefixtures("hurried")
def test_who_leaves_what_is_held_back_is_noted(caller: Caller) -> None:
    """A caller who gives up before a late answer is one who left."""
    caller.emulator.fault(on="credits", latency=600)
    assert seen(caller, "credits") == "timeout"
    caller.emulator.settle()
    assert told(caller, "credits").status is None
    assert str(told(caller, "credits")).count("caller left") == 1


def test_a_generation_takes_as_long_as_is_said(caller: Caller) -> None:
    """With `latency_is` on v1 that is what the answer says it took; beyond the gateway's patience it is 504, unpaid."""
    caller.emulator.fault(latency_is=500)
    with held(caller, "generate") as answer:
        caller.emulator.settle()
        assert answer.result(ENOUGH).headers["x-generation-time"] == "500.00"
    caller.emulator.fault(on="job", latency=800)
    with held(caller, "generate") as answer:
        caller.emulator.advance(799)
        assert still_held(caller.emulator, 1)
        caller.emulator.settle()
        assert answer.result(ENOUGH).status_code == 504
    assert caller.paid == PRICE


@pytest.mark.parametrize("billed", [True, False])
def test_the_gateway_gives_up_when_it_does(sample: dict[str, Any], billed: bool) -> None:
    """Where time is waited for, `timeout` is a 504 after the gateway's 900 s, also if the generation is paid for."""
    with Emulator(speed="manual", contract=STEADY) as emulator, ThreadPoolExecutor(1) as pool:
        post(emulator, sample, make_key(), V2)  # from now on its video is at hand
        emulator.fault(timeout=True, billed=billed)
        answer = pool.submit(post, emulator, sample, make_key())
        wait_until_held(emulator, 1)
        emulator.advance(899.9)
        assert still_held(emulator, 1)
        emulator.advance(0.1)
        assert answer.result(ENOUGH).status_code == 504
        assert emulator.journal[-1].cost == (PRICE if billed else 0)


def test_a_body_comes_slowly() -> None:
    """With `rate` so many bytes come in a simulated second, also where time only passes when it is told to."""
    with Emulator(speed="manual", contract=STEADY) as emulator:
        emulator.fault(on="credits", rate=10)
        headers = {"x-api-key": make_key()}
        with requests.get(
            f"{emulator.url}/v1/get-user-credits", headers=headers, stream=True, timeout=ENOUGH
        ) as answer:
            size, came = int(answer.headers["content-length"]), b""
            emulator.advance(1)
            while len(came) < 10:
                came += answer.raw.read(1)
            emulator.settle()
            came += answer.raw.read()
        assert len(came) == size > 20


def test_bytes_that_come_slowly_come_when_their_time_has_passed() -> None:
    """Who has some of a body finds that its time has passed, to the last byte, under our server and any other."""
    clock, plan = Clock("instant"), Delivery(rate=1, skips=True)
    came: list[tuple[int, float]] = []

    async def send(message: Any) -> None:
        if message.get("body"):
            came.append((len(message["body"]), clock.now()))

    async def receive() -> Any:
        raise AssertionError("nobody waits")

    delivered = Delivered([b"abc", b"de"], plan, clock)
    asyncio.run(deliver(delivered, Start(), {}, receive, send, clock=clock, pauses=Pauses()))  # type: ignore[arg-type]
    clock.restart("instant")
    came += [(len(piece), clock.now()) for piece in Delivered([b"abc", b"de"], plan, clock)]
    assert [size for size, _ in came] == [1] * 10
    assert all(moment >= number % 5 + 1 for number, (_, moment) in enumerate(came))


# What becomes of the job.


def outcome(caller: Caller) -> tuple[list[requests.Response], requests.Response | None]:
    """Submit a job and poll it to its end; return all polls of its result, and the download if there is a video."""
    job = caller.call("submit").json()
    headers = {"x-api-key": caller.key}
    polls = [requests.get(job["response_url"], headers=headers, timeout=ENOUGH) for _ in range(4)]
    url = polls[-1].json().get("output")
    return polls, url and requests.get(url, timeout=ENOUGH)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("content_policy", "The request was rejected by the content policy. Please change the prompt or the input."),
        ("downstream_unavailable", "The downstream service is unavailable."),
        ("The moon is down", "The moon is down"),
    ],
)
def test_a_job_fails(caller: Caller, reason: str, text: str) -> None:
    """With `fail` v1 answers with the reason's status and v2 with a failed job, in its words; nothing is paid."""
    caller.emulator.fault(fail=reason, times=2)
    answer = caller.call("generate")
    assert (answer.status_code, answer.json()) == (500, {"error": text})
    assert told(caller, "generate").fault == str(caller.emulator.faults[0].fault)
    polls, _ = outcome(caller)
    assert [poll.status_code for poll in polls] == [200, 200, 422, 422]
    assert polls[-1].json()["error"] == text
    assert caller.paid == 0
    goes_on(caller, "generate")


@pytest.mark.parametrize(("after", "seconds"), [(0.5, "106.7"), (0, "0.0"), (1, "213.4")])
def test_a_job_fails_after_a_share_of_its_time(caller: Caller, after: float, seconds: str) -> None:
    """`after` is the share of the usual latency at which the failure comes."""
    caller.emulator.fault(fail="content_policy", after=after)
    caller.call("generate")
    assert f"{told(caller, 'generate').seconds:.1f}" == seconds


@pytest.mark.parametrize("state", ["QUEUED", "PROCESSING"])
def test_a_job_is_stuck(caller: Caller, state: str) -> None:
    """It never leaves that state, at once where no time is waited for; after its hour it is 404, and unpaid."""
    caller.emulator.fault(stuck=state, on="job")
    polls, _ = outcome(caller)
    assert [poll.json()["status"] for poll in polls] == [state] * 4
    caller.emulator.settle()
    job = caller.emulator.journal[-1].request_id
    url, headers = f"{caller.emulator.url}/v2/requests/{job}", {"x-api-key": caller.key}
    assert requests.get(url, headers=headers, timeout=ENOUGH).json()["status"] == state
    caller.emulator.advance(hours=1)
    assert requests.get(url, headers=headers, timeout=ENOUGH).status_code == 404
    assert caller.paid == 0
    assert told(caller, "submit").cost == 0


def test_a_stuck_generation_is_a_timeout_on_v1(caller: Caller) -> None:
    """Who waits for a generation that never ends is answered 504, and pays nothing."""
    caller.emulator.fault(stuck="PROCESSING")
    assert caller.call("generate").status_code == 504
    assert caller.paid == 0


def test_a_video_is_gone(caller: Caller) -> None:
    """With `expired` the job completes and is paid for, and its file is 404; on v1 as well."""
    caller.emulator.fault(expired=True, times=2)
    polls, download = outcome(caller)
    assert polls[-1].json()["status"] == "COMPLETED"
    assert download is not None
    assert (download.status_code, list(download.json())) == (404, ["error"])
    assert requests.get(caller.call("generate").json()["output"], timeout=ENOUGH).status_code == 404
    assert caller.paid == 2 * PRICE


def test_a_result_names_no_output(caller: Caller) -> None:
    """With `missing` the job completes and is paid for, and its result has no output; on v1 as well."""
    caller.emulator.fault(missing=True, times=2)
    polls, download = outcome(caller)
    done = polls[-1].json()
    assert (done["status"], "output" in done, "video" in done, download) == ("COMPLETED", False, False, None)
    assert "output" not in caller.call("generate").json()
    assert caller.paid == 2 * PRICE


# httpx tells some of it in other words.


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("words", "failure"),
    [
        ({"drop": True}, httpx.RemoteProtocolError),
        ({"reset": True}, httpx.ReadError),
        ({"reset": 0.5}, httpx.ReadError),
        ({"cut": 0.5}, httpx.RemoteProtocolError),
        ({"length": 10**9}, httpx.RemoteProtocolError),
        ({"stall": True}, httpx.ReadTimeout),
        ({"stall": 0.5}, httpx.ReadTimeout),
    ],
)
def test_httpx_sees_it_too(caller: Caller, words: dict[str, Any], failure: type[Exception]) -> None:
    """That a connection is reset is another failure than that it is closed; what was asked for is done all the same."""
    caller.emulator.fault(**words)
    headers = {"x-api-key": caller.key}
    with httpx.Client(trust_env=False, timeout=ENOUGH) as client:
        with pytest.raises(failure):
            client.post(caller.emulator.url + V1, json=caller.sample, headers=headers)
        caller.emulator.settle()
        assert client.post(caller.emulator.url + V1, json=caller.sample, headers=headers).status_code == 200
    assert caller.paid == 2 * PRICE


# Patience, where no time is waited for.


@pytest.mark.parametrize(("patience", "status"), [("599", 499), ("601", 200)])
@pytest.mark.parametrize("operation", ["generate", "submit", "status", "download", "upload"])
def test_a_caller_whose_patience_is_known_need_not_wait(
    caller: Caller, operation: str, patience: str, status: int
) -> None:
    """What would be too late for him is 499 at once, what would not comes at once; a generation goes on, and costs."""
    caller.emulator.fault(on=operation if operation in POSTS else "any", latency_is=600)
    answer = caller.call(operation, headers={"x-mockling-patience": patience})
    assert answer.status_code == status
    assert answer.headers.get("x-mockling-timed-out") == (patience if status == 499 else None)
    caller.emulator.settle()
    assert told(caller, operation).status == (200 if status == 200 else None)
    assert caller.paid == (PRICE if operation in POSTS else 0)


@pytest.mark.parametrize(
    ("fault", "patience", "passed"),
    [
        ({"latency_is": 213}, "120", 120),
        ({"latency_is": 213}, "300", 213),
        ({"latency_is": 213}, "inf", 213),
        ({"stall": True}, "60", 60),
        ({"stall": 0.5}, "60", 60),
        ({"rate": 1}, "60", 40),
    ],
)
def test_where_a_caller_counts_in_simulated_time_it_passes(
    caller: Caller, fault: dict[str, Any], patience: str, passed: float
) -> None:
    """Time is moved to what he waits for, or to the end of his patience, and nobody waits in real time."""
    caller.emulator.fault(on="credits", **fault)
    with suppress(BROKEN):
        size = len(caller.call("credits", headers={"x-mockling-patience": patience}).content)
        passed = size if "rate" in fault else passed
    assert passed <= caller.emulator.clock.now() < passed + 20


@pytest.mark.parametrize("place", [True, 0.5])
def test_a_stall_ends_a_known_patience(caller: Caller, place: Any) -> None:
    """Who said how long he waits is told of a stall, before the answer by 499, within it by a header and its end."""
    caller.emulator.fault(on="credits", stall=place)
    headers = {"x-mockling-patience": "5"}
    if place is True:
        assert caller.call("credits", headers=headers).status_code == 499
    else:
        answer = caller.call("credits", headers=headers, stream=True)
        assert answer.headers["x-mockling-stalls"] == "1"
        with answer, pytest.raises(BROKEN):
            answer.json()
    goes_on(caller, "credits")


def test_calls_held_when_the_emulator_stops_are_told_whatever_was_planned(sample: dict[str, Any]) -> None:
    """A planned fault does not keep the 503 of a server that stops from its callers."""
    with Emulator(speed="manual", contract=STEADY) as emulator, ThreadPoolExecutor(3) as pool:
        for words in ({"drop": True}, {"stall": True}, {"status": 502, "billed": True}):
            emulator.fault(**words)
        answers = [pool.submit(post, emulator, sample, make_key()) for _ in range(3)]
        wait_until_held(emulator, 3)
        emulator.reset()
        assert [answer.result(ENOUGH).status_code for answer in answers] == [503] * 3


def test_a_download_without_a_key_is_its_jobs(emulator: Emulator, sample: dict[str, Any]) -> None:
    """A fault for a key strikes the downloads of what was generated with it, and they are among that key's calls."""
    mine, other = make_key(), make_key()
    urls = [post(emulator, sample, key).json()["output"] for key in (mine, other)]
    fault = emulator.fault(on="download", key=mine, status=404)
    assert [requests.get(url, timeout=30).status_code for url in reversed(urls)] == [200, 404]
    assert fault.spent
    assert emulator.calls.of(mine).downloads.statuses == [404]
    emulator.disarm()
