"""Accounts: who may call, how often, and with how much money."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from heapq import heappop, heappush
from itertools import count
from threading import Lock

from mockling.contract import Contract, ContractError
from mockling.emulator.settings import OFF, AccountSettings, Settings

WINDOW = 60.0  # simulated seconds for which a rate limit counts
FAULTS = {"0500": "server_error", "0502": "bad_gateway", "0504": "gateway_timeout"}  # by a key's last four digits
MOST_ACCOUNTS = 100_000  # keys that become accounts by being used; the next one is refused


class LowBalance(Exception):
    """An account's `balance`, less what is promised already, does not cover the `price`."""

    def __init__(self, balance: Decimal, price: Decimal) -> None:
        super().__init__(f"{balance} does not cover {price}")
        self.balance = balance
        self.price = price


@dataclass(slots=True, eq=False)
class Account:
    """An account and its running jobs.

    `models` are those it may call (None: all), `requests_per_minute` its limit (None: none), `fault` the case of
    `x-errors` that its generations always meet (None: they succeed). The rest belongs to `Accounts`.
    """

    key: str
    credits: Decimal
    requests_per_minute: int | None = None
    models: tuple[str, ...] | None = None
    fault: str | None = None
    _promised: Decimal = Decimal(0)
    _running: list[tuple[float, int, Charge]] = field(default_factory=list)
    _window_ends: float = 0.0
    _requests: int = 0


@dataclass(slots=True, eq=False)
class Charge:
    """Money promised to a job until the moment `due`, when it is billed, or only released if the job `fails`.

    `left` are the account's credits right after the charge was billed (None: it has not been).
    """

    account: Account
    price: Decimal
    due: float
    fails: bool
    left: Decimal | None = None
    _open: bool = True


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a request is within its account's rate; `remaining` more are, until the moment `resets`."""

    admitted: bool
    remaining: int
    resets: float


class Accounts:
    """All accounts; every change of money or rate is one atomic call."""

    def __init__(self, settings: Settings, contract: Contract) -> None:
        self._lock = Lock()
        self._numbers = count()  # of charges, so that those due at one moment keep their order
        self._settings = settings
        self._plans: dict[str, int] = contract.document["x-plans"]["requests_per_minute"]
        self._shape = re.compile(contract.document["components"]["securitySchemes"]["apiKey"]["x-pattern"])
        self._accounts = {account.key: account for account in map(self._configured, settings.accounts)}

    def find(self, key: str) -> Account | None:
        """Return the account of an API key, or None if the key is good for none.

        A key whose last four digits are an error's status is an account that always meets it. Any other key of the
        documented shape (G4) is an account if none was configured.
        """
        account = self._accounts.get(key)
        if account is None and self._shape.search(key):
            account = self._unconfigured(key)
        return account

    def admit(self, account: Account, now: float) -> Admission:
        """Count a request and say whether it is within the account's rate (G10, G14)."""
        limit = account.requests_per_minute
        with self._lock:
            if now >= account._window_ends:
                account._window_ends, account._requests = now + WINDOW, 0
            if limit is None:
                return Admission(True, max(self._plans.values()), account._window_ends)
            account._requests = min(account._requests + 1, limit + 1)
            return Admission(account._requests <= limit, max(0, limit - account._requests), account._window_ends)

    def reserve(self, account: Account, price: Decimal, now: float, due: float, *, fails: bool = False) -> Charge:
        """Promise the price of a job until the moment `due`, or until it is completed or released before.

        Raises `LowBalance` if the account's credits, less what is promised already, do not cover it (P18, G8).
        """
        with self._lock:
            self._settle(account, now)
            available = account.credits - account._promised
            if price > available:
                raise LowBalance(available, price)
            charge = Charge(account, price, due, fails)
            account._promised += price
            heappush(account._running, (due, next(self._numbers), charge))
            return charge

    def complete(self, charge: Charge, now: float) -> None:
        """Bill or release a charge whose job has ended, after those that were due before; once is enough."""
        with self._lock:
            self._settle(charge.account, now)
            self._close(charge)

    def release(self, charge: Charge) -> None:
        """Take back a charge, billed or not, of a job that was not answered with 200 after all (G11)."""
        with self._lock:
            if charge.left is not None:
                charge.account.credits += charge.price
            charge.fails, charge.left = True, None
            self._close(charge)

    def balance(self, account: Account, now: float) -> Decimal:
        """Return the credits left when every job due by `now` has been billed."""
        with self._lock:
            self._settle(account, now)
            return account.credits

    def _settle(self, account: Account, now: float) -> None:
        while account._running and account._running[0][0] <= now:
            self._close(heappop(account._running)[2])

    def _close(self, charge: Charge) -> None:
        if not charge._open:
            return
        charge._open = False
        charge.account._promised -= charge.price
        if not charge.fails:
            charge.account.credits -= charge.price
            charge.left = charge.account.credits

    def _configured(self, chosen: AccountSettings) -> Account:
        if chosen.plan is not None and chosen.plan not in self._plans:
            raise ContractError(f"There is no plan {chosen.plan!r}; there is {', '.join(self._plans)}.")
        plan_limit = self._plans[chosen.plan] if chosen.plan else None
        return Account(chosen.key, chosen.credits, self._limit(plan_limit), chosen.models)

    def _unconfigured(self, key: str) -> Account | None:
        account = Account(key, self._settings.credits, self._limit(None))
        match key[-4:]:
            case "0403":
                account.models = ()
            case "0406":
                account.credits = Decimal(0)
            case "0429":
                account.requests_per_minute = 0
            case "0500" | "0502" | "0504" as status:
                account.fault, account.requests_per_minute = FAULTS[status], None
            case ending if ending == "0401" or self._settings.accounts:
                return None
        with self._lock:
            if len(self._accounts) >= MOST_ACCOUNTS:
                return None
            return self._accounts.setdefault(key, account)

    def _limit(self, of_plan: int | None) -> int | None:
        chosen = self._settings.requests_per_minute
        return of_plan if chosen is None else None if chosen == OFF else int(chosen)


def masked(key: str) -> str:
    """Return a key as it may be shown: its last four characters if it is long enough to hide the others."""
    return f"...{key[-4:]}" if len(key) >= 12 else "..." if key else "none"


def usable_key(accounts: Iterable[AccountSettings]) -> str:
    """Return a key that works: the first configured one, or a made-up one of the documented shape."""
    return next((account.key for account in accounts), "SG_0123456789abcdef")
