"""What the tests of hostile servers share."""

import socket
from typing import Any

import pytest


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every name ending in .example be this machine's, as if it were elsewhere."""
    look_up = socket.getaddrinfo

    def look_up_here(host: str, *arguments: Any, **more: Any) -> Any:
        return look_up("127.0.0.1" if host.endswith(".example") else host, *arguments, **more)

    monkeypatch.setattr("socket.getaddrinfo", look_up_here)
