"""Schemas: every spot of a value that one speaks of, so that each can be looked at on its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from mockling.contract.document import Document
from mockling.contract.validation import SchemaValidator, described, expected

# Keywords that speak of parts of a value: those are spots of their own. What else does cannot be taken apart here.
_OF_PARTS = {"properties", "required", "items", "anyOf"}
_WHOLE = {
    "oneOf",
    "allOf",
    "if",
    "prefixItems",
    "contains",
    "propertyNames",
    "additionalProperties",
    "patternProperties",
}
_OF_BRANCHES = {"type", "properties", "required", "not", "title", "description", "x-source"}


@dataclass(frozen=True, slots=True)
class Each:
    """A step to every item of a list."""


@dataclass(frozen=True, slots=True)
class When:
    """A step that leads on only where a property of an object has one of these values."""

    name: str
    values: tuple[Any, ...]


Hop = str | Each | When


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a value: `expected` and `actual` in words, and a `cause` that is the same in every answer."""

    expected: str
    actual: str
    cause: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A value, or a property of an object, that a schema speaks of.

    `name` is how one calls it (`video.url`, `file_urls[]`; "" is the value itself), `label` the same with the branch in
    which it stands (`completed.video.url`), `place` the steps to its schema in the document. `hops` lead to the value,
    or, of a property, to the objects that should have one called `key`. `schema` is what is said of it alone, without
    its parts; `required` whether it must be there, `absent` whether it must not.
    """

    name: str
    label: str
    place: tuple[str | int, ...]
    hops: tuple[Hop, ...] = ()
    key: str | None = None
    schema: Document = field(default_factory=dict)
    required: bool = True
    absent: bool = False

    @property
    def called(self) -> str:
        """What it is called in a sentence."""
        return self.name or "the body"

    @property
    def wanted(self) -> str:
        """What it must be, in words."""
        return "nothing" if self.absent else expected(self.schema)

    def flaws(self, value: Any) -> Iterator[Flaw | None]:
        """Yield what is wrong with it, or None for nothing, once for each time that it should or could be there."""
        for holder in _reached(value, self.hops):
            if self.key is not None and not isinstance(holder, dict):
                continue  # which is a flaw of the holder
            there = self.key is None or self.key in holder
            found = holder[self.key] if self.key is not None and there else holder
            if not there:
                missing = self.required and not self.absent
                yield Flaw(self.wanted, "nothing", f"{self.called} is missing") if missing else None
            elif self.absent:
                yield Flaw("nothing", described(found), f"{self.called} is there")
            elif _accepts(self.schema, found):
                yield None
            else:
                yield Flaw(self.wanted, described(found), f"{self.called} is not {self.wanted}")


def spots(schema: Document, *place: str | int) -> Iterator[Spot]:
    """Yield every spot of a schema that stands at a place in the document, the value itself first."""
    yield from _spots(schema, Spot("", "", place))


def undocumented(schema: Document, value: Any, name: str = "") -> Iterator[str]:
    """Yield the names of fields that a value has and its schema does not know; where that names none, all are known."""
    if isinstance(value, list):
        for item in value:
            yield from undocumented(schema.get("items", {}), item, f"{name}[]")
    if not isinstance(value, dict):
        return
    known: dict[str, Document] = dict(schema.get("properties", {}))
    branches: Sequence[Document] = schema.get("anyOf", ())
    for branch, when in zip(branches, _told_apart(branches), strict=False):
        if list(_reached(value, (when,))):
            known |= branch["properties"]
    for field_name, part in value.items() if known else ():
        own = _dotted(name, field_name)
        if field_name not in known:
            yield own
        else:
            yield from undocumented(known[field_name], part, own)


def _spots(schema: Document, at: Spot) -> Iterator[Spot]:
    """Yield a spot with all that its schema says of it, then the spots in it."""
    branches: Sequence[Document] = schema.get("anyOf", ())
    choices = _told_apart(branches)
    if _WHOLE & schema.keys() or len(branches) != len(choices):
        yield replace(at, schema=schema)
        return
    yield replace(at, schema=_alone(schema, branches))
    inside = at if at.key is None else replace(at, hops=(*at.hops, at.key), key=None)
    yield from _properties(schema, inside)
    if "items" in schema:
        item = replace(inside, name=f"{at.name}[]", label=f"{at.label}[]", place=(*at.place, "items"), required=True)
        yield from _spots(schema["items"], replace(item, hops=(*inside.hops, Each())))
    if choices:
        yield _choosing(branches, choices, inside)
    for index, (branch, when) in enumerate(zip(branches, choices, strict=True)):
        label = _dotted(at.label, "-or-".join(str(value).lower() for value in when.values))
        chosen = replace(inside, label=label, place=(*at.place, "anyOf", index), hops=(*inside.hops, when))
        yield from _properties(branch, chosen, when.name)


def _properties(schema: Document, inside: Spot, but: str | None = None) -> Iterator[Spot]:
    parts, needed = schema.get("properties", {}), schema.get("required", ())
    for name, part in parts.items():
        if name != but:
            yield from _spots(part, _property(inside, name, "properties", name, required=name in needed))
    for name in needed:
        if name not in parts:
            yield _property(inside, name, "required", required=True)
    for name in _forbidden(schema):
        yield replace(_property(inside, name, "not", required=False), absent=True)


def _property(inside: Spot, name: str, *steps: str, required: bool) -> Spot:
    names = _dotted(inside.name, name), _dotted(inside.label, name)
    return Spot(*names, (*inside.place, *steps), inside.hops, name, required=required)


def _choosing(branches: Sequence[Document], choices: Sequence[When], inside: Spot) -> Spot:
    """Return the spot of the property that tells branches apart."""
    name = choices[0].name
    required = all(name in branch.get("required", ()) for branch in branches)
    spot = _property(inside, name, "anyOf", required=required)
    return replace(spot, schema={"enum": [value for when in choices for value in when.values]})


def _told_apart(branches: Sequence[Document]) -> list[When]:
    """Return how to tell branches apart: by a property that all have, with other values in each; empty: not at all."""
    if not branches or any(branch.keys() - _OF_BRANCHES for branch in branches):
        return []
    first = branches[0].get("properties", {})
    for name in first:
        parts = [branch.get("properties", {}).get(name, {}) for branch in branches]
        values = [part["enum"] if "enum" in part else [part["const"]] if "const" in part else [] for part in parts]
        every = [json.dumps(value) for some in values for value in some]
        if all(values) and len(every) == len(set(every)):
            return [When(name, tuple(some)) for some in values]
    return []


def _alone(schema: Document, branches: Sequence[Document]) -> Document:
    """Return what a schema says of a value itself, and not of its parts."""
    own = {name: value for name, value in schema.items() if name not in _OF_PARTS and not name.startswith("x-")}
    if _forbidden(schema):
        del own["not"]
    kinds = [branch.get("type") for branch in branches]
    return {"type": kinds[0], **own} if kinds and kinds[0] and kinds.count(kinds[0]) == len(kinds) else own


def _forbidden(schema: Document) -> Sequence[str]:
    """Return the one property that a schema wants left out; of several `not` would mean: not all of them at once."""
    denied: Mapping[str, Any] = schema.get("not", {})
    names: list[str] = denied.get("required", [])
    return names if set(denied) == {"required"} and len(names) == 1 else ()


def _reached(value: Any, hops: Sequence[Hop]) -> Iterator[Any]:
    if not hops:
        yield value
        return
    match hops[0]:
        case Each():
            for item in value if isinstance(value, list) else ():
                yield from _reached(item, hops[1:])
        case When(name, values):
            if isinstance(value, dict) and any(_same(value.get(name), one) for one in values):
                yield from _reached(value, hops[1:])
        case name if isinstance(value, dict) and name in value:
            yield from _reached(value[name], hops[1:])


def _same(one: object, other: object) -> bool:
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def _dotted(*names: str) -> str:
    return ".".join(filter(None, names))


@lru_cache(maxsize=1024)
def _validator(schema: str) -> SchemaValidator:
    return SchemaValidator(json.loads(schema), {"required": "", "invalid": ""})


def _accepts(schema: Document, value: Any) -> bool:
    return not _validator(json.dumps(schema, sort_keys=True)).violations(value)
