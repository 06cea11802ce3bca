"""What is planned for a job: how long it takes, how it fails, where several plans meet, and when a fault strikes."""

from typing import Any

import pytest
from calling import CONTRACT, GOOD_KEY, INPUTS, SLUG, STEADY, V1, V2, Local, make_key

from mockling.contract import Case
from mockling.emulator import Fault, FaultError
from mockling.emulator.platform.arming import Encounter, meets
from mockling.emulator.platform.planned import NOTHING, Planned

MODEL = CONTRACT.model
ADDS, IS = {"latency": 5.0}, {"latency_is": 7.0}


@pytest.mark.parametrize(
    ("answer", "job", "waits", "told"),
    [
        (None, None, True, (100, 0)),
        (ADDS, None, True, (105, 5)),
        (ADDS, None, False, (100, 0)),
        (None, ADDS, False, (105, 5)),
        (ADDS, ADDS, True, (110, 10)),
        (ADDS, ADDS, False, (105, 5)),
        (IS, None, True, (7, 7)),
        (IS, None, False, (100, 0)),
        (None, IS, False, (7, 7)),
        (ADDS, IS, True, (12, 12)),
        (IS, ADDS, True, (7, 7)),
        ({"latency_is": 0}, ADDS, True, (0, 0)),
    ],
)
def test_planned_latencies_of_a_job_and_its_answer(answer: Any, job: Any, waits: bool, told: Any) -> None:
    """The job's comes first; that of the answer is added, or counts alone, where the answer waits for the job."""
    planned = Planned(answer and Fault.of(answer), job and Fault.of({"on": "job", **job}), waits)
    assert planned.latency(100) == told
    assert len(planned.faults) == sum(one is not None for one in (answer, job))


def test_what_is_planned_for_a_job() -> None:
    """Without a fault nothing is; a failure has its case or its words, and its moment is a share of the whole."""
    assert (NOTHING.failure, NOTHING.stuck, NOTHING.lost, NOTHING.after(9, 3), NOTHING.faults) == (
        None,
        None,
        None,
        3,
        (),
    )
    named = Planned(job=Fault.of({"fail": "content_policy", "after": 0}))
    assert (named.failure, named.after(9, 3)) == (Case("content_policy", {}), 0)
    said = Planned(job=Fault.of({"fail": "Out of luck", "after": 0.5}))
    assert (said.failure, said.after(9, 3)) == (Case("rejected_parameter", {"text": "Out of luck"}), 4.5)
    assert Planned(job=Fault.of({"fail": "content_policy"})).after(9, 3) == 3
    assert [Planned(job=Fault.of({name: True})).lost for name in ("expired", "missing")] == ["expired", "missing"]
    assert Planned(job=Fault.of({"stuck": "QUEUED"})).stuck == "QUEUED"


@pytest.mark.parametrize(("seconds", "status"), [(900, 200), (900.01, 504)])
def test_the_gateway_waits_as_long_as_it_does(seconds: float, status: int) -> None:
    """On v1 a generation of just its patience is delivered, a longer one is a 504 then; on v2 both complete."""
    local = Local(speed="instant", contract=STEADY, faults=[{"on": "job", "latency_is": seconds, "times": 2}])
    headers = {"x-mockling-patience": "10000"}
    response = local.post(V1, GOOD_KEY, MODEL.example, headers=headers)
    assert response.status_code == status
    assert local.journal[-1].seconds == 900
    job = local.submit(GOOD_KEY, MODEL.example)
    local.advance(seconds)
    assert local.get(job["status_url"], GOOD_KEY).get_json()["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("key", "fault", "video", "told"),
    [
        (GOOD_KEY, None, "truncated", "Invalid video URL"),
        ("SG_0000000000000500", None, "truncated", "Internal"),
        ("SG_0000000000000500", {"fail": "Out of luck"}, "truncated", "Out of luck"),
        (GOOD_KEY, {"fail": "Out of luck"}, "truncated", "Out of luck"),
        ("SG_0000000000000502", {"fail": "Out of luck"}, "valid", "Out of luck"),
    ],
)
def test_which_failure_comes_first(key: str, fault: Any, video: str, told: str) -> None:
    """A planned one outweighs that of the key, and that the one which the inputs deserve."""
    local = Local(speed="instant", faults=[fault] if fault else [])
    wanted = {"Internal": local.contract.refusal("server_error").text}.get(told, told)
    response = local.post(V1, key, {**MODEL.example, "video_url": f"{INPUTS}{video}.mp4"})
    assert response.status_code == 500
    assert response.get_json()["error"].startswith(wanted)


def test_a_stuck_job_outweighs_what_its_key_plans_on_v2() -> None:
    """It never ends; on v1 its key's failure comes at its time."""
    local = Local(speed="instant", faults=[{"stuck": "QUEUED", "times": 2}])
    job = local.submit("SG_0000000000000500", MODEL.example)
    told = [local.get(job["status_url"], "SG_0000000000000500").get_json()["status"] for _ in range(4)]
    assert told == ["QUEUED"] * 4
    assert local.post(V1, "SG_0000000000000500", MODEL.example).status_code == 500


def encounter(**changes: Any) -> Encounter:
    """Return a meeting at the moment 10."""
    return Encounter(**{"operation": "submit", "now": 10.0, "stage": "generation", "key": "k", "model": SLUG,
                        "prompt": "snow", **changes})  # fmt: skip


@pytest.mark.parametrize(
    ("words", "changes", "struck"),
    [
        ({}, {}, True),
        ({"since": 10}, {}, True),
        ({"since": 10.001}, {}, False),
        ({"until": 10}, {}, False),
        ({"until": 10.001}, {}, True),
        ({"key": "k"}, {}, True),
        ({"key": "k"}, {"key": None}, False),
        ({"key": "other"}, {}, False),
        ({"model": SLUG}, {"model": "x"}, False),
        ({"prompt": "^s"}, {}, True),
        ({"prompt": "^n"}, {}, False),
        ({"prompt": "now$"}, {}, True),
        ({"prompt": "5"}, {"prompt": 5}, True),
        ({"prompt": "None"}, {"prompt": None}, False),
        ({"on": "generate"}, {}, False),
        ({"on": "submit"}, {}, True),
        ({}, {"stage": "rate"}, False),
        ({"stage": "rate"}, {"stage": "rate"}, True),
        ({"status": 401}, {}, False),
        ({"status": 401}, {"stage": "key"}, True),
        ({"status": 401, "prompt": "s"}, {}, True),
        ({"status": 401, "billed": True}, {}, True),
        ({"status": 410}, {"stage": "model"}, True),
        ({"status": 402}, {"stage": "credits"}, True),
    ],
)
def test_which_calls_a_fault_strikes(words: dict[str, Any], changes: dict[str, Any], struck: bool) -> None:
    """From its first moment to before its last; only what it names; before the stage whose status it has."""
    assert meets(Fault.of({"status": 502, **words}), encounter(**changes)) == struck


@pytest.mark.parametrize(
    ("words", "good"),
    [
        ({"status": 200}, True), ({"status": 199}, False), ({"status": 599}, True), ({"status": 600}, False),
        ({"fail": "a b", "after": 1}, True), ({"fail": "a b", "after": 1.01}, False),
        ({"drop": True, "probability": 1}, True), ({"drop": True, "probability": 1.01}, False),
        ({"cut": 0}, True), ({"cut": 1}, True), ({"cut": 1.0}, True), ({"cut": 0.999}, True), ({"cut": 2.5}, False),
        ({"rate": 1e-9}, True), ({"rate": 0}, False), ({"length": 0}, True), ({"length": -1}, False),
        ({"latency": 0}, True), ({"latency": -0.1}, False), ({"drop": True, "skip": 0}, True),
        ({"drop": True, "skip": -1}, False), ({"drop": True, "every": 1}, True), ({"drop": True, "every": 0}, False),
        ({"drop": True, "since": 5, "until": 5.1}, True), ({"drop": True, "until": 0.1}, True),
        ({"drop": True, "until": 0}, False), ({"stuck": "COMPLETED"}, False), ({"drop": True, "billed": False}, True),
    ],
    ids=str,
)  # fmt: skip
def test_the_bounds_of_each_word(words: dict[str, Any], good: bool) -> None:
    """At its bound a value is taken, beyond it refused."""
    if good:
        assert {name: getattr(Fault.of(words), name) for name in words} == words
    else:
        with pytest.raises(FaultError):
            Fault.of(words)


def test_how_long_and_how_deep_a_fault_may_be() -> None:
    """4096 characters of text, and a hundred levels of a body; not one more."""
    text = f"status=502 error={'x' * (4096 - 17)}"
    assert (len(text), len(Fault.read(text).error or "")) == (4096, 4079)
    with pytest.raises(FaultError, match="at most 4096 characters"):
        Fault.read(f"{text}x")
    body: Any = 1
    for _ in range(100):
        body = [body]
    assert Fault.of({"status": 502, "body": body}).body == body
    with pytest.raises(FaultError, match="at most 100 levels"):
        Fault.of({"status": 502, "body": [body]})


def test_a_whole_number_is_kept_as_one() -> None:
    """What JSON writes as 502.0 is the status 502, and what TOML has as a list is a list of its own."""
    fault = Fault.of({"status": 502.0, "times": 2.0, "body": (1, 2)})
    assert [type(value) for value in (fault.status, fault.times, fault.body)] == [int, int, list]


def test_uploads_are_kept_all_or_none() -> None:
    """If one of several is none, no file is kept and no name is used up."""
    local, good = Local(seed=3), "data:text/plain;base64,aGk="
    expected = Local(seed=3).post("/upload-asset", GOOD_KEY, {"data_urls": [good]}).get_json()["file_urls"]
    assert local.post("/upload-asset", GOOD_KEY, {"data_urls": [good, "data:text/plain;base64,?"]}).status_code == 400
    assert local.get(expected[0]).status_code == 404
    assert local.post("/upload-asset", GOOD_KEY, {"data_urls": [good]}).get_json()["file_urls"] == expected


def test_a_file_has_one_name(local: Local) -> None:
    """A video is had under its whole name alone, and a failed job has none."""
    key = make_key()
    job, failed = (local.submit(key, {**MODEL.example, "video_url": f"{INPUTS}{name}.mp4"})["request_id"]
                   for name in ("valid", "truncated"))  # fmt: skip
    local.advance(1000)
    names = [f"{job}.mp4", job, f"{job}.mp4.mp4", f"{job}.MP4", f"{failed}.mp4"]
    assert [local.get(f"/generations/{name}").status_code for name in names] == [200, 404, 404, 404, 404]


def test_a_job_that_fails_while_it_is_queued_was_never_processed(local: Local) -> None:
    """All of its time is that of the queue."""
    local.platform.arm(Fault.of({"fail": "content_policy", "after": 0.01, "latency_is": 100}))
    job = local.submit(GOOD_KEY, MODEL.example)
    local.advance(0.999)
    assert local.get(job["status_url"], GOOD_KEY).get_json()["status"] == "QUEUED"
    local.advance(0.001)
    told = local.get(job["status_url"], GOOD_KEY).get_json()
    assert told["status"] == "FAILED"
    assert told["metrics"] == {"queue_time": 1.0, "inference_time": 0.0, "total_time": 1.0}


@pytest.mark.parametrize("path", [V1, V2])
def test_a_planned_latency_is_waited_for_where_nothing_else_is(path: str) -> None:
    """At the speed "instant" a job that fails early fails after its share of what is planned, and not later."""
    local = Local(
        speed="instant", contract=STEADY, faults=[{"fail": "content_policy", "after": 0.5, "latency_is": 100}]
    )
    response = local.post(path, GOOD_KEY, MODEL.example, headers={"x-mockling-patience": "1000"})
    if path == V2:
        url = response.get_json()["status_url"]
        local.advance(49)
        assert local.get(url, GOOD_KEY).get_json()["status"] == "PROCESSING"
        local.advance(1)
        response = local.get(url, GOOD_KEY)
        assert response.get_json()["status"] == "FAILED"
        assert response.get_json()["metrics"] == {"queue_time": 2.0, "inference_time": 48.0, "total_time": 50.0}
    else:
        assert response.status_code == 500
        assert 50 <= local.clock.now() < 60
