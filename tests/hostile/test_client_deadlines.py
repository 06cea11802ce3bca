"""The client's deadlines: whatever a server does, a call is over in time and says so."""

import re
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from scripted import http, received, scripted
from silence import end_calls

from hostile.servers import BODIES, CERTIFICATE, HEADS, End, Hostile, deaf, dripping, hostile, sipping
from mockling.client import ApiError, BrokenAnswer, Client, NoAnswer, NotDownloaded, NotSent, ServerError, Video
from mockling.client.deadline import Deadline

KEY = "SG_0123456789abcdef"
SECONDS = 30.0  # that a call has; its server ends it, as the deadline's thread would, long before
SHORT = 0.7  # real seconds
SLACK = 2.0  # seconds that a busy machine may take longer; the servers go on for twice as long
PNG = b"\x89PNG\r\n\x1a\n"
Call = Callable[[], object]


def link(url: str) -> Video:
    return Video(url=url, request_id=None, seconds=None, cost=None, remaining_credits=None)


def calls(url: str, folder: Path, seconds: float) -> dict[str, Call]:
    """Return every call of the client that asks a server, with a deadline of so many seconds."""
    (folder / "a.png").write_bytes(PNG)
    api, patient = Client(KEY, url, seconds), Client(KEY, url)
    return {
        "generate": lambda: api.generate("a", "b"),
        "generate_with": lambda: api.generate_with("a"),
        "submit": lambda: api.submit("a", "b"),
        "credits": api.credits,
        "upload": lambda: api.upload(folder / "a.png"),
        "status": api.job("a-1").status,
        "wait": lambda: patient.job("a-1").wait(timeout=seconds),
        "save": lambda: link(f"{url}/a.mp4").save(folder / "a.mp4", timeout=seconds),
    }


def outcome(call: Call) -> ApiError:
    """Return the error with which a call ends, in time."""
    started = time.monotonic()
    with pytest.raises(ApiError) as caught:
        call()
    assert time.monotonic() - started < SHORT + SLACK
    return caught.value


def outcomes(url: str, folder: Path, seconds: float = SECONDS) -> dict[str, ApiError]:
    """Make all calls at once, and return how each ended."""
    named = calls(url, folder, seconds)
    with ThreadPoolExecutor(len(named)) as pool:
        return dict(zip(named, pool.map(outcome, named.values()), strict=True))


@pytest.fixture
def end(monkeypatch: pytest.MonkeyPatch) -> End:
    """Return what ends a call while its server goes on: as the thread of its deadline does, but when a test says so.

    A wait that has asked once is over, too.
    """
    deadlines: dict[tuple[str, int], Deadline] = {}
    watch = Deadline.watch

    def noted(deadline: Deadline, connection: socket.socket) -> None:
        deadlines[connection.getsockname()] = deadline
        watch(deadline, connection)

    monkeypatch.setattr(Deadline, "watch", noted)
    monkeypatch.setattr("mockling.client.patience.Patience.left", 0)
    return lambda address: deadlines[address]._shut_down()


@pytest.mark.parametrize(("what", "kind"), [("header", NoAnswer), ("body", BrokenAnswer)])
def test_a_deadline_is_kept_by_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, kind: type[ApiError]
) -> None:
    """A server that never comes to an end keeps each call for its own seconds, and no longer."""
    monkeypatch.setattr("mockling.client.patience.LAST", 0.1)
    with hostile(dripping(*{**HEADS, **BODIES}[what])) as server:
        ends = outcomes(server.url, tmp_path, SHORT)
    told = r"did not (answer|come) within 0\.\d+ seconds"
    assert [error for error in ends.values() if not re.search(told, str(error))] == []
    assert type(ends.pop("save")) is (NotDownloaded if kind is NoAnswer else kind)
    assert {type(error) for error in ends.values()} == {kind}


def test_a_deadline_is_kept_though_its_thread_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads looks at the clock, too: a body that goes on is left as soon as the time is over."""
    now, drops = [0.0], list[int]()
    monkeypatch.setattr("mockling.client.deadline.time", SimpleNamespace(monotonic=lambda: now[0]))

    def drip(server: Hostile, connection: socket.socket) -> None:
        received(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while server.wait() and len(drops) < 200:
            connection.sendall(b"1\r\n \r\n")
            drops.append(1)
            now[0] = 1000.0 * (len(drops) > 3)

    with hostile(drip) as server, pytest.raises(BrokenAnswer, match="did not come within 900 seconds"):
        Client(KEY, server.url, 900).generate("a", "b")
    assert len(drops) < 200


@pytest.mark.parametrize("what", HEADS)
def test_a_head_that_does_not_come_in_time_is_no_answer(tmp_path: Path, end: End, what: str) -> None:
    """However slowly the beginning of an answer drips, each call ends in time with `NoAnswer`."""
    with hostile(dripping(*HEADS[what], end)) as server:
        ends = outcomes(server.url, tmp_path)
    assert {type(error) for name, error in ends.items() if name != "save"} == {NoAnswer}
    assert type(ends["save"]) is NotDownloaded
    assert [error for error in ends.values() if "did not answer within 30 seconds" not in str(error)] == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("what", BODIES)
def test_a_body_that_does_not_come_in_time_is_broken(tmp_path: Path, end: End, what: str) -> None:
    """However slowly the rest of an answer drips, each call ends in time with `BrokenAnswer`."""
    with hostile(dripping(*BODIES[what], end)) as server:
        ends = outcomes(server.url, tmp_path)
    assert {type(error) for error in ends.values()} == {BrokenAnswer}
    assert [error for error in ends.values() if "did not come within 30 seconds" not in str(error)] == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_an_error_whose_words_do_not_come_in_time_is_told_by_its_status(tmp_path: Path, end: End) -> None:
    """The body of an error that drips keeps nobody: its status is known."""
    refusal = b"HTTP/1.1 500 Said\r\nContent-Length: 1000\r\n\r\n"
    with hostile(dripping(refusal, b" ", end)) as server:
        ends = outcomes(server.url, tmp_path)
    assert type(ends.pop("save")) is NotDownloaded
    assert {type(error) for error in ends.values()} == {ServerError}


@pytest.mark.parametrize(("what", "kind"), [("header", NoAnswer), ("body", BrokenAnswer), ("chunks", BrokenAnswer)])
def test_deadlines_hold_over_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: End, what: str, kind: type[ApiError]
) -> None:
    """They hold for https as for http."""
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(CERTIFICATE))
    with hostile(dripping(*{**HEADS, **BODIES}[what], end), tls=True) as server:
        ends = outcomes(server.url, tmp_path)
        assert server.requests
    assert type(ends.pop("save")) is (NotDownloaded if kind is NoAnswer else kind)
    assert {type(error) for error in ends.values()} == {kind}


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_deadlines_hold_through_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: End, scheme: str) -> None:
    """A proxy that drips, in its own answer or another's, keeps nobody either."""
    with hostile(dripping(*HEADS["header"], end)) as proxy:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        ends = outcomes(f"{scheme}://api.example", tmp_path)
        method = b"CONNECT api.example:443 " if scheme == "https" else b"POST http://api.example/v1/"
        assert [request for request in proxy.requests if request.startswith(method)]
    assert type(ends.pop("save")) is NotDownloaded
    assert {type(error) for error in ends.values()} == {NoAnswer}


@pytest.mark.usefixtures("names", "end")
def test_a_proxy_that_breaks_off_may_have_passed_the_request_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is reset after the request was sent is no answer, though a proxy did it: it may be billed."""

    def reset(server: Hostile, connection: socket.socket) -> None:
        server.requests.append(received(connection))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with hostile(reset) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        ends = outcomes("http://api.example", tmp_path)
        assert proxy.requests
    assert type(ends.pop("save")) is NotDownloaded
    assert {type(error) for error in ends.values()} == {NoAnswer}


def test_many_addresses_that_do_not_answer_share_the_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with many dead addresses takes no longer than one with a single one, and nothing was sent."""
    monkeypatch.setattr("mockling.client.patience.LAST", 0.1)
    with deaf() as port:
        address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [address] * 8)
        ends = outcomes(f"http://127.0.0.1:{port}", tmp_path, SHORT)
    assert type(ends.pop("save")) is NotDownloaded
    assert {type(error) for error in ends.values()} == {NotSent}


def test_a_storage_that_reads_too_slowly_is_no_answer(tmp_path: Path, end: End) -> None:
    """An upload whose bytes are taken one by one ends when its time is over, though none of its answer was read."""
    (tmp_path / "a.png").write_bytes(PNG.ljust(12 * 1024**2))  # 16 MiB as they are sent
    with hostile(sipping(1, http(200), end)) as server:
        error = outcome(lambda: Client(KEY, server.url, SECONDS).upload(tmp_path / "a.png"))
    assert type(error) is NoAnswer
    assert "did not answer within 158 seconds. An upload costs nothing" in str(error)


def test_an_upload_may_take_longer_than_connecting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file goes through a slow line while there is time."""
    monkeypatch.setattr("mockling.client.connections.CONNECT_TIMEOUT", 0.1)
    (tmp_path / "a.png").write_bytes(PNG.ljust(12 * 1024**2))
    with hostile(sipping(2**19, http(200, b'{"file_urls": ["https://images.example/a"]}'))) as server:
        assert Client(KEY, server.url, 10).upload(tmp_path / "a.png") == "https://images.example/a"


def test_a_download_may_be_silent_for_its_time_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stalled download ends with its deadline, and seconds that are none are told."""
    with scripted(None) as server:
        end_calls(monkeypatch, server.silent)
        assert type(outcome(lambda: link(server.url).save(tmp_path / "a"))) is NotDownloaded
    with pytest.raises(ValueError, match="timeout must be a number of seconds above 0"):
        link("http://127.0.0.1:9").save(tmp_path / "a", timeout=0)


def test_a_call_in_time_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline that was not needed ends with its call: no open connection stays."""
    kept: list[socket.socket] = []
    duplicate = socket.socket.dup
    monkeypatch.setattr("socket.socket.dup", lambda one: kept.append(duplicate(one)) or kept[-1])
    with scripted(http(200, b'{"credits": 1}')) as server:
        assert Client(KEY, server.url).credits() == 1
    assert [one.fileno() for one in kept] == [-1]
