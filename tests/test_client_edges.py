"""The client at its edges: how long each call may take, what is tried again, and the first value that is too much."""

import copy
import json
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from scripted import Scripted, http, scripted
from silence import end_calls

from mockling import fixtures
from mockling.client import (
    ApiError,
    BrokenAnswer,
    Client,
    GenerationFailed,
    Job,
    NoAnswer,
    NotDownloaded,
    NotSent,
    ServerError,
    UnexpectedStatus,
    Video,
    values,
)
from mockling.client.checks import check_seconds
from mockling.client.content import Content
from mockling.client.deadline import Deadline
from mockling.client.uploading import upload_body

KEY = "SG_0123456789abcdef"
MP4 = fixtures.input_clip("narrow").read_bytes()
URL = "https://images.example/a.mp4"
PNG = b"\x89PNG\r\n\x1a\n"
DIGITS = b"9" * 5000  # Python makes no number of so many


def record(**fields: Any) -> bytes:
    return http(200, json.dumps(fields).encode())


COMPLETED, DONE = record(status="COMPLETED"), record(status="COMPLETED", output=URL)


class Time:
    """A clock that passes only by sleeping, for the client's patience."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    """A clock that nobody has to wait for, and back-off with its longest delays."""
    clock = Time()
    monkeypatch.setattr("mockling.client.patience.time", clock)
    monkeypatch.setattr("mockling.client.patience._chance", SimpleNamespace(uniform=lambda _, most: most))
    return clock


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that each call had, in their order."""
    found: list[float] = []
    begin = Deadline.__init__

    def noted(deadline: Deadline, seconds: float) -> None:
        found.append(seconds)
        begin(deadline, seconds)

    monkeypatch.setattr(Deadline, "__init__", noted)
    return found


# How long a call may take.


@pytest.mark.usefixtures("clock")
def test_a_silent_poll_does_not_take_the_whole_wait(monkeypatch: pytest.MonkeyPatch, limits: list[float]) -> None:
    """A server that takes a poll and says nothing has 30 seconds, however long the job is waited for."""
    with scripted(None, COMPLETED, None, DONE) as server:
        end_calls(monkeypatch, server.silent)
        assert Client(KEY, server.url).job("a-1").wait(timeout=100_000).url == URL
        assert len(server.requests) == 4
    assert limits == [30] * 4


def test_a_silent_server_is_asked_again_until_the_time_is_over(clock: Time) -> None:
    """Each poll has its 30 seconds, and the last what is left and one second: no wait is longer than that."""
    limits: list[float] = []

    def silent(_: str, seconds: float) -> dict[str, Any]:
        limits.append(seconds)
        assert len(limits) < 10
        clock.sleep(seconds)
        raise NoAnswer("It is silent.")

    with pytest.raises(NoAnswer, match="It is silent"):
        Job("a-1", silent).wait(timeout=100)
    assert limits == [30, 30, 30, 4]
    assert clock.now == 101


def test_a_result_is_asked_for_within_the_time_of_the_wait(clock: Time) -> None:
    """Fetching the result is part of the wait: it has what is left, and is asked again while there is time."""
    asked: list[tuple[str, float]] = []

    def slow(path: str, seconds: float) -> dict[str, Any]:
        asked.append((path.removeprefix("/v2/requests/a-1"), seconds))
        if path.endswith("/status"):
            return {"status": "COMPLETED"}
        clock.sleep(seconds)
        raise NoAnswer("It is silent.")

    with pytest.raises(NoAnswer, match="The job goes on") as caught:
        Job("a-1", slow).wait(timeout=50)
    assert asked == [("/status", 30), ("", 30), ("", 20)]
    assert (clock.now, caught.value.request_id) == (51, "a-1")


def test_a_result_is_asked_for_though_the_caller_took_long(clock: Time) -> None:
    """What `on_progress` does takes from the wait; the result of a job that is done is asked for all the same."""
    asked: list[float] = []

    def get(path: str, seconds: float) -> dict[str, Any]:
        asked.append(seconds)
        return {"status": "COMPLETED"} if path.endswith("/status") else {"output": URL}

    assert Job("a-1", get).wait(timeout=50, on_progress=lambda _: clock.sleep(1000)).url == URL
    assert asked == [30, 0.001]


def everything(api: Client, folder: Path) -> dict[str, Callable[[], object]]:
    """Return every call of a client that asks its server once."""
    (folder / "a.png").write_bytes(PNG.ljust(3 * 128 * 1024))  # which is four times as long in base64 as it is thirds
    return {
        "generate": lambda: api.generate("a", "b"),
        "generate_with": lambda: api.generate_with("a"),
        "submit": lambda: api.submit("a", "b"),
        "submit_with": lambda: api.submit_with("a"),
        "credits": api.credits,
        "status": api.job("a-1").status,
        "wait": api.job("a-1").wait,
        "short wait": lambda: api.job("a-1").wait(timeout=10),
        "upload": lambda: api.upload(folder / "a.png"),
    }


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("timeout", "wanted"),
    [
        (
            None,
            {"generate": 900, "submit": 900, "credits": 30, "status": 30, "wait": 30, "short wait": 11, "upload": 904},
        ),
        (20, {"generate": 20, "submit": 20, "credits": 20, "status": 20, "wait": 20, "short wait": 11, "upload": 24}),
    ],
)
def test_each_call_has_the_time_that_is_its_own(
    tmp_path: Path, limits: list[float], timeout: float | None, wanted: dict[str, float]
) -> None:
    """A generation has the client's time-out, what is asked at once 30 seconds at most, an upload more for its size."""
    wanted |= {f"{name}_with": wanted[name] for name in ("generate", "submit")}
    with scripted(*[http(403)] * 9) as server:
        api = Client(KEY, server.url) if timeout is None else Client(KEY, server.url, timeout)
        for name, call in everything(api, tmp_path).items():
            with pytest.raises(ApiError):
                call()
            assert limits[-1] == pytest.approx(wanted[name], abs=0.01), name
        assert len(server.requests) == len(limits) == 9


@pytest.mark.parametrize(
    ("more", "limit", "silence"), [({}, 900, (10, 60)), ({"timeout": 100}, 100, (10, 60)), ({"timeout": 5}, 5, (5, 5))]
)
def test_a_download_has_its_time_and_a_shorter_silence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limits: list[float],
    more: dict[str, float],
    limit: float,
    silence: tuple[float, float],
) -> None:
    """All of it has 900 seconds unless others are given, connecting 10, and it may be silent for 60."""
    given: list[Any] = []
    send = requests.Session.send

    def noted(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        given.append(options["timeout"])
        return send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", noted)
    with scripted(http(200, MP4)) as server:
        video = Video(url=server.url, request_id=None, seconds=None, cost=None, remaining_credits=None)
        assert video.save(tmp_path / "a.mp4", **more).read_bytes() == MP4
    assert (limits, given) == ([limit], [silence])


def test_a_download_that_falls_silent_ends_before_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its silence ends it, and is what is told; a password in its address is not."""
    monkeypatch.setattr("mockling.client.video.SILENCE", 0.5)
    with scripted(None) as server:
        link = server.url.replace("//", "//me:secret@")
        video = Video(url=link, request_id=None, seconds=None, cost=None, remaining_credits=None)
        with pytest.raises(NotDownloaded, match=f"{server.url} did not answer within 0.5 seconds") as caught:
            video.save(tmp_path / "a.mp4")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("seconds", "right"), [(1e6, True), (1e6 + 1, False), (0, False), (5e-324, True), (1, True)])
def test_the_most_seconds_are_a_million(seconds: float, right: bool) -> None:
    """More than a system can wait is a `ValueError`, and so is nothing."""
    with nullcontext() if right else pytest.raises(ValueError, match="above 0 and up to 1,000,000"):
        check_seconds("timeout", seconds)


def test_a_deadline_keeps_signals_from_its_thread_and_no_program_from_ending() -> None:
    """The thread of a deadline takes none of the program's signals; the program's own thread still takes them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set())
    others = set(threading.enumerate())
    with Deadline(1000):
        (timer,) = set(threading.enumerate()) - others
        status = Path(f"/proc/self/task/{timer.native_id}/status").read_text("ascii")
        blocked = int(next(line for line in status.splitlines() if line.startswith("SigBlk")).split()[1], 16)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            assert blocked >> number - 1 & 1
        assert timer.daemon
        assert signal.pthread_sigmask(signal.SIG_BLOCK, set()) == before
    assert not timer.is_alive()


def test_a_connection_that_is_made_too_late_is_shut_at_once() -> None:
    """What is connected when the time is over is shut down then, and a connection whose other side is gone is none."""
    ours, theirs = socket.socketpair()
    gone, other = socket.socketpair()
    with ours, theirs, gone, other, Deadline(1000) as deadline:
        other.close()
        deadline.watch(gone)
        assert not deadline.over
        deadline._shut_down()
        assert deadline.over
        deadline.watch(ours)
        theirs.settimeout(10)
        assert theirs.recv(1) == b""


def test_a_deadline_is_over_as_soon_as_its_time_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own clock says so, though its thread may be late; nothing is left then, and never less."""
    clock = Time()
    monkeypatch.setattr("mockling.client.deadline.time", clock)
    deadline = Deadline(5)
    assert (deadline.left, deadline.over) == (5, False)
    for now, over in ((4.9, False), (5.0, True), (9.0, True)):
        clock.now = now
        assert deadline.over == over
    assert deadline.left == 0


# What is tried again.


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts to connect, which take no time."""
    found: list[float] = []
    monkeypatch.setattr("mockling.client.connections.time", SimpleNamespace(sleep=found.append))
    return found


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_connecting_is_tried_three_times_with_short_pauses(slept: list[float]) -> None:
    """At once and after four tenths of a second: whoever starts a server beside its caller is met."""
    with pytest.raises(NotSent):
        Client(KEY, f"http://127.0.0.1:{closed_port()}").credits()
    assert slept == [0.0, 0.4]


def test_a_server_that_is_late_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that listens by the third attempt is asked, once."""
    listening: list[Scripted] = []

    def start(pause: float) -> None:
        if pause:
            listening.append(Scripted([http(200, b'{"credits": 7}')]))
            monkeypatch.setattr(
                "socket.getaddrinfo", lambda *_, **__: [address(int(listening[0].url.rpartition(":")[2]))]
            )

    monkeypatch.setattr("mockling.client.connections.time", SimpleNamespace(sleep=start))
    try:
        assert Client(KEY, f"http://127.0.0.1:{closed_port()}").credits() == 7
        assert len(listening[0].requests) == 1
    finally:
        listening[0].close()


def test_connecting_is_not_tried_again_after_the_time(monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> None:
    """A pause that would last beyond the deadline is not begun."""
    monkeypatch.setattr("mockling.client.connections.PAUSES", (0.0, 1000.0))
    with pytest.raises(NotSent):
        Client(KEY, f"http://127.0.0.1:{closed_port()}", 900).generate("a", "b")
    assert slept == [0.0]


def address(port: int) -> tuple[Any, ...]:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))


def test_each_address_of_a_host_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first addresses refuse, the next is asked; each has ten seconds, and small packets go at once."""
    waits: list[float | None] = []
    watched: list[int] = []
    connect, watch = socket.socket.connect, Deadline.watch

    def noted(one: socket.socket, *to: Any) -> None:
        waits.append(one.gettimeout())
        connect(one, *to)

    def looked_at(deadline: Deadline, connection: socket.socket) -> None:
        watched.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        watch(deadline, connection)

    with scripted(http(200, b'{"credits": 7}')) as server:
        addresses = [address(closed_port()), address(closed_port()), address(int(server.url.rpartition(":")[2]))]
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: addresses)
        monkeypatch.setattr(socket.socket, "connect", noted)
        monkeypatch.setattr(Deadline, "watch", looked_at)
        assert Client(KEY, server.url, 900).credits() == 7
    assert waits == [10, 10, 10]
    assert len(watched) == 1
    assert watched[0]


def test_no_address_is_tried_after_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the time is over with the first address, the second is not asked."""
    deadlines: list[Deadline] = []
    begin = Deadline.__enter__

    def noted(deadline: Deadline) -> Deadline:
        deadlines.append(deadline)
        return begin(deadline)

    def late(one: socket.socket, *_: Any) -> None:
        tried.append(one)
        deadlines[0]._shut_down()
        raise TimeoutError("timed out")

    tried: list[socket.socket] = []
    monkeypatch.setattr(Deadline, "__enter__", noted)
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [address(1), address(2)])
    monkeypatch.setattr("mockling.client.connections.PAUSES", ())
    monkeypatch.setattr(socket.socket, "connect", late)
    with pytest.raises(NotSent, match="did not accept a connection in time"):
        Client(KEY, "http://127.0.0.1:1").credits()
    assert [one.fileno() for one in tried] == [-1]


def test_a_proxy_that_is_not_there_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent where the way to a server does not begin, or is not given; the proxy is named as the cause."""
    refused = b"HTTP/1.1 403 Forbidden\r\n\r\n"
    with scripted(refused) as proxy:
        for scheme, way in (
            ("http", f"http://127.0.0.1:{closed_port()}"),
            ("https", f"http://127.0.0.1:{closed_port()}"),
            ("https", proxy.url),
        ):
            monkeypatch.setenv(f"{scheme}_proxy", way)
            monkeypatch.setattr("mockling.client.connections.PAUSES", ())
            with pytest.raises(NotSent, match=f"The proxy on the way to {scheme}://api.example does not answer"):
                Client(KEY, f"{scheme}://api.example").credits()
        assert len(proxy.requests) == 1


def test_a_proxy_may_be_an_ipv6_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The brackets around its number are no part of it."""
    hosts: list[str] = []

    def nowhere(host: str, *_: Any, **__: Any) -> Any:
        hosts.append(host)
        raise OSError("nowhere")

    monkeypatch.setattr("socket.getaddrinfo", nowhere)
    monkeypatch.setattr("mockling.client.connections.PAUSES", ())
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://[::1]:8080")
        with pytest.raises(NotSent, match="The proxy on the way"):
            Client(KEY, f"{scheme}://api.example").credits()
    assert set(hosts) == {"::1"}


def test_this_machine_under_its_name_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """`localhost` is as near as 127.0.0.1, and a name that only begins so is not."""
    monkeypatch.setattr("mockling.client.connections.PAUSES", ())
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    with scripted(http(200, b'{"credits": 7}')) as server:
        port = server.url.rpartition(":")[2]
        monkeypatch.setattr("socket.getaddrinfo", lambda _, port, *__, **___: [address(port)])
        assert Client(KEY, f"http://localhost:{port}").credits() == 7
        with pytest.raises(NotSent, match=r"The proxy on the way to http://localhost\.example"):
            Client(KEY, f"http://localhost.example:{port}").credits()


def test_an_address_in_brackets_is_that_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """An IPv6 address is looked up without its brackets."""
    hosts: list[str] = []

    def look_up(host: str, *_: Any, **__: Any) -> list[Any]:
        hosts.append(host)
        raise OSError("nobody knows it")

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    monkeypatch.setattr("mockling.client.connections.PAUSES", ())
    with pytest.raises(NotSent):
        Client(KEY, "http://[::1]:80").credits()
    assert hosts == ["::1"]


CUT = http(200, b'{"output"', length=100)
RETRY = "Retry-After: 0"


@pytest.mark.parametrize(
    "failure",
    [None, b"", CUT, *(http(status, b"", RETRY) for status in (307, 408, 425, 429, 500, 503)), "reset"],
    ids=["silence", "hung up", "cut", "307", "408", "425", "429", "500", "503", "reset"],
)
def test_nothing_that_costs_is_sent_twice(monkeypatch: pytest.MonkeyPatch, failure: bytes | str | None) -> None:
    """Whatever goes wrong after it was sent, a generation in any of its four ways is sent once (G12)."""
    reply = failure if not isinstance(failure, str) else b""
    if failure == "reset":
        close = socket.socket.close

        def reset(connection: socket.socket) -> None:
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            close(connection)

        monkeypatch.setattr(socket.socket, "close", reset)
    for name in ("generate", "submit", "generate_with", "submit_with"):
        with scripted(reply, reply, reply) as server:
            end_calls(monkeypatch, server.silent)
            given = ("a",) if name.endswith("with") else ("a", "b")
            with pytest.raises(ApiError):
                getattr(Client(KEY, server.url), name)(*given)
            assert len(server.requests) == 1, name


def test_another_protocol_is_no_answer_to_wait_behind() -> None:
    """After 101 there is no HTTP any more; of 102 and 103 all headers are passed over, however many."""
    switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
    with scripted(switching) as server, pytest.raises(UnexpectedStatus) as caught:
        Client(KEY, server.url).generate("a", "b")
    assert caught.value.status == 101
    early = b"HTTP/1.1 103 Early Hints\r\n%b\r\n" % (b"Link: </a>\r\n" * 300)
    with scripted(early + b"HTTP/1.1 199 Soon\r\n\r\n" + http(200, b'{"credits": 7}')) as server:
        assert Client(KEY, server.url).credits() == 7


def test_no_more_is_waited_for_than_the_wait(clock: Time) -> None:
    """A poll interval longer than the wait, and a rate limit that ends in the past, change nothing of its length."""
    states = iter(["QUEUED", "PROCESSING"])
    with pytest.raises(ApiError, match="is PROCESSING after 3 seconds"):
        Job("a-1", lambda *_: {"status": next(states)}).wait(timeout=3, poll_interval=1000)
    assert clock.now == 3


@pytest.mark.parametrize(
    "reset",
    ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "9" * 5000, "", "10000-01-01T00:00:00Z", "-1"],
)
def test_a_reset_at_any_time_is_no_exception(clock: Time, reset: str) -> None:
    """Whatever stands for the moment of a reset, the wait goes on, and to its end at most."""
    clock.now = 1.8e9
    limited = http(429, b"", f"x-rate-limit-reset-at-utc: {reset}")
    with scripted(limited, COMPLETED, DONE) as server:
        assert Client(KEY, server.url).job("a-1").wait(timeout=100).url == URL
    assert clock.now - 1.8e9 in (1, 100)


@pytest.mark.parametrize("kind", [NotSent, NoAnswer, BrokenAnswer, ServerError])
def test_what_costs_nothing_is_asked_again(clock: Time, kind: type[ApiError]) -> None:
    """A poll that was not sent, has no answer or a broken one is asked again; what has no status may not pass else."""
    failures: list[ApiError] = [kind("no")] if kind is not ServerError else [kind("no", status=500)]

    def get(path: str, _: float) -> dict[str, Any]:
        if failures:
            raise failures.pop()
        return {"status": "COMPLETED"} if path.endswith("/status") else {"output": URL}

    assert Job("a-1", get).wait().url == URL
    assert clock.now == 1
    failures.append(ApiError("no"))
    with pytest.raises(ApiError, match="no"):
        Job("a-1", get).wait()
    assert clock.now == 1


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("reason", [{}, {"error": None}, {"error": ""}])
def test_a_failed_job_without_a_reason_is_told(reason: dict[str, Any]) -> None:
    """A job that failed for no reason that is told has failed all the same."""
    with pytest.raises(GenerationFailed, match=r"200: It failed\. Nothing was billed"):
        Job("a-1", lambda *_: {"status": "FAILED", **reason}).wait()


# The first value that is too much.


def filled(size: int, **fields: Any) -> bytes:
    """Return JSON of so many bytes."""
    body = json.dumps(fields).encode()
    return body[:-1] + b" " * (size - len(body)) + b"}"


@pytest.mark.parametrize(("more", "right"), [(0, True), (1, False)])
def test_a_record_of_a_megabyte_is_read_and_no_larger_one(more: int, right: bool) -> None:
    """Just so much is read, one byte more is too much."""
    with (
        scripted(http(200, filled(1024**2 + more, credits=7))) as server,
        nullcontext() if right else pytest.raises(BrokenAnswer, match="has more than 1048576 bytes"),
    ):
        assert Client(KEY, server.url).credits() == 7


@pytest.mark.parametrize(("more", "told"), [(0, "Too bad"), (1, "The server answered 500 Said")])
def test_the_words_of_an_error_are_read_up_to_a_size(more: int, told: str) -> None:
    """Just so much of an error's body is read, of one that is larger nothing but its status is told."""
    with scripted(http(500, filled(64 * 1024 + more, error="Too bad"))) as server, pytest.raises(ServerError) as caught:
        Client(KEY, server.url).credits()
    assert caught.value.message == told


def test_words_are_told_up_to_a_length() -> None:
    """Five hundred characters of a server's words are told, whichever way they come."""
    long = "a" * 501
    failed = record(status="FAILED", error=long)
    head = http(200, b"<html>", f"content-type: {'b' * 600}")
    with scripted(http(500, json.dumps({"error": long}).encode()), failed, head) as server:
        api = Client(KEY, server.url)
        for call in (api.credits, api.job("a-1").wait, lambda: api.generate("a", "b")):
            with pytest.raises(ApiError) as caught:
                call()
            assert len(caught.value.message) == 500


@pytest.mark.parametrize("less", [0, 1])
@pytest.mark.parametrize("how", ["client", "video"])
def test_a_video_of_the_largest_size_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, less: int, how: str
) -> None:
    """One of just that size is whole, one that is larger is broken, as an answer and from its address."""
    monkeypatch.setattr(f"mockling.client.{how}.LARGEST_VIDEO", len(MP4) - less)
    with scripted(http(200, MP4)) as server:
        link = Video(url=server.url, request_id=None, seconds=None, cost=None, remaining_credits=None)
        call = (lambda: Client(KEY, server.url).generate("a", "b")) if how == "client" else (lambda: link)
        with pytest.raises(BrokenAnswer, match="has more than") if less else nullcontext():
            assert call().save(tmp_path / "a.mp4").read_bytes() == MP4


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (values.is_name, ["a" * 200, "a", "...", ".a", "A-1_b.c"], ["a" * 201, "", ".", "..", "a b", "ä", 7, None]),
        (values.is_word, ["a" * 200, "a b", "ä"], ["a" * 201, "", "a\n", "\u2028", 7, None]),
        (
            values.is_web_address,
            ["https://e.com/".ljust(8192, "a"), "http://e", "HTTPS://e.com"],
            ["https://e.com/".ljust(8193, "a"), "http://", "//e.com", "ftp://e.com", "http://[::1", "http://:80", 7],
        ),
    ],
)
def test_names_and_addresses_have_a_length(
    check: Callable[[object], bool], right: list[object], wrong: list[object]
) -> None:
    """What is just as long as it may be is right."""
    assert [value for value in right if not check(value)] == []
    assert [value for value in wrong if check(value)] == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (0, Decimal(0)),
        (10**12, Decimal(10**12)),
        ("1000000000000.0", Decimal(10**12)),
        ("0." + "1" * 98, Decimal("0." + "1" * 98)),
        (" 7 ", Decimal(7)),
        ("", None),
        ("7 dollars", None),
        ("Infinity", None),
        ("sNaN", None),
        (True, None),
        (None, None),
        ([], None),
        ("0." + "1" * 99, ValueError),
        ("1000000000000.1", ValueError),
        ("-0.1", ValueError),
        ("9" * 5000, ValueError),
        ("1e400", ValueError),
    ],
)
def test_a_number_is_told_up_to_its_limits(value: object, found: Any) -> None:
    """Just the largest and the longest are numbers, what is beyond cannot be, and what is none is not told."""
    if found is ValueError:
        with pytest.raises(ValueError, match="names a number that cannot be"):
            values.number(value, Decimal)
    else:
        assert values.number(value, Decimal) == found


JSON_DIGITS = b'{"status": "COMPLETED", "output": "https://e.com/a", "credits": %b}' % DIGITS


@pytest.mark.parametrize(
    "sent",
    [
        http(200, JSON_DIGITS),
        http(500, JSON_DIGITS),
        http(200, b"{}").replace(b"Length: 2", b"Length: " + DIGITS),
        b"HTTP/1.1 %b OK\r\n\r\n" % DIGITS,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n" % DIGITS,
        http(200, b'{"output": "https://e.com/a"}', f"x-cost: {DIGITS.decode()}"),
        http(200, b'{"output": "https://e.com/a"}', f"x-generation-time: {DIGITS.decode()}"),
    ],
    ids=["json", "error", "length", "status", "chunk", "cost", "seconds"],
)
def test_numbers_of_thousands_of_digits_are_errors_of_the_call(sent: bytes) -> None:
    """Python makes no number of so many digits, wherever a server writes them; the call fails as it does for others."""
    with scripted(sent, sent) as server:
        for call in (lambda: Client(KEY, server.url).generate("a", "b"), Client(KEY, server.url).credits):
            with pytest.raises(ApiError):
                call()


@pytest.mark.parametrize("url", [f"http://e.com:{'9' * 5000}", "http://e.com:0", "http://e.com:65536"])
def test_a_port_that_does_not_exist_is_told(url: str) -> None:
    """A base_url with a port that no server has is a `ValueError`."""
    with pytest.raises(ValueError, match="base_url must be an address"):
        Client(KEY, url)


@pytest.mark.parametrize(
    "url", ["http://e.com#a", "http://e.com?", "http://e.com/?a", "http://e .com", "http://@e.com"]
)
def test_more_than_an_address_is_told(url: str) -> None:
    """What follows an address, or stands before its host, would be lost or sent elsewhere."""
    if url.endswith("?"):  # an empty query is none
        assert Client(KEY, url).base_url == url
    else:
        with pytest.raises(ValueError, match="base_url must be an address"):
            Client(KEY, url)


def box(kind: bytes, body: bytes = b"", *, size: int | None = None) -> bytes:
    return (8 + len(body) if size is None else size).to_bytes(4) + kind + body


FTYP, MOOV, MDAT = box(b"ftyp"), box(b"moov"), box(b"mdat", b"abc")


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (FTYP + MOOV + MDAT, True),
        (FTYP + MDAT + MOOV, True),
        (FTYP + MOOV + box(b"mdat", b"to the end", size=0), True),
        (FTYP + MOOV + box(b"mdat", (19).to_bytes(8) + b"abc", size=1), True),
        (FTYP + MOOV + box(b"mdat", (2**32 + 19).to_bytes(8) + b"abc", size=1), False),
        (FTYP + MOOV + box(b"mdat", (20).to_bytes(8) + b"abc", size=1), False),
        (FTYP + MOOV + box(b"mdat", b"abc", size=12), False),
        (FTYP + MOOV + box(b"mdat", b"abc", size=10), False),
        (FTYP + MOOV + MDAT + box(b"free", size=7), False),
        (FTYP + MOOV + MDAT + b"\0\0\0\x04", False),
        (FTYP + MOOV, False),
        (FTYP + MDAT, False),
        (MOOV + MDAT + FTYP, False),
        (b"", False),
        (FTYP + MOOV + MDAT + b"\0\0\0\x08fre", False),
    ],
)
def test_a_video_is_whole_when_its_boxes_fill_it(content: bytes, whole: bool) -> None:
    """A last box may have no length or one of 64 bits; each must end where the next begins, the last with the file."""
    with nullcontext() if whole else pytest.raises(BrokenAnswer):
        assert b"".join(Content([content]).blocks()) == content


@pytest.mark.parametrize(("boxes", "whole"), [(2, True), (3, False)])
def test_a_video_has_a_largest_number_of_boxes(monkeypatch: pytest.MonkeyPatch, boxes: int, whole: bool) -> None:
    """Just so many are walked through."""
    monkeypatch.setattr("mockling.client.content.MOST_BOXES", 5)
    with nullcontext() if whole else pytest.raises(BrokenAnswer, match="not whole"):
        Content([FTYP, MOOV, MDAT, box(b"free") * boxes])


def test_a_video_that_comes_in_small_pieces_is_known() -> None:
    """It is known by its first eight bytes, though they come one by one."""
    pieces = [MP4[:3], MP4[3:7], MP4[7:9], MP4[9:]]
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    with scripted(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body) as server:
        video = Client(KEY, server.url).generate("a", "b")
    assert video._content
    assert b"".join(video._content.blocks()) == MP4


def test_a_video_without_a_place_for_it_is_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was paid for is not lost because the system has no folder for temporary files."""

    def none() -> None:
        raise OSError("No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryFile", none)
    content = Content([MP4])
    monkeypatch.undo()
    video = Video(url=None, request_id=None, seconds=None, cost=None, remaining_credits=None, _content=content)
    assert video.save(tmp_path / "a.mp4").read_bytes() == MP4


def test_a_video_can_be_read_by_several_threads_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gets all of it, in its order, however often they take turns."""
    monkeypatch.setattr("mockling.client.content.BLOCK", 16)
    content = Content([MP4])
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            read = list(pool.map(lambda _: b"".join(content.blocks()), range(4)))
    finally:
        sys.setswitchinterval(before)
    assert [one == MP4 for one in read] == [True] * 4


def test_the_id_in_a_head_goes_before_that_in_the_body() -> None:
    """The id is the header's, and the body's where there is no header."""
    body = json.dumps({"output": URL, "request_id": "body"}).encode()
    with scripted(http(200, body, "x-request-id: head"), http(200, body)) as server:
        api = Client(KEY, server.url)
        assert [api.generate("a", "b").request_id for _ in range(2)] == ["head", "body"]


def test_two_urls_of_one_file_are_broken(tmp_path: Path) -> None:
    """One file was sent, and one URL comes back."""
    (tmp_path / "a.png").write_bytes(PNG)
    with (
        scripted(record(file_urls=[URL, URL])) as server,
        pytest.raises(BrokenAnswer, match="names no URL of the file"),
    ):
        Client(KEY, server.url).upload(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("name", "beginning", "right"),
    [
        ("a.mp4", b"\0\0\0\nftyp", True),
        ("a.mp4", b"\0\0\0\x08moov", False),
        *(("a.mov", b"\0\0\0\n" + kind, True) for kind in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")),
        ("a.mov", b"\0\0\0\nabcd", False),
        ("A.PNG", PNG, True),
        ("a.png", PNG[:-1], False),
        ("a.jpg", b"\xff\xd8\xff", True),
        ("a.jpeg", b" \xff\xd8\xff", False),
    ],
)
def test_a_file_is_known_by_how_it_begins(tmp_path: Path, name: str, beginning: bytes, right: bool) -> None:
    """Every kind begins as it does, whatever the length of its first part, and whatever the case of its name."""
    (tmp_path / name).write_bytes(beginning)
    with nullcontext() if right else pytest.raises(ValueError, match="does not begin as"):
        assert upload_body(tmp_path / name)


def test_a_file_of_the_largest_size_can_be_uploaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of just that size is taken, one byte more is too much."""
    monkeypatch.setattr("mockling.client.uploading.LARGEST_UPLOAD", 20)
    (tmp_path / "a.png").write_bytes(PNG.ljust(20))
    assert upload_body(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(PNG.ljust(21))
    with pytest.raises(ValueError, match="has 21 bytes; at most 20"):
        upload_body(tmp_path / "a.png")


# Where a video is written.


@pytest.fixture
def video() -> Video:
    """A video that came as an answer."""
    content = Content([MP4])
    return Video(url=None, request_id=None, seconds=None, cost=None, remaining_credits=None, _content=content)


def test_a_copy_of_a_video_is_as_good(tmp_path: Path, video: Video) -> None:
    """Programs keep results in tables of their own; the content of a video never changes, and is shared."""
    copied = copy.deepcopy(video)
    assert copied == video
    assert copied.save(tmp_path / "a.mp4").read_bytes() == MP4
    assert asdict(video)["cost"] is None


@pytest.fixture(params=["links", "no links", "no nameless files", "neither"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that can do what Linux can, or less."""

    open_any = os.open

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("Operation not supported")

    def open_named(path: Any, flags: int, *more: Any, **how: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            refuse()
        return open_any(path, flags, *more, **how)

    if request.param in ("no links", "neither"):
        monkeypatch.setattr("os.link", refuse)
    if request.param in ("no nameless files", "neither"):
        monkeypatch.setattr("os.open", open_named)


@pytest.fixture
def _umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.usefixtures("_umask", "system")
def test_a_video_is_written_on_any_system(tmp_path: Path, video: Video) -> None:
    """It is whole, has no other name, is readable as the user's files are, and leaves nothing open."""
    before = open_files()
    video.save(tmp_path / "a.mp4")
    video.save(tmp_path / "a.mp4")
    video.save(tmp_path / "b.mp4", replace=False)
    assert open_files() == before
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.mp4": MP4, "b.mp4": MP4}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_name_that_cannot_be_given_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, video: Video, error: type[BaseException]
) -> None:
    """What fails in the last moment leaves what was there before, and nothing beside it."""
    (tmp_path / "a.mp4").write_bytes(b"before")

    def fail(*_: Any) -> None:
        raise error("no")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(error):
        video.save(tmp_path / "a.mp4")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.mp4": b"before"}


@pytest.mark.parametrize("body", [MP4[:-1], MP4[:5000], b"<html>gone</html>", b""])
def test_a_download_that_is_no_whole_video_is_not_written(tmp_path: Path, body: bytes) -> None:
    """A body that is as long as was announced may still be no video, or the beginning of one."""
    (tmp_path / "a.mp4").write_bytes(b"before")
    with scripted(http(200, body)) as server:
        video = Video(url=server.url, request_id=None, seconds=None, cost=None, remaining_credits=None)
        with pytest.raises(BrokenAnswer):
            video.save(tmp_path / "a.mp4")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.mp4": b"before"}


def test_a_link_stays_one(tmp_path: Path, video: Video) -> None:
    """A video is written where a link leads, and the path that was given comes back."""
    (tmp_path / "videos").mkdir()
    (tmp_path / "a.mp4").symlink_to(tmp_path / "videos" / "b.mp4")
    assert video.save(tmp_path / "a.mp4") == tmp_path / "a.mp4"
    assert (tmp_path / "a.mp4").is_symlink()
    assert (tmp_path / "videos" / "b.mp4").read_bytes() == MP4


def test_a_file_that_may_not_be_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, video: Video) -> None:
    """A file that its owner has protected is not replaced, though its folder would let it."""
    (tmp_path / "a.mp4").write_bytes(b"before")
    monkeypatch.setattr("os.access", lambda path, mode: not (str(path).endswith("a.mp4") and mode == os.W_OK))
    with pytest.raises(PermissionError, match="may not be written; choose another name"):
        video.save(tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == b"before"
