"""Bodies: what a request's caller sends, read within bounds over all callers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, HTTPScope

LARGE = 8 * 1024  # bytes of a body from which its request is handled in a thread, so that nobody else waits
MOST_LARGEST = 4  # bodies of the largest size, or more that are as large together, that may be in memory; others wait
MOST_DRAINED = 256 * 1024**2  # bytes of a too large body that are read, so that its caller can read the refusal
LONGEST_DRAIN = 10.0  # real seconds for which they are


class Body:
    """A body: its `content` (empty if it is too large), the bytes that it has, and what it takes of the room."""

    __slots__ = ("alone", "content", "room", "size")

    def __init__(self, content: bytes = b"", size: int = 0) -> None:
        self.content = content
        self.size = size
        self.room = 0
        self.alone = False  # whether it is the one that may go on where there is no room


class Bodies:
    """Reads bodies, of which one may have as many bytes as `take` says."""

    def __init__(self) -> None:
        self._most = 0
        self._free = 0
        self._one = asyncio.Lock()

    def take(self, most: int) -> None:
        """Let a body have up to so many bytes from now on."""
        self._free += MOST_LARGEST * (most - self._most)
        self._most = most

    async def read(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> Body | None:
        """Return the body of a request, to be freed; None if the caller left."""
        headers = dict(scope["headers"])
        announced = int(headers.get(b"content-length", 0))
        body = Body()
        if announced > self._most:
            if headers.get(b"expect", b"").lower() != b"100-continue":  # who waits for that sends no more
                await _drain(receive, 0)
            body.size = announced
            return body
        whole = False
        try:
            whole = await self._fill(body, receive)
        finally:
            if not whole:
                self.free(body)
        return body if whole else None

    def free(self, body: Body) -> None:
        """Give the room of a body, which nobody needs any more, to others."""
        self._free += body.room
        body.room = 0
        if body.alone:
            body.alone = False
            self._one.release()

    async def _fill(self, body: Body, receive: ASGIReceiveCallable) -> bool:
        """Read all of a body; False if the caller left before."""
        content = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return False
            if not content and not message["more_body"] and len(message["body"]) <= self._most:
                body.content, body.size = message["body"], len(message["body"])
                return True
            content += message["body"]
            if len(content) > self._most:
                if message["more_body"]:
                    await _drain(receive, len(content))
                body.size = self._most + 1
                return True
            if not message["more_body"]:
                body.content, body.size = bytes(content), len(content)
                return True
            await self._take(body, len(content) - body.room)

    async def _take(self, body: Body, more: int) -> None:
        """Take room for what came of a body; where there is none, one body at a time goes on, so that it ends."""
        self._free -= more
        body.room += more
        if self._free < 0 and not body.alone:
            await self._one.acquire()
            body.alone = True


async def _drain(receive: ASGIReceiveCallable, read: int) -> None:
    """Read on for a while, after so many bytes."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_DRAIN):
            while read <= MOST_DRAINED:
                message = await receive()
                if message["type"] != "http.request" or not message["more_body"]:
                    return
                read += len(message["body"])
