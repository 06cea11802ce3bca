"""An attack: many hostile callers at once against an emulator in a process of its own, and whether it stood."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from math import inf
from multiprocessing import get_context
from operator import add
from threading import Event, Thread

from .attacker import Attacker, Notes
from .target import Died, State, Target
from .wire import Address, Connection, Gone, Hang

CREDITS = Decimal(10**9)  # US dollars of each key at first
PACE = 0.25  # seconds between two probes
SETTLE = 30.0  # seconds in which descriptors and threads must be as before (a refused caller may linger for ten)
MIB = 1024**2
UPLOAD = b'{"data_urls": ["data:text/plain;base64,aGk="]}'
HEAD = "POST /upload-asset HTTP/1.1\r\nhost: a\r\nx-api-key: SG_00000000000bbbbb\r\ncontent-type: application/json\r\n"


@dataclass(frozen=True)
class Bounds:
    """How slow a probe may be, in seconds, and how much the memory may grow, in bytes."""

    probe: float = 0.5
    growth: int = 32 * MIB


@dataclass
class Report:
    """What came of an attack: what the attackers noted, what the emulator held before and after, and its complaints."""

    seed: int
    seconds: float
    notes: Notes
    before: State
    after: State
    complaints: str
    slowest: float
    missing: Decimal
    bounds: Bounds
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        growth = self.after.memory - self.before.memory
        held = {
            "no unplanned 5xx": not self.notes.unplanned,
            "no tracebacks, nor anything else on its standard error": not self.complaints.strip(),
            "no hangs": not self.notes.hangs,
            "no request without an answer": not self.notes.lost,
            f"a probe takes at most {self.bounds.probe} s": self.slowest <= self.bounds.probe,
            f"memory grows by at most {self.bounds.growth / MIB:.0f} MiB": growth <= self.bounds.growth,
            "descriptors, threads and held calls as before": self.after.rest == self.before.rest,
            "no money is missing": self.missing == 0,
        }
        self.broken = [what for what, holds in held.items() if not holds]

    def table(self) -> str:
        """Return all of it as a table in Markdown, and below it what should not be."""
        notes, classes = self.notes, dict.fromkeys(range(2, 6), 0)
        for status, count in notes.statuses.items():
            classes[status // 100] = classes.get(status // 100, 0) + count
        rows = {
            "requests sent": f"{notes.sent:,}",
            **{f"answered {klass}xx": f"{count:,}" for klass, count in classes.items()},
            "reached the application": f"{self.after.calls:,}",
            "unplanned 5xx": notes.unplanned,
            "tracebacks": self.complaints.count("Traceback (most recent"),
            "hangs": notes.hangs,
            "without an answer": notes.lost,
            "slowest probe": f"{self.slowest * 1000:.0f} ms",
            "memory before, after": f"{self.before.memory / MIB:.1f} MiB, {self.after.memory / MIB:.1f} MiB",
            "descriptors before, after": f"{self.before.fds}, {self.after.fds}",
            "threads before, after": f"{self.before.threads}, {self.after.threads}",
            "money spent, missing": f"${notes.spent:,.2f}, ${self.missing:,.2f}",
            "requests/s": f"{notes.sent / self.seconds:,.0f}",
        }
        lines = [f"| seed {self.seed} | {self.seconds:.0f} s |", "| --- | --- |"]
        lines += [f"| {name} | {value} |" for name, value in rows.items()]
        lines += [f"BROKEN: {what}" for what in self.broken]
        return "\n".join([*lines, *notes.findings, *self.complaints.splitlines()[:60]])


class Attack:
    """An attack of so many requests over so many connections; setting `stopped` ends it early."""

    def __init__(self, requests: int, seed: int, connections: int = 8, share_raw: float = 0.25) -> None:
        self.stopped = Event()
        self._requests, self._seed, self._connections, self._share_raw = requests, seed, connections, share_raw

    def run(self, bounds: Bounds | None = None) -> Report:
        """Attack, and return what came of it. What is kept for good is filled up before the memory is measured.

        Raises `Died` if the emulator does not survive it.
        """
        with Target(self._seed) as target:
            try:
                return self._run(target, bounds or Bounds())
            except OSError as error:
                raise error if target.alive else Died(target.errors()) from error

    def _run(self, target: Target, bounds: Bounds) -> Report:
        attackers = [self._attacker(target.address, number) for number in range(self._connections)]
        upload(target.address)
        began, started, slowest = target.state(), time.monotonic(), [0.0]
        with probing(target.address, slowest):
            self._until(self._requests // 4, attackers)
            before = _settled(target, began)
            self._until(self._requests, attackers)
        seconds = time.monotonic() - started
        balances = [attacker.finish() for attacker in attackers]
        notes = reduce(add, [attacker.notes for attacker in attackers])
        slowest.append(probe(target.address))
        after = _settled(target, began)
        missing = sum((CREDITS - (left or 0) for left in balances), Decimal(0)) - notes.spent
        return Report(self._seed, seconds, notes, before, after, target.errors(), max(slowest), missing, bounds)

    def _attacker(self, address: Address, number: int) -> Attacker:
        return Attacker(address, f"{self._seed}-{number}", f"SG_{number:08x}0000aaaa", self._share_raw)

    def _until(self, requests: int, attackers: list[Attacker]) -> None:
        """Attack until so many requests were sent; then every connection is closed."""

        def attack(attacker: Attacker) -> None:
            try:
                while attacker.notes.sent < requests // len(attackers) and not self.stopped.is_set():
                    attacker.attack()
                attacker.pause()
            except BaseException:
                self.stopped.set()
                raise

        with ThreadPoolExecutor(len(attackers)) as threads:
            list(threads.map(attack, attackers))


def apart(requests: int, seed: int, bounds: Bounds) -> Report:
    """Attack from a process of its own, whatever else there is in this one: threads, garbage, open files."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(_attack, requests, seed, bounds).result()


def _attack(requests: int, seed: int, bounds: Bounds) -> Report:
    return Attack(requests, seed).run(bounds)


def upload(address: Address) -> None:
    """Upload a file, for the emulator opens their folder for good with the first one."""
    connection = Connection(address)
    try:
        connection.send(f"{HEAD}content-length: {len(UPLOAD)}\r\n\r\n".encode() + UPLOAD)
        assert connection.answer("POST").status == 200
    finally:
        connection.close()


@contextmanager
def probing(address: Address, slowest: list[float]) -> Iterator[None]:
    """Send a probe every now and then while the block lasts, and put the slowest one's seconds in the list."""
    done = Event()

    def go_on() -> None:
        while not done.wait(PACE):
            slowest[0] = max(slowest[0], probe(address))

    thread = Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def probe(address: Address) -> float:
    """Return the seconds until an honest request on a new connection is answered; infinity if it is not."""
    started = time.monotonic()
    try:
        connection = Connection(address)
        try:
            connection.send(b"GET /v1/get-user-credits HTTP/1.1\r\nhost: a\r\nx-api-key: SG_00000000000aaaaa\r\n\r\n")
            status = connection.answer("GET").status
        finally:
            connection.close()
    except (Hang, Gone, OSError):
        return inf
    return time.monotonic() - started if status == 200 else inf


def _settled(target: Target, began: State) -> State:
    """Return what the emulator holds when all is as it began, or is not after a while."""
    deadline = time.monotonic() + SETTLE
    while True:
        state = target.state()
        if state.rest == began.rest or time.monotonic() > deadline:
            return state
