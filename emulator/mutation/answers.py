"""Mutants of answers: every status, media type, header and field of every response that the contract documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jsonschema_rs import Draft202012Validator

from mockling.contract import Contract, Document
from mockling.contract.verification.places import pointer
from mockling.emulator.mutation.changing import Answer
from mockling.emulator.mutation.mutant import Kind, Mutant

JSON, VIDEO = "application/json", "video/mp4"
BODILESS = (204, 304)
WRONG_TEXT = "%%"  # of no pattern or format
OTHERS = {"string": 7, "number": "seven", "integer": "seven", "object": [], "array": {}, "boolean": "true"}
Edit = Callable[[Answer], object]


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


def answer_mutants(contract: Contract) -> Iterator[Mutant]:
    """Yield the mutants of every documented answer."""
    for path, item in contract.document["paths"].items():
        for verb, operation in item.items():
            for status, response in sorted(operation["responses"].items()):
                place = ("paths", path, verb, "responses", status)
                yield from Response(operation["operationId"], int(status), response, place).mutants()


class Response:
    """A documented answer of an operation, at a place in the document."""

    def __init__(self, operation: str, status: int, response: Document, place: tuple[str | int, ...]) -> None:
        self._operation = operation
        self._status = status
        self._response = response
        self._place = place

    def mutants(self) -> Iterator[Mutant]:
        """Yield its mutants."""
        yield from self._of_status()
        content: Document = self._response.get("content", {})
        if content and "*/*" not in content:
            yield from self._of_media_type(content)
        for name, header in self._response.get("headers", {}).items():
            if header.get("required"):
                yield from self._of_header(name, header["schema"])
        for name in self._response.get("x-absent-headers", ()):
            yield self._mutant(f"header.{name}.added", f"has a header {name}", _put(name, "1"), "x-absent-headers")
        schema = content.get(JSON, {}).get("schema")
        if schema:
            place: tuple[str | int, ...] = ("content", JSON, "schema")
            yield self._mutant("body.cut", "has a body that is no JSON", _cut, *place)
            yield self._mutant("body.list", "has its body in a list", _listed, *place)
            for spot in _spots(schema, place):
                yield from self._of_fields(spot)

    def _mutant(self, name: str, told: str, edit: Edit, *place: str | int) -> Mutant:
        operation, status = self._operation, self._status
        return Mutant(
            id=f"{operation}.{status}.{name}",
            kind=Kind.ANSWERS,
            sentence=f"The answer {status} of {operation} {told}.",
            place=pointer(*self._place, *place),
            change=lambda changing: changing.answer(operation, status, edit),
            touches=((operation, status),),
        )

    def _of_status(self) -> Iterator[Mutant]:
        nearby = {200: (201, 202), 204: (200, 405), 206: (200,), 304: (200,), 400: (422,), 500: (501,)}
        for other in nearby.get(self._status, (400,)):
            yield self._mutant(
                f"status.{other}", f"has the status {other}", lambda answer, other=other: _status(answer, other)
            )  # type: ignore[misc]

    def _of_media_type(self, content: Document) -> Iterator[Mutant]:
        others = {JSON: ("text/plain",), VIDEO: ("application/octet-stream", "video/mp4; charset=utf-8")}
        for media in content:
            for other in others.get(media, (JSON,)):
                told = f"has the content type {other}"
                yield self._mutant(
                    f"media.{other.replace('; ', '-')}", told, _put("content-type", other), "content", media
                )

    def _of_header(self, name: str, schema: Document) -> Iterator[Mutant]:
        place = ("headers", name)
        yield self._mutant(f"header.{name}.dropped", f"has no header {name}", _drop(name), *place)
        yield self._mutant(f"header.{name}.renamed", f"has its header {name} as x-{name}", _rename(name), *place)
        yield self._mutant(f"header.{name}.empty", f"has an empty header {name}", _put(name, ""), *place)
        if schema != {"type": "string"}:
            yield self._mutant(f"header.{name}.changed", f"has an odd header {name}", _put(name, WRONG_TEXT), *place)
        if "contentSchema" in schema:
            for spot in _spots(schema["contentSchema"], (*place, "schema", "contentSchema")):
                for what, told, changed, place_of in _fields(spot):
                    edit = _in_header(name, changed)
                    yield self._mutant(f"header.{name}.{what}", f"has a header {name} whose {told}", edit, *place_of)

    def _of_fields(self, spot: Spot) -> Iterator[Mutant]:
        for what, told, changed, place in _fields(spot):
            yield self._mutant(f"body.{what}", f"has a body whose {told}", _in_body(spot, changed), *place)


Change = Callable[[Any], None]  # of a body, in place


def _spots(
    schema: Document,
    place: tuple[str | int, ...],
    steps: tuple[str, ...] = (),
    label: str = "",
    when: Document | None = None,
) -> Iterator[Spot]:
    """Yield every object in a schema."""
    for index, branch in enumerate(schema.get("anyOf", ())):
        name = ".".join(filter(None, (label, f"({index})")))
        yield from _spots(branch, (*place, "anyOf", index), steps, name, branch)
    if "properties" in schema:
        yield Spot(steps, label, place, schema, when)
    for name, part in schema.get("properties", {}).items():
        inner = ".".join(filter(None, (label, name)))
        yield from _spots(part, (*place, "properties", name), (*steps, name), inner, when)
    if "items" in schema:
        yield from _spots(schema["items"], (*place, "items"), (*steps, "*"), f"{label}[]", when)


def _fields(spot: Spot) -> Iterator[tuple[str, str, Change, tuple[str | int, ...]]]:
    """Yield the changes of each field of an object: what they are called, what they do, and where that is said."""
    for name, schema in spot.schema["properties"].items():
        label = ".".join(filter(None, (spot.label, name)))
        place = (*spot.place, "properties", name)
        if name in spot.schema.get("required", ()):
            yield (
                f"{label}.dropped",
                f"{label} is missing",
                _at(spot, lambda held, name=name: held.pop(name, None)),
                place,
            )
            yield (
                f"{label}.renamed",
                f"{label} has another name",
                _at(spot, lambda held, name=name: _renamed(held, name)),
                place,
            )
        for what, value in _wrong(schema):
            told = f"{label} is {json.dumps(value)}"
            yield (
                f"{label}.{what}",
                told,
                _at(spot, lambda held, name=name, value=value: _replaced(held, name, value)),
                place,
            )
        if schema.get("type") == "array":
            for what, value in _wrong(schema["items"]):
                told = f"{label} holds {json.dumps(value)}"
                yield (
                    f"{label}[].{what}",
                    told,
                    _at(spot, lambda held, name=name, value=value: _replaced(held, name, [value])),
                    place,
                )
    for name in spot.schema.get("not", {}).get("required", ()):
        yield (
            f"{name}.added",
            f"{name} is there",
            _at(spot, lambda held, name=name: held.update({name: 1})),
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


def _in_body(spot: Spot, change: Change) -> Edit:
    def edit(answer: Answer) -> None:
        body = answer.json
        if body is not None and (spot.when is None or Draft202012Validator(spot.when).is_valid(body)):
            change(body)
            answer.json = body

    return edit


def _in_header(name: str, change: Change) -> Edit:
    def edit(answer: Answer) -> None:
        value = json.loads(answer.headers[name])
        change(value)
        answer.headers[name] = json.dumps(value)

    return edit


def _renamed(held: dict[str, Any], name: str) -> None:
    if name in held:
        held[f"{name}_"] = held.pop(name)


def _replaced(held: dict[str, Any], name: str, value: Any) -> None:
    if name in held:
        held[name] = value


def _put(name: str, value: str) -> Edit:
    return lambda answer: answer.headers.__setitem__(name, value)


def _drop(name: str) -> Edit:
    return lambda answer: answer.headers.pop(name, None)


def _rename(name: str) -> Edit:
    return lambda answer: answer.headers.__setitem__(f"x-{name}", answer.headers.pop(name, ""))


def _status(answer: Answer, status: int) -> None:
    answer.status = status


def _cut(answer: Answer) -> None:
    answer.body = answer.body[: len(answer.body) // 2]


def _listed(answer: Answer) -> None:
    answer.json = [answer.json]
