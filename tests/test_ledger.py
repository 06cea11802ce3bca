"""Money and rates: exact, reserved, never spent twice."""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from itertools import count
from math import inf
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mockling.contract import Output, load
from mockling.emulator.platform.jobs import Failure, Job
from mockling.emulator.platform.keys import Account
from mockling.emulator.platform.ledger import WINDOW, LowBalance
from mockling.emulator.platform.memory import MemoryStore

MODEL = load().model
PRICES = st.sampled_from(
    [MODEL.price({"mode": mode, "duration": str(seconds)}) for mode in ("std", "pro") for seconds in range(3, 16)]
)
KEY = "SG_0123456789abcdef"
START = Decimal("20.00")
VIDEO = Output(640, 360, 24, 5.0, audio=False)
FAILURE = Failure("server_error", 500, "It failed.")
_numbers = count(1)


def job(due: float, price: Decimal = Decimal(1), **changes: Any) -> Job:
    """Return a job of an id of its own, which runs until then and is kept for long."""
    values: dict[str, Any] = {
        "request_id": str(next(_numbers)),
        "key": KEY,
        "model": MODEL.slug,
        "price": price,
        "outcome": VIDEO,
        "queue_time": 0.0,
        "latency": 1.0,
        "starts": 0.0,
        "due": due,
        "expires": inf,
        "file_expires": inf,
        "held": False,
        "stepwise": False,
    }
    return Job(**(values | changes))


class Money(RuleBasedStateMachine):
    """A store against a model that keeps every job in a list and adds them up each time."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore(1)
        self.account = Account(KEY, START)
        self.now = 0.0
        self.jobs: list[tuple[Job, bool]] = []  # with whether it was completed before its time

    def billed(self) -> Decimal:
        ended = [job for job, early in self.jobs if early or job.due <= self.now]
        return sum((job.price for job in ended if not isinstance(job.outcome, Failure)), Decimal(0))

    def promised(self) -> Decimal:
        running = [job for job, early in self.jobs if not early and job.due > self.now]
        return sum((job.price for job in running), Decimal(0))

    @rule(price=PRICES, latency=st.floats(0, 300) | st.just(inf), fails=st.booleans(), held=st.booleans())
    def submit(self, price: Decimal, latency: float, fails: bool, held: bool) -> None:
        """What is covered is promised; what is not is refused, names what is free and leaves no trace."""
        available = START - self.billed() - self.promised()
        new = job(self.now + latency, price, outcome=FAILURE if fails else VIDEO, held=held)
        if price <= available:
            self.store.submit(self.account, new, self.now)
            self.jobs.append((new, False))
        else:
            with pytest.raises(LowBalance) as caught:
                self.store.submit(self.account, new, self.now)
            assert (caught.value.balance, caught.value.price) == (available, price)
            assert self.store.complete(new.request_id, self.now) is None

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        """A job that ends before its time, and again, is billed once, and what is left is told."""
        index = data.draw(st.integers(0, len(self.jobs) - 1))
        this, early = self.jobs[index]
        ended = early or this.due <= self.now
        self.jobs[index] = this, True
        kept = self.store.complete(this.request_id, self.now)
        assert kept and kept.ended
        if not ended:
            assert kept.left == (None if isinstance(this.outcome, Failure) else START - self.billed())
        assert self.store.complete(this.request_id, self.now) == kept

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """A job that was not answered with 200 after all costs nothing, due or not, and is forgotten."""
        this, _ = self.jobs.pop(data.draw(st.integers(0, len(self.jobs) - 1)))
        self.store.cancel(this.request_id)
        self.store.cancel(this.request_id)
        assert self.store.ask(this.request_id, KEY, self.now, step=False) is None

    @rule(seconds=st.floats(0, 400))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        """Who asks learns whether a job has ended, and only of one that nobody waits for."""
        this, early = data.draw(st.sampled_from(self.jobs))
        kept = self.store.ask(this.request_id, KEY, self.now, step=True)
        assert (kept is None) == this.held
        assert kept is None or kept.ended == (early or this.due <= self.now)

    @invariant()
    def the_balance_is_what_was_not_billed(self) -> None:
        assert self.store.balance(self.account, self.now) == START - self.billed()

    @invariant()
    def what_is_promised_is_not_available(self) -> None:
        assert self.store.available(self.account, self.now) == START - self.billed() - self.promised()


Money.TestCase.settings = settings(max_examples=30)
TestMoney = Money.TestCase


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(0, 5))
def test_no_window_lets_more_requests_pass_than_the_limit(gaps: list[float], limit: int) -> None:
    """In each window of a minute at most the limit is admitted, and the count left is told truly."""
    store, account = MemoryStore(1), Account(KEY, START, limit)
    now, admitted = 0.0, dict[float, int]()
    for gap in gaps:
        now += gap
        admission = store.admit(account, now)
        assert now < admission.resets <= now + WINDOW
        admitted[admission.resets] = admitted.get(admission.resets, 0) + admission.admitted
        assert admission.remaining == limit - admitted[admission.resets]
        assert admission.admitted or admission.remaining == 0


def test_refused_requests_do_not_lengthen_a_window() -> None:
    """A window ends a minute after its first request, however many were refused in it (M11)."""
    store, account = MemoryStore(1), Account(KEY, START, 1)
    told = [(one.admitted, one.resets) for one in (store.admit(account, now) for now in (5, 6, 64.9, 65))]
    assert told == [(True, 65), (False, 65), (False, 65), (True, 125)]


def test_an_account_without_a_limit_is_always_admitted() -> None:
    """Where there is no limit none is told, and nobody is refused."""
    store, account = MemoryStore(1), Account(KEY, START)
    assert {(one.admitted, one.remaining) for one in (store.admit(account, 0) for _ in range(999))} == {(True, None)}


def test_accounts_do_not_share_money_or_windows() -> None:
    """What one account spends or how often it calls is nothing to another."""
    store, mine, other = MemoryStore(1), Account(KEY, START, 1), Account("other", START, 1)
    store.submit(mine, job(0.0, START), 0)
    assert store.admit(mine, 0).admitted
    assert (store.balance(mine, 0), store.balance(other, 0)) == (0, START)
    assert store.admit(other, 0).admitted
    assert not store.admit(mine, 0).admitted


class Hesitant(Decimal):
    """An amount at whose comparison every other thread may take its turn first."""

    def __gt__(self, other: Any) -> bool:
        larger = super().__gt__(other)
        time.sleep(0)  # no waiting: it only lets go of the interpreter
        return larger


class HesitantLimit(int):
    """A limit at whose look-up every other thread may take its turn first."""

    def __add__(self, other: int) -> int:
        time.sleep(0)  # no waiting: it only lets go of the interpreter
        return int(self) + other


def in_threads(work: Callable[[], int]) -> int:
    """Return the sum of what eight threads that begin at once return, switched as often as they can be."""
    start = Barrier(8)

    def run(_: int) -> int:
        start.wait()
        return work()

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            return sum(pool.map(run, range(8)))
    finally:
        sys.setswitchinterval(switch)


def test_threads_cannot_spend_the_same_dollar() -> None:
    """However many threads submit at once, what is promised is never more than there is."""
    store, account = MemoryStore(1), Account(KEY, Decimal(50))

    def spend() -> int:
        kept = 0
        for _ in range(200):
            with suppress(LowBalance):
                store.submit(account, job(1.0, Hesitant(1)), 0.0)
                kept += 1
        return kept

    assert in_threads(spend) == 50
    assert (store.available(account, 0.0), store.balance(account, 0.0)) == (0, 50)
    assert store.balance(account, 2.0) == 0


def test_threads_cannot_pass_a_limit_together() -> None:
    """However many threads call at once, no more are admitted than the limit."""
    store, account = MemoryStore(1), Account(KEY, START, HesitantLimit(100))
    assert in_threads(lambda: sum(store.admit(account, 0.0).admitted for _ in range(50))) == 100


def test_threads_bill_a_job_once() -> None:
    """However many threads complete and take back the same jobs, each is billed or free, never half."""
    store, account = MemoryStore(1), Account(KEY, Decimal(100))
    jobs = [job(inf) for _ in range(100)]
    for one in jobs:
        store.submit(account, one, 0.0)
    assert in_threads(lambda: sum(store.complete(one.request_id, 0.0) is not None for one in jobs)) == 800
    assert (store.balance(account, 0.0), store.available(account, 0.0)) == (0, 0)
    in_threads(lambda: sum(store.cancel(one.request_id) is None for one in jobs))
    assert (store.balance(account, 0.0), store.available(account, 0.0)) == (100, 100)
