"""What the tests of hostile servers and callers share."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from hostile.callers import calling, connect
from mockling.emulator import Emulator


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every name ending in .example be this machine's, as if it were elsewhere."""
    look_up = socket.getaddrinfo

    def look_up_here(host: str, *arguments: Any, **more: Any) -> Any:
        return look_up("127.0.0.1" if host.endswith(".example") else host, *arguments, **more)

    monkeypatch.setattr("socket.getaddrinfo", look_up_here)


@pytest.fixture
def server(sample: dict[str, Any]) -> Iterator[Emulator]:  # noqa: ARG001 - the contract is loaded before
    """An emulator that answers at once, and still does so when the test is over."""
    with Emulator(speed="instant", requests_per_minute="off") as emulator:
        yield emulator
        assert requests.get(f"{emulator.url}/after", timeout=10).status_code == 404


@pytest.fixture
def held(sample: dict[str, Any]) -> Iterator[tuple[Emulator, socket.socket]]:
    """An emulator, and a connection on which it holds a call."""
    with Emulator(speed="manual", requests_per_minute="off") as server, connect(server) as caller:
        caller.sendall(calling(sample))
        yield server, caller
