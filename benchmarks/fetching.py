"""A caller that fetches a generated file over and over, in a process of its own so that nothing else slows it."""

from __future__ import annotations

import multiprocessing
import socket
import time
from multiprocessing.connection import Connection

from common import HOST

PAUSE = 0.005  # seconds between two requests


class Fetching:
    """GETs of the first KiB of a file, each followed by a HEAD, on one connection, until `stop` is called."""

    def __init__(self, port: int, path: str) -> None:
        self._results, theirs = multiprocessing.Pipe()
        multiprocessing.Process(target=_fetch, args=(port, path, theirs), daemon=True).start()
        theirs.close()  # so that `stop` ends if the process has

    def stop(self) -> list[tuple[float, float]]:
        """Return when (`time.monotonic`) each request began, and how many seconds it took."""
        self._results.send(None)
        times: list[tuple[float, float]] = self._results.recv()
        return times


def _fetch(port: int, path: str, results: Connection) -> None:
    times: list[tuple[float, float]] = []
    with socket.create_connection((HOST, port)) as connection:
        while not results.poll(PAUSE):
            method, length, status = (("GET", 1024, b"206"), ("HEAD", 0, b"200"))[len(times) % 2]
            start = time.monotonic()
            connection.sendall(f"{method} {path} HTTP/1.1\r\nhost: {HOST}\r\nrange: bytes=0-1023\r\n\r\n".encode())
            received = b""
            while len(received.partition(b"\r\n\r\n")[2]) < length or b"\r\n\r\n" not in received:
                received += connection.recv(65536)
            if received[9:12] != status:
                raise SystemExit(f"{method} of a generated file was answered {received[:100]!r}.")
            times.append((start, time.monotonic() - start))
    results.send(times)
