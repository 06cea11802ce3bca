"""Conduct: what is wrong with how a client calls is told, and what is right is not."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import segmind
from calling import CONTRACT, GOOD_KEY, PRICE, SLUG, STEADY, V1, V2, Local, make_key
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from mockling.client import Client
from mockling.emulator import Emulator, Exchange
from mockling.emulator.control.calls import Calls, calls_of
from mockling.emulator.control.conduct import conduct
from mockling.emulator.http.held import Held
from mockling.emulator.platform.faults import Fault

LATENCY = CONTRACT.model.latency(CONTRACT.model.example)
OTHER_KEY = make_key()


def kinds(calls: Calls) -> list[str]:
    """Return the kinds of the warnings about these calls."""
    return [warning.kind for warning in calls.conduct]


def seen(local: Local) -> Calls:
    """Return the calls of an emulator that does not listen."""
    return calls_of(local.platform)


def leave(local: Local, body: Any, after: float) -> None:
    """Call v1 and leave after so many simulated seconds."""
    held, _ = local.hold(GOOD_KEY, body)
    local.advance(after)
    held.leave()


def wait(local: Local, body: Any, key: str = GOOD_KEY) -> None:
    """Call v1 and stay until it is answered."""
    held, told = local.hold(key, body)
    local.advance(600)
    list(held.answer())
    held.close()
    assert told == ["200 OK"]


def answer(local: Local, body: Any) -> None:
    """Call v1 and have it answered, whatever comes of that on the wire; then a thousand simulated seconds pass."""
    sent = EnvironBuilder(V1, method="POST", headers={"x-api-key": GOOD_KEY}, json=body)
    told = local.app.wsgi_app(sent.get_environ(), lambda *_: None)  # type: ignore[arg-type,return-value]
    local.advance(1000)
    if isinstance(told, Held):
        told.answer()
        told.close()
    local.advance(1000)


def poll(local: Local, url: str) -> None:
    """Ask once, whatever comes of that on the wire."""
    with suppress(ConnectionAbortedError):
        local.app.test_client().get(url, headers={"x-api-key": GOOD_KEY})


def poll_to_the_end(local: Local, url: str) -> None:
    """Ask how a job goes until it has completed, and no more."""
    while local.get(url, GOOD_KEY).get_json()["status"] != "COMPLETED":
        if local.clock.manual:
            local.advance(5)


@pytest.mark.parametrize("speed", ["instant", 1000])
def test_a_good_client_is_not_warned_of(speed: Any, sample: dict[str, Any], tmp_path: Any) -> None:
    """The project's client and the official SDK do nothing wrong, whether time passes or not."""
    with Emulator(speed=speed, contract=STEADY) as emulator:
        client = Client(emulator.api_key, emulator.url)
        client.generate("Let it snow", "https://inputs.mockling.example/valid.mp4").save(tmp_path / "snow.mp4")
        job = client.submit("Let it snow", "https://inputs.mockling.example/valid.mp4")
        job.wait(poll_interval=0.002)
        sdk = segmind.SegmindClient(api_key=emulator.api_key, base_url=f"{emulator.url}/v1")
        sdk.submit_async(SLUG, **sample).wait(interval=0.002)
        sdk._client.close()
        assert len(emulator.calls.polls()) > 4
        emulator.assert_no_warnings()


# double_charge: a paid request was repeated while the one before was under way.


def test_a_repeat_after_leaving_is_one(local: Local, sample: dict[str, Any]) -> None:
    """Whoever leaves does not know what came of his call, so the same call again may be paid twice."""
    leave(local, sample, LATENCY - 1)
    wait(local, sample)
    calls = seen(local)
    assert "double_charge" in kinds(calls)
    (warning,) = [warning for warning in calls.conduct if warning.kind == "double_charge"]
    assert warning.exchanges == tuple(calls)
    assert "again 212.4 s after" in warning.text
    assert calls.cost == 2 * PRICE


LOST: list[dict[str, Any]] = [
    {"drop": True},
    {"reset": True},
    {"reset": 0.5},
    {"cut": 0.5},
    {"stall": True},
    {"stall": 0.5},
    {"truncate_json": True},
    {"length": 5},
    {"drop": True, "prompt": "a|'b"},
]


@pytest.mark.parametrize("words", LOST, ids=str)
def test_a_repeat_of_a_lost_answer_is_one_however_late(
    local: Local, words: dict[str, Any], sample: dict[str, Any]
) -> None:
    """Nobody tells the caller of v1 what became of a billed call whose answer broke, so its repeat is paid twice."""
    local.platform.arm(Fault.of(words))
    for _ in range(3):
        answer(local, sample)
    (warning,) = conduct(seen(local), CONTRACT)
    assert (warning.kind, warning.exchanges) == ("double_charge", tuple(seen(local)[:2]))
    assert "whose answer its caller did not know" in warning.text
    assert seen(local).cost == 3 * PRICE


def test_a_repeat_after_leaving_is_one_however_late(local: Local, sample: dict[str, Any]) -> None:
    """Whoever left v1 never learns what was billed for him, also when it is long over."""
    leave(local, sample, LATENCY - 1)
    local.advance(1000)
    wait(local, sample)
    assert "double_charge" in kinds(seen(local))


@pytest.mark.parametrize(
    "words",
    [{"latency": 1, "prompt": "cut|drop, stall"}, {"corrupt": True}, {"rate": 10**9}, {"status": 502, "cut": 0.5}],
    ids=str,
)
def test_a_repeat_after_a_whole_answer_or_a_refusal_is_none(
    local: Local, words: dict[str, Any], sample: dict[str, Any]
) -> None:
    """A fault that leaves the answer whole lost nothing, nor did one that broke a refusal."""
    local.platform.arm(Fault.of(words))
    for _ in range(2):
        answer(local, {**sample, "prompt": "drop, stall"})
    assert seen(local)[0].fault
    assert kinds(seen(local)) == []


def test_a_repeat_while_the_first_is_held_is_one(local: Local, sample: dict[str, Any]) -> None:
    """Two equal calls that overlap are both answered and both paid, whichever ends first."""
    first, _ = local.hold(GOOD_KEY, sample)
    local.advance(10)
    second, _ = local.hold(GOOD_KEY, dict(reversed(sample.items())))
    assert kinds(seen(local)) == []
    local.advance(600)
    for held in (second, first):
        list(held.answer())
    assert kinds(seen(local)) == ["double_charge"]
    assert [one.number for one in seen(local).conduct[0].exchanges] == [2, 1]


@pytest.mark.parametrize("speed", ["instant", "manual"])
def test_a_second_submission_of_a_running_job_is_one(speed: Any, sample: dict[str, Any]) -> None:
    """The same job submitted twice is warned of until the caller was told the end of the first, at any speed."""
    local = Local(speed=speed, contract=STEADY)
    told = local.submit(GOOD_KEY, sample)
    local.submit(GOOD_KEY, sample)
    assert kinds(seen(local)) == ["double_charge"]
    local.platform.store.forget_exchanges()
    told = local.submit(GOOD_KEY, sample)
    poll_to_the_end(local, told["status_url"])
    local.submit(GOOD_KEY, sample)
    assert kinds(seen(local)) == []


@pytest.mark.parametrize(
    ("key", "path", "changes"),
    [(OTHER_KEY, V2, {}), (GOOD_KEY, V2, {"prompt": "Another"})],
    ids=["another caller", "another body"],
)
def test_what_is_not_the_same_is_none(
    local: Local, sample: dict[str, Any], key: str, path: str, changes: dict[str, Any]
) -> None:
    """Another caller's request, and one with another body, repeat nothing."""
    local.submit(GOOD_KEY, sample)
    local.post(path, key, {**sample, **changes})
    assert kinds(seen(local)) == []


@pytest.mark.parametrize("key", ["SG_0000000000000406", "SG_0000000000000502"])
def test_a_repeat_after_a_clear_refusal_is_none(sample: dict[str, Any], key: str) -> None:
    """An error is an answer: nothing was billed, and the caller knows."""
    local = Local(speed="instant")
    for _ in range(3):
        local.post(V1, key, sample)
    assert kinds(seen(local)) == []


def test_a_submission_that_is_refused_is_none(sample: dict[str, Any]) -> None:
    """Neither the refused repeat of a running job, nor the repeat of a refused one, is paid twice."""
    local = Local(requests_per_minute=1)
    local.submit(GOOD_KEY, sample)
    local.submit(GOOD_KEY, sample, status=429)
    local.submit(GOOD_KEY, {**sample, "prompt": "Another"}, status=429)
    local.advance(61)
    local.submit(GOOD_KEY, {**sample, "prompt": "Another"})
    assert "double_charge" not in kinds(seen(local))


@pytest.mark.parametrize("speed", ["instant", "manual"])
def test_the_same_again_after_the_answer_is_none(speed: Any, sample: dict[str, Any]) -> None:
    """Whoever has his video may want another one of the same."""
    local = Local(speed=speed)
    for _ in range(3):
        wait(local, sample) if speed == "manual" else local.post(V1, GOOD_KEY, sample)
    assert kinds(seen(local)) == []


def test_a_submission_that_fails_is_none(local: Local) -> None:
    """A job that was never in order costs nothing, however often it is submitted."""
    for _ in range(2):
        local.submit(GOOD_KEY, {"prompt": "a"})
    assert kinds(seen(local)) == []


def test_forms_are_compared_without_their_boundaries(local: Local) -> None:
    """The same form sent twice is the same request, though each has a boundary of its own."""
    form = {"prompt": "a", "video_url": "https://inputs.mockling.example/valid.mp4"}
    for boundary in ("aaaa", "bbbb"):
        parts = [
            f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in form.items()
        ]
        data = "".join([*parts, f"--{boundary}--\r\n"]).encode()
        kind = f"multipart/form-data; boundary={boundary}"
        assert local.call("POST", V2, GOOD_KEY, data=data, content_type=kind).status_code == 200
    assert kinds(seen(local)) == ["double_charge"]


# gave_up_early: a caller of v1 left before the usual latency had passed.


@pytest.mark.parametrize(("after", "raised"), [(120, ["gave_up_early"]), (LATENCY + 1, [])])
def test_it_is_told_by_the_usual_latency(sample: dict[str, Any], after: float, raised: list[str]) -> None:
    """Whoever stayed for the average of such a generation did not leave early, though this one takes longer."""
    slow = next(call for call in (_left_after(after, sample, seed) for seed in range(50)) if _is_slow(call))
    assert [one.kind for one in conduct([slow], CONTRACT)] == raised


def test_its_numbers_are_told(local: Local, sample: dict[str, Any]) -> None:
    """The sentence names how long the caller stayed and how long it takes, and the generation is billed."""
    leave(local, sample, 120)
    (warning,) = seen(local).conduct
    assert "left after 120.0 s, though such a generation takes 213.4 s on average" in warning.text
    local.advance(100)
    assert seen(local).cost == PRICE


def test_a_caller_whose_patience_is_over_gave_up_at_any_speed(sample: dict[str, Any]) -> None:
    """A caller who says how long he waits, in simulated seconds, was there for so long, though no time passed."""
    local = Local(speed="instant")
    local.platform.arm(Fault.of({"latency": 213}))
    headers = {"x-mockling-patience": "120", "x-api-key": GOOD_KEY}
    assert local.call("POST", V1, json=sample, headers=headers).status_code == 499
    (warning,) = seen(local).conduct
    assert (warning.kind, "after 120.0 s" in warning.text) == ("gave_up_early", True)


def test_without_time_a_caller_who_left_did_not_give_up(local: Local, sample: dict[str, Any]) -> None:
    """At the speed "instant" how long somebody stayed tells nothing."""
    leave(local, sample, 0)
    assert [one.kind for one in conduct([replace(seen(local).last, pace=None)], CONTRACT)] == []


# polls_too_fast: a job was polled twice within a second.


def test_each_job_is_told_once_with_its_smallest_gap(local: Local, sample: dict[str, Any]) -> None:
    """Two polls 0.25 s apart and two 0.5 s apart are one warning; those a second apart are none."""
    urls = [local.submit(GOOD_KEY, {**sample, "prompt": prompt})["status_url"] for prompt in "ab"]
    for pause in (0.5, 1.0, 0.25, 0):
        for url in urls:
            local.get(url, GOOD_KEY)
        local.advance(pause)
    found = seen(local).conduct
    assert [one.kind for one in found] == ["polls_too_fast"] * 2
    assert all("2 times less than 1 s after the poll before, 0.25 s at the least" in one.text for one in found)
    assert [len(one.exchanges) for one in found] == [4, 4]


def test_the_result_may_be_fetched_at_once(local: Local, sample: dict[str, Any]) -> None:
    """The fetch that follows a COMPLETED is no poll too many."""
    told = local.submit(GOOD_KEY, sample)
    poll_to_the_end(local, told["status_url"])
    local.get(told["response_url"], GOOD_KEY)
    assert kinds(seen(local)) == []


@pytest.mark.parametrize(
    ("words", "raised"),
    [
        ({"status": 502}, []),
        ({"drop": True}, []),
        ({"cut": 0.5}, []),
        ({"status": 429}, ["polls_too_fast"]),
        ({"headers": {"x-a": "b"}}, ["polls_too_fast"]),
    ],
    ids=str,
)
def test_a_poll_that_failed_may_be_repeated_at_once(
    local: Local, sample: dict[str, Any], words: dict[str, Any], raised: list[str]
) -> None:
    """A poll that was answered 5xx or whose answer was lost told nothing, so asking again is no haste."""
    url = local.submit(GOOD_KEY, sample)["status_url"]
    local.platform.arm(Fault.of({**words, "on": "poll"}))
    for _ in range(2):
        poll(local, url)
    assert kinds(seen(local)) == raised


def test_two_callers_do_not_disturb_each_other(local: Local, sample: dict[str, Any]) -> None:
    """What others ask in between does not count."""
    told = local.submit(GOOD_KEY, sample)
    for key in (GOOD_KEY, OTHER_KEY):
        local.get(told["status_url"], key)
    assert kinds(seen(local)) == []


def test_without_time_nobody_polls_too_fast(sample: dict[str, Any]) -> None:
    """At the speed "instant" a test polls as fast as it can, which is right there."""
    local = Local(speed="instant")
    poll_to_the_end(local, local.submit(GOOD_KEY, sample)["status_url"])
    assert kinds(seen(local)) == []


@settings(max_examples=25)
@given(st.lists(st.sampled_from([0.0, 0.5, 0.999, 1.0, 1.001, 3.0]) | st.floats(0, 5), min_size=1, max_size=6))
def test_a_gap_below_a_second_is_what_counts(pauses: list[float]) -> None:
    """There is a warning exactly if some pause is below a second; it names how many are, and the smallest."""
    polls = _polls(pauses)
    gaps = [later.moment - earlier.moment for earlier, later in pairwise(polls)]
    fast = [gap for gap in gaps if gap < 1]
    found = conduct(reversed(polls), CONTRACT)
    assert len(found) == bool(fast)
    if fast:
        times = "once" if len(fast) == 1 else f"{len(fast)} times"
        assert f"polled {times} less" in found[0].text
        assert f"{min(fast):.2f} s at the least" in found[0].text


def _polls(pauses: list[float]) -> list[Exchange]:
    local = Local()
    told = local.submit(GOOD_KEY, CONTRACT.model.example)
    for pause in pauses:
        local.get(told["status_url"], GOOD_KEY)
        local.advance(pause)
    local.get(told["status_url"], GOOD_KEY)
    return list(seen(local).polls())


# poll_after_end: a caller who knew the end asked again.


@pytest.mark.parametrize("speed", ["instant", "manual"])
def test_a_result_may_be_fetched_once_more(speed: Any, sample: dict[str, Any]) -> None:
    """A retry, or a program that was started again, fetches a result twice; a third time is a loop."""
    local = Local(speed=speed)
    told = local.submit(GOOD_KEY, sample)
    poll_to_the_end(local, told["status_url"])
    for raised in ([], [], ["poll_after_end"]):
        local.get(told["response_url"], GOOD_KEY)
        assert kinds(seen(local)) == raised
        local.advance(5)


@pytest.mark.parametrize("words", [{"cut": 0.5}, {"length": 9999}, {"drop": True}, {"status": 502}], ids=str)
@pytest.mark.parametrize("which", ["status_url", "response_url"])
def test_an_end_that_was_lost_was_not_told(
    local: Local, sample: dict[str, Any], which: str, words: dict[str, Any]
) -> None:
    """Whoever got no answer that tells the end, or half of it, has to ask again."""
    url = local.submit(GOOD_KEY, sample)[which]
    local.advance(600)
    local.platform.arm(Fault.of({"on": "poll", "times": 3, **words}))
    for _ in range(4):
        poll(local, url)
    assert kinds(seen(local)) == []


@pytest.mark.parametrize("speed", ["instant", "manual"])
@pytest.mark.parametrize(("which", "what"), [("status_url", "status"), ("response_url", "result")])
def test_asking_again_is_one(speed: Any, which: str, what: str, sample: dict[str, Any]) -> None:
    """One warning for a job tells how often its caller went on asking."""
    local = Local(speed=speed)
    url = local.submit(GOOD_KEY, sample)[which]
    poll_to_the_end(local, url)
    assert kinds(seen(local)) == []
    for _ in range(2):
        local.get(url, GOOD_KEY)
    (warning,) = seen(local).conduct
    assert warning.kind == "poll_after_end"
    assert warning.text.startswith(f"The {what} of job ")
    assert "asked for 2 times after it had told that the job is COMPLETED" in warning.text
    assert len(warning.exchanges) == 3


def test_a_failure_is_an_end_too(sample: dict[str, Any]) -> None:
    """Whoever was told FAILED need not ask again."""
    local = Local(speed="instant")
    key = "SG_0000000000000502"
    url = local.submit(key, sample)["status_url"]
    for _ in range(3):
        status = local.get(url, key).status_code
    assert (status, kinds(seen(local))) == (422, [])
    local.get(url, key)
    assert kinds(seen(local)) == ["poll_after_end"]


def test_who_asked_before_he_was_told_did_nothing_wrong(sample: dict[str, Any]) -> None:
    """Two threads of a client may have asked at the same time."""
    local = Local(speed="instant")
    poll_to_the_end(local, local.submit(GOOD_KEY, sample)["status_url"])
    told = seen(local).last
    late = replace(told, number=told.number + 1, moment=told.moment + 1, ended=told.ended + 1)
    assert [one.kind for one in conduct([told, late], CONTRACT)] == ["poll_after_end"]
    assert conduct([replace(told, ended=told.moment + 2), late], CONTRACT) == ()


# key_exposed: an API key stood elsewhere than in its header.


@pytest.mark.parametrize(
    ("path", "prompt", "exposed"),
    [
        (f"{V2}?api_key={GOOD_KEY}", "a", ("URL",)),
        (f"{V2}?api_key={GOOD_KEY.replace('_', '%5f')}", "a", ("URL",)),
        (V2, f"Write {GOOD_KEY.lower()}!", ("body",)),
        (f"{V2}?{OTHER_KEY}", OTHER_KEY, ("URL", "body")),
        (f"{V2}?next_token=0123456789", "SG_0123", ()),
        (V2, "SG_", ()),
    ],
)
def test_it_is_noted_where(sample: dict[str, Any], path: str, prompt: str, exposed: tuple[str, ...]) -> None:
    """Its own and others' whole keys are found in URL and body, also escaped; what only looks alike is none."""
    local = Local(speed="instant")
    local.post(path, GOOD_KEY, {**sample, "prompt": prompt})
    call = seen(local).last
    assert call.exposed == exposed
    assert kinds(seen(local)) == ["key_exposed"] * len(exposed)
    assert GOOD_KEY not in repr(call)
    assert all(f"in the {place} of 1 call" in text for place, text in zip(exposed, seen(local).warnings, strict=True))


def test_a_configured_key_of_another_shape_is_found() -> None:
    """Keys that the settings name are known whatever they are like."""
    local = Local(speed="instant", accounts=[{"key": "open sesame"}])
    local.get("/v1/get-user-credits?q=open%20sesame")
    assert seen(local).last.exposed == ("URL",)


# no_back_off: after a 429 the same caller did not wait.


@pytest.mark.parametrize(("pause", "raised"), [(10, ["no_back_off"]), (58, ["no_back_off"]), (60, [])])
def test_the_reset_must_be_awaited(sample: dict[str, Any], pause: float, raised: list[str]) -> None:
    """A call before the reset that the 429 named is one; the full minute is enough."""
    local = Local(requests_per_minute=1)
    for prompt in "ab":
        local.post(V2, GOOD_KEY, {**sample, "prompt": prompt})
    local.advance(pause)
    local.post(V2, GOOD_KEY, {**sample, "prompt": "c"})
    assert seen(local).statuses[1] == 429
    assert kinds(seen(local)) == raised
    assert all("instead of" in one.text for one in seen(local).conduct)


@pytest.mark.parametrize(("path", "key"), [(V1, GOOD_KEY), (V2, OTHER_KEY)], ids=["operation", "caller"])
def test_another_caller_or_operation_need_not_wait(sample: dict[str, Any], path: str, key: str) -> None:
    """The limit that was told is that of one caller and one operation."""
    local = Local(requests_per_minute=1)
    for prompt in "ab":
        local.post(V2, GOOD_KEY, {**sample, "prompt": prompt})
    call = seen(local)[1]
    other = replace(call, number=3, operation="generate") if path == V1 else None
    if other is None:
        local.post(path, key, sample)
        other = seen(local).last
    assert conduct([call, other], CONTRACT) == ()


@pytest.mark.parametrize(("pause", "raised"), [(0.9, ["no_back_off"]), (1.1, [])])
def test_without_a_reset_it_is_a_second(local: Local, sample: dict[str, Any], pause: float, raised: list[str]) -> None:
    """A 429 that names no moment wants one second of patience."""
    key = "SG_0000000000000429"
    for _ in range(2):
        local.post(V1, key, sample)
        local.advance(pause)
    first, second = seen(local)
    assert [one.kind for one in conduct([replace(first, resets=None), second], CONTRACT)] == raised


@pytest.mark.parametrize(("pause", "raised"), [(10, ["no_back_off"]), (61, [])])
@pytest.mark.parametrize("speed", [0.001, 1000, "instant"])
def test_how_time_passes_later_changes_nothing(
    local: Local, sample: dict[str, Any], speed: Any, pause: float, raised: list[str]
) -> None:
    """Calls are judged by the speed at which they were made."""
    local.post(V1, "SG_0000000000000429", sample)
    local.advance(pause)
    local.post(V1, "SG_0000000000000429", sample)
    local.clock.speed = speed
    assert kinds(seen(local)) == raised


def test_a_call_before_the_refusal_was_told_is_none(local: Local, sample: dict[str, Any]) -> None:
    """Whoever calls while a 429 is held back does not know of it yet."""
    local.platform.arm(Fault.of({"status": 429, "latency": 10}))
    refused, _ = local.hold(GOOD_KEY, sample)
    local.advance(5)
    other, _ = local.hold(GOOD_KEY, {**sample, "prompt": "b"})
    local.advance(600)
    for held in (refused, other):
        held.answer()
        held.close()
    assert seen(local).statuses == [429, 200]
    assert kinds(seen(local)) == []


def test_without_time_nobody_backs_off(sample: dict[str, Any]) -> None:
    """At the speed "instant" sleeps are replaced in a test, so the pause tells nothing."""
    local = Local(speed="instant")
    for _ in range(2):
        local.post(V1, "SG_0000000000000429", sample)
    assert kinds(seen(local)) == []


# The thresholds, of calls whose moments are set.

EDGE = 0.001  # seconds


def at(call: Exchange, number: int, moment: float, ended: float | None = None, **more: Any) -> Exchange:
    """Return a call as if it had come at another moment; without `ended` it was answered at once."""
    return replace(call, number=number, moment=moment, ended=moment if ended is None else ended, **more)


@pytest.fixture(scope="module")
def made() -> dict[str, Exchange]:
    """A call of each kind: a submission and its polls, a call of v1 that was left and an answered one, a 429."""
    local = Local(contract=STEADY, requests_per_minute=3)
    body = CONTRACT.model.example
    told = local.submit(GOOD_KEY, body)
    local.get(told["status_url"], GOOD_KEY)
    leave(local, body, 5)
    wait(local, body, OTHER_KEY)
    for url in (told["status_url"], told["response_url"]):
        local.get(url, GOOD_KEY)
    names = ["submitted", "running", "left", "answered", "ended", "result"]
    calls = dict(zip(names, seen(local), strict=True))
    for _ in range(4):
        limited = local.post(V2, GOOD_KEY, body)
    assert limited.status_code == 429
    return calls | {"limited": seen(local).last}


Moment, Made = float, dict[str, Exchange]
TIMELINES: dict[str, Callable[[Made, Moment], list[Exchange]]] = {  # of calls of which the last came, or ended, then
    "polls": lambda made, moment: [at(made["running"], 1, 10), at(made["running"], 2, moment)],
    "left": lambda made, moment: [at(made["left"], 1, 0, moment)],
    "left without time": lambda made, moment: [at(made["left"], 1, 0, moment, pace=None)],
    "submissions": lambda made, moment: [at(made["submitted"], 1, 10), at(made["submitted"], 2, moment)],
    "submissions of which the end was told": lambda made, moment: [
        at(made["submitted"], 1, 10), at(made["ended"], 2, 40, 50), at(made["submitted"], 3, moment)
    ],
    "answers": lambda made, moment: [at(made["answered"], 1, 10, 20), at(made["answered"], 2, moment, moment + 1)],
    "left for nothing": lambda made, moment: [
        at(made["left"], 1, 0, LATENCY, cost=Decimal(0)), at(made["left"], 2, moment, moment + LATENCY)
    ],
    "submissions of which the first was lost": lambda made, moment: [
        at(made["submitted"], 1, 10, fault="on=submit truncate_json"), at(made["submitted"], 2, moment)
    ],
    "submissions of which the end was told twice": lambda made, moment: [
        at(made["submitted"], 1, 10), *(at(made["ended"], number, 10 * number, 10 * number) for number in (5, 9)),
        at(made["submitted"], 10, moment),
    ],
    "limited": lambda made, moment: [at(made["limited"], 1, 10, resets=30), at(made["submitted"], 2, moment)],
    "limited without a reset": lambda made, moment: [
        at(made["limited"], 1, 10, 12, resets=None), at(made["submitted"], 2, moment)
    ],
    "called while a 429 was held back": lambda made, moment: [
        at(made["limited"], 1, 10, 12, resets=30), at(made["submitted"], 2, moment)
    ],
    "status after the end": lambda made, moment: [at(made["ended"], 1, 10, 12), at(made["ended"], 2, moment)],
    "result after the end": lambda made, moment: [
        at(made["result"], 1, 10, 12), at(made["result"], 2, 20), at(made["result"], 3, moment)
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("calls", "moment", "raised", "beyond"),
    [
        ("polls", 11, None, "polls_too_fast"),
        ("left", LATENCY, None, "gave_up_early"),
        ("left without time", 1, "gave_up_early", None),
        ("submissions", 10 + LATENCY, None, "double_charge"),
        ("submissions of which the end was told", 50, None, "double_charge"),
        ("submissions of which the first was lost", 10 + LATENCY, None, "double_charge"),
        ("submissions of which the end was told twice", 50, "poll_after_end", "double_charge"),
        ("left for nothing", 2 * LATENCY, None, "double_charge"),
        ("answers", 20, None, "double_charge"),
        ("limited", 30, None, "no_back_off"),
        ("limited without a reset", 13, None, "no_back_off"),
        ("called while a 429 was held back", 12, "no_back_off", None),
        ("status after the end", 12, "poll_after_end", None),
        ("result after the end", 12, "poll_after_end", None),
    ],
)
def test_each_warning_has_its_threshold(
    made: dict[str, Exchange], calls: str, moment: float, raised: str | None, beyond: str | None
) -> None:
    """What is told at the very moment, and what a thousandth of a second before; in whatever order the calls are."""
    for told, when in ((raised, moment), (beyond, moment - EDGE)):
        found = conduct(reversed(TIMELINES[calls](made, when)), CONTRACT)
        also = {"poll_after_end"} if "twice" in calls else set()
        assert {warning.kind for warning in found} == {told, *also} - {None}, when


def test_a_repeat_before_an_end_that_another_caller_was_told_is_one(made: dict[str, Exchange]) -> None:
    """What somebody else knows of a job does not help the caller who sends his request again."""
    submitted = made["submitted"]
    calls = [at(submitted, 1, 10), at(made["ended"], 2, 20, caller="another"), at(submitted, 3, 30)]
    assert [warning.kind for warning in conduct(calls, CONTRACT)] == ["double_charge"]


def test_the_same_body_to_another_operation_is_another_request(made: dict[str, Exchange]) -> None:
    """Who asks on v1 and on v2 for the same wants it twice, or compares them."""
    calls = [at(made["submitted"], 1, 10), at(made["submitted"], 2, 20, operation="generate", path=V1)]
    assert conduct(calls, CONTRACT) == ()


def test_a_verb_that_costs_nothing_needs_no_patience(made: dict[str, Exchange]) -> None:
    """What is no POST starts no generation, and no rate limit is in its way."""
    calls = [at(made["limited"], 1, 10, resets=30), at(made["submitted"], 2, 11, method="GET", status=405)]
    assert conduct(calls, CONTRACT) == ()


def test_a_repeat_whose_caller_left_is_a_repeat(made: dict[str, Exchange]) -> None:
    """A request that was taken is paid, whether anybody saw that it was or not."""
    calls = [at(made["submitted"], 1, 10), at(made["submitted"], 2, 20, status=None, response=None)]
    assert [warning.kind for warning in conduct(calls, CONTRACT)] == ["double_charge"]


def test_how_long_a_generation_takes_of_which_nobody_knows_it_is_its_own_time(made: dict[str, Exchange]) -> None:
    """Where its parameters tell no usual seconds, a call is judged by those that it was to take."""
    body = json.dumps({**CONTRACT.model.example, "duration": "99"}).encode()
    request = replace(made["left"].request, body=body, size=len(body))
    for stayed, raised in ((49, 1), (50, 0)):
        found = conduct([at(made["left"], 1, 0, stayed, request=request, seconds=50.0)], CONTRACT)
        assert ["takes 50.0 s on average" in warning.text for warning in found] == [True] * raised


def test_the_request_that_runs_longest_is_the_one_that_is_repeated(made: dict[str, Exchange]) -> None:
    """A second request that is over soon does not hide the first, which is still under way when a third one comes."""
    first, second, third = made["submitted"], replace(made["submitted"], request_id="another"), made["submitted"]
    calls = [at(first, 1, 10), at(second, 2, 20), at(made["ended"], 3, 30, request_id="another"), at(third, 4, 60)]
    found = conduct(calls, CONTRACT)
    assert [[call.number for call in warning.exchanges] for warning in found] == [[1, 2], [1, 4]]


@pytest.mark.parametrize("fault", ["on=post drop", "on=post reset", "on=post stall"])
def test_who_was_given_no_answer_did_not_give_up(made: dict[str, Exchange], fault: str) -> None:
    """Where a planned fault kept the answer back, it was not the caller who left."""
    assert conduct([replace(made["left"], fault=fault)], CONTRACT) == ()


@pytest.mark.parametrize(("status", "raised"), [(499, 1), (500, 0), (503, 0)])
def test_a_server_error_says_nothing_of_a_job(made: dict[str, Exchange], status: int, raised: int) -> None:
    """From 500 on a poll may be repeated at once."""
    polls = [at(made["running"], 1, 10, status=status), at(made["running"], 2, 10.5)]
    assert [warning.kind for warning in conduct(polls, CONTRACT)] == ["polls_too_fast"] * raised


def _left_after(seconds: float, sample: dict[str, Any], seed: int) -> Exchange:
    """Return a call of v1 whose caller left after so many seconds; the seed decides how long it would have taken."""
    local = Local(seed=seed)
    leave(local, sample, seconds)
    return seen(local).last


def _is_slow(call: Exchange) -> bool:
    return (call.seconds or 0) > LATENCY + 10
