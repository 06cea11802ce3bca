"""The store in memory: bounded in every direction, and its journal tells what a job cost once it is billed."""

import gc
from collections.abc import Iterator
from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Any

import pytest

from mockling.contract import Output
from mockling.contract.exchange import Exchange, Message
from mockling.contract.states import COMPLETED, FAILED, PROCESSING, QUEUED
from mockling.emulator.platform import exchanges, memory
from mockling.emulator.platform.jobs import Failure, Job
from mockling.emulator.platform.keys import Account
from mockling.emulator.platform.ledger import Purse, Record
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


def count_of(kind: type) -> int:
    """Return how many objects of a kind there are in the process."""
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
    before = count_of(Purse)
    for number in range(100):
        account = Account(f"SG_{number:012x}0406", Decimal(0), 1, planned=True)
        assert store.has_room(account)
        assert [store.admit(account, 0).admitted for _ in range(2)] == [True, False]
    assert not store.admit(account, 0).admitted
    assert count_of(Purse) - before == 3
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
    """Of jobs that polls ended before they were due, as many are remembered as are kept, however many there were."""
    monkeypatch.setattr(memory, "MOST_JOBS", 2)
    account = Account(KEY, Decimal(10**6))
    before = count_of(Record)
    for number in range(2000):
        store.submit(account, job(str(number), stepwise=True, due=inf), 0)
        store.complete(str(number), 0)
    assert count_of(Record) - before < 100


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
