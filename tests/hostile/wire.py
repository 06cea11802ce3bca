"""Bytes on a connection, and as little of HTTP as it takes to tell one answer from the next."""

from __future__ import annotations

import re
import select
import socket
import struct
import time
from typing import NamedTuple

LIMIT = 10.0  # seconds within which whatever is whole must be answered
_STATUS = re.compile(rb"HTTP/1\.[01] (\d\d\d) [A-Za-z '-]*\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_RESET = struct.pack("ii", 1, 0)

Address = tuple[str, int]


class Hang(Exception):
    """What must be answered was not."""


class Gone(Exception):
    """The other side closed the connection before it had answered."""


class Answer(NamedTuple):
    """An answer: its head, its body, and whether it is the connection's last."""

    status: int
    head: bytes
    body: bytes
    last: bool


class Connection:
    """One connection; what was read beyond an answer waits for the next."""

    def __init__(self, address: Address) -> None:
        self._socket = socket.create_connection(address, timeout=LIMIT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""

    def send(self, data: bytes) -> None:
        """Send bytes; that the other side does not take them all is no error, for it may have answered already."""
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise Hang("it does not read what is sent") from None
        except OSError:
            return

    def answer(self, method: str) -> Answer:
        """Return the next answer to a request with that method. Raises `Hang`, `Gone`."""
        while True:
            while (end := self._read.find(b"\r\n\r\n")) < 0:
                self._more()
            head, self._read = self._read[: end + 2], self._read[end + 4 :]
            status = int(head[9:12])
            if status >= 200:
                return Answer(status, head, self._body(head, method, status), _CLOSES.search(head) is not None)

    def _body(self, head: bytes, method: str, status: int) -> bytes:
        if method == "HEAD" or status in (204, 304):
            return b""
        if _CHUNKED.search(head):
            while not self._read.endswith(b"0\r\n\r\n"):
                self._more()
            body, self._read = self._read, b""
            return body
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        if len(self._read) < size:
            parts, missing = [self._read], size - len(self._read)
            while missing > 0:
                parts.append(self._receive())
                missing -= len(parts[-1])
            self._read = b"".join(parts)
        body, self._read = self._read[:size], self._read[size:]
        return body

    def _more(self) -> None:
        self._read += self._receive()

    def _receive(self) -> bytes:
        try:
            data = self._socket.recv(256 * 1024)
        except TimeoutError:
            raise Hang(f"nothing came within {LIMIT:.0f} s") from None
        except OSError:
            raise Gone from None
        if not data:
            raise Gone
        return data

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def raw(address: Address, data: bytes, *, answers: int, patience: float) -> bytes:
    """Send bytes on a connection of their own and return what came back, then reset it.

    Reading goes on until so many answers have come or the other side closed. With no `answers` that must come, it ends
    after the patience, in seconds; a patience of 0 closes our side, after which the other must close its own. Raises
    `Hang` if that lasts too long.
    """
    with socket.create_connection(address, timeout=LIMIT) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.setblocking(False)
        try:
            return _talk(connection, memoryview(data or b"\n"), answers, patience)
        except OSError:  # it was reset: the other side has closed
            return b""


def _talk(connection: socket.socket, left: memoryview, answers: int, patience: float) -> bytes:
    got, deadline = bytearray(), time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        wait = LIMIT if left or answers or not patience else patience
        ready, writable, _ = select.select([connection], [connection] if left else [], [], wait)
        if writable and not (left := _sent(connection, left)) and not answers and not patience:
            connection.shutdown(socket.SHUT_WR)
        if ready:
            part = _part(connection)
            got += part
            if not part or (answers and len(statuses(bytes(got))) >= answers):
                return bytes(got)
        elif not writable and not answers and patience:
            return bytes(got)
    raise Hang(f"neither answered nor closed within {LIMIT:.0f} s")


def _sent(connection: socket.socket, data: memoryview) -> memoryview:
    """Return what is left of bytes when as many as can be were sent: none if the other side has closed."""
    try:
        return data[connection.send(data) :]
    except (BrokenPipeError, ConnectionResetError):  # what was answered before is still to be read
        return data[:0]


def _part(connection: socket.socket) -> bytes:
    try:
        return connection.recv(256 * 1024)
    except ConnectionResetError:
        return b""


def statuses(data: bytes) -> list[tuple[int, bytes]]:
    """Return the final answers in a stream of them: the status of each, and all that came before the next."""
    heads = list(_STATUS.finditer(data))
    ends = [head.start() for head in heads[1:]] + [len(data)]
    found = [(int(head[1]), data[head.end() : end]) for head, end in zip(heads, ends, strict=False)]
    return [answer for answer in found if answer[0] >= 200]
