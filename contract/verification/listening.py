"""Listening: an answer is taken whole, within its time and its bounds, or it is none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from threading import Event, Timer
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

LARGEST_ANSWER = 256 * 1024**2  # bytes of a body
LARGEST_HEAD = 64 * 1024  # characters of all headers
LONGEST_LINE = 64 * 1024  # bytes of a header
BLOCK = 64 * 1024  # bytes
SWITCHING = 101  # the status after which there is another protocol


class Listener(HTTPAdapter):
    """Sends the requests of a session, one after another, each once; an answer may not outlast its time."""

    def __init__(self) -> None:
        self._watched: dict[_Watched, socket.socket] = {}
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **more: Any) -> HTTPConnectionPool:
        """Return the pool for a request, whose connections are watched."""
        pool = super().get_connection_with_tls_context(*args, **more)
        assert isinstance(pool, HTTPConnectionPool)
        kind = pool.ConnectionCls
        if not issubclass(kind, _Watched):
            pool.ConnectionCls = type(kind.__name__, (_Watched, kind), {"watched": self._watched})
        return pool

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Hang up after so many seconds, however an answer trickles in. Raises `ValueError` if that was needed."""
        over = Event()
        timer = Timer(seconds, self._hang_up, (over,))
        timer.daemon = True
        timer.start()
        late = f"the whole answer did not come within {seconds:g} s"
        try:
            yield
        except Exception as error:
            if over.is_set():
                raise ValueError(late) from error
            raise
        finally:
            timer.cancel()
            timer.join()
            self._forget()
        if over.is_set():  # then its head or body may have been cut
            raise ValueError(late)

    def close(self) -> None:
        """Close all connections."""
        super().close()
        self._forget()

    def _hang_up(self, over: Event) -> None:
        over.set()
        for twin in list(self._watched.values()):
            with suppress(OSError):  # the other side was faster
                twin.shutdown(socket.SHUT_RDWR)

    def _forget(self) -> None:
        """Watch no longer what is closed; an answer may have outlasted that."""
        for connection in [one for one in self._watched if one.sock is None]:
            self._watched.pop(connection).close()


class _Final(HTTPResponse):
    """An answer; what a server tells before it (102, 103) is passed over, as 100 is."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            # typeshed leaves this method out.
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 < status < 200 or status == SWITCHING:
                return version, status, reason
            while self.fp.readline(LONGEST_LINE + 1).strip():
                pass


class _Watched(HTTPConnection):
    """A connection that can be ended from another thread, by a twin of its socket that outlives TLS taking it over."""

    watched: dict[_Watched, socket.socket]
    response_class = _Final

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        if (before := self.watched.pop(self, None)) is not None:  # it was closed, and is opened again
            before.close()
        self.watched[self] = made.dup()
        return made


def content_of(response: requests.Response) -> bytes:
    """Return the body of an answer. Raises `ValueError` if it, or its head, is larger than anybody needs."""
    if sum(len(name) + len(value) for name, value in response.headers.items()) > LARGEST_HEAD:
        raise ValueError(f"the answer's headers have more than {LARGEST_HEAD:,} characters")
    blocks, size = [], 0
    for block in response.iter_content(BLOCK):
        blocks.append(block)
        size += len(block)
        if size > LARGEST_ANSWER:
            raise ValueError(f"the answer has more than {LARGEST_ANSWER:,} bytes")
    return b"".join(blocks)
