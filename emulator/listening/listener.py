"""The listener: accepts connections, speaks HTTP on them, and ends in good order."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from asyncio import sleep  # by name, for tests of asynchronous code replace that of the module
from collections.abc import Callable
from contextlib import ExitStack, suppress
from email.utils import formatdate
from threading import Event
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from mockling.emulator.listening.protocol import Protocol
from mockling.emulator.listening.tls import HANDSHAKE, Misled, advice, speaks_tls
from mockling.emulator.platform.clock import Real
from mockling.emulator.platform.exchange import logger

KEEP_ALIVE = 75  # real seconds for which an idle connection stays open
TICK = 1.0  # real seconds between two looks at what is due
BACKLOG = 1024  # connections that may wait to be accepted
AT_A_TIME = 64  # connections that are accepted before others have their turn
GOODBYE = 0.1  # real seconds for which the last callers over TLS may say that they heard the end
RETRY = 0.1  # real seconds until connections are accepted again, when there were no descriptors left
_SCARCE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that goes on where a test has frozen time."""

    def time(self) -> float:
        """Return its time, in seconds."""
        return Real.monotonic()


class Listener:
    """Runs an ASGI application on a bound socket, in an event loop of its own, until `stop`.

    `most_seconds` is how long the head of a request, and then its body, may take to come (real seconds). With `tls` it
    is HTTPS that is spoken. `listening` is set once connections are accepted; `loop` is there from then on.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(
        self, application: Any, listener: socket.socket, most_seconds: float, tls: ssl.SSLContext | None = None
    ) -> None:
        self._socket = listener
        self._tls = tls
        self._most_seconds = most_seconds
        self._config = uvicorn.Config(
            application,
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
        )
        self._config.access_log = False  # as an argument it would silence the loggers of others in this process
        self._state = ServerState()
        self._opening: set[asyncio.Task[Any]] = set()
        self._told = False
        self.listening = Event()

    def run(self) -> None:
        """Accept and answer, in the calling thread, until `stop`."""
        # Not the default loop of every system can watch a socket.
        with asyncio.Runner(loop_factory=_Loop) as runner:
            runner.run(self._serve())

    def stop(self, within: float, last: Callable[[], object]) -> None:
        """Stop accepting, call `last` in the event loop, and end when all is answered, or after so many real seconds.

        Can be called in any thread; returns at once.
        """

        def ends() -> None:
            last()
            self._within = within
            self._stopping.set()

        self.loop.call_soon_threadsafe(ends)

    async def _serve(self) -> None:
        self._config.load()
        self.loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        if self._socket.fileno() < 0:  # nobody waits for it any more
            return
        self._socket.setblocking(False)
        self._socket.listen(BACKLOG)
        self._watch()
        self._tick()
        self.listening.set()
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TICK)
            self._tick()
        await self._end()

    def _tick(self) -> None:
        """Do what is due now and then: the date that responses have, and callers who are too slow."""
        self._state.default_headers = [(b"date", formatdate(Real.time(), usegmt=True).encode())]
        now = self.loop.time()
        for connection in list(self._state.connections):
            assert isinstance(connection, Protocol)
            connection.check_pace(now, self._most_seconds)

    def _watch(self) -> None:
        if not self._stopping.is_set():
            self.loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_A_TIME):
            try:
                connection, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _SCARCE:
                    raise
                self._pause(error)
                return
            connection.setblocking(False)
            opening = self._secure(connection) if self._tls else self._plain(connection)
            task = self.loop.create_task(opening)
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _plain(self, connection: socket.socket, kind: type[Protocol] = Protocol) -> None:
        await self.loop.connect_accepted_socket(lambda: self._protocol(kind), connection)

    async def _secure(self, connection: socket.socket) -> None:
        """Begin TLS on a connection; a caller with whom that fails is cut off, and if it did not agree, told of."""
        with ExitStack() as failed:
            failed.callback(connection.close)
            try:
                if await speaks_tls(connection):
                    await self.loop.connect_accepted_socket(
                        self._protocol, connection, ssl=self._tls, ssl_handshake_timeout=HANDSHAKE
                    )
                else:
                    await self._plain(connection, Misled)
                failed.pop_all()
            except ssl.SSLError as error:
                logger.warning("A caller's TLS handshake failed: %s.%s", error.reason or error, advice(error))
            except OSError:  # it left, or took too long
                pass

    def _pause(self, error: OSError) -> None:
        """Leave further callers waiting, for a moment."""
        self.loop.remove_reader(self._socket)
        self.loop.call_later(RETRY, self._watch)
        if not self._told:
            self._told = True
            logger.warning("New connections have to wait: %s. A higher limit helps (ulimit -n).", error.strerror)

    def _protocol(self, kind: type[Protocol] = Protocol) -> Protocol:
        return kind(self._config, self._state, {}, self.loop)

    async def _end(self) -> None:
        self.loop.remove_reader(self._socket)
        self._socket.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        end = self.loop.time() + self._within
        await self._until(end, lambda: self._state.tasks or (not self._tls and self._state.connections))
        await self._until(min(end, self.loop.time() + GOODBYE), lambda: self._state.connections)
        for connection in list(self._state.connections):
            connection.transport.abort()

    async def _until(self, end: float, busy: Callable[[], object]) -> None:
        while busy() and self.loop.time() < end:
            await sleep(0.001)
