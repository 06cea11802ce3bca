"""Schemas that are not quite as they should be: each keyword of a schema dropped, loosened or tightened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from mockling.contract import Document

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
LIMITS = {  # of each, which way is looser
    "maxItems": 1, "maxLength": 1, "maximum": 1, "exclusiveMaximum": 1, "maxProperties": 1,
    "minItems": -1, "minLength": -1, "minimum": -1, "exclusiveMinimum": -1, "minProperties": -1,
}  # fmt: skip
SIMPLE = ("format", "pattern", "const", "multipleOf", "uniqueItems", "additionalProperties", "not", "items")
CHOICES = ("oneOf", "anyOf", "allOf")
NOTHING: Document = {"not": {}}  # what no value is of


@dataclass(frozen=True, slots=True)
class Variant:
    """A schema that differs in one thing.

    `name` tells it from the others, `called` is whose schema is changed ("": all of it), `told` what is said of that;
    `steps` lead to the keyword; `schema` is all of it.
    """

    name: str
    called: str
    told: str
    steps: tuple[str | int, ...]
    schema: Document


Change = tuple[str, str, tuple[str | int, ...], Document]  # a name, what it does, the keyword, what the node is then


def variants(schema: Document) -> Iterator[Variant]:
    """Yield every variant of a schema, those of its parts among them."""
    for steps, called, node in _nodes(schema, (), ""):
        for name, told, keyword, changed in _changes(node):
            whole = _replaced(schema, steps, changed)
            yield Variant(".".join(filter(None, (called, name))), called, told, (*steps, *keyword), whole)


def _nodes(
    node: Any, steps: tuple[str | int, ...], called: str
) -> Iterator[tuple[tuple[str | int, ...], str, Document]]:
    """Yield every schema in a schema, with the steps that lead to it and what its values are called."""
    if not isinstance(node, dict):
        return
    yield steps, called, node
    for name, part in node.get("properties", {}).items():
        yield from _nodes(part, (*steps, "properties", name), f"{called}.{name}".lstrip("."))
    yield from _nodes(node.get("items"), (*steps, "items"), f"{called}[]")
    for keyword in CHOICES:
        for index, part in enumerate(node.get(keyword, ())):
            yield from _nodes(part, (*steps, keyword, index), f"{called}({keyword} {index})")


def _replaced(schema: Document, steps: tuple[str | int, ...], node: Document) -> Document:
    if not steps:
        return node
    whole = deepcopy(schema)
    inner: Any = whole
    for step in steps[:-1]:
        inner = inner[step]
    inner[steps[-1]] = node
    return whole


def _changes(node: Document) -> Iterator[Change]:
    yield from _of_type(node)
    yield from _of_enum(node)
    yield from _of_limits(node)
    yield from _of_properties(node)
    for keyword in (*SIMPLE, *CHOICES):
        if keyword in node:
            yield f"{keyword}.dropped", f"has no {keyword}", (keyword,), _without(node, keyword)
    if {"format", "pattern"} <= node.keys():
        yield "format-and-pattern.dropped", "may be any text", ("format",), _without(node, "format", "pattern")


def _of_type(node: Document) -> Iterator[Change]:
    if "type" not in node:
        return
    own = node["type"] if isinstance(node["type"], list) else [node["type"]]
    if not {"enum", "const"} & node.keys():  # which say of what type it is, too
        yield "type.dropped", "may be of any type", ("type",), _without(node, "type")
    for kind in TYPES:
        if kind not in own and not (kind == "integer" and "number" in own):
            wider = {"anyOf": [node, {"type": kind}]}
            yield f"type.with.{kind}", f"may be of the type {kind} as well", ("type",), wider
    for kind in own:
        narrower = {"allOf": [node, {"not": {"type": kind}}]}
        yield f"type.without.{kind}", f"may not be of the type {kind}", ("type",), narrower
    if "boolean" in own:
        for value in (True, False):
            told = f"may not be {str(value).lower()}"
            yield f"without.{str(value).lower()}", told, ("type",), {"allOf": [node, {"not": {"const": value}}]}


def _of_enum(node: Document) -> Iterator[Change]:
    if "enum" not in node:
        return
    yield "enum.dropped", "has no enum", ("enum",), _without(node, "enum")
    values = node["enum"]
    for index, value in enumerate(values):
        others = [other for other in values if other != value]
        yield (
            f"enum.without.{value}",
            f"may not be {value!r}",
            ("enum", index),
            {**node, "enum": others} if others else NOTHING,
        )
    for name, told, more in _beside(values):
        yield f"enum.{name}", told, ("enum",), {**node, "enum": [*values, *more]}


def _beside(values: list[Any]) -> Iterator[tuple[str, str, list[Any]]]:
    """Yield what somebody would let pass beside the values of an enum: careless readings, and the next number."""
    texts = [value for value in values if isinstance(value, str)]
    others = [other for text in texts for other in (text.upper(), text.lower(), text.title()) if other not in values]
    if others:
        yield "any-case", "may be in any case", others
    if texts:
        yield "stripped", "may have blanks around it", [one for text in texts for one in (f" {text}", f"{text} ")]
    if texts and "" not in values:
        yield "empty", "may be empty", [""]
    numbers = [int(text) for text in texts if text.isdecimal()]
    for number in (min(numbers) - 1, max(numbers) + 1) if numbers and len(numbers) == len(values) else ():
        yield f"with.{number}", f"may be {str(number)!r} as well", [str(number)]


def _of_limits(node: Document) -> Iterator[Change]:
    for keyword, looser in LIMITS.items():
        if keyword in node:
            limit = node[keyword]
            yield f"{keyword}.dropped", f"has no {keyword}", (keyword,), _without(node, keyword)
            for name, way in (("looser", looser), ("tighter", -looser)):
                if limit + way >= 0 or not keyword.endswith(("Items", "Length", "Properties")):
                    told = f"has the {keyword} {limit + way}"
                    yield f"{keyword}.{name}", told, (keyword,), {**node, keyword: limit + way}


def _of_properties(node: Document) -> Iterator[Change]:
    needed, parts = node.get("required", []), node.get("properties", {})
    for index, name in enumerate(needed):
        others = [other for other in needed if other != name]
        yield f"required.without.{name}", f"need not have {name}", ("required", index), {**node, "required": others}
    for name in parts:
        if name not in needed:
            told = f"must have {name}"
            yield f"required.with.{name}", told, ("properties", name), {**node, "required": [*needed, name]}
        rest = {other: part for other, part in parts.items() if other != name}
        told = f"may have anything as its {name}"
        yield f"properties.without.{name}", told, ("properties", name), {**node, "properties": rest}
    if parts and "additionalProperties" not in node:
        told = "may have no properties that are not known"
        yield "additionalProperties.refused", told, ("properties",), {**node, "additionalProperties": False}


def _without(node: Mapping[str, Any], *keywords: str) -> Document:
    return {name: value for name, value in node.items() if name not in keywords}
