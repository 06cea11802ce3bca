"""The page's sample, a program in Python: what it would send, found out without running it."""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_LINES = 300
LONGEST = 64 * 1024  # characters of a sample that are read

# Where one begins: at an import or the SDK's first note, with or without the number of its line.
START = re.compile(
    r"(?:^[ \t]*|[ \t](?=1))(?P<number>1[ \t]*)?(?=import \w+[ \t]*$|from [\w.]+ import |# ?pip install )", re.MULTILINE
)
_HTTP = {"get", "post", "put", "patch", "delete"}  # of requests
_SDK = {"run", "run_sync", "submit", "submit_async"}  # of the official SDK, which names the model first
_JSON_WORDS = {"true": True, "false": False, "null": None}
_Known = Mapping[str, ast.expr]


@dataclass(frozen=True, slots=True)
class Sample:
    """What the sample sends; None: it does not say, or `unread` tells that it could not be read.

    `method` and `url` are those of its request or, where it uses the SDK, `slug` is the model it calls; `headers` and
    `data` are what it sends with it. `status` is the one that it takes for success, `reads` are the ways in which it
    reads the answer: "json", "content". `unread` are the parts (such as "headers") that hold more than plain values.
    """

    method: str | None = None
    url: str | None = None
    slug: str | None = None
    headers: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    status: int | None = None
    reads: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def read_sample(text: str) -> Sample | None:
    """Return what the first sample in a page's text sends, or None if there is no sample."""
    start = START.search(text)
    if start is None:
        return None
    nodes = list(ast.walk(_tree(_code(text, start))))
    known = {
        node.targets[0].id: node.value
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            parts = _sent(node, node.func)
            if parts:
                return _sample(parts, known, nodes)
    return Sample(unread=("call",))


def _code(text: str, start: re.Match[str]) -> list[str]:
    """Return the lines of a sample, without their numbers."""
    lines = text[start.end("number") if start["number"] else start.end() :][:LONGEST].split("\n")[:MOST_LINES]
    if not start["number"]:
        return [line for line in lines if not line.strip().isdigit()]
    code = lines[:1]
    for line in filter(str.strip, lines[1:]):
        digits = len(str(len(code) + 1))
        if line.lstrip()[:digits] != str(len(code) + 1):
            break
        code.append(line.lstrip()[digits:])
    return code


def _tree(lines: list[str]) -> ast.Module:
    """Return the program in the lines, as far as it goes."""
    while lines:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a sample may have escapes of which Python warns
                return ast.parse("\n".join(lines).strip())
        except SyntaxError as error:
            lines = lines[: min((error.lineno or len(lines)), len(lines)) - 1]
        except (ValueError, MemoryError, RecursionError):
            break
    return ast.Module([], [])


def _sent(call: ast.Call, function: ast.Attribute) -> dict[str, list[ast.expr]] | None:
    """Return the expressions that make up each part of what a call sends; None for a call that sends no request."""
    named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    owner = function.value.id if isinstance(function.value, ast.Name) else ""
    if owner == "requests" and function.attr in _HTTP:
        parts = {"url": call.args[0] if call.args else named.get("url"), "headers": named.get("headers")}
        parts |= {"method": ast.Constant(function.attr.upper()), "data": named.get("json", named.get("data"))}
        return {name: [part] for name, part in parts.items() if part}
    if function.attr in _SDK and call.args:
        spread = [keyword.value for keyword in call.keywords if keyword.arg is None]
        return {
            "slug": call.args[:1],
            "data": [*spread, ast.Dict(list(map(ast.Constant, named)), list(named.values()))],
        }
    return None


def _sample(parts: dict[str, list[ast.expr]], known: _Known, nodes: list[ast.AST]) -> Sample:
    found: dict[str, Any] = {}
    unread = []
    for name, written in parts.items():
        try:
            values = [_value(_meant(node, known)) for node in written]
            wanted = dict if name in ("headers", "data") else str
            if len(values) > 2 or not all(isinstance(value, wanted) for value in values):
                raise ValueError(name)
            found[name] = values[0] if len(values) == 1 else {**values[0], **values[1]}
        except (ValueError, RecursionError):
            unread.append(name)
    return Sample(**found, status=_status(nodes), reads=_reads(nodes), unread=tuple(unread))


def _meant(node: ast.expr, known: _Known) -> ast.expr:
    """Return the expression that stands behind a variable, or is written as JSON."""
    if isinstance(node, ast.Name) and node.id in known:
        return known[node.id]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "dumps" and node.args:
        return _meant(node.args[0], known)
    return node


def _value(node: ast.AST | None) -> Any:
    """Return the JSON value that an expression writes out. Raises `ValueError` for anything else."""
    match node:
        case ast.Constant(value=str() | bool() | int() | None as value):
            return value
        case ast.Constant(value=float() as number) if math.isfinite(number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Name(id=name) if name in _JSON_WORDS:
            return _JSON_WORDS[name]
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {_key(key): _value(value) for key, value in zip(keys, values, strict=True)}
    raise ValueError("It is more than a plain value.")


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise ValueError("A key is no text.")


def _status(nodes: list[ast.AST]) -> int | None:
    for node in nodes:
        match node:
            case ast.Compare(
                left=ast.Attribute(attr="status_code"),
                ops=[ast.Eq()],
                comparators=[ast.Constant(value=int() as status)],
            ):
                return status
    return None


def _reads(nodes: list[ast.AST]) -> tuple[str, ...]:
    json = any(isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "json" for node in nodes)
    content = any(isinstance(node, ast.Attribute) and node.attr == "content" for node in nodes)
    return (*(["json"] if json else []), *(["content"] if content else []))
