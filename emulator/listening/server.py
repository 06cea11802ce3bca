"""The server: an emulator that listens."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from secrets import token_urlsafe
from threading import Event, Lock, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mockling.emulator.control.controls import Controls
from mockling.emulator.control.guard import is_loopback
from mockling.emulator.http.app import Application, create_app
from mockling.emulator.listening.bridge import Bridge
from mockling.emulator.listening.listener import Listener
from mockling.emulator.listening.sockets import StartError as StartError
from mockling.emulator.listening.sockets import listen
from mockling.emulator.listening.tls import identity, served_hosts
from mockling.emulator.platform.exchange import logger
from mockling.emulator.platform.platform import Platform
from mockling.emulator.settings import Settings, SettingsError, changed

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from mockling.emulator.rerouting import Rerouting

START_LIMIT = 10.0  # real seconds
STOP_LIMIT = 1.5  # real seconds for an orderly stop; what is open then is cut off
RESET_LIMIT = 1.0  # real seconds for which a reset waits for the answers to what was held
SETTLE_PAUSE = 0.02  # real seconds between two looks whether all has settled
SETTLE_LIMIT = 10.0  # real seconds for which settling waits for calls under way
TURNS = 3  # of the event loop, after which it has noticed every caller who left before
MOST_APPLICATIONS = 8  # of other contracts, that are kept for another reset
_BOUND = ("host", "port", "receive_timeout", "control_token", "tls")  # settings that stay while it listens
_OF_CONTRACT = ("profile", "answers", "contract", "models")


class Emulator(Controls):
    """An emulator that listens in a thread of its own, from `start` to `stop`, or as a context manager.

    `settings` say what it is like, `changes` are fields of `Settings` that replace them:

        with Emulator(speed="instant") as emulator:
            requests.post(emulator.url + "/v1/...", headers={"x-api-key": emulator.api_key}, ...)

    Raises what `Settings` and `mockling.contract.load` raise, `FaultError` for a fault that makes no sense, and
    `StartError` on `start` if the address cannot be listened at.
    """

    def __init__(self, settings: Settings | None = None, **changes: Any) -> None:
        self.settings = self._first = changed(settings, changes)
        self._identity = identity(self.settings)
        self._applications: dict[str, Application] = {}
        self._app = self._application(self.settings)
        self._socket: socket.socket | None = None
        self._switching = Lock()  # for control calls come in threads of their own
        random = None if is_loopback(self.settings.host) else token_urlsafe(16)
        self.control_token = self.settings.control_token or random

    def start(self) -> Self:
        """Listen; returns when calls are answered."""
        with self._switching:
            return self._start()

    def _start(self) -> Self:
        if self._socket is not None:
            raise StartError(f"The emulator is running already, at {self.url}.")
        self._socket = listen(self.settings.host, self.settings.port)
        self._bridge = Bridge(lambda environ, start: self._control(environ, start))
        self._attach()
        hosts = served_hosts(self.contract, self._socket.getsockname()[0])
        tls = self._identity.context(hosts) if self._identity else None
        self._listener = Listener(self._bridge, self._socket, self.settings.receive_timeout, tls)
        self._thread = Thread(target=self._listener.run, name="mockling", daemon=True)
        self._thread.start()
        if not self._listener.listening.wait(START_LIMIT):
            self._detach()
            self._socket.close()
            self._socket = None
            raise StartError(f"The emulator did not start within {START_LIMIT:.0f} s; it can be tried again.")
        return self

    def stop(self) -> None:
        """Stop listening; calls that are still held are answered with 503. Returns within about 2 real seconds."""
        with self._switching:
            if self._socket is None:
                return
            self._detach()
            self._listener.stop(STOP_LIMIT, lambda: self._bridge.release("stopping"))
            self._thread.join(STOP_LIMIT + 1)
            self.platform.store.close()
            self._socket = None

    def reset(self, settings: Settings | None = None, **changes: Any) -> None:
        """Forget everything: jobs, accounts, uploads, journal, faults; time and chance begin again.

        It is then as it was first, or as `settings` and `changes` say; the address it listens at stays. Held calls are
        answered with 503, and what callers still send belongs to what is forgotten. Raises what the constructor raises,
        and `SettingsError` for another address; then nothing has changed.
        """
        wanted = changed(settings or self._first, changes)
        if self._socket and any(getattr(wanted, name) != getattr(self.settings, name) for name in _BOUND):
            raise SettingsError(f"{', '.join(_BOUND)} cannot change while it listens; start another emulator.")
        application = self._application(wanted)
        application.platform.check(wanted)
        with self._switching:
            self._switch(application, wanted)

    @contextmanager
    def renewed(self, **changes: Any) -> Iterator[Self]:
        """Reset it with some changes, to which `reset()` comes back within the block.

        Raises what `reset` raises. Leaving the block changes nothing by itself.
        """
        first = self._first
        self.reset(**changes)
        self._first = self.settings
        try:
            yield self
        finally:
            self._first = first

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._socket is not None

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
    def held(self) -> int:
        """The number of calls that wait for their answer."""
        return self._bridge.held if self._socket else 0

    def held_of(self, key: str) -> int:
        """Return how many of them are of an API key."""
        return self._bridge.held_of(key) if self._socket else 0

    def intercept(self, *, block_network: bool = False) -> Rerouting:
        """Return a context manager: within it, this process's calls of the live platform reach this emulator.

        See `Rerouting` for what is caught; `block_network` refuses every other call beyond this machine.
        """
        from mockling.emulator.rerouting import Rerouting

        return Rerouting(lambda: self.url, self.contract.live_origins, block_network=block_network)

    def forget(self, key: str) -> None:
        """Forget what belongs to one API key: its calls, jobs, balance and the faults for it alone.

        Its held calls are answered with 503; all else, what stalls and time too, goes on. Raises `SettingsError` as
        `balance` does.
        """
        account = self._account(key, balance=False)
        if self._socket:
            self._in_loop(lambda: self._bridge.drop(key, "reset"))
            self._settle_loop()
        self.platform.store.forget(account, self.platform.keys.digest(key))

    def settle(self) -> None:
        """Let whatever is under way end: journal and bill are final then.

        Time passes until the last job that will ever end has ended and every held call is answered; what stalls is
        closed. Raises `TimeoutError` if calls are still under way after 10 real seconds.
        """
        if not self._socket:
            self._let_end()
            return
        self._settle_loop()
        end = time.monotonic() + SETTLE_LIMIT
        while time.monotonic() < end:
            self._let_end()
            self._in_loop(self._bridge.pauses.cut)
            if self._wait_idle(SETTLE_PAUSE):  # what was answered just now may stall
                return
        raise TimeoutError(f"Calls were under way for {SETTLE_LIMIT:.0f} s; stop those who go on calling, and settle.")

    def _last_moment(self, now: float) -> float:
        return max(self._bridge.pauses.last_moment if self._socket else 0.0, super()._last_moment(now))

    @property
    def platform(self) -> Platform:
        """What it stands in for, without HTTP."""
        return self._app.platform

    def _switch(self, application: Application, wanted: Settings) -> None:
        """Answer what is held, and have an application from now on, as if it had just begun."""
        if self._socket:
            if self.held:
                logger.info("A reset answers %d held calls with 503, and forgets them.", self.held)
            self.platform.end_era()  # to keep what is forgotten a moment later would take most of the time
            self._in_loop(lambda: self._bridge.suspend("reset"))
            self._wait_idle(RESET_LIMIT)
            self._detach()
        try:
            application.platform.reset(wanted)
            if application is not self._app:
                self.platform.store.close()
            self._app, self.settings = application, wanted
        finally:
            if self._socket:
                self._attach()
                self._in_loop(self._bridge.resume)

    def _application(self, settings: Settings) -> Application:
        """Return the application with the contract of settings, made when it is first needed."""
        wanted = json.dumps([getattr(settings, name) for name in _OF_CONTRACT], default=str, sort_keys=True)
        application = self._applications.get(wanted)
        if application is None:
            if len(self._applications) >= MOST_APPLICATIONS:
                self._applications.clear()
            application = self._applications[wanted] = create_app(settings)
            application.platform.patient = True  # the bridge waits without a thread
        return application

    @cached_property
    def _control(self) -> WSGIApplication:
        """The control API, made when it is first asked for."""
        from mockling.emulator.control.app import Control

        return Control(self)

    def _attach(self) -> None:
        limit = self.contract.document["x-limits"]["body_bytes"]
        self._bridge.serve(self._app.wsgi_app, self._app.recorder.abandoned, self.clock, limit)
        self.clock.listen(self._wake)

    def _detach(self) -> None:
        self.clock.unlisten(self._wake)

    def _settle_loop(self) -> None:
        """Let the event loop notice what has happened before."""
        for _ in range(TURNS):
            self._in_loop(lambda: None)

    def _wake(self) -> None:
        self._listener.loop.call_soon_threadsafe(self._bridge.pauses.wake)

    def _wait_idle(self, within: float) -> bool:
        """Wait until no call is under way; False if it took more than so many real seconds."""
        idle = Event()
        self._in_loop(lambda: self._bridge.when_idle(idle.set))
        return idle.wait(within)

    def _in_loop(self, act: Callable[[], object]) -> None:
        """Do something in the event loop's thread, and wait until it is done."""
        done = Event()

        def call() -> None:
            act()
            done.set()

        self._listener.loop.call_soon_threadsafe(call)
        done.wait(START_LIMIT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
