"""The clock: what moments, leaps, speeds and dates are, and who hears of them."""

import logging
from collections.abc import Iterator
from math import inf
from typing import Any

import pytest
from calling import GOOD_KEY, STEADY, V1, Local
from test_store import exchange

from mockling.emulator.platform.clock import FARTHEST, Clock, Real
from mockling.emulator.platform.exchange import logger, tell


class Hands:
    """The hands of the system's clocks, which only the test moves."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return 1000 + self.passed

    def time(self) -> float:
        return 1_700_000_000 + self.passed


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    moved = Hands()
    monkeypatch.setattr(Real, "monotonic", moved.monotonic)
    monkeypatch.setattr(Real, "time", moved.time)
    return moved


@pytest.mark.parametrize(("speed", "rate", "pace"), [("manual", 0, 1), ("instant", 1, None), (1, 1, 1), (20, 20, 20)])
def test_moments_pass_at_the_speed(hands: Hands, speed: Any, rate: float, pace: float | None) -> None:
    """As many simulated seconds in a real one, one of each where nothing is waited for, and none by hand."""
    clock = Clock(speed)
    assert (clock.speed, clock.pace, clock.now(), clock.epoch) == (speed, pace, 0, 1_700_000_000)
    hands.passed = 3
    assert clock.now() == 3 * rate
    clock.advance(10)
    assert (clock.now(), clock.advanced) == (3 * rate + 10, 10)
    assert clock.after(5) == clock.now() + (0 if speed == "instant" else 5)
    left = {"manual": inf}.get(speed, 4 / (rate or 1))
    assert clock.until(clock.now() + 4) == left
    assert [clock.until(clock.now() + ago) for ago in (0, -4)] == [0, 0]
    assert clock.utc(clock.now() + 40) == 1_700_000_003 + 40 / (rate or 1)


def test_a_new_speed_holds_from_now_on(hands: Hands) -> None:
    """What has passed stays, whichever speeds follow each other, and what was advanced with it."""
    clock = Clock(10)
    hands.passed = 1
    clock.speed = "manual"
    hands.passed = 2
    assert (clock.now(), clock.manual, clock.instant) == (10, True, False)
    clock.advance(5)
    clock.speed = 2
    hands.passed = 4
    assert (clock.now(), clock.manual, clock.advanced) == (19, False, 5)
    clock.speed = "instant"
    assert (clock.now(), clock.instant, clock.pace) == (19, True, None)
    clock.restart(3)
    assert (clock.now(), clock.advanced, clock.epoch, clock.speed) == (0, 0, 1_700_000_004, 3)


def test_time_reaches_a_moment_that_has_not_come(hands: Hands) -> None:
    """One that has come already changes nothing."""
    clock = Clock(1)
    clock.reach(7)
    hands.passed = 1
    clock.reach(7.5)
    assert (clock.now(), clock.advanced) == (8, 7)


def test_time_ends(hands: Hands) -> None:
    """It can be advanced to its last moment and no further, and a leap that is refused moves nothing."""
    clock = Clock("manual")
    for seconds in (-0.1, inf, float("nan"), FARTHEST * 1.01):
        with pytest.raises(ValueError, match="Time cannot be advanced by"):
            clock.advance(seconds)
    clock.advance(0)
    clock.advance(FARTHEST)
    with pytest.raises(ValueError, match=r"it ends 1e\+11 after the epoch"):
        clock.advance(1000)
    assert (clock.now(), clock.advanced, hands.passed) == (FARTHEST, FARTHEST, 0)


def test_whoever_listens_hears_of_each_leap_once() -> None:
    """Of leaps, speeds and new beginnings, in the order of the listeners, until he listens no more."""
    clock, heard = Clock("manual"), list[str]()

    def one() -> None:
        heard.append(f"one {clock.now():g}")

    def other() -> None:
        heard.append(f"other {clock.now():g}")

    clock.listen(one)
    clock.listen(other)
    clock.advance(1)
    clock.unlisten(one)
    clock.speed = "manual"
    clock.restart("manual")
    clock.reach(0)
    with pytest.raises(ValueError, match="cannot be advanced"):
        clock.advance(-1)
    assert heard == ["one 1", "other 1", "other 1", "other 0"]


def test_a_listener_may_stop_listening_when_he_is_told() -> None:
    """The others hear of it all the same."""
    clock, heard = Clock("manual"), list[str]()

    def once() -> None:
        heard.append("once")
        clock.unlisten(once)

    clock.listen(once)
    clock.listen(lambda: heard.append("always"))
    clock.advance(1)
    clock.advance(1)
    assert heard == ["once", "always", "always"]


@pytest.mark.parametrize(("speed", "headers", "seconds"), [(60, {}, 1), ("manual", {}, 60), (1, {}, 60),
                                                           (60, {"x-mockling-patience": "9"}, 60)])  # fmt: skip
def test_a_rate_limit_is_dated_in_the_time_of_its_caller(
    hands: Hands, speed: Any, headers: dict[str, str], seconds: int
) -> None:
    """It is the second in which the moment has surely come, real, or simulated for whoever counts in that."""
    local = Local(speed=speed, requests_per_minute=1, contract=STEADY)
    local.post(V1, GOOD_KEY, {})
    refused = local.post(V1, GOOD_KEY, {}, headers=headers)
    assert (refused.status_code, hands.passed) == (429, 0)
    assert refused.headers["x-rate-limit-remaining"] == "0"
    minute, second = divmod(20 + seconds + 1, 60)  # the hands show 22:13:20
    assert refused.headers["x-rate-limit-reset-at-utc"] == f"2023-11-14T22:{13 + minute}:{second:02}Z"


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """What is logged, whatever its level."""
    kept: list[logging.LogRecord] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record)

    handler = Keeper()
    logger.addHandler(handler)
    yield kept
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def test_an_exchange_is_logged_as_what_it_is(records: list[logging.LogRecord]) -> None:
    """One with a warning is a warning, any other information, and what nobody wants is not made."""
    plain, doubtful = exchange(1), exchange(2, warnings=("odd",))
    for level in (logging.INFO, logging.WARNING, logging.ERROR):
        logger.setLevel(level)
        tell(plain)
        tell(doubtful)
    assert [(record.levelname, record.getMessage()) for record in records] == [
        ("INFO", str(plain)), ("WARNING", str(doubtful)), ("WARNING", str(doubtful)),
    ]  # fmt: skip
