"""Servers that answer what a test says, byte for byte."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Scripted:
    """A server that gives each connection the next of its answers and hangs up; None: it never answers.

    In an answer, `{url}` stands for the server's own URL.
    """

    def __init__(self, answers: list[bytes | None]) -> None:
        self.requests: list[bytes] = []
        self.asked = threading.Semaphore(0)  # one more for each request
        self.silent: set[tuple[str, int]] = set()  # the callers, by their addresses, whom it never answers
        self._answers = answers
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for answer in self._answers:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.requests.append(received(connection))
            self.asked.release()
            if answer is None:
                self.silent.add(connection.getpeername())
                self._open.append(connection)
                continue
            connection.sendall(answer.replace(b"{url}", self.url.encode()))
            connection.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        for connection in self._open:
            connection.close()


def received(connection: socket.socket) -> bytes:
    """Return a request with all of its body, or what came first if it is none."""
    request = connection.recv(65536)
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0 and (more := connection.recv(65536)):
        request += more
        missing -= len(more)
    chunked = re.search(rb"transfer-encoding: chunked", head, re.IGNORECASE)
    while chunked and not request.endswith(b"\r\n0\r\n\r\n") and (more := connection.recv(65536)):
        request += more
    return request


@contextmanager
def scripted(*answers: bytes | None) -> Iterator[Scripted]:
    """Run such a server."""
    server = Scripted(list(answers))
    try:
        yield server
    finally:
        server.close()


def http(status: int, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """Return an answer as it is on the wire, announcing the length of its body or another."""
    announced = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {announced}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body
