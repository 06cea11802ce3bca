"""A page's list of parameters against a model's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mockling.contract.document import Document
from mockling.contract.page.points import Points, Steps
from mockling.contract.page.reading import Page, Parameter
from mockling.contract.page.stating import compare_files, compare_parameter

# How a prompt names what else is sent: @Image1, (element1).
_NOTATION = re.compile(r"(@[A-Za-z]{1,40}|\([A-Za-z]{1,40})(?=\d)")


@dataclass(slots=True)
class _Level:
    """A list of parameters: the model's own, or the parts of what a parameter's list holds.

    `opener` is the parameter that they are parts of, `path` leads to them as a model's file writes it ("elements[].");
    `steps` lead to their schema, which is None if the contract has none. `seen` are those that the page has shown.
    """

    opener: str
    path: str
    steps: Steps
    schema: Document | None
    seen: set[str] = field(default_factory=set)

    @property
    def parts(self) -> dict[str, Document]:
        parts = self.schema["properties"] if self.schema else {}
        return {name: part if isinstance(part, dict) else {} for name, part in parts.items()}  # true is a schema, too

    def needed(self, name: str) -> str:
        return "required" if self.schema and name in self.schema.get("required", ()) else "optional"

    def place(self, name: str) -> str:
        return f"parameters.{self.path}{name}"


def compare_parameters(points: Points, page: Page, model: Document) -> None:
    """Note in which points the parameters on the page and those in a model's document agree."""
    levels = [_Level("", "", ("x-models", model["slug"], "parameters"), model["parameters"])]
    every = levels[:]
    for parameter in page.parameters:
        del levels[_depth(parameter.name, levels) + 1 :]
        level = levels[-1]
        level.seen.add(parameter.name)
        below = _below(level, parameter.name)
        if level.schema:
            _compare(points, level, below, parameter)
            compare_files(points, level.path + parameter.name, parameter, model)
        if parameter.opens:
            levels.append(below)
            every.append(below)
    for level in every:
        for name in [name for name in level.parts if name not in level.seen]:
            points.differ(level.place(name), (*level.steps, "properties", name), None, level.needed(name))
    _compare_notations(points, page, model)


def _depth(name: str, levels: list[_Level]) -> int:
    """Return the index of the level on which the next parameter is, for a page does not tell where a list's parts end.

    It is on the innermost that has one of that name yet to come. One that none has is a part of the list as long as the
    parts stand in the order of the alphabet, as parameters do on a page.
    """
    for index, level in reversed(list(enumerate(levels))):
        if name in level.parts and name not in level.seen:
            return index
    inner = levels[-1]
    inside = not inner.seen or max(inner.seen) < name or name < inner.opener or name in levels[0].seen
    return len(levels) - 1 if inside else 0


def _below(level: _Level, name: str) -> _Level:
    """Return the level of the parts of a parameter."""
    schema, steps, path = level.parts.get(name, {}), (*level.steps, "properties", name), level.path + name
    if "items" in schema:
        schema, steps, path = schema["items"], (*steps, "items"), f"{path}[]"
    known = isinstance(schema, Mapping) and "properties" in schema
    return _Level(name, f"{path}.", steps, schema if known else None)


def _compare(points: Points, level: _Level, below: _Level, parameter: Parameter) -> None:
    place, said = level.place(parameter.name), "required" if parameter.required else "optional"
    if parameter.name not in level.parts:
        points.differ(place, (*level.steps, "properties"), f"{parameter.type}, {said}", None)
        return
    steps = (*level.steps, "properties", parameter.name)
    points.check(f"{place}.required", steps, said, level.needed(parameter.name))
    compare_parameter(points, place, steps, parameter, level.parts[parameter.name])
    if parameter.opens and not below.schema:
        points.skip(f"{place}.parts", "the contract does not say what they are")
    elif below.schema and not parameter.opens:
        points.check(f"{place}.parts", below.steps, None, ", ".join(below.parts))


def _compare_notations(points: Points, page: Page, model: Document) -> None:
    """Note whether the same ways to name images and the like are told on the page and in the contract."""
    place, steps = "parameters.notations", ("x-models", model["slug"], "parameters", "properties")
    found = {name: _notations(_descriptions(part)) for name, part in model["parameters"]["properties"].items()}
    first = [name for name in found if found[name]][:1]
    said = ", ".join(sorted(_notations(parameter.text for parameter in page.parameters)))
    written = ", ".join(sorted(set().union(*found.values())))
    if said and not written:
        points.skip(place, "the contract's descriptions name none")
    else:
        points.check(place, (*steps, *first), said or None, written or None)


def _notations(texts: Iterator[str]) -> set[str]:
    return {f"{found[1]}1{')' * found[1].startswith('(')}" for text in texts for found in _NOTATION.finditer(text)}


def _descriptions(schema: Any) -> Iterator[str]:
    for name, part in schema.items() if isinstance(schema, Mapping) else ():
        if name == "description" and isinstance(part, str):
            yield part
        else:
            yield from _descriptions(part)
