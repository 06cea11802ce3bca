"""Time and chance: seeded, of the right mean, and in simulated seconds."""

import statistics
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockling.contract import load
from mockling.emulator.platform.chance import draw
from mockling.emulator.platform.clock import Clock

MODEL = load().model
MODES = ("std", "pro")


def test_the_average_typical_call_takes_what_the_page_says() -> None:
    """Over many calls like the catalogue's typical one, 5 s of pro, the mean latency is 213.36 s (P2)."""
    mean = MODEL.latency({"mode": "pro", "duration": "5"})
    latencies = [draw(0, number).latency(mean, MODEL.spread) for number in range(20_000)]
    assert statistics.fmean(latencies) == pytest.approx(213.36, rel=0.005)
    assert 100 < min(latencies) < max(latencies) < 450


def test_std_is_faster_and_longer_takes_longer() -> None:
    """Latency grows with the duration, and std is faster than pro for every one (P11, U10)."""
    std, pro = ([MODEL.latency({"mode": mode, "duration": str(seconds)}) for seconds in range(3, 16)] for mode in MODES)
    for means in (std, pro):
        assert means == sorted(set(means))
    assert all(faster < slower for faster, slower in zip(std, pro, strict=True))


@given(st.integers(), st.integers(0, 10**9))
def test_chance_depends_on_seed_and_number_alone(seed: int, number: int) -> None:
    """The same seed and number give the same job; other numbers and seeds another id."""
    assert draw(seed, number) == draw(seed, number)
    assert len({draw(seed, number).id, draw(seed, number + 1).id, draw(seed + 1, number).id}) == 3
    assert draw(seed, number).id.version == 4


@given(st.floats(1, 10_000), st.floats(0, 10_000))
def test_a_clock_converts_between_simulated_and_real_seconds(speed: float, seconds: float) -> None:
    """What takes so many simulated seconds is due after that many divided by the speed."""
    clock = Clock(speed)
    assert clock.until(clock.after(seconds)) == pytest.approx(seconds / speed, abs=0.5)
    moment = clock.after(seconds)
    assert clock.utc(moment) - time.time() == pytest.approx(seconds / speed, abs=0.5)


def test_an_instant_clock_makes_everything_due_at_once() -> None:
    """With the speed "instant" nothing has to be waited for, however long it takes."""
    clock = Clock("instant")
    assert clock.until(clock.after(10**6)) == 0
