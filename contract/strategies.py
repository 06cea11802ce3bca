"""Hypothesis strategies for requests, derived from the contract's document.

They read the request's schema, so a value added to an enum there is generated here. Needs the `test` extra
(`pip install mockling[test]`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from mockling.contract.contract import Contract
from mockling.contract.document import ContractError, Document

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
# Small, for a request may hold dozens of them and an example has only so much room.
_URLS = st.from_regex(
    r"https?://[a-z0-9-]{1,6}\.(com|example|co\.uk)(:[1-9]\d{1,3})?(/[\w.~-]{0,6}){0,2}(\?[a-z]=\d)?",
    fullmatch=True,
    alphabet=st.characters(max_codepoint=127),
)
_NOT_URIS = st.sampled_from(
    ["", "not a uri", "www.example.com/a.mp4", "/a.mp4", "http://", "ftp://example.com/a", "data:,"]
)


def valid_requests(contract: Contract) -> SearchStrategy[dict[str, Any]]:
    """Return a strategy for request bodies that the contract accepts: every parameter, every value it may take."""
    return _valid(contract.request_schema)


def broken_requests(contract: Contract) -> SearchStrategy[tuple[dict[str, Any], str]]:
    """Return a strategy for request bodies with exactly one broken field, each with that field's JSON path.

    The field is missing, of a wrong type, outside its enum, too long a list, or no URL; at the top or inside a list.
    """
    return st.one_of(list(_broken(contract.request_schema, "$")))


def _kinds(schema: Document) -> list[str]:
    kinds = schema["type"]
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _valid(schema: Document) -> SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("format") == "uri":
        return _URLS
    match _kinds(schema):
        case ["object"]:
            required = {name: _valid(schema["properties"][name]) for name in schema.get("required", [])}
            optional = {name: _valid(part) for name, part in schema["properties"].items() if name not in required}
            return st.fixed_dictionaries(required, optional=optional)
        case ["array"]:
            return st.lists(_valid(schema["items"]), max_size=schema.get("maxItems", 5))
        case [kind] if kind in ("string", "boolean", "integer"):
            return _ANY_JSON[kind]
    raise ContractError(f"No strategy is known for a schema of the type {schema['type']!r}; add one.")


def _broken(schema: Document, path: str) -> Iterator[SearchStrategy[Broken]]:
    """Yield a strategy for each way of breaking a value of this schema in one place, itself or inside."""
    kinds = _kinds(schema)
    accepted = {*kinds, *({"integer"} if "number" in kinds else ())}
    whole = [st.one_of([value for kind, value in _ANY_JSON.items() if kind not in accepted])]
    if "enum" in schema:
        whole.append(st.text(max_size=20).filter(lambda text: text not in schema["enum"]))
    if schema.get("format") == "uri":
        whole.append(_NOT_URIS)
    if "maxItems" in schema:
        most = schema["maxItems"]
        whole.append(st.lists(_valid(schema["items"]), min_size=most + 1, max_size=most + 2))
    if path != "$":  # a body that is no object at all is another refusal, with no field to name
        yield from (value.map(lambda value: (value, path)) for value in whole)
    if kinds == ["object"]:
        yield from (_missing_property(schema, name, path) for name in schema.get("required", []))
        for name, part in schema["properties"].items():
            yield from (_with_property(schema, name, broken) for broken in _broken(part, f"{path}.{name}"))
    if kinds == ["array"]:
        for index in range(2):
            yield from (_with_item(schema, index, broken) for broken in _broken(schema["items"], f"{path}[{index}]"))


@st.composite
def _with_property(
    draw: DrawFn, schema: Document, name: str, broken: SearchStrategy[Broken]
) -> tuple[dict[str, Any], str]:
    value, place = draw(broken)
    others = {part: inner for part, inner in schema["properties"].items() if part != name}
    required = [part for part in schema.get("required", []) if part != name]
    return {**draw(_valid({**schema, "properties": others, "required": required})), name: value}, place


@st.composite
def _missing_property(draw: DrawFn, schema: Document, name: str, path: str) -> tuple[dict[str, Any], str]:
    request = draw(_valid(schema))
    del request[name]
    return request, f"{path}.{name}"


@st.composite
def _with_item(draw: DrawFn, schema: Document, index: int, broken: SearchStrategy[Broken]) -> tuple[list[Any], str]:
    value, place = draw(broken)
    return [*draw(st.lists(_valid(schema["items"]), min_size=index, max_size=index)), value], place
