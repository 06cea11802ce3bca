"""Reading: a report or a recording that somebody hands over, which is not trusted."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator

from mockling.contract.document import read_yaml
from mockling.contract.exchange import LONGEST_BODY, Message, printable

WHOLE = "a report of a verification"
HAR = "a HAR recording"


class Unreadable(Exception):
    """A file is not what it should be; the message is one sentence that says why."""


def loaded(path: Path, kind: str, largest: int) -> Any:
    """Return the JSON of a file of a kind, checked against the schema.

    Raises `Unreadable` if it cannot be read, is larger than so many bytes, or is none of that kind.
    """
    try:
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > largest:
        raise Unreadable(
            f"{path} is larger than {largest // 1024**2} MiB, which no {kind.partition(' ')[2]} should be."
        )
    try:
        document = json.loads(content.decode("utf-8-sig"), parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{path} is no JSON.") from error
    wrong = next(_validator(kind).iter_errors(document), None)
    if wrong is not None:
        at = "/".join(map(str, wrong.instance_path)) or "the top"
        raise Unreadable(f"{path} is not {kind} that this version reads: at {at}, {printable(wrong.message)[:200]}.")
    return document


def _finite(text: str) -> float:
    """Return a number. Raises `ValueError` if it is none, or larger than JSON can have."""
    if isfinite(number := float(text)):
        return number
    raise ValueError(text)


def message_of(headers: list[dict[str, str]], content: Mapping[str, Any], size: int) -> Message:
    """Return a message that an entry of a HAR tells. Raises `ValueError` if its base64 is none."""
    kept = tuple((header["name"], header["value"]) for header in headers)
    return Message(kept, body_of(content)[:LONGEST_BODY], size, content.get("_sha256"))


def body_of(content: Mapping[str, Any]) -> bytes:
    """Return the body that an entry of a HAR tells. Raises `ValueError` if its base64 is none."""
    text = content.get("text", "")
    return b64decode(text, validate=True) if content.get("encoding") == "base64" else text.encode("utf-8", "replace")


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the JSON report."""
    document: dict[str, Any] = read_yaml(files("mockling.contract.verification.reports") / "run.schema.yaml")
    return document


@cache
def _validator(kind: str) -> Draft202012Validator:
    whole = schema()
    return Draft202012Validator(whole if kind == WHOLE else {"$ref": "#/$defs/har", "$defs": whole["$defs"]})
