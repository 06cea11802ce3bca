"""Spending: what a run was allowed to cost, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What a run was allowed to cost and what it cost; all amounts are US dollars.

    `budget` is what could be spent at most (None: nothing was guarded, for the target costs nothing), `worst` what the
    plan would have been billed had every promise been broken. `counted` is what the guard holds for spent; `before` and
    `after` are the balances that the target told (None: it told none). `unknown` names the requests whose outcome
    nobody knows; they are counted as spent. `stopped` is why the guard ended the run (None: it did not), `ledger` the
    file in which all of it is written (None: there is none).
    """

    budget: Decimal | None = None
    worst: Decimal = Decimal(0)
    counted: Decimal = Decimal(0)
    before: Decimal | None = None
    after: Decimal | None = None
    unknown: tuple[str, ...] = ()
    stopped: str | None = None
    ledger: str | None = None

    @property
    def measured(self) -> Decimal | None:
        """By how much the balance fell; None if it was not told before and after."""
        return None if self.before is None or self.after is None else self.before - self.after
