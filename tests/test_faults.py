"""Planned faults as a language: what can be said, in which forms, and which calls it strikes."""

import json
import re
import tomllib
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from calling import GOOD_KEY, NOBODY, SLUG, STEADY, V2, Local, make_key
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_cli import fails, run, serving

from mockling.contract import load
from mockling.emulator import Emulator, Fault, FaultError, Settings, read_settings
from mockling.emulator.platform.arming import failures
from mockling.emulator.platform.sense import schema

TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)
WORD = TEXT.filter(bool)
SHARE = st.floats(0, 1, exclude_max=True) | st.integers(0, 10**6)
SECONDS = st.floats(0, 31536000) | st.integers(0, 31536000)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
HEADERS = st.dictionaries(st.from_regex(r"x-[a-z]{1,9}", fullmatch=True), st.from_regex(r"[ -~]{0,9}", fullmatch=True))
WHEN: dict[str, st.SearchStrategy[Any]] = {
    "times": st.integers(1) | st.just("always"),
    "skip": st.integers(0),
    "every": st.integers(1),
    "probability": st.floats(0, 1, exclude_min=True),
    "since": st.floats(0, 10),
    "until": st.floats(11, 10**9),
    "key": WORD,
}
ON_POSTS: dict[str, st.SearchStrategy[Any]] = {"model": WORD, "prompt": WORD.map(re.escape)}
PLACES = ["post", "generate", "submit"]
LATER = st.sampled_from(["latency", "latency_is"]).flatmap(lambda name: st.fixed_dictionaries({name: SECONDS}))
ANSWER = st.fixed_dictionaries(
    {"status": st.integers(200, 599)},
    optional={"error": TEXT, "headers": HEADERS.filter(bool), "latency": SECONDS},
)
BODY = st.fixed_dictionaries({"timeout": st.just(True), "body": TEXT | st.lists(JSON) | st.dictionaries(TEXT, JSON)})
WIRE = st.one_of(
    st.fixed_dictionaries({"drop": st.just(True)}),
    st.fixed_dictionaries({"cut": SHARE}, optional={"rate": st.floats(0.1, 10**9)}),
    *(st.fixed_dictionaries({name: SHARE | st.just(True)}) for name in ("reset", "stall", "corrupt")),
    st.fixed_dictionaries({"length": st.integers(0)}),
    st.fixed_dictionaries({"truncate_json": st.just(True)}),
)
OF_JOB = st.one_of(
    st.fixed_dictionaries({"fail": WORD}, optional={"after": st.floats(0, 1)}),
    st.fixed_dictionaries({"stuck": st.sampled_from(["QUEUED", "PROCESSING"])}),
    *(st.fixed_dictionaries({name: st.just(True)}) for name in ("expired", "missing")),
)


def _on(*places: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"on": st.sampled_from(places)})


def _joined(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda tables: {name: value for table in tables for name, value in table.items()})


def _some(words: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=words)


TABLES = st.one_of(
    _joined(
        _on("poll", "download", "upload", "credits", "any", *PLACES),
        _some(WHEN),
        st.one_of(ANSWER, BODY, WIRE, LATER, _some({"headers": HEADERS.filter(bool)}).filter(bool)),
    ),
    _joined(_on(*PLACES), _some(WHEN), _some(ON_POSTS), st.one_of(ANSWER, BODY, WIRE, LATER)),
    _joined(_on("job"), _some(WHEN), _some(ON_POSTS), st.one_of(OF_JOB, LATER)),
)


@settings(max_examples=40)
@example({"status": 502, "body": "123"})
@example({"status": 502, "body": '{"error": "x"}'})
@example({"status": 502, "body": "true"})
@example({"drop": True, "prompt": "true"})
@given(TABLES)
def test_a_fault_survives_every_form(table: dict[str, Any]) -> None:
    """Whatever makes sense as a table is the same fault after being written as a text, as JSON or as a table again."""
    fault = Fault.of(table)
    assert Fault.of(fault.table()) == fault
    assert Fault.of(json.loads(json.dumps(fault.table()))) == fault
    if len(str(fault)) <= 4096:
        assert Fault.read(str(fault)).table() == fault.table()


@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from([*schema()["properties"], "=", "'", '"', "[", "1", " "])).map("".join)
)
def test_whatever_is_read_is_a_fault_or_refused(text: str) -> None:
    """Of no text reading fails in another way than with a sentence."""
    with suppress(FaultError):
        assert Fault.of(Fault.read(text).table())


# Each word as it is written in a text, and the table that it stands for.
WORDS: dict[str, tuple[str, dict[str, Any]]] = {
    "on": ("on=download drop", {"on": "download", "drop": True}),
    "key": ("key=SG_0123456789abcdef drop", {"key": "SG_0123456789abcdef", "drop": True}),
    "model": (f"model={SLUG} drop", {"model": SLUG, "drop": True}),
    "prompt": ("prompt='snow|rain' drop", {"prompt": "snow|rain", "drop": True}),
    "stage": ("stage=rate status=502", {"stage": "rate", "status": 502}),
    "times": ("times=always drop", {"times": "always", "drop": True}),
    "skip": ("skip=2 drop", {"skip": 2, "drop": True}),
    "every": ("every=3 drop", {"every": 3, "drop": True}),
    "probability": ("probability=0.5 drop", {"probability": 0.5, "drop": True}),
    "since": ("since=60 drop", {"since": 60, "drop": True}),
    "until": ("until=60 drop", {"until": 60, "drop": True}),
    "status": ("status=502", {"status": 502}),
    "error": ("status=500 error='Out of luck'", {"status": 500, "error": "Out of luck"}),
    "body": ("status=502 body='[1, 2]'", {"status": 502, "body": [1, 2]}),
    "headers": ("""headers='{"x-a": "b"}'""", {"headers": {"x-a": "b"}}),
    "timeout": ("timeout", {"timeout": True}),
    "billed": ("status=502 billed", {"status": 502, "billed": True}),
    "latency": ("latency=1.5", {"latency": 1.5}),
    "latency_is": ("latency_is=0", {"latency_is": 0}),
    "drop": ("drop=true", {"drop": True}),
    "reset": ("reset", {"reset": True}),
    "cut": ("cut=0.5", {"cut": 0.5}),
    "stall": ("stall=100", {"stall": 100}),
    "rate": ("rate=1e3", {"rate": 1000.0}),
    "length": ("length=10", {"length": 10}),
    "truncate_json": ("truncate_json", {"truncate_json": True}),
    "corrupt": ("corrupt", {"corrupt": True}),
    "fail": ("fail='The moon is down'", {"on": "job", "fail": "The moon is down"}),
    "after": ("fail=content_policy after=0.2", {"on": "job", "fail": "content_policy", "after": 0.2}),
    "stuck": ("stuck=QUEUED", {"on": "job", "stuck": "QUEUED"}),
    "expired": ("expired", {"on": "job", "expired": True}),
    "missing": ("missing", {"on": "job", "missing": True}),
}


def _toml(table: dict[str, Any]) -> str:
    lines = [f"{name} = {json.dumps(value)}" for name, value in table.items() if not isinstance(value, dict)]
    inner = [f"{name} = {{{', '.join(f'{json.dumps(k)} = {json.dumps(v)}' for k, v in value.items())}}}"
             for name, value in table.items() if isinstance(value, dict)]  # fmt: skip
    return "\n".join(["[[faults]]", *lines, *inner])


def test_every_word_is_tried() -> None:
    """No word of the schema is missing in the table above."""
    assert WORDS.keys() == schema()["properties"].keys()


@pytest.fixture(scope="module")
def still() -> Emulator:
    """An emulator that does not listen, and whose time stands still."""
    return Emulator(speed="manual")


@pytest.mark.parametrize("word", WORDS)
def test_each_word_means_the_same_as_a_text_and_as_keywords(word: str, still: Emulator) -> None:
    """Either makes the same fault of it."""
    text, table = WORDS[word]
    fault = Fault.of(table)
    assert Fault.read(text) == fault
    assert fault.table() == {"on": "post", **table}
    assert still.fault(**table).fault == fault


def test_each_word_means_the_same_in_settings(tmp_path: Path) -> None:
    """Tables in Settings, and those of a TOML file, make the same faults, in their order."""
    tables = [table for _, table in WORDS.values()]
    faults = [Fault.of(table) for table in tables]
    assert [armed.fault for armed in Emulator(speed="manual", faults=tables).faults] == faults
    toml = "\n".join(map(_toml, tables))
    (tmp_path / "mockling.toml").write_text(toml)
    assert tomllib.loads(toml)["faults"] == tables
    assert [armed.fault for armed in Emulator(read_settings(tmp_path / "mockling.toml", {})).faults] == faults


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"stauts": 502}, "A fault has no 'stauts'; did you mean 'status'?"),
    ({"stauts": None, "status": 502}, "A fault has no 'stauts'; did you mean 'status'?"),
    ({"bogus": 1}, "A fault has no 'bogus'; there is on, key, model"),
    ({}, "A fault must say what happens: one of status, timeout, headers"),
    ({"times": 3}, "A fault must say what happens"),
    ({"on": "downloads", "drop": True}, "on must be a string, one of 'post', 'generate'"),
    ({"status": 99}, "status must be an integer from 200 to 599, got the number 99."),
    ({"status": "502"}, 'status must be an integer from 200 to 599, got the string "502".'),
    ({"status": True}, "status must be an integer from 200 to 599, got the boolean true."),
    ({"drop": 1}, "drop must be true, got the number 1."),
    ({"times": 0, "drop": True}, 'times must be a whole number above 0, or "always", got the number 0.'),
    ({"times": "often", "drop": True}, 'times must be a whole number above 0, or "always", got the string "often".'),
    ({"probability": 0, "drop": True}, "probability must be a number above 0 and of at most 1, got the number 0."),
    ({"cut": float("nan")}, "cut must be a share of the body below 1, or a number of bytes, got the number NaN."),
    ({"rate": float("inf")}, "rate must be a number above 0, got the number Infinity."),
    ({"cut": 1.5}, "cut must be a share of the body below 1, or a number of bytes, got 1.5."),
    ({"cut": True}, "cut must be a share of the body below 1, or a number of bytes, got the boolean true."),
    ({"stall": -1}, "stall must be true, a share of the body below 1, or a number of bytes, got the number -1."),
    ({"prompt": "(", "drop": True}, "prompt is no regular expression: "),
    ({"prompt": "(" * 3000, "drop": True}, "prompt is no regular expression: "),
    ({"prompt": "a{99999999999999999999}", "drop": True}, "prompt is no regular expression: "),
    ({"headers": {}}, "headers must be a table of texts, got an object."),
    ({"status": 500, "headers": {1: "x"}}, "headers must be a table of texts, got the name 1."),
    ({"headers": {"x": 1}}, "headers must be a table of texts, got an object."),
    ({"headers": {"a b": "c"}}, "headers cannot have 'a b': 'c'; it is no header of HTTP."),
    ({"headers": {"x": "a\r\ny: b"}}, "it is no header of HTTP."),
    ({"headers": {"x": "\u20ac"}}, "it is no header of HTTP."),
    ({"headers": {"Content-Length": "5"}}, "headers cannot have Content-Length; use length"),
    ({"status": 502, "body": "\ud800"}, "body must be a text that can be sent as UTF-8."),
    ({"status": 502, "body": b"x"}, "A fault holds only what JSON can be"),
    ({"status": 502, "body": {"a": object()}}, "JSON can be"),
    ({"status": 502, "body": [float("nan")]}, "body must be what JSON can be"),
    ({"status": 502, "body": json.loads("[" * 200 + "]" * 200)}, "body may have at most 100 levels."),
    ({"status": 502, "timeout": True}, "status and timeout cannot both be; arm two faults, or leave one out."),
    ({"cut": 0.5, "drop": True}, "drop and cut cannot both be"),
    ({"latency": 1, "latency_is": 1}, "latency and latency_is cannot both be"),
    ({"latency": 1, "timeout": True}, "latency and timeout cannot both be"),
    ({"length": 1, "truncate_json": True}, "truncate_json and length cannot both be"),
    ({"status": 500, "error": "a", "body": "b"}, "error and body cannot both be"),
    ({"fail": "content_policy", "stuck": "QUEUED"}, "fail and stuck cannot both be"),
    ({"error": "a"}, "error goes with status or timeout, which is missing."),
    ({"body": "a"}, "body goes with status or timeout, which is missing."),
    ({"after": 0.5}, "after goes with fail, which is missing."),
    ({"on": "post", "fail": "content_policy"}, 'fail is something a job does; say on="job", or leave on out.'),
    ({"on": "job", "status": 502}, 'status is something an answer does, not a job; say on="post" or another.'),
    ({"drop": True, "status": 502}, "With drop there is no answer that could have status"),
    ({"reset": True, "rate": 5}, "With reset there is no answer that could have rate"),
    ({"stall": True, "corrupt": True}, "With stall there is no answer that could have corrupt"),
    ({"on": "poll", "prompt": "a", "drop": True}, "prompt is for on = post, generate, submit, job, not for poll."),
    ({"on": "poll", "billed": True, "status": 502}, "billed is for on = post, generate, submit, not for poll."),
    ({"on": "poll", "stage": "key", "status": 502}, "stage is for on = post, generate, submit, not for poll."),
    ({"cut": 0.5, "billed": False}, "billed goes with status, timeout, drop, reset=true or stall=true"),
    ({"drop": True, "stage": "rate"}, "stage goes with status or timeout, and not with billed"),
    ({"status": 502, "stage": "rate", "billed": True}, "stage goes with status or timeout, and not with billed"),
    ({"drop": True, "since": 5, "until": 5}, "until must be later than since."),
]  # fmt: skip


@pytest.mark.parametrize(("table", "told"), REFUSED)
def test_what_makes_no_sense_is_refused(still: Emulator, table: dict[str, Any], told: str) -> None:
    """A typo, a value that cannot be, and words that exclude each other are told in a sentence that says what would."""
    with pytest.raises(FaultError) as caught:
        still.fault(**table)
    assert told in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "A fault must say what happens"),
        ("status=502 status=503", "status stands there twice; leave one of them out."),
        ("status=502 error='", "cannot be read: No closing quotation."),
        ("status = 502", "A fault has no '"),
        ("drop=false", "A fault must say what happens"),
        ("x" * 5000, "A fault has at most 4096 characters."),
        ("status=502 body=" + "[" * 2000, None),
    ],
)
def test_texts_that_say_no_fault_are_refused(text: str, told: str | None) -> None:
    """What stands in a text twice, is not closed, too long or says nothing is told; what is no JSON is a text."""
    if told is None:
        assert isinstance(Fault.read(text).body, str)
        return
    with pytest.raises(FaultError) as caught:
        Fault.read(text)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"status": 502, "stage": "rates"}, "There is no stage 'rates'; did you mean 'rate'?"),
        ({"status": 502, "model": "klingon"}, "No model 'klingon' is served; there is"),
        ({"status": 502, "stage": "key", "prompt": "a"}, "Before the stage key the prompt is not known"),
        ({"fail": "content_polcy"}, "No failure is called 'content_polcy'; did you mean 'content_policy'?"),
        ({"fail": "unreadable_input"}, "No failure is called 'unreadable_input'; there is"),
    ],
)
def test_what_the_contract_has_not_is_refused(still: Emulator, table: dict[str, Any], told: str) -> None:
    """A stage, model or failure that does not exist is told when the fault is armed, from the start as well."""
    for attempt in (lambda: still.fault(**table), lambda: Emulator(faults=[table])):
        with pytest.raises(FaultError) as caught:
            attempt()
        assert told in str(caught.value)


def test_what_is_false_or_none_is_left_out() -> None:
    """A word that is None, or a switch that is false, is as good as not there."""
    assert Fault.of({"status": 502, "drop": False, "reset": False, "stage": None}) == Fault.of({"status": 502})


def test_a_fault_keeps_its_own_body() -> None:
    """Who changes what he gave as a body or headers does not change the fault."""
    body, headers = {"a": [1]}, {"x-a": "b"}
    fault = Fault.of({"status": 502, "body": body, "headers": headers})
    body["a"].append(2)
    headers["x-a"] = "c"
    assert (fault.body, fault.headers) == ({"a": [1]}, {"x-a": "b"})
    assert hash(fault) == hash(Fault.of(fault.table()))


# Which calls it strikes.


def statuses(local: Local, body: Any, calls: int, key: str = "SG_00000000000000aa", path: str = V2) -> list[int]:
    """Return the statuses of so many POSTs."""
    return [local.post(path, key, body).status_code for _ in range(calls)]


def arm(local: Local, **words: Any) -> None:
    """Plan a fault."""
    local.platform.arm(Fault.of(words))


@pytest.mark.parametrize(
    ("words", "struck"),
    [
        ({}, [1]),
        ({"times": 3}, [1, 2, 3]),
        ({"times": "always"}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ({"skip": 2}, [3]),
        ({"every": 3, "times": "always"}, [1, 4, 7]),
        ({"skip": 1, "every": 2, "times": 3}, [2, 4, 6]),
    ],
)
def test_it_strikes_as_often_as_is_said(local: Local, sample: Any, words: dict[str, Any], struck: list[int]) -> None:
    """`times`, `skip` and `every` count the calls that it would strike, from the first."""
    arm(local, status=502, **words)
    told = statuses(local, sample, 9)
    assert [number for number, status in enumerate(told, 1) if status == 502] == struck
    assert set(told) <= {200, 502}


def test_its_chance_is_drawn_from_the_seed(sample: Any) -> None:
    """With a probability that share of the calls is struck, about; the same ones for the same seed."""

    def told(seed: int) -> list[int]:
        local = Local(seed=seed, credits=10**6, faults=[{"status": 502, "probability": 0.3, "times": "always"}])
        return statuses(local, sample, 60)

    first = told(1)
    assert first == told(1)
    assert first != told(2)
    assert 6 < Counter(first)[502] < 32


def test_two_chances_are_drawn_apart(sample: Any) -> None:
    """Two faults with the same probability do not strike the same calls."""
    local = Local(credits=10**6)
    for status in (502, 503):
        arm(local, status=status, probability=0.5, times="always")
    told = Counter(statuses(local, sample, 100))
    assert min(told[502], told[503], told[200]) > 10


def test_it_strikes_only_in_its_time(local: Local, sample: Any) -> None:
    """`since` is the first moment at which it strikes, `until` the first at which it does no more."""
    arm(local, status=502, since=60, until=120, times="always")
    told = []
    for _ in range(4):
        told += statuses(local, sample, 1)
        local.advance(40)
    assert told == [200, 200, 502, 200]


def test_it_strikes_only_what_it_is_for(local: Local, sample: Any) -> None:
    """`key`, `model` and `prompt` narrow it down, and calls that are not such are not counted."""
    one, other = make_key(), make_key()
    arm(local, status=502, key=one)
    arm(local, status=503, prompt="^Let it (rain|snow)$", skip=1)
    arm(local, status=500, model=SLUG, key=other)
    snow = {**sample, "prompt": "Let it snow"}
    assert statuses(local, sample, 1, other) == [500]
    assert statuses(local, sample, 2, one) == [502, 200]
    assert statuses(local, snow, 3, other) == [200, 503, 200]
    assert [(armed.met, armed.fired) for armed in local.platform.store.faults()] == [(1, 1), (2, 1), (1, 1)]


def test_faults_strike_in_the_order_in_which_they_were_armed(local: Local, sample: Any) -> None:
    """The oldest that is not spent strikes, one a call."""
    for status in (500, 502, 504):
        arm(local, status=status, times=2 if status == 502 else 1)
    assert statuses(local, sample, 5) == [500, 502, 502, 504, 200]
    assert all(armed.spent for armed in local.platform.store.faults())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 410, 413, 429, 500, 502, 504])
def test_it_strikes_before_the_stage_whose_status_it_is(local: Local, sample: Any, status: int) -> None:
    """What an earlier check refuses is refused by that; what is in order meets the planned status."""
    arm(local, status=status)
    first = local.call("GET", V2, make_key()).status_code
    assert first == 405
    if status == 405:  # then it has struck
        return
    assert statuses(local, sample, 2) == [status, 200]


@pytest.mark.parametrize(
    ("stage", "refused"),
    [("method", False), ("key", False), ("JSON", True), ("generation", True)],
)
def test_a_stage_says_before_which_check_it_strikes(local: Local, sample: Any, stage: str, refused: bool) -> None:
    """A call with a bad key meets a fault that strikes before the keys are looked at, and no later one."""
    arm(local, status=502, stage=stage)
    assert statuses(local, sample, 1, key="none")[0] == (401 if refused else 502)


def test_each_kind_of_call_is_struck_by_its_own(local: Local, sample: Any) -> None:
    """`on` says which calls it strikes, and no others are counted."""
    key = make_key()
    job = local.submit(key, sample)
    local.advance(1000)
    url = local.get(job["response_url"], key).get_json()["output"]
    uploaded = local.upload("image/png", b"\x89PNG\r\n\x1a\n")

    calls = {
        "submit": lambda: local.post(V2, key, sample),
        "status": lambda: local.get(job["status_url"], key),
        "result": lambda: local.get(job["response_url"], key),
        "poll": lambda: local.get(job["poll_url"], key),
        "download": lambda: local.get(url),
        "asset": lambda: local.get(uploaded),
        "upload": lambda: local.post("/upload-asset", key, {"data_urls": ["data:image/png;base64,iVBORw0KGgo="]}),
        "credits": lambda: local.get("/v1/get-user-credits", key),
    }
    meant = {
        "post": {"submit"},
        "generate": set[str](),
        "submit": {"submit"},
        "poll": {"status", "result", "poll"},
        "download": {"download", "asset"},
        "upload": {"upload"},
        "credits": {"credits"},
        "any": set(calls),
        "job": set[str](),
    }
    for on, struck in meant.items():
        local.platform.store.disarm()
        arm(local, on=on, times="always", **({"latency": 0} if on == "job" else {"status": 502}))
        assert {name for name, call in calls.items() if call().status_code == 502} == struck, on
    assert meant.keys() == set(schema()["properties"]["on"]["enum"])


def test_an_answer_and_its_job_can_both_be_struck(local: Local, sample: Any) -> None:
    """A fault of the call and one of its job strike together, and the journal tells both."""
    key = make_key()
    arm(local, on="submit", headers={"x-a": "b"})
    arm(local, fail="The moon is down")
    job = local.post(V2, key, sample)
    assert job.headers["x-a"] == "b"
    local.advance(1000)
    assert local.get(job.get_json()["status_url"], key).get_json()["error"] == "The moon is down"
    assert local.journal[0].fault == """on=submit headers='{"x-a": "b"}', on=job fail='The moon is down'"""


def test_a_call_can_bring_its_own_fault(local: Local, sample: Any) -> None:
    """The header x-mockling-fault strikes the call that has it, before what is planned, and no other."""
    key = make_key()
    arm(local, status=503)
    told = [
        local.post(V2, key, sample, headers={"x-mockling-fault": "status=502"} if own else {}).status_code
        for own in (True, False, False)
    ]
    assert told == [502, 503, 200]
    headers = {"x-mockling-fault": "status=429"}
    assert local.get(f"/v2/requests/{NOBODY}", key, headers=headers).status_code == 429
    assert local.get("/v1/get-user-credits", key, headers=headers).status_code == 429
    refused = local.post(V2, key, sample, headers={"x-mockling-fault": "on=poll drop"})
    assert (refused.status_code, "a header strikes its own call alone" in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stauts=502", "A fault has no 'stauts'; did you mean 'status'?"),
        ("status=502 stage=x", "There is no stage 'x'"),
        ("status=502 skip=1", "skip chooses among calls, and a header has one; plan it with Emulator.fault."),
        ("status=502 probability=0.5", "probability chooses among calls"),
        ("status=502 prompt=(a+)+$", "prompt chooses among calls"),
        ("status=502 body=" + "[" * 900 + "]" * 900, "body may have at most 100 levels."),
        ("prompt=" + "(" * 3000 + " drop", "prompt is no regular expression"),
        ("cut=NaN", "cut must be a share"),
    ],
)
def test_a_header_that_is_no_fault_is_refused(local: Local, sample: Any, text: str, told: str) -> None:
    """A call whose own fault makes no sense is 400, with the sentence, and costs nothing."""
    key = make_key()
    answer = local.post(V2, key, sample, headers={"x-mockling-fault": text})
    assert answer.status_code == 400
    assert told in answer.get_json()["error"]
    assert local.balance(key) == 100


def test_keys_in_faults_are_masked(local: Local, sample: Any) -> None:
    """A key that a fault names is not shown in the journal."""
    key = make_key()
    arm(local, status=502, key=key)
    assert statuses(local, sample, 1, key) == [502]
    assert key not in str(local.journal[-1].fault)
    assert key not in str(local.journal[-1])


def test_faults_can_be_looked_at_and_forgotten() -> None:
    """`faults` tells each in its order with how it stands; `disarm` forgets all of them."""
    emulator = Emulator(speed="manual", faults=[{"status": 502}])
    emulator.fault(on="download", cut=0.5)
    assert [armed.report() for armed in emulator.faults] == [
        {"number": 1, "fault": {"on": "post", "status": 502}, "met": 0, "fired": 0, "spent": False},
        {"number": 2, "fault": {"on": "download", "cut": 0.5}, "met": 0, "fired": 0, "spent": False},
    ]
    emulator.disarm()
    assert emulator.faults == []


def test_settings_refuse_what_is_no_table() -> None:
    """`faults` in Settings is a list of tables."""
    with pytest.raises(ValueError, match="each of faults must be a table, such as"):
        Settings(faults=["drop"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="faults must be a list"):
        Settings(faults={"drop": True})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("stauts = 502", "A fault has no 'stauts'; did you mean 'status'?"),
        ("status = 502\nstage = 'rates'", "There is no stage 'rates'; did you mean 'rate'?"),
        ("status = 502\nsince = 1979-05-27", "A fault holds only what JSON can be"),
        ("headers = 5", "headers must be a table of texts, got the number 5."),
    ],
)
def test_serve_tells_a_wrong_fault_like_any_setting(tmp_path: Path, toml: str, told: str) -> None:
    """`mockling serve` names the file, says in one line what is wrong, exits with 2, and nothing starts."""
    (tmp_path / "m.toml").write_text(f"[[faults]]\n{toml}\n")
    fails(run("serve", "--config", tmp_path / "m.toml"), "m.toml: ", told, code=2)


def test_serve_takes_faults_as_options(sample: Any) -> None:
    """`--fault`, which is repeatable, arms what its text says; a wrong one is told."""
    fails(run("serve", "--fault", "stat=5"), "'--fault'", "A fault has no 'stat'; did you mean 'status'?", code=2)
    fails(run("serve", "--fault", "status=502 stage=x"), "There is no stage 'x'", code=2)
    with serving("--fault", "status=502", "--fault", "status=504 error='Too late'") as (_, url, _):
        told = [requests.post(f"{url}{V2}", headers={"x-api-key": GOOD_KEY}, json=sample, timeout=30) for _ in range(3)]
    assert [answer.status_code for answer in told] == [502, 504, 200]
    assert told[1].json() == {"error": "Too late"}


@pytest.mark.parametrize("name", failures(load()))
def test_a_job_can_fail_for_every_reason_that_has_a_name(name: str, sample: Any) -> None:
    """The generation fails with the reason's own text, on v2 as a failed job, and costs nothing."""
    local, key = Local(contract=STEADY), make_key()
    arm(local, fail=name)
    job = local.submit(key, sample)
    local.advance(1000)
    answer = local.get(job["status_url"], key)
    assert answer.status_code == 422
    assert answer.get_json()["error"] == local.contract.document["x-errors"][name]["error"]
    assert local.balance(key) == 100
