"""Lines of output that nobody has to read: where writing would block, they are dropped, and counted."""

from __future__ import annotations

import logging
import os
import select
import time
from collections import deque
from collections.abc import Callable
from threading import Event, Thread

MOST_WAITING = 10_000  # lines
GATHER = 0.02  # seconds for which lines are gathered, so that not each of them wakes a thread
MOST_AT_ONCE = 100  # lines of one write


def _dropped(count: int) -> str:
    return f"{count:,} lines were dropped here, for nobody read them."


class Lines(logging.Handler):
    """Writes lines, and log records, to a file descriptor, in a thread that nobody waits for.

    Where nobody reads, 10,000 lines wait; those after them are dropped, and how many is told once writing goes on, in
    the words of `note`.
    """

    def __init__(self, descriptor: int, note: Callable[[int], str] = _dropped) -> None:
        super().__init__()
        self._note = note
        self._descriptor = descriptor
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._writing = False
        self._woken = Event()
        Thread(target=self._run, daemon=True, name="mockling-lines").start()

    def createLock(self) -> None:  # noqa: N802 - logging's name
        """Need no lock: lines are told one from another by a deque."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a log record."""
        self.line(self.format(record))

    def line(self, text: str) -> None:
        """Write a line, or several; returns at once."""
        if len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
        else:
            self._waiting.append(text)
        if not self._woken.is_set():
            self._woken.set()

    def finish(self, seconds: float) -> None:
        """Wait until all is written, or so many real seconds have passed."""
        end = time.monotonic() + seconds
        while (self._waiting or self._writing) and time.monotonic() < end:
            time.sleep(0.001)  # at the end alone, and no longer than was asked for

    def _run(self) -> None:
        try:
            while True:
                self._woken.wait()
                time.sleep(GATHER)
                self._woken.clear()
                while self._waiting or self._dropped:
                    self._writing = True
                    self._write(self._next())
                self._writing = False
        except OSError:  # nobody can read any more
            self._writing = False

    def _next(self) -> bytes:
        lines = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
        if self._dropped and not self._waiting:
            dropped, self._dropped = self._dropped, 0
            lines.append(self._note(dropped))
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")

    def _write(self, content: bytes) -> None:
        # Not through sys.stderr, whose lock would hold the end of the process.
        while content:
            try:
                content = content[os.write(self._descriptor, content) :]
            except BlockingIOError:  # a parent may have made it so
                select.select([], [self._descriptor], [])
