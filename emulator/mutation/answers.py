"""Mutants of answers: every status, media type, header and field of every response that the contract documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial

from jsonschema_rs import Draft202012Validator

from mockling.contract import Contract, Document
from mockling.contract.verification.places import pointer
from mockling.emulator.mutation.changing import Answer
from mockling.emulator.mutation.fields import WRONG_TEXT, Change, Spot, spots, wrong_fields
from mockling.emulator.mutation.mutant import Kind, Mutant

JSON, VIDEO = "application/json", "video/mp4"
BODILESS = (204, 304)
Edit = Callable[[Answer], object]


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
            for spot in spots(schema, place):
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
            yield self._mutant(f"status.{other}", f"has the status {other}", partial(_status, status=other))

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
            for spot in spots(schema["contentSchema"], (*place, "schema", "contentSchema")):
                for what, told, changed, place_of in wrong_fields(spot):
                    edit = _in_header(name, changed)
                    yield self._mutant(f"header.{name}.{what}", f"has a header {name} whose {told}", edit, *place_of)

    def _of_fields(self, spot: Spot) -> Iterator[Mutant]:
        for what, told, changed, place in wrong_fields(spot):
            yield self._mutant(f"body.{what}", f"has a body whose {told}", _in_body(spot, changed), *place)


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
