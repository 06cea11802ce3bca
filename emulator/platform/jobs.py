"""Jobs: generations under way. A job is a value, and how it goes is a question of time."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from mockling.contract import Output
from mockling.contract.states import COMPLETED, FAILED, PROCESSING, QUEUED


@dataclass(frozen=True, slots=True)
class Failure:
    """How a generation fails: the `case` of the contract's `x-errors`, its `status` on v1, and its `text`."""

    case: str
    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Job:
    """A generation; everything about it is decided when it is submitted.

    `key` is that of its account, `model` a slug, `price` in US dollars (0 if it was never in order), `outcome` what it
    delivers, or how it fails. `queue_time` and `latency` are simulated seconds, waiting and in all. `starts`, `due`,
    `expires` and `file_expires` are the moments, in simulated seconds since the clock's epoch, at which it is
    processed, ends, its record is forgotten (A8) and its file deleted (G21). `held` says that a call of v1 waits for
    it, and nobody can ask for it; `stepwise` that each poll moves it on, for no time passes but what is advanced.
    `lost` says what cannot be had of what it delivers: the file ("expired"), or even its address ("missing").
    """

    request_id: str
    key: str
    model: str
    price: Decimal
    outcome: Output | Failure
    queue_time: float
    latency: float
    starts: float
    due: float
    expires: float
    file_expires: float
    held: bool
    stepwise: bool
    lost: str | None = None

    @property
    def last_state(self) -> str:
        """The state in which the job ends."""
        return FAILED if isinstance(self.outcome, Failure) else COMPLETED

    def state(self, now: float, steps: int) -> str:
        """Return the state at a moment, or after so many steps if it is stepwise; states only move forward."""
        if self.stepwise:
            return (QUEUED, PROCESSING, self.last_state)[min(steps, 2)]
        return QUEUED if now < self.starts else PROCESSING if now < self.due else self.last_state

    @property
    def file_name(self) -> str:
        """The name under which what it delivers can be fetched."""
        return f"{self.request_id}.mp4"
