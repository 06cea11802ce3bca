"""Hypothesis strategies for requests, derived from the contract's document.

They read the request's schema, so a value added to an enum there is generated here. Needs the `test` extra
(`pip install mockling[test]`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from fractions import Fraction
from math import ceil, floor
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mockling.contract.contract import Contract
from mockling.contract.document import ContractError, Document
from mockling.contract.figures import schema_at
from mockling.contract.model import Model

Broken = tuple[Any, str]  # a value broken in one place, and that place

_ANY_JSON: dict[str, SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "integer": st.integers(-(2**53), 2**53),
    "number": st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: not value.is_integer()),
    "string": st.text(max_size=8),
    "array": st.lists(st.integers(0, 9), max_size=3),
    "object": st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=2),
}
# What is read of a schema, and what says nothing about the values it takes.
_KNOWN = {"type", "enum", "const", "format", "pattern", "properties", "required", "items", "minItems", "maxItems",
          "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
          "default", "description", "title", "example", "examples"}  # fmt: skip
# Small, for a request may hold dozens of them and an example has only so much room.
_URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["https", "http", "HTTPS"]),
    st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=6),
    st.sampled_from([".com", ".example", ".co.uk:8080"]),
    st.sampled_from(["/a.mp4", "/a.png", "", "/", "/a/b~c.d?e=1", "?e=%20#f"]),
)
_NOT_URIS = ["", "not a uri", "www.example.com/a.mp4", "/a.mp4"]
_NOT_WEB = ["http://", "ftp://example.com/a", "data:,"]  # URIs, that a pattern may refuse


def valid_requests(contract: Contract | Model) -> SearchStrategy[dict[str, Any]]:
    """Return a strategy for requests that a model generates a video for: every parameter, every value it may take.

    Of a contract, its first model's. What would fail the generation, such as a blank prompt or an input that is no http
    or https URL, is left out. Raises `ContractError` for a keyword of JSON Schema that it does not know.
    """
    model = _model(contract)
    return _valid(_generable(model)).filter(lambda request: not model.violations(request))


def broken_requests(contract: Contract | Model) -> SearchStrategy[tuple[dict[str, Any], str]]:
    """Return a strategy for request bodies with exactly one broken field, each with that field's JSON path.

    The field is missing, of a wrong type, outside its enum or range, too long a list, or no URL; at the top or inside a
    list. Raises `ContractError` as `valid_requests` does.
    """
    return st.one_of(list(_broken(_generable(_model(contract)), "$")))


def _model(contract: Contract | Model) -> Model:
    return contract if isinstance(contract, Model) else contract.model


def _generable(model: Model) -> Document:
    """Return the schema of a model's parameters, marked where more than it is needed: `x-url`, `x-text`."""
    schema = deepcopy(model.schema)
    for path in model.input_paths:
        dict_at(path, schema)["x-url"] = True
    for name in model.texts_needed:
        dict_at(name, schema)["x-text"] = True
    return schema


def dict_at(path: str, schema: Document) -> Document:
    """Return the part of a schema at a path, to be changed."""
    part = schema_at(path, schema, "strategies")
    assert isinstance(part, dict)
    return part


def _kinds(schema: Document) -> list[str]:
    kinds = schema["type"] if "type" in schema else list(_ANY_JSON)
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _valid(schema: Document) -> SearchStrategy[Any]:
    unknown = schema.keys() - _KNOWN
    if any(not name.startswith("x-") for name in unknown):
        raise ContractError(f"No strategy is known for {', '.join(sorted(unknown))} in a schema; add one.")
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-url") or schema.get("format") == "uri":
        pattern = schema.get("pattern", "")
        return _URLS.filter(lambda url: bool(re.search(pattern, url))) if pattern else _URLS
    return st.one_of([_of_kind(kind, schema) for kind in _kinds(schema)])


def _of_kind(kind: str, schema: Document) -> SearchStrategy[Any]:
    match kind:
        case "object":
            properties = schema.get("properties", {})
            required = {name: _valid(properties[name]) for name in schema.get("required", [])}
            optional = {name: _valid(part) for name, part in properties.items() if name not in required}
            return st.fixed_dictionaries(required, optional=optional)
        case "array":
            least = schema.get("minItems", 0)
            most = schema.get("maxItems", least + 5)
            return st.lists(_valid(schema.get("items", {"type": "integer"})), min_size=least, max_size=most)
        case "string":
            return _texts(schema)
        case "integer" | "number":
            return _numbers(kind, schema)
    return _ANY_JSON[kind]


def _texts(schema: Document) -> SearchStrategy[str]:
    if "pattern" in schema:
        return st.from_regex(str(schema["pattern"]))
    least = schema.get("minLength", 0)
    texts = st.text(min_size=least, max_size=schema.get("maxLength", least + 8))
    return texts.filter(lambda text: bool(text.strip())) if schema.get("x-text") else texts


def _numbers(kind: str, schema: Document) -> SearchStrategy[Any]:
    step = schema.get("multipleOf", 1 if kind == "integer" else None)
    least, most = _bounds(schema)
    if step is not None:
        low = ceil(Fraction(str(least)) / Fraction(str(step)))
        high = floor(Fraction(str(most)) / Fraction(str(step)))
        exact = Fraction(str(step))
        whole = st.integers(low, high).map(lambda times: times * exact)
        return whole.map(lambda value: int(value) if value.denominator == 1 else float(value)).filter(
            lambda value: least <= value <= most
        )
    return st.floats(least, most, allow_nan=False).filter(lambda value: _inside(value, schema))


def _bounds(schema: Document) -> tuple[float, float]:
    least: Any = schema.get("minimum", schema.get("exclusiveMinimum", -(2**53)))
    most: Any = schema.get("maximum", schema.get("exclusiveMaximum", 2**53))
    return least, most


def _inside(value: float, schema: Document) -> bool:
    return value != schema.get("exclusiveMinimum") and value != schema.get("exclusiveMaximum")


def _outside(schema: Document) -> Iterator[SearchStrategy[Any]]:
    """Yield a strategy for each way in which a value of the right type is too small, too large or another."""
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if values is not None:
        yield st.text(max_size=20).filter(lambda text: text not in values)
        return
    if schema.get("format") == "uri":
        pattern = schema.get("pattern", "")
        yield st.sampled_from([*_NOT_URIS, *(url for url in _NOT_WEB if not re.search(pattern, url))])
    for name, sign in (("minimum", -1), ("exclusiveMinimum", -1), ("maximum", 1), ("exclusiveMaximum", 1)):
        if name in schema:
            yield _beyond(schema[name], sign)
        if name in schema and name.startswith("exclusive"):
            yield st.just(schema[name])
    if "maxItems" in schema:
        most = schema["maxItems"]
        yield st.lists(_valid(schema.get("items", {"type": "integer"})), min_size=most + 1, max_size=most + 2)
    if schema.get("minItems", 0) > 0:
        yield st.lists(_valid(schema.get("items", {"type": "integer"})), max_size=schema["minItems"] - 1)
    if "maxLength" in schema:
        yield st.text(min_size=schema["maxLength"] + 1, max_size=schema["maxLength"] + 8)
    if schema.get("minLength", 0) > 0:
        yield st.text(max_size=schema["minLength"] - 1)


def _beyond(edge: float, sign: int) -> SearchStrategy[float]:
    return st.integers(1, 1000).map(lambda more: edge + sign * more)


def _broken(schema: Document, path: str) -> Iterator[SearchStrategy[Broken]]:
    """Yield a strategy for each way of breaking a value of this schema in one place, itself or inside."""
    kinds = _kinds(schema)
    accepted = {*kinds, *({"integer"} if "number" in kinds else ())}
    wrong = [value for kind, value in _ANY_JSON.items() if kind not in accepted]
    whole = [*([st.one_of(wrong)] if wrong else []), *_outside(schema)]
    if path != "$":  # a body that is no object at all is another refusal, with no field to name
        yield from (value.map(lambda value: (value, path)) for value in whole)
    if kinds == ["object"]:
        yield from (_missing_property(schema, name, path) for name in schema.get("required", []))
        for name, part in schema.get("properties", {}).items():
            others = _valid(_except(name, schema))
            yield from (_with_property(others, name, broken) for broken in _broken(part, f"{path}.{name}"))
    if kinds == ["array"] and "items" in schema:
        for index in range(min(2, schema.get("maxItems", 2))):
            yield from (_with_item(schema, index, broken) for broken in _broken(schema["items"], f"{path}[{index}]"))


def _except(name: str, schema: Document) -> Document:
    """Return the schema of an object without one of its properties."""
    others = {part: inner for part, inner in schema["properties"].items() if part != name}
    return {**schema, "properties": others, "required": [part for part in schema.get("required", []) if part != name]}


def _with_property(
    others: SearchStrategy[dict[str, Any]], name: str, broken: SearchStrategy[Broken]
) -> SearchStrategy[Broken]:
    return st.tuples(broken, others).map(lambda drawn: ({**drawn[1], name: drawn[0][0]}, drawn[0][1]))


def _missing_property(schema: Document, name: str, path: str) -> SearchStrategy[Broken]:
    return _valid(_except(name, schema)).map(lambda request: (request, f"{path}.{name}"))


def _with_item(schema: Document, index: int, broken: SearchStrategy[Broken]) -> SearchStrategy[Broken]:
    after = max(0, schema.get("minItems", 0) - index - 1)
    before, rest = (st.lists(_valid(schema["items"]), min_size=size, max_size=size) for size in (index, after))
    return st.tuples(broken, before, rest).map(lambda drawn: ([*drawn[1], drawn[0][0], *drawn[2]], drawn[0][1]))
