"""Time: one clock for everything that waits, expires or is dated."""

from __future__ import annotations

import time
from typing import Literal

from mockling.emulator.settings import INSTANT


class Clock:
    """A clock whose simulated seconds pass `speed` times as fast as real ones.

    A moment is a number of simulated seconds since the clock was made. With the speed "instant" whatever has to be
    waited for is due at once, and moments pass as real seconds do.
    """

    def __init__(self, speed: float | Literal["instant"]) -> None:
        self.instant = speed == INSTANT
        self._rate = 1.0 if speed == INSTANT else float(speed)
        self._start = time.monotonic()

    def now(self) -> float:
        """Return the present moment."""
        return (time.monotonic() - self._start) * self._rate

    def after(self, seconds: float) -> float:
        """Return the moment at which something is due that takes so many simulated seconds."""
        return self.now() if self.instant else self.now() + seconds

    def until(self, moment: float) -> float:
        """Return the real seconds until a moment, 0 if it has passed."""
        return max(0.0, moment - self.now()) / self._rate

    def wait(self, moment: float) -> None:
        """Block the calling thread until a moment."""
        time.sleep(self.until(moment))

    def utc(self, moment: float) -> float:
        """Return the real time, in seconds since 1970, at which a moment will come, or came."""
        return time.time() + (moment - self.now()) / self._rate
