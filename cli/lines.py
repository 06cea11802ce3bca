"""Lines of output that nobody has to read: what would block is dropped, and counted."""

from __future__ import annotations

import logging
import os
from collections import deque
from threading import Condition, Thread

MOST = 10_000  # lines that may wait to be written
GATHER = 0.02  # seconds for which lines are gathered, so that not each wakes a thread
_WRITTEN = 32 * 1024  # bytes that are written at a time


class Lines(logging.Handler):
    """Writes lines to a file descriptor in a thread of its own, which nobody waits for longer than he wants to.

    It is a handler of log records, too. Where nobody reads, so that writing would block, at most 10,000 lines wait;
    those after them are dropped, and how many is told once writing goes on.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._busy = False
        self._changed = Condition()
        self._asked = False  # whether the thread was woken
        Thread(target=self._run, daemon=True, name="mockling-lines").start()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a log record as a line."""
        self.line(self.format(record))

    def line(self, text: str) -> None:
        """Write a line, or several; never waits."""
        if len(self._waiting) >= MOST:
            self._dropped += 1
            return
        self._waiting.append(text)
        if not self._asked:
            with self._changed:
                self._asked = True
                self._changed.notify_all()

    def finish(self, seconds: float) -> None:
        """Wait until all lines are written, but no longer than this."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._busy, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
                self._busy = True
            ...
