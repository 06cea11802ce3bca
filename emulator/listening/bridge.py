"""The bridge: the Flask application on an asyncio server, a held call being one timer and no thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from io import BytesIO
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from mockling.emulator.http.delivery import Delivered
from mockling.emulator.http.held import Held
from mockling.emulator.listening.bodies import LARGE, Bodies, Body
from mockling.emulator.listening.delivering import deliver, send_all
from mockling.emulator.listening.pauses import Pause, Pauses
from mockling.emulator.listening.wsgi import Start, environ_of
from mockling.emulator.platform.clock import Clock
from mockling.emulator.signs import CONTROL

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

Result = TypeVar("Result")


class Bridge:
    """An ASGI application that runs a WSGI one, from `serve` on.

    `pauses` are those of held calls and of planned deliveries. `control` is the WSGI application that answers below its
    prefix, in a thread, before any of the other's doing.
    """

    _application: WSGIApplication
    _abandoned: Callable[[WSGIEnvironment], object]
    _clock: Clock

    def __init__(self, control: WSGIApplication) -> None:
        self._control = control
        self._bodies = Bodies()
        self._one_at_a_time = asyncio.Lock()
        self._ends: str | None = None  # why nothing is held any more
        self.pauses = Pauses()
        self._holds: set[_Hold] = set()
        self._resumed = asyncio.Event()
        self._resumed.set()
        self._busy = 0
        self._waiting: list[Callable[[], object]] = []  # for that nothing is busy

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body, controls = await self._bodies.read(scope, receive), scope["path"].startswith(f"{CONTROL}/")
        if body is None:
            if not controls:
                self._abandoned(environ_of(scope, Body()))
            return
        if controls:
            start, environ = Start(), environ_of(scope, body)
            self._bodies.free(body)
            await send_all(start, await _in_thread(lambda: self._control(environ, start)), receive, send)
            return
        await self._resumed.wait()
        self._busy += 1
        try:
            await self._answer(body, scope, receive, send)
        finally:
            self._busy -= 1
            self._tell_if_idle()

    async def _answer(self, body: Body, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        start = Start()
        try:
            result = await self._call(environ_of(scope, body), start)
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
                await deliver(blocks, start, scope, receive, send, clock=self._clock, pauses=self.pauses)
            else:
                await send_all(start, blocks, receive, send)
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

    def held_of(self, key: str) -> int:
        """Return how many of them are of an API key."""
        return sum(hold.held.key == key for hold in self._holds.copy())  # the event loop changes it meanwhile

    def suspend(self, case: str) -> None:
        """Release what is held, and let later calls wait until `resume`. Call it in the event loop's thread."""
        self._resumed.clear()
        self.release(case)

    def release(self, case: str) -> None:
        """Answer every held call now, and every later one at once, for the reason of that name in the contract.

        Call it in the event loop's thread.
        """
        self._ends = case
        for hold in self._holds:
            hold.reason = hold.reason or case
        self.pauses.none = True
        self.pauses.cut()

    def drop(self, key: str, case: str) -> None:
        """Answer the held calls of an API key now, as `release` does. Call it in the event loop's thread."""
        for hold in self._holds:
            if hold.held.key == key:
                hold.reason = hold.reason or case
        self.pauses.wake()

    def resume(self) -> None:
        """Hold calls again."""
        self._ends = None
        self.pauses.none = False
        self._resumed.set()

    def when_idle(self, tell: Callable[[], object]) -> None:
        """Call a function once no call is under way. Call it in the event loop's thread."""
        self._waiting.append(tell)
        self._tell_if_idle()

    def _tell_if_idle(self) -> None:
        while self._waiting and not self._busy:
            self._waiting.pop()()

    async def _call(self, environ: WSGIEnvironment, start: Start) -> Iterable[bytes]:
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
            if await self.pauses.wait(Pause(hold.held.moment, hold.seconds), receive):
                return True
        finally:
            self._holds.discard(hold)
        hold.held.leave()
        return False


class _Hold:
    """A held call, and the `reason` why it is held no more, by its name in the contract (None: it is)."""

    __slots__ = ("held", "reason")

    def __init__(self, held: Held, reason: str | None) -> None:
        self.held = held
        self.reason = reason

    def seconds(self) -> float:
        """Return the real seconds that are left."""
        return 0.0 if self.reason else self.held.seconds


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
