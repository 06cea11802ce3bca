"""HTTP as uvicorn speaks it, for the emulator's needs."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

AT_ONCE = 64 * 1024  # bytes from which a write is not kept back


class Protocol(HttpToolsProtocol):
    """HTTP, silent about callers that are cut off when the emulator stops, each response in few packets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = logging.getLogger("mockling.http")
        self.logger.setLevel(logging.CRITICAL)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection."""
        # uvicorn's own signature is narrower than asyncio's, and what it is given needs only be like a transport.
        super().connection_made(_Joined(transport, self.loop))  # type: ignore[arg-type]


class _Joined:
    """A transport that sends in one go what is written in one go: the head and the body of a small response.

    To hand each to the system alone takes a tenth of all the time of a request.
    """

    __slots__ = ("_loop", "_pending", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pending: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(data)
        if len(data) >= AT_ONCE:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        if pending and not self._transport.is_closing():
            self._transport.write(b"".join(pending))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
