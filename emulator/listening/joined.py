"""Writes that belong together, joined."""

from __future__ import annotations

import asyncio
from typing import Any

AT_ONCE = 64 * 1024  # bytes from which a write is not kept back


class Joined:
    """A transport that sends in one go what is written in one go: the head and the body of a small response.

    To hand each to the system alone takes a tenth of all the time of a request.
    """

    __slots__ = ("_loop", "_pending", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pending: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send bytes, soon."""
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(data)
        if len(data) >= AT_ONCE:
            self._flush()

    def write_eof(self) -> None:
        """Send what is kept back, and that no more follows."""
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Send what is kept back, and close the connection."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        if pending and not self._transport.is_closing():
            self._transport.write(b"".join(pending))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
