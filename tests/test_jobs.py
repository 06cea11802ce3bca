"""Jobs against a model of them: states, money, expiry, several accounts, on v1 and v2."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from calling import INPUTS, STEADY, V1, V2, Local
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from mockling.contract import load
from mockling.emulator import Settings
from mockling.emulator.http.held import Held

CONTRACT = load(changes=STEADY)
MODEL = CONTRACT.model
KEYS = ["SG_0000000000000001", "SG_0000000000000002"]
START = Decimal("10.00")
GOOD, BAD_INPUT, NO_URL, INVALID = f"{INPUTS}valid.mp4", f"{INPUTS}truncated.mp4", "no address", 5
SETTINGS = Settings(speed="manual", credits=START, contract=STEADY)
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


@cache
def local() -> Local:
    """Return the emulator, which is reset before each of many lives."""
    return Local(credits=START, contract=STEADY)


class Platform(RuleBasedStateMachine):
    """Calls and time jumps, through the WSGI application, on a clock that only moves when told."""

    jobs: Bundle[str] = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.local = local()
        self.local.platform.reset(SETTINGS)
        self.now = 0.0
        self.known: dict[str, Modelled] = {}
        self.held: list[tuple[Held, list[str], Modelled]] = []
        self.calls = 0

    def available(self, key: str) -> Decimal:
        mine = [job for job in self.all_jobs() if job.key == key]
        return START - sum((job.cost(self.now) + job.promise(self.now) for job in mine), Decimal(0))

    def all_jobs(self) -> list[Modelled]:
        return [*self.known.values(), *(job for *_, job in self.held)]

    def modelled(self, key: str, body: dict[str, Any], url: object) -> Modelled:
        """Return what a request must become."""
        known = MODEL.example if url == INVALID else body
        whole, share = MODEL.latency(known), 1.0 if url == GOOD else 0.05
        price = Decimal(0) if url == INVALID else MODEL.price(body)
        starts = self.now + min(whole * MODEL.queue_share, whole * share)
        return Modelled(key, self.now, starts, self.now + whole * share, price, url != GOOD)

    def body(self, mode: str, duration: int, url: object) -> dict[str, Any]:
        """Return a request; an address that is none is that of an image, for of the video it would be invalid."""
        given = {"video_url": GOOD, "image_urls": [url]} if url == NO_URL else {"video_url": url}
        return {"prompt": "a", "mode": mode, "duration": str(duration), **given}

    @rule(
        target=jobs,
        key=st.sampled_from(KEYS),
        mode=st.sampled_from(["std", "pro"]),
        duration=st.integers(3, 15),
        url=st.sampled_from([GOOD, GOOD, BAD_INPUT, INVALID]),
    )
    def submit(self, key: str, mode: str, duration: int, url: object) -> str:
        body = self.body(mode, duration, url)
        job = self.modelled(key, body, url)
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
        url=st.sampled_from([GOOD, BAD_INPUT]),
    )
    def hold(self, key: str, mode: str, duration: int, url: object) -> None:
        body = self.body(mode, duration, url)
        job = self.modelled(key, body, url)
        if job.price > self.available(key):
            assert self.local.post(V1, key, body).status_code == 406
            self.calls += 1
            return
        held, told = self.local.hold(key, body)
        self.held.append((held, told, job))

    @rule(ending=st.sampled_from(["leave", "stop"]), how=st.sampled_from(["leave", "close"]))
    def end_a_held_call(self, ending: str, how: str) -> None:
        if not self.held:
            return
        held, told, job = self.held.pop(0)
        assert (held.seconds == 0) == job.ended(self.now)
        self.calls += 1
        if held.seconds == 0:
            told.append(b"".join(held.answer()).decode())
            assert told[0][:3] == ("500" if job.fails else "200")
        elif ending == "leave":
            getattr(held, how)()
            held.close()
        else:
            told.append(b"".join(held.stop("stopping")).decode())
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


Platform.TestCase.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
TestPlatform = Platform.TestCase
