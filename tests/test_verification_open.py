"""Clauses of answers are open: what changes nothing for a caller breaks none of them, and one change is one cause."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from answered import PROFILES, answers, broken, changed, fields, findings, message, put, recorded, state, with_json
from hypothesis import given
from hypothesis import strategies as st

from mockling.contract.exchange import Exchange, Message
from mockling.contract.verification.clause import Verdict
from mockling.contract.verification.evidence import Step

SEEN = json.loads((Path(__file__).parent / "data" / "seen-bodies.json").read_text("utf-8"))["bodies"]
WORDS = ["", "x", "COMPLETED", "QUEUED", "http://["]
ODD = st.sampled_from([None, True, -1, 0.5, 10**20, *WORDS, [], [1], {}, {"cost": 1}])


def test_what_changes_everywhere_has_one_root_cause() -> None:
    """A field that is added to every answer is one notice, one that is missing in every error is one break."""
    errors = [step for step in answers() if step.exchange.error]
    assert len(errors) > 50
    added = findings(with_json(step, {**step.exchange.answer, "error_code": 1}) for step in errors)
    assert {(one.verdict, one.root) for one in added.values()} == {(Verdict.NOTICE, "undocumented field error_code")}
    assert len(added) == len({(step.exchange.operation, step.status) for step in errors})
    lost = findings(with_json(step, put(step.exchange.answer, ("error",), "dropped")) for step in errors)
    assert {(one.verdict, one.root) for one in lost.values()} == {(Verdict.BROKEN, "error is missing")}
    odd = findings(with_json(step, {**step.exchange.answer, "error": step.status}) for step in errors)
    assert len({one.actual for one in odd.values()}) > 10
    assert {one.root for one in odd.values()} == {"error is not a string of at least 1 characters"}


def test_a_field_is_undocumented_at_any_depth() -> None:
    """Its whole path is told; where the document names no fields, none is undocumented."""
    (step,) = [step for step in answers() if state(step) == "completed." and step.exchange.operation == "result"]
    value = deepcopy(step.exchange.answer)
    value["video"]["codec"] = value["metrics"]["gpu"] = value["seed"] = 1
    found = findings([with_json(step, value)])
    assert list(found) == ["result.200.undocumented"]
    assert found["result.200.undocumented"].actual == "metrics.gpu, seed, video.codec"
    running = next(step for step in answers() if state(step) == "queued-or-processing.")
    assert findings([with_json(running, {**running.exchange.answer, "metrics": {"gpu": 1}})]) == {}


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_benign_breaks_nothing(profile: str) -> None:
    """Another order of keys, further fields and headers, other cases and words, and no optional header are welcome."""

    def stirred(value: Any) -> Any:
        if isinstance(value, dict):
            return {"further": None, **{name: stirred(part) for name, part in reversed(value.items())}}
        return value

    for step in answers(profile, distinct=False):
        headers = [*message(step).headers, ("server", "another"), ("set-cookie", "a=b")]
        benign = changed(
            step, headers=tuple((name.title(), value) for name, value in headers if "access-control" not in name)
        )
        if isinstance(step.exchange.answer, dict):
            value = stirred(step.exchange.answer)
            benign = with_json(benign, {**value, **({"error": "In other words."} if "error" in value else {})})
        assert broken([benign], profile) == []


@pytest.mark.parametrize("row", SEEN, ids=[f"{row['operation']}-{row['status']}-{n}" for n, row in enumerate(SEEN)])
def test_bodies_that_were_seen_break_nothing(row: dict[str, Any]) -> None:
    """What the platform is known to send is as the clauses want it, fields that nobody documents included."""
    for profile in [row["profile"]] if "profile" in row else PROFILES:
        body = json.dumps(row["body"]).encode()
        answer = Message((("content-type", "application/json"),), body, len(body))
        exchange = Exchange(1, 0, 0, row["operation"], "GET", "/", "", Message((), b"", 0), row["status"], answer)
        assert findings([Step("seen", "", exchange)], profile) == {}


def test_what_was_not_kept_is_not_judged() -> None:
    """An answer to HEAD has no body, and a long body or a video of a recording may have been cut."""
    for step in answers():
        empty = changed(step, body=b"")
        assert broken([replace(empty, exchange=replace(empty.exchange, method="HEAD"))]) == []
        assert broken([changed(step, body=b"", size=100_000)]) == []
        assert broken([replace(step, exchange=replace(step.exchange, status=None, response=None))]) == []


@given(st.data())
def test_clauses_agree_with_the_contract(data: st.DataObject) -> None:
    """Whatever a body's fields are changed into, some clause is broken exactly if the contract says that it is."""
    profile = data.draw(st.sampled_from(PROFILES))
    contract = recorded(profile)[0]
    step = data.draw(st.sampled_from([step for step in answers(profile) if step.exchange.answer]))
    value = deepcopy(step.exchange.answer)
    for path in data.draw(st.lists(st.sampled_from(list(fields(value))), min_size=1, max_size=3)):
        holder = value
        for name in path[:-1]:
            holder = holder[name] if isinstance(holder, dict) and name in holder else {}
        if isinstance(holder, dict):
            holder[path[-1]] = data.draw(ODD)
    operation, status = str(step.exchange.operation), step.status or 0
    body = json.dumps(value).encode()
    violations = contract.response_violations(operation, status, dict(message(step).headers), body)
    assert bool(broken([changed(step, body=body)], profile)) == bool(violations)


def test_half_a_character_is_no_break() -> None:
    """A text that was cut within a character is a text all the same, wherever it stands."""
    for step in answers():
        if step.exchange.error:
            assert broken([with_json(step, {**step.exchange.answer, "error": "cut \ud83d", "more": "\ud83d"})]) == []
