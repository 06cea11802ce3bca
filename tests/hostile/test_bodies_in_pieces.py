"""Bodies that come little by little: what is just small enough, what is a byte too large, and whose turn it is."""

import gc
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from io import BytesIO
from threading import Event
from typing import Any

import pytest
import requests
from calling import V1

from hostile.callers import CHUNKED, CREDITS, ME, connect, everything, refused
from mockling.emulator import Emulator
from mockling.emulator.http.reading import read_body
from mockling.emulator.listening.protocol import Protocol
from mockling.emulator.signs import CONTROL

LIMIT = 20_000  # bytes of a body, so that few are needed; four such bodies may be on their way at once
POST = f"POST {V1} HTTP/1.1\r\n{ME}content-type: application/json\r\n"
END = b"0\r\n\r\n"


@pytest.fixture(scope="module")
def small() -> Iterator[Emulator]:
    """An emulator that takes small bodies alone."""
    with Emulator(speed="instant", requests_per_minute="off", contract={"x-limits": {"body_bytes": LIMIT}}) as running:
        yield running


@pytest.fixture
def others(small: Emulator) -> Iterator[requests.Session]:
    """A caller whose small requests are answered whatever the others do."""
    with requests.Session() as session:
        yield session
        assert session.get(small.url, timeout=30).status_code == 404


def padded(sample: dict[str, Any], size: int) -> bytes:
    """Return the sample as a body of so many bytes."""
    return json.dumps(sample).encode().ljust(size)


def chunks(body: bytes, size: int = LIMIT) -> list[bytes]:
    """Return a body in chunks of a size, without their end."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]


def send(server: Emulator, others: requests.Session, caller: socket.socket, pieces: list[bytes]) -> None:
    """Send pieces, each when the server has taken the one before, for it has answered someone else since."""
    for piece in pieces:
        caller.sendall(piece)
        assert others.get(server.url, timeout=30).status_code == 404


def pieces_of(framing: str, body: bytes) -> list[bytes]:
    """Return a request in the pieces in which it is sent."""
    if framing.startswith("content-length"):
        head = f"{POST}content-length: {len(body)}\r\n\r\n".encode()
        return [head, body[:9000], body[9000:-1], body[-1:]]
    head = f"{CHUNKED}{ME[9:]}\r\n".encode()
    match framing:
        case "chunks in one piece":
            return [head + b"".join(chunks(body)) + END]
        case "chunks and then their end":
            return [head, *chunks(body, 9000), END]
        case "chunks with their end":
            *most, last = chunks(body, 9000)
            return [head, *most, last + END]
    raise AssertionError(framing)


@pytest.mark.parametrize(("size", "status"), [(LIMIT - 1, 200), (LIMIT, 200), (LIMIT + 1, 413)])
@pytest.mark.parametrize(
    "framing", ["content-length", "chunks in one piece", "chunks and then their end", "chunks with their end"]
)
def test_a_body_of_the_limit_is_taken_and_not_a_byte_more(
    small: Emulator, others: requests.Session, sample: dict[str, Any], framing: str, size: int, status: int
) -> None:
    """A body at the limit is taken and recorded in full; one byte more gets 413, and its size is recorded (G22)."""
    body = padded(sample, size)
    with connect(small) as caller:
        send(small, others, caller, pieces_of(framing, body))
        assert caller.recv(65536).startswith(b"HTTP/1.1 %d " % status)
        exchange = next(one for one in reversed(small.journal) if one.operation == "generate")
        caller.sendall(CREDITS)
        assert caller.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert (exchange.status, exchange.request.size) == (status, size)
    assert exchange.request.body == (body if status == 200 else b"")


def taken(caller: socket.socket, patience: float | None = 30) -> bytes:
    """Return the first line of a response; nothing if there is none at once."""
    caller.settimeout(patience)
    try:
        return caller.recv(65536).partition(b"\r\n")[0]
    except BlockingIOError:
        return b""


@pytest.mark.parametrize("leaves", [False, True])
def test_who_finds_no_room_waits_for_the_one_before(
    small: Emulator, others: requests.Session, sample: dict[str, Any], leaves: bool
) -> None:
    """Only as many large bodies as fit are read concurrently; the next waits until one ends or its client leaves."""
    small.reset()  # which makes no more room
    body = padded(sample, LIMIT)
    beginning = [f"{CHUNKED}{ME[9:]}\r\n".encode(), *chunks(body[:9000]), *chunks(body[9000:-1])]
    end = chunks(body[-1:])[0] + END
    for _ in range(3):
        with ExitStack() as connections:
            callers = [connections.enter_context(connect(small)) for _ in range(7)]
            for caller in callers:
                send(small, others, caller, beginning)
            *first, alone, next_one, last = callers
            for waiting in (last, next_one):
                send(small, others, waiting, [end])
                assert taken(waiting, 0) == b""
            for caller in reversed(first):  # none waits for another
                send(small, others, caller, [end])
                assert taken(caller) == b"HTTP/1.1 200 OK"
            if leaves:
                alone.close()
            else:
                send(small, others, alone, [end])
                assert taken(alone) == b"HTTP/1.1 200 OK"
            assert [taken(waiting) for waiting in (next_one, last)] == [b"HTTP/1.1 200 OK"] * 2


@pytest.mark.parametrize(("more", "bound"), [(200_000, "MOST_DRAINED"), (1, "LONGEST_DRAIN")])
def test_a_body_that_is_too_large_is_read_on_for_a_while(
    small: Emulator, others: requests.Session, monkeypatch: pytest.MonkeyPatch, more: int, bound: str
) -> None:
    """A client that never ends its body gets 413 once it reaches the byte limit or the time limit."""
    monkeypatch.setattr(f"mockling.emulator.listening.bodies.{bound}", 0.01 if bound == "LONGEST_DRAIN" else 100_000)
    with connect(small) as caller:
        caller.settimeout(8)  # less than it takes by itself
        send(small, others, caller, [f"{CHUNKED}{ME[9:]}\r\n".encode(), *chunks(b" " * (LIMIT + more))])
        assert caller.recv(12) == b"HTTP/1.1 413"


@pytest.mark.parametrize("framing", ["content-length", "chunks"])
def test_who_sends_all_first_can_read_that_it_is_too_much(small: Emulator, framing: str) -> None:
    """A too large body is read to its end where the connection ends after it, and only then refused."""
    body = b" " * 5_000_000
    with connect(small) as caller:
        if framing == "chunks":
            caller.sendall(f"{CHUNKED}connection: close\r\n{ME[9:]}\r\n".encode())
            caller.sendall(b"".join(chunks(body, 100_000)) + END)
        else:
            caller.sendall(f"{POST}connection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode())
            caller.sendall(body)
        assert refused(everything(caller))[0] == 413


def test_what_controls_takes_no_room_for_long_and_is_no_call(small: Emulator, others: requests.Session) -> None:
    """A body for the control API is read as any other, given back, and recorded nowhere, nor is one that breaks off."""
    small.journal.clear()
    body = json.dumps({"nothing": "x" * (LIMIT - 1000)}).encode()
    for _ in range(8):
        with connect(small) as caller:
            head = f"POST {CONTROL}/nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            send(small, others, caller, [head, body[:9000], body[9000:-1]])
            caller.sendall(body[-1:])
            assert caller.recv(65536).startswith(b"HTTP/1.1 4")
    with connect(small) as caller:
        send(small, others, caller, [head, body[:9000]])
    for _ in range(3):
        others.get(small.url, timeout=30)
    assert {exchange.path for exchange in small.journal} == {"/"}


def test_a_body_is_forgotten_while_its_call_is_held(sample: dict[str, Any]) -> None:
    """A call that waits keeps no more of its body than the journal will, and that is recorded when it ends."""
    with Emulator(speed="manual") as server, connect(server) as caller:
        others = {id(one) for one in gc.get_objects() if isinstance(one, BytesIO)}
        body = padded(sample, 10**6)
        caller.sendall(f"{POST}content-length: {len(body)}\r\n\r\n".encode() + body)
        while not server.held:
            requests.get(server.url, timeout=30)
        gc.collect()
        made = [one for one in gc.get_objects() if isinstance(one, BytesIO) and id(one) not in others]
        assert [one for one in made if one.getbuffer().nbytes >= 10**6] == []
        server.clock.advance(1000)
        assert caller.recv(12) == b"HTTP/1.1 200"
        exchange = next(one for one in server.journal if one.operation == "generate")
        assert (exchange.request.size, exchange.request.body) == (10**6, body[: 64 * 1024])


def test_who_waits_for_room_is_not_too_slow(sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller whose body is not read on, for there is no room, has all the time it takes, unlike one who dawdles."""
    go_on, size = Event(), 300_000
    monkeypatch.setattr(
        "mockling.emulator.http.generations.read_body", lambda *rest: go_on.wait(30) and read_body(*rest)
    )
    limits = {"x-limits": {"body_bytes": size}}
    body = padded(sample, size)
    with Emulator(speed="instant", contract=limits) as server, ExitStack() as connections, requests.Session() as others:
        callers = [connections.enter_context(connect(server)) for _ in range(6)]
        for caller in callers:
            send(server, others, caller, [f"{CHUNKED}{ME[9:]}\r\n".encode(), *chunks(body, 60_000), END])
        dawdling = connections.enter_context(connect(server))
        send(server, others, dawdling, [b"GET /a HT"])
        loop, connected = server._listener.loop, list(server._listener._state.connections)
        for one in connected:
            assert isinstance(one, Protocol)
            server._in_loop(partial(one.check_pace, loop.time() + 10**6, 60))
        assert dawdling.recv(12) == b"HTTP/1.1 408"
        go_on.set()
        assert [caller.recv(12) for caller in callers] == [b"HTTP/1.1 200"] * 6
