"""Requests that buy nothing: their inputs are where nobody can fetch them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mockling.contract.figures import first_of, schema_at
from mockling.contract.model import Model
from mockling.contract.verification.values import MISSING, URL, sample


def harmless(model: Model, **changes: Any) -> dict[str, Any]:
    """Return the model's example with changes, and with inputs that cannot be fetched, so that it fails if accepted."""
    return {**disarmed(model, model.example), **changes}


def cheapest(model: Model) -> dict[str, Any]:
    """Return the valid request that costs least of those that the model's price and output follow from."""
    valid = [request for request in model.combinations() if not model.violations(request)]
    return min(valid, key=lambda request: (model.price(request), -len(request)), default=model.example)


def disarmed(model: Model, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a valid request with inputs that cannot be fetched; one is added if it names none and may."""
    found, schema = deepcopy(dict(request)), marked(model)
    for path in model.input_paths:
        if first_of(path) in found:
            _replace(path.split("."), found, schema)
    if not fails(model, found):
        tops = [path.removesuffix("[]") for path in model.input_paths if "." not in path]
        tried = ({**found, name: sample(schema["properties"][name])} for name in tops)
        found = next((added for added in tried if not model.violations(added) and fails(model, added)), found)
    return found


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


def _replace(steps: list[str], node: Any, schema: Mapping[str, Any]) -> None:
    """Lead what stands at a path to nowhere, as far as its schema lets it."""
    name, is_list = steps[0].removesuffix("[]"), steps[0].endswith("[]")
    part = schema["properties"][name]
    if not isinstance(node, dict) or node.get(name) is None:
        return
    if len(steps) > 1:
        for inner in node[name] if is_list else [node[name]]:
            _replace(steps[1:], inner, part["items"] if is_list else part)
        return
    value = sample(part["items"] if is_list else part)
    if value is not MISSING:
        node[name] = [value for _ in node[name]] if is_list else value
