"""Keys: which account a key is for. Nothing here changes; what an account has left is the store's to know."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from secrets import token_bytes

from mockling.contract import Contract, ContractError
from mockling.emulator.settings import NO_BALANCE, OFF, AccountSettings, Settings


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it was set up.

    `credits` is the balance that it starts with, in US dollars (None: it has no balance record, G19),
    `requests_per_minute` its limit (None: none), `models` those it may call (None: all), `fails_with` the case of
    `x-errors` with which its generations always fail, at no cost (None: they succeed). `planned` says that it
    meets an error because of its key's last digits, and so never pays for anything.
    """

    key: str
    credits: Decimal | None
    requests_per_minute: int | None = None
    models: tuple[str, ...] | None = None
    fails_with: str | None = None
    planned: bool = field(default=False, compare=False)


LONGEST_REMEMBERED = 200  # characters of a key whose account is remembered


class Keys:
    """The accounts there are: those configured, or every key of the documented shape (G4).

    A key of that shape whose last four digits are an error's status is an account that always meets it, whatever is
    configured; that is all said in `_planned`. `shape` is the pattern that such a key matches, `configured` the others.
    """

    def __init__(self, settings: Settings, contract: Contract) -> None:
        self._plans: dict[str, int] = contract.document["x-plans"]["requests_per_minute"]
        self.shape: str = contract.document["components"]["securitySchemes"]["apiKey"]["x-pattern"]
        self._settings = settings
        self._secret = token_bytes(32)
        self._found = lru_cache(maxsize=1024)(self._look_up)
        self.configured = [chosen.key for chosen in settings.accounts]
        self._configured = {chosen.key: self._account(chosen) for chosen in settings.accounts}

    @property
    def usable(self) -> str:
        """A key that works."""
        return usable_key(self._settings.accounts)

    def find(self, key: str) -> Account | None:
        """Return the account of an API key, or None if the key is good for none."""
        return self._found(key) if len(key) <= LONGEST_REMEMBERED else self._look_up(key)

    def digest(self, key: str) -> str:
        """Return what stands for a key where the key itself must not be kept; "" for none.

        It is the same for the same key, but of no use outside this object.
        """
        sent = key.strip().encode("utf-8", "replace")
        return blake2b(sent, digest_size=8, key=self._secret).hexdigest() if sent else ""

    def _look_up(self, key: str) -> Account | None:
        if key in self._configured:
            return self._configured[key]
        return self._planned(key) if re.search(self.shape, key) else None

    def _planned(self, key: str) -> Account | None:
        usual, limit = self._settings.credits, self._limit(None)
        match key[-4:]:
            case "0401":
                return None
            case "0403":
                return Account(key, usual, limit, models=(), planned=True)
            case "0406":
                return Account(key, Decimal(0), limit, planned=True)
            case "0429":
                return Account(key, usual, 0, planned=True)
            case "0500":
                return Account(key, usual, fails_with="server_error", planned=True)
            case "0502":
                return Account(key, usual, fails_with="bad_gateway", planned=True)
            case "0504":
                return Account(key, usual, fails_with="gateway_timeout", planned=True)
        return None if self._configured else Account(key, usual, limit)

    def _account(self, chosen: AccountSettings) -> Account:
        if chosen.plan is not None and chosen.plan not in self._plans:
            raise ContractError(f"There is no plan {chosen.plan!r}; there is {', '.join(self._plans)}.")
        plan_limit = self._plans[chosen.plan] if chosen.plan else None
        balance = None if chosen.credits == NO_BALANCE else Decimal(chosen.credits)
        return Account(chosen.key, balance, self._limit(plan_limit), chosen.models)

    def _limit(self, of_plan: int | None) -> int | None:
        chosen = self._settings.requests_per_minute
        return of_plan if chosen is None else None if chosen == OFF else int(chosen)


def masked(key: str) -> str:
    """Return a key as it may be shown: its last four characters if it is long enough to hide the others."""
    return f"...{key[-4:]}" if len(key) >= 12 else "..." if key else "none"


def usable_key(accounts: Iterable[AccountSettings]) -> str:
    """Return a key that works: the first configured one, or a made-up one of the documented shape."""
    return next((account.key for account in accounts), "SG_0123456789abcdef")
