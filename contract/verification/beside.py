"""Attempts: values that a schema takes, at its very limits, and values just beside them that it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from mockling.contract.figures import text_of
from mockling.contract.verification.values import (
    KINDS,
    LARGEST,
    MISSING,
    NOWHERE,
    URL,
    Schema,
    around,
    kinds_taken,
    nearest,
    of_kind,
    plus,
    same,
    sample,
    several,
    sized,
    takes,
)

MOST_VALUES = 60  # of an enum that are tried
LONG = 5000  # characters of a text that has no limit
MANY = 20  # items more than the fewest, of a list that has no limit
_NO_URLS = {
    "empty": "",
    "blank": " ",
    "no_url": "input",
    "no_scheme": NOWHERE.partition("://")[2],
    "path_alone": "/input",
    "no_host": "https:///input",
    "ftp": NOWHERE.replace("https", "ftp"),
    "with_a_blank": f"{NOWHERE} file",
    "beyond_ascii": f"{NOWHERE}\u00e9",
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A value that must be taken or refused.

    `name` is stable, `place` where below the value's schema it says so, `told` what the value is like ("": what it is).
    """

    name: str
    value: Any
    takes: bool
    place: tuple[str | int, ...]
    told: str = ""


def attempts(schema: Schema, value: Any) -> Iterator[Attempt]:
    """Yield the attempts at one place, given a valid value of it (or `MISSING`); of lists and objects, as a whole.

    Some may be refused, or taken, because of what else a schema says: who uses them looks.
    """
    yield from chain(_kinds(schema, value), _values(schema), _texts(schema, value), _numbers(schema), _lists(schema))


def label(value: Any) -> str:
    """Return a value as it stands in an id."""
    text = text_of(value) if isinstance(value, str | bool | int | float) else "null" if value is None else "value"
    return re.sub(r"[^A-Za-z0-9:._+-]+", "_", text)[:40] or "empty"


def spread(values: Sequence[Any], most: int) -> list[Any]:
    """Return at most so many of the values, the first and the last among them, the others evenly between."""
    if len(values) <= most:
        return list(values)
    return [values[round(number * (len(values) - 1) / (most - 1))] for number in range(most)]


def _kinds(schema: Schema, value: Any) -> Iterator[Attempt]:
    taken = kinds_taken(schema)
    place = ("type",) if "type" in schema else ("enum",) if "enum" in schema else ()
    for kind in KINDS:
        if kind in taken and not {"enum", "const"} & schema.keys():
            for example in (True, False) if kind == "boolean" else [of_kind(kind, schema)]:
                if example is not MISSING:
                    yield Attempt(label(example) if kind == "boolean" else kind, example, True, place)
        elif kind not in taken and not (kind == "number" and "integer" not in taken):
            name = "number" if kind == "integer" else "fraction" if kind == "number" else kind
            yield Attempt(name, nearest(kind, value), False, place)


def _values(schema: Schema) -> Iterator[Attempt]:
    if "const" in schema:
        yield Attempt(label(schema["const"]), schema["const"], True, ("const",))
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    names = set[str]()
    for value in spread(values, MOST_VALUES) if "enum" in schema else ():
        name = label(value)
        name = name if name not in names else f"{name}-{type(value).__name__}"
        names.add(name)
        place = ("enum", next(index for index, one in enumerate(values) if same(one, value)))
        yield Attempt(name, value, True, place)
    keyword = ("enum",) if "enum" in schema else ("const",)
    for name, value in _outside(values):
        if not any(same(value, known) for known in values):
            yield Attempt(name, value, False, keyword)


def _outside(values: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Yield values of the same type beside those of an enum: in other letters, with a blank, and the numbers around."""
    texts = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    counted = [int(text) for text in texts if re.fullmatch(r"-?\d{1,15}", text)]
    for beside in (min(counted) - 1, max(counted) + 1) if counted else ():
        yield label(str(beside)), str(beside)
    for beside in (plus(min(numbers), -1), plus(max(numbers), 1)) if numbers else ():
        yield f"{label(beside)}-number" if texts else label(beside), beside
    if texts:
        other = next((text for text in texts if text.swapcase() != text), None)
        yield "other", "something-else"
        yield from [("other_case", other.swapcase())] if other else []
        yield from [("blank_after", f"{texts[0]} "), ("empty", "")]


def _texts(schema: Schema, value: Any) -> Iterator[Attempt]:
    if "string" not in kinds_taken(schema) or {"enum", "const"} & schema.keys():
        return
    text = value if isinstance(value, str) else of_kind("string", schema)
    if not isinstance(text, str):
        return
    if not {"minLength", "format", "pattern"} & schema.keys():
        yield Attempt("empty", "", True, ())
    if not {"maxLength", "format", "pattern", URL} & schema.keys():
        yield Attempt("long", sized(text, LONG), True, (), f"a text of {LONG} characters")
    for keyword, beyond in (("minLength", -1), ("maxLength", 1)):
        limit = schema.get(keyword, 0 if keyword == "minLength" else LARGEST)
        if 0 < limit < LARGEST:
            for length, is_taken in ((limit, True), (limit + beyond, False)):
                tried = sized(text, length)
                yield Attempt(f"{length}_characters", tried, is_taken, (keyword,), f"a text of {length} characters")
    if schema.get("format") == "uri":
        urls = [("url", text), ("http", NOWHERE.replace("https", "http")), ("capitals", NOWHERE.upper())]
        yield from (Attempt(name, url, True, ("format",)) for name, url in urls)
    if "pattern" in schema or schema.get("format") == "uri":
        yield from _no_texts(schema, text)


def _no_texts(schema: Schema, text: str) -> Iterator[Attempt]:
    """Yield texts that a format or pattern refuses, each with the keyword that does it alone, if one does."""
    bare = [f"{text}!", f"!{text}", text.swapcase(), f"{text}\n", "!", "?"]
    others = _NO_URLS if schema.get("format") == "uri" else {"empty": "", "blank": " ", **_first(schema, bare)}
    for name, value in others.items():
        alone = [word for word in ("pattern", "format") if word in schema and not takes({word: schema[word]}, value)]
        if alone:
            yield Attempt(name, value, False, (alone[0],))


def _first(schema: Schema, texts: Iterable[str]) -> dict[str, str]:
    refused = next((text for text in texts if not takes({"pattern": schema["pattern"]}, text)), None)
    return {} if refused is None else {"another_form": refused}


def _numbers(schema: Schema) -> Iterator[Attempt]:
    if not {"integer", "number"} & kinds_taken(schema):
        return
    for keyword, sign in (("minimum", -1), ("maximum", 1), ("exclusiveMinimum", -1), ("exclusiveMaximum", 1)):
        if keyword in schema:
            inside, outside = around(schema[keyword], sign, schema, is_open=keyword.startswith("exclusive"))
            yield Attempt(label(inside), inside, True, (keyword,))
            yield Attempt(label(outside), outside, False, (keyword,))
    if "multipleOf" in schema:
        step, start = schema["multipleOf"], sample({**schema, "default": None})
        if start is not MISSING and start is not None:
            between = 1 if "number" not in kinds_taken(schema) and step != 1 else step / 2
            yield Attempt(f"multiple_{label(start)}", start, True, ("multipleOf",))
            for value in (plus(start, between), plus(start, -between)):
                yield Attempt(f"between_{label(value)}", value, False, ("multipleOf",))


def _lists(schema: Schema) -> Iterator[Attempt]:
    if "array" not in kinds_taken(schema) or {"enum", "const"} & schema.keys():
        return
    least, most = schema.get("minItems", 0), schema.get("maxItems", LARGEST)
    lengths = {least: True, least - 1: False}
    lengths |= {most: True, most + 1: False} if most < LARGEST else {least + MANY: True}
    for length, is_taken in sorted(lengths.items()):
        items = several(schema, length)
        if length == len(items):
            keyword = "maxItems" if length >= most else "minItems"
            yield Attempt(f"{length}_items", items, is_taken, (keyword,) if keyword in schema else ())
    if schema.get("uniqueItems"):
        yield Attempt("the_same_twice", several({**schema, "uniqueItems": False}, 2), False, ("uniqueItems",))
