"""The guard over what a run costs: who says whether a request may be sent."""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Protocol

from mockling.contract.verification.evidence import Step
from mockling.contract.verification.probe import Need, Request
from mockling.contract.verification.spending import Spending

Balance = Callable[[Need], Decimal | None]  # of the account of a key, in US dollars; None: it cannot be told


class Stopped(Exception):
    """The run must end here; the message says why."""


class Reservation(Protocol):
    """Money that is set aside for one request, before it is sent."""

    def settle(self, status: int | None, job: str | None = None) -> None:
        """Say how the request was answered (None: not at all): a refusal or failure gives the money back (G11).

        `job` is the id of what it began and has not ended yet (None: nothing).
        """


class Guard(Protocol):
    """Who says whether a request may be sent."""

    @property
    def spending(self) -> Spending:
        """What was spent, as far as is known by now."""

    def begin(self, balance: Balance, keys: Collection[Need], payers: Collection[Need]) -> None:
        """Begin a run, or go on with it; `balance` asks for an account's, `payers` are those `keys` that may be billed.

        Raises `Stopped` if nobody can say what one of them has before, and whatever `balance` raises.
        """

    def end(self) -> None:
        """End a run, however it went: compare what was counted with the balances. Raises nothing that stops a run."""

    def reserve(self, price: Decimal, what: str, key: Need = Need.GOOD) -> Reservation:
        """Set aside what a request may be billed in the worst case (US dollars), and wait until it may be sent.

        `key` is the one that it is sent with, whose account pays.

        Raises `Stopped` if the budget does not cover it.
        """

    def pace(self) -> None:
        """Wait until a request that nobody bills may be sent."""

    def stop(self, why: str) -> None:
        """Let nothing pass any more that might be billed. Raises `Stopped` if spending is guarded."""

    def again(self, request: Request, step: Step, repeats: int) -> bool:
        """Note how a request was answered, and say whether to send it again, which was done so many times already."""


class Unguarded:
    """The guard of a target that costs nothing."""

    spending = Spending()

    def begin(self, balance: Balance, keys: Collection[Need], payers: Collection[Need]) -> None:
        """Ask for nothing."""

    def end(self) -> None:
        """Compare nothing."""

    def reserve(self, price: Decimal, what: str, key: Need = Need.GOOD) -> Unguarded:  # noqa: ARG002 - a guard's signature
        """Set nothing aside."""
        return self

    def settle(self, status: int | None, job: str | None = None) -> None:
        """Count nothing."""

    def pace(self) -> None:
        """Wait for nothing."""

    def stop(self, why: str) -> None:
        """Go on, for nothing was lost."""

    def again(self, request: Request, step: Step, repeats: int) -> bool:  # noqa: ARG002 - a guard's signature
        """Send nothing again."""
        return False
