"""The asynchronous twin against a model: states, money, expiry, several accounts."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from calling import INPUTS
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from werkzeug.test import Client, TestResponse

from mockling.contract import load
from mockling.emulator import Settings, create_app

CONTRACT = load(changes={"x-latency": {"spread": 0}})
KEYS = ["SG_0000000000000001", "SG_0000000000000002"]
START = Decimal("10.00")
GOOD, BAD_INPUT, INVALID = f"{INPUTS}valid.mp4", f"{INPUTS}truncated.mp4", "no address"


@dataclass
class Modelled:
    """A job as the model knows it: when it was submitted, how long it takes, what it costs, whether it fails."""

    key: str
    at: float
    latency: float
    price: Decimal
    fails: bool
    polls: int = 0
    shown: int = 0  # the furthest state that was shown

    def ended(self, now: float) -> bool:
        return now >= self.at + self.latency

    def cost(self, now: float) -> Decimal:
        return Decimal(0) if self.fails or not self.ended(now) else self.price

    def promise(self, now: float) -> Decimal:
        return Decimal(0) if self.ended(now) else self.price


class Twin(RuleBasedStateMachine):
    """Submissions, polls and time jumps, through the WSGI application, on a clock that only moves when told."""

    jobs: Bundle[str] = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        changes = {"x-latency": {"spread": 0}}
        self.app = create_app(Settings(speed="manual", credits=START, contract=changes))
        self.clock = self.app.extensions["mockling"].clock
        self.now = 0.0
        self.client = Client(self.app)
        self.known: dict[str, Modelled] = {}

    def get(self, path: str, key: str) -> TestResponse:
        response = self.client.get(path, headers={"x-api-key": key})
        operation = {"status": "status", "v1": "poll"}.get(path.rpartition("/")[2] if "status" in path else path[1:3])
        operation = "credits" if "credits" in path else operation or "result"
        headers = dict(response.headers)
        assert CONTRACT.answer_violations(response.status_code, headers, response.data, operation) == []
        return response

    def available(self, key: str) -> Decimal:
        mine = [job for job in self.known.values() if job.key == key]
        return START - sum((job.cost(self.now) + job.promise(self.now) for job in mine), Decimal(0))

    @rule(
        target=jobs,
        key=st.sampled_from(KEYS),
        mode=st.sampled_from(["std", "pro"]),
        duration=st.integers(3, 15),
        url=st.sampled_from([GOOD, GOOD, BAD_INPUT, INVALID]),
    )
    def submit(self, key: str, mode: str, duration: int, url: str) -> str:
        body = {"prompt": "a", "video_url": url, "mode": mode, "duration": str(duration)}
        response = self.client.post(f"/v2/{CONTRACT.slug}", json=body, headers={"x-api-key": key})
        assert CONTRACT.answer_violations(response.status_code, dict(response.headers), response.data, "submit") == []
        price = Decimal(0) if url == INVALID else CONTRACT.price(mode, duration)
        if price > self.available(key):
            assert response.status_code == 406
            return ""
        assert response.status_code == 200
        told = response.get_json()
        latency = CONTRACT.latency("pro", 5) if url == INVALID else CONTRACT.latency(mode, duration)
        latency *= 1 if url == GOOD else CONTRACT.document["x-latency"]["failure_share"]
        self.known[told["request_id"]] = Modelled(key, self.now, latency, price, url != GOOD)
        return str(told["request_id"])

    @rule(seconds=st.one_of(st.floats(0, 60), st.floats(0, 4000)))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.clock.advance(seconds)

    @rule(
        job=jobs,
        key=st.sampled_from(KEYS),
        path=st.sampled_from(["/v2/requests/{}/status", "/v2/requests/{}", "/v1/requests/{}"]),
    )
    def poll(self, job: str, key: str, path: str) -> None:
        response = self.get(path.format(job or "none"), key)
        model = self.known.get(job)
        if model is None or model.key != key or self.now >= model.at + 3600:
            assert response.status_code == 404
            return
        state = response.get_json()["status"]
        share = CONTRACT.document["x-latency"]
        queued = model.latency * share["queue_share"] / (share["failure_share"] if model.fails else 1)
        elapsed = self.now - model.at
        assert state == (
            "QUEUED"
            if elapsed < queued
            else "PROCESSING"
            if elapsed < model.latency
            else "FAILED"
            if model.fails
            else "COMPLETED"
        )
        reached = ["QUEUED", "PROCESSING", "COMPLETED", "FAILED"].index(state)
        assert reached >= model.shown
        model.shown = reached
        assert response.status_code == (422 if state == "FAILED" else 200)
        assert response.get_json()["metrics"].get("cost") == (float(model.price) if state == "COMPLETED" else None)

    @invariant()
    def money_is_neither_made_nor_lost(self) -> None:
        """The balance told is what was put in less what completed jobs cost."""
        for key in KEYS:
            cost = sum((job.cost(self.now) for job in self.known.values() if job.key == key), Decimal(0))
            assert self.get("/v1/get-user-credits", key).get_json()["credits"] == float(START - cost)


Twin.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestTwin = Twin.TestCase


def test_without_passing_time_each_poll_is_a_step() -> None:
    """At the speed "instant" a poller sees QUEUED, PROCESSING and COMPLETED, and is billed at the last, once."""
    client = Client(create_app(Settings(speed="instant", credits=START)))
    headers = {"x-api-key": KEYS[0]}
    told = client.post(f"/v2/{CONTRACT.slug}", json=CONTRACT.sample, headers=headers).get_json()
    seen, balances = [], []
    for _ in range(5):
        seen.append(client.get(told["status_url"], headers=headers).get_json()["status"])
        balances.append(client.get("/v1/get-user-credits", headers=headers).get_json()["credits"])
    assert seen == ["QUEUED", "PROCESSING", "COMPLETED", "COMPLETED", "COMPLETED"]
    assert balances == [10.0, 10.0, 7.9, 7.9, 7.9]


@pytest.mark.parametrize("speed", ["instant", 1])
def test_ten_submissions_cannot_promise_the_same_dollar(speed: Any) -> None:
    """What is promised to a job that runs cannot be promised to another."""
    client = Client(create_app(Settings(speed=speed, credits="6.30")))
    answers = [
        client.post(f"/v2/{CONTRACT.slug}", json=CONTRACT.sample, headers={"x-api-key": KEYS[0]}) for _ in range(10)
    ]
    assert [one.status_code for one in answers] == [200] * 3 + [406] * 7


def test_a_file_outlives_its_record_and_is_gone_after_seven_days() -> None:
    """The record is 404 an hour after its submission, the file seven days after it was made (A8, G21)."""
    app = create_app(Settings(speed="manual"))
    clock = app.extensions["mockling"].clock
    client, headers = Client(app), {"x-api-key": KEYS[0]}
    told = client.post(f"/v2/{CONTRACT.slug}", json=CONTRACT.sample, headers=headers).get_json()
    clock.advance(3599)
    url = client.get(told["response_url"], headers=headers).get_json()["output"]
    clock.advance(1)
    assert client.get(told["response_url"], headers=headers).status_code == 404
    clock.advance(7 * 86400 - 3600)
    assert client.get(url, buffered=True).status_code == 200
    clock.advance(3600)
    assert client.get(url, buffered=True).status_code == 404


@pytest.mark.parametrize("speed", ["instant", "manual"])
def test_a_video_is_there_when_its_job_is_done_and_not_before(speed: Any) -> None:
    """Nobody gets a video before its job is completed, and paid for; and a HEAD asks without moving anything on."""
    app = create_app(Settings(speed=speed, credits=START))
    client, headers = Client(app), {"x-api-key": KEYS[0]}
    told = client.post(f"/v2/{CONTRACT.slug}", json=CONTRACT.sample, headers=headers).get_json()
    file = f"/generations/{told['request_id']}.mp4"
    for _ in range(3):
        assert client.head(told["status_url"], headers=headers).status_code == 200
    assert client.get(told["status_url"], headers=headers).get_json()["status"] == "QUEUED"
    assert client.get(file, buffered=True).status_code == 404
    if speed == "manual":
        app.extensions["mockling"].clock.advance(600)
    states = [client.get(told["status_url"], headers=headers).get_json()["status"] for _ in range(2)]
    assert states[-1] == "COMPLETED"
    assert client.get(file, buffered=True).status_code == 200


def test_a_job_nobody_asks_for_does_not_keep_its_money(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where time does not pass, a job that was never polled is over when its record is."""
    app = create_app(Settings(speed="instant", credits="2.10"))
    now = [0.0]
    monkeypatch.setattr(app.extensions["mockling"].clock, "now", lambda: now[0])
    client, headers = Client(app), {"x-api-key": KEYS[0]}
    failing = {**CONTRACT.sample, "video_url": BAD_INPUT}
    assert client.post(f"/v2/{CONTRACT.slug}", json=failing, headers=headers).status_code == 200
    assert client.post(f"/v2/{CONTRACT.slug}", json=CONTRACT.sample, headers=headers).status_code == 406
    now[0] = 3600.0
    assert client.post(f"/v2/{CONTRACT.slug}", json=CONTRACT.sample, headers=headers).status_code == 200
