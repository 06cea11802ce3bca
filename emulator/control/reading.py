"""Reading control calls: what they send, held against the control API's own document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mockling.contract import Document
from mockling.contract.document import inlined, read_yaml
from mockling.contract.validation import SchemaValidator
from mockling.emulator.http.reading import DECODER, depth
from mockling.emulator.platform.sense import schema
from mockling.emulator.settings import Settings

if TYPE_CHECKING:
    from flask import Request

DEEPEST = 100  # levels of a body
LONGEST_NUMBER = 15  # digits
FILES = ("inputs", "models", "tls")  # settings that name files, which are for whoever starts an emulator to name
_MESSAGES = {
    "required": "{field} is missing; it must be {expected}",
    "invalid": "{field} must be {expected}, got {actual}",
}


class ControlError(Exception):
    """A control call cannot be carried out; the message says why, `status` is that of the answer."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@cache
def document() -> Document:
    """Return the control API's own OpenAPI document, in which nothing refers to anything."""
    written = read_yaml(files("mockling.emulator.control") / "openapi.yaml")
    written["components"]["schemas"]["Fault"] = {name: part for name, part in schema().items() if name != "$schema"}
    settled: Document = inlined(written, written)
    return settled


def body_of(request: Request, name: str | None, *, empty: bool = False) -> dict[str, Any]:
    """Return the JSON object in a request, which is of a schema of that name (None: any).

    With `empty`, no body stands for an empty object. Raises `ControlError`, and what werkzeug does for a large body.
    """
    content = request.get_data(cache=False)
    if empty and not content and not request.mimetype:  # a page's form always has a type
        return {}
    if not request.is_json:
        raise ControlError("The body must be JSON, with the content-type application/json.", 415)
    body = _parsed(content)
    violations = _validators()[name].violations(body) if name else []
    if violations:
        raise ControlError(f"{violations[0].message}.")
    return body


def settings_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in the body of a reset. Raises `ControlError` for one that no call may name."""
    settings: dict[str, Any] = body.get("settings", {})
    allowed = [one.name for one in fields(Settings) if one.name not in FILES]
    for name in settings:
        if name in FILES:
            raise ControlError(f"{name} names files, which only whoever starts the emulator can do; leave it out.")
        if name not in allowed:
            raise ControlError(f"There is no setting {name[:40]!r}; there is {', '.join(allowed)}.")
    return settings


def whole(name: str, text: str) -> int:
    """Return the whole number that a text is, 0 or more. Raises `ControlError` for any other."""
    if not (text.isdecimal() and len(text) <= LONGEST_NUMBER):
        raise ControlError(f"{name} must be a whole number, got {text[:40]!r}.")
    return int(text)


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        body = DECODER.decode(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ControlError("The body is no JSON.") from error
    if not isinstance(body, dict):
        raise ControlError("The body must be a JSON object.")
    if depth(body) > DEEPEST:
        raise ControlError(f"The body may have at most {DEEPEST} levels.")
    return body


@cache
def _validators() -> Mapping[str, SchemaValidator]:
    schemas = document()["components"]["schemas"]
    return {name: SchemaValidator(schemas[name], _MESSAGES) for name in ("Clock", "Credit", "Reset")}
