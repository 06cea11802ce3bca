"""Trials: requests that a model must take or refuse, one for each promise that its schema makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mockling.contract.model import Model
from mockling.contract.validation import described
from mockling.contract.verification.beside import Attempt, attempts, label
from mockling.contract.verification.harmless import marked
from mockling.contract.verification.values import LARGEST, MISSING, Schema, branches, sample, several, takes

UNKNOWN = "no_such_parameter"


@dataclass(frozen=True, slots=True)
class Trial:
    """A request and whether it must be taken.

    `name` is dotted, `field` is the parameter that is tried ("": the body as such), `told` one sentence that says what
    holds, `place` leads to it from the model's parameters, `body` is the whole request.
    """

    name: str
    field: str
    takes: bool
    told: str
    place: tuple[str | int, ...]
    body: Any


@dataclass(frozen=True, slots=True)
class _Part:
    """A place in requests: its `path`, its `schema` and where that stands, a valid `value`, and `put`.

    `put` returns a request, otherwise valid, with another value there.
    """

    path: tuple[str, ...]
    place: tuple[str | int, ...]
    schema: Schema
    value: Any
    put: Callable[[Any], Any]

    def trial(self, attempt: Attempt) -> Trial:
        """Return the trial of a value at this place."""
        verb = "takes" if attempt.takes else "refuses"
        told = attempt.told or described(attempt.value)
        sentence = f"{self.name} {verb} {told}."
        if not self.path:
            sentence = f"A request {told} is {'taken' if attempt.takes else 'refused'}."
        name, place = ".".join((*self.path, verb, attempt.name)), (*self.place, *attempt.place)
        return Trial(name, self.field, attempt.takes, sentence, place, self.put(attempt.value))

    @property
    def name(self) -> str:
        """The parameter as it is told: `elements[].frontal_image_url`."""
        return ".".join(self.path).replace(".items", "[]")

    @property
    def field(self) -> str:
        """The name of the parameter that this is, or is an item of."""
        return next((step for step in reversed(self.path) if step != "items"), "")


def trials(model: Model, base: dict[str, Any]) -> Iterator[Trial]:
    """Yield the trials of a model's schema, each name once; each changes the `base`, a valid request, in one place.

    What else the schema says counts, too: what should be taken here and is refused for another reason is no trial.
    """
    seen = set[str]()
    for trial in _of(_Part((), (), marked(model), base, lambda value: value)):
        if trial.name not in seen and trial.takes is not bool(model.violations(trial.body)):
            seen.add(trial.name)
            yield trial


def _of(part: _Part) -> Iterator[Trial]:
    if part.path:
        yield from map(part.trial, attempts(part.schema, part.value))
    if isinstance(part.value, dict):
        yield from _of_object(part, part.value)
    if isinstance(part.value, list):
        yield from _of_items(part)
    for place, schema in branches(part.schema):
        value = part.value if takes(schema, part.value) else sample(schema)
        if value is not MISSING:
            yield from _of(_Part(part.path, (*part.place, *place), schema, value, part.put))


def _of_object(part: _Part, value: dict[str, Any]) -> Iterator[Trial]:
    properties, required = part.schema.get("properties", {}), part.schema.get("required", ())
    for absent, attempt in (*_absences(part.schema, value), *_wholes(part.schema, value)):
        told = f"an object {attempt.told}" if part.path else attempt.told
        trial = part.trial(replace(attempt, told=told))
        yield replace(trial, field=absent) if absent else trial
    for name, schema in properties.items():
        if isinstance(schema, dict):
            inner = value[name] if name in value else sample(schema)
            path, place = (*part.path, name), (*part.place, "properties", name)
            child = _Part(path, place, schema, inner, partial(_put_property, part, value, name))
            if name not in required:
                body, told = part.put(_without(name, value)), f"{child.name} may be left out."
                yield Trial(".".join((*path, "takes.left_out")), name, True, told, place, body)
            yield from _of(child)


def _put_property(part: _Part, value: dict[str, Any], name: str, changed: Any) -> Any:
    """Return a request in which an object has another property, and what must be there beside that."""
    properties, needed = part.schema.get("properties", {}), part.schema.get("dependentRequired", {}).get(name, ())
    beside = {other: sample(properties.get(other, {})) for other in needed if other not in value}
    changed_value = {**value, **beside, name: changed}
    kept = {name, *beside, *part.schema.get("required", ())}
    spare = len(changed_value) - part.schema.get("maxProperties", len(changed_value))
    for other in [other for other in changed_value if other not in kept][: max(0, spare)]:
        del changed_value[other]
    return part.put(changed_value)


def _absences(schema: Schema, value: dict[str, Any]) -> Iterator[tuple[str, Attempt]]:
    """Yield the name of each parameter that must be there, with the attempt without it."""
    for index, name in enumerate(schema.get("required", ())):
        place = ("required", index)
        yield name, Attempt(f"without_{label(name)}", _without(name, value), False, place, f"without {name}")
    for name, needed in schema.get("dependentRequired", {}).items():
        item = value.get(name, sample(schema.get("properties", {}).get(name, {})))
        for index, other in enumerate(needed if item is not MISSING else ()):
            rest, told = _without(other, {**value, name: item}), f"with {name} and without {other}"
            names = f"{label(name)}_without_{label(other)}"
            yield other, Attempt(names, rest, False, ("dependentRequired", name, index), told)


def _without(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {kept: item for kept, item in value.items() if kept != name}


def _wholes(schema: Schema, value: dict[str, Any]) -> Iterator[tuple[str, Attempt]]:
    """Yield what holds of an object as a whole: with all in it, with nothing, with too much or too little."""
    properties = schema.get("properties", {})
    closed = schema.get("additionalProperties", True) is False
    place = ("additionalProperties",) if "additionalProperties" in schema else ()
    yield "", Attempt("unknown", {**value, UNKNOWN: 1}, not closed, place, "with a parameter that is not known")
    optional = {name: sample(part) for name, part in properties.items() if name not in value}
    whole = {**value, **{name: item for name, item in optional.items() if item is not MISSING}}
    yield "", Attempt("all", whole, True, ("properties",) if properties else (), "with all parameters that there are")
    least = {name: item for name, item in value.items() if name in schema.get("required", ())}
    told = "with nothing but what is required" if least else "with nothing in it"
    yield "", Attempt("least", least, True, ("required",) if least else (), told)
    more = {f"{UNKNOWN}_{number}": 1 for number in range(min(LARGEST, schema.get("maxProperties", 0)) + 1)}
    many = [*{**least, **whole, **more}.items()]
    for keyword, beyond in (("minProperties", -1), ("maxProperties", 1)):
        limit = schema.get(keyword, 0)
        if 0 < limit < LARGEST:
            yield "", Attempt(f"{limit}_properties", dict(many[:limit]), True, (keyword,), f"with {limit} properties")
            number = limit + beyond
            names, told = f"{number}_properties", f"with {number} properties"
            yield "", Attempt(names, dict(many[:number]), False, (keyword,), told)


def _of_items(part: _Part) -> Iterator[Trial]:
    schema = part.schema.get("items", {})
    if isinstance(schema, dict) and schema:
        value, others = sample(schema), several(part.schema, max(1, part.schema.get("minItems", 0)))[1:]
        place = (*part.place, "items")
        yield from _of(_Part((*part.path, "items"), place, schema, value, lambda item: part.put([item, *others])))
