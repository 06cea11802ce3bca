"""Fields of documented bodies, and what each of them can be instead of what it should be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from mockling.contract import Document

WRONG_TEXT = "%%"  # of no pattern or format
OTHERS = {"string": 7, "number": "seven", "integer": "seven", "object": [], "array": {}, "boolean": "true"}
Change = Callable[[Any], None]  # of a body, in place


@dataclass(frozen=True, slots=True)
class Spot:
    """An object in a body, and the `schema` of it: `steps` lead to it ("*": each item), `place` to its schema.

    It is there only in bodies of the schema `when` (None: in all).
    """

    steps: tuple[str, ...]
    label: str
    place: tuple[str | int, ...]
    schema: Document
    when: Document | None = None


def spots(
    schema: Document,
    place: tuple[str | int, ...],
    steps: tuple[str, ...] = (),
    label: str = "",
    when: Document | None = None,
) -> Iterator[Spot]:
    """Yield every object in a schema."""
    for index, branch in enumerate(schema.get("anyOf", ())):
        name = ".".join(filter(None, (label, f"({index})")))
        yield from spots(branch, (*place, "anyOf", index), steps, name, branch)
    if "properties" in schema:
        yield Spot(steps, label, place, schema, when)
    for name, part in schema.get("properties", {}).items():
        inner = ".".join(filter(None, (label, name)))
        yield from spots(part, (*place, "properties", name), (*steps, name), inner, when)
    if "items" in schema:
        yield from spots(schema["items"], (*place, "items"), (*steps, "*"), f"{label}[]", when)


def wrong_fields(spot: Spot) -> Iterator[tuple[str, str, Change, tuple[str | int, ...]]]:
    """Yield the changes of each field of an object: what they are called, what they do, and where that is said."""
    for name, schema in spot.schema["properties"].items():
        label = ".".join(filter(None, (spot.label, name)))
        place = (*spot.place, "properties", name)
        if name in spot.schema.get("required", ()):
            yield (
                f"{label}.dropped",
                f"{label} is missing",
                _at(spot, partial(_dropped, name=name)),
                place,
            )
            yield (
                f"{label}.renamed",
                f"{label} has another name",
                _at(spot, partial(_renamed, name=name)),
                place,
            )
        for what, value in _wrong(schema):
            told = f"{label} is {json.dumps(value)}"
            yield (
                f"{label}.{what}",
                told,
                _at(spot, partial(_replaced, name=name, value=value)),
                place,
            )
        if schema.get("type") == "array":
            for what, value in _wrong(schema["items"]):
                told = f"{label} holds {json.dumps(value)}"
                yield (
                    f"{label}[].{what}",
                    told,
                    _at(spot, partial(_replaced, name=name, value=[value])),
                    place,
                )
    for name in spot.schema.get("not", {}).get("required", ()):
        yield (
            f"{name}.added",
            f"{name} is there",
            _at(spot, partial(_added, name=name)),
            (*spot.place, "not"),
        )


def _wrong(schema: Document) -> Iterator[tuple[str, Any]]:
    """Yield values that a schema does not take, and what they are called."""
    yield "null", None
    kind = schema.get("type")
    known = [schema["const"]] if "const" in schema else schema.get("enum", [])
    if known:
        yield "retyped", 7
        yield "changed", "OTHER"
        return
    if kind in OTHERS:
        yield "retyped", OTHERS[kind]
    if kind == "string" and ("pattern" in schema or "format" in schema):
        yield "changed", WRONG_TEXT
    if schema.get("minLength"):
        yield "empty", ""
    if "minimum" in schema:
        yield "low", schema["minimum"] - 1


def _at(spot: Spot, change: Callable[[dict[str, Any]], object]) -> Change:
    """Return the change of a whole body that changes every object of a spot in it."""

    def changed(body: Any, steps: tuple[str, ...] = spot.steps) -> None:
        if not steps:
            if isinstance(body, dict):
                change(body)
        elif steps[0] == "*":
            for item in body if isinstance(body, list) else ():
                changed(item, steps[1:])
        elif isinstance(body, dict) and steps[0] in body:
            changed(body[steps[0]], steps[1:])

    return changed


def _added(held: dict[str, Any], name: str) -> None:
    held[name] = 1


def _dropped(held: dict[str, Any], name: str) -> None:
    held.pop(name, None)


def _renamed(held: dict[str, Any], name: str) -> None:
    if name in held:
        held[f"{name}_"] = held.pop(name)


def _replaced(held: dict[str, Any], name: str, value: Any) -> None:
    if name in held:
        held[name] = value
