"""Hypothesis strategies for requests, derived from the contract's document.

They read the request's schema, so a value added to an enum there is generated here. Needs the `test` extra
(`pip install mockling[test]`).
"""

from __future__ import annotations

from typing import Any

from hypothesis import provisional
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from mockling.contract.contract import Contract
from mockling.contract.document import ContractError, Document

_ANY_JSON: dict[str, SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "integer": st.integers(-(2**53), 2**53),
    "number": st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: not value.is_integer()),
    "string": st.text(max_size=40),
    "array": st.lists(st.integers(0, 9), max_size=3),
    "object": st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=2),
}
_URLS = provisional.urls()
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
    return _broken(contract.request_schema, "$")


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


def _broken(schema: Document, path: str) -> SearchStrategy[tuple[Any, str]]:
    """Return a strategy for pairs of a value broken in one place and that place."""
    kinds = _kinds(schema)
    numbers = {"integer", "number"} if "number" in kinds else set()
    other_types = st.one_of([value for kind, value in _ANY_JSON.items() if kind not in {*kinds, *numbers}])
    options = [other_types]
    if "enum" in schema:
        options.append(st.text(max_size=20).filter(lambda text: text not in schema["enum"]))
    if schema.get("format") == "uri":
        options.append(_NOT_URIS)
    if "maxItems" in schema:
        options.append(
            st.lists(_valid(schema["items"]), min_size=schema["maxItems"] + 1, max_size=schema["maxItems"] + 4)
        )
    whole = st.one_of(options).map(lambda value: (value, path))
    if kinds == ["object"]:
        inside = [_broken_property(schema, name, path) for name in schema["properties"]]
        missing = [_missing_property(schema, name, path) for name in schema.get("required", [])]
        # A body that is no object at all is another refusal, with no field to name.
        return st.one_of(*inside, *missing) if path == "$" else st.one_of(whole, *inside, *missing)
    return st.one_of(whole, _broken_item(schema, path)) if kinds == ["array"] else whole


@st.composite
def _broken_property(draw: DrawFn, schema: Document, name: str, path: str) -> tuple[dict[str, Any], str]:
    value, place = draw(_broken(schema["properties"][name], f"{path}.{name}"))
    return {**draw(_valid(schema)), name: value}, place


@st.composite
def _missing_property(draw: DrawFn, schema: Document, name: str, path: str) -> tuple[dict[str, Any], str]:
    request = draw(_valid(schema))
    del request[name]
    return request, f"{path}.{name}"


@st.composite
def _broken_item(draw: DrawFn, schema: Document, path: str) -> tuple[list[Any], str]:
    items = draw(st.lists(_valid(schema["items"]), max_size=schema.get("maxItems", 5) - 1))
    index = draw(st.integers(0, len(items)))
    value, place = draw(_broken(schema["items"], f"{path}[{index}]"))
    return [*items[:index], value, *items[index:]], place
