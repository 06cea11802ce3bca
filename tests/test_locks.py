"""What happens at once: every operation of the store waits for the one before it, and no second of time is lost."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from queue import SimpleQueue
from threading import Event, Lock
from typing import Any, cast

import pytest
from calling import GOOD_KEY, STEADY, Local
from test_store import ACCOUNT, KEY, exchange, job

from mockling.emulator import Fault
from mockling.emulator.platform import memory, platform
from mockling.emulator.platform.arming import Encounter
from mockling.emulator.platform.clock import Clock
from mockling.emulator.platform.memory import MemoryStore
from mockling.emulator.platform.store import Store

OPERATIONS: dict[str, Callable[[MemoryStore], object]] = {
    "next": lambda store: store.next("a"),
    "has_room": lambda store: store.has_room(ACCOUNT),
    "admit": lambda store: store.admit(ACCOUNT, 0),
    "available": lambda store: store.available(ACCOUNT, 0),
    "balance": lambda store: store.balance(ACCOUNT, 0),
    "submit": lambda store: store.submit(ACCOUNT, job("a"), 0),
    "ask": lambda store: store.ask("a", KEY, 0, step=True),
    "delivered": lambda store: store.delivered("a", 0),
    "owner": lambda store: store.owner("a"),
    "complete": lambda store: store.complete("a", 0),
    "leave": lambda store: store.leave("a"),
    "cancel": lambda store: store.cancel("a"),
    "billed": lambda store: store.billed(0),
    "credit": lambda store: store.credit(ACCOUNT, Decimal(1)),
    "forget": lambda store: store.forget(ACCOUNT, "caller"),
    "keep_upload": lambda store: store.keep_upload("a", b"a"),
    "uploaded": lambda store: store.uploaded("a"),
    "record": lambda store: store.record(exchange(1)),
    "exchanges": lambda store: store.exchanges(0),
    "forget_exchanges": lambda store: store.forget_exchanges(),
    "arm": lambda store: store.arm(Fault(drop=True), 0),
    "disarm": lambda store: store.disarm(),
    "faults": lambda store: store.faults(),
    "strike": lambda store: store.strike(Encounter(operation="submit", now=0)),
    "elapse": lambda store: store.elapse(1),
    "latest_due": lambda store: store.latest_due(0),
    "close": lambda store: store.close(),
}


class Watched:
    """A lock that says when somebody has to wait for it."""

    def __init__(self, events: "SimpleQueue[str]") -> None:
        self._lock, self._events = Lock(), events

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._events.put("waits")
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@pytest.fixture
def events() -> "SimpleQueue[str]":
    """What happens, in its order."""
    return SimpleQueue()


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch, events: "SimpleQueue[str]") -> Iterator[tuple[MemoryStore, Watched]]:
    """A store, and the lock that is held while one of its operations is under way."""
    lock = Watched(events)
    monkeypatch.setattr(memory, "Lock", lambda: lock)
    store = MemoryStore(1)
    yield store, lock
    store.close()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_of_the_store_waits_for_the_one_under_way(
    busy: tuple[MemoryStore, Watched], events: "SimpleQueue[str]", name: str
) -> None:
    """Each is done when the other is over, and not before."""
    store, lock = busy
    with ThreadPoolExecutor(1) as pool:
        with lock:
            operation = pool.submit(OPERATIONS[name], store)
            operation.add_done_callback(lambda _: events.put("done"))
            assert events.get(timeout=30) == "waits"
        operation.result(30)
    assert events.get(timeout=30) == "done"


def test_every_operation_is_tried() -> None:
    """None is missing above but the one look at whether there are faults, which is a single read."""
    known = {name for name in vars(Store) if not name.startswith("_")}
    assert known == {*OPERATIONS, "plans"}


class Interrupted(float):
    """A number of seconds; while it is used in a subtraction for the first time, something else happens."""

    meanwhile: Callable[[], object] | None = None

    def __add__(self, other: float) -> "Interrupted":
        return Interrupted(float(self) + other)

    def __sub__(self, other: float) -> float:
        meanwhile, Interrupted.meanwhile = Interrupted.meanwhile, None
        if meanwhile:
            meanwhile()
        return float(self) - other


def test_no_second_is_lost_or_counts_twice_where_two_threads_advance_time(
    monkeypatch: pytest.MonkeyPatch, events: "SimpleQueue[str]"
) -> None:
    """A job without passing time gets all that is advanced once, also what another thread advances meanwhile."""
    monkeypatch.setattr(platform, "Lock", lambda: Watched(events))
    local = Local(speed="instant", contract=STEADY)
    latency = local.contract.model.latency(local.contract.model.example)
    local.submit(GOOD_KEY, local.contract.model.example)
    with ThreadPoolExecutor(1) as pool:

        def advance_too() -> None:
            pool.submit(local.advance, latency / 4).add_done_callback(lambda _: events.put("done"))
            events.get(timeout=30)  # it waits, or is done

        local.clock.advanced = Interrupted(0)
        monkeypatch.setattr(Interrupted, "meanwhile", staticmethod(advance_too))
        local.advance(latency / 2)
    local.advance(latency / 4 - 0.01)
    assert local.journal[0].cost == 0
    local.advance(0.01)
    assert local.journal[0].cost > 0


def test_time_that_two_threads_move_is_moved_by_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who advances the clock while another does waits for that, and both leaps count."""
    moving = Clock("manual")
    entered, go_on, check = Event(), Event(), Clock.check

    def slow(this: Clock, seconds: float) -> None:
        check(this, seconds)
        if seconds == 1:
            entered.set()
            assert go_on.wait(30)

    monkeypatch.setattr(Clock, "check", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(moving.advance, 1)
        assert entered.wait(30)
        assert not cast("Any", moving)._moved.acquire(blocking=False), "the clock is not held while it is moved"
        second = pool.submit(moving.advance, 2)
        go_on.set()
        first.result(30)
        second.result(30)
    assert (moving.now(), moving.advanced) == (3, 3)
