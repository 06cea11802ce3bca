"""The journal: what was asked and answered, without any secret."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from threading import Lock

logger = logging.getLogger("mockling")
logger.addHandler(logging.NullHandler())  # a library is silent unless its user asks


@dataclass(slots=True)
class Entry:
    """One call.

    `key` is masked; `status` is None if the caller left before the answer; `error` is the text of a refusal;
    `violations` every way in which the request broke the contract, `warnings` what in it is probably a mistake;
    `seconds` the simulated duration of the generation, `cost` what was billed for this call in US dollars (a submitted
    job is billed later, when it completes).
    """

    method: str
    path: str
    key: str = "none"
    status: int | None = None
    request_id: str | None = None
    error: str | None = None
    violations: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seconds: float | None = None
    cost: Decimal = Decimal(0)

    def __str__(self) -> str:
        outcome = "caller left" if self.status is None else str(self.status)
        parts = [f"{self.method} {self.path} {outcome}"]
        if self.seconds is not None:
            parts += [
                f"{self.seconds:.1f} s simulated",
                *([f"${self.cost}"] if self.cost else []),
                str(self.request_id),
            ]
        parts += [self.error] if self.error else []
        line = ", ".join([*parts, f"key {self.key}", *(f"warning: {warning}" for warning in self.warnings)])
        # A path or a parameter may hold control characters.
        return line if line.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in line)


class Journal:
    """The last calls, oldest first; also told to the logger `mockling`."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._entries: deque[Entry] = deque(maxlen=capacity)
        self._lock = Lock()

    def add(self, entry: Entry) -> None:
        """Keep an entry and log it, as a warning if there is one in it."""
        with self._lock:
            self._entries.append(entry)
        logger.log(logging.WARNING if entry.warnings else logging.INFO, "%s", entry)

    def entries(self) -> list[Entry]:
        """Return the calls kept, oldest first."""
        with self._lock:
            return list(self._entries)
