"""urllib3, and so requests: a pool of a live host has a twin, whose connections lead to the emulator."""

from __future__ import annotations

import io
from collections.abc import Mapping
from http.client import HTTPResponse
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary, WeakMethod

from urllib3 import HTTPConnectionPool, Timeout
from urllib3._collections import HTTPHeaderDict
from urllib3.connection import HTTPConnection
from urllib3.exceptions import TimeoutStateError
from urllib3.util import parse_url

from mockling.emulator.rerouting.patches import Patches
from mockling.emulator.rerouting.routes import Address, rerouted
from mockling.emulator.signs import ANSWERED, PATIENCE, STALLS, TIMED_OUT, told


def install(patches: Patches) -> None:
    """Reroute the requests of all pools."""
    twins = _Twins()

    def wrapper(original: Any) -> Any:
        def urlopen(self: HTTPConnectionPool, method: str, url: str, *args: Any, **more: Any) -> Any:
            if isinstance(self, _Twin) or self.pool is None or not _plain(self):
                return original(self, method, url, *args, **more)
            # A whole URL is how a proxy is asked; a pool of another host refuses it as ever.
            whole = parse_url(url) if not url.startswith("/") else None
            if whole and more.get("assert_same_host", True) and not self.is_same_host(url):
                return original(self, method, url, *args, **more)
            host, port = (whole.host, whole.port) if whole else (self.host, self.port)
            address = rerouted(host, port, "urllib3")
            if address is None:
                return original(self, method, url, *args, **more)
            return twins.of(self, address).urlopen(method, whole.request_uri if whole else url, *args, **more)

        return urlopen

    patches.wrap(HTTPConnectionPool, "urlopen", wrapper)


def _plain(pool: HTTPConnectionPool) -> bool:
    """Say whether a pool's answers come from its server; those of vcrpy, or of what a test put there, do not."""
    return getattr(pool.ConnectionCls, "getresponse", None) in (None, HTTPConnection.getresponse)


class _Twins:
    """The twins of pools; each lives as long as its pool, and so do its idle connections."""

    def __init__(self) -> None:
        self._twins: WeakKeyDictionary[HTTPConnectionPool, dict[Address, _Twin]] = WeakKeyDictionary()
        self._lock = Lock()

    def of(self, pool: HTTPConnectionPool, address: Address) -> _Twin:
        """Return a pool's twin at an address."""
        with self._lock:
            twins = self._twins.setdefault(pool, {})
            if address not in twins:
                twins[address] = _Twin(pool, address)
            return twins[address]


class _Response(HTTPResponse):
    """A response that obeys the emulator's signs where a socket would have timed out."""

    def begin(self) -> None:
        super().begin()
        signs = {sign: self.headers[sign] for sign in ANSWERED if sign in self.headers}
        for sign in signs:
            del self.headers[sign]
        if TIMED_OUT in signs:
            raise TimeoutError("timed out")
        if STALLS in signs and self.fp:
            self.fp = io.BufferedReader(_Stalling(self.fp))


class _Stalling(io.RawIOBase):
    """A file at whose end nothing comes, as if one waited in vain."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto1(buffer)
        if not count and len(buffer):
            raise TimeoutError("timed out")
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _Connection(HTTPConnection):
    response_class = _Response


class _Twin(HTTPConnectionPool):
    """A pool like another one, but of the emulator; in errors it has the other's name."""

    ConnectionCls = _Connection

    def __init__(self, pool: HTTPConnectionPool, address: Address) -> None:
        super().__init__(
            address.host,
            address.port,
            timeout=pool.timeout,
            maxsize=pool.pool.maxsize if pool.pool else 1,
            block=pool.block,
            headers=pool.headers,
            retries=pool.retries,
        )
        self._name = str(pool)
        self._is_same_host = WeakMethod(pool.is_same_host)

    def __str__(self) -> str:
        return self._name

    def urlopen(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *rest: Any,
        **more: Any,
    ) -> Any:
        own = HTTPHeaderDict(self.headers if headers is None else headers)
        own.discard("host")  # the connection writes its own
        patience = _patience(self._get_timeout(more["timeout"]) if "timeout" in more else self.timeout)
        own[PATIENCE] = told(patience)
        is_same_host = self._is_same_host()
        if not url.startswith("/") and is_same_host and is_same_host(url):  # it was redirected
            url = parse_url(url).request_uri
        return super().urlopen(method, url, body, own, *rest, **more)


def _patience(timeout: Timeout) -> float | None:
    """Return the seconds within which something must be read; None: any time will do."""
    try:
        read = timeout.read_timeout
    except TimeoutStateError:  # there is only a total
        read = None
    seconds = [limit for limit in (read, timeout.total) if isinstance(limit, int | float)]
    return min(seconds, default=None)
