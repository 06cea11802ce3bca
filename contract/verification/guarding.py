"""Guarding: nothing that may be billed is sent unless its worst case fits into the budget, and is in the ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

from mockling.contract.exchange import money
from mockling.contract.verification.charges import ZERO, Charge, Charges
from mockling.contract.verification.evidence import Step
from mockling.contract.verification.guard import Balance, Reservation, Stopped
from mockling.contract.verification.ledger import BALANCE, RELEASED, RESERVED, SPENT, Ledger, LedgerError
from mockling.contract.verification.pacing import Pacer
from mockling.contract.verification.probe import Need, Request
from mockling.contract.verification.spending import Spending

LOOK = 20  # requests that might have been billed, after which the balance is looked at
MOST_REPEATS = 2
REPEATED = ("GET", "HEAD", "OPTIONS")  # they change nothing
PASSING = (None, 502, 503, 504)  # statuses after which they are sent again


class SpendingGuard:
    """The guard of a target that bills.

    `budget` are the US dollars that may be spent (None: nothing that may be billed is sent), `ledger` keeps what is
    spent, `pacer` the pace; `target` and `key` (a digest) are told in the ledger.

    Why the ledger never says less than was billed, wherever the program is killed: a request's worst case is on the
    disk before the request is sent, and is taken off only once a balance, asked for after the answer, is no lower than
    all answers together allow. Until then it also stands against the budget, so that even a target that bills what it
    says it refused takes no more than the budget, as long as it bills no request more than its price.
    """

    def __init__(
        self, budget: Decimal | None, ledger: Ledger | None, pacer: Pacer, target: str = "", key: str = ""
    ) -> None:
        self._budget = budget
        self._ledger = ledger
        self._pacer = pacer
        self._about = {"run": uuid4().hex, "target": target, "key": key}
        self._charges, self._number = Charges(), 0
        self._balance: Balance = lambda: None
        self._before: Decimal | None = None
        self._after: Decimal | None = None
        self._ended = False
        self._stopped: str | None = None

    @property
    def spending(self) -> Spending:
        """What was spent, as far as is known by now; if the balance cannot be read at the end, all that may have been.

        The ledger holds more meanwhile: all that no balance has proved to be unspent.
        """
        is_unproved = self._ended and self._after is None
        return Spending(
            budget=self._budget,
            counted=self._charges.held if is_unproved else self._charges.claimed,
            before=self._before,
            after=self._after,
            unknown=tuple(charge.what for charge in self._charges.open if charge.billed is None),
            stopped=self._stopped,
            ledger=str(self._ledger.path) if self._ledger else None,
        )

    def begin(self, balance: Balance, *, billable: bool) -> None:
        """Begin a run, or go on with it; see `Guard`."""
        self._balance, self._ended = balance, False
        if not billable or self._before is not None:
            return
        self._before = balance()
        if self._before is None:
            self.stop("the balance cannot be read, so nobody could tell what is spent")
        self._write({"state": BALANCE, "before": self._before})

    def end(self) -> None:
        """End a run; see `Guard`."""
        if self._before is None:
            return
        self._ended, self._after = True, None
        try:
            if self._look() is None:
                self.stop("the balance cannot be read at the end, so all that may have been billed counts as spent")
        except Stopped:  # it is told with what was spent
            pass

    def reserve(self, price: Decimal, what: str) -> Reservation:
        """Set aside what a request may be billed; see `Guard`."""
        if self._stopped is not None:
            raise Stopped(self._stopped)
        if not (price.is_finite() and price > 0):
            self.stop(f"nobody knows what {what} may be billed")
        told = self._charges.told
        if told and (len(told) >= LOOK or any(charge.billed for charge in told) or not self._covers(price)):
            self._look()
        if not self._covers(price):
            self._refuse(price, what)
        self._pacer.wait()
        charge = self._charge(what, price)
        self._write(_row(charge, RESERVED, price))
        self._charges.open.append(charge)
        return _Reserved(charge)

    def pace(self) -> None:
        """Wait until a request that nobody bills may be sent."""
        self._pacer.wait()

    def stop(self, why: str) -> None:
        """Let nothing pass any more that might be billed. Raises `Stopped`."""
        self._stopped = self._stopped or why
        raise Stopped(self._stopped)

    def again(self, request: Request, step: Step, repeats: int) -> bool:
        """Say whether to send a request again: it was over the limit, or changes nothing and met a passing trouble."""
        for charge in self._charges.open:
            charge.told(step.exchange)
        if request.key is not Need.GOOD and request.key is not None:
            return False
        self._pacer.answered(step.exchange)
        if repeats >= MOST_REPEATS:
            return False
        return step.status == 429 or (step.exchange.method in REPEATED and step.status in PASSING)

    def _covers(self, price: Decimal) -> bool:
        return self._budget is not None and self._ledger is not None and self._charges.held + price <= self._budget

    def _refuse(self, price: Decimal, what: str) -> None:
        left = ZERO if self._budget is None else self._budget - self._charges.held
        self.stop(f"{what} may be billed ${money(price)}, and of the budget ${money(left)} is left")

    def _look(self) -> Decimal | None:
        """Ask for the balance and return it (None: it cannot be read); what it proves is released.

        Raises `Stopped` if it fell by more than can have been billed.
        """
        balance = self._balance()
        if balance is None or self._before is None:
            return None
        self._after = balance
        row = {"state": BALANCE, "before": self._before, "after": balance}
        fell, claimed = self._before - balance, self._charges.claimed
        if fell > claimed:
            self._unplanned(row, fell)
            self.stop(f"the balance fell by ${money(fell)}, though only ${money(claimed)} can have been billed")
        told = self._charges.told
        self._write(row, *(_row(one, SPENT if one.billed else RELEASED, one.claimed) for one in told))
        self._charges.prove()
        return balance

    def _unplanned(self, row: dict[str, Any], fell: Decimal) -> None:
        """Count what was billed beyond all that was set aside."""
        beyond, rows = fell - self._charges.held, [row]
        if beyond > 0:
            charge = self._charge("what nobody planned", beyond)
            charge.billed = beyond
            self._charges.open.append(charge)
            rows.append(_row(charge, SPENT, beyond))
        self._write(*rows)

    def _charge(self, what: str, price: Decimal) -> Charge:
        self._number += 1
        return Charge(self._number, what, price)

    def _write(self, *rows: dict[str, Any]) -> None:
        if self._ledger is not None:
            try:
                self._ledger.write(*(self._about | row for row in rows))
            except LedgerError as error:
                self.stop(str(error))


class _Reserved:
    """A reservation of a spending guard; what it gives back is proved by the balance."""

    def __init__(self, charge: Charge) -> None:
        self._charge = charge

    def settle(self, status: int | None, job: str | None = None) -> None:
        """Say how the request was answered; see `Reservation`."""
        self._charge.answered(status, job)


def _row(charge: Charge, state: str, amount: Decimal) -> dict[str, Any]:
    return {"state": state, "number": charge.number, "amount": amount, "probe": charge.what}
