"""Bodies: the parameters of a request, read without trust."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from flask import Request

from mockling.contract import Document
from mockling.contract.validation import described
from mockling.emulator.refused import Refused


def read(request: Request, schema: Document, deepest: int) -> dict[str, Any]:
    """Return the object in a request's body, of which `deepest` levels may be nested.

    Raises `Refused` if it is of another content type, is no JSON, no object, or nested too deeply.
    """
    match request.mimetype:
        case "application/json":
            return _read_json(request.get_data(cache=False), deepest)
        case "multipart/form-data":
            return _read_form(request, schema, deepest)
    raise Refused("content_type")


def _read_json(body: bytes, deepest: int) -> dict[str, Any]:
    value = _parse(body, deepest)
    if not isinstance(value, dict):
        raise Refused("not_an_object", actual=described(value))
    return value


def _read_form(request: Request, schema: Document, deepest: int) -> dict[str, Any]:
    """Read a form: a field stands for text; for any other type it holds JSON, and text that is no JSON stays text."""
    fields: dict[str, Any] = {}
    for name, values in request.form.lists():
        kind = schema["properties"].get(name, {}).get("type", "string")
        if kind == "string" or not values[-1].strip():
            fields[name] = values[-1]
            continue
        try:
            fields[name] = _parse(values[-1].encode(), deepest)
        except Refused:
            fields[name] = values if kind == "array" else values[-1]
    return fields


def _parse(body: bytes, deepest: int) -> Any:
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at line {error.lineno} column {error.colno}" if body.strip() else "the body is empty"
        raise Refused("malformed", reason=reason) from error
    except UnicodeDecodeError as error:
        raise Refused("malformed", reason=f"byte {error.start} is not UTF-8") from error
    except ValueError as error:  # NaN and its like, or a number of thousands of digits
        raise Refused("malformed", reason=str(error)[:100]) from error
    except RecursionError as error:
        raise Refused("too_deep", limit=deepest) from error
    # Only a body with more brackets than levels allowed can be too deep, and few have.
    if body.count(b"[") + body.count(b"{") > deepest and _depth(value) > deepest:
        raise Refused("too_deep", limit=deepest)
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [part for part in level if isinstance(part, dict | list)]:
        depth += 1
        level = [inner for part in level for inner in (part.values() if isinstance(part, dict) else part)]
    return depth


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
