"""Lines for somebody who may not read them: none waits, what is dropped is counted, and reading later goes on."""

import os
import time
from threading import Event, Thread

import pytest

from mockling.cli import lines
from mockling.cli.lines import Lines


@pytest.mark.parametrize("blocking", [True, False])
def test_what_nobody_reads_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch, blocking: bool) -> None:
    """A full pipe holds nobody up; when it is read again, the first lines come, and how many are missing."""
    monkeypatch.setattr(lines, "MOST_WAITING", 1000)
    reads, writes = os.pipe()
    os.set_blocking(writes, blocking)
    out = Lines(writes)
    for number in range(20_000):
        out.line(f"line {number} {'x' * 1000}")
    out.finish(0.1)
    told = ""
    while "dropped" not in told:
        told += os.read(reads, 65536).decode()
    first, *_, last = told.strip().split("\n")
    assert first.startswith("line 0 xxx")
    kept = told.count("line ")
    assert last == f"{20_000 - kept:,} lines were dropped here, for nobody read them."
    out.line("more")
    assert os.read(reads, 100) == b"more\n"
    os.close(reads)
    out.line("for nobody")
    out.finish(5)
    os.close(writes)


def test_lines_come_in_their_order_and_whole() -> None:
    """What is written in one go and in several comes as it was written."""
    reads, writes = os.pipe()
    out = Lines(writes)
    for text in ("a", "b\nc", "ü\ud800"):
        out.line(text)
    out.finish(5)
    assert os.read(reads, 100) == "a\nb\nc\nü?\n".encode()
    os.close(writes)
    os.close(reads)


def test_what_is_missing_is_told_in_the_words_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is JSON stays so where lines were dropped."""
    monkeypatch.setattr(lines, "MOST_WAITING", 1)
    reads, writes = os.pipe()
    out = Lines(writes, '{{"missing": {}}}'.format)
    for _ in range(3):
        out.line("{}")
    out.finish(5)
    assert os.read(reads, 100) == b'{}\n{"missing": 2}\n'
    os.close(writes)
    os.close(reads)


def test_the_end_waits_for_what_is_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that has been begun is written to its end, though none waits behind it."""
    reads, writes = os.pipe()
    out, waits, lengths = Lines(writes), Event(), [1]
    out.line("x" * 500_000)  # more than a pipe takes
    assert os.read(reads, 1) == b"x"

    class Time:
        monotonic = staticmethod(time.monotonic)

        @staticmethod
        def sleep(seconds: float) -> None:
            waits.set()
            Event().wait(seconds)

    def read() -> None:
        assert waits.wait(20)
        while sum(lengths) < 500_001:
            lengths.append(len(os.read(reads, 65536)))

    monkeypatch.setattr(lines, "time", Time)
    reader = Thread(target=read)
    reader.start()
    out.finish(20)
    ended = waits.is_set()
    waits.set()
    reader.join(20)
    assert (ended, sum(lengths)) == (True, 500_001)
    os.close(reads)
    out.line("for nobody")  # ends the thread
    out.finish(5)
    os.close(writes)


def test_who_has_nothing_to_write_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """When all is written the thread waits to be woken, and looks no more until then."""
    idle = Event()

    class Woken(Event):
        def wait(self, timeout: float | None = None) -> bool:
            if not self.is_set():
                idle.set()
            return super().wait(timeout)

    monkeypatch.setattr(lines, "Event", Woken)
    reads, writes = os.pipe()
    out = Lines(writes)
    for text in ("a", "b"):
        assert idle.wait(10)
        idle.clear()
        out.line(text)
        assert os.read(reads, 100) == f"{text}\n".encode()
    assert idle.wait(10)
    os.close(reads)
    out.line("for nobody")  # ends the thread
    out.finish(5)
    os.close(writes)
