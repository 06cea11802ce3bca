"""The bridge: the Flask application on an asyncio server, a held call being one timer and no thread."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache, partial
from io import BytesIO
from math import inf
from threading import Condition, Thread
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from werkzeug.wsgi import FileWrapper

from mockling.emulator.http.delivery import Delivered
from mockling.emulator.http.held import Held
from mockling.emulator.listening.bodies import LARGE, Bodies, Body
from mockling.emulator.platform.clock import Clock

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

Result = TypeVar("Result")

CONTROL = "/_mockling/"
FILE_BLOCK = 256 * 1024  # bytes of a file that are sent at a time
LONGEST_FLUSH = 10.0  # real seconds for which a caller may take what was sent before his connection ends
FLUSH = 0.001  # real seconds between two looks whether he has


class Bridge:
    """An ASGI application that runs a WSGI one, from `serve` on.

    `control` is the WSGI application that answers below its prefix, in a thread, before any of the other's doing.
    """

    _application: WSGIApplication
    _abandoned: Callable[[WSGIEnvironment], object]
    _clock: Clock

    def __init__(self, control: WSGIApplication) -> None:
        self._control = control
        self._bodies = Bodies()
        self._one_at_a_time = asyncio.Lock()
        self._ends: str | None = None  # why nothing is held any more
        self._waiting: dict[asyncio.Timeout, _Pause] = {}
        self._holds: set[_Hold] = set()
        self._cut_short = 0  # how often stalls and pauses were ended
        self._busy = 0
        self._idle = Condition()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body, controls = await self._bodies.read(scope, receive), scope["path"].startswith(CONTROL)
        if body is None:
            if not controls:
                self._abandoned(_environ(scope, Body()))
            return
        if controls:
            start, environ = _Start(), _environ(scope, body)
            self._bodies.free(body)
            await _send(start, await _in_thread(lambda: self._control(environ, start)), receive, send)
            return
        self._count(1)
        try:
            await self._answer(body, scope, receive, send)
        finally:
            self._count(-1)

    async def _answer(self, body: Body, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        start = _Start()
        try:
            result = await self._call(_environ(scope, body), start)
        finally:
            self._bodies.free(body)
        del body
        try:
            blocks: Iterable[bytes] = result
            if isinstance(result, Held):
                hold = _Hold(result, self._ends if result.seconds else None)
                if not await self._hold(hold, receive):
                    return
                blocks = result.stop(hold.reason) if hold.reason else result.answer()
            if isinstance(blocks, Delivered):
                await self._deliver(blocks, start, receive, send, _transport(scope))
            else:
                await _send(start, blocks, receive, send)
        finally:
            if hasattr(result, "close"):
                result.close()

    def serve(
        self, application: WSGIApplication, abandoned: Callable[[WSGIEnvironment], object], clock: Clock, limit: int
    ) -> None:
        """Run an application from now on.

        `limit` is the number of bytes of a body that it takes; of a larger one it is told the size alone.
        `abandoned` is told the environment of a call whose caller left before all of it had come, `clock` is what
        planned pauses go by.
        """
        self._application, self._abandoned, self._clock = application, abandoned, clock
        self._bodies.take(limit)

    @property
    def held(self) -> int:
        """The number of calls that wait for their answer."""
        return len(self._holds)

    @property
    def last_moment(self) -> float:
        """The moment at which the last of the calls that wait will have its answer; -infinity: none waits."""
        return max([pause.moment for pause in list(self._waiting.values()) if pause.moment < inf], default=-inf)

    def release(self, case: str) -> None:
        """Answer every held call now, and every later one at once, for the reason of that name in the contract.

        Call it in the event loop's thread.
        """
        self._ends = case
        for hold in self._holds:
            hold.reason = hold.reason or case
        self._cut_short += 1
        self.wake()

    def drop(self, key: str, case: str) -> None:
        """Answer the held calls of an API key now, as `release` does. Call it in the event loop's thread."""
        for hold in self._holds:
            if hold.held.key == key:
                hold.reason = hold.reason or case
        self.wake()

    def resume(self) -> None:
        """Hold calls again."""
        self._ends = None

    def cut_short(self) -> None:
        """End what stalls, and send at once what is sent slowly. Call it in the event loop's thread."""
        self._cut_short += 1
        self.wake()

    def wake(self) -> None:
        """Go on with what is due by now, in the order in which it is, and wait for the rest as long as is left now.

        Call it in the event loop's thread.
        """
        now = asyncio.get_running_loop().time()
        for timer, pause in sorted(self._waiting.items(), key=lambda waiting: waiting[1].moment):
            seconds = pause.seconds()
            with suppress(RuntimeError):  # it has just run out by itself
                timer.reschedule(None if seconds == inf else now + seconds if seconds else 0)

    def wait_idle(self, within: float) -> bool:
        """Wait, in another thread, until no call is under way; False if it took more than so many real seconds."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._busy, within)

    def _count(self, more: int) -> None:
        with self._idle:
            self._busy += more
            if not self._busy:
                self._idle.notify_all()

    async def _call(self, environ: WSGIEnvironment, start: _Start) -> Iterable[bytes]:
        """Return what the application returns for a request, whose body is then forgotten."""
        call = partial(self._application, environ, start)
        if environ["wsgi.input"].getbuffer().nbytes < LARGE:
            result = call()
        else:
            async with self._one_at_a_time:  # what is made of a body may be ten times as large
                result = await _in_thread(call)
        environ["wsgi.input"] = BytesIO()
        return result

    async def _hold(self, hold: _Hold, receive: ASGIReceiveCallable) -> bool:
        """Wait until a held call is due, or has a reason to be held no more; False if its caller left."""
        self._holds.add(hold)
        try:
            if await self._wait(_Pause(hold.held.moment, hold.seconds), receive):
                return True
        finally:
            self._holds.discard(hold)
        hold.held.leave()
        return False

    async def _wait(self, pause: _Pause, receive: ASGIReceiveCallable) -> bool:
        """Wait until a pause is over; False if the caller left."""
        while seconds := pause.seconds():
            try:
                async with asyncio.timeout(None if seconds == inf else seconds) as timer:
                    self._waiting[timer] = pause
                    while (await receive())["type"] != "http.disconnect":
                        pass
            except TimeoutError:
                continue
            finally:
                self._waiting.pop(timer, None)
            return False
        return True

    def _until(self, moment: float, since: int) -> _Pause:
        """Return the pause until a moment, or until pauses are cut short (once more than they were by then)."""
        endless = moment == inf

        def seconds() -> float:
            if self._ends or self._cut_short != since:
                return 0.0
            return inf if endless else self._clock.until(moment)

        return _Pause(moment, seconds)

    async def _deliver(
        self,
        delivered: Delivered,
        start: _Start,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        transport: asyncio.Transport,
    ) -> None:
        """Send a response as is planned, or as much of it as its caller stays for."""
        plan, since, moment = delivered.delivery, self._cut_short, self._clock.now()
        if not plan.silent:
            await _send_head(start, send)
            for piece, seconds in delivered.pieces():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(0)
                moment += seconds
                if seconds and not await self._wait(self._until(moment, since), receive):
                    return
        if plan.ending is None:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        if plan.ending == "stall":
            await self._wait(self._until(inf, since), receive)
        await _end(transport, reset=plan.ending == "reset")


class _Hold:
    """A held call, and the `reason` why it is held no more, by its name in the contract (None: it is)."""

    __slots__ = ("held", "reason")

    def __init__(self, held: Held, reason: str | None) -> None:
        self.held = held
        self.reason = reason

    def seconds(self) -> float:
        """Return the real seconds that are left."""
        return 0.0 if self.reason else self.held.seconds


class _Pause(NamedTuple):
    """A wait for a `moment`, and the real `seconds` that are left of it."""

    moment: float
    seconds: Callable[[], float]


def _transport(scope: HTTPScope) -> asyncio.Transport:
    transport: Any = scope["extensions"]["mockling"]["transport"]
    return cast("asyncio.Transport", transport)


async def _end(transport: asyncio.Transport, *, reset: bool) -> None:
    """Close or reset a connection when all has been sent, or after a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_FLUSH):
            await asyncio.sleep(0)  # what is kept back is handed on
            while transport.get_write_buffer_size() and not transport.is_closing():
                await asyncio.sleep(FLUSH)
    if reset:
        connection = transport.get_extra_info("socket")
        with suppress(OSError):  # it is closed already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()


async def _in_thread(call: Callable[[], Result]) -> Result:
    """Return what a call returns, made in a thread that nobody waits for when the process ends."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    results: list[Result] = []

    def run() -> None:
        try:
            results.append(call())
        finally:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(done.set)

    Thread(target=run, daemon=True, name="mockling-body").start()
    await done.wait()
    return results[0]


class _Start:
    """WSGI's start_response: it keeps the status and headers until the body's first block is there."""

    status = 500
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def __call__(self, status: str, headers: list[tuple[str, str]], _exc_info: object = None, /) -> Callable[..., Any]:
        self.status = int(status[:3])
        self.headers = tuple((_wire_name(name), value.encode("latin-1")) for name, value in headers)
        return lambda _: None


async def _send(start: _Start, blocks: Iterable[bytes], receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Send a response, or as much of it as its caller stays for."""
    iterator = iter(blocks)
    block, following = next(iterator, b""), next(iterator, None)
    await _send_head(start, send)
    gone = asyncio.ensure_future(receive()) if following is not None else None
    try:
        while following is not None:
            await send({"type": "http.response.body", "body": block, "more_body": True})
            await asyncio.sleep(0)  # a caller who left is noticed by the event loop, which must have its turn
            if gone and gone.done():
                return
            block, following = following, next(iterator, None)
        await send({"type": "http.response.body", "body": block, "more_body": False})
    finally:
        if gone:
            gone.cancel()


async def _send_head(start: _Start, send: ASGISendCallable) -> None:
    await send({"type": "http.response.start", "status": start.status, "headers": start.headers, "trailers": False})


def _file_wrapper(file: IO[bytes], _wanted: int = 0) -> FileWrapper:
    return FileWrapper(file, FILE_BLOCK)


def _environ(scope: HTTPScope, body: Body) -> WSGIEnvironment:
    server, client = scope["server"] or ("127.0.0.1", None), scope["client"] or ("", 0)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "RAW_URI": scope["raw_path"].decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": BytesIO(body.content),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": _file_wrapper,
    }
    for raw_name, raw_value in scope["headers"]:
        # x_api_key would be taken for x-api-key, and a body that came in chunks is whole by now.
        if b"_" in raw_name or raw_name == b"transfer-encoding":
            continue
        variable = _variable(raw_name) if len(raw_name) < 100 else _variable.__wrapped__(raw_name)
        value = raw_value.decode("latin-1")
        environ[variable] = f"{environ[variable]},{value}" if variable in environ else value
    if body.size:
        environ.setdefault("CONTENT_LENGTH", str(body.size))
    return environ


@lru_cache(maxsize=1024)
def _wire_name(name: str) -> bytes:
    """Return a response's header as it is sent."""
    return name.lower().encode("latin-1")


@lru_cache(maxsize=1024)
def _variable(name: bytes) -> str:
    """Return what a header is called in a WSGI environment."""
    variable = name.decode("latin-1").upper().replace("-", "_")
    return variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{variable}"
