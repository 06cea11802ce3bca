"""Model files that users write: read without trust, and told what is wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import date
from functools import cache
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from mockling.contract.document import ContractError, Document, merge, read_yaml
from mockling.contract.figures import text_of
from mockling.contract.validation import SchemaValidator

LARGEST_FILE = 1024**2  # bytes
MOST_VALUES = 100_000  # with each alias counted as what it stands for
_OF_NAMES = {"properties", "patternProperties", "dependentSchemas", "$defs"}
_VALUES = {"const", "dependentRequired", "enum", "default", "example", "examples"}
_KEYWORDS = _OF_NAMES | _VALUES | {
    "$anchor", "$comment", "$dynamicAnchor", "$dynamicRef", "$id", "$schema", "$vocabulary",
    "additionalProperties", "allOf", "anyOf", "contains", "contentEncoding", "contentMediaType",
    "contentSchema", "deprecated", "description", "else", "exclusiveMaximum",
    "exclusiveMinimum", "format", "if", "items", "maxContains", "maxItems", "maxLength", "maxProperties",
    "maximum", "minContains", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "not", "oneOf",
    "pattern", "prefixItems", "propertyNames", "readOnly", "required", "then", "title", "type",
    "unevaluatedItems", "unevaluatedProperties", "uniqueItems", "writeOnly",
}  # fmt: skip
_MESSAGES = {
    "required": "{field} is missing; it must be {expected}",
    "invalid": "{field} must be {expected}, got {actual}",
}


def read_model(path: Path) -> Document:
    """Return the model in a file, what it leaves out filled in.

    Raises `ContractError`, naming the file and the place in it, if it cannot be read or is no model's file.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ContractError(f"{path} has more than {LARGEST_FILE:,} bytes; a model's file is a page of YAML.")
        # As JSON, for in YAML a key may be no text and a date no value that a request could have.
        document = json.loads(json.dumps(_plain(read_yaml(path), count(1)), allow_nan=False))
    except OSError as error:
        raise ContractError(f"Cannot read {path}: {error.strerror}.") from error
    except RecursionError as error:
        raise ContractError(f"{path} is nested too deeply, or in itself; a model's file is a page of YAML.") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        if isinstance(error, ContractError):
            raise
        raise ContractError(f"{path} is no YAML that JSON could hold: {' '.join(str(error).split())}.") from error
    _check(document, str(path))
    completed = _completed(document)
    _check_disputes(completed, path)
    return completed


def _check_disputes(document: Document, path: Path) -> None:
    """Check that each dispute of a model settles it into a model."""
    for dispute, told in document.get("x-disputes", {}).items():
        for profile, answer in told["profiles"].items():
            if answer not in told["answers"]:
                choices = ", ".join(told["answers"])
                raise ContractError(f"{path}: x-disputes.{dispute}.profiles.{profile} must be one of {choices}.")
        for answer, patch in told["answers"].items():
            settled = deepcopy(document)
            merge(settled, patch)
            where = f"{path}: x-disputes.{dispute}.answers.{answer}"
            _check(settled, where)
            short = [name for name, part in _completed(settled).items() if settled.get(name) != part]
            if short:
                raise ContractError(f"{where}: {', '.join(short)} must be written out, and cannot be left out.")
            if settled["slug"] != document["slug"]:
                raise ContractError(f"{path}: x-disputes.{dispute}.answers.{answer}: slug cannot be disputed.")


def _check(document: Any, told: str) -> None:
    violations = _validator().violations(document)
    if not violations:
        _check_schema(document["parameters"], f"{told}: parameters")
        try:
            SchemaValidator(document["parameters"], _MESSAGES)
        except ContractError as error:
            raise ContractError(f"{told}: {error}") from error
    if violations:
        slips = [violation for violation in violations if violation.expected.startswith("left out")]
        message = (slips or violations)[0].message.replace("the body", "the file", 1)
        raise ContractError(f"{told}: {message}. docs/models.md explains the parts of a model's file.")


def _check_schema(schema: Any, told: str) -> None:
    """Check that a schema has no keyword that there is not, and no pattern that Python does not know.

    An unknown keyword is allowed in JSON Schema, and says nothing: it is a slip of the pen.
    """
    if not isinstance(schema, dict):
        return
    for name, part in schema.items():
        if name not in _KEYWORDS and not name.startswith("x-"):
            raise ContractError(f"{told}: JSON Schema has no keyword {name!r}; a note of your own begins with x-.")
        if name in _OF_NAMES and isinstance(part, dict):
            for inner, below in part.items():
                _check_schema(below, f"{told}.{inner}")
        elif name not in _VALUES and not name.startswith("x-"):
            for below in part if isinstance(part, list) else [part]:
                _check_schema(below, f"{told}.{name}")
    try:
        re.compile(str(schema.get("pattern", "")))
    except re.error as error:
        raise ContractError(f"{told}: the pattern {schema['pattern']!r} is no regular expression: {error}.") from error


@cache
def _validator() -> SchemaValidator:
    return SchemaValidator(read_yaml(files("mockling.contract") / "model.schema.yaml"), _MESSAGES)


def _plain(node: Any, numbers: Iterator[int]) -> Any:
    """Return a YAML node as JSON has it, keys as texts: what YAML reads as true or 5 stands for a parameter's value.

    `numbers` count the nodes. Raises `ValueError` for too many, for a reference, and for a value that JSON has not.
    """
    if next(numbers) > MOST_VALUES:
        raise ValueError(f"it holds more than {MOST_VALUES:,} values; a model's file is a page of YAML")
    if isinstance(node, Mapping):
        if "$ref" in node:
            raise ValueError("it holds a $ref; write out what it refers to")
        return {_key(name): _plain(value, numbers) for name, value in node.items()}
    if isinstance(node, date):
        raise ValueError(f"{node} is read as a date; put it in quotes")
    return [_plain(item, numbers) for item in node] if isinstance(node, list) else node


def _key(name: object) -> str:
    return text_of(name) if isinstance(name, str | bool | int | float | None) else json.dumps(name)


def _figure(written: Any) -> Document:
    return written if isinstance(written, dict) else {"base": written}


def _completed(document: Document) -> Document:
    defaults = {"title": document["slug"], "summary": "", "inputs": {}, "inputs_enforced": False, "failures": []}
    return {
        **defaults,
        "warnings": [],
        **document,
        "price": _figure(document["price"]),
        "latency": {"spread": 0.15, "queue_share": 0.02, **_figure(document["latency"])},
        "output": {"frames_per_second": 24, "audio": True, **document["output"]},
    }
