"""When things happen: the moments at which jobs start and end, and at which records and files are gone."""

from decimal import Decimal
from typing import Any

import pytest
from calling import CONTRACT, GOOD_KEY, INPUTS, V1, V2, Local

MODEL = CONTRACT.model
WEEK = MODEL.latency(MODEL.example) + 7 * 86400  # from the submission until its file is deleted


def test_without_passing_time_each_poll_is_a_step() -> None:
    """At the speed "instant" a poller sees QUEUED, PROCESSING and COMPLETED, and is billed at the last, once."""
    local = Local(speed="instant", credits="10.00")
    told = local.submit(GOOD_KEY, MODEL.example)
    seen, balances = [], []
    for _ in range(5):
        seen.append(local.get(told["status_url"], GOOD_KEY).get_json()["status"])
        balances.append(local.balance(GOOD_KEY))
    assert seen == ["QUEUED", "PROCESSING", "COMPLETED", "COMPLETED", "COMPLETED"]
    assert balances == [10.0, 10.0, 7.9, 7.9, 7.9]


@pytest.mark.parametrize("speed", ["instant", 1])
def test_ten_submissions_cannot_promise_the_same_dollar(speed: Any) -> None:
    """What is promised to a job that runs cannot be promised to another."""
    local = Local(speed=speed, credits="6.30")
    assert [local.post(V2, GOOD_KEY, MODEL.example).status_code for _ in range(10)] == [200] * 3 + [406] * 7


def state(local: Local, told: dict[str, Any]) -> str:
    return str(local.get(told["status_url"], GOOD_KEY).get_json()["status"])


def test_a_job_starts_and_ends_at_the_exact_moment(local: Local) -> None:
    """It is queued for its share of the latency, and ends when all of that has passed, not a moment before."""
    told = local.submit(GOOD_KEY, MODEL.example)
    latency = MODEL.latency(MODEL.example)
    queued = latency * MODEL.queue_share
    local.advance(queued - 0.001)
    assert state(local, told) == "QUEUED"
    local.advance(0.001 + 1e-9)
    assert state(local, told) == "PROCESSING"
    local.advance(latency - queued - 0.001)
    assert state(local, told) == "PROCESSING"
    assert local.balance(GOOD_KEY) == 100
    local.advance(0.001)
    assert state(local, told) == "COMPLETED"
    metrics = local.get(told["status_url"], GOOD_KEY).get_json()["metrics"]
    assert (metrics["queue_time"], metrics["total_time"]) == (round(queued, 2), round(latency, 2))
    assert metrics["inference_time"] == round(metrics["total_time"] - metrics["queue_time"], 2)


def test_rounded_durations_add_up_whatever_latency_is_drawn() -> None:
    """All are hundredths of a second: queueing and inference make up the total, which is the header's on v1."""
    local = Local(speed="instant", seed=5, credits=10**6)
    odd = 0
    for _ in range(30):
        response = local.post(V1, GOOD_KEY, MODEL.example)
        told = response.get_json()["metrics"]
        queue, inference, total = (Decimal(str(told[f"{name}_time"])) for name in ("queue", "inference", "total"))
        assert queue + inference == total == Decimal(response.headers["x-generation-time"])
        latency = local.journal[-1].seconds
        assert latency
        assert (float(queue), float(total)) == (round(latency * MODEL.queue_share, 2), round(latency, 2))
        odd += round(latency - latency * MODEL.queue_share, 2) != float(inference)
    assert odd, "no drawn latency tells this from rounding each by itself"


def test_a_failed_job_has_durations_that_add_up() -> None:
    """Those of a job that failed are rounded likewise, and it names no cost."""
    local = Local(speed="instant", seed=5)
    for _ in range(10):
        job = local.submit(GOOD_KEY, {**MODEL.example, "video_url": f"{INPUTS}truncated.mp4"})
        told = [local.get(job["response_url"], GOOD_KEY).get_json() for _ in range(3)][-1]["metrics"]
        assert set(told) == {"queue_time", "inference_time", "total_time"}
        queue, inference, total = (Decimal(str(told[f"{name}_time"])) for name in ("queue", "inference", "total"))
        assert queue + inference == total


def test_a_record_and_a_file_expire_at_the_exact_moment(local: Local) -> None:
    """The record is 404 an hour after its submission, the file seven days after it was made (A8, G21)."""
    told = local.submit(GOOD_KEY, MODEL.example)
    for moment, record, file in [(3599.999, 200, 200), (3600, 404, 200), (WEEK - 0.001, 404, 200), (WEEK, 404, 404)]:
        local.advance(moment - local.clock.now())
        assert local.get(told["response_url"], GOOD_KEY).status_code == record
        assert local.get(f"/generations/{told['request_id']}.mp4").status_code == file


@pytest.mark.parametrize("speed", ["instant", "manual"])
def test_a_video_is_there_when_its_job_is_done_and_not_before(speed: Any) -> None:
    """Nobody gets a video before its job is completed, and paid for; and a HEAD asks without moving anything on."""
    local = Local(speed=speed, credits="10.00")
    told = local.submit(GOOD_KEY, MODEL.example)
    file = f"/generations/{told['request_id']}.mp4"
    for _ in range(3):
        assert local.call("HEAD", told["status_url"], GOOD_KEY).status_code == 200
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
    local.submit(GOOD_KEY, {**MODEL.example, "video_url": f"{INPUTS}truncated.mp4"})
    local.submit(GOOD_KEY, MODEL.example, status=406)
    now[0] = 3599.9
    local.submit(GOOD_KEY, MODEL.example, status=406)
    now[0] = 3600.0
    local.submit(GOOD_KEY, MODEL.example)


def test_jobs_that_are_kept_are_bounded(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a great number of jobs the oldest is forgotten: it can no longer be asked for, nor its video."""
    monkeypatch.setattr("mockling.emulator.platform.memory.MOST_JOBS", 2)
    told = [local.submit(GOOD_KEY, MODEL.example) for _ in range(3)]
    local.advance(600)
    assert [local.get(one["response_url"], GOOD_KEY).status_code for one in told] == [404, 200, 200]
    files = [f"/generations/{one['request_id']}.mp4" for one in told]
    assert [local.get(file).status_code for file in files] == [404, 200, 200]
