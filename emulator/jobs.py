"""Jobs: generations under way; a job is a value, and how it goes is a question of time."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock

from mockling.emulator.accounts import Account, Accounts, Charge
from mockling.emulator.outputs import Output

QUEUED, PROCESSING, COMPLETED, FAILED = "QUEUED", "PROCESSING", "COMPLETED", "FAILED"  # A2
MOST_JOBS = 200_000  # records that are kept; the oldest go first


@dataclass(slots=True, eq=False)
class Job:
    """A generation; everything about it is decided when it is submitted.

    `queue_time` and `latency` are simulated seconds, waiting and in all; `starts`, `due` and `expires` the moments at
    which it is processed, ends, and is forgotten; `charge` its price (None: it was never in order), `output` its video
    (None: it fails), `error` why it fails. `polls` counts how often it was asked for where time does not pass.
    """

    request_id: str
    account: Account
    queue_time: float
    latency: float
    starts: float
    due: float
    expires: float
    charge: Charge | None
    output: Output | None
    error: str | None = None
    polls: int = 0

    @property
    def price(self) -> Decimal:
        """What the job costs if it succeeds, in US dollars."""
        return self.charge.price if self.charge else Decimal(0)

    @property
    def end(self) -> str:
        """The state in which the job ends."""
        return COMPLETED if self.error is None else FAILED

    def state(self, now: float) -> str:
        """Return the state at a moment; states only move forward."""
        return QUEUED if now < self.starts else PROCESSING if now < self.due else self.end


class Jobs:
    """The records of jobs that were submitted and are not forgotten yet (A8)."""

    def __init__(self, accounts: Accounts, *, stepwise: bool) -> None:
        self._accounts = accounts
        self._stepwise = stepwise
        self._lock = Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()

    def add(self, job: Job, now: float) -> None:
        """Keep the record of a job."""
        with self._lock:
            self._jobs[job.request_id] = job
            while self._jobs:
                oldest = next(iter(self._jobs.values()))
                if oldest.expires > now and len(self._jobs) <= MOST_JOBS:
                    break
                del self._jobs[oldest.request_id]
                self._end(oldest, now)

    def poll(self, request_id: str, account: Account, now: float, *, step: bool = True) -> tuple[Job, str] | None:
        """Return a job and its state, or None if that account has no such job (any more).

        Where time does not pass, each poll that is a `step` moves the job to its next state.
        """
        with self._lock:
            job = self._jobs.get(request_id)
            if job is None or job.account is not account or job.expires <= now:
                return None
            if self._stepwise:
                state = (QUEUED, PROCESSING, job.end)[min(job.polls, 2)]
                job.polls += step
            else:
                state = job.state(now)
            if state == job.end:
                self._end(job, now)
            return job, state

    def _end(self, job: Job, now: float) -> None:
        if job.charge:
            self._accounts.complete(job.charge, now)
