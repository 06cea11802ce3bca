"""Values of a schema: valid ones, and those that lie just beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from jsonschema_rs import Draft202012Validator

from mockling.contract.figures import kinds_of, text_of

Schema = Mapping[str, Any]

NOWHERE = "https://nowhere.invalid/input"  # can never be fetched (RFC 6761), so no generation succeeds with it
URL = "x-url"  # marks the schema of a text that leads to an input file
MISSING = object()  # no value is known
KINDS = ("string", "integer", "number", "object", "array", "boolean", "null")  # the likeliest first
LARGEST = 10_000  # items or characters that are sent to try a limit
_URLS = (NOWHERE, *(f"{NOWHERE}{suffix}" for suffix in (".mp4", ".png", ".wav")), NOWHERE.replace("https", "http"))
_TEXTS = ("text", "1", "a", "A", "Ab1-", "#00ff00", "2026-01-01", "a@nowhere.invalid", "")


def takes(schema: Schema | bool, value: Any) -> bool:
    """Say whether a value is one of a schema."""
    plain = schema if isinstance(schema, bool) else dict(schema)
    try:
        return Draft202012Validator(plain, validate_formats=True).is_valid(value)
    except ValueError:
        return False


def same(one: Any, other: Any) -> bool:
    """Say whether two values are the same JSON; 1 and true, or 1 and 1.0, are not."""
    return json.dumps(one) == json.dumps(other)


def sample(schema: Schema | bool, *, whole: bool = True) -> Any:
    """Return a valid value of a schema, `MISSING` if none is found.

    It is a `whole` one, with everything in it that may be left out, or a small one.
    """
    if isinstance(schema, bool):
        return _TEXTS[0] if schema else MISSING
    tried = (value for size in ((True, False) if whole else (False,)) for value in _candidates(schema, whole=size))
    return next((value for value in tried if value is not MISSING and takes(schema, value)), MISSING)


def of_kind(kind: str, schema: Schema) -> Any:
    """Return a valid value of a JSON type, not the default if that can be, `MISSING` if there is none."""
    own = {**{name: part for name, part in schema.items() if name != "default"}, "type": kind}
    return sample(own)


def kinds_taken(schema: Schema) -> set[str]:
    """Return the JSON types that a schema takes, all of them where it names none."""
    kinds = kinds_of(schema) if "type" in schema or "enum" in schema else set(KINDS)
    return {*kinds, "integer"} if "number" in kinds else set(kinds)


def branches(schema: Schema) -> Iterator[tuple[tuple[str, int], Schema]]:
    """Yield each schema that a schema is combined of, together with the rest of it, and where it stands."""
    for keyword in ("allOf", "anyOf", "oneOf"):
        rest = {name: part for name, part in schema.items() if name != keyword}
        for index, branch in enumerate(schema.get(keyword, ())):
            if isinstance(branch, Mapping):
                yield (keyword, index), {**rest, **branch}


def nearest(kind: str, value: Any) -> Any:
    """Return a value of another JSON type that is as close to a value as can be: what a lenient server would take."""
    number = _as_number(value)
    match kind:
        case "null":
            return None
        case "boolean":
            return True
        case "integer":
            return int(number) if number is not None else 1
        case "number":
            return float(int(number or 1)) + 0.5
        case "string":
            inner = value[0] if isinstance(value, list) and value else value
            return "text" if isinstance(inner, list | dict | None) else text_of(inner)
        case "array":
            return [] if value is MISSING or isinstance(value, list) else [value]
    return {} if value is MISSING or isinstance(value, dict) else {"value": value}


def plus(number: Any, more: Any) -> Any:
    """Return the sum of two numbers, reckoned as they are written."""
    return plain(Decimal(str(number)) + Decimal(str(more)))


def around(limit: Any, sign: int, schema: Schema, *, is_open: bool) -> tuple[Any, Any]:
    """Return the last number inside a limit of a schema and the first beyond it; `is_open`: the limit itself is beyond.

    `sign` is 1 for an upper limit, -1 for a lower one. What is counted in steps goes by them, any other number by one
    more digit than the limit has.
    """
    edge = Decimal(str(limit))
    if "multipleOf" in schema or "number" not in kinds_taken(schema):
        step = Decimal(str(schema.get("multipleOf", 1)))
        inside = (edge / step).to_integral_value(ROUND_FLOOR if sign > 0 else ROUND_CEILING) * step
        inside -= sign * step if is_open and inside == edge else 0
        return plain(inside), plain(inside + sign * step)
    exponent = edge.normalize().as_tuple().exponent
    digit = sign * Decimal(1).scaleb(min(0, int(exponent)) - 1)
    return (plain(edge - digit), plain(edge)) if is_open else (plain(edge), plain(edge + digit))


def plain(number: Decimal) -> Any:
    """Return a number as JSON has it, a whole one as an integer."""
    return int(number) if number == number.to_integral_value() else float(number)


def sized(text: str, length: int) -> str:
    """Return a text made to be so many characters long."""
    return text[:length] if len(text) >= length else text + "a" * (length - len(text))


def several(schema: Schema, count: int) -> list[Any]:
    """Return so many valid items of a list with this schema, all different if they must be; fewer if none are known."""
    items = schema.get("items", {})
    value = sample(items)
    if value is MISSING or count > LARGEST:
        return []
    if not schema.get("uniqueItems"):
        return [value] * count
    tried = [value, *(items.get("enum", ()) if isinstance(items, Mapping) else ())]
    tried += [plus(value, more) for more in range(count)] if _is_number(value) else []
    tried += [f"{value}{more}" for more in range(count)] if isinstance(value, str) else []
    found = {json.dumps(item): item for item in tried if takes(items, item)}
    return list(found.values())[:count]


def _candidates(schema: Schema, *, whole: bool) -> Iterator[Any]:
    if URL in schema:
        yield from _URLS
    yield from (schema[name] for name in ("const", "default") if name in schema)
    for name in ("enum", "examples"):
        yield from schema.get(name, ())
    if schema.get("format") == "uri":
        yield from _URLS
    for kind in filter(kinds_taken(schema).__contains__, KINDS):
        yield from _of_kind(kind, schema, whole=whole)
    for _, branch in branches(schema):
        yield from _candidates(branch, whole=whole)


def _of_kind(kind: str, schema: Schema, *, whole: bool) -> Iterator[Any]:
    match kind:
        case "string":
            lengths = [schema[name] for name in ("minLength", "maxLength") if schema.get(name, LARGEST) < LARGEST]
            yield from _TEXTS
            yield from (sized(text, length) for length in lengths for text in (*_TEXTS, *_URLS))
            yield from _URLS
        case "integer" | "number":
            yield from _numbers(schema)
        case "object":
            yield _object(schema, whole=whole)
        case "array":
            yield several(schema, max(schema.get("minItems", 0), 1 if whole else 0))
        case "boolean":
            yield from (True, False)
        case _:
            yield None


def _numbers(schema: Schema) -> Iterator[Any]:
    for name, sign in (("minimum", -1), ("exclusiveMinimum", -1), ("maximum", 1), ("exclusiveMaximum", 1)):
        if name in schema:
            yield around(schema[name], sign, schema, is_open=name.startswith("exclusive"))[0]
    yield from (schema.get("multipleOf", 1), 0, 1, 0.5)


def _object(schema: Schema, *, whole: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    needed = schema.get("required", ())
    fewest, most = schema.get("minProperties", 0), schema.get("maxProperties", LARGEST)
    for name, part in sorted(schema.get("properties", {}).items(), key=lambda item: item[0] not in needed):
        value = sample(part, whole=whole) if name in needed or len(found) < (most if whole else fewest) else MISSING
        if value is not MISSING:
            found[name] = value
    return found


def _as_number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
