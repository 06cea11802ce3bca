"""The store in memory: bounded in every direction, and its journal tells what a job cost once it is billed."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from math import inf
from pathlib import Path
from random import Random
from typing import Any

import pytest

from mockling.contract import Output
from mockling.contract.exchange import Exchange, Message
from mockling.contract.states import COMPLETED, FAILED, PROCESSING, QUEUED
from mockling.emulator import Fault
from mockling.emulator.platform import exchanges, memory
from mockling.emulator.platform.arming import Encounter
from mockling.emulator.platform.jobs import Failure, Job
from mockling.emulator.platform.keys import Account
from mockling.emulator.platform.ledger import LowBalance, Purse, Record
from mockling.emulator.platform.memory import MemoryStore

KEY = "SG_0123456789abcdef"
ACCOUNT = Account(KEY, Decimal(20))
VIDEO = Output(640, 360, 24, 5.0, audio=False)
FAILURE = Failure("server_error", 500, "It failed.")
NOTHING = Message((), b"", 0)


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    """A store that keeps two uploads."""
    kept = MemoryStore(2)
    yield kept
    kept.close()


def job(request_id: str, **changes: Any) -> Job:
    """Return a job that is processed from 1 s to 10 s, its record kept for 100 s and its file for 1,000 s."""
    values: dict[str, Any] = {
        "request_id": request_id,
        "key": KEY,
        "model": "m",
        "price": Decimal("1.05"),
        "outcome": VIDEO,
        "queue_time": 1.0,
        "latency": 10.0,
        "starts": 1.0,
        "due": 10.0,
        "expires": 100.0,
        "file_expires": 1000.0,
        "held": False,
        "stepwise": False,
    }
    return Job(**(values | changes))


def exchange(number: int, operation: str = "submit", body: bytes = b"", **changes: Any) -> Exchange:
    """Return an exchange of that number."""
    message = Message((), body, len(body))
    return Exchange(number, 0.0, 0.0, operation, "POST", "/", "...", message, 200, NOTHING, **changes)


@contextmanager
def only_new() -> Iterator[None]:
    """Have `count_of` count, and look at, only what is made from here on."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def count_of(kind: type) -> int:
    """Return how many objects of a kind there are."""
    gc.collect()
    return sum(isinstance(one, kind) for one in gc.get_objects())


def costs(store: MemoryStore, now: float) -> list[Decimal]:
    """Return what the journal says was billed."""
    return [one.cost for one in store.exchanges(now)]


def test_numbers_of_a_series_are_given_once(store: MemoryStore) -> None:
    """Each series counts from 1 for itself."""
    assert [store.next(series) for series in ("a", "a", "b", "a")] == [1, 2, 1, 3]


def test_accounts_made_by_use_are_bounded(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys made up without end do not fill the memory; those that are there go on."""
    assert memory.MOST_ACCOUNTS >= 1000
    monkeypatch.setattr(memory, "MOST_ACCOUNTS", 3)
    accounts = [Account(f"SG_{number:016x}", Decimal(1)) for number in range(5)]
    assert [store.has_room(account) for account in accounts] == [True] * 3 + [False] * 2
    assert store.has_room(accounts[0])


def test_planned_errors_take_no_room_and_little_memory(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is always room for a key that plans an error; few of them are remembered, those used last."""
    monkeypatch.setattr(memory, "MOST_ACCOUNTS", 1)
    monkeypatch.setattr(memory, "MOST_PLANNED", 3)
    assert store.has_room(ACCOUNT)
    with only_new():
        for number in range(100):
            account = Account(f"SG_{number:012x}0406", Decimal(0), 1, planned=True)
            assert store.has_room(account)
            assert [store.admit(account, 0).admitted for _ in range(2)] == [True, False]
        assert not store.admit(account, 0).admitted
        assert count_of(Purse) == 3
    assert store.has_room(ACCOUNT)
    assert not store.has_room(Account("another", Decimal(1)))


def test_a_job_goes_on_when_its_key_is_no_longer_remembered(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of a key that plans an error can be asked for, ended and taken back, however many such keys came since."""
    monkeypatch.setattr(memory, "MOST_PLANNED", 1)
    planned = [Account(f"{name}0500", Decimal(5), planned=True, fails_with="server_error") for name in "abc"]
    for account in planned:
        store.submit(account, job(account.key, key=account.key, outcome=FAILURE, price=Decimal(0)), 0)
    first, second, _ = planned
    for now, ended in ((0, False), (10, True)):
        kept = store.ask(first.key, first.key, now, step=False)
        assert kept and (kept.ended, kept.left) == (ended, None)
    kept = store.complete(second.key, 0)
    assert kept and kept.ended
    store.cancel(second.key)
    assert store.complete(second.key, 0) is None
    assert [store.available(account, 10) for account in planned] == [5] * 3


def test_an_account_without_a_balance_has_nothing(store: MemoryStore) -> None:
    """Who has no balance record has no credits to spend either (G19)."""
    assert store.available(Account("k", None), 0) == 0


def test_a_job_is_only_for_the_key_that_submitted_it(store: MemoryStore) -> None:
    """Another key, or another id, finds nothing."""
    store.submit(ACCOUNT, job("a"), 0)
    assert store.ask("a", "other", 0, step=False) is None
    assert store.ask("b", KEY, 0, step=False) is None
    kept = store.ask("a", KEY, 0, step=False)
    assert kept and kept.job == job("a")


def test_a_job_moves_with_time_and_its_record_ends_before_its_file(store: MemoryStore) -> None:
    """It is queued, processed and completed; then its record is forgotten (A8), and later its file (G21)."""
    store.submit(ACCOUNT, job("a"), 0)
    states = {now: store.ask("a", KEY, now, step=True) for now in (0.0, 1.0, 9.9, 10.0, 99.9, 100.0)}
    told = [kept and kept.job.state(now, kept.steps) for now, kept in states.items()]
    assert told == [QUEUED, PROCESSING, PROCESSING, COMPLETED, COMPLETED, None]
    assert [store.delivered("a", now) is not None for now in (100.0, 999.9, 1000.0)] == [True, True, False]


def test_a_file_is_there_once_its_job_has_ended(store: MemoryStore) -> None:
    """Before that there is none."""
    store.submit(ACCOUNT, job("a"), 0)
    assert store.delivered("a", 9.9) is None
    assert store.delivered("a", 10.0) == job("a")


@pytest.mark.parametrize(("outcome", "end", "left"), [(VIDEO, COMPLETED, Decimal("18.95")), (FAILURE, FAILED, None)])
def test_a_stepwise_job_moves_with_each_poll(store: MemoryStore, outcome: Any, end: str, left: Decimal | None) -> None:
    """Where no time passes, polls move a job on, reading alone does not, and its end bills it once."""
    store.submit(ACCOUNT, job("a", outcome=outcome, stepwise=True, due=100.0), 0)
    told = []
    for step in (False, True, True, False, True, True):
        kept = store.ask("a", KEY, 0, step=step)
        assert kept
        told.append((kept.job.state(0, kept.steps), kept.left))
    assert told == [(QUEUED, None)] * 2 + [(PROCESSING, None)] + [(end, left)] * 3
    assert store.balance(ACCOUNT, 0) == (left or 20)


def test_jobs_are_bounded_and_the_oldest_go_first(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """More jobs than are kept push out the oldest, whose charge stands."""
    monkeypatch.setattr(memory, "MOST_JOBS", 2)
    for name in "abc":
        store.submit(ACCOUNT, job(name), 0)
    assert [store.ask(name, KEY, 0, step=False) is not None for name in "abc"] == [False, True, True]
    assert store.balance(ACCOUNT, 0) == Decimal("18.95")
    assert store.available(ACCOUNT, 0) == Decimal("16.85")


def test_the_jobs_of_deleted_files_are_forgotten(store: MemoryStore) -> None:
    """When the next job comes, those whose files are gone make room, billed as they were."""
    store.submit(ACCOUNT, job("a"), 0)
    store.submit(ACCOUNT, job("b", due=inf, file_expires=inf), 1000)
    assert (store.complete("a", 1000), store.balance(ACCOUNT, 1000)) == (None, Decimal("18.95"))


def test_a_job_that_a_call_waits_for_is_never_forgotten(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither newer jobs nor a leap of time end a held call's job, until it was answered or its caller left."""
    monkeypatch.setattr(memory, "MOST_JOBS", 1)
    for name in ("answered", "left", "cancelled"):
        store.submit(ACCOUNT, job(name, held=True), 0)
    for name in "abc":
        store.submit(ACCOUNT, job(name), 0)
    assert store.balance(ACCOUNT, 0) == Decimal("17.90")
    store.submit(ACCOUNT, job("d"), 5000)
    store.cancel("cancelled")
    store.leave("left")
    kept = store.complete("answered", 5000)
    assert kept and kept.ended
    assert store.balance(ACCOUNT, 5000) == Decimal("13.70")
    store.submit(ACCOUNT, job("e"), 5000)
    assert [store.complete(name, 5000) for name in ("answered", "left", "cancelled")] == [None] * 3


def test_jobs_that_ended_early_do_not_pile_up(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of jobs that were ended or taken back before they were due, few are remembered beside those that run."""
    monkeypatch.setattr(memory, "MOST_JOBS", 2)
    account = Account(KEY, Decimal(10**6))
    with only_new():
        for number in range(400):
            store.submit(account, job(str(number), stepwise=True, due=inf), 0)
            if number % 2:
                store.complete(str(number), 0)
            else:
                store.cancel(str(number))
        assert count_of(Record) < 100
        for number in range(50):
            store.submit(account, job(f"held {number}", held=True, due=inf), 0)
        for number in range(400):
            store.submit(account, job(str(number), stepwise=True, due=inf), 0)
            store.complete(str(number), 0)
            assert number % 20 or count_of(Record) < 200


def test_what_a_submitted_job_cost_is_told_when_it_is_billed(store: MemoryStore) -> None:
    """The exchange that submitted a job costs nothing until the job completes; the others never say so again."""
    store.submit(ACCOUNT, job("a"), 0)
    store.record(exchange(1, request_id="a"))
    store.record(exchange(2, "status", request_id="a"))
    assert costs(store, 9.9) == [0, 0]
    assert costs(store, 10.0) == [Decimal("1.05"), 0]
    assert costs(store, 99.0) == [Decimal("1.05"), 0]


def test_a_job_that_was_billed_before_its_exchange_was_kept_is_told_too(store: MemoryStore) -> None:
    """A fast job may complete before its submission has been recorded."""
    store.submit(ACCOUNT, job("a"), 0)
    store.complete("a", 0)
    store.record(exchange(1, request_id="a"))
    assert costs(store, 0) == [Decimal("1.05")]


@pytest.mark.parametrize("recorded_first", [True, False])
def test_a_job_that_failed_costs_nothing_in_the_journal(store: MemoryStore, recorded_first: bool) -> None:
    """Only what is billed is told as a cost (G11)."""
    store.submit(ACCOUNT, job("a", outcome=FAILURE), 0)
    if recorded_first:
        store.record(exchange(1, request_id="a"))
    store.complete("a", 0)
    if not recorded_first:
        store.record(exchange(1, request_id="a"))
    assert costs(store, 10.0) == [0]


def test_a_job_whose_exchange_was_forgotten_is_billed_all_the_same(store: MemoryStore) -> None:
    """Clearing the journal changes nothing but the journal."""
    store.submit(ACCOUNT, job("a"), 0)
    store.record(exchange(1, request_id="a"))
    store.forget_exchanges()
    assert store.exchanges(10.0) == []
    assert store.balance(ACCOUNT, 10.0) == Decimal("18.95")


def test_the_journal_is_bounded_in_count(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last exchanges are kept, in their order."""
    monkeypatch.setattr(exchanges, "MOST_EXCHANGES", 3)
    for number in range(1, 6):
        store.record(exchange(number))
    assert [one.number for one in store.exchanges(0)] == [3, 4, 5]


def test_the_journal_is_bounded_in_bytes(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large bodies push out more of the old exchanges, and what is cleared counts no more."""
    large = exchange(0, body=b"x" * 50_000)
    monkeypatch.setattr(exchanges, "MOST_EXCHANGE_BYTES", large.bytes_kept * 2)
    for _ in range(2):
        for number in range(1, 8):
            store.record(exchange(number, body=b"x" * 50_000))
        assert [one.number for one in store.exchanges(0)] == [6, 7]
        store.record(exchange(8))
        assert [one.number for one in store.exchanges(0)] == [7, 8]
        store.forget_exchanges()
        assert store.exchanges(0) == []


def test_an_exchange_counts_all_that_can_be_long() -> None:
    """Bodies, headers and what is told of a request are counted, for each of them can fill the memory."""
    least = exchange(1).bytes_kept
    assert exchange(1, body=b"x" * 100).bytes_kept == least + 100
    assert exchange(1, violations=("x" * 100,), warnings=("x" * 100,), error="x" * 100).bytes_kept == least + 300
    assert Message((("a", "b"),) * 10, b"", 0).bytes_kept > NOTHING.bytes_kept + 1000
    assert Message((("a" * 5000, "b" * 5000),), b"", 0).bytes_kept > NOTHING.bytes_kept + 10_000


def test_uploads_are_kept_the_oldest_go_first(store: MemoryStore) -> None:
    """So many are kept as was said; the file of one that went is gone too, and `close` removes them all."""
    for name in "abc":
        store.keep_upload(name, name.encode())
    assert store.uploaded("a") is None
    paths = [store.uploaded(name) for name in "bc"]
    assert [path and path.read_bytes() for path in paths] == [b"b", b"c"]
    (folder,) = {path.parent for path in paths if path}
    assert sorted(path.name for path in folder.iterdir()) == ["b", "c"]
    store.close()
    assert not folder.exists()
    assert store.uploaded("b") is None


def test_an_upload_that_cannot_be_written_leaves_nothing(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is told, and neither a part of the file nor its name remains."""
    store.keep_upload("a", b"a")
    kept = store.uploaded("a")
    assert kept

    def half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space left"):
        store.keep_upload("b", b"bb")
    assert store.uploaded("b") is None
    assert [path.name for path in kept.parent.iterdir()] == ["a"]


def test_a_failed_job_whose_time_has_come_gives_its_money_to_the_next(store: MemoryStore) -> None:
    """What was promised to it is free at the moment it fails, asked for or not, and not before."""
    dear = {"price": Decimal(15), "outcome": FAILURE}
    store.submit(ACCOUNT, job("a", **dear), 0)
    with pytest.raises(LowBalance):
        store.submit(ACCOUNT, job("b", **dear), 9.9)
    store.submit(ACCOUNT, job("b", **dear), 10)


@pytest.mark.parametrize("look", ["ask", "delivered", "complete"])
def test_jobs_are_billed_in_the_order_in_which_they_end(store: MemoryStore, look: str) -> None:
    """Whoever looks at the later one first finds the credits that the earlier one has left."""
    store.submit(ACCOUNT, job("late", due=10.0), 0)
    store.submit(ACCOUNT, job("early", due=5.0, price=Decimal(2)), 0)
    if look == "ask":
        store.ask("late", KEY, 10, step=False)
    elif look == "delivered":
        assert store.delivered("late", 10)
    else:
        store.complete("late", 7)
    lefts = [kept and kept.left for kept in (store.ask(name, KEY, 10, step=False) for name in ("early", "late"))]
    assert lefts == [Decimal(18), Decimal("16.95")]


def test_what_all_accounts_have_paid_is_told(store: MemoryStore) -> None:
    """Each job counts when it is due, not again, and no more when it is taken back or its account forgotten."""
    other = Account("other", Decimal(20))
    store.submit(ACCOUNT, job("a"), 0)
    store.submit(ACCOUNT, job("b", outcome=FAILURE), 0)
    store.submit(other, job("c", key="other", due=20.0), 0)
    store.submit(other, job("d", key="other", due=20.0), 0)
    assert [store.billed(now) for now in (9.9, 10, 19.9, 20, 20)] == [
        Decimal(price) for price in ("0", "1.05", "1.05", "3.15", "3.15")
    ]
    store.cancel("c")
    assert store.billed(20) == Decimal("2.10")
    store.forget(ACCOUNT, "")
    assert store.billed(20) == Decimal("1.05")
    assert (store.balance(ACCOUNT, 20), store.balance(other, 20)) == (20, Decimal("18.95"))


@pytest.mark.parametrize("held", [True, False])
def test_what_belongs_to_a_forgotten_account_never_comes_back(store: MemoryStore, held: bool) -> None:
    """Its jobs are no more, run or waited for, are not billed to it or anybody, and its faults and calls are gone."""
    other = Account("other", Decimal(20))
    store.arm(Fault(drop=True, key=KEY), 0)
    store.arm(Fault(drop=True, key="other"), 0)
    store.arm(Fault(drop=True), 0)
    for account, name in ((ACCOUNT, "a"), (other, "b")):
        store.submit(account, job(name, key=account.key, held=held), 0)
        store.record(exchange(len(name), caller=account.key))
    store.record(exchange(3, caller="other"))
    store.forget(ACCOUNT, KEY)
    assert store.owner("a") is None
    assert store.complete("a", 50) is None
    assert [store.balance(account, 50) for account in (ACCOUNT, other)] == [20, Decimal("18.95")]
    assert store.billed(50) == Decimal("1.05")
    assert [armed.fault.key for armed in store.faults()] == ["other", None]
    assert [one.caller for one in store.exchanges(50)] == ["other", "other"]
    assert store.latest_due(50) is None


def test_an_account_that_plans_an_error_is_forgotten_as_any(store: MemoryStore) -> None:
    """Its rate window begins anew, and that of an account of the same key that plans none goes on."""
    error, same = Account("k", Decimal(0), 1, planned=True), Account("k", Decimal(5), 1)
    assert [store.admit(account, 0).admitted for account in (error, error, same)] == [True, False, True]
    store.forget(error, "")
    assert [store.admit(account, 0).admitted for account in (error, same)] == [True, False]
    store.forget(same, "")
    assert [store.admit(account, 0).admitted for account in (error, same)] == [False, True]


def test_a_fault_is_disarmed_by_its_number(store: MemoryStore) -> None:
    """That one goes, and no other; numbers are not given again."""
    for _ in range(3):
        store.arm(Fault(drop=True), 0)
    store.disarm(2)
    assert [armed.number for armed in store.faults()] == [1, 3]
    assert (store.plans, store.arm(Fault(drop=True), 0).number) == (True, 4)
    store.disarm()
    assert (store.faults(), store.plans) == ([], False)


def test_what_is_told_of_a_fault_stays_as_it_was(store: MemoryStore) -> None:
    """Who looked at the faults has them as they stood then; what arming returned tells how it stands now."""
    armed = store.arm(Fault(drop=True), 0)
    (before,) = store.faults()
    assert store.strike(Encounter(operation="submit", now=0)) == armed.fault
    assert (before.fired, armed.fired, store.plans) == (0, 1, False)
    assert store.strike(Encounter(operation="submit", now=0)) is None


def test_a_held_job_whose_caller_left_is_told_with_its_cost(store: MemoryStore) -> None:
    """Only the exchange of the call that left is: one that was answered has its cost already."""
    for name in ("left", "answered"):
        store.submit(ACCOUNT, job(name, held=True), 0)
    store.leave("left")
    store.complete("answered", 0)
    store.record(replace(exchange(1, "generate", request_id="left"), status=None))
    store.record(exchange(2, "generate", request_id="answered"))
    store.record(replace(exchange(3, "status", request_id="left"), status=None))
    assert costs(store, 9.9) == [0, 0, 0]
    assert costs(store, 10) == [Decimal("1.05"), 0, 0]
    store.record(replace(exchange(4, "generate", request_id="left"), status=None))
    assert costs(store, 10)[3:] == [Decimal("1.05")]


def test_a_job_that_a_call_waits_for_cannot_be_asked_for(store: MemoryStore) -> None:
    """Neither while it is held, nor after its caller left; its video can be had when it has ended."""
    store.submit(ACCOUNT, job("a", held=True), 0)
    store.leave("a")
    assert (store.ask("a", KEY, 20, step=False), store.owner("a")) == (None, KEY)
    assert store.delivered("a", 9.9) is None
    assert store.delivered("a", 10) == job("a", held=True)


@pytest.mark.parametrize("lost", ["expired", "missing"])
def test_what_is_lost_is_not_delivered(store: MemoryStore, lost: str) -> None:
    """A job whose video is planned to be lost ends, and has none."""
    store.submit(ACCOUNT, job("a", lost=lost), 0)
    assert store.delivered("a", 10) is None
    assert store.balance(ACCOUNT, 10) == Decimal("18.95")


def test_time_moves_stepwise_jobs_as_far_as_it_would_others(store: MemoryStore) -> None:
    """Less than its queueing leaves a job queued, all of it ends it; others go by the clock alone."""
    store.submit(ACCOUNT, job("a", stepwise=True, due=inf, expires=inf, file_expires=inf), 0)
    store.submit(ACCOUNT, job("b", due=5.0), 0)
    told = []
    for seconds in (0.9, 0.1, 8.9, 0.1):
        store.elapse(seconds)
        kept = store.ask("a", KEY, 0, step=False)
        assert kept
        told.append((kept.job.state(0, kept.steps), kept.ended, store.latest_due(0)))
    assert told[0] == (QUEUED, False, pytest.approx(9.1))
    assert told[1] == (PROCESSING, False, pytest.approx(9.0))
    assert told[2] == (PROCESSING, False, 5.0)
    assert told[3] == (COMPLETED, True, 5.0)
    assert store.balance(ACCOUNT, 0) == Decimal("18.95")


def test_small_steps_of_time_are_as_good_as_one(store: MemoryStore) -> None:
    """A job is processed when a second was advanced, also in tenths whose sum in floats is a little less."""
    store.submit(ACCOUNT, job("a", stepwise=True, due=inf), 0)
    assert sum([0.1] * 10) < 1
    for _ in range(10):
        store.elapse(0.1)
    kept = store.ask("a", KEY, 0, step=False)
    assert kept and kept.job.state(0, kept.steps) == PROCESSING


def test_a_job_that_polls_moved_on_is_not_moved_back_by_time(store: MemoryStore) -> None:
    """Whichever is further counts."""
    store.submit(ACCOUNT, job("a", stepwise=True, due=inf), 0)
    store.ask("a", KEY, 0, step=True)
    store.elapse(0.5)
    kept = store.ask("a", KEY, 0, step=False)
    assert kept and kept.job.state(0, kept.steps) == PROCESSING


def test_the_last_job_to_end_is_that_which_does(store: MemoryStore) -> None:
    """One that is stuck until its record goes counts only while a call waits for it; ended ones and none do not."""
    assert store.latest_due(0) is None
    store.submit(ACCOUNT, job("a", due=30.0), 0)
    store.submit(ACCOUNT, job("b", due=20.0), 0)
    store.submit(ACCOUNT, job("stuck", due=100.0), 0)
    assert store.latest_due(0) == 30
    store.complete("a", 0)
    assert store.latest_due(0) == 20
    store.submit(ACCOUNT, job("held", due=100.0, held=True), 0)
    assert store.latest_due(0) == 100


def test_the_file_of_a_job_that_polls_ended_early_goes_earlier(store: MemoryStore) -> None:
    """Its days count from when it was made, and time that was advanced before is not taken off twice."""
    for name, elapsed in (("polled", 0.0), ("half", 4.0), ("advanced", 10.0), ("beyond", 15.0)):
        store.submit(ACCOUNT, job(name, stepwise=True, due=100.0), 0)
        store.elapse(elapsed)
        for _ in range(3):
            store.ask(name, KEY, 0, step=True)
    gone = {"polled": 1000 - 10 + 0.0, "half": 1000 - 6.0, "advanced": 1000.0, "beyond": 1000.0}
    for name, moment in gone.items():
        found = [store.delivered(name, now) is not None for now in (moment - 0.001, moment)]
        assert found == [True, False], name


def test_jobs_that_ended_early_make_room_in_what_runs(store: MemoryStore) -> None:
    """Whatever was ended or taken back among many, the rest are billed when they are due, in their order."""
    account = Account(KEY, Decimal(1000))
    for number in range(300):
        store.submit(account, job(str(number), due=float(1000 - number), expires=inf, file_expires=inf), 0)
        if number % 3 == 0:
            store.complete(str(number), 0)
        elif number % 3 == 1:
            store.cancel(str(number))
    early = 100 * Decimal("1.05")
    assert store.billed(0) == early
    for moment in (702, 703, 704, 705, 706, 2000):
        due = sum(1000 - number <= moment for number in range(2, 300, 3))
        assert store.billed(moment) == early + due * Decimal("1.05")
    assert store.available(account, 2000) == 1000 - 200 * Decimal("1.05")


def test_the_rest_of_many_jobs_is_billed_in_order(store: MemoryStore) -> None:
    """When most have ended early, in whatever order, each of the others is billed at its own moment."""
    account, dues = Account(KEY, Decimal(1000)), [float(number) for number in range(1, 201)]
    Random(1).shuffle(dues)
    for due in dues:
        store.submit(account, job(str(due), due=due, expires=inf, file_expires=inf), 0)
    for due in dues:
        if due % 5:
            store.complete(str(due), 0)
    store.submit(account, job("last", due=500.0, expires=inf, file_expires=inf), 0)
    paid = [store.billed(moment) / Decimal("1.05") for moment in range(0, 201, 5)]
    assert paid == list(range(160, 201))
