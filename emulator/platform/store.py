"""The store: all state that outlives a request, behind a few atomic operations."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, Protocol

from mockling.contract.exchange import Exchange
from mockling.emulator.platform.arming import Armed, Encounter
from mockling.emulator.platform.faults import Fault
from mockling.emulator.platform.jobs import Job
from mockling.emulator.platform.keys import Account
from mockling.emulator.platform.ledger import Admission


class Kept(NamedTuple):
    """A job as it stands: how many polls moved it on, whether it has ended, the credits `left` if it was billed."""

    job: Job
    steps: int
    ended: bool
    left: Decimal | None


class Store(Protocol):
    """What a store does; each call is atomic. Moments (`now`) are simulated seconds since the clock's epoch."""

    def next(self, series: str) -> int:
        """Return the next number of a series, from 1."""

    def has_room(self, account: Account) -> bool:
        """Say whether there is room for an account, which from then on has its balance and its rate window.

        For one that meets a planned error there always is.
        """

    def admit(self, account: Account, now: float) -> Admission:
        """Count a request of an account, and say whether it is within its rate (G10)."""

    def available(self, account: Account, now: float) -> Decimal:
        """Return an account's credits, less what is promised to its running jobs."""

    def balance(self, account: Account, now: float) -> Decimal:
        """Return an account's credits when every job due by now has been billed."""

    def submit(self, account: Account, job: Job, now: float) -> None:
        """Promise a job's price and keep its record. Raises `LowBalance`, and then keeps nothing."""

    def ask(self, request_id: str, key: str, now: float, *, step: bool) -> Kept | None:
        """Return a job that was submitted with a key, or None if there is none (any more).

        Asking for a stepwise job at its end ends it; a `step` moves it on, after it was read.
        """

    def delivered(self, request_id: str, now: float) -> Job | None:
        """Return a job that has ended, whose file is not deleted yet, or None."""

    def owner(self, request_id: str) -> str | None:
        """Return the API key that a job was submitted with, or None if there is no such job (any more)."""

    def complete(self, request_id: str, now: float) -> Kept | None:
        """End a job, after those that were due before it, and return it; once is enough."""

    def leave(self, request_id: str) -> None:
        """Note that nobody waits for a held job any more; it goes on, and is billed when it is due."""

    def cancel(self, request_id: str) -> None:
        """Take a job back: it costs nothing and is forgotten."""

    def billed(self, now: float) -> Decimal:
        """Return the US dollars that all accounts have paid, when every job due by now has been billed."""

    def credit(self, account: Account, amount: Decimal) -> None:
        """Add US dollars to an account's credits; less than 0 takes them away."""

    def forget(self, account: Account, caller: str) -> None:
        """Forget an account's balance, jobs, faults and exchanges; `caller` is what stands in those for its key."""

    def keep_upload(self, name: str, content: bytes) -> None:
        """Keep an uploaded file. Raises `OSError` if it cannot be written; nothing half-written remains."""

    def uploaded(self, name: str) -> Path | None:
        """Return where an uploaded file is, or None if there is none of that name (any more)."""

    def record(self, exchange: Exchange) -> None:
        """Keep an exchange; that of a job which nobody waits for is told its cost when the job is billed."""

    def exchanges(self, now: float) -> list[Exchange]:
        """Return the exchanges kept, oldest first."""

    def forget_exchanges(self) -> None:
        """Forget all exchanges."""

    @property
    def plans(self) -> bool:
        """Whether there are faults."""

    def arm(self, fault: Fault, seed: int) -> Armed:
        """Keep a fault until it is disarmed, the oldest first to strike; its chance is drawn from the seed."""

    def disarm(self, number: int | None = None) -> None:
        """Forget the fault of that number; None: all of them."""

    def faults(self) -> list[Armed]:
        """Return the faults, spent ones too, as they stand, in the order in which they were armed."""

    def strike(self, meeting: Encounter) -> Fault | None:
        """Return the fault that strikes here, and count it; None: none does."""

    def elapse(self, seconds: float) -> None:
        """Let simulated seconds pass for the stepwise jobs, which move on as far as they would have by themselves."""

    def latest_due(self, now: float) -> float | None:
        """Return the moment at which the last of the jobs that run now will have ended; None: none runs.

        One that never ends while anybody can ask for it counts as none.
        """

    def close(self) -> None:
        """Remove the uploaded files; the rest may go on."""
