"""httpcore, and so httpx: a request of a live host goes through its own pool, to the emulator's origin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpcore

from mockling.emulator.rerouting.patches import Patches
from mockling.emulator.rerouting.routes import Address, rerouted
from mockling.emulator.signs import ANSWERED, PATIENCE, STALLS, TIMED_OUT, told

UNREAD = "The read operation timed out"  # as httpcore says it
BROKEN = (httpcore.RemoteProtocolError, httpcore.ReadError)

POOLS: dict[tuple[type, ...], type] = {
    (httpcore.ConnectionPool, httpcore.HTTPProxy, httpcore.SOCKSProxy): httpcore.HTTPConnection,
    (httpcore.AsyncConnectionPool, httpcore.AsyncHTTPProxy, httpcore.AsyncSOCKSProxy): httpcore.AsyncHTTPConnection,
}


def install(patches: Patches) -> None:
    """Reroute the requests of all pools; those with a proxy reach the emulator past it."""
    patches.wrap(httpcore.ConnectionPool, "handle_request", _sync)
    patches.wrap(httpcore.AsyncConnectionPool, "handle_async_request", _async)
    for pools, connection in POOLS.items():
        for pool in pools:
            if hasattr(pool, "create_connection"):  # without socksio, those for SOCKS are empty
                patches.wrap(pool, "create_connection", _direct(connection))


def _sync(original: Any) -> Any:
    def handle_request(self: httpcore.ConnectionPool, request: httpcore.Request) -> httpcore.Response:
        address = _address(self, request)
        if address is None:
            return original(self, request)  # type: ignore[no-any-return] # as it was found
        response: httpcore.Response = original(self, _to(address, request))
        signs = _signs(response)
        if TIMED_OUT in signs:
            response.close()
            raise httpcore.ReadTimeout(UNREAD)
        if STALLS in signs:
            response.stream = _Stalling(response.stream)
        return response

    return handle_request


def _async(original: Any) -> Any:
    async def handle_async_request(self: httpcore.AsyncConnectionPool, request: httpcore.Request) -> httpcore.Response:
        address = _address(self, request)
        if address is None:
            return await original(self, request)  # type: ignore[no-any-return] # as it was found
        response: httpcore.Response = await original(self, _to(address, request))
        signs = _signs(response)
        if TIMED_OUT in signs:
            await response.aclose()
            raise httpcore.ReadTimeout(UNREAD)
        if STALLS in signs:
            response.stream = _AsyncStalling(response.stream)
        return response

    return handle_async_request


def _direct(connection: Any) -> Any:
    def wrapper(original: Any) -> Any:
        def create_connection(self: Any, origin: httpcore.Origin) -> Any:
            host, port = origin.host.decode(), origin.port
            if self._uds or rerouted(host, port, "httpcore") != (host, port):
                return original(self, origin)
            return connection(origin, keepalive_expiry=self._keepalive_expiry, network_backend=self._network_backend)

        return create_connection

    return wrapper


def _address(pool: Any, request: httpcore.Request) -> Address | None:
    """Return where a request is led; None: where it wants to, as what goes through a UNIX socket does."""
    return None if pool._uds else rerouted(request.url.host, request.url.port, "httpcore")


def _to(address: Address, request: httpcore.Request) -> httpcore.Request:
    """Return a request as one to the emulator."""
    headers = [(name, value) for name, value in request.headers if name.lower() not in (b"host", PATIENCE.encode())]
    headers.insert(0, (b"Host", address.netloc.encode()))
    patience = request.extensions.get("timeout", {}).get("read")
    headers.append((PATIENCE.encode(), told(patience).encode()))
    url = httpcore.URL(scheme=b"http", host=address.host.encode(), port=address.port, target=request.url.target)
    return httpcore.Request(request.method, url, headers=headers, content=request.stream, extensions=request.extensions)


def _signs(response: httpcore.Response) -> set[str]:
    """Take the emulator's signs from a response and return them."""
    signs = {name.decode("latin-1").lower() for name, _ in response.headers} & set(ANSWERED)
    if signs:
        response.headers = [
            (name, value) for name, value in response.headers if name.decode("latin-1").lower() not in signs
        ]
    return signs


class _Stalling:
    """A body at whose end nothing comes, as if one waited in vain."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except BROKEN as error:
            raise httpcore.ReadTimeout(UNREAD) from error

    def close(self) -> None:
        self._stream.close()


class _AsyncStalling:
    """The same for a body that is waited for."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._stream:
                yield part
        except BROKEN as error:
            raise httpcore.ReadTimeout(UNREAD) from error

    async def aclose(self) -> None:
        await self._stream.aclose()
