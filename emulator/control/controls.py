"""Controls: what is in a test's hands, whether the emulator listens or not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal
from typing import Any, Unpack

from mockling.contract import Contract
from mockling.emulator.control.calls import Calls, Times, calls_of
from mockling.emulator.control.journal import Journal
from mockling.emulator.control.matching import Wanted
from mockling.emulator.control.simulated import SimulatedTime
from mockling.emulator.platform.arming import Armed
from mockling.emulator.platform.clock import Clock
from mockling.emulator.platform.faults import Fault
from mockling.emulator.platform.keys import Account
from mockling.emulator.platform.platform import Platform
from mockling.emulator.settings import MOST_MONEY, Settings, SettingsError, Speed, amount_of


class Controls(ABC):
    """The clock, the faults, the accounts and the calls of a `platform`, read and set from outside."""

    @property
    @abstractmethod
    def platform(self) -> Platform:
        """What they belong to."""

    @property
    def api_key(self) -> str:
        """A key that works."""
        return self.platform.keys.usable

    @property
    def clock(self) -> Clock:
        """Its clock."""
        return self.platform.clock

    @property
    def contract(self) -> Contract:
        """The contract it keeps."""
        return self.platform.contract

    @property
    def journal(self) -> Journal:
        """The last calls, oldest first; a view of what there is when it is looked at."""
        return Journal(self.platform)

    @property
    def calls(self) -> Calls:
        """The last calls as they are now, to be read and asserted on; one that still waits is not among them."""
        return calls_of(self.platform)

    @property
    def warnings(self) -> list[str]:
        """`Calls.warnings` of the last calls."""
        return self.calls.warnings

    @property
    def billed(self) -> Decimal:
        """All that was billed by now, in US dollars, also for calls that the journal has forgotten."""
        return self.platform.store.billed(self.clock.now())

    def assert_called(self, times: Times = None, **wanted: Unpack[Wanted]) -> Calls:
        """Assert on the last calls as `Calls.assert_called` does."""
        __tracebackhide__ = True
        return self.calls.assert_called(times, **wanted)

    def assert_charged(self, times: Times = None, total: Decimal | float | str | None = None) -> Calls:
        """Assert on the last calls as `Calls.assert_charged` does."""
        __tracebackhide__ = True
        return self.calls.assert_charged(times, total)

    def assert_no_warnings(self) -> None:
        """Assert on the last calls as `Calls.assert_no_warnings` does."""
        __tracebackhide__ = True
        self.calls.assert_no_warnings()

    def fault(self, **words: Any) -> Armed:
        """Plan a failure, such as `fault(on="download", cut=0.5)`; docs/faults.md has all words.

        Faults strike in the order in which they were armed, once each unless `times` says otherwise. Raises
        `FaultError`, which says what would make sense.
        """
        return self.platform.arm(Fault.of(words))

    @property
    def faults(self) -> list[Armed]:
        """The faults that were armed, spent ones too, and how often each struck, as it is now."""
        return self.platform.store.faults()

    def disarm(self, number: int | None = None) -> None:
        """Forget the fault of that number (None: all of them)."""
        self.platform.store.disarm(number)

    def balance(self, key: str | None = None) -> Decimal:
        """Return the credits of an API key's account (None: that of `api_key`), in US dollars.

        Raises `SettingsError` if there is no such account, or it has no balance.
        """
        return self.platform.store.balance(self._account(key or self.api_key), self.clock.now())

    def credit(self, key: str, amount: Decimal | float | str) -> None:
        """Top up the account of an API key; less than 0 takes US dollars away.

        Raises `SettingsError` for no amount of money, or as `balance` does.
        """
        self.platform.store.credit(self._account(key), amount_of("amount", amount, least=-MOST_MONEY))

    @property
    def speed(self) -> Speed:
        """The speed of its clock: simulated seconds in a real one, "instant" or "manual"; can be set."""
        return self.clock.speed

    @speed.setter
    def speed(self, speed: Speed) -> None:
        self.clock.speed = Settings(speed=speed).speed
        if self.clock.instant:  # then nothing is waited for, also not what began before
            self._let_end()

    def _let_end(self) -> None:
        """Let time pass until all has ended that runs now, as far as it ever will."""
        now = self.clock.now()
        while (due := self._last_moment(now)) > now:
            self.advance(due - now)
            now = self.clock.now()

    def _last_moment(self, now: float) -> float:
        """Return the moment at which all that runs now will have ended, as far as it ever will."""
        return self.platform.store.latest_due(now) or 0.0

    def advance(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let simulated time pass at once; what becomes due by then is answered, in the order in which it is due.

        Raises `ValueError` for a negative time, or one beyond 3,000 years.
        """
        self.clock.advance(seconds_of(seconds, minutes, hours, days))

    @property
    def time(self) -> SimulatedTime:
        """What a module under test can be given as its `time`: `monkeypatch.setattr("worker.time", mockling.time)`."""
        return SimulatedTime(self)

    def sleep(self, seconds: float) -> None:
        """Let simulated seconds pass: what code that waits can be given in place of `time.sleep`."""
        self.advance(seconds)

    def _account(self, key: str, *, balance: bool = True) -> Account:
        account = self.platform.keys.find(key)
        if account is None or (balance and account.credits is None):
            raise SettingsError("There is no account with that key." if account is None else "It has no balance.")
        if balance and not self.platform.store.has_room(account):
            raise SettingsError("There are too many accounts for another one; use a key that was used before.")
        return account


def seconds_of(seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> float:
    """Return how many seconds a time has."""
    return seconds + 60 * minutes + 3600 * hours + 86400 * days
