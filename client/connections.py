"""Connections that end with a call's deadline."""

from __future__ import annotations

import socket
import time
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from mockling.client.deadline import Deadline

CONNECT_TIMEOUT = 10.0  # seconds for each address of a host
PAUSES = (0.0, 0.4)  # seconds before each further attempt to connect
SWITCHING = 101  # the status after which there is another protocol
LONGEST_LINE = 64 * 1024  # bytes of a header
SHORTEST = 0.001  # seconds; 0 would mean not to wait at all


class Adapter(HTTPAdapter):
    """Sends requests over connections that a deadline watches, with proxies and without.

    Only connecting is tried again, for nothing was sent before there was a connection.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **more: Any) -> HTTPConnectionPool:
        """Return the pool for a request, whose connections are watched."""
        pool = super().get_connection_with_tls_context(*args, **more)
        assert isinstance(pool, HTTPConnectionPool)
        kind = pool.ConnectionCls
        pool.ConnectionCls = type(kind.__name__, (_Watched, kind), {"deadline": self._deadline})
        return pool


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
    """What a connection of any kind does otherwise when there is a deadline."""

    deadline: Deadline
    response_class = _Final

    def _new_conn(self) -> socket.socket:
        """Return a socket that is connected and watched, and waits as long as the deadline lets it."""
        for pause in (*PAUSES, None):
            try:
                # One that goes through a SOCKS proxy has its own way of connecting.
                made = super()._new_conn() if hasattr(self, "_socks_options") else self._connected()
                break
            except ConnectTimeoutError:  # which is also the root of the errors of connecting
                if pause is None or pause >= self.deadline.left:
                    raise
                time.sleep(pause)
        self.deadline.watch(made)
        made.settimeout(max(SHORTEST, self.deadline.left))
        return made

    def endheaders(self, *args: Any, **more: Any) -> None:
        """Send the head of the request, and note that from now on some of it may have arrived."""
        if self.sock is None:
            self.connect()
        self.deadline.sent = True
        super().endheaders(*args, **more)

    def _tunnel(self) -> None:
        """Ask a proxy for a way through; one that was shut down meanwhile must not pass for a way."""
        super()._tunnel()
        if self.deadline.over:
            raise TimeoutError("the proxy did not answer in time")

    def _connected(self) -> socket.socket:
        """Return a socket connected to the first address of the host that answers while there is time."""
        failure: OSError = TimeoutError("there is no time left")
        try:
            host = self._dns_host.strip("[]")  # which a proxy at an IPv6 number keeps
            for family, kind, protocol, _, address in socket.getaddrinfo(
                host, self.port, allowed_gai_family(), socket.SOCK_STREAM
            ):
                if self.deadline.over:
                    break
                made = socket.socket(family, kind, protocol)
                try:
                    for option in self.socket_options or ():
                        made.setsockopt(*option)
                    made.settimeout(min(CONNECT_TIMEOUT, max(SHORTEST, self.deadline.left)))
                    made.connect(address)
                    return made
                except OSError as error:
                    made.close()
                    failure = error
        except OSError as error:  # such as that nobody knows the name
            failure = error
        kind_of = ConnectTimeoutError if isinstance(failure, TimeoutError) else NewConnectionError
        raise kind_of(self, str(failure)) from failure
