"""Guarding: nothing that may be billed is sent unless its worst case fits into the budget, and is in the ledger."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Account:
    """What a run may take from the account of a key: its balance `before` and the last one seen, and the `charges`.

    `last` is None where the balance was not told when it was last asked for.
    """

    before: Decimal
    last: Decimal | None
    charges: Charges = field(default_factory=Charges)


class SpendingGuard:
    """The guard of a target that bills.

    `budget` are the US dollars that may be spent (None: nothing that may be billed is sent), `ledger` keeps what is
    spent, `pacer` the pace; `target` and `key` (a digest) are told in the ledger.

    Why the ledger never says less than was billed, wherever the program is killed: a request's worst case is on the
    disk before the request is sent, and is taken off only once the balance of the key that it was sent with, asked for
    after the answer, is no lower than all answers together allow. Until then it also stands against the budget, so that
    even a target that bills what it says it refused takes no more than the budget, as long as it bills no request more
    than its price.
    """

    def __init__(
        self, budget: Decimal | None, ledger: Ledger | None, pacer: Pacer, target: str = "", key: str = ""
    ) -> None:
        self._budget = budget
        self._ledger = ledger
        self._pacer = pacer
        self._about = {"run": uuid4().hex, "target": target, "key": key}
        self._accounts: dict[Need, Account] = {}
        self._number = 0
        self._balance: Balance = lambda _: None
        self._stopped: str | None = None

    @property
    def spending(self) -> Spending:
        """What was spent, as far as is known by now; if a balance cannot be read at the end, all that may have been.

        The ledger holds more meanwhile: all that no balance has proved to be unspent.
        """
        accounts = self._accounts.values()
        last = [account.last for account in accounts if account.last is not None]
        is_told = bool(accounts) and len(last) == len(accounts)
        return Spending(
            budget=self._budget,
            counted=self._claimed if is_told else self._held,
            before=sum((account.before for account in accounts), ZERO) if accounts else None,
            after=sum(last, ZERO) if is_told else None,
            unknown=tuple(charge.what for one in accounts for charge in one.charges.open if charge.billed is None),
            stopped=self._stopped,
            ledger=str(self._ledger.path) if self._ledger else None,
        )

    @property
    def _held(self) -> Decimal:
        return sum((account.charges.held for account in self._accounts.values()), ZERO)

    @property
    def _claimed(self) -> Decimal:
        return sum((account.charges.claimed for account in self._accounts.values()), ZERO)

    def begin(self, balance: Balance, keys: Collection[Need], payers: Collection[Need]) -> None:
        """Begin a run, or go on with it; see `Guard`."""
        self._balance = balance
        if Need.GOOD in keys and Need.GOOD not in payers:
            balance(Need.GOOD)  # nothing is compared later, but a key that is refused is told at once
        for key in sorted(set(payers) - self._accounts.keys()):
            before = balance(key)
            if before is None:
                self.stop(f"{_balance_of(key)} cannot be read, so nobody could tell what is spent")
            else:
                self._accounts[key] = Account(before, before)
                self._write({"state": BALANCE, "account": key.name.lower(), "before": before})

    def end(self) -> None:
        """End a run; see `Guard`."""
        try:
            for key, account in self._accounts.items():
                account.last = None
                if self._look(key, account) is None:
                    told = "cannot be read at the end, so all that may have been billed counts as spent"
                    self.stop(f"{_balance_of(key)} {told}")
        except Stopped:  # it is told with what was spent
            pass

    def reserve(self, price: Decimal, what: str, key: Need = Need.GOOD) -> Reservation:
        """Set aside what a request may be billed; see `Guard`."""
        if self._stopped is not None:
            raise Stopped(self._stopped)
        if not (price.is_finite() and price > 0):
            self.stop(f"nobody knows what {what} may be billed")
        if key not in self._accounts:
            self.stop(f"{what} may be billed, and nobody looks at {_balance_of(key)}")
        account = self._accounts[key]
        told = [charge for one in self._accounts.values() for charge in one.charges.told]
        if told and (len(told) >= LOOK or any(charge.billed for charge in told) or not self._covers(price)):
            for one, other in self._accounts.items():
                if other.charges.told:
                    self._look(one, other)
        if not self._covers(price):
            self._refuse(price, what)
        left = account.before - account.charges.claimed
        if key is Need.GOOD and left < price:
            self.stop(f"{what} may be billed ${money(price)}, and the account has ${money(left)}")
        self._pacer.wait()
        charge = self._charge(what, price)
        self._write(_row(charge, RESERVED, price))
        account.charges.open.append(charge)
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
        for account in self._accounts.values():
            for charge in account.charges.open:
                charge.told(step.exchange)
        if request.key not in (Need.GOOD, None) and request.operation != "credits":  # it is over its limit on purpose
            return False
        self._pacer.answered(step.exchange)
        if repeats >= MOST_REPEATS:
            return False
        return step.status == 429 or (step.exchange.method in REPEATED and step.status in PASSING)

    def _covers(self, price: Decimal) -> bool:
        return self._budget is not None and self._ledger is not None and self._held + price <= self._budget

    def _refuse(self, price: Decimal, what: str) -> None:
        left = ZERO if self._budget is None else self._budget - self._held
        self.stop(f"{what} may be billed ${money(price)}, and of the budget ${money(left)} is left")

    def _look(self, key: Need, account: Account) -> Decimal | None:
        """Ask for an account's balance and return it (None: it cannot be read); what it proves is released.

        Raises `Stopped` if it fell by more than can have been billed.
        """
        balance = self._balance(key)
        if balance is None:
            return None
        account.last = balance
        row = {"state": BALANCE, "account": key.name.lower(), "before": account.before, "after": balance}
        charges, fell = account.charges, account.before - balance
        if fell > charges.claimed:
            billed = f"though only ${money(charges.claimed)} can have been billed"
            self._unplanned(row, charges, fell)
            self.stop(f"{_balance_of(key)} fell by ${money(fell)}, {billed}")
        self._write(row, *(_row(one, SPENT if one.billed else RELEASED, one.claimed) for one in charges.told))
        charges.prove()
        return balance

    def _unplanned(self, row: dict[str, Any], charges: Charges, fell: Decimal) -> None:
        """Count what an account was billed beyond all that was set aside."""
        beyond, rows = fell - charges.held, [row]
        if beyond > 0:
            charge = self._charge("what nobody planned", beyond)
            charge.billed = beyond
            charges.open.append(charge)
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


def _balance_of(key: Need) -> str:
    return "the balance" if key is Need.GOOD else f"the balance of {key.value}"


def _row(charge: Charge, state: str, amount: Decimal) -> dict[str, Any]:
    return {"state": state, "number": charge.number, "amount": amount, "probe": charge.what}
