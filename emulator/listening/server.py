"""The server: an emulator that listens."""

from __future__ import annotations

import errno
import os
import socket
from threading import Thread
from types import TracebackType
from typing import Any, Self

from mockling.contract import Contract
from mockling.emulator.http.app import create_app
from mockling.emulator.listening.bridge import Bridge
from mockling.emulator.listening.journal import Journal
from mockling.emulator.listening.listener import Listener
from mockling.emulator.listening.tls import identity, served_hosts
from mockling.emulator.platform.clock import Clock
from mockling.emulator.platform.keys import usable_key
from mockling.emulator.settings import Settings, changed

START_LIMIT = 10.0  # real seconds
STOP_LIMIT = 1.5  # real seconds for an orderly stop; what is open then is cut off


class StartError(OSError):
    """The emulator cannot listen at its address; the message says why and what to do."""


class Emulator:
    """An emulator that listens in a thread of its own, from `start` to `stop`, or as a context manager.

    `settings` say what it is like, `changes` are fields of `Settings` that replace them:

        with Emulator(speed="instant") as emulator:
            requests.post(emulator.url + "/v1/...", headers={"x-api-key": emulator.api_key}, ...)

    Raises what `Settings` and `mockling.contract.load` raise, and `StartError` on `start` if the address cannot be
    listened at.
    """

    def __init__(self, settings: Settings | None = None, **changes: Any) -> None:
        self.settings = changed(settings, changes)
        self._identity = identity(self.settings)
        self._app = create_app(self.settings)
        self._app.platform.patient = True  # the bridge waits without a thread
        self._socket: socket.socket | None = None

    @property
    def url(self) -> str:
        """The address it listens at, such as `http://127.0.0.1:8787`; with the setting `tls` it begins with https."""
        if self._socket is None:
            raise StartError("The emulator is not running; call start() first, or use it in a with statement.")
        host, port = self._socket.getsockname()[:2]
        scheme = "https" if self._identity else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    @property
    def ca(self) -> str | None:
        """The certificate of the authority that callers over TLS must trust, as PEM text; None if there is none.

        It is another one for each emulator: `ssl.create_default_context(cadata=emulator.ca)`, or in a file, for
        `requests.get(..., verify=file)`.
        """
        return self._identity.ca if self._identity else None

    @property
    def api_key(self) -> str:
        """A key that works."""
        return usable_key(self.settings.accounts)

    @property
    def clock(self) -> Clock:
        """Its clock; with the speed "manual", `clock.advance(seconds)` lets time pass."""
        return self._app.platform.clock

    @property
    def contract(self) -> Contract:
        """The contract it keeps."""
        return self._app.platform.contract

    @property
    def journal(self) -> Journal:
        """The last calls, oldest first; a view of what there is when it is looked at."""
        return Journal(self._app.platform)

    @property
    def held(self) -> int:
        """The number of calls that wait for their answer."""
        return self._bridge.held if self._socket else 0

    def start(self) -> Self:
        """Listen; returns when calls are answered."""
        if self._socket is not None:
            raise StartError(f"The emulator is running already, at {self.url}.")
        self._socket = _listen(self.settings.host, self.settings.port)
        limit = self.contract.document["x-limits"]["body_bytes"]
        self._bridge = Bridge(self._app.wsgi_app, limit, self._app.recorder.abandoned)
        hosts = served_hosts(self.contract, self._socket.getsockname()[0])
        tls = self._identity.context(hosts) if self._identity else None
        self._listener = Listener(self._bridge, self._socket, self.settings.receive_timeout, tls)
        self._thread = Thread(target=self._listener.run, name="mockling", daemon=True)
        self._thread.start()
        if not self._listener.listening.wait(START_LIMIT):
            self._socket.close()
            self._socket = None
            raise StartError(f"The emulator did not start within {START_LIMIT:.0f} s; it can be tried again.")
        self.clock.listen(self._wake)
        return self

    def stop(self) -> None:
        """Stop listening; calls that are still held are answered with 503. Returns within about 2 real seconds."""
        if self._socket is None:
            return
        self.clock.unlisten(self._wake)
        self._listener.stop(STOP_LIMIT, self._bridge.release)
        self._thread.join(STOP_LIMIT + 1)
        self._app.platform.store.close()
        self._socket = None

    def _wake(self) -> None:
        self._listener.loop.call_soon_threadsafe(self._bridge.wake)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address: bound here and now, so that a busy port is told at once."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise StartError(f"There is no address {host!r} on this machine; 127.0.0.1 is the usual one.") from error
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere this option lets two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise StartError(_why_not(error, host, port)) from error
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} of {host} is in use; stop what uses it, or choose another port (0 takes any free one)."
        case errno.EACCES:
            return f"Port {port} needs more rights than you have; choose one above 1023."
        case errno.EADDRNOTAVAIL:
            return f"This machine has no address {host}; 127.0.0.1 is the usual one."
    return f"Cannot listen at {host} port {port}: {error.strerror}."
