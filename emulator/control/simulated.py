"""Simulated time in place of the module `time`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockling.emulator.control.controls import Controls


class SimulatedTime:
    """What a module under test can be given as its `time`: the clocks are an emulator's, to sleep is to let time pass.

    `time`, `monotonic`, `perf_counter`, their `_ns` forms and `sleep` are simulated, all else is the module's own.
    """

    def __init__(self, controls: Controls) -> None:
        self._controls = controls

    def sleep(self, seconds: float) -> None:
        """Let simulated seconds pass at once. Raises `ValueError` for a negative number."""
        self._controls.advance(seconds)

    def time(self) -> float:
        """Return the simulated time, in seconds since 1970."""
        return self._controls.clock.epoch + self._controls.clock.now()

    def monotonic(self) -> float:
        """Return the simulated seconds since the start."""
        return self._controls.clock.now()

    def perf_counter(self) -> float:
        """Return the simulated seconds since the start."""
        return self._controls.clock.now()

    def time_ns(self) -> int:
        """Return the simulated time, in nanoseconds since 1970."""
        return int(self.time() * 1e9)

    def monotonic_ns(self) -> int:
        """Return the simulated nanoseconds since the start."""
        return int(self.monotonic() * 1e9)

    def perf_counter_ns(self) -> int:
        """Return the simulated nanoseconds since the start."""
        return int(self.perf_counter() * 1e9)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)
