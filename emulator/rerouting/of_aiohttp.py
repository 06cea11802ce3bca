"""aiohttp: a request of a live host gets, from its own connector, a connection to the emulator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.connector import Connection
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from mockling.emulator.rerouting.patches import Patches
from mockling.emulator.rerouting.routes import rerouted
from mockling.emulator.signs import ANSWERED, PATIENCE, STALLS, TIMED_OUT, told

TimedOut = Callable[[], BaseException]


def install(patches: Patches) -> None:
    """Reroute the requests of all sessions; those with a proxy reach the emulator past it."""
    led: WeakKeyDictionary[Connection, TimedOut] = WeakKeyDictionary()

    def connecting(original: Any) -> Any:
        async def connect(
            self: aiohttp.BaseConnector, req: aiohttp.ClientRequest, traces: Any, timeout: aiohttp.ClientTimeout
        ) -> Connection:
            # Others lead to pipes, to UNIX sockets, or to what a test put there.
            tcp = isinstance(self, aiohttp.TCPConnector)
            address = rerouted(req.url.raw_host, req.url.port, "aiohttp") if tcp else None
            if address is None:
                return await original(self, req, traces, timeout)  # type: ignore[no-any-return] # as it was found
            patience, timed_out = _patience(timeout)
            req.proxy = None
            req.headers["Host"] = address.netloc
            req.headers[PATIENCE] = told(patience)
            there = aiohttp.ClientRequest("GET", URL(f"http://{address.netloc}"), loop=req.loop)
            connection: Connection = await original(self, there, traces, timeout)
            led[connection] = timed_out
            return connection

        return connect

    def starting(original: Any) -> Any:
        async def start(self: aiohttp.ClientResponse, connection: Connection) -> aiohttp.ClientResponse:
            response: aiohttp.ClientResponse = await original(self, connection)
            if connection in led:
                _obey(response, led[connection])
            return response

        return start

    patches.wrap(aiohttp.BaseConnector, "connect", connecting)
    patches.wrap(aiohttp.ClientResponse, "start", starting)


def _patience(timeout: aiohttp.ClientTimeout) -> tuple[float | None, TimedOut]:
    """Return the seconds within which something must be read (None: any time will do), and the error if it is not."""
    total, read = timeout.total or None, timeout.sock_read or None
    if total is not None and (read is None or total < read):
        return total, asyncio.TimeoutError
    return read, _unread


def _unread() -> BaseException:
    return aiohttp.SocketTimeoutError("Timeout on reading data from socket")


def _obey(response: aiohttp.ClientResponse, timed_out: TimedOut) -> None:
    """Take the emulator's signs from a response and do what they say."""
    signs = {sign for sign in ANSWERED if sign in response.headers}
    if not signs:
        return
    kept = CIMultiDict((name, value) for name, value in response.headers.items() if name.lower() not in signs)
    response._headers = CIMultiDictProxy(kept)
    response._cache.pop("headers", None)  # the property was looked at already
    response._raw_headers = tuple(
        (name, value) for name, value in response._raw_headers if name.decode("latin-1").lower() not in signs
    )
    if TIMED_OUT in signs:
        raise timed_out()
    if STALLS in signs and type(response.content) is aiohttp.StreamReader:
        _stall(response.content, timed_out)


def _stall(content: aiohttp.StreamReader, timed_out: TimedOut) -> None:
    """Have a body end as if one waited in vain, should it break off."""

    class Stalling(aiohttp.StreamReader):
        __slots__ = ()

        def set_exception(self, exc: BaseException, *_cause: BaseException) -> None:
            super().set_exception(timed_out(), exc)

    content.__class__ = Stalling  # it is fed already, and cannot be exchanged
    broken = content.exception()
    if broken:
        content.set_exception(broken)
