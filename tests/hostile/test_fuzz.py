"""The short attack: what must hold whatever is sent, in a few thousand requests."""

import os
import sys
from random import Random

import pytest

from .attacker import is_planned
from .fuzz import MIB, Bounds, Report, apart
from .semantic import Known, request
from .shapes import volley
from .wire import statuses

SEED = int(os.environ.get("MOCKLING_SEED", "5"))  # another one is another attack
REQUESTS = 4000
BUSY = Bounds(probe=5.0, growth=64 * MIB)  # a machine that runs the suite may be slow, and so few requests fill nothing

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is read from /proc")


@pytest.fixture(scope="module")
def report() -> Report:
    """What came of one attack, which each test looks at."""
    return apart(REQUESTS, SEED, BUSY)


@needs_proc
def test_the_emulator_withstands_an_attack(report: Report) -> None:
    """No unplanned 5xx, no traceback, no hang, nothing that grows or stays open, and no money missing."""
    assert not report.broken, report.table()


@needs_proc
def test_the_attack_is_one(report: Report) -> None:
    """Many requests come through, and are answered with success, refusals and planned failures alike."""
    classes = {status // 100 for status in report.notes.statuses}
    assert classes >= {2, 4, 5}, report.table()
    assert report.after.calls > REQUESTS / 4, report.table()
    assert report.notes.spent > 0, report.table()


def test_a_seed_tells_all_that_is_sent() -> None:
    """Equal seeds send equal bytes, and others others."""

    def sent(seed: str) -> list[bytes]:
        random, known = Random(seed), Known("SG_0123456789abcdef")
        return [data for _ in range(50) for data in (volley(random).data, request(random, known).data)]

    assert sent("1") == sent("1") != sent("2")


@pytest.mark.parametrize(
    ("body", "planned"),
    [
        (b'{"error": "Bad gateway. The service is temporarily unavailable."}', True),
        (b'{"error": "Invalid video URL or path. Please provide a valid video. Error: 404 Not Found"}', True),
        (b'{"error": "Prompt is required for video generation."}', True),
        (b'{"error": "The emulator failed; this is a defect of Mockling and says nothing about the live API."}', False),
        (b'{"error": "The emulator could not write the output video: no space"}', False),
        (b"Internal Server Error", False),
        (b"[]", False),
    ],
)
def test_only_a_failure_that_was_asked_for_is_planned(body: bytes, planned: bool) -> None:
    """The texts with which generations end are planned; the emulator's own failures and its server's are not."""
    assert is_planned(body) is planned


def test_answers_are_told_apart() -> None:
    """Of a stream each final answer is counted, whatever its body quotes, and none that only says to go on."""
    stream = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\na: b\r\n\r\nHTTP/1.1 500 HTTP/1.1 200 OK\r\n\r\n"
    assert [status for status, _ in statuses(stream)] == [404, 200]
