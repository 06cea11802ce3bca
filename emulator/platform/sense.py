"""Sense: which words and values a fault can have, each by itself and together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from math import isfinite
from typing import Any

from mockling.contract.document import Document, read_yaml
from mockling.contract.validation import SchemaValidator, described, expected

_ALONE = [  # of each at most one
    ("status", "timeout"),
    ("drop", "reset", "cut", "stall", "length"),
    ("latency", "latency_is", "timeout"),
    ("truncate_json", "length"),
    ("error", "body"),
    ("fail", "stuck", "expired", "missing"),
]
_NEEDS = {"error": ("status", "timeout"), "body": ("status", "timeout"), "after": ("fail",)}
_NO_ANSWER = ("status", "timeout", "error", "body", "headers", "rate", "corrupt", "truncate_json")
DEEPEST_BODY = 100  # levels of what is to be JSON
_FRAMING = ("content-length", "transfer-encoding")  # headers that say where an answer ends
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_EFFECTS = ("status", "timeout", "headers", "latency", "latency_is", "drop", "reset", "cut", "stall", "rate", "length",
            "truncate_json", "corrupt", "fail", "stuck", "expired", "missing")  # fmt: skip


class FaultError(ValueError):
    """A fault makes no sense; the message says what would."""


@cache
def schema() -> Document:
    """Return the JSON Schema of a fault."""
    read: Document = read_yaml(files("mockling.emulator.platform") / "fault.schema.yaml")
    return read


def words() -> dict[str, Document]:
    """Return the schema of each word."""
    known: dict[str, Document] = schema()["properties"]
    return known


@cache
def _validator() -> SchemaValidator:
    return SchemaValidator(schema(), {"required": "{field}", "invalid": "{field}"})


def check_words(given: Mapping[str, Any]) -> None:
    """Raise `FaultError` for a value that a word cannot have."""
    wrong = [name for name, value in given.items() if isinstance(value, float) and not isfinite(value)]
    try:
        wrong += [violation.path.split(".")[1].partition("[")[0] for violation in _validator().violations(given)]
    except TypeError as error:  # what no JSON can be
        raise FaultError(f"A fault holds only what JSON can be: {error}.") from error
    if wrong:
        name = wrong[0]
        rule = words()[name]
        wanted = rule.get("x-expected") or ("true" if "const" in rule else expected(rule))
        raise FaultError(f"{name} must be {wanted}, got {described(given[name])}.")
    for name in ("reset", "cut", "stall", "corrupt"):
        place = given.get(name)
        if place is not None and not isinstance(place, bool) and place >= 1 and place != int(place):
            raise FaultError(f"{name} must be {words()[name]['x-expected']}, got {place}.")
    try:
        re.compile(given.get("prompt", ""))
    except (re.error, OverflowError, RecursionError, Warning) as error:  # a warning where that is an error
        raise FaultError(f"prompt is no regular expression: {error}.") from error
    _check_headers(given.get("headers", {}))


def _check_headers(headers: Mapping[Any, str]) -> None:
    """Raise `FaultError` for headers that cannot be sent, or that would say where the answer ends."""
    for name, value in headers.items():
        if not isinstance(name, str):
            raise FaultError(f"headers must be a table of texts, got the name {name!r}.")
        if name.lower() in _FRAMING:
            raise FaultError(f"headers cannot have {name}; use length for a content-length that lies.")
        if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
            raise FaultError(f"headers cannot have {name!r}: {value!r}; it is no header of HTTP.")


def check_sense(given: Mapping[str, Any]) -> None:
    """Raise `FaultError` for words that make no sense together."""
    on = given.get("on", "post")
    effects = [name for name in given if name in _EFFECTS]
    for group in _ALONE:
        together = [name for name in group if name in given]
        if len(together) > 1:
            raise FaultError(f"{' and '.join(together)} cannot both be; arm two faults, or leave one out.")
    for name, needed in _NEEDS.items():
        if name in given and not any(other in given for other in needed):
            raise FaultError(f"{name} goes with {' or '.join(needed)}, which is missing.")
    for name in given:
        strikes = words()[name].get("x-strikes")
        if strikes == "job" and on != "job":
            raise FaultError(f'{name} is something a job does; say on="job", or leave on out.')
        if strikes == "answer" and on == "job":
            raise FaultError(f'{name} is something an answer does, not a job; say on="post" or another.')
    silent = [name for name in ("drop", "reset", "stall") if given.get(name) is True]
    if silent and (useless := [name for name in _NO_ANSWER if name in given]):
        raise FaultError(f"With {silent[0]} there is no answer that could have {useless[0]}; leave one of them out.")
    if not effects:
        raise FaultError(f"A fault must say what happens: one of {', '.join(_EFFECTS)}.")
    _check_narrowing(given, on)


def _check_narrowing(given: Mapping[str, Any], on: str) -> None:
    posts = ("post", "generate", "submit")
    for name, places in {"prompt": (*posts, "job"), "model": (*posts, "job"), "stage": posts, "billed": posts}.items():
        if name in given and on not in places:
            raise FaultError(f"{name} is for on = {', '.join(places)}, not for {on}.")
    answers = bool({"status", "timeout"} & set(given))
    silent = "drop" in given or given.get("reset") is True or given.get("stall") is True
    if "billed" in given and not (answers or silent):
        raise FaultError(
            "billed goes with status, timeout, drop, reset=true or stall=true; what is answered is billed."
        )
    if "stage" in given and (not answers or given.get("billed")):
        raise FaultError("stage goes with status or timeout, and not with billed: it says which check fails.")
    if "until" in given and given["until"] <= given.get("since", 0):
        raise FaultError("until must be later than since.")


def is_off(name: str, value: object) -> bool:
    """Say whether a word is left out by being false."""
    rule = words().get(name, {})
    return value is False and name != "billed" and ("const" in rule or "boolean" in rule.get("type", ()))


def exact(name: str, value: Any) -> Any:
    """Return a value of a word as it is kept: whole numbers as such, JSON apart from what its caller may change."""
    if isinstance(value, float) and "integer" in words()[name].get("type", ()):
        return int(value)
    if isinstance(value, dict | list | tuple):
        if _nests(value, DEEPEST_BODY):
            raise FaultError(f"{name} may have at most {DEEPEST_BODY} levels.")
        try:
            return json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise FaultError(f"{name} must be what JSON can be: {error}.") from error
    if name == "body" and any("\ud800" <= sign <= "\udfff" for sign in value):
        raise FaultError("body must be a text that can be sent as UTF-8.")
    return value


def _nests(value: object, most: int) -> bool:
    """Say whether something has more levels than that."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return most < 0 or any(_nests(one, most - 1) for one in inner)


def meant(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about a name that there is not: the one that was meant, or those there are."""
    known = list(known)
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there is {', '.join(known)}."
