"""Jobs against a model of them: states, money, expiry, several accounts, on v1 and v2."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from calling import INPUTS, STEADY, V1, V2, Local
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from mockling.contract import load
from mockling.emulator.http.held import Held

CONTRACT = load(changes=STEADY)
MODEL = CONTRACT.model
KEYS = ["SG_0000000000000001", "SG_0000000000000002"]
START = Decimal("10.00")
GOOD, BAD_INPUT, NO_URL, INVALID = f"{INPUTS}valid.mp4", f"{INPUTS}truncated.mp4", "no address", 5
WEEK = MODEL.latency(MODEL.example) + 7 * 86400
STATES = ["QUEUED", "PROCESSING", "COMPLETED", "FAILED"]


@dataclass
class Modelled:
    """A job as the model knows it: when it was submitted, starts and is due, what it costs, whether it fails."""

    key: str
    at: float
    starts: float
    due: float
    price: Decimal
    fails: bool
    shown: int = 0  # the furthest state that was shown

    def ended(self, now: float) -> bool:
        return now >= self.due

    def cost(self, now: float) -> Decimal:
        return Decimal(0) if self.fails or not self.ended(now) else self.price

    def promise(self, now: float) -> Decimal:
        return Decimal(0) if self.ended(now) else self.price

    def state(self, now: float) -> str:
        if self.ended(now):
            return "FAILED" if self.fails else "COMPLETED"
        return "QUEUED" if now < self.starts else "PROCESSING"


class Platform(RuleBasedStateMachine):
    """Calls and time jumps, through the WSGI application, on a clock that only moves when told."""

    jobs: Bundle[str] = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.local = Local(credits=START, contract=STEADY)
        self.now = 0.0
        self.known: dict[str, Modelled] = {}
        self.held: list[tuple[Held, list[str], Modelled]] = []
        self.calls = 0

    def available(self, key: str) -> Decimal:
        mine = [job for job in self.all_jobs() if job.key == key]
        return START - sum((job.cost(self.now) + job.promise(self.now) for job in mine), Decimal(0))

    def all_jobs(self) -> list[Modelled]:
        return [*self.known.values(), *(job for *_, job in self.held)]

    def modelled(self, key: str, body: dict[str, Any]) -> Modelled:
        """Return what a request must become."""
        url, known = body["video_url"], MODEL.example if body["video_url"] == INVALID else body
        whole, share = MODEL.latency(known), {GOOD: 1.0}.get(url, 0.05)
        price = Decimal(0) if url == INVALID else MODEL.price(body)
        starts = self.now + min(whole * MODEL.queue_share, whole * share)
        return Modelled(key, self.now, starts, self.now + whole * share, price, url != GOOD)

    def body(self, mode: str, duration: int, url: object) -> dict[str, Any]:
        return {"prompt": "a", "video_url": url, "mode": mode, "duration": str(duration)}

    @rule(
        target=jobs,
        key=st.sampled_from(KEYS),
        mode=st.sampled_from(["std", "pro"]),
        duration=st.integers(3, 15),
        url=st.sampled_from([GOOD, GOOD, BAD_INPUT, NO_URL, INVALID]),
    )
    def submit(self, key: str, mode: str, duration: int, url: object) -> str:
        body = self.body(mode, duration, url)
        job = self.modelled(key, body)
        response = self.local.post(V2, key, body)
        self.calls += 1
        if job.price > self.available(key):
            assert response.status_code == 406
            return ""
        assert response.status_code == 200
        request_id = str(response.get_json()["request_id"])
        self.known[request_id] = job
        return request_id

    @rule(
        key=st.sampled_from(KEYS),
        mode=st.sampled_from(["std", "pro"]),
        duration=st.integers(3, 15),
        url=st.sampled_from([GOOD, BAD_INPUT, NO_URL]),
    )
    def hold(self, key: str, mode: str, duration: int, url: object) -> None:
        body = self.body(mode, duration, url)
        job = self.modelled(key, body)
        if job.price > self.available(key):
            assert self.local.post(V1, key, body).status_code == 406
            self.calls += 1
            return
        held, told = self.local.hold(key, body)
        self.held.append((held, told, job))

    @rule(ending=st.sampled_from(["leave", "stop"]))
    def end_a_held_call(self, ending: str) -> None:
        if not self.held:
            return
        held, told, job = self.held.pop(0)
        assert (held.seconds == 0) == job.ended(self.now)
        self.calls += 1
        if held.seconds == 0:
            told.append(b"".join(held.answer()).decode())
            assert told[0][:3] == ("500" if job.fails else "200")
        elif ending == "leave":
            held.leave()
        else:
            told.append(b"".join(held.stop()).decode())
            assert told[0][:3] == "503"
            return  # it never was
        self.known[f"held {self.calls}"] = job

    @rule(seconds=st.one_of(st.floats(0, 60), st.floats(0, 4000)))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.local.advance(seconds)

    @rule(
        job=jobs,
        key=st.sampled_from(KEYS),
        path=st.sampled_from(["/v2/requests/{}/status", "/v2/requests/{}", "/v1/requests/{}"]),
    )
    def poll(self, job: str, key: str, path: str) -> None:
        response = self.local.get(path.format(job or "none"), key)
        self.calls += 1
        model = self.known.get(job)
        if model is None or model.key != key or self.now >= model.at + 3600:
            assert response.status_code == 404
            return
        state = response.get_json()["status"]
        assert state == model.state(self.now)
        assert STATES.index(state) >= model.shown
        model.shown = STATES.index(state)
        assert response.status_code == (422 if state == "FAILED" else 200)
        assert response.get_json()["metrics"].get("cost") == (float(model.price) if state == "COMPLETED" else None)

    @invariant()
    def money_is_neither_made_nor_lost(self) -> None:
        """The balance told is what was put in less what completed jobs cost."""
        for key in KEYS:
            cost = sum((job.cost(self.now) for job in self.all_jobs() if job.key == key), Decimal(0))
            assert self.local.balance(key) == float(START - cost)
            self.calls += 1

    @invariant()
    def every_call_is_recorded_once(self) -> None:
        """There are as many exchanges as calls that ended, and a job's cost stands in one of them."""
        journal = list(self.local.journal)
        assert [exchange.number for exchange in journal] == list(range(1, self.calls + 1))
        costs = {exchange.request_id: exchange.cost for exchange in journal if exchange.operation == "submit"}
        assert all(costs[known] == job.cost(self.now) for known, job in self.known.items() if known in costs)


Platform.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestPlatform = Platform.TestCase


def test_without_passing_time_each_poll_is_a_step() -> None:
    """At the speed "instant" a poller sees QUEUED, PROCESSING and COMPLETED, and is billed at the last, once."""
    local = Local(speed="instant", credits=START)
    told = local.submit(KEYS[0], MODEL.example)
    seen, balances = [], []
    for _ in range(5):
        seen.append(local.get(told["status_url"], KEYS[0]).get_json()["status"])
        balances.append(local.balance(KEYS[0]))
    assert seen == ["QUEUED", "PROCESSING", "COMPLETED", "COMPLETED", "COMPLETED"]
    assert balances == [10.0, 10.0, 7.9, 7.9, 7.9]


@pytest.mark.parametrize("speed", ["instant", 1])
def test_ten_submissions_cannot_promise_the_same_dollar(speed: Any) -> None:
    """What is promised to a job that runs cannot be promised to another."""
    local = Local(speed=speed, credits="6.30")
    assert [local.post(V2, KEYS[0], MODEL.example).status_code for _ in range(10)] == [200] * 3 + [406] * 7


def state(local: Local, told: dict[str, Any]) -> str:
    return str(local.get(told["status_url"], KEYS[0]).get_json()["status"])


def test_a_job_starts_and_ends_at_the_exact_moment(local: Local) -> None:
    """It is queued for its share of the latency, and ends when all of that has passed, not a moment before."""
    told = local.submit(KEYS[0], MODEL.example)
    latency = MODEL.latency(MODEL.example)
    queued = latency * MODEL.queue_share
    local.advance(queued - 0.001)
    assert state(local, told) == "QUEUED"
    local.advance(0.001 + 1e-9)
    assert state(local, told) == "PROCESSING"
    local.advance(latency - queued - 0.001)
    assert state(local, told) == "PROCESSING"
    assert local.balance(KEYS[0]) == 100
    local.advance(0.001)
    assert state(local, told) == "COMPLETED"
    metrics = local.get(told["status_url"], KEYS[0]).get_json()["metrics"]
    assert (metrics["queue_time"], metrics["total_time"]) == (round(queued, 2), round(latency, 2))
    assert metrics["inference_time"] == round(metrics["total_time"] - metrics["queue_time"], 2)


def test_a_record_and_a_file_expire_at_the_exact_moment(local: Local) -> None:
    """The record is 404 an hour after its submission, the file seven days after it was made (A8, G21)."""
    told = local.submit(KEYS[0], MODEL.example)
    for moment, record, file in [(3599.999, 200, 200), (3600, 404, 200), (WEEK - 0.001, 404, 200), (WEEK, 404, 404)]:
        local.advance(moment - local.clock.now())
        assert local.get(told["response_url"], KEYS[0]).status_code == record
        assert local.get(f"/generations/{told['request_id']}.mp4").status_code == file


@pytest.mark.parametrize("speed", ["instant", "manual"])
def test_a_video_is_there_when_its_job_is_done_and_not_before(speed: Any) -> None:
    """Nobody gets a video before its job is completed, and paid for; and a HEAD asks without moving anything on."""
    local = Local(speed=speed, credits=START)
    told = local.submit(KEYS[0], MODEL.example)
    file = f"/generations/{told['request_id']}.mp4"
    for _ in range(3):
        assert local.call("HEAD", told["status_url"], KEYS[0]).status_code == 200
    assert state(local, told) == "QUEUED"
    assert local.get(file).status_code == 404
    if speed == "manual":
        local.advance(600)
    assert [state(local, told) for _ in range(2)][-1] == "COMPLETED"
    assert local.get(file).status_code == 200


def test_a_job_nobody_asks_for_does_not_keep_its_money(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where time does not pass, a job that was never polled is over when its record is."""
    local = Local(speed="instant", credits="2.10")
    now = [0.0]
    monkeypatch.setattr(local.clock, "now", lambda: now[0])
    local.submit(KEYS[0], {**MODEL.example, "video_url": BAD_INPUT})
    local.submit(KEYS[0], MODEL.example, status=406)
    now[0] = 3600.0
    local.submit(KEYS[0], MODEL.example)


def test_jobs_that_are_kept_are_bounded(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a great number of jobs the oldest is forgotten: it can no longer be asked for, nor its video."""
    monkeypatch.setattr("mockling.emulator.platform.memory.MOST_JOBS", 2)
    told = [local.submit(KEYS[0], MODEL.example) for _ in range(3)]
    local.advance(600)
    assert [local.get(one["response_url"], KEYS[0]).status_code for one in told] == [404, 200, 200]
    files = [f"/generations/{one['request_id']}.mp4" for one in told]
    assert [local.get(file).status_code for file in files] == [404, 200, 200]
