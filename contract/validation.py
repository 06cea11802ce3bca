"""Validation: a value against a schema, every violation told in one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from jsonschema_rs import Draft202012Validator

from mockling.contract.document import ContractError, Document

if TYPE_CHECKING:
    import jsonschema

LONGEST_ECHO = 60  # characters of a caller's value that are told back


@dataclass(frozen=True, slots=True)
class Violation:
    """One value that breaks the contract.

    `path` is its JSON path (`$.elements[0].frontal_image_url`), `expected` and `actual` describe in words what the
    contract wants and what came (long values are cut), `message` is the whole sentence.
    """

    path: str
    expected: str
    actual: str
    message: str


_URI = Draft202012Validator({"format": "uri"}, validate_formats=True)


def _is_uri(value: object) -> bool:
    try:
        return _URI.is_valid(value)
    except ValueError:  # surrogates
        return False


class SchemaValidator:
    """A schema compiled once.

    `messages` are the sentences for a property that is missing (`required`: {field}, {expected}) and for a wrong
    value (`invalid`: {field}, {expected}, {actual}). Raises `ContractError` if the schema is none or `format: uri` is
    not enforced here, for validators ignore formats they have no rule for.
    """

    def __init__(self, schema: Document, messages: Mapping[str, str]) -> None:
        self._schema = schema
        self._messages = messages
        try:
            self._accepting = Draft202012Validator(schema, validate_formats=True)
        except ValueError as error:
            place = "/".join(map(str, getattr(error, "instance_path", ())))
            reason = f"{str(error).partition(chr(10))[0]}{f' (at {place})' if place else ''}"
            raise ContractError(f"The contract holds a schema that is none: {reason}.") from error
        if _is_uri("not a uri"):
            raise ContractError("format: uri is not enforced; the format checker lost its rule for it.")

    def violations(self, value: object) -> list[Violation]:
        """Return at most one violation for each place in `value`, absences first, then in the schema's order.

        Of a value with very many, the first hundred are looked at.
        """
        if self._accepts(value):
            return []
        found: dict[str, tuple[int, Violation]] = {}
        for error in islice(self._telling.iter_errors(value), 100):
            for rank, violation in self._told(error):
                if violation.path not in found or rank < found[violation.path][0]:
                    found[violation.path] = (rank, violation)
        return [violation for _, violation in sorted(found.values(), key=lambda ranked: ranked[0])]

    def _accepts(self, value: object) -> bool:
        """Say fast that a value is valid; False also for what the fast validator cannot read, such as surrogates."""
        try:
            return self._accepting.is_valid(value)
        except ValueError:
            return False

    @cached_property
    def _telling(self) -> jsonschema.Draft202012Validator:
        """The validator that says what is wrong; slower to load and to run, and needed only then."""
        import jsonschema

        checker = jsonschema.FormatChecker(formats=())
        checker.checks("uri")(_is_uri)
        extend = jsonschema.validators.extend
        kind = extend(jsonschema.Draft202012Validator, {"pattern": _pattern, "items": _items})  # type: ignore[no-untyped-call] # it has none
        telling: jsonschema.Draft202012Validator = kind(self._schema, format_checker=checker)
        return telling

    def _told(self, error: jsonschema.ValidationError) -> Iterable[tuple[int, Violation]]:
        path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
        schema: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
        if error.validator == "additionalProperties" and isinstance(error.instance, dict):
            known = schema.get("properties", {})
            for name in [name for name in error.instance if name not in known]:
                wanted = f"left out, for there is only {', '.join(known)}"
                yield 2, self._violation(f"{path}.{name}", "invalid", wanted, described(error.instance[name]))
            return
        if error.validator != "required" or not isinstance(error.instance, dict):
            rank = 1 if error.validator == "type" else 2
            yield rank, self._violation(path, "invalid", expected(schema), described(error.instance))
            return
        # jsonschema yields one error for each absent name and puts the name into the message alone.
        for name in schema["required"]:
            if name not in error.instance:
                wanted = expected(schema.get("properties", {}).get(name, {}))
                yield 0, self._violation(f"{path}.{name}", "required", wanted, "nothing")

    def _violation(self, path: str, kind: str, wanted: str, actual: str) -> Violation:
        field = path.removeprefix("$").removeprefix(".") or "the body"
        message = self._messages[kind].format(field=field, expected=wanted, actual=actual)
        return Violation(path, wanted, actual, message)


def _items(
    validator: jsonschema.Draft202012Validator, items: object, value: object, schema: Mapping[str, Any]
) -> Iterator[jsonschema.ValidationError]:
    """Yield what is wrong with the items of a list, unless there are too many, which is told then and enough."""
    import jsonschema

    if not isinstance(value, list) or len(value) <= schema.get("maxItems", len(value)):
        told: Callable[..., Iterator[jsonschema.ValidationError]] = jsonschema.Draft202012Validator.VALIDATORS["items"]
        yield from told(validator, items, value, schema)


def _pattern(_validator: object, pattern: str, value: object, _schema: object) -> Iterator[jsonschema.ValidationError]:
    """Yield an error if a text is not of a pattern; one that can only be at the beginning is looked for only there."""
    import jsonschema

    at_beginning = pattern.startswith("^") and "|" not in pattern
    if isinstance(value, str) and not (re.match if at_beginning else re.search)(pattern, value):
        yield jsonschema.ValidationError("it is not of the pattern")


def expected(schema: Mapping[str, Any] | bool) -> str:
    """Say in words what a schema accepts: "a string, either 'std' or 'pro'"."""
    if isinstance(schema, bool):
        return "a value"
    if "const" in schema:
        return repr(schema["const"])
    kinds = schema.get("type", "value")
    words = " or ".join(_article(kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))
    if "enum" in schema:
        return f"{words}, {_choice(schema['enum'])}"
    if "oneOf" in schema:
        ways = [" and ".join(_needs(way)) for way in schema["oneOf"]]
        return f"{words} with exactly one of: {'; '.join(ways)}"
    if schema.get("minProperties") == 1:
        return f"{words} that is not empty"
    if schema.get("format") == "uri":
        return "a valid http or https URL (blanks and letters beyond ASCII percent-encoded)"
    if kinds == "array":
        inner = schema.get("items", {})
        items = f"{inner.get('type', 'value') if isinstance(inner, Mapping) else 'value'}s"
        return f"an array of {_span(schema, 'minItems', 'maxItems')}{items}"
    if "pattern" in schema:
        return f"{words} of the pattern {schema['pattern']}"
    length = _span(schema, "minLength", "maxLength")
    if length:
        return f"{words} of {length}characters"
    return words + _range(schema)


def _needs(way: Mapping[str, Any] | bool) -> list[str]:
    return way.get("required", ["something else"]) if isinstance(way, Mapping) else ["anything"]


def _span(schema: Mapping[str, Any], least: str, most: str) -> str:
    if schema.get(least) and most in schema:
        return f"{schema[least]} to {schema[most]} "
    return f"at most {schema[most]} " if most in schema else f"at least {schema[least]} " if schema.get(least) else ""


def _range(schema: Mapping[str, Any]) -> str:
    """Say which numbers a schema accepts: " from 0 to 1"."""
    if "minimum" in schema and "maximum" in schema:
        return f" from {schema['minimum']} to {schema['maximum']}"
    words = {
        "minimum": "of at least",
        "exclusiveMinimum": "above",
        "maximum": "of at most",
        "exclusiveMaximum": "below",
    }
    told = [f"{word} {schema[name]}" for name, word in words.items() if name in schema]
    return f" {' and '.join(told)}" if told else ""


def described(value: object) -> str:
    """Say in words what a JSON value is, at most about 60 characters of it."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"an array of {len(value)} items" if len(value) != 1 else "an array of 1 item"
    text = (
        json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else json.dumps(value[: LONGEST_ECHO + 1])
    )
    cut = text if len(text) <= LONGEST_ECHO else f"{text[:LONGEST_ECHO]}..."
    kind = {bool: "the boolean ", int: "the number ", float: "the number ", str: "the string "}.get(type(value), "")
    return kind + cut


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeio' else 'a'} {kind}"


def _choice(values: Iterable[object]) -> str:
    *some, last = [repr(value) for value in values] or ["no value at all"]
    if not some:
        return last
    return f"either {some[0]} or {last}" if len(some) == 1 else f"one of {', '.join(some)} or {last}"
