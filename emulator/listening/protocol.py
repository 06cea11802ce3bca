"""HTTP as uvicorn speaks it, bounded in every direction and for the emulator's needs."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from mockling.emulator.listening.joined import Joined

MOST_HEAD = 64 * 1024  # bytes of a request's head, or of its trailers
MOST_HEADERS = 200  # lines of them
MOST_QUEUED = 100  # requests of one connection that wait for the response to an earlier one
PIECE = 16 * 1024  # bytes that are parsed at a time, so that no more come through than those bounds allow
MOST_IGNORED = 256 * 1024**2  # bytes that a refused caller may still send, so that it can read why
LINGER = 10.0  # real seconds for which it may
TURN = 0.01  # real seconds for which one connection is parsed before others have their turn


class _TooLarge(Exception):
    """A head has more bytes or lines than are taken."""


class Protocol(HttpToolsProtocol):
    """One connection.

    Silent about callers that are cut off when the emulator stops, each response in few packets; what cannot be parsed,
    or is too large, is refused in JSON, and an `Upgrade` is ignored, as HTTP allows.
    """

    # uvicorn's own has as many attributes as Python keeps in little room.
    __slots__ = (
        "_began",
        "_extensions",
        "_held_back",
        "_ignored",
        "_in_body",
        "_moved",
        "_priming",
        "_sent_something",
        "_size",
        "_unmoved",
        "_unparsed",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = logging.getLogger("mockling.http")
        self.logger.setLevel(logging.CRITICAL)
        self._unparsed = b""
        self._began: float | None = self.loop.time()  # when the head or body that is awaited began (None: none is)
        self._sent_something = False  # since then
        self._held_back = False  # whether reading was paused to parse what is there
        self._in_body = False
        self._priming = False  # a parser is made to believe that it has seen a head
        self._moved = False  # whether the parser finished anything in this piece
        self._unmoved = 0  # bytes in which it did not
        self._size = 0  # bytes of the head, or of the trailers, so far
        self._ignored: int | None = None  # bytes of a refused caller (None: it is not refused)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection."""
        # uvicorn's own signature is narrower than asyncio's, and what it is given needs only be like a transport.
        super().connection_made(Joined(transport, self.loop))  # type: ignore[arg-type]
        self._extensions: dict[str, dict[object, object]] = {"mockling": {"transport": self.transport}}

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection, also one that was reset, at once."""
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and parse as many of them as there is room for requests."""
        self._unset_keepalive_if_required()
        if self._ignored is not None:
            self._ignored += len(data)
            if self._ignored > MOST_IGNORED:
                self.transport.abort()
            return
        self._begin()
        self._unparsed = self._unparsed + data if self._unparsed else data
        self._parse()

    def on_response_complete(self) -> None:
        """Go on with what has waited for this response."""
        super().on_response_complete()
        if self._unparsed:
            self._parse()

    def check_pace(self, now: float, most: float) -> None:
        """Refuse a caller whose head or body has not come within so many seconds of the event loop's time."""
        if self._began is None or self._ignored is not None:
            return
        if self.flow.read_paused or self._unparsed:  # then it waits for us
            self._began = now
        elif now - self._began > most and (self._in_body or not self._busy):
            self.refuse(408, f"The request did not come as a whole within {most:g} seconds")

    def refuse(self, status: int, text: str) -> None:
        """Refuse what is being received, and end the connection; where another response is due, without a word."""
        self._began, self._unparsed, self._ignored = None, b"", 0
        cycle = self.cycle
        if self._busy and not self._in_body:
            cycle.keep_alive = False  # it ends after the responses that are due
            return
        if self._busy and not self.pipeline and not cycle.response_started:
            cycle.disconnected = True  # whoever waits for the rest of the body need not
            cycle.message_event.set()
        elif self._in_body or not self._sent_something:
            self.transport.close()
            return
        body = json.dumps({"error": text}).encode()
        head = ["content-type: application/json", f"content-length: {len(body)}", "connection: close"]
        head += ["access-control-allow-origin: *", "", ""]
        self.transport.write(STATUS_LINE[status] + "\r\n".join(head).encode() + body)
        self.flow.resume_reading()  # who may not send on does not come to reading
        with suppress(OSError, RuntimeError):  # it has left
            self.transport.write_eof()
        self.loop.call_later(LINGER, self.transport.abort)

    @property
    def _busy(self) -> bool:
        """Whether a response is due."""
        return self.cycle is not None and not self.cycle.response_complete

    def _parse(self) -> None:
        end = self.loop.time() + TURN
        while self._unparsed and len(self.pipeline) < MOST_QUEUED and not self.transport.is_closing():
            piece, self._unparsed = self._unparsed[:PIECE], self._unparsed[PIECE:]
            self._moved, size = False, self._size
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as upgrade:
                self._unparsed = piece[upgrade.args[0] :] + self._unparsed
                self._parse_on()
            except httptools.HttpParserError as error:
                large = isinstance(error.__context__, _TooLarge)
                self.refuse(*(_LARGE if large else (400, f"The request is no HTTP: {error}")))
            self._unmoved = 0 if self._moved or self._size != size else self._unmoved + len(piece)
            if self._unmoved > MOST_HEAD:
                self._sent_something = True
                self.refuse(*_LARGE)
            if self._unparsed and self.loop.time() > end:  # others have their turn
                self.loop.call_soon(self._parse)
                break
        if self._unparsed:
            self._held_back = True
            self.flow.pause_reading()
        elif self._held_back:
            self._held_back = False
            # Where uvicorn has a reason of its own to wait, it also goes on by itself.
            if not self.pipeline and len(getattr(self.cycle, "body", b"")) <= HIGH_WATER_LIMIT:
                self.flow.resume_reading()

    def _parse_on(self) -> None:
        """Go on with the body of a request that asks for another protocol, for the parser stops before it."""
        framing = [
            name + b": " + value + b"\r\n"
            for name, value in self.headers
            if name in (b"content-length", b"transfer-encoding")
        ]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._priming = True
        try:
            self.parser.feed_data(b"".join([b"POST / HTTP/1.1\r\n", *framing, b"\r\n"]))
        finally:
            self._priming = False

    def on_message_begin(self) -> None:
        """Begin a request."""
        if not self._priming:
            self._moved, self._size, self._in_body, self._sent_something = True, 0, False, True
            self._begin()
            super().on_message_begin()
            self.scope["extensions"] = self._extensions

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        if not self._priming:
            self._size += len(url)
            if self._size > MOST_HEAD:
                raise _TooLarge
            self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer is counted and ignored."""
        self._size += len(name) + len(value)
        if self._size > MOST_HEAD or len(self.headers) >= MOST_HEADERS:
            raise _TooLarge
        if self._in_body:
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Answer a request, whose body may still be on its way."""
        if not self._priming:
            self._moved, self._in_body, self._size = True, True, 0
            self._began = self.loop.time()
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._moved = True
        super().on_body(body)

    def on_chunk_header(self) -> None:
        """Note that a chunk begins."""
        self._moved = True

    def on_message_complete(self) -> None:
        """End a request, but not at a wish for another protocol, after which its body follows."""
        if self.parser.should_upgrade():
            return
        self._moved, self._in_body, self._began, self._sent_something = True, False, None, False
        super().on_message_complete()

    def _begin(self) -> None:
        if self._began is None:
            self._began = self.loop.time()


_LARGE = (431, f"The head of the request is too large. At most {MOST_HEAD} bytes and {MOST_HEADERS} headers are taken")
