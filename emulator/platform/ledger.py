"""The ledger: what an account has, what it promised to running jobs, how often it called. Only the store has a lock."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from heapq import heapify, heappop, heappush

from mockling.contract.states import COMPLETED
from mockling.emulator.platform.jobs import Job

WINDOW = 60.0  # simulated seconds for which a rate limit counts (M11)
NOTHING = 1e-6  # simulated seconds that are none
FEW = 64  # ended jobs among those that run, which are never worth looking for


class LowBalance(Exception):
    """An account's `balance`, less what is promised already, does not cover the `price`."""

    def __init__(self, balance: Decimal, price: Decimal) -> None:
        super().__init__(f"{balance} does not cover {price}")
        self.balance = balance
        self.price = price


@dataclass(slots=True, eq=False)
class Record:
    """A job, the purse it is paid from, and what became of it.

    `steps` counts what moved it on, `elapsed` the simulated seconds that were advanced for one that is stepwise; `left`
    are its account's credits right after it was billed (None: it was not), `exchange` is the number of the exchange
    that submitted it (None: not recorded yet).
    """

    job: Job
    purse: Purse
    steps: int = 0
    elapsed: float = 0.0
    ended: bool = False
    left: Decimal | None = None
    exchange: int | None = None

    def step(self) -> None:
        """Move a stepwise job on as far as it would be by now."""
        elapsed = self.elapsed + NOTHING
        reached = 2 if elapsed >= self.job.latency else 1 if elapsed >= self.job.queue_time else 0
        self.steps = max(self.steps, reached)

    @property
    def file_expires(self) -> float:
        """The moment at which the job's file is deleted; one that polls moved on was made sooner than it was due."""
        early = self.job.latency - self.elapsed if self.job.stepwise and self.ended else 0.0
        return self.job.file_expires - max(0.0, early)


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a request is within its account's rate; `remaining` more are (None: no limit), until `resets`."""

    admitted: bool
    remaining: int | None
    resets: float


@dataclass(slots=True, eq=False)
class Purse:
    """An account's money and rate window; `credits` are US dollars."""

    credits: Decimal
    promised: Decimal = Decimal(0)
    window_ends: float = 0.0
    requests: int = 0
    running: list[tuple[float, int, Record]] = field(default_factory=list)  # and ended ones, as many at most
    unended: int = 0

    def admit(self, limit: int | None, now: float) -> Admission:
        """Count a request and say whether it is within the limit (G10, G14)."""
        if now >= self.window_ends:
            self.window_ends, self.requests = now + WINDOW, 0
        if limit is None:
            return Admission(True, None, self.window_ends)
        self.requests = min(self.requests + 1, limit + 1)
        return Admission(self.requests <= limit, max(0, limit - self.requests), self.window_ends)

    def promise(self, record: Record, number: int) -> None:
        """Promise a job's price until it ends. Raises `LowBalance` if what is free does not cover it (P18, G8)."""
        free, price = self.credits - self.promised, record.job.price
        if price > free:
            raise LowBalance(free, price)
        self.promised += price
        self.unended += 1
        if len(self.running) > 2 * self.unended + FEW:  # most have ended before their time
            self.running = [entry for entry in self.running if not entry[2].ended]
            heapify(self.running)
        heappush(self.running, (record.job.due, number, record))

    def due(self, now: float) -> Record | None:
        """Return the next job that is due by now and has not ended, if any, taken from those that run."""
        while self.running and self.running[0][0] <= now:
            record = heappop(self.running)[2]
            if not record.ended:
                return record
        return None

    def end(self, record: Record) -> bool:
        """Bill a job, or release its promise if it failed; say whether it was billed. Once is enough."""
        if record.ended:
            return False
        record.ended = True
        self.unended -= 1
        self.promised -= record.job.price
        if record.job.last_state != COMPLETED:
            return False
        self.credits -= record.job.price
        record.left = self.credits
        return True

    def undo(self, record: Record) -> None:
        """Take a job's charge back, billed or not (G11)."""
        if record.left is not None:
            self.credits += record.job.price
        elif not record.ended:
            self.unended -= 1
            self.promised -= record.job.price
        record.ended, record.left = True, None
