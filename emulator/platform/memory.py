"""The store in this process's memory, with uploaded files in a private folder."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import Lock

from mockling import fixtures
from mockling.contract.exchange import Exchange
from mockling.emulator.platform.arming import Armed, Armory, Encounter
from mockling.emulator.platform.exchanges import Exchanges
from mockling.emulator.platform.faults import Fault
from mockling.emulator.platform.jobs import Job
from mockling.emulator.platform.keys import Account
from mockling.emulator.platform.ledger import Admission, Purse, Record
from mockling.emulator.platform.store import Kept

MOST_ACCOUNTS = 100_000  # keys that become accounts by being used; the next one is refused
MOST_PLANNED = 1000  # of the keys that meet a planned error, beside those, how many are remembered; the oldest go first
MOST_JOBS = 200_000  # jobs whose record or file is kept, beside those that callers wait for; the oldest go first


class MemoryStore:
    """A `Store` that lives as long as this object.

    `most_uploads` files of `most_upload_bytes` together are kept; the oldest go first, but never the newest.
    """

    def __init__(self, most_uploads: int, most_upload_bytes: int = 2**30) -> None:
        self._lock = Lock()
        self._numbers: dict[str, int] = {}
        self._purses: dict[str, Purse] = {}
        self._planned: OrderedDict[str, Purse] = OrderedDict()  # of planned errors: nothing is ever paid from them
        self._records: OrderedDict[str, Record] = OrderedDict()
        self._awaited: dict[str, Record] = {}  # of jobs that a held call waits for: never forgotten
        self._billed = Decimal(0)
        self._journal = Exchanges()
        self._faults = Armory()
        self._uploads = fixtures.Folder(most_uploads, most_upload_bytes)

    def next(self, series: str) -> int:
        """Return the next number of a series, from 1."""
        with self._lock:
            return self._next(series)

    def has_room(self, account: Account) -> bool:
        """Say whether there is room for an account, which from then on has its balance and its rate window.

        For one that meets a planned error there always is.
        """
        with self._lock:
            if not account.planned and account.key not in self._purses and len(self._purses) >= MOST_ACCOUNTS:
                return False
            self._purse(account)
            return True

    def admit(self, account: Account, now: float) -> Admission:
        """Count a request of an account, and say whether it is within its rate (G10)."""
        with self._lock:
            return self._purse(account).admit(account.requests_per_minute, now)

    def available(self, account: Account, now: float) -> Decimal:
        """Return an account's credits, less what is promised to its running jobs."""
        with self._lock:
            purse = self._settled(self._purse(account), now)
            return purse.credits - purse.promised

    def balance(self, account: Account, now: float) -> Decimal:
        """Return an account's credits when every job due by now has been billed."""
        with self._lock:
            return self._settled(self._purse(account), now).credits

    def submit(self, account: Account, job: Job, now: float) -> None:
        """Promise a job's price and keep its record. Raises `LowBalance`, and then keeps nothing."""
        with self._lock:
            record = Record(job, self._settled(self._purse(account), now))
            record.purse.promise(record, self._next("promises"))
            (self._awaited if job.held else self._records)[job.request_id] = record
            self._forget_old(now)

    def ask(self, request_id: str, key: str, now: float, *, step: bool) -> Kept | None:
        """Return a job that was submitted with a key, or None if there is none (any more).

        Asking for a stepwise job at its end ends it; a `step` moves it on, after it was read.
        """
        with self._lock:
            record = self._records.get(request_id)
            if record is None or record.job.held or record.job.key != key or record.job.expires <= now:
                return None
            self._settled(record.purse, now)
            if record.job.state(now, record.steps) == record.job.last_state:
                self._end(record)
            kept = _kept(record)
            record.steps += step
            return kept

    def delivered(self, request_id: str, now: float) -> Job | None:
        """Return a job that has ended, whose file is not deleted yet, or None."""
        with self._lock:
            record = self._records.get(request_id)
            if record is None or record.file_expires <= now or record.job.lost:
                return None
            self._settled(record.purse, now)
            return record.job if record.ended else None

    def owner(self, request_id: str) -> str | None:
        """Return the API key that a job was submitted with, or None if there is no such job (any more)."""
        with self._lock:
            record = self._records.get(request_id)
            return record.job.key if record else None

    def complete(self, request_id: str, now: float) -> Kept | None:
        """End a job, after those that were due before it, and return it; once is enough."""
        with self._lock:
            record = self._let_go(request_id)
            if record is None:
                return None
            self._settled(record.purse, now)
            self._end(record)
            return _kept(record)

    def leave(self, request_id: str) -> None:
        """Note that nobody waits for a held job any more; it goes on, and is billed when it is due."""
        with self._lock:
            self._let_go(request_id)

    def cancel(self, request_id: str) -> None:
        """Take a job back: it costs nothing and is forgotten."""
        with self._lock:
            record = self._awaited.pop(request_id, None) or self._records.pop(request_id, None)
            if record is not None:
                self._billed -= record.job.price if record.left is not None else 0
                record.purse.undo(record)

    def billed(self, now: float) -> Decimal:
        """Return the US dollars that all accounts have paid, when every job due by now has been billed."""
        with self._lock:
            self._settle_all(now)
            return self._billed

    def credit(self, account: Account, amount: Decimal) -> None:
        """Add US dollars to an account's credits; less than 0 takes them away."""
        with self._lock:
            self._purse(account).credits += amount

    def forget(self, account: Account, caller: str) -> None:
        """Forget an account's balance, jobs, faults and exchanges; `caller` is what stands in those for its key."""
        with self._lock:
            purses = self._planned if account.planned else self._purses
            purse = purses.pop(account.key, None)
            for records in (self._records, self._awaited):
                for request_id in [name for name, record in records.items() if record.purse is purse]:
                    record = records.pop(request_id)
                    self._billed -= record.job.price if record.left is not None else 0
            self._faults.remove(lambda armed: armed.fault.key == account.key)
            self._journal.forget(caller)

    def keep_upload(self, name: str, content: bytes) -> None:
        """Keep an uploaded file. Raises `OSError` if it cannot be written; nothing half-written remains."""
        with self._lock:
            self._uploads.keep(name, lambda part: part.write_bytes(content))

    def uploaded(self, name: str) -> Path | None:
        """Return where an uploaded file is, or None if there is none of that name (any more)."""
        with self._lock:
            file = self._uploads.find(name)
            return file and file.path

    def record(self, exchange: Exchange) -> None:
        """Keep an exchange; that of a job which nobody waits for is told its cost when the job is billed."""
        with self._lock:
            goes_on = exchange.operation == "submit" or (exchange.operation == "generate" and exchange.status is None)
            record = self._records.get(exchange.request_id or "") if goes_on else None
            if record is not None:
                record.exchange = exchange.number
                if record.left is not None:
                    exchange = replace(exchange, cost=record.job.price)
            self._journal.add(exchange)

    def exchanges(self, now: float) -> list[Exchange]:
        """Return the exchanges kept, oldest first."""
        with self._lock:
            self._settle_all(now)
            return self._journal.all()

    def forget_exchanges(self) -> None:
        """Forget all exchanges."""
        with self._lock:
            self._journal.clear()

    @property
    def plans(self) -> bool:
        """Whether there are faults."""
        return self._faults.loaded

    def arm(self, fault: Fault, seed: int) -> Armed:
        """Keep a fault until it is disarmed, the oldest first to strike; its chance is drawn from the seed."""
        with self._lock:
            armed = Armed(fault, self._next("faults"), seed)
            self._faults.add(armed)
            return armed

    def disarm(self, number: int | None = None) -> None:
        """Forget the fault of that number; None: all of them."""
        with self._lock:
            self._faults.remove(lambda armed: number in (None, armed.number))

    def faults(self) -> list[Armed]:
        """Return the faults, spent ones too, as they stand, in the order in which they were armed."""
        with self._lock:
            return self._faults.all()

    def strike(self, meeting: Encounter) -> Fault | None:
        """Return the fault that strikes here, and count it; None: none does."""
        with self._lock:
            return self._faults.strike(meeting)

    def elapse(self, seconds: float) -> None:
        """Let simulated seconds pass for the stepwise jobs, which move on as far as they would have by themselves."""
        with self._lock:
            for record in self._running():
                if record.job.stepwise:
                    record.elapsed += seconds
                    record.step()
                    if record.steps >= 2:
                        self._end(record)

    def latest_due(self, now: float) -> float | None:
        """Return the moment at which the last of the jobs that run now will have ended; None: none runs.

        One that never ends while anybody can ask for it counts as none.
        """
        with self._lock:
            return max(filter(None, (_due(record, now) for record in self._running())), default=None)

    def close(self) -> None:
        """Remove the uploaded files; the rest may go on."""
        with self._lock:
            self._uploads.remove()

    def _running(self) -> list[Record]:
        """Return the records of the jobs that have not ended."""
        records = [entry[2] for purse in self._purses.values() for entry in purse.running]
        return [record for record in records if not record.ended]

    def _next(self, series: str) -> int:
        number = self._numbers[series] = self._numbers.get(series, 0) + 1
        return number

    def _purse(self, account: Account) -> Purse:
        purses = self._planned if account.planned else self._purses
        purse = purses.get(account.key)
        if purse is None:
            purse = purses[account.key] = Purse(account.credits or Decimal(0))
        if account.planned:
            self._planned.move_to_end(account.key)
            if len(self._planned) > MOST_PLANNED:
                self._planned.popitem(last=False)
        return purse

    def _settled(self, purse: Purse, now: float) -> Purse:
        while record := purse.due(now):
            self._end(record)
        return purse

    def _settle_all(self, now: float) -> None:
        for purse in self._purses.values():
            self._settled(purse, now)

    def _end(self, record: Record) -> None:
        if not record.purse.end(record):
            return
        self._billed += record.job.price
        self._journal.charge(record.exchange, record.job.price)

    def _let_go(self, request_id: str) -> Record | None:
        """Return a job's record, that of a held one among those that are forgotten some day."""
        if request_id in self._awaited:
            self._records[request_id] = self._awaited.pop(request_id)
        return self._records.get(request_id)

    def _forget_old(self, now: float) -> None:
        while self._records:
            oldest = next(iter(self._records.values()))
            if oldest.file_expires > now and len(self._records) <= MOST_JOBS:
                return
            self._settled(oldest.purse, now)
            self._end(oldest)
            del self._records[oldest.job.request_id]


def _due(record: Record, now: float) -> float | None:
    """Return the moment at which a job ends, None if that is not while anybody can ask for it."""
    job = record.job
    if job.stepwise:
        return now + job.latency - record.elapsed
    return job.due if job.held or job.due != job.expires else None  # a stuck one goes with its record


def _kept(record: Record) -> Kept:
    return Kept(record.job, record.steps, record.ended, record.left)
