"""Time that is moved, settled and begun again: what becomes due, in which order, and what a reset leaves."""

import os
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from calling import GOOD_KEY, PRICE, SLUG, STEADY, V1, V2, data_url, make_key, post
from test_held import answer_of, open_call, still_held, wait_until_held

from mockling.contract import ContractError
from mockling.emulator import Emulator, FaultError, SettingsError
from mockling.emulator.platform.stages import Stages

SLOW = 0.001  # a speed at which no time that counts passes by itself
SPEEDS = ["instant", SLOW, "manual"]
LATENCY = 213.36  # simulated seconds of the sample
QUEUED = LATENCY * 0.02
PNG = data_url("image/png", b"\x89PNG\r\n\x1a\n")


@pytest.fixture(params=SPEEDS, ids=str)
def timed(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    with Emulator(speed=request.param, contract=STEADY) as running:
        yield running


def get(url: str, key: str = GOOD_KEY) -> requests.Response:
    return requests.get(url, headers={"x-api-key": key}, timeout=30)


def balance(emulator: Emulator, key: str) -> Decimal:
    return Decimal(str(get(f"{emulator.url}/v1/get-user-credits", key).json()["credits"]))


@contextmanager
def calls(emulator: Emulator, sample: dict[str, Any], number: int) -> Iterator[list[socket.socket]]:
    """Hold so many calls, each with a key of its own."""
    with ExitStack() as stack:
        opened = [stack.enter_context(open_call(emulator, make_key(), sample)) for _ in range(number)]
        wait_until_held(emulator, number)
        yield opened


# Advancing.


def test_jobs_move_on_by_what_is_advanced(timed: Emulator, sample: dict[str, Any]) -> None:
    """At every speed a job is processed and ends when its time was advanced, and is billed then, unasked."""
    key = make_key()
    job = post(timed, sample, key, V2).json()
    timed.advance(QUEUED + 0.01)
    assert (
        requests.head(job["status_url"], headers={"x-api-key": key}, timeout=30).status_code == 200
    )  # moves nothing on
    assert get(job["status_url"], key).json()["status"] == "PROCESSING"
    timed.advance(LATENCY - QUEUED)
    assert timed.journal[0].cost == PRICE
    assert balance(timed, key) == 100 - PRICE
    assert get(job["status_url"], key).json()["status"] == "COMPLETED"


def test_a_job_that_was_not_advanced_far_enough_goes_on(timed: Emulator, sample: dict[str, Any]) -> None:
    """Up to its moment it costs nothing."""
    key = make_key()
    post(timed, sample, key, V2)
    timed.advance(LATENCY - 1)
    assert balance(timed, key) == 100
    timed.advance(minutes=1)
    assert balance(timed, key) == 100 - PRICE


def test_a_record_lives_an_hour_and_a_video_seven_days(timed: Emulator, sample: dict[str, Any]) -> None:
    """Each can be had until its time is over, and not after it, at every speed."""
    key = make_key()
    job = post(timed, sample, key, V2).json()
    timed.advance(LATENCY + 1)
    url = get(job["response_url"], key).json()["output"]
    timed.advance(hours=1, seconds=-LATENCY - 60)
    assert get(job["response_url"], key).status_code == 200
    timed.advance(minutes=1)
    assert get(job["response_url"], key).status_code == 404
    timed.advance(days=7, hours=-1, seconds=-60)
    assert get(url).status_code == 200
    timed.advance(seconds=61 + LATENCY)
    assert get(url).status_code == 404


def test_the_seven_days_of_a_video_begin_when_polls_have_brought_it(sample: dict[str, Any]) -> None:
    """Where each poll moves a job on, its video was made at the last of them, however long that usually takes."""
    key = make_key()
    with Emulator(speed="instant", contract=STEADY) as emulator:
        job = post(emulator, sample, key, V2).json()
        for _ in range(3):
            told = get(job["response_url"], key).json()
        emulator.advance(days=7, seconds=-30)
        assert get(told["output"]).status_code == 200
        emulator.advance(seconds=31)
        assert get(told["output"]).status_code == 404


@pytest.mark.parametrize("speed", [SLOW, "manual"])
def test_a_held_call_is_answered_when_its_time_was_advanced(speed: Any, sample: dict[str, Any]) -> None:
    """In one step or several: it is held until then, and not longer."""
    with Emulator(speed=speed, contract=STEADY) as emulator, calls(emulator, sample, 1) as (call,):
        emulator.advance(LATENCY - 1)
        assert still_held(emulator, 1)
        emulator.sleep(1)
        assert answer_of(call)[0] == 200


def test_what_is_left_after_advancing_passes_by_itself(sample: dict[str, Any]) -> None:
    """At a numeric speed a held call waits only for the time that was not advanced."""
    with Emulator(speed=1, contract=STEADY) as emulator, calls(emulator, sample, 1) as (call,):
        emulator.advance(LATENCY - 0.2)
        started = time.monotonic()
        assert answer_of(call)[0] == 200
        assert time.monotonic() - started < 10


def test_calls_are_answered_in_the_order_in_which_they_are_due(timed: Emulator, sample: dict[str, Any]) -> None:
    """However far time is advanced at once, the earlier is answered, and billed, before the later."""
    seconds = [500, 20, 320, 80, 640, 10, 160, 40]
    with ThreadPoolExecutor(len(seconds)) as pool:
        answers = []
        for number, wanted in enumerate(seconds, 1):
            headers = {"x-mockling-fault": f"latency_is={wanted}"}
            answers.append(pool.submit(post, timed, sample, GOOD_KEY, headers=headers))
            wait_until_held(timed, number)
        timed.advance(hours=1)
        told = sorted(
            (answer.result(30) for answer in answers), key=lambda one: float(one.headers["x-generation-time"])
        )
    assert [entry.seconds for entry in timed.journal if entry.operation == "generate"] == sorted(seconds)
    left = [Decimal(one.headers["x-remaining-credits"]) for one in told]
    assert left == [100 - PRICE * number for number in range(1, len(seconds) + 1)]


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e12])
def test_time_goes_forward_and_not_for_ever(own: Emulator, seconds: float) -> None:
    """A negative time, and one that no date has, are refused, and nothing has changed."""
    own.advance(1)
    with pytest.raises(ValueError, match="Time cannot be advanced by"):
        own.advance(seconds)
    assert (own.clock.now(), own.clock.advanced) == (1, 1)


def test_a_far_future_is_like_the_present(timed: Emulator, sample: dict[str, Any]) -> None:
    """After a thousand years calls are answered, jobs end and fractions of a second count as ever."""
    key = make_key()
    timed.advance(days=365_000)
    before = timed.clock.now()
    post(timed, sample, key, V2)
    timed.advance(LATENCY + 0.01)
    assert timed.clock.now() - before == pytest.approx(LATENCY + 0.01, abs=9)
    assert balance(timed, key) == 100 - PRICE


# The speed.


@pytest.mark.parametrize(("before", "after"), [("manual", 10_000), (SLOW, 10_000), (1, 10_000)])
def test_a_new_speed_holds_for_calls_that_are_held(before: Any, after: Any, sample: dict[str, Any]) -> None:
    """The speed can be set while calls wait, and what is left of their time passes at the new one."""
    with Emulator(speed=before, contract=STEADY) as emulator, calls(emulator, sample, 3) as opened:
        emulator.speed = after
        assert emulator.speed == after
        assert [answer_of(call)[0] for call in opened] == [200] * 3


def test_time_can_be_stopped(sample: dict[str, Any]) -> None:
    """Set to "manual", no time passes any more, and what was held stays so until it is advanced."""
    with Emulator(speed=100, contract=STEADY) as emulator, calls(emulator, sample, 1) as (call,):
        emulator.speed = "manual"
        now = emulator.clock.now()
        assert still_held(emulator, 1)
        assert emulator.clock.now() == now
        emulator.settle()
        assert answer_of(call)[0] == 200


@pytest.mark.parametrize("speed", [0, -1, "fast", True, None])
def test_a_speed_that_is_none_is_refused(own: Emulator, speed: Any) -> None:
    """What `Settings` would refuse is refused here, and the old speed stays."""
    with pytest.raises(SettingsError, match="speed must be a number"):
        own.speed = speed
    assert own.speed == "manual"


# Settling.


def test_settling_ends_all_that_will_end(sample: dict[str, Any]) -> None:
    """Running jobs are billed, held calls answered, stalls closed, slow bodies sent; journal and bill are final."""
    with Emulator(speed="manual", contract=STEADY) as emulator, ThreadPoolExecutor(4) as pool:
        key, job_key = make_key(), make_key()
        held = pool.submit(post, emulator, sample, key)
        wait_until_held(emulator, 1)
        emulator.fault(latency=300, key=job_key)
        late = pool.submit(post, emulator, sample, job_key)
        wait_until_held(emulator, 2)
        post(emulator, sample, key, V2)
        emulator.fault(on="credits", stall=True)
        stalled = pool.submit(balance, emulator, key)
        wait_until_struck(emulator, 2)
        emulator.fault(on="credits", rate=1)
        slow = pool.submit(balance, emulator, key)
        emulator.fault(on="credits", latency=10)
        wait_until_struck(emulator, 3)
        emulator.settle()
        assert [answer.result(30).status_code for answer in (held, late)] == [200, 200]
        with pytest.raises(requests.ConnectionError):
            stalled.result(30)
        assert slow.result(30) >= 100 - 2 * PRICE
        assert sum(entry.cost for entry in emulator.journal) == 3 * PRICE
        assert balance_at_last(emulator, key) == 100 - 2 * PRICE
        now = emulator.clock.now()
        emulator.settle()
        assert emulator.clock.now() == now


def wait_until_struck(emulator: Emulator, faults: int) -> None:
    """Ask the emulator other things until so many of its faults have struck."""
    for _ in range(2000):
        if sum(armed.fired for armed in emulator.faults) >= faults:
            return
        requests.get(emulator.url, timeout=30)
    raise AssertionError("the faults did not strike")


def balance_at_last(emulator: Emulator, key: str) -> Decimal:
    """Return the balance without any fault."""
    emulator.disarm()
    return balance(emulator, key)


def test_settling_bills_those_who_left(sample: dict[str, Any]) -> None:
    """A caller who hung up just before is noticed, and what he started is on his bill, and in the journal."""
    with Emulator(speed="manual", contract=STEADY) as emulator:
        with calls(emulator, sample, 5):
            pass
        emulator.settle()
        assert [(entry.status, entry.cost) for entry in emulator.journal if entry.operation] == [(None, PRICE)] * 5


def test_settling_leaves_stuck_jobs_alone(timed: Emulator, sample: dict[str, Any]) -> None:
    """A job that never ends is not waited for: others end, and it stays as it is."""
    key = make_key()
    timed.fault(stuck="PROCESSING")
    stuck, other = (post(timed, sample, key, V2).json() for _ in range(2))
    timed.settle()
    assert timed.clock.now() < 400
    assert get(other["status_url"], key).json()["status"] == "COMPLETED"
    assert get(stuck["status_url"], key).json()["status"] == "PROCESSING"
    assert balance(timed, key) == 100 - PRICE


@pytest.mark.parametrize("fault", [{"stall": 0.5}, {"stall": True}, {"rate": 1e-12}], ids=str)
def test_settling_ends_what_stalls_only_when_it_is_answered(fault: dict[str, Any], sample: dict[str, Any]) -> None:
    """A held call whose answer then stalls, or takes for ever, is over soon all the same, and billed."""
    with Emulator(speed="manual") as emulator, ThreadPoolExecutor(1) as pool:
        emulator.fault(**fault)
        body, headers = sample, {"x-api-key": GOOD_KEY}
        answer = pool.submit(requests.post, emulator.url + V1, json=body, headers=headers, timeout=30)
        wait_until_held(emulator, 1)
        emulator.settle()
        assert answer.exception(5) is None or isinstance(answer.exception(), requests.RequestException)
        assert emulator.billed == PRICE


def test_settling_tells_of_callers_who_do_not_end(sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a call is still under way at the end of its patience, the bill is not final, and that is said."""
    reading, go_on, read = threading.Event(), threading.Event(), Stages.json

    def slow(stages: Stages, call: Any) -> None:
        reading.set()
        assert go_on.wait(20)
        read(stages, call)

    monkeypatch.setattr(Stages, "json", slow)
    monkeypatch.setattr("mockling.emulator.listening.server.SETTLE_LIMIT", 0.1)
    with Emulator(speed="instant") as emulator, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, emulator, {**sample, "more": "x" * 9000}, GOOD_KEY)
        assert reading.wait(20)
        with pytest.raises(TimeoutError, match="stop those who go on calling"):
            emulator.settle()
        told = requests.post(f"{emulator.url}/_mockling/clock", json={"settle": True}, timeout=30)
        assert (told.status_code, "under way" in told.json()["error"]) == (400, True)
        go_on.set()
        assert answer.result(20).status_code == 200
        emulator.settle()


def test_settling_ends_jobs_that_outlive_their_record(timed: Emulator, sample: dict[str, Any]) -> None:
    """A job that takes longer than its record is kept is billed as any other."""
    timed.fault(on="job", latency=7200)
    post(timed, sample, GOOD_KEY, V2)
    timed.settle()
    assert timed.billed == PRICE


def test_a_planned_latency_holds_a_job_up_where_polls_would_move_it_on(sample: dict[str, Any]) -> None:
    """At the speed "instant" a job with a latency of its own is not brought by polls, but by time."""
    with Emulator(speed="instant") as emulator:
        emulator.fault(on="job", latency=100)
        job = post(emulator, sample, GOOD_KEY, V2).json()
        assert [get(job["status_url"]).json()["status"] for _ in range(4)] == ["PROCESSING"] * 4
        emulator.advance(100)
        assert get(job["status_url"]).json()["status"] == "COMPLETED"


def test_what_is_late_for_a_reset_is_refused_and_costs_nothing(
    sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that is still being read when a reset is over starts no job in the new life."""
    reading, go_on, read = threading.Event(), threading.Event(), Stages.json

    def slow(stages: Stages, call: Any) -> None:
        reading.set()
        assert go_on.wait(20)
        read(stages, call)

    monkeypatch.setattr(Stages, "json", slow)
    monkeypatch.setattr("mockling.emulator.listening.server.RESET_LIMIT", 0.1)
    with Emulator(speed="instant") as emulator, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, emulator, {**sample, "more": "x" * 9000}, GOOD_KEY)
        assert reading.wait(20)
        emulator.reset()
        go_on.set()
        assert answer.result(20).status_code == 503
        assert (emulator.billed, len(emulator.calls), emulator.balance()) == (0, 0, 100)


@pytest.mark.parametrize("speed", ["manual", 1])
def test_at_once_nothing_waits_any_more(speed: Any, sample: dict[str, Any]) -> None:
    """When the speed becomes "instant", what was held before is answered, too."""
    with Emulator(speed=speed) as emulator, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, emulator, sample, GOOD_KEY)
        wait_until_held(emulator, 1)
        emulator.speed = "instant"
        assert answer.result(20).status_code == 200


def test_settling_what_is_at_rest_does_nothing(timed: Emulator) -> None:
    """Without anything under way no time passes, listening or not."""
    before = timed.clock.now()
    timed.settle()
    assert timed.clock.now() - before < 10
    Emulator(speed="manual").settle()


# Resetting.


def test_a_reset_forgets_everything(timed: Emulator, sample: dict[str, Any]) -> None:
    """Journal, jobs, money, uploads, faults and time are as they were first, and so are the ids that follow."""

    def first() -> tuple[str, str]:
        job = post(timed, sample, GOOD_KEY, V2).json()
        answer = requests.post(
            f"{timed.url}/upload-asset", json={"data_urls": [PNG]}, headers={"x-api-key": GOOD_KEY}, timeout=30
        )
        return job["request_id"], answer.json()["file_urls"][0]

    before = first()
    timed.fault(status=502, times="always")
    timed.advance(days=1)
    address = timed.url
    timed.reset()
    assert timed.url == address
    assert timed.clock.now() < 60
    assert (list(timed.journal), timed.faults) == ([], [])
    assert get(before[1]).status_code == 404
    assert get(f"{timed.url}/v2/requests/{before[0]}").status_code == 404
    assert balance(timed, GOOD_KEY) == 100
    assert first() == before


def test_a_reset_can_change_the_settings(sample: dict[str, Any]) -> None:
    """Profile, speed, seed, credits and faults are those that are named; without any, those of the beginning again."""
    with Emulator(speed="instant", seed=1) as emulator:
        ids = [post(emulator, sample, GOOD_KEY).json()["request_id"]]
        emulator.reset(profile="observed", speed=1000, seed=2, credits="5", faults=[{"status": 502}])
        assert emulator.speed == 1000
        assert balance(emulator, GOOD_KEY) == 5
        assert post(emulator, sample, GOOD_KEY).status_code == 502
        answer = post(emulator, sample, GOOD_KEY)
        assert (answer.headers["content-type"], len(answer.headers["x-request-id"])) == ("video/mp4", 32)
        emulator.reset()
        ids.append(post(emulator, sample, GOOD_KEY).json()["request_id"])
        emulator.reset(seed=2)
        ids.append(post(emulator, sample, GOOD_KEY).json()["request_id"])
        assert (ids[0] == ids[1], ids[1] == ids[2]) == (True, False)


def test_a_reset_takes_the_contracts_bodies(sample: dict[str, Any]) -> None:
    """A contract with other limits holds from the reset on, for smaller bodies and for larger ones."""
    with Emulator(speed="instant", contract={"x-limits": {"body_bytes": 20_000}}) as emulator:
        large = {**sample, "elements": [{"frontal_image_url": f"https://example.com/{'a' * 2000}"} for _ in range(9)]}
        larger = {**large, "image_urls": [f"https://example.com/{'a' * 2000}" for _ in range(3)]}
        assert [post(emulator, body, GOOD_KEY).status_code for body in (large, larger)] == [200, 413]
        emulator.reset(contract={"x-limits": {"body_bytes": 30_000}})
        assert post(emulator, larger, GOOD_KEY).status_code == 200
        emulator.reset()
        assert post(emulator, larger, GOOD_KEY).status_code == 413


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"port": 1}, SettingsError, "host, port, receive_timeout, control_token, tls cannot change while it listens"),
        ({"prot": 1}, SettingsError, "There is no setting 'prot'"),
        ({"speed": 0}, SettingsError, "speed must be a number"),
        ({"faults": [{"stauts": 502}]}, FaultError, "did you mean 'status'"),
        ({"faults": [{"status": 502, "stage": "x"}]}, FaultError, "no stage 'x'"),
        ({"accounts": [{"key": "k", "plan": "gold"}]}, ContractError, "no plan 'gold'"),
        ({"profile": "live"}, ContractError, "no profile 'live'"),
    ],
)
def test_a_reset_that_cannot_be_changes_nothing(
    sample: dict[str, Any], changes: dict[str, Any], error: type[Exception], told: str
) -> None:
    """What the constructor would refuse is refused before anything is forgotten, held calls included."""
    with Emulator(speed="manual", contract=STEADY) as emulator, calls(emulator, sample, 1) as (call,):
        post(emulator, sample, GOOD_KEY, V2)
        with pytest.raises(error, match=told):
            emulator.reset(**changes)
        wait_until_held(emulator, 1)
        assert "submit" in [entry.operation for entry in emulator.journal]
        emulator.settle()
        assert answer_of(call)[0] == 200


def test_a_reset_of_one_that_does_not_listen_may_change_its_address() -> None:
    """Before it listens it can be given another port."""
    emulator = Emulator(speed="instant")
    emulator.reset(port=0, speed="manual", receive_timeout=5)
    assert (emulator.speed, emulator.settings.receive_timeout) == ("manual", 5)


def descriptors() -> int:
    """Return how many files this process has open (0 where the system does not say)."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0  # noqa: PTH112, PTH208 - counted


def test_resets_release_held_calls_and_leak_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sample: dict[str, Any]
) -> None:
    """A hundred held calls are told 503 at once, unpaid, four times; no thread, descriptor or file stays behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Emulator(speed="manual", contract=STEADY, credits=PRICE) as emulator:
        with calls(emulator, sample, 1) as (call,):
            emulator.settle()
            assert answer_of(call)[0] == 200  # its video stays, for there is a cache of them
        threads, files, kept = threading.active_count(), descriptors(), len(list(tmp_path.iterdir()))
        for _ in range(4):
            with calls(emulator, sample, 100) as opened:
                started = time.monotonic()
                emulator.reset()
                assert time.monotonic() - started < 2
                assert emulator.held == 0
                told = [answer_of(call) for call in opened]
            assert Counter(status for status, _ in told) == {503: 100}
            assert told[0][1] == {"error": "The emulator was reset; the call was not finished."}
            assert [entry for entry in emulator.journal if entry.operation] == []
        requests.get(emulator.url, timeout=30)
        assert threading.active_count() == threads
        assert descriptors() <= files + 2  # a connection may still be closing
        assert len(list(tmp_path.iterdir())) == kept


def test_a_reset_that_does_not_wait_releases_held_calls_too(
    monkeypatch: pytest.MonkeyPatch, sample: dict[str, Any]
) -> None:
    """Calls that are not answered yet when a reset is over are told 503 as well, and are nothing of what follows."""
    monkeypatch.setattr("mockling.emulator.listening.server.RESET_LIMIT", 0.0)
    with Emulator(speed="manual", contract=STEADY) as emulator, calls(emulator, sample, 100) as opened:
        emulator.reset()
        emulator.advance(hours=1)
        assert Counter(answer_of(call)[0] for call in opened) == {503: 100}
        assert [entry for entry in emulator.journal if entry.operation] == []


def test_what_an_emulator_kept_under_another_contract_goes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Uploads are removed by a reset, also by one to another profile, and by the stop after it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Emulator(speed="instant") as emulator:
        for changes in ({}, {"profile": "observed"}, {}, {"answers": {"D3": "hex"}}):
            emulator.reset(**changes)
            assert list(tmp_path.iterdir()) == []
            requests.post(
                f"{emulator.url}/upload-asset", json={"data_urls": [PNG]}, headers={"x-api-key": GOOD_KEY}, timeout=30
            )
            assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_callers_who_go_on_during_resets_see_answers(sample: dict[str, Any]) -> None:
    """Whatever the moment of a reset, each call is answered, by what was or what is then, and none is a defect."""
    over = threading.Event()

    def go_on(emulator: Emulator) -> Counter[int]:
        told: Counter[int] = Counter()
        with requests.Session() as session:
            while not over.is_set():
                for path in (V1, V2):
                    headers = {"x-api-key": GOOD_KEY}
                    told[session.post(emulator.url + path, json=sample, headers=headers, timeout=30).status_code] += 1
        return told

    with Emulator(speed=10_000, credits=10**6) as emulator, ThreadPoolExecutor(4) as pool:
        callers = [pool.submit(go_on, emulator) for _ in range(4)]
        for seed in range(8):
            emulator.reset(seed=seed)
            post(emulator, sample, make_key())
        over.set()
        told = sum((caller.result(30) for caller in callers), Counter[int]())
    assert set(told) <= {200, 503}
    assert told[200]


def test_the_sample_takes_what_these_tests_think(contract: Any, sample: dict[str, Any]) -> None:
    """The latency and share of queueing above are the contract's."""
    model = contract.models[SLUG]
    assert model.latency(sample) == pytest.approx(LATENCY, abs=0.01)
    assert model.latency(sample) * model.queue_share == pytest.approx(QUEUED, abs=0.01)
    assert V1.endswith(SLUG)
