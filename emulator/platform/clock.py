"""Time: one clock for everything that waits, expires or is dated."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from threading import Condition

from mockling.emulator.settings import INSTANT, MANUAL, Speed


class Clock:
    """A clock whose simulated seconds pass `speed` times as fast as real ones.

    A moment is a number of simulated seconds since the clock's `epoch`, a real time in seconds since 1970. With the
    speed "instant" whatever has to be waited for is due at once, and moments pass as real seconds do; with "manual" no
    time passes but by `advance`.
    """

    def __init__(self, speed: Speed) -> None:
        self.instant = speed == INSTANT
        self.manual = speed == MANUAL
        self._rate = 1.0 if isinstance(speed, str) else float(speed)
        self.epoch = time.time()
        self._start = time.monotonic()
        self._moment = 0.0
        self._moved = Condition()
        self._listeners: list[Callable[[], object]] = []

    @property
    def pace(self) -> float | None:
        """The simulated seconds in a real one; None if nothing takes any time, so that durations tell nothing."""
        return None if self.instant else self._rate

    def now(self) -> float:
        """Return the present moment."""
        return self._moment if self.manual else (time.monotonic() - self._start) * self._rate

    def after(self, seconds: float) -> float:
        """Return the moment at which something is due that takes so many simulated seconds."""
        return self.now() if self.instant else self.now() + seconds

    def until(self, moment: float) -> float:
        """Return the real seconds until a moment, 0 if it has passed, infinity if only `advance` brings it."""
        left = max(0.0, moment - self.now())
        return inf if self.manual and left else left / self._rate

    def wait(self, moment: float) -> None:
        """Block the calling thread until a moment."""
        if self.manual:
            with self._moved:
                self._moved.wait_for(lambda: self._moment >= moment)
        else:
            time.sleep(self.until(moment))

    def utc(self, moment: float) -> float:
        """Return the real time, in seconds since 1970, at which a moment will come, or came (as far as is known)."""
        return time.time() + (moment - self.now()) / self._rate

    def advance(self, seconds: float) -> None:
        """Let so many simulated seconds pass at once; what becomes due by then is answered.

        Raises `ValueError` for a negative number, or if the speed is not "manual".
        """
        if not self.manual:
            raise ValueError('Time passes by itself at this speed; only at the speed "manual" it is advanced.')
        if not 0 <= seconds < inf:
            raise ValueError(f"Time cannot be advanced by {seconds!r} seconds; it must be 0 or more.")
        with self._moved:
            self._moment += seconds
            self._moved.notify_all()
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def listen(self, listener: Callable[[], object]) -> None:
        """Call a function after every `advance`, in the thread that advances."""
        with self._moved:
            self._listeners.append(listener)

    def unlisten(self, listener: Callable[[], object]) -> None:
        """No longer call it."""
        with self._moved:
            self._listeners.remove(listener)
