"""What the strategies of requests draw: what is just inside each limit of a schema, and what is just outside it."""

import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from mockling.contract import ContractError, Model, load
from mockling.contract.strategies import broken_requests, valid_requests

Make = Callable[[dict[str, Any]], Model]
Test = Callable[[Any], bool]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return what makes a model whose one parameter, which must be given, is of a schema."""

    def made(schema: dict[str, Any]) -> Model:
        file = {
            "slug": "a-model",
            "parameters": {"type": "object", "required": ["one"], "properties": {"one": schema}},
            "example": {"one": schema["examples"][0]},
            "price": 1,
            "latency": 10,
            "output": {"seconds": 5, "pixels": [640, 360]},
        }
        (tmp_path / "model.yaml").write_text(json.dumps(file), "utf-8")
        return load(models=[tmp_path / "model.yaml"]).models["a-model"]

    return made


class EnoughError(Exception):
    """Everything that is wanted was drawn."""


def missing(strategy: SearchStrategy[Any], wanted: dict[str, Test], examples: int = 3000) -> set[str]:
    """Draw values until each of the tests was true of one; return those that never were."""
    left = dict(wanted)

    @settings(max_examples=examples, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def look(value: Any) -> None:
        for name in [name for name, test in left.items() if test(value)]:
            del left[name]
        if not left:
            raise EnoughError

    with suppress(EnoughError):
        look()
    return set(left)


def equal(values: Iterable[Any]) -> dict[str, Test]:
    """Return a test for each value: that it was drawn, and not another of another type."""
    return {repr(value): lambda drawn, value=value: drawn == value and type(drawn) is type(value) for value in values}


def sized(kind: type, sizes: Iterable[int]) -> dict[str, Test]:
    """Return a test for each size: that a text or list of so many was drawn."""
    return {f"{size} long": lambda drawn, size=size: isinstance(drawn, kind) and len(drawn) == size for size in sizes}


LIMITS: dict[str, tuple[dict[str, Any], dict[str, Test], dict[str, Test]]] = {
    # the schema, what must be drawn as valid, what as broken
    "minimum": ({"type": "integer", "minimum": 3, "maximum": 9}, equal([3, 9]), equal([2, 10])),
    "exclusive": (
        {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 6},
        equal([4, 5]),
        equal([3, 6, 2, 7]),
    ),
    "exclusive number": (
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 2},
        {"close to 0": lambda value: 0 < value < 0.5, "close to 2": lambda value: 1.5 < value < 2},
        equal([0, 2, -1, 3]),
    ),
    "number": (
        {"type": "number", "minimum": 0.5, "maximum": 2.5},
        equal([0.5, 2.5]),
        equal([-0.5, 3.5]),
    ),
    "multipleOf": (
        {"type": "integer", "minimum": 3, "maximum": 20, "multipleOf": 5},
        equal([5, 10, 15, 20]),
        equal([2, 21]),
    ),
    "fractions": (
        {"type": "number", "minimum": 0.1, "maximum": 0.4, "multipleOf": 0.1},
        equal([0.1, 0.2, 0.3, 0.4]),
        {"less": lambda value: isinstance(value, float) and value < 0.1},
    ),
    "length": ({"type": "string", "minLength": 2, "maxLength": 4}, sized(str, [2, 3, 4]), sized(str, [0, 1, 5])),
    "no text": (
        {"type": "string", "maxLength": 0},
        equal([""]),
        {"one sign": lambda drawn: isinstance(drawn, str) and len(drawn) == 1},
    ),
    "items": (
        {"type": "array", "minItems": 2, "maxItems": 4, "items": {"type": "boolean"}},
        sized(list, [2, 3, 4]),
        {**sized(list, [0, 1, 5]), "a wrong item": lambda drawn: isinstance(drawn, list) and drawn[:1] == [None]},
    ),
    "one item": (
        {"type": "array", "minItems": 1, "items": {"type": "boolean"}},
        sized(list, [1, 2, 6]),
        sized(list, [0]),
    ),
    "enum": (
        {"enum": ["a", 2, None, True]},
        equal(["a", 2, None, True]),
        {"another text": lambda drawn: isinstance(drawn, str) and drawn != "a"},
    ),
    "const": (
        {"const": "a"},
        equal(["a"]),
        {"another text": lambda drawn: isinstance(drawn, str) and drawn != "a"},
    ),
    "pattern": (
        {"type": "string", "pattern": "^[ab]{2}$"},
        equal(["aa", "ab", "ba", "bb"]),
        {"no text": lambda drawn: not isinstance(drawn, str)},
    ),
    "uri": (
        {"type": "string", "format": "uri", "pattern": "^https?://[^/]"},
        {name: lambda url, name=name: url.startswith(name) for name in ("http://", "https://")},
        equal(["", "not a uri", "www.example.com/a.mp4", "/a.mp4", "http://", "ftp://example.com/a", "data:,"]),
    ),
    "types": (
        {"type": ["string", "null"]},
        {"null": lambda value: value is None, "a text": lambda value: isinstance(value, str)},
        {kind.__name__: lambda drawn, kind=kind: type(drawn) is kind for kind in (bool, int, float, list, dict)},
    ),
}
FIRST = {"exclusive": 4, "exclusive number": 1, "length": "ab", "no text": "", "items": [True] * 2, "one item": [True]}
FIRST |= {"pattern": "ab", "uri": "https://e.com", "types": None, "fractions": 0.1, "number": 1, "multipleOf": 5}
FIRST |= {"minimum": 3, "enum": "a", "const": "a"}


@pytest.mark.parametrize("name", LIMITS)
def test_what_is_just_inside_and_just_outside_a_limit_is_drawn(make: Make, name: str) -> None:
    """A limit and its neighbours come up, each among the valid values or the broken ones, as it is one or the other."""
    schema, inside, outside = LIMITS[name]
    model = make({**schema, "examples": [FIRST[name]]})
    valid = valid_requests(model).map(lambda request: request["one"])
    assert missing(valid, inside) == set()
    broken = broken_requests(model).map(lambda drawn: drawn[0].get("one", "left out"))
    assert missing(broken, outside) == set()


@pytest.mark.parametrize("name", LIMITS)
def test_what_is_drawn_is_what_it_is_said_to_be(make: Make, name: str) -> None:
    """Whatever the keyword, a valid request has no violation, and a broken one has one, at its place."""
    model = make({**LIMITS[name][0], "examples": [FIRST[name]]})

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(valid_requests(model), broken_requests(model))
    def look(request: dict[str, Any], broken: tuple[dict[str, Any], str]) -> None:
        assert model.violations(request) == []
        assert [violation.path for violation in model.violations(broken[0])] == [broken[1]]

    look()


def test_a_number_is_drawn_where_a_whole_one_is_wanted(make: Make) -> None:
    """A fraction is broken where an integer is wanted, and a whole number is right where any is."""
    for kind, wanted in (("integer", {float}), ("number", set[type]())):
        model = make({"type": kind, "examples": [1]})
        tests = {f"{one}": lambda drawn, one=one: type(drawn[0].get("one")) is one for one in (int, float)}
        never = {str(one) for one in (int, float) if one not in wanted}
        assert missing(broken_requests(model), tests, 200) == never


def test_both_of_the_first_items_are_broken(make: Make) -> None:
    """An item is broken at the beginning and after a valid one, and where only one may be, only there."""
    for most, places in ((None, {"$.one[0]", "$.one[1]"}), (1, {"$.one[0]"})):
        limit = {} if most is None else {"maxItems": most}
        model = make({"type": "array", "items": {"type": "boolean"}, "examples": [[]], **limit})
        tests = {path: lambda drawn, path=path: drawn[1] == path for path in ("$.one[0]", "$.one[1]")}
        assert missing(broken_requests(model), tests, 200) == tests.keys() - places


def test_a_keyword_without_a_strategy_is_told(make: Make) -> None:
    """A keyword that no value would keep is an error, a note of one's own is none."""
    assert missing(valid_requests(make({"type": "integer", "x-note": 1, "examples": [1]})), {"any": bool}) == set()
    model = make({"type": "integer", "not": {"const": 5}, "examples": [1]})
    with pytest.raises(ContractError, match="No strategy is known for not in a schema; add one"):
        valid_requests(model)


def test_what_would_fail_is_not_drawn(tmp_path: Path) -> None:
    """A text that must not be blank never is, and one that leads to a file is a web address."""
    file = tmp_path / "model.yaml"
    file.write_text(
        """
slug: a-model
parameters:
  type: object
  required: [prompt, urls]
  properties:
    prompt: {type: string, maxLength: 2}
    urls: {type: array, minItems: 1, items: {type: string}}
example: {prompt: a, urls: ["https://e.com"]}
price: 1
latency: 1
output: {seconds: 5, pixels: [640, 360]}
inputs: {"urls[]": {kind: image}}
failures: [{blank: prompt, error: Say something.}]
""",
        "utf-8",
    )
    model = load(models=[file]).models["a-model"]
    tests: dict[str, Test] = {
        "blank": lambda one: not one["prompt"].strip(),
        "no address": lambda one: not all(re.match("https?://", url, re.IGNORECASE) for url in one["urls"]),
    }
    assert missing(valid_requests(model), tests, 200) == set(tests)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "format": "uri", "pattern": "^https", "examples": ["https://e.com/a"]},
        {"type": "string", "minLength": 5, "examples": ["abcde"]},
        {"type": "string", "minLength": 2, "maxLength": 2, "examples": ["ab"]},
        {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "integer"}, "examples": [[1, 2]]},
    ],
    ids=lambda schema: "-".join(schema),
)
def test_a_broken_request_breaks_what_is_named_and_nothing_else(make: Make, schema: dict[str, Any]) -> None:
    """A valid request has no violation; a broken one has its first where the strategy says."""
    model = make(schema)

    @settings(max_examples=60, database=None, suppress_health_check=list(HealthCheck))
    @given(valid_requests(model), broken_requests(model))
    def check(valid: dict[str, Any], broken: tuple[dict[str, Any], str]) -> None:
        assert model.violations(valid) == []
        request, path = broken
        assert [violation.path for violation in model.violations(request)] == [path]

    check()
