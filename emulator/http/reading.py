"""Reading requests: their bodies and addresses, without trust."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import isinf
from typing import Any, NoReturn

from flask import Request

from mockling.contract.validation import described
from mockling.emulator.platform.refused import Refused

_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")
_PARTS = (b",", b":", b"[", b"{", b"\\")
LONGEST_TYPE = 1000  # characters of a content type and its parameters
LONGEST_LABEL = 63  # characters; a host may have several labels, and is then looked at more closely
_PYTHON = {"True": True, "False": False}  # as Python's clients write a boolean in a form (M13)


def read_body(request: Request, content: bytes, schema: Mapping[str, Any], limits: Mapping[str, int]) -> dict[str, Any]:
    """Return the object in a request's body.

    `content` is the body as it was sent, `limits` are the contract's `x-limits`. Raises `Refused` if it is no JSON,
    no object, no form, or holds too much or too many levels.
    """
    if media_type_of(request.environ) == "multipart/form-data":
        if content.count(b"\r\n") + content.count(b"; ") > limits["json_parts"]:
            raise Refused("too_much", limit=limits["json_parts"])
        return _read_form(request, schema, limits)
    value = _parse(content, limits)
    if not isinstance(value, dict):
        raise Refused("not_an_object", actual=described(value))
    return value


def content_of(request: Request) -> bytes:
    """Return a request's body as it was sent; werkzeug refuses one that is too large."""
    length, most = request.environ.get("CONTENT_LENGTH", ""), request.max_content_length
    if length.isdecimal() and most is not None and int(length) <= most:
        read: bytes = request.environ["wsgi.input"].read(int(length))
        return read
    return request.get_data(cache=False)


def root_of(request: Request) -> str:
    """Return the address under which the caller reached this server, as `url_root` does in ten times the time."""
    host = request.environ.get("HTTP_HOST", "")
    if not _HOST.fullmatch(host):
        own = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
        host = f"{own['SERVER_NAME']}:{own['SERVER_PORT']}"
    scheme = "https" if request.scheme == "https" else "http"
    prefix = request.root_path.strip("/")
    return f"{scheme}://{host}/{prefix}/" if prefix else f"{scheme}://{host}/"


def is_plain_host(environ: Mapping[str, Any]) -> bool:
    """Say whether a request names no host, or one as hosts are named."""
    host = environ.get("HTTP_HOST", "")
    return not host or (
        len(host) < LONGEST_LABEL
        and "." not in (host[0], host[-1])
        and ".." not in host
        and bool(_HOST.fullmatch(host))
    )


def key_of(environ: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Return the key that a request was sent with (None: none), and whether it has an Authorization header (G3)."""
    key = environ.get("HTTP_X_API_KEY")
    return key.strip(" \t") if key is not None else None, "HTTP_AUTHORIZATION" in environ


def media_type_of(environ: Mapping[str, Any]) -> str:
    """Return the media type of a request's body, in lower case and without its parameters; "" if it is endless."""
    named: str = environ.get("CONTENT_TYPE", "")
    return named.partition(";")[0].strip().lower() if len(named) <= LONGEST_TYPE else ""


def is_plain(environ: Mapping[str, Any]) -> bool:
    """Say whether a path is written as paths are: no doubled and no encoded slash (M15)."""
    raw: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    path = raw.partition("?")[0]
    return "//" not in environ["PATH_INFO"] and "%2f" not in path.lower()


def _read_form(request: Request, schema: Mapping[str, Any], limits: Mapping[str, int]) -> dict[str, Any]:
    """Read a form: a field stands for text; for any other type it holds JSON, and text that is no JSON stays text."""
    fields: dict[str, Any] = {}
    for name, values in request.form.lists():
        if name is None:
            raise Refused("malformed_form", reason="a part has no name")
        part = schema["properties"].get(name, {})
        kind = part.get("type", "string")
        if kind == "string" or not values[-1].strip():
            fields[name] = values[-1]
            continue
        if kind == "boolean" and values[-1] in _PYTHON:
            fields[name] = _PYTHON[values[-1]]
            continue
        try:
            fields[name] = _parse(values[-1].encode(), limits)
        except Refused:
            fields[name] = values if kind == "array" else values[-1]
    return fields


def _parse(body: bytes, limits: Mapping[str, int]) -> Any:
    deepest, most = limits["json_depth"], limits["json_parts"]
    # Counted first, for what is made of each part takes a hundred bytes, and a hundred times as long.
    if len(body) > most and sum(map(body.count, _PARTS)) > most:
        raise Refused("too_much", limit=most)
    try:
        value = DECODER.decode(body.decode("utf-8"))
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
    if body.count(b"[") + body.count(b"{") > deepest and depth(value) > deepest:
        raise Refused("too_deep", limit=deepest)
    return value


def depth(value: Any) -> int:
    """Return how many levels of lists and objects a value has."""
    depth, level = 0, [value]
    while level := [part for part in level if isinstance(part, dict | list)]:
        depth += 1
        level = [inner for part in level for inner in (part.values() if isinstance(part, dict) else part)]
    return depth


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _number(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_number)  # raises ValueError for all but JSON
