"""Heads, trailers and pipelines without an end, other protocols, slow callers: bounded, and told why."""

import gc
import json
import re
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import product
from typing import Any

import pytest
import requests
from calling import GOOD_KEY, V1

from hostile.callers import CHUNKED, CREDITS, LAST, ME, calling, connect, everything, flood, refused
from mockling.emulator import Emulator
from mockling.emulator.listening import listener, protocol


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an emulator look often at who is too slow."""
    monkeypatch.setattr(listener, "TICK", 0.02)


@pytest.mark.parametrize(
    ("begin", "block"),
    [
        *product([b"GET / HTTP/1.1\r\n", b"GET /"], [b"X-A: b\r\n", b"a", b"X-A: " + b"b" * 999 + b"\r\n"]),
        (b"", b"\r\n"),
        (b"", b"a"),
    ],
)
def test_a_head_has_an_end(server: Emulator, begin: bytes, block: bytes) -> None:
    """However a head goes on and on, it is refused with 431 (or as no HTTP), readable though 4 MB were sent."""
    with connect(server) as caller:
        caller.sendall(begin)
        assert flood(caller, block * 1000, 4_000_000) >= 4_000_000
        status, text = refused(everything(caller))
    assert (status, "too large" in text) == (431, True) or status == 400
    assert len(server.journal) == 0


@pytest.mark.parametrize(("lines", "status"), [(199, 404), (200, 431)])
def test_headers_are_counted(server: Emulator, lines: int, status: int) -> None:
    """With `Host` there may be 200 of them."""
    with connect(server) as caller:
        caller.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * lines + b"\r\n")
        assert refused(caller.recv(65536))[0] == status


@pytest.mark.parametrize(("size", "status"), [(protocol.MOST_HEAD, 404), (protocol.MOST_HEAD + 1, 431)])
@pytest.mark.parametrize("step", [1000, 10**6])
def test_a_head_has_a_size(server: Emulator, size: int, status: int, step: int) -> None:
    """A head whose path, names and values have 64 KiB is taken, and a larger one refused, however it comes."""
    head = b"GET /a HTTP/1.1\r\nHost: x\r\nX-A: " + b"b" * (size - len("/aHostxX-A")) + b"\r\n\r\n"
    with connect(server) as caller:
        for start in range(0, len(head), step):
            caller.sendall(head[start : start + step])
        assert refused(caller.recv(65536))[0] == status


def test_a_trailer_is_as_long_as_a_head(server: Emulator) -> None:
    """Each has its own bound, and so has the head of the next request."""
    long = b"X-A: " + b"b" * (protocol.MOST_HEAD - 200) + b"\r\n"
    asked = (
        b"POST /a HTTP/1.1\r\nHost: x\r\ntransfer-encoding: chunked\r\n"
        + long
        + b"\r\n1\r\na\r\n0\r\n"
        + long
        + b"\r\n"
    )
    with connect(server) as caller:
        for _ in range(3):
            caller.sendall(asked)
            assert refused(caller.recv(65536))[0] == 404


def test_so_many_requests_of_a_connection_wait(held: tuple[Emulator, socket.socket]) -> None:
    """Behind a held request about a hundred pipelined requests are parsed, and the rest is left unparsed."""
    server, caller = held
    caller.sendall(CREDITS * 1000)
    while not server.held:
        requests.get(server.url, timeout=30)
    for _ in range(3):
        requests.get(server.url, timeout=30)
    most = max(len(getattr(one, "pipeline", ())) for one in server._listener._state.connections)
    assert protocol.MOST_QUEUED <= most <= protocol.MOST_QUEUED + protocol.PIECE / len(CREDITS)


def refused_callers(server: Emulator) -> int:
    """Return how many connections are open on which nothing is taken any more."""
    return sum(getattr(one, "_ignored", None) is not None for one in list(server._listener._state.connections))


def test_who_goes_on_after_a_refusal_is_cut_off(server: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error response further data is ignored up to a byte or time limit; then the connection is closed."""
    monkeypatch.setattr(protocol, "MOST_IGNORED", 200_000)
    with connect(server) as caller:
        caller.sendall(b"rubbish\r\n\r\n")
        assert refused(caller.recv(65536))[0] == 400
        caller.sendall(b"x" * 200_000)
        for _ in range(3):
            requests.get(server.url, timeout=30)
        assert refused_callers(server) == 1
        caller.sendall(b"x")
        for _ in range(1000):
            if not refused_callers(server):
                break
            requests.get(server.url, timeout=30)
        assert refused_callers(server) == 0
        assert flood(caller, b"x" * 1000, 50_000_000, 5) < 50_000_000
    monkeypatch.undo()
    monkeypatch.setattr(protocol, "LINGER", 0.01)
    with connect(server) as caller:
        caller.sendall(b"rubbish\r\n\r\n")
        assert refused(caller.recv(65536))[0] == 400
        assert flood(caller, b"x", 10**6) < 10**6


def test_a_connection_that_was_reset_is_forgotten_at_once(server: Emulator) -> None:
    """Nothing of it waits for the end of its idle time."""
    with connect(server) as caller:
        caller.sendall(CREDITS)
        assert caller.recv(12) == b"HTTP/1.1 200"
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for _ in range(3):
        requests.get(server.url, headers={"connection": "close"}, timeout=30)
    gc.collect()
    loop = server._listener.loop
    assert [one for one in gc.get_objects() if type(one) is protocol.Protocol and one.loop is loop] == []


def test_a_held_call_is_not_idle(sample: dict[str, Any]) -> None:
    """A call on a connection that was idle before waits as long as it must."""
    with Emulator(speed="manual") as server, connect(server) as caller:
        caller.sendall(CREDITS)
        assert caller.recv(12) == b"HTTP/1.1 200"
        caller.sendall(calling(sample))
        while not server.held:
            requests.get(server.url, headers={"connection": "close"}, timeout=30)
        me = caller.getsockname()
        (connection,) = [one for one in server._listener._state.connections if getattr(one, "client", None) == me]
        assert getattr(connection, "timeout_keep_alive_task", 0) is None


def test_an_idle_connection_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server closes a connection that is idle for `KEEP_ALIVE` seconds."""
    monkeypatch.setattr(listener, "KEEP_ALIVE", 0.05)
    with Emulator(speed="instant") as server, connect(server) as caller:
        caller.sendall(CREDITS)
        assert everything(caller).count(b"HTTP/1.1 200") == 1


def test_a_key_in_a_trailer_is_none(server: Emulator) -> None:
    """What follows a body is not what was asked at its head."""
    with connect(server) as caller:
        caller.sendall(f"{CHUNKED}\r\n2\r\n{{}}\r\n0\r\nx-api-key: {GOOD_KEY}\r\n\r\n".encode())
        assert refused(caller.recv(65536))[0] == 401


@pytest.mark.parametrize("block", [b"X-A: b\r\n", b"a" * 999])
@pytest.mark.parametrize("begin", [b"2\r\n{}\r\n0\r\n", b"2;"], ids=["trailers", "an extension of a chunk"])
def test_what_surrounds_a_body_has_an_end(server: Emulator, begin: bytes, block: bytes) -> None:
    """Endless trailers, or notes beside a chunk, are 431; the call is recorded as one that broke off."""
    with connect(server) as caller:
        caller.sendall(f"{CHUNKED}{ME[9:]}\r\n".encode() + begin)
        sent = flood(caller, block * 1000, 4_000_000)
        assert refused(everything(caller))[0] in (400, 431)
    assert sent >= 4_000_000
    requests.get(f"{server.url}/next", timeout=5)
    assert server.journal[0].status is None


def test_who_is_refused_within_a_large_body_is_read_on(server: Emulator) -> None:
    """A refusal amid a body that comes faster than it is taken can be read by who first sends all of it."""
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    for _ in range(3):
        with connect(server) as caller:
            caller.settimeout(8)  # before a refused caller is cut off
            caller.sendall(f"{CHUNKED}{ME[9:]}\r\n".encode())
            caller.sendall(chunk * 40 + b"rubbish\r\n" + b"y" * 8_000_000)
            assert refused(caller.recv(65536))[0] == 400


def test_a_pipeline_has_an_end(held: tuple[Emulator, socket.socket]) -> None:
    """What is sent behind a held call, on and on, is read up to a bound."""
    assert flood(held[1], CREDITS * 100, 60_000_000, 0.2) < 20_000_000


def test_what_waits_in_a_pipeline_is_answered(held: tuple[Emulator, socket.socket]) -> None:
    """However many requests were sent behind a held call, each is answered, once, after it."""
    server, caller = held
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(caller.sendall, CREDITS * 600 + LAST)
        server.clock.advance(10_000)
        while not server.journal:
            server.clock.advance(10_000)
        answers = everything(caller)
        sending.result()
    assert answers.count(b"HTTP/1.1 200 OK") == 602
    assert answers.startswith(b"HTTP/1.1 200 OK")
    assert b"x-request-id" in answers.partition(b"HTTP/1.1 200 OK")[2].partition(b"HTTP/1.1")[0]


def test_answers_that_nobody_reads_have_an_end(server: Emulator) -> None:
    """Who sends on and on and never reads is not read from any more."""
    with connect(server, receives=4096) as caller:
        assert flood(caller, CREDITS * 100, 60_000_000, 0.2) < 20_000_000


UPGRADE = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"


@pytest.mark.parametrize("step", [1, 7, 10**6])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("upgrade", [UPGRADE, "Connection: upgrade\r\nUpgrade: websocket\r\n"])
def test_a_wish_for_another_protocol_is_ignored(
    server: Emulator, sample: dict[str, Any], upgrade: str, chunked: bool, step: int
) -> None:
    """A request with `Upgrade` is answered over HTTP/1.1 as any other, body and all, and so is the one after it."""
    body = json.dumps(sample).encode()
    framing = "transfer-encoding: chunked" if chunked else f"content-length: {len(body)}"
    sent = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    head = f"POST {V1} HTTP/1.1\r\n{ME}{upgrade}content-type: application/json\r\n{framing}\r\n\r\n"
    whole = head.encode() + sent + f"GET /v1/get-user-credits HTTP/1.1\r\n{ME}{upgrade}\r\n".encode() + LAST
    with connect(server) as caller:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(whole), step):
            caller.sendall(whole[start : start + step])
        answers = everything(caller)
    assert answers.count(b"HTTP/1.1 200 OK") == 3
    assert [exchange.operation for exchange in server.journal] == ["generate", "credits", "credits"]
    assert server.journal[0].request.body == body


@pytest.mark.usefixtures("often")
def test_a_line_end_behind_a_call_ends_nothing(sample: dict[str, Any]) -> None:
    """A caller who sends an empty line while he waits, or the beginning of his next request, gets his video."""
    with Emulator(speed="manual", receive_timeout=0.5) as server, ExitStack() as connections:
        callers = [connections.enter_context(connect(server)) for _ in range(2)]
        for caller, behind in zip(callers, (b"\r\n", b"GET /a HT"), strict=True):
            caller.sendall(calling(sample) + behind)
        for _ in range(2):
            with connect(server) as slow:  # who came later and is refused for it
                slow.sendall(b"GET /a HT")
                assert refused(everything(slow))[0] == 408
        callers[0].sendall(LAST)
        callers[1].sendall(b"TP/1.1\r\nHost: x\r\nconnection: close\r\n\r\n")
        requests.get(server.url, timeout=30)
        server.clock.advance(1000)
        statuses = [re.findall(rb"HTTP/1.1 (\d+)", everything(caller)) for caller in callers]
    assert statuses == [[b"200", b"200"], [b"200", b"404"]]


def test_rubbish_behind_a_call_ends_the_connection_after_it(held: tuple[Emulator, socket.socket]) -> None:
    """What is no HTTP behind a held call does not take its response away."""
    server, caller = held
    caller.sendall(b"rubbish\r\n\r\n")
    while not server.held:
        requests.get(server.url, timeout=5)
    server.clock.advance(1000)
    answer = everything(caller)
    assert answer.startswith(b"HTTP/1.1 200") and answer.count(b"HTTP/1.1") == 1


@pytest.mark.usefixtures("often")
def test_slow_callers_are_ended() -> None:
    """Half a head or half a body is 408, and a connection nobody speaks on is closed in silence."""
    with Emulator(receive_timeout=0.5) as server:
        for begin, told in ((b"GET /a HTTP/1.1\r\nX-A", 408), (b"", None), (CHUNKED.encode() + b"\r\n2\r\n{", 408)):
            with connect(server) as caller:
                caller.sendall(begin)
                answer = everything(caller)
            assert (refused(answer)[0] if answer else None) == told
        requests.get(f"{server.url}/next", timeout=5)
        assert server.journal[0].status is None
