"""What the benchmarks share: the POST they send, and servers that run while they measure."""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from mockling.contract import load

WORK = Path(__file__).parent / ".work"  # git ignores it
HOST = "127.0.0.1"
MOCKLING = str(Path(sys.executable).with_name("mockling"))
CONTRACT = load()
BODY = json.dumps({**CONTRACT.model.example, "video_url": "https://example.com/input.mp4"}).encode()
START_LIMIT = 60.0  # seconds


def options_of(about: str | None, *, rounds: int | None = None) -> argparse.ArgumentParser:
    """Return a parser of options, which shows the text of a script; `rounds` is how many it measures by default."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    if rounds is not None:
        parser.add_argument("--rounds", type=int, default=rounds)
        parser.add_argument("--warm-up", type=int, default=1, help="rounds before them, which do not count")
    return parser


def post(port: int, body: bytes = BODY, path: str = CONTRACT.path("generate")) -> bytes:
    """Return a POST as it is on the wire."""
    head = f"POST {path} HTTP/1.1\r\nhost: {HOST}:{port}\r\nx-api-key: SG_0123456789abcdef\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def serve(*options: str) -> tuple[str, ...]:
    """Return the command that starts Mockling with credits that do not run out, without its port."""
    return MOCKLING, "serve", "--credits", "1000000000", *options, "--port"


def free_port() -> int:
    """Return a port nobody listens at."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def ask(port: int, request: bytes) -> tuple[int, bytes]:
    """Send one request on a connection of its own and return the answer's status and body."""
    with socket.create_connection((HOST, port), timeout=START_LIMIT) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as answer:
            status, length = int(answer.readline().split()[1]), 0
            while line := answer.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            return status, answer.read(length)


@contextmanager
def running(command: Sequence[str], port: int, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for as long as the block lasts, which begins when it listens."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, env={**os.environ, **(env or {})})
    try:
        wait_until_listening(process, port)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    """Try to connect every other millisecond; exit if the server ends or does not listen in time."""
    deadline = time.monotonic() + START_LIMIT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.002)
        else:
            return
    sys.exit(f"{process.args!r} does not listen at port {port}.")


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Return the median, minimum and maximum as three cells of a table."""
    return "".join(f"{value:>10,.{digits}f}" for value in (median(values), min(values), max(values)))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
