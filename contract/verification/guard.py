"""The spending guard: no request that may be billed is sent unless its worst case fits into the budget."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from mockling.contract.verification.spending import Spending


class Stopped(Exception):
    """The run must end here; the message says why."""


class Reservation(Protocol):
    """Money that is set aside for one request, before it is sent."""

    def spent(self) -> None:
        """Count it as spent."""

    def released(self) -> None:
        """Give it back: the request is known to be billed nothing."""


class Guard(Protocol):
    """Who says whether a request may be sent."""

    @property
    def spending(self) -> Spending:
        """What was spent, as far as is known by now."""

    def reserve(self, price: Decimal, what: str) -> Reservation:
        """Set aside what a request may be billed in the worst case (US dollars), before it is sent.

        Raises `Stopped` if the budget does not cover it.
        """

    def stop(self, why: str) -> None:
        """Let nothing pass any more. Raises `Stopped` if spending is guarded."""

    def pace(self) -> None:
        """Wait until the next request may be sent."""


class Unguarded:
    """The guard of a target that costs nothing."""

    spending = Spending()

    def reserve(self, price: Decimal, what: str) -> Unguarded:  # noqa: ARG002 - a guard's signature
        """Set nothing aside."""
        return self

    def stop(self, why: str) -> None:
        """Go on, for nothing was lost."""

    def pace(self) -> None:
        """Wait for nothing."""

    def spent(self) -> None:
        """Count nothing."""

    def released(self) -> None:
        """Give nothing back."""
