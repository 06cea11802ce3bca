"""Callers who leave: in the middle of a body, while they are held, in a download. Each is recorded once."""

import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from calling import GOOD_KEY, SLUG, STEADY, V1, make_key, post

from mockling.emulator import Emulator, Exchange


def connect(emulator: Emulator, sent: bytes) -> socket.socket:
    """Send bytes, and leave whatever comes back unread."""
    caller = socket.socket()
    caller.settimeout(30)
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    caller.connect(("127.0.0.1", urlsplit(emulator.url).port or 0))
    caller.sendall(sent)
    return caller


def last(emulator: Emulator, calls: int) -> Exchange:
    """Wait until there are so many exchanges, and return the last; there is not one more a moment later."""
    end = time.monotonic() + 10
    while len(emulator.journal) < calls and time.monotonic() < end:
        time.sleep(0.001)
    (*_, exchange) = emulator.journal
    assert len(emulator.journal) == calls
    return exchange


def head_of(body: bytes, path: str = V1) -> bytes:
    """Return a request up to its body."""
    head = f"POST {path}?a=b HTTP/1.1\r\nHost: x\r\nx-api-key: {GOOD_KEY}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()


def test_a_caller_who_leaves_in_a_body_is_recorded(sample: dict[str, Any]) -> None:
    """The call that never was whole has no status, costs nothing, and starts nothing."""
    body = json.dumps(sample).encode()
    with Emulator(speed="instant") as emulator:
        connect(emulator, head_of(body) + body[:-1]).close()
        exchange = last(emulator, 1)
        assert (exchange.status, exchange.response, exchange.request_id) == (None, None, None)
        assert (exchange.method, exchange.path, exchange.key) == ("POST", f"{V1}?a=b", f"...{GOOD_KEY[-4:]}")
        assert ("content-type", "application/json") in exchange.request.headers
        assert exchange.request.size == len(body)
        assert exchange.cost == 0
        assert post(emulator, sample, make_key()).status_code == 200
        assert len(emulator.journal) == 2


def test_a_caller_who_leaves_while_held_is_recorded_and_pays(sample: dict[str, Any]) -> None:
    """He is recorded when he leaves, once, with what he sent; and pays when the generation has ended (M6)."""
    body = json.dumps(sample).encode()
    with Emulator(speed="manual", contract=STEADY) as emulator:
        caller = connect(emulator, head_of(body) + body)
        while not emulator.held:
            time.sleep(0.001)
        assert len(emulator.journal) == 0
        caller.close()
        exchange = last(emulator, 1)
        assert (exchange.status, exchange.response, exchange.request.body) == (None, None, body)
        assert (exchange.cost, exchange.operation) == (0, "generate")
        emulator.clock.advance(600)
        assert float(emulator.journal[0].cost) == 2.1
        balance = requests.get(f"{emulator.url}/v1/get-user-credits", headers={"x-api-key": GOOD_KEY}, timeout=30)
        assert balance.json()["credits"] == 97.9
        assert len(emulator.journal) == 2


@pytest.mark.parametrize("part", ["", "Range: bytes=5-\r\n"])
def test_a_caller_who_leaves_in_a_download_is_recorded(sample: dict[str, Any], part: str) -> None:
    """Whoever breaks off a download of some megabytes got no whole response, and the journal says so."""
    longer = {"x-models": {SLUG: {"output": {"seconds": {"per": {"duration": 10}}}}}}  # than what sockets hold
    with Emulator(speed="instant", contract=longer) as emulator:
        url = post(emulator, {**sample, "duration": "15"}, make_key()).json()["output"]
        caller = connect(emulator, f"GET {urlsplit(url).path} HTTP/1.1\r\nHost: x\r\n{part}\r\n".encode())
        assert caller.recv(1000)
        caller.close()
        exchange = last(emulator, 2)
        assert (exchange.operation, exchange.status, exchange.response) == ("download", None, None)
        assert exchange.path == urlsplit(url).path
        assert requests.get(url, timeout=30).status_code == 200
        assert len(emulator.journal) == 3
