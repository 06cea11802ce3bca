"""Model files that users write: read without trust, and told what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from mockling.contract.document import ContractError, Document, read_yaml
from mockling.contract.validation import SchemaValidator

LARGEST_FILE = 1024**2  # bytes
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
        document = json.loads(json.dumps(_with_text_keys(read_yaml(path))))
    except OSError as error:
        raise ContractError(f"Cannot read {path}: {error.strerror}.") from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        if isinstance(error, ContractError):
            raise
        raise ContractError(f"{path} is no YAML that JSON could hold: {' '.join(str(error).split())}.") from error
    violations = _validator().violations(document)
    if violations:
        raise ContractError(f"{path}: {violations[0].message}. docs/models.md explains the parts of a model's file.")
    return _completed(document)


@cache
def _validator() -> SchemaValidator:
    return SchemaValidator(read_yaml(files("mockling.contract") / "model.schema.yaml"), _MESSAGES)


def _with_text_keys(node: Any) -> Any:
    """Return a YAML node whose keys are texts: what YAML reads as true or 5 stands for that value of a parameter."""
    if isinstance(node, Mapping):
        return {_key(name): _with_text_keys(value) for name, value in node.items()}
    return [_with_text_keys(item) for item in node] if isinstance(node, list) else node


def _key(name: object) -> str:
    return name if isinstance(name, str) else json.dumps(name)


def _completed(document: Document) -> Document:
    defaults = {"title": document["slug"], "summary": "", "inputs": {}, "inputs_enforced": False, "failures": []}
    return {
        **defaults,
        "warnings": [],
        **document,
        "latency": {"spread": 0.15, "queue_share": 0.02, **document["latency"]},
        "output": {"frames_per_second": 24, "audio": True, **document["output"]},
    }
