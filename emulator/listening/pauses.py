"""Pauses: who waits for which moment, each as one timer of the event loop and no thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from mockling.emulator.platform.clock import Clock

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable


class Pause(NamedTuple):
    """A wait for a `moment`, and the real `seconds` that are left of it."""

    moment: float
    seconds: Callable[[], float]


class Pauses:
    """The pauses that there are.

    `cuts` is how often those were cut short that can be, `none` whether all of these are, from the beginning.
    """

    def __init__(self) -> None:
        self.cuts = 0
        self.none = False
        self._waiting: dict[asyncio.Timeout, Pause] = {}

    @property
    def last_moment(self) -> float:
        """The moment at which the last of those is over that end by themselves; -infinity: there is none."""
        return max([pause.moment for pause in list(self._waiting.values()) if pause.moment < inf], default=-inf)

    def cut(self) -> None:
        """Cut short what can be. Call it in the event loop's thread."""
        self.cuts += 1
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

    async def wait(self, pause: Pause, receive: ASGIReceiveCallable) -> bool:
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

    def until(self, clock: Clock, moment: float, cuts: int) -> Pause:
        """Return the pause until a moment, or until those are cut short once more than so many times."""

        def seconds() -> float:
            if self.none or self.cuts != cuts:
                return 0.0
            return inf if moment == inf else clock.until(moment)

        return Pause(inf, seconds)  # nobody has to wait for it, for it can be cut short
