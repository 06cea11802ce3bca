"""Callers of an emulator that send what no ordinary client does."""

import json
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from calling import GOOD_KEY, V1

from mockling.emulator import Emulator

ME = f"Host: x\r\nx-api-key: {GOOD_KEY}\r\n"
LAST = f"GET /v1/get-user-credits HTTP/1.1\r\n{ME}connection: close\r\n\r\n".encode()
CREDITS = f"GET /v1/get-user-credits HTTP/1.1\r\n{ME}\r\n".encode()
CHUNKED = f"POST {V1} HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n"


def connect(server: Emulator, receives: int = 65536) -> socket.socket:
    """Return a connection."""
    caller = socket.socket()
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    caller.settimeout(20)
    caller.connect(("127.0.0.1", urlsplit(server.url).port or 0))
    return caller


def everything(caller: socket.socket) -> bytes:
    """Return all that is sent until the connection ends."""
    received = b""
    try:
        while block := caller.recv(65536):
            received += block
    except ConnectionResetError:
        pass
    return received


def flood(caller: socket.socket, block: bytes, most: int, patience: float = 20) -> int:
    """Send a block again and again, until so many bytes were sent or nobody takes any more; return the bytes sent."""
    caller.settimeout(patience)
    sent = 0
    try:
        while sent < most:
            sent += caller.send(block[sent % len(block) :])
    except (TimeoutError, OSError):
        pass
    caller.settimeout(20)
    return sent


def refused(answer: bytes) -> tuple[int, str]:
    """Return the status and the text of a response."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]


@contextmanager
def serving(*options: str, files: int | None = None) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Run `mockling serve` with at most so many open files, its output a pipe that nobody reads; give its address."""

    def limit() -> None:
        if files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mockling.cli", "serve", "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=limit)
    assert process.stdout
    process.stdout.peek(1)  # type: ignore[attr-defined] # it is buffered; the address is there once it has begun
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def calling(sample: dict[str, Any]) -> bytes:
    """Return the request that generates the sample."""
    body = json.dumps(sample).encode()
    head = f"POST {V1} HTTP/1.1\r\n{ME}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
