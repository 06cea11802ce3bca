"""Planned faults as our own client tells them: each ends in its documented error, with the money as it should be."""

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from calling import INPUTS, PRICE, STEADY, make_key
from silence import end_calls, of_emulators

from mockling import fixtures
from mockling.client import Client, Video, errors
from mockling.client.errors import (
    BY_STATUS,
    ApiError,
    BadGateway,
    BrokenAnswer,
    GatewayTimeout,
    GenerationFailed,
    NoAnswer,
    NotDownloaded,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
    UnexpectedStatus,
    WaitTimeout,
)
from mockling.emulator import Emulator

TIMEOUT = 30  # seconds of the client, of which none are waited
CREDITS = Decimal(100)
REFUSED = [(status, kind) for status, kind in BY_STATUS.items() if status != 422]


@pytest.fixture(scope="module")
def listening() -> Iterator[Emulator]:
    with Emulator(speed="instant", contract=STEADY) as emulator:
        yield emulator


@pytest.fixture
def service(listening: Emulator) -> Iterator[Emulator]:
    """An emulator as it is first."""
    listening.reset()
    yield listening
    listening.settle()


@pytest.fixture(params=["json", "video"])
def either(listening: Emulator, request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """An emulator as it is first, of either kind of response of v1, which nothing but a generation there has."""
    listening.reset(answers={"D1": request.param})
    yield listening
    listening.settle()


@pytest.fixture(autouse=True)
def _no_deadline_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is kept waiting by the emulator is out of time."""
    end_calls(monkeypatch, of_emulators(monkeypatch))


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the client's patience would have slept; they pass at once."""
    slept: list[float] = []

    class Time:
        sleep = slept.append
        monotonic = staticmethod(lambda: sum(slept))
        time = staticmethod(time.time)

    monkeypatch.setattr("mockling.client.patience.time", Time)
    return slept


class Caller:
    """A client with a key of its own, and what its account paid."""

    def __init__(self, emulator: Emulator) -> None:
        self.key = make_key()
        self.emulator = emulator
        self.client = Client(self.key, emulator.url, TIMEOUT)

    def generate(self) -> Video:
        return self.client.generate("Let it snow", f"{INPUTS}valid.mp4")

    def submit(self) -> Any:
        return self.client.submit("Let it snow", f"{INPUTS}valid.mp4")

    @property
    def paid(self) -> Decimal:
        self.emulator.settle()
        return CREDITS - Client(self.key, self.emulator.url).credits()


def test_the_price_is_that_of_the_example(either: Emulator) -> None:
    """What the tests below ask for costs what they say, without any fault."""
    caller = Caller(either)
    assert caller.generate().cost == caller.paid == PRICE


@pytest.mark.parametrize(
    ("call", "status", "kind"),
    [*(("generate", *one) for one in [*REFUSED, (418, UnexpectedStatus), (503, UnexpectedStatus)]),
     ("submit", 502, BadGateway), ("submit", 503, UnexpectedStatus)],
)  # fmt: skip
def test_each_status_is_its_error(service: Emulator, call: str, status: int, kind: type[ApiError]) -> None:
    """A planned status is the exception that is documented for it; the POST was sent once, and nothing is paid."""
    service.fault(status=status)
    caller = Caller(service)
    with pytest.raises(ApiError) as caught:
        getattr(caller, call)()
    assert (type(caught.value), caught.value.status) == (kind, status)
    assert caught.value.message in str(caught.value)
    assert len(service.journal) == 1
    assert caller.paid == 0


def test_a_rate_limit_says_when_it_resets(service: Emulator) -> None:
    """A planned 429 has the moment from which calls pass again."""
    service.fault(status=429)
    with pytest.raises(RateLimited) as caught:
        Caller(service).generate()
    assert str(caught.value.resets_at).endswith("Z")


@pytest.mark.parametrize("body", ["<html>Bad Gateway</html>", "", [1], {"error": 5}, {"error": ["x"]}])
def test_an_error_without_a_sentence_has_one_of_ours(service: Emulator, body: Any) -> None:
    """What a proxy answers in its own words is the same error."""
    service.fault(status=502, body=body)
    with pytest.raises(BadGateway, match=r"^502: The server answered 502 Bad Gateway\."):
        Caller(service).generate()


# A fault of the call that starts a generation: what `generate` raises, and whether it is paid.
WIRE: list[tuple[dict[str, Any], type[ApiError], bool]] = [
    ({"timeout": True}, GatewayTimeout, False),
    ({"timeout": True, "billed": True}, GatewayTimeout, True),
    ({"drop": True}, NoAnswer, True),
    ({"drop": True, "billed": False}, NoAnswer, False),
    ({"reset": True}, NoAnswer, True),
    ({"stall": True}, NoAnswer, True),
    ({"latency": 600}, NoAnswer, True),
    ({"cut": 0.5}, BrokenAnswer, True),
    ({"cut": 0}, BrokenAnswer, True),
    ({"reset": 0.5}, BrokenAnswer, True),
    ({"stall": 0.5}, BrokenAnswer, True),
    ({"rate": 1}, BrokenAnswer, True),
    ({"length": 10**8}, BrokenAnswer, True),
    ({"length": 7}, BrokenAnswer, True),
    ({"truncate_json": True}, BrokenAnswer, True),
    ({"corrupt": 0}, BrokenAnswer, True),
]
SLOW = {"stall", "latency", "rate"}  # only the client's deadline ends these
IN_TIME = f"within {TIMEOUT} seconds"


@pytest.mark.parametrize(("words", "kind", "paid"), WIRE, ids=[str(words) for words, _, _ in WIRE])
def test_a_lost_answer_is_told(either: Emulator, words: Any, kind: type[ApiError], paid: bool) -> None:
    """That no answer came, or one that is not whole, is told in time, and a second POST is never sent."""
    lost(either, "generate", words, kind, paid)


@pytest.mark.parametrize(("words", "kind", "paid"), [WIRE[1], WIRE[2], WIRE[7], WIRE[14]], ids=str)
def test_a_lost_answer_to_a_submission_is_told(service: Emulator, words: Any, kind: type[ApiError], paid: bool) -> None:
    """Likewise on v2, for what is answered, what is not, and what is not whole."""
    lost(service, "submit", words, kind, paid)


def lost(service: Emulator, call: str, words: Any, kind: type[ApiError], paid: bool) -> None:
    """Check how a client tells of a lost answer."""
    service.fault(**words)
    caller = Caller(service)
    with pytest.raises(ApiError) as caught:
        getattr(caller, call)()
    assert type(caught.value) is kind
    assert (IN_TIME in caught.value.message) == bool(SLOW & set(words))
    assert caller.paid == (PRICE if paid else 0)
    assert [entry.operation for entry in service.journal if entry.method == "POST"] == [call]
    if kind in (NoAnswer, BrokenAnswer):
        assert "billed" in caught.value.advice


@pytest.mark.parametrize(
    ("words", "kind", "paid"),
    [
        ({"fail": "content_policy"}, ServerError, False),
        ({"fail": "bad_gateway"}, BadGateway, False),
        ({"fail": "gateway_timeout"}, GatewayTimeout, False),
        ({"stuck": "PROCESSING"}, GatewayTimeout, False),
    ],
)
def test_a_failed_generation_is_told(service: Emulator, words: Any, kind: type[ApiError], paid: bool) -> None:
    """A generation that fails is the error of its status, and costs nothing."""
    service.fault(**words)
    caller = Caller(service)
    with pytest.raises(ApiError) as caught:
        caller.generate()
    assert type(caught.value) is kind
    assert caller.paid == (PRICE if paid else 0)


# Waiting for a job.


@pytest.mark.parametrize(
    "words",
    [
        {"status": 408}, {"status": 429}, {"status": 500}, {"status": 502}, {"status": 503}, {"timeout": True},
        {"drop": True}, {"reset": True}, {"cut": 0.5}, {"reset": 0.5}, {"length": 10**6}, {"truncate_json": True},
        {"corrupt": True}, {"status": 502, "body": "<html>"}, {"status": 200, "body": "nothing"},
        {"status": 200, "body": {"state": "DONE"}},
    ],
    ids=str,
)  # fmt: skip
def test_polls_are_repeated(service: Emulator, naps: list[float], words: dict[str, Any]) -> None:
    """What fails while a job is waited for is asked again, later and later, and the video comes, paid once."""
    service.fault(on="poll", times=3, skip=1, **words)
    caller = Caller(service)
    video = caller.submit().wait(poll_interval=5)
    assert video.cost == caller.paid == PRICE
    assert service.faults[0].fired == 3
    assert len(naps) >= 3
    assert sum(naps) < 900


@pytest.mark.usefixtures("naps")
def test_a_stalled_poll_is_repeated(service: Emulator) -> None:
    """A poll of which nothing comes is given up in the client's time, and asked again."""
    service.fault(on="poll", stall=True)
    caller = Caller(service)
    assert caller.submit().wait(poll_interval=0.001).cost == caller.paid == PRICE
    assert service.faults[0].fired == 1


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ({"status": 401}, Unauthorized),
        ({"status": 404}, NotFound),
        ({"status": 422, "error": "No video"}, GenerationFailed),
        ({"status": 418}, UnexpectedStatus),
    ],
)
def test_what_asking_again_does_not_help_ends_the_wait(service: Emulator, words: Any, kind: type[ApiError]) -> None:
    """Other answers to a poll are raised at once, with the job's id."""
    service.fault(on="poll", **words)
    job = Caller(service).submit()
    with pytest.raises(kind) as caught:
        job.wait()
    assert caught.value.request_id == job.request_id
    assert len([entry for entry in service.journal if entry.operation == "status"]) == 1


def test_a_poll_that_always_fails_is_raised_at_the_end(service: Emulator, naps: list[float]) -> None:
    """When the time is over the last error is raised, and its advice says that the job goes on."""
    service.fault(on="poll", times="always", drop=True)
    with pytest.raises(NoAnswer, match="The job goes on"):
        Caller(service).submit().wait(timeout=100)
    assert sum(naps) == pytest.approx(100)


def test_a_job_that_fails_is_told(service: Emulator) -> None:
    """`fail` is a GenerationFailed in the server's words, and nothing is paid."""
    service.fault(fail="The moon is down")
    caller = Caller(service)
    with pytest.raises(GenerationFailed, match="The moon is down"):
        caller.submit().wait(poll_interval=0.001)
    assert caller.paid == 0


@pytest.mark.parametrize("state", ["QUEUED", "PROCESSING"])
def test_a_stuck_job_is_waited_for_in_vain(service: Emulator, naps: list[float], state: str) -> None:
    """`stuck` is a WaitTimeout that names the state, and after its hour the record is gone, unpaid."""
    service.fault(stuck=state)
    caller = Caller(service)
    job = caller.submit()
    with pytest.raises(WaitTimeout, match=f"The job is {state} after 60 seconds"):
        job.wait(timeout=60)
    assert sum(naps) == 60
    service.advance(hours=1)
    with pytest.raises(NotFound, match="Its record is gone"):
        job.wait(timeout=60)
    assert caller.paid == 0


def test_a_result_without_a_video_is_broken(service: Emulator, naps: list[float]) -> None:
    """`missing` is a BrokenAnswer when the time is over, for a later answer might have had it; it was paid."""
    service.fault(missing=True)
    caller = Caller(service)
    with pytest.raises(BrokenAnswer, match="names no output URL"):
        caller.submit().wait(timeout=60)
    assert sum(naps) == pytest.approx(60)
    assert caller.paid == PRICE


# Saving.

SAVED: list[tuple[dict[str, Any], type[ApiError]]] = [
    ({"status": 404}, NotDownloaded),
    ({"status": 500}, NotDownloaded),
    ({"timeout": True}, NotDownloaded),
    ({"drop": True}, NotDownloaded),
    ({"reset": True}, NotDownloaded),
    ({"stall": True}, NotDownloaded),
    ({"latency": 60}, NotDownloaded),
    ({"cut": 0.5}, BrokenAnswer),
    ({"cut": 0}, BrokenAnswer),
    ({"reset": 0.5}, BrokenAnswer),
    ({"stall": 0.5}, BrokenAnswer),
    ({"rate": 1000}, BrokenAnswer),
    ({"length": 10**8}, BrokenAnswer),
    ({"length": 1000}, BrokenAnswer),
    ({"truncate_json": True}, BrokenAnswer),
    ({"corrupt": 4}, BrokenAnswer),
    ({"status": 200, "body": "<html>Please sign in</html>"}, BrokenAnswer),
]


@pytest.mark.parametrize(("words", "kind"), SAVED, ids=[str(words) for words, _ in SAVED])
def test_a_download_that_fails_leaves_nothing(
    service: Emulator, tmp_path: Path, words: dict[str, Any], kind: type[ApiError]
) -> None:
    """Nothing half-written remains, what was there before stays, and saving again works, for no more money."""
    caller, target = Caller(service), tmp_path / "snow.mp4"
    target.write_bytes(b"before")
    video = caller.submit().wait(poll_interval=0.001)
    service.fault(on="download", **words)
    with pytest.raises(ApiError) as caught:
        video.save(target, timeout=TIMEOUT)
    assert type(caught.value) is kind
    assert (IN_TIME in caught.value.message) == bool(SLOW & set(words))
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("snow.mp4", b"before")]
    video.save(target)
    assert fixtures.probe(target).frames == 120
    assert caller.paid == PRICE


def test_a_video_that_expired_cannot_be_saved(service: Emulator, tmp_path: Path) -> None:
    """`expired` is a NotDownloaded with 404, and the generation was paid for."""
    service.fault(expired=True)
    caller = Caller(service)
    video = caller.submit().wait(poll_interval=0.001)
    with pytest.raises(NotDownloaded) as caught:
        video.save(tmp_path / "snow.mp4")
    assert caught.value.status == 404
    assert list(tmp_path.iterdir()) == []
    assert caller.paid == PRICE


# What costs nothing.


@pytest.mark.parametrize("what", ["credits", "upload"])
@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ({"status": 429}, RateLimited),
        ({"status": 500}, ServerError),
        ({"drop": True}, NoAnswer),
        ({"reset": True}, NoAnswer),
        ({"stall": True}, NoAnswer),
        ({"cut": 0.5}, BrokenAnswer),
        ({"stall": 0.5}, BrokenAnswer),
        ({"truncate_json": True}, BrokenAnswer),
        ({"status": 200, "body": {}}, BrokenAnswer),
    ],
)
def test_asking_and_uploading_can_be_done_again(
    service: Emulator, tmp_path: Path, what: str, words: dict[str, Any], kind: type[ApiError]
) -> None:
    """Their errors advise to do it again, and that works."""
    file = tmp_path / "a.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    service.fault(on=what, **words)
    client = Caller(service).client

    def act() -> object:
        return client.credits() if what == "credits" else client.upload(file)

    with pytest.raises(ApiError) as caught:
        act()
    assert type(caught.value) is kind
    if kind in (NoAnswer, BrokenAnswer):
        assert "again" in caught.value.advice
    assert act()


def test_every_error_can_be_planned() -> None:
    """Of the client's errors only that nobody was reached is none that a server could plan."""
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ApiError)}
    seen = {kind for _, kind in [*REFUSED, *SAVED]} | {kind for _, kind, _ in WIRE}
    assert kinds - seen - {GenerationFailed, WaitTimeout, UnexpectedStatus, ApiError} == {errors.NotSent}
