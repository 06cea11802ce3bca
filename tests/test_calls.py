"""Calls: the journal as tests read it, and what an assertion tells when it fails."""

import re
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError
from decimal import Decimal
from functools import partial
from math import inf
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from calling import CONTRACT, GOOD_KEY, SLUG, STEADY, V1, V2, Local, data_url, make_key, post
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from mockling.client import Client
from mockling.emulator import Calls, Emulator, Settings
from mockling.emulator.control.calls import calls_of
from mockling.emulator.control.matching import Wanted

IMAGE = "https://inputs.example/cat.png"
VALID = "https://inputs.mockling.example/valid.mp4"
OTHER_KEY = make_key()
SHORT = {"prompt": "a boat", "video_url": VALID, "mode": "std", "duration": "3"}
SHORT_PRICE = CONTRACT.model.price(SHORT)


def seen(local: Local) -> Calls:
    """Return the calls of an emulator that does not listen."""
    return calls_of(local.platform)


@pytest.fixture(scope="module")
def calls() -> Calls:
    """A day's calls: a generation, a job that is polled to its end and fetched, refusals, an upload."""
    local = Local(speed="instant")
    url = local.post(V1, GOOD_KEY, SHORT).get_json()["output"]
    local.get(url)
    told = local.submit(GOOD_KEY, {**SHORT, "duration": "5", "elements": [{"frontal_image_url": IMAGE}]})
    for _ in range(3):
        local.get(told["status_url"], GOOD_KEY)
    local.get(told["response_url"], GOOD_KEY)
    local.post(V1, "SG_0000000000000502", {**SHORT, "prompt": "a storm"})
    local.post(V2, OTHER_KEY, {**SHORT, "sound": True, "prompt": ["no", "text"]}, headers={"x-a": "b"})
    local.post("/upload-asset", GOOD_KEY, {"data_urls": [data_url("text/plain", b"hi")]})
    local.get("/elsewhere?a=[b]&c=*")
    return seen(local)


def failure(call: Callable[[], object]) -> list[str]:
    """Return the lines of the `AssertionError` that a call raises."""
    with pytest.raises(AssertionError) as raised:
        call()
    return str(raised.value).split("\n")


def test_calls_are_a_frozen_sequence(calls: Calls) -> None:
    """They can be looked at like a list, sliced to fewer calls, and not changed."""
    assert isinstance(calls[2:4], Calls)
    assert list(calls[2:4]) == [calls[2], calls[3]]
    assert calls[:] == calls
    assert calls[-1] is calls.last
    assert [call.number for call in calls] == list(range(1, len(calls) + 1))
    with pytest.raises(FrozenInstanceError):
        calls.exchanges = ()  # type: ignore[misc]


def test_calls_are_told_apart_by_what_they_are_for(calls: Calls) -> None:
    """Requests, polls, downloads and uploads are views of their own; polls those of one job, too."""
    assert [len(one) for one in (calls.posts, calls.generations, calls.submissions)] == [4, 2, 2]
    assert (len(calls.downloads), len(calls.uploads)) == (1, 1)
    assert calls.posts.statuses == [200, 200, 502, 200]
    job = calls.submissions[0].request_id
    assert len(calls.polls()) == len(calls.polls(job)) == 4
    assert calls.polls(SimpleNamespace(id=job)) == calls.polls(SimpleNamespace(request_id=job, id=7)) == calls.polls()
    assert len(calls.polls("another")) == 0
    with pytest.raises(TypeError, match="job must be a request id, or have one as request_id or id, got 7"):
        calls.polls(7)


def test_a_verb_that_is_refused_is_no_post(local: Local, sample: dict[str, Any]) -> None:
    """A PUT to a model asks for no generation."""
    local.call("PUT", V1, GOOD_KEY, json=sample)
    assert (len(seen(local)), len(seen(local).posts)) == (1, 0)


def test_calls_of_one_key_are_told_apart_without_it(calls: Calls) -> None:
    """Whoever knows a key finds its calls, its videos' downloads too; the calls do not have it."""
    assert [call.path for call in calls.of(OTHER_KEY)] == [V2]
    assert len(calls.of("")) == 1
    assert len(calls.of(GOOD_KEY)) == 8
    assert len({call.caller for call in calls}) == 4
    assert OTHER_KEY[:-4] not in repr(list(calls))
    local = Local()
    local.get("/elsewhere", OTHER_KEY)
    assert seen(local).of(OTHER_KEY)[0].caller != calls.of(OTHER_KEY)[0].caller


def test_an_operation_that_there_is_not_matches_nothing_by_mistake(calls: Calls) -> None:
    """A misspelt operation is told, for that none was called would be true."""
    with pytest.raises(ValueError, match="did you mean 'generate'"):
        calls.assert_called(0, operation="genrate")


def test_bodies_are_read_as_json(calls: Calls) -> None:
    """What was sent and what was answered is there as values, and None where it is no JSON."""
    assert calls[0].json == SHORT
    assert calls[0].answer["video"]["url"].endswith(calls[1].path)
    assert (calls[1].json, calls[1].answer) == (None, None)
    assert calls[-1].answer == {"error": calls[-1].error}


@pytest.mark.parametrize(("size", "whole"), [(64 * 1024, True), (64 * 1024 + 1, False)])
@pytest.mark.parametrize("secret", ["", GOOD_KEY])
def test_a_body_that_is_not_kept_whole_is_no_json(local: Local, size: int, whole: bool, secret: str) -> None:
    """Of more than 64 KiB only the beginning is kept, of which nothing is read, also where a key was masked."""
    body = f'{{"prompt": "{secret}'
    local.call("POST", V1, GOOD_KEY, data=body + "x" * (size - len(body) - 2) + '"}', content_type="application/json")
    assert (seen(local).last.json is not None) == whole


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 60_000, b"\xff", b"9" * 5000])
def test_a_body_that_is_no_json_is_none(local: Local, body: bytes) -> None:
    """Whatever was sent, reading it raises nothing."""
    local.call("POST", V1, GOOD_KEY, data=body, content_type="application/json")
    assert seen(local).last.json is None


def test_the_smallest_interval_is_that_of_beginnings(local: Local) -> None:
    """It is told in simulated seconds between the beginnings, whatever ends first; of one call it is infinite."""
    assert seen(local).min_interval == inf
    first, _ = local.hold(GOOD_KEY, SHORT)
    for pause in (30, 5, 12):
        local.advance(pause)
        local.get("/elsewhere")
    list(first.answer())
    assert seen(local).min_interval == 5
    assert seen(local)[:1].min_interval == inf


def test_a_result_may_be_fetched_as_soon_as_the_end_was_told(local: Local) -> None:
    """The interval of polls is that of a job under way; the one between its end and its result does not count."""
    told = local.submit(GOOD_KEY, SHORT)
    for _ in range(2):
        local.get(told["status_url"], GOOD_KEY)
        local.advance(100)
    local.get(told["status_url"], GOOD_KEY)
    local.get(told["response_url"], GOOD_KEY)
    assert seen(local).polls(told["request_id"]).min_interval == 100


def test_the_last_of_no_calls_is_told(local: Local) -> None:
    """An error says that there was none."""
    with pytest.raises(IndexError, match="There is no last call, for there was none"):
        _ = seen(local).last


def test_a_table_has_a_line_for_each_call(calls: Calls) -> None:
    """Number, moment, status, cost, address and error are in it, of many calls the first fifty."""
    title, first, *_, last = repr(calls).split("\n")
    assert title == "<11 calls>"
    assert re.fullmatch(rf" +1 +\d+\.\d s  200  +\$0\.945  POST {V1}", first)
    assert re.fullmatch(r" +11 +\d+\.\d s  404           GET /elsewhere\?a=\[b\]&c=\*: No endpoint at .*", last)
    many = Calls(calls.exchanges * 10, calls.digest, calls.judge)
    assert len(repr(many).split("\n")) == 52
    assert repr(many).endswith("and 60 more")
    assert repr(many).split("\n")[1] == first
    assert len(repr(many[:50]).split("\n")) == 51
    assert repr(many[:51]).endswith("and 1 more")


def test_a_table_tells_the_fault_that_struck_a_call(local: Local) -> None:
    """It stands at the end of the line, for the status alone may look as if nothing had happened."""
    local.clock.speed = "instant"
    local.get("/v1/get-user-credits", GOOD_KEY, headers={"x-mockling-fault": "on=credits latency=0"})
    assert repr(seen(local)).endswith("200           GET /v1/get-user-credits [fault on=credits latency=0]")


def test_a_line_of_a_table_stays_one(local: Local) -> None:
    """Control characters in a path do not break it."""
    local.get("/a%0Ab%1B%5B2J")
    assert len(repr(seen(local)).split("\n")) == 2
    assert "GET /a?b?[2J" in repr(seen(local))


NUMBERS = {"generation": 1, "download": 2, "submission": 3, "storm": 8, "broken": 9, "upload": 10, "off": 11}
MATCHES: list[tuple[dict[str, Any], list[str]]] = [
    ({"method": "post", "operation": "upload"}, ["upload"]),
    ({"method": re.compile("^P"), "status": range(500, 600)}, ["storm"]),
    ({"status": {404, 502}}, ["storm", "off"]),
    ({"status": lambda status: status > 500}, ["storm"]),
    ({"operation": ("generate", "upload")}, ["generation", "storm", "upload"]),
    ({"operation": None}, ["off"]),
    ({"path": "/elsewhere"}, ["off"]),
    ({"path": "/elsewhere?a=[b]&c=*"}, ["off"]),
    ({"path": "/elsewhere?"}, []),
    ({"path": "/else"}, []),
    ({"path": "/*generations/*.mp4"}, ["download"]),
    ({"path": re.compile(r"a=\[b")}, ["off"]),
    ({"model": SLUG, "key": GOOD_KEY, "operation": "submit"}, ["submission"]),
    ({"key": OTHER_KEY}, ["broken"]),
    ({"key": None}, ["off"]),
    ({"json": {"duration": "3", "prompt": "a boat"}}, ["generation"]),
    ({"json": {"duration": 3}}, []),
    ({"json": {"sound": True}}, ["broken"]),
    ({"json": {"sound": 1}}, []),
    ({"json": {"seed": None}}, []),
    ({"json": {"prompt": re.compile("storm$")}}, ["storm"]),
    ({"json": {"prompt": ["no", re.compile("tex")]}}, ["broken"]),
    ({"json": {"prompt": ["no"]}}, []),
    ({"json": {"prompt": {"a storm"}}}, ["storm"]),
    ({"json": {"prompt": ("storm", "a storm")}}, ["storm"]),
    ({"json": {"duration": lambda text: int(text) > 4}}, ["submission"]),
    ({"json": {"elements": [{"frontal_image_url": IMAGE}]}}, ["submission"]),
    ({"json": {"data_urls": [lambda url: url.startswith("data:")]}}, ["upload"]),
    ({"json": {"prompt": lambda text: text.upper() == "A STORM"}}, ["storm"]),
    ({"error": "unavailable"}, ["storm"]),
    ({"error": "Unavailable"}, []),
    ({"error": re.compile("(?i)prompt")}, ["broken"]),
    ({"fault": "drop"}, []),
    ({"fault": None, "operation": "download"}, ["download"]),
]


def shortened(value: object) -> str:
    """Return the id of a parameter, the same in every process."""
    return re.sub(r" at 0x\w+", "", str(value))[:50]


@pytest.mark.parametrize(("wanted", "names"), MATCHES, ids=shortened)
def test_what_matches_is_found(calls: Calls, wanted: Wanted, names: list[str]) -> None:
    """Each thing that can be wanted of a call finds those that are so, and no others."""
    assert [call.number for call in calls.matching(**wanted)] == [NUMBERS[name] for name in names]
    assert len(calls.assert_called(len(names), **wanted)) == len(names)


def test_a_star_stands_for_anything(local: Local) -> None:
    """Also for the end of a line, or for nothing; the parts between stars come in their order, and do not overlap."""
    for path in ("/a%0Ab", "/aba", "/ab"):
        local.get(path)
    found = {
        path: [call.number for call in seen(local).matching(path=path)] for path in ("/a*b", "/ab*a", "/a*b*", "*")
    }
    assert found == {"/a*b": [1, 3], "/ab*a": [2], "/a*b*": [1, 2, 3], "*": [1, 2, 3]}
    assert len(seen(local).matching(path="/aba*ba")) == 0
    local.get("/a1b2c3b")
    assert [call.number for call in seen(local).matching(path="/a*b*c*")] == [4]


def test_calls_of_a_job_are_found_by_it(calls: Calls) -> None:
    """A job is what it was submitted as, polled and fetched as, whatever names it."""
    job = Client(GOOD_KEY, "http://127.0.0.1").job(str(calls[2].request_id))
    assert [call.number for call in calls.matching(job=job)] == [3, 4, 5, 6, 7]
    assert [call.number for call in calls.matching(job=None)] == [10, 11]


@pytest.mark.parametrize("method", ["matching", "assert_called"])
def test_an_unknown_keyword_is_told(calls: Calls, method: str) -> None:
    """The error names those that there are."""
    known = "method, operation, path, status, key, model, job, json, fault, error"
    with pytest.raises(TypeError, match=f"Calls have no 'stauts' to match; there is {known}."):
        getattr(calls, method)(stauts=200)


VALUES = st.integers() | st.text() | st.booleans() | st.none()


@settings(max_examples=25)
@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=4), st.data())
def test_every_part_of_a_body_matches_it(body: dict[str, Any], data: st.DataObject) -> None:
    """A body matches each choice of its own fields, and none with a value that is another."""
    local = Local()
    local.post(V1, None, body)
    names = data.draw(st.sets(st.sampled_from(sorted(body)))) if body else set()
    part = {name: body[name] for name in names}
    assert len(seen(local).matching(json=part)) == 1
    for name in names:
        assert len(seen(local).matching(json={**part, name: [body[name]]})) == 0
    assert len(seen(local).matching(json={**part, "none": 1})) == 0


def test_a_failed_assertion_tells_what_was_nearest(calls: Calls) -> None:
    """It says what was expected, and of the five nearest calls in what they differ, the nearest first."""
    lines = failure(lambda: calls.assert_called(method="POST", json={"duration": "4", "mode": "std"}, status=502))
    assert lines[0] == (
        "Expected at least 1 call with method='POST', json={'duration': '4', 'mode': 'std'}, status=502, got none "
        "(of 11 in all)."
    )
    assert lines[1] == "The nearest:"
    assert f"502           POST {V1}: " in lines[2]
    assert lines[3] == "        json.duration is '3', expected '4'"
    assert f"200   $0.945  POST {V1}" in lines[4]
    assert lines[5:7] == ["        json.duration is '3', expected '4'", "        status is 200, expected 502"]
    assert len([line for line in lines if " s  " in line]) == 5


MISSES: list[tuple[dict[str, Any], str]] = [
    ({"path": "/v1/other*"}, f"path is '{V1}', expected '/v1/other*'"),
    ({"path": re.compile("other")}, f"path is '{V1}', expected it to match 'other'"),
    ({"key": OTHER_KEY}, f"key is ...{GOOD_KEY[-4:]}, expected ...{OTHER_KEY[-4:]}"),
    ({"key": None}, f"key is ...{GOOD_KEY[-4:]}, expected none"),
    ({"status": range(400, 500)}, "status is 200, expected one of range(400, 500)"),
    ({"error": "sorry"}, "error is None, expected 'sorry' in it"),
    ({"json": {"seed": 1}}, "json.seed is missing, expected 1"),
    ({"json": {"prompt": {"en": "a"}}}, "json.prompt is 'a boat', expected an object"),
    ({"json": {"prompt": ["a"]}}, "json.prompt is 'a boat', expected ['a']"),
    ({"json": {"prompt": str.isdigit}}, "json.prompt is 'a boat', which isdigit does not take"),
    ({"json": {"prompt": abs}}, "json.prompt is 'a boat', at which abs raised TypeError"),
    ({"json": {"prompt": "x" * 78}}, f"json.prompt is 'a boat', expected '{'x' * 78}'"),
    ({"json": {"prompt": "x" * 79}}, f"json.prompt is 'a boat', expected '{'x' * 76}..."),
    ({"json": {"prompt": "x" * 100}}, f"json.prompt is 'a boat', expected '{'x' * 76}..."),
]


@pytest.mark.parametrize(("wanted", "told"), MISSES, ids=shortened)
def test_a_reason_names_what_it_is_and_what_was_expected(calls: Calls, wanted: Wanted, told: str) -> None:
    """Each thing that can be wanted of a call has a reason of its own why the call is another."""
    lines = failure(lambda: calls[:1].assert_called(**wanted))
    assert len(lines) == 4
    assert lines[3].strip().startswith(told)
    assert OTHER_KEY not in "".join(lines)


def test_a_call_too_many_is_shown(calls: Calls) -> None:
    """If there are more than expected, these are listed; if there are fewer, those and the nearest others."""
    lines = failure(lambda: calls.assert_called(range(1, 3), operation="status"))
    assert lines[0] == "Expected 1 to 2 calls with operation='status', got 3 (of 11 in all)."
    assert len(lines) == 4
    lines = failure(lambda: calls.assert_called(4, operation="status"))
    assert lines[0] == "Expected 4 calls with operation='status', got 3 (of 11 in all)."
    assert lines[4] == "The nearest of the others:"
    lines = failure(lambda: calls.assert_called(range(2, 9, 3), operation="status"))
    assert lines[0] == "Expected [2, 5, 8] calls with operation='status', got 3 (of 11 in all)."
    assert lines[4] == "The nearest of the others:"


@pytest.mark.parametrize(
    ("times", "fits"),
    [(None, True), (3, True), (2, False), (0, False), (range(3, 9), True), (range(3), False), (range(1, 6, 2), True)],
)
def test_how_often_is_a_number_or_a_range(calls: Calls, times: Any, fits: bool) -> None:
    """Left out, once is enough."""
    try:
        found = calls.assert_called(times, operation="status")
    except AssertionError:
        assert not fits
    else:
        assert fits
        assert found == calls.matching(operation="status")


@pytest.mark.parametrize("times", ["2", True, 1.0])
def test_how_often_is_nothing_else(calls: Calls, times: Any) -> None:
    """Another kind of value is told."""
    with pytest.raises(TypeError, match="times must be a number, a range or None, got "):
        calls.assert_called(times)


def test_an_empty_range_is_no_number_of_calls(calls: Calls) -> None:
    """A range in which there is no number is told, for it could never be right."""
    for check in (calls.assert_called, calls.assert_charged):
        with pytest.raises(
            ValueError, match=r"^times is range\(0, 0\), in which there is no number; for no call say 0\.$"
        ):
            check(range(0))


@pytest.mark.parametrize("total", ["abc", "", "NaN", float("inf"), True])
def test_a_total_is_an_amount(calls: Calls, total: Any) -> None:
    """What is no amount of money is told in a sentence."""
    with pytest.raises(ValueError, match=r"^total must be an amount of US dollars, such as '0\.945', got "):
        calls.assert_charged(total=total)


def test_no_call_is_told(local: Local) -> None:
    """Where there was nothing at all, the failure is one line."""
    assert failure(lambda: seen(local).assert_called()) == ["Expected at least 1 call, got none (of 0 in all)."]


def test_what_was_billed_is_asserted_on(calls: Calls) -> None:
    """Number and total are exact; either or both can be expected, and a failure shows what was billed."""
    total = SHORT_PRICE + CONTRACT.model.price({**SHORT, "duration": "5"})
    assert calls.cost == total
    assert [call.number for call in calls.charged] == [1, 3]
    for expected in ((), (2,), (range(1, 3),), (None, total), (2, str(total)), (2, float(total))):
        assert calls.assert_charged(*expected) == calls.charged
    lines = failure(lambda: calls.assert_charged(1, "1.00"))
    assert lines[0] == "Expected 1 billed call, got 2."
    assert lines[1] == f"Expected $1.00 billed in all, got ${total.normalize():f}."
    assert len(lines) == 4
    assert calls[1:2].assert_charged(0) == calls[1:2].assert_charged(total=0) == calls[:0]
    assert failure(lambda: calls[1:2].assert_charged()) == ["Expected at least 1 billed call, got none."]


def test_a_job_is_billed_when_it_has_completed(local: Local) -> None:
    """A submission has no cost until its job is due, and the failure says that it waits for that."""
    local.submit(GOOD_KEY, SHORT)
    lines = failure(lambda: seen(local).assert_charged(1))
    assert lines[1] == "1 accepted call not billed (yet): a job is billed once it has completed."
    early = seen(local)
    local.advance(600)
    assert seen(local).assert_charged(1, SHORT_PRICE).cost == SHORT_PRICE
    assert early.cost == 0


def test_warnings_are_those_of_requests_and_of_conduct(local: Local) -> None:
    """Each text is there once; that a file was taken on trust is a note and none of them."""
    for _ in range(2):
        local.submit(GOOD_KEY, {**SHORT, "video_url": "https://e.com/a.mp4", "colour": "red"})
    calls = seen(local)
    assert len(calls[0].warnings) == 2
    assert len(calls.warnings) == 2
    assert "colour" in calls.warnings[0]
    assert calls.warnings[1] == str(calls.conduct[0]) == calls.conduct[0].text
    lines = failure(calls.assert_no_warnings)
    assert lines[0] == "Expected no warnings, got 2:"
    assert [line.endswith("(calls 1, 2)") for line in lines[1:]] == [True, True]
    assert [line[2:].partition(" (calls")[0] for line in lines[1:]] == calls.warnings
    local.platform.store.forget_exchanges()
    local.submit(GOOD_KEY, {**SHORT, "video_url": "https://e.com/a.mp4"})
    assert len(seen(local).last.warnings) == 1
    seen(local)[-1:].assert_no_warnings()


@pytest.fixture
def server() -> Iterator[Emulator]:
    """An emulator of this test alone."""
    with Emulator(speed="manual", contract=STEADY) as running:
        yield running


def test_an_emulator_has_its_calls(server: Emulator) -> None:
    """They are a snapshot, which what comes later does not change, and its assertions are theirs."""
    before = server.calls
    told = post(server, {**SHORT, "colour": "red"}, GOOD_KEY, V2).json()
    assert (len(before), len(server.calls)) == (0, 1)
    assert server.assert_called(1, job=told["request_id"]) == server.calls
    assert server.warnings == server.calls.warnings != []
    assert failure(server.assert_charged)
    assert failure(server.assert_no_warnings)
    assert failure(lambda: server.assert_called(operation="generate"))
    server.clock.advance(600)
    assert server.assert_charged(1, SHORT_PRICE) == server.calls


def test_calls_from_before_a_reset_stay_what_they_were(server: Emulator) -> None:
    """They are still found by their key and judged as before; of the calls after it none are among them."""
    for _ in range(2):
        post(server, SHORT, GOOD_KEY, V2)
    before = server.calls
    told = before.warnings
    assert [warning.kind for warning in before.conduct] == ["double_charge"]
    server.reset(profile="observed")
    post(server, SHORT, OTHER_KEY, V2)
    assert (len(before.of(GOOD_KEY)), len(before.of(OTHER_KEY)), before.warnings) == (2, 0, told)
    assert before[:2].warnings == told
    assert (len(server.calls), len(server.calls.of(GOOD_KEY)), server.warnings) == (1, 0, [])


@pytest.mark.parametrize("kind", ["held", "download", "left"])
def test_a_call_that_a_reset_overtook_is_in_no_calls(kind: str) -> None:
    """What began before everything was forgotten, and ends after it, is recorded nowhere and bills nobody."""
    local = Local(contract=STEADY)
    if kind == "download":
        told = local.submit(GOOD_KEY, SHORT)
        local.advance(600)
        url = local.get(told["response_url"], GOOD_KEY).get_json()["output"]
        blocks = local.app.wsgi_app(EnvironBuilder(urlsplit(url).path).get_environ(), lambda *_: None)  # type: ignore[arg-type,return-value]
    else:
        held, _ = local.hold(GOOD_KEY, SHORT)
    local.platform.reset(Settings(speed="manual", contract=STEADY))
    local.advance(600)
    if kind == "download":
        assert len(b"".join(blocks)) > 0
    elif kind == "held":
        list(held.answer())
        held.close()
    else:
        held.leave()
    assert (len(seen(local)), local.platform.store.billed(local.clock.now())) == (0, 0)
    local.get("/elsewhere")
    assert [call.number for call in seen(local)] == [1]


def test_a_call_that_comes_or_ends_within_a_reset_is_in_no_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the new life and its new time nothing of before is kept there, and what begins has the time of before."""
    local = Local(contract=STEADY)
    local.advance(100)
    held, _ = local.hold(GOOD_KEY, SHORT)
    begun, restart = [], local.clock.restart

    def meanwhile(speed: Any) -> None:
        held.leave()
        begun.append(local.app.recorder.begin(EnvironBuilder("/elsewhere").get_environ()))
        restart(speed)

    monkeypatch.setattr(local.clock, "restart", meanwhile)
    local.platform.reset(Settings(speed="manual", contract=STEADY))
    assert begun[0].moment == 100
    local.app.recorder.left(begun[0])
    assert len(seen(local)) == 0


def test_a_call_whose_time_is_read_when_a_reset_comes_is_in_no_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which life a call belongs to is known before its moment, so that no moment of before gets into the new life."""
    local = Local(contract=STEADY)
    local.advance(100)

    def now() -> float:
        monkeypatch.undo()
        local.platform.reset(Settings(speed="manual", contract=STEADY))
        return 100

    monkeypatch.setattr(local.clock, "now", now)
    local.app.recorder.abandoned(EnvironBuilder("/elsewhere").get_environ())
    assert len(seen(local)) == 0


def test_no_frame_of_ours_is_between_a_test_and_its_failure(server: Emulator) -> None:
    """pytest shows the line of the test that asserted, and the text."""
    post(server, {**SHORT, "colour": "red"}, GOOD_KEY, V2)
    missing = partial(server.assert_called, status=502)
    for check in (missing, server.assert_charged, server.assert_no_warnings):
        with pytest.raises(AssertionError) as raised:
            check()
        shown = [entry for entry in raised.traceback if not entry.ishidden(raised)]
        assert [entry.path.name for entry in shown] == ["test_calls.py"]


@pytest.mark.parametrize("most", [0, 2, 10_000])
def test_what_was_billed_outlives_the_journal(monkeypatch: pytest.MonkeyPatch, server: Emulator, most: int) -> None:
    """`billed` is exact also when the journal is bounded or cleared; jobs due by now count, though nobody asked."""
    monkeypatch.setattr("mockling.emulator.platform.exchanges.MOST_EXCHANGES", most)
    for number in range(3):
        post(server, {**SHORT, "prompt": f"boat {number}"}, GOOD_KEY, V2)
    assert server.billed == 0
    server.clock.advance(600)
    assert server.billed == 3 * SHORT_PRICE
    assert len(server.calls) == min(3, most)
    server.journal.clear()
    balance = requests.get(f"{server.url}/v1/get-user-credits", headers={"x-api-key": GOOD_KEY}, timeout=30)
    assert Decimal(str(balance.json()["credits"])) + server.billed == 100


def test_what_is_taken_back_is_not_billed(local: Local) -> None:
    """A call whose server stopped before the answer costs nothing; one whose caller left is paid."""
    held, _ = local.hold(GOOD_KEY, SHORT)
    local.advance(600)
    list(held.stop("stopping"))
    assert local.platform.store.billed(local.clock.now()) == 0
    held, _ = local.hold(GOOD_KEY, SHORT)
    held.leave()
    local.advance(600)
    assert local.platform.store.billed(local.clock.now()) == SHORT_PRICE == seen(local).cost
    assert seen(local).statuses == [503, None]


def test_an_exchange_tells_when_it_ended(local: Local) -> None:
    """It is the moment of the response, or that at which the caller left, in simulated seconds."""
    local.advance(3)
    held, _ = local.hold(GOOD_KEY, SHORT)
    local.advance(600)
    list(held.answer())
    held, _ = local.hold(GOOD_KEY, SHORT)
    local.advance(10)
    held.leave()
    local.get("/elsewhere")
    assert [(call.moment, call.ended) for call in seen(local)] == [(3, 603), (603, 613), (613, 613)]
