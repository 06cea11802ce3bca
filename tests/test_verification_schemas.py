"""Spots: a schema taken apart says of a value what the whole schema says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockling.contract.validation import SchemaValidator
from mockling.contract.verification.schemas import spots, undocumented

WORD = {"type": "string", "minLength": 1}
DONE = {
    "type": "object",
    "required": ["state", "files"],
    "properties": {
        "state": {"const": "done"},
        "files": {"type": "array", "maxItems": 2, "items": {"$defs": {}, **WORD}},
    },
}
GOING = {
    "type": "object",
    "required": ["state"],
    "properties": {"state": {"enum": ["a", 1]}, "left": {"type": "number"}},
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "branches": {"anyOf": [DONE, GOING]},
    "branches below": {"type": "object", "required": ["a"], "properties": {"a": {"anyOf": [GOING, DONE]}}},
    "branches alike": {"anyOf": [DONE, DONE]},
    "branches of no object": {"anyOf": [{"type": "number"}, WORD]},
    "branches with more": {"anyOf": [{**DONE, "minProperties": 3}, GOING]},
    "one of": {"oneOf": [DONE, GOING]},
    "a list": {"type": "array", "minItems": 1, "items": DONE},
    "unnamed": {"type": "object", "required": ["files"]},
    "forbidden": {"type": "object", "properties": {"left": {"type": "number"}}, "not": {"required": ["state"]}},
    "forbidden together": {"type": "object", "not": {"required": ["state", "left"]}},
    "forbidden kind": {"not": {"type": "string"}},
    "closed": {"type": "object", "properties": {"a": WORD}, "additionalProperties": False},
    "no keyword": {},
}
PARTS = st.sampled_from([None, True, 1, 1.0, 2.5, "", "a", "done", "b"])
NAMES = st.sampled_from(["state", "files", "left", "a"])
VALUES = st.recursive(PARTS, lambda part: st.lists(part, max_size=3) | st.dictionaries(NAMES, part, max_size=4))


def flaws(schema: dict[str, Any], value: Any) -> dict[str, str]:
    """Return what came at each spot that is flawed."""
    found = ((spot.label, flaw) for spot in spots(schema) for flaw in spot.flaws(value))
    return {label: flaw.actual for label, flaw in found if flaw}


@given(st.sampled_from(list(SCHEMAS)), VALUES)
def test_spots_say_what_the_whole_says(name: str, value: Any) -> None:
    """Some spot of a value is flawed exactly if the whole schema refuses the value."""
    told = SchemaValidator(SCHEMAS[name], {"required": "", "invalid": ""}).violations(value)
    assert bool(flaws(SCHEMAS[name], value)) == bool(told)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("branches", {"state": "done"}, {"done.files": "nothing"}),
        (
            "branches",
            {"state": "done", "files": ["x", "", 5]},
            {"done.files": "an array of 3 items", "done.files[]": "the number 5"},
        ),
        ("branches", {"state": 1, "left": "x"}, {"a-or-1.left": 'the string "x"'}),
        ("branches", {"state": "gone", "left": "x"}, {"state": 'the string "gone"'}),
        ("branches", {"left": "x"}, {"state": "nothing"}),
        ("branches", {"state": True}, {"state": "the boolean true"}),
        ("branches", [], {"": "an array of 0 items"}),
        ("branches below", {"a": {"state": "done", "files": None}}, {"a.done.files": "null"}),
        ("branches alike", {"state": "done"}, {"": "an object"}),
        ("branches with more", {"state": "done", "files": []}, {"": "an object"}),
        ("a list", [{"state": "done", "files": []}, {}], {"[].state": "nothing", "[].files": "nothing"}),
        ("unnamed", {}, {"files": "nothing"}),
        ("forbidden", {"state": 1}, {"state": "the number 1"}),
    ],
)
def test_a_flaw_is_told_where_it_is(name: str, value: Any, expected: dict[str, str]) -> None:
    """What is wrong is told of the innermost spot, and of no spot within what is missing or of another kind."""
    assert flaws(SCHEMAS[name], value) == expected


def test_only_what_a_schema_does_not_know_is_undocumented() -> None:
    """Of a value with branches what its own branch does not know; where no field is named, all are known."""
    whole: dict[str, Any] = {"type": "array", "items": SCHEMAS["branches"]}
    value = [{"state": "done", "files": ["x"], "left": 1}, {"state": "a", "left": 1, "files": []}, {"state": "gone"}]
    assert list(undocumented(whole, value)) == ["[].left", "[].files"]
    assert list(undocumented({"type": "object"}, {"a": 1})) == []
    assert list(undocumented(SCHEMAS["branches below"], {"a": {"state": "done", "b": 1}, "c": 1})) == ["a.b", "c"]
