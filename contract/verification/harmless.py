"""Requests that buy nothing: their inputs are where nobody can fetch them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mockling.contract.figures import first_of, schema_at
from mockling.contract.model import Model
from mockling.contract.verification.values import MISSING, NOWHERE, URL, sample

_WEB = re.compile(r"https?://[^/?#]", re.IGNORECASE)


def harmless(model: Model, **changes: Any) -> dict[str, Any]:
    """Return the model's example with changes, and with inputs that cannot be fetched, so that it fails if accepted."""
    return {**disarmed(model, model.example), **changes}


def disarmed(model: Model, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a valid request with inputs that cannot be fetched; one is added if it names none and may."""
    found = deepcopy(dict(request))
    for path in model.input_paths:
        url = nowhere(model, path)
        if url is not MISSING:
            lead(path, found, url)
    if not fails(model, found):
        tried = (with_input(model, found, path) for path in model.input_paths)
        found = next((added for added in tried if fails(model, added)), found)
    return found


def with_input(model: Model, request: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return a request in which the parameter that leads to inputs of a path is there, with inputs nobody can fetch."""
    name = first_of(path)
    return {**request, name: sample(marked(model)["properties"][name])}


def nowhere(model: Model, path: str) -> Any:
    """Return a URL that nobody can fetch, as the input of a path has it; `MISSING` if none is known."""
    return sample(schema_at(path, marked(model), "inputs"))


def fails(model: Model, request: object) -> bool:
    """Say whether a valid request names an input that cannot be fetched, so that its generation fails (M21)."""
    if not isinstance(request, Mapping) or model.violations(request):
        return False
    return any(model.leads_nowhere(file) for file in model.inputs(model.completed(request)))


def marked(model: Model) -> dict[str, Any]:
    """Return the schema of a model's parameters, the texts in it that lead to inputs marked with `URL`."""
    schema = deepcopy(model.schema)
    for path in model.input_paths:
        part = schema_at(path, schema, "inputs")
        assert isinstance(part, dict)
        part[URL] = True
    return schema


def lead(path: str, node: Any, url: str) -> None:
    """Have every input that a request names at a path be at a URL."""
    name, _, rest = path.partition(".")
    is_list, name = name.endswith("[]"), name.removesuffix("[]")
    if not isinstance(node, dict) or node.get(name) is None:
        return
    if not rest:
        node[name] = [url for _ in node[name]] if is_list else url
        return
    for inner in node[name] if is_list else [node[name]]:
        lead(rest, inner, url)


def led_nowhere(value: Any) -> Any:
    """Return any value, valid or not, with every web address in it replaced by one that nobody can fetch."""
    if isinstance(value, dict):
        return {name: led_nowhere(part) for name, part in value.items()}
    if isinstance(value, list):
        return [led_nowhere(part) for part in value]
    return NOWHERE if isinstance(value, str) and _WEB.match(value) else value
