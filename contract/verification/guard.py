"""The spending guard: no request that may be billed is sent unless its worst case fits into the budget."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol
from uuid import uuid4

from mockling.contract.verification.evidence import Step
from mockling.contract.verification.ledger import BALANCE, RELEASED, RESERVED, SPENT, Ledger, LedgerError
from mockling.contract.verification.pacing import Pacer
from mockling.contract.verification.probe import Need, Request
from mockling.contract.verification.spending import Spending

Balance = Callable[[], Decimal | None]
LOOK = 20  # requests that might be billed, after which the balance is looked at
MOST_REPEATS = 2
# What a gateway answers for itself: what it was asked for may go on behind it, so it counts as billed.
UNKNOWN_OUTCOMES = (502, 503, 504)


class Stopped(Exception):
    """The run must end here; the message says why."""


class Reservation(Protocol):
    """Money that is set aside for one request, before it is sent."""

    def settle(self, status: int | None) -> None:
        """Say how the request was answered (None: not at all): a refusal or failure gives the money back (G11)."""


class Guard(Protocol):
    """Who says whether a request may be sent."""

    @property
    def spending(self) -> Spending:
        """What was spent, as far as is known by now."""

    def begin(self, balance: Balance, *, billable: bool) -> None:
        """Begin a run; `balance` asks for the account's, `billable` says whether anything in the run may be billed.

        Raises `Stopped` if it may, and nobody can say what is there before.
        """

    def end(self) -> None:
        """End a run, however it went: compare what was counted with the balance."""

    def reserve(self, price: Decimal, what: str) -> Reservation:
        """Set aside what a request may be billed in the worst case (US dollars), before it is sent.

        Raises `Stopped` if the budget does not cover it.
        """

    def stop(self, why: str) -> None:
        """Let nothing pass any more. Raises `Stopped` if spending is guarded."""

    def pace(self) -> None:
        """Wait until the next request may be sent."""

    def again(self, request: Request, step: Step, repeats: int) -> bool:
        """Note how a request was answered, and say whether to send it again, which was done so many times already."""


class Unguarded:
    """The guard of a target that costs nothing."""

    spending = Spending()

    def begin(self, balance: Balance, *, billable: bool) -> None:
        """Ask for nothing."""

    def end(self) -> None:
        """Compare nothing."""

    def reserve(self, price: Decimal, what: str) -> Unguarded:  # noqa: ARG002 - a guard's signature
        """Set nothing aside."""
        return self

    def settle(self, status: int | None) -> None:
        """Count nothing."""

    def stop(self, why: str) -> None:
        """Go on, for nothing was lost."""

    def pace(self) -> None:
        """Wait for nothing."""

    def again(self, request: Request, step: Step, repeats: int) -> bool:  # noqa: ARG002 - a guard's signature
        """Send nothing again."""
        return False


class SpendingGuard:
    """The guard of a target that bills.

    `budget` are the US dollars that may be spent (None: nothing that may be billed is sent), `ledger` keeps what is
    spent, `pacer` the pace, `target` and `key` (a digest) are told in the ledger. What is reserved counts as spent
    until it is known to be billed nothing: whatever happens to a run, the ledger says no less than was spent.
    """

    def __init__(
        self, budget: Decimal | None, ledger: Ledger | None, pacer: Pacer, target: str = "", key: str = ""
    ) -> None:
        self._budget = budget
        self._ledger = ledger
        self._pacer = pacer
        self._run = uuid4().hex
        self._about = {"run": self._run, "target": target, "key": key}
        self._counted, self._number, self._looked = Decimal(0), 0, 0
        self._balance: Balance = lambda: None
        self._before: Decimal | None = None
        self._after: Decimal | None = None
        self._unknown: list[str] = []
        self._stopped: str | None = None

    @property
    def spending(self) -> Spending:
        """What was spent, as far as is known by now."""
        return Spending(
            budget=self._budget,
            counted=self._counted,
            before=self._before,
            after=self._after,
            unknown=tuple(self._unknown),
            stopped=self._stopped,
            ledger=str(self._ledger.path) if self._ledger else None,
        )

    def begin(self, balance: Balance, *, billable: bool) -> None:
        """Begin a run; see `Guard`."""
        self._balance = balance
        self._before = balance() if billable else None
        if billable and self._before is None:
            self.stop("the balance cannot be read, so nobody could tell what is spent")
        if self._before is not None:
            self._write(state=BALANCE, before=self._before)

    def end(self) -> None:
        """End a run; see `Guard`."""
        if self._before is None:
            return
        self._after = self._balance()
        self._write(state=BALANCE, before=self._before, after=self._after)
        self._stopped = self._stopped or self._amiss(self._after)

    def reserve(self, price: Decimal, what: str) -> Reservation:
        """Set aside what a request may be billed; see `Guard`."""
        if self._stopped is not None:
            raise Stopped(self._stopped)
        if not (price.is_finite() and price > 0):
            self.stop(f"nobody knows what {what} may be billed")
        if self._budget is None or self._ledger is None or self._counted + price > self._budget:
            left = Decimal(0) if self._budget is None else self._budget - self._counted
            self.stop(f"{what} may be billed ${price}, and of the budget ${left} is left")
        self._look()
        self._number += 1
        reserved = _Reserved(self, self._number, price, what)
        self._counted += price
        self._write(state=RESERVED, number=self._number, amount=price, probe=what)
        return reserved

    def stop(self, why: str) -> None:
        """Let nothing pass any more. Raises `Stopped`."""
        self._stopped = self._stopped or why
        raise Stopped(self._stopped)

    def pace(self) -> None:
        """Wait until the next request may be sent."""
        self._pacer.wait()

    def again(self, request: Request, step: Step, repeats: int) -> bool:
        """Say whether to send a request again: it was over the limit, or changes nothing and met a passing trouble."""
        if request.key is not Need.GOOD and request.key is not None:
            return False
        self._pacer.answered(step.exchange)
        if repeats >= MOST_REPEATS:
            return False
        if step.status == 429:
            return True
        return step.exchange.method == "GET" and (step.status is None or step.status in UNKNOWN_OUTCOMES)

    def settled(self, reserved: _Reserved, status: int | None) -> None:
        """Note how a request was answered for which money was set aside."""
        unknown = status is None or status in UNKNOWN_OUTCOMES
        if unknown:
            self._unknown.append(reserved.what)
        state = SPENT if unknown or status == 200 else RELEASED
        self._write(state=state, number=reserved.number, amount=reserved.price, probe=reserved.what)
        if state == RELEASED:
            self._counted -= reserved.price

    def _look(self) -> None:
        """Look at the balance now and then, so that charges nobody planned are noticed while they are few."""
        if self._number - self._looked < LOOK:
            return
        self._looked = self._number
        amiss = self._amiss(self._balance())
        if amiss:
            self.stop(amiss)

    def _amiss(self, balance: Decimal | None) -> str | None:
        """Say what a balance tells that was not counted."""
        if balance is None or self._before is None or self._before - balance <= self._counted:
            return None
        return f"the balance fell by ${self._before - balance}, though only ${self._counted} can have been billed"

    def _write(self, **row: object) -> None:
        if self._ledger is not None:
            try:
                self._ledger.write(**self._about, **row)
            except LedgerError as error:
                self.stop(str(error))


class _Reserved:
    """A reservation of a spending guard."""

    def __init__(self, guard: SpendingGuard, number: int, price: Decimal, what: str) -> None:
        self.number = number
        self.price = price
        self.what = what
        self._guard = guard

    def settle(self, status: int | None) -> None:
        """Say how the request was answered."""
        self._guard.settled(self, status)
