"""Time: one clock for everything that waits, expires or is dated."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from threading import TIMEOUT_MAX, Condition

from mockling.emulator.settings import INSTANT, MANUAL, Speed

FARTHEST = 1e11  # the last moment, in simulated seconds; far beyond it, single seconds would be lost


class Real:
    """The system's clocks, in seconds; kept here so that what freezes time in a test does not find and replace them."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)


class Clock:
    """A clock whose simulated seconds pass `speed` times as fast as real ones.

    A moment is a number of simulated seconds since the clock's `epoch`, a real time in seconds since 1970. With the
    speed "instant" whatever has to be waited for is due at once, and moments pass as real seconds do; with "manual" no
    time passes by itself. At any speed `advance` lets time pass at once; `advanced` are the seconds that it did.
    """

    def __init__(self, speed: Speed) -> None:
        self._moved = Condition()
        self._listeners: list[Callable[[], object]] = []
        self.restart(speed)

    def restart(self, speed: Speed) -> None:
        """Begin again at the moment 0, at a speed."""
        with self._moved:
            self.epoch = Real.time()
            self.advanced = 0.0
            self._set(speed, 0.0)
        self._tell()

    @property
    def speed(self) -> Speed:
        """The speed: simulated seconds in a real one, "instant" or "manual"; can be set, and time goes on from now."""
        return self._speed

    @speed.setter
    def speed(self, speed: Speed) -> None:
        with self._moved:
            self._set(speed, self.now())
        self._tell()

    def _set(self, speed: Speed, moment: float) -> None:
        self._speed = speed
        self.instant = speed == INSTANT
        self.manual = speed == MANUAL
        self._rate = 1.0 if isinstance(speed, str) else float(speed)
        # One value, so that whoever reads it meanwhile sees no time that never was.
        self._base = (moment, Real.monotonic(), 0.0 if self.manual else self._rate)

    @property
    def pace(self) -> float | None:
        """The simulated seconds in a real one; None if nothing takes any time, so that durations tell nothing."""
        return None if self.instant else self._rate

    def now(self) -> float:
        """Return the present moment."""
        moment, since, rate = self._base
        return moment + (Real.monotonic() - since) * rate

    def after(self, seconds: float) -> float:
        """Return the moment at which something is due that takes so many simulated seconds."""
        return self.now() if self.instant else self.now() + seconds

    def until(self, moment: float) -> float:
        """Return the real seconds until a moment, 0 if it has passed, infinity if only `advance` brings it."""
        left = max(0.0, moment - self.now())
        return inf if self.manual and left else left / self._rate

    def wait(self, moment: float) -> None:
        """Block the calling thread until a moment."""
        with self._moved:
            while left := self.until(moment):
                self._moved.wait(min(left, TIMEOUT_MAX))

    def utc(self, moment: float) -> float:
        """Return the real time, in seconds since 1970, at which a moment will come, or came (as far as is known)."""
        return Real.time() + (moment - self.now()) / self._rate

    def advance(self, seconds: float) -> None:
        """Let so many simulated seconds pass at once; what becomes due by then is answered, in the order it is due.

        Raises `ValueError` for a negative number, or one that leads further than 3,000 years.
        """
        with self._moved:
            self.check(seconds)
            moment, since, rate = self._base
            self._base = (moment + seconds, since, rate)
            self.advanced += seconds
        self._tell()

    def check(self, seconds: float) -> None:
        """Raise the `ValueError` that `advance` would raise."""
        if not 0 <= seconds < inf:
            raise ValueError(f"Time cannot be advanced by {seconds!r} seconds; it must be 0 or more.")
        if self._base[0] + seconds > FARTHEST:
            raise ValueError(f"Time cannot be advanced by {seconds!r} seconds; it ends {FARTHEST:g} after the epoch.")

    def reach(self, moment: float) -> None:
        """Let time pass at once up to a moment, if that has not come yet."""
        ahead = moment - self.now()
        if ahead > 0:
            self.advance(ahead)

    def _tell(self) -> None:
        with self._moved:
            self._moved.notify_all()
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def listen(self, listener: Callable[[], object]) -> None:
        """Call a function whenever time was moved or its speed set, in the thread that does so."""
        with self._moved:
            self._listeners.append(listener)

    def unlisten(self, listener: Callable[[], object]) -> None:
        """No longer call it."""
        with self._moved:
            self._listeners.remove(listener)
