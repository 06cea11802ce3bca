"""The document: reading `openapi.yaml`, settling its disputes, following its references."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from decimal import Decimal
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any

import yaml

Document = dict[str, Any]


class ContractError(ValueError):
    """The contract was asked for something it does not hold; the message says what it holds instead."""


@cache
def source() -> Document:
    """Return the document as it is written, with every dispute open (shared: do not change it)."""
    text = files("mockling.contract").joinpath("openapi.yaml").read_text("utf-8")
    # libyaml reads it ten times as fast, but not every platform's PyYAML has it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: Document = yaml.load(text, Loader=loader)  # noqa: S506 - both loaders are the safe one
    return document


def settle(profile: str, answers: Mapping[str, str], changes: Mapping[str, Any]) -> tuple[Document, dict[str, str]]:
    """Return the document with every dispute answered, and the answers taken.

    `profile` answers all disputes, `answers` (dispute id to answer) overrides single ones, `changes` (a JSON merge
    patch) is applied last and may only change what the document has. Raises `ContractError` for a profile, dispute,
    answer or place that is unknown.
    """
    document = deepcopy(source())
    taken = {**_pick(document["x-profiles"], profile, "profile"), **answers}
    for dispute, answer in taken.items():
        choices = _pick(document["x-disputes"], dispute, "dispute")["x-answers"]
        merge(document, _pick(choices, answer, f"answer to {dispute}")["patch"])
    for name in changes:
        if name not in document["x-changeable"]:
            raise ContractError(
                f"{name!r} of the contract cannot be changed; {', '.join(document['x-changeable'])} can."
            )
    _check_places(document, changes)
    merge(document, changes)
    resolved: Document = _inline(document, document)
    return resolved, taken


def merge(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """Apply a JSON merge patch (RFC 7396) to `target` in place: null removes, objects merge, the rest replaces."""
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(target.get(name), dict):
            merge(target[name], value)
        else:
            target[name] = deepcopy(value)


def _pick(choices: Mapping[str, Any], name: str, what: str) -> Any:
    if not isinstance(name, str) or name not in choices:
        raise ContractError(f"There is no {what} {name!r}; there is {', '.join(choices)}.")
    return choices[name]


def _check_places(document: Mapping[str, Any], changes: Mapping[str, Any], place: str = "the contract") -> None:
    for name, value in changes.items():
        if name not in document:
            raise ContractError(f"There is no {name!r} in {place} to change; there is {', '.join(document)}.")
        if isinstance(document[name], dict):
            if not isinstance(value, Mapping):
                raise ContractError(
                    f"{name!r} in {place} is a table of values; change one of {', '.join(document[name])}."
                )
            _check_places(document[name], value, f"{place}.{name}")
        elif not _fits(name, document[name], value):
            raise ContractError(f"{name!r} in {place} cannot be {value!r}; now it is {document[name]!r}.")


def _fits(name: str, old: Any, new: Any) -> bool:
    """Say whether a value can stand in another's place: a number for a number, and so on."""
    if name == "status":
        return type(new) is int and 400 <= new <= 599
    if isinstance(old, int | float) and not isinstance(old, bool):
        return isinstance(new, int | float) and not isinstance(new, bool) and 0 <= new < 10**12
    if not (isinstance(old, str) and isinstance(new, str)):
        return isinstance(new, type(old))
    try:
        if old.replace(".", "").isdigit():
            return 0 <= Decimal(new) < 10**12
        if name.endswith("pattern"):
            return bool(re.compile(new))
        return _fields(new) <= _fields(old)
    except (ValueError, ArithmeticError, re.error):
        return False


def _fields(text: str) -> set[str | None]:
    """Return the names that a text has in braces."""
    return {name for _, name, _, _ in Formatter().parse(text)} - {None}


def _inline(node: Any, root: Document) -> Any:
    """Replace every local reference by what it refers to (the document has no circles)."""
    if isinstance(node, list):
        return [_inline(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" not in node:
        return {name: _inline(value, root) for name, value in node.items()}
    target: Any = root
    for step in node["$ref"].removeprefix("#/").split("/"):
        target = _pick(target, step, f"target of the reference {node['$ref']}, step")
    return _inline(target, root)
