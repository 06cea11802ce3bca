"""Money and rates: exact, reserved, never spent twice."""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from math import inf
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mockling.contract import load
from mockling.emulator.accounts import MOST_ACCOUNTS, WINDOW, Accounts, Charge, LowBalance, masked
from mockling.emulator.settings import AccountSettings, Settings

CONTRACT = load()
PRICES = st.sampled_from([CONTRACT.price(mode, seconds) for mode in ("std", "pro") for seconds in range(3, 16)])


class Money(RuleBasedStateMachine):
    """An account against a model that keeps every job in a list and adds them up each time."""

    def __init__(self) -> None:
        super().__init__()
        self.accounts = Accounts(Settings(credits=Decimal("20.00")), CONTRACT)
        account = self.accounts.find("SG_0123456789abcdef")
        assert account
        self.account = account
        self.now = 0.0
        self.jobs: list[tuple[Charge, bool]] = []  # with whether it was completed before its time

    def billed(self) -> Decimal:
        ended = [charge for charge, early in self.jobs if early or charge.due <= self.now]
        return sum((charge.price for charge in ended if not charge.fails), Decimal(0))

    def promised(self) -> Decimal:
        running = [charge for charge, early in self.jobs if not early and charge.due > self.now]
        return sum((charge.price for charge in running), Decimal(0))

    @rule(price=PRICES, latency=st.floats(0, 300) | st.just(inf), fails=st.booleans())
    def submit(self, price: Decimal, latency: float, fails: bool) -> None:
        available = Decimal("20.00") - self.billed() - self.promised()
        if price <= available:
            charge = self.accounts.reserve(self.account, price, self.now, self.now + latency, fails=fails)
            self.jobs.append((charge, False))
        else:
            with pytest.raises(LowBalance) as caught:
                self.accounts.reserve(self.account, price, self.now, self.now + latency, fails=fails)
            assert (caught.value.balance, caught.value.price) == (available, price)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        """A job that ends before its time, and again, is billed once, and what is left is told."""
        index = data.draw(st.integers(0, len(self.jobs) - 1))
        charge, early = self.jobs[index]
        ended = early or charge.due <= self.now
        self.jobs[index] = charge, True
        self.accounts.complete(charge, self.now)
        if not ended:
            assert charge.left == (None if charge.fails else Decimal("20.00") - self.billed())

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """A job that was not answered with 200 after all costs nothing, due or not."""
        charge, _ = self.jobs.pop(data.draw(st.integers(0, len(self.jobs) - 1)))
        self.accounts.release(charge)

    @rule(seconds=st.floats(0, 400))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def the_balance_is_what_was_not_billed(self) -> None:
        assert self.accounts.balance(self.account, self.now) == Decimal("20.00") - self.billed()


TestMoney = Money.TestCase


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 5))
def test_no_window_lets_more_requests_pass_than_the_limit(gaps: list[float], limit: int) -> None:
    """In each window of a minute at most the limit is admitted, and the count left is told truly."""
    accounts = Accounts(Settings(requests_per_minute=limit), CONTRACT)
    account = accounts.find("SG_0123456789abcdef")
    assert account
    now, admitted = 0.0, dict[float, int]()
    for gap in gaps:
        now += gap
        admission = accounts.admit(account, now)
        assert now < admission.resets <= now + WINDOW
        admitted[admission.resets] = admitted.get(admission.resets, 0) + admission.admitted
        assert admission.remaining == limit - admitted[admission.resets]


def test_threads_cannot_spend_the_same_dollar() -> None:
    """However many threads reserve at once, what is promised is never more than there is."""
    accounts = Accounts(Settings(credits=Decimal(50)), CONTRACT)
    account = accounts.find("SG_0123456789abcdef")
    assert account
    start = Barrier(8)

    def spend(_: int) -> int:
        start.wait()
        kept = 0
        for _ in range(200):
            with suppress(LowBalance):
                accounts.reserve(account, Decimal(1), 0.0, 1.0)
                kept += 1
        return kept

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(spend, range(8))) == 50
    finally:
        sys.setswitchinterval(switch)
    assert accounts.balance(account, 2.0) == 0


def test_a_plan_limits_its_accounts() -> None:
    """An account's plan sets its rate (G14, D6); one setting overrides it for all."""

    def limit(**changes: object) -> int | None:
        account = AccountSettings(key="k", plan="free")
        settings = Settings(accounts=(account,), **changes)
        found = Accounts(settings, load(settings.profile, settings.answers)).find("k")
        assert found
        return found.requests_per_minute

    assert limit() == 5
    assert limit(requests_per_minute=9) == 9
    assert limit(requests_per_minute="off") is None
    with pytest.raises(ValueError, match="no plan 'free'; there is pro, flexible, business, scale"):
        limit(answers={"D6": "pricing"})


def test_an_account_may_be_limited_to_models() -> None:
    """A configured account keeps the models it was given; one without may call all."""
    accounts = Accounts(
        Settings(accounts=(AccountSettings(key="a", models=("x",)), AccountSettings(key="b"))), CONTRACT
    )
    found = [accounts.find(key) for key in ("a", "b")]
    assert [one.models for one in found if one] == [("x",), None]


def test_accounts_made_by_use_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys made up without end do not fill the memory."""
    assert MOST_ACCOUNTS >= 1000
    monkeypatch.setattr("mockling.emulator.accounts.MOST_ACCOUNTS", 3)
    accounts = Accounts(Settings(), CONTRACT)
    assert [accounts.find(f"SG_{number:016x}") is not None for number in range(5)] == [True] * 3 + [False] * 2
    assert accounts.find(f"SG_{0:016x}") is not None


@given(st.text())
def test_a_masked_key_hides_all_but_four_characters(key: str) -> None:
    """What is shown of a key is at most its last four characters, and only of a key that is long enough."""
    shown = masked(key).removeprefix("...")
    assert shown == "none" if not key else shown in ("", key[-4:])
    assert len(shown) <= 4
    assert shown in ("", "none") or len(key) >= 12
