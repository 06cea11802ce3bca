"""Bodies: what a request's caller sends, read within bounds over all callers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, HTTPScope

LARGE = 8 * 1024  # bytes from which a body counts, and its request is handled in a thread, so that nobody else waits
MOST_LARGEST = 4  # bodies of the largest size, or more that are as large together, that may be in memory; others wait
MOST_DRAINED = 256 * 1024**2  # bytes of a too large body that are read, so that its caller can read the refusal
LONGEST_DRAIN = 10.0  # real seconds for which they are


class Body:
    """A body: its `content` (empty if it is too large), the bytes that it has, and the room that is kept for it."""

    __slots__ = ("content", "room", "size")

    def __init__(self, content: bytes, size: int, room: int = 0) -> None:
        self.content = content
        self.size = size
        self.room = room


class Bodies:
    """Reads bodies, of which one may have up to `most` bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = MOST_LARGEST * most
        self._door = asyncio.Lock()
        self._freed = asyncio.Event()

    async def read(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> Body | None:
        """Return the body of a request, to be freed, once there is room for it; None if the caller left."""
        headers = dict(scope["headers"])
        announced = int(headers.get(b"content-length", 0))
        if announced > self._most:
            if headers.get(b"expect", b"").lower() != b"100-continue":  # who waits for that sends no more
                await _drain(receive, 0)
            return Body(b"", announced)
        room = await self._take(announced) if announced >= LARGE else 0
        try:
            body = await self._whole(receive, room)
        except BaseException:
            self.free(room)
            raise
        if body is None:
            self.free(room)
        return body

    def free(self, room: int) -> None:
        """Give the room of a body, which nobody needs any more, to others."""
        if room:
            self._free += room
            self._freed.set()

    async def _whole(self, receive: ASGIReceiveCallable, room: int) -> Body | None:
        content = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            if not content and not message["more_body"]:
                return Body(message["body"], len(message["body"]), room)
            content += message["body"]
            if len(content) > self._most:
                if message["more_body"]:
                    await _drain(receive, len(content))
                return Body(b"", self._most + 1, room)
            if not message["more_body"]:
                return Body(bytes(content), len(content), room)

    async def _take(self, size: int) -> int:
        async with self._door:  # those who wait have their turn in the order in which they came
            while self._free < size:
                self._freed.clear()
                await self._freed.wait()
            self._free -= size
        return size


async def _drain(receive: ASGIReceiveCallable, read: int) -> None:
    """Read on for a while, after so many bytes."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_DRAIN):
            while read <= MOST_DRAINED:
                message = await receive()
                if message["type"] != "http.request" or not message["more_body"]:
                    return
                read += len(message["body"])
