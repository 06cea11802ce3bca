"""A load generator: as many connections as asked for, each sending its next POST when it has its answer.

It takes servers that keep connections open and servers that close them after each answer.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from common import HOST


class _Caller(asyncio.Protocol):
    """A connection that asks until the time is up, and is opened again if the server closes it."""

    def __init__(self, port: int, request: bytes, until: float, statuses: Counter[str]) -> None:
        self._port, self._request, self._until, self._statuses = port, request, until, statuses
        self._received = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._waiting, self._received = transport, True, b""
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head := head.lower()):
            return
        self._statuses[head[9:12].decode()] += 1
        self._received, self._waiting = b"", False
        if time.monotonic() >= self._until:
            self.done.set_result(None)
            self._transport.close()
        elif b"\r\nconnection: close" in head:
            self._transport.close()
        else:
            self._waiting = True
            self._transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if self._waiting:
            self._statuses[f"no answer ({error or 'closed'})"] += 1
        if time.monotonic() >= self._until:
            self.done.set_result(None)
        else:
            self._connecting = asyncio.ensure_future(self.connect())

    async def connect(self) -> None:
        """Open the connection."""
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, HOST, self._port)
        except OSError as error:
            self._statuses[f"no connection ({error})"] += 1
            self.done.set_result(None)


def _length(head: bytes) -> int:
    _, _, rest = head.partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0])


async def _generate(port: int, request: bytes, connections: int, seconds: float) -> tuple[float, Counter[str]]:
    statuses: Counter[str] = Counter()
    start = time.monotonic()
    callers = [_Caller(port, request, start + seconds, statuses) for _ in range(connections)]
    await asyncio.gather(*map(_Caller.connect, callers))
    await asyncio.wait_for(asyncio.gather(*(caller.done for caller in callers)), seconds + 30)
    return time.monotonic() - start, statuses


def generate(port: int, request: bytes, connections: int, seconds: float) -> float:
    """Return the answers per second; exit if any of them was not a 200."""
    elapsed, statuses = asyncio.run(_generate(port, request, connections, seconds))
    if set(statuses) != {"200"}:
        raise SystemExit(f"Not every answer of port {port} was a 200: {dict(statuses)}.")
    return statuses["200"] / elapsed
