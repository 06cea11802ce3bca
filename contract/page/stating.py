"""What is said of one parameter: its type, its default, its values and its limits, on the page and in its schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from mockling.contract.document import Document
from mockling.contract.figures import kinds_of, text_of
from mockling.contract.page.points import Points, Steps, told
from mockling.contract.page.reading import Parameter, Values

_NO_UNIT = r"(?!\s*(?:[kKMG]i?B\b|px\b|pixels?\b|s\b|secs?\b|seconds?\b|minutes?\b|characters?\b|chars?\b|%))"
_CHARACTERS = r"(?=\s*(?:characters?|chars?)\b)"
_MOST = r"\b(?:[Mm]ax(?:imum)?|[Uu]p to|[Aa]t most)(?: of)?:? (\d{1,9})\b"
_LEAST = r"\b(?:[Mm]in(?:imum)?|[Aa]t least)(?: of)?:? (\d{1,9})\b"
# What a description says in passing, by the keyword that a schema has for it.
_IN_PASSING = {
    "maxItems": re.compile(_MOST + _NO_UNIT),
    "minItems": re.compile(_LEAST + _NO_UNIT),
    "maxLength": re.compile(_MOST + _CHARACTERS),
    "minLength": re.compile(_LEAST + _CHARACTERS),
}
_LIMITS = {
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "array": ("minItems", "maxItems"),
    "string": ("minLength", "maxLength"),
}
_EXCLUSIVE = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}
_PIXELS = {
    side: re.compile(rf"\b{side}\b[^.;]*?(\d{{1,6}})\s*(?:-|\u2013|to)\s*(\d{{1,6}})\s*(?:px|pixels)", re.IGNORECASE)
    for side in ("width", "height")
}


def compare_parameter(points: Points, place: str, steps: Steps, parameter: Parameter, schema: Document) -> None:
    """Note in which points a parameter on the page agrees with its schema, to which `steps` lead."""
    _compare_type(points, f"{place}.type", steps, parameter.type, schema)
    _compare_default(points, f"{place}.default", (*steps, "default"), parameter.default, schema)
    _compare_values(points, place, steps, parameter.values, schema)
    for kind in sorted(kinds_of(schema) & _LIMITS.keys()):
        for keyword, written in zip(_LIMITS[kind], (parameter.minimum, parameter.maximum), strict=True):
            limit = schema.get(keyword, schema.get(_EXCLUSIVE.get(keyword, "")))
            passing = _IN_PASSING[keyword].search(parameter.text) if keyword in _IN_PASSING else None
            page = passing[1] if passing and written is None else written
            same = None not in (limit, page) and Decimal(str(page)) == Decimal(str(limit))
            points.check(f"{place}.{keyword}", (*steps, keyword), page, None if limit is None else told(limit), same)


def compare_files(points: Points, path: str, parameter: Parameter, model: Document) -> None:
    """Note how large, in pixels, the page and the model's file want the files that the parameter at a path names."""
    for name in {path, f"{path}[]"} & model["inputs"].keys():
        limits = model["inputs"][name]
        for side, pattern in _PIXELS.items():
            rule = "should" if side in limits.get("should", {}) and side not in limits.get("must", {}) else "must"
            span, found = limits.get(rule, {}).get(side), pattern.search(parameter.text)
            page = f"{found[1]} to {found[2]}" if found else None
            if page or rule == "must":
                contract = f"{span.get('minimum')} to {span.get('maximum')}" if span else None
                steps = ("x-models", model["slug"], "inputs", name, rule, side)
                points.check(f"inputs.{name}.{side}", steps, page, contract)


def _compare_type(points: Points, place: str, steps: Steps, page: str, schema: Document) -> None:
    words = _types(schema)
    if words:
        same = page in words or (words == ["array"] and page.endswith("[]"))
        points.check(place, (*steps, "type"), page, words[0], same)
    else:
        points.skip(place, "the contract does not say it")


def _types(schema: Any) -> list[str]:
    """Return the ways in which a page may write a parameter's type, the usual one first; if it can be any, none."""
    if not isinstance(schema, Mapping):
        return []
    kinds = sorted(kinds_of(schema) - {"null"})
    if kinds == ["array"]:
        items = _types(schema.get("items"))
        return [*(f"{word.partition(' (')[0]}[]" for word in items[:1]), "array"]
    if kinds == ["string"] and "format" in schema:
        return [f"string ({schema['format']})"]
    return [" or ".join(kinds)] if kinds else []


def _compare_default(points: Points, place: str, steps: Steps, said: str | None, schema: Document) -> None:
    written = schema.get("default")
    contract = None if written is None else told(written)  # a default of null is none
    try:
        value = None if said is None else json.loads(said, strict=False)
    except (ValueError, RecursionError):
        points.skip(place, f"what the page says could not be read: {said}")
        return
    same = value == written and isinstance(value, bool) == isinstance(written, bool)
    points.check(place, steps, None if value is None else told(value), contract, same)


def _compare_values(points: Points, place: str, steps: Steps, said: Values | None, schema: Document) -> None:
    values = [told(value) if isinstance(value, str) else text_of(value) for value in schema.get("enum", ())]
    values = list(filter(None, values))  # null is no value
    steps, contract = (*steps, "enum"), " ".join(values) or None
    if said is None:
        points.check(f"{place}.enum", steps, None, contract)
        return
    shown, count = list(said.shown), len(said.shown) + said.more
    same = count == len(values) and (shown == values[: len(shown)] if said.more else sorted(shown) == sorted(values))
    if not same and not said.more and "".join(shown) == "".join(values):
        same, count = True, len(values)  # they may stand on the page with nothing between them
    rest = f" +{said.more} more" * (said.more > 0) + f" ({said.total} total)" * (said.total is not None)
    page = " ".join(shown) + rest
    points.check(f"{place}.enum", steps, page, contract, same and said.total in (None, count))
    labels = schema.get("x-labels")
    for name, label in labels.items() if isinstance(labels, dict) else ():
        if told(name) in shown:
            points.check(f"{place}.labels.{name}", (*steps[:-1], "x-labels"), said.labels.get(told(name)), str(label))
