"""Nothing in the suite, nor anything it starts, talks to another machine."""

import socket
import subprocess
import sys

import pytest

from mockling.emulator import Emulator

ELSEWHERE = "203.0.113.1"  # an address reserved for documentation


def test_the_suite_cannot_connect_beyond_loopback() -> None:
    """A connection to another machine is refused before a packet leaves."""
    with socket.socket() as outward, pytest.raises(PermissionError, match="stay on loopback"):
        outward.connect((ELSEWHERE, 80))


def test_the_suite_cannot_look_up_names() -> None:
    """A name is not even looked up."""
    with pytest.raises(PermissionError, match="stay on loopback"):
        socket.getaddrinfo("example.com", 80)


def test_the_suite_cannot_listen_to_others() -> None:
    """Nor may anything listen at an address that others reach."""
    for everywhere in ("", "0.0.0.0"):
        with socket.socket() as listener, pytest.raises(PermissionError, match="stay on loopback"):
            listener.bind((everywhere, 0))


def test_programs_the_suite_starts_cannot_connect_beyond_loopback() -> None:
    """A Python program started by a test is under the same guard."""
    program = f"import socket; socket.socket().connect(({ELSEWHERE!r}, 80))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "PermissionError: the tests stay on loopback" in ended.stderr


def test_the_emulator_listens_on_loopback_alone(emulator: Emulator) -> None:
    """Unless asked otherwise the emulator is bound to 127.0.0.1, not to every address."""
    port = int(emulator.url.rpartition(":")[2])
    assert emulator.url == f"http://127.0.0.1:{port}"
    with socket.socket() as other, pytest.raises(ConnectionRefusedError):
        other.connect(("127.0.0.2", port))
