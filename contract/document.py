"""The document: reading the platform and the models, settling their disputes, following references."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from decimal import Decimal
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

Document = dict[str, Any]

# Where a user who knew an earlier version looks for it now.
_MOVED = {"x-price": "price", "x-latency": "latency", "x-output": "output", "x-lint": "warnings"}


class ContractError(ValueError):
    """The contract was asked for something it does not hold; the message says what it holds instead."""


def read_yaml(file: Traversable | Path) -> Any:
    """Return what a YAML file holds. Raises `OSError` if it cannot be read, `yaml.YAMLError` if it is no YAML."""
    # libyaml reads it ten times as fast, but not every platform's PyYAML has it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(file.read_text("utf-8"), Loader=loader)  # noqa: S506 - both loaders are the safe one


def cited(node: Mapping[str, Any]) -> str:
    """Return the sources of a node as a sentence ends with them: " (P5, U4)"; "" if it names none."""
    source = node.get("x-source", ())
    ids = ", ".join(map(str, source)) if isinstance(source, list) else source
    return f" ({ids})" if ids else ""


@cache
def source() -> Document:
    """Return the platform with the bundled models below `x-models`, every dispute open (shared: do not change it)."""
    home = files("mockling.contract")
    bundled = sorted((file for file in (home / "models").iterdir()), key=lambda file: file.name)
    return together(read_yaml(home / "platform.yaml"), [read_yaml(file) for file in bundled])


def together(platform: Mapping[str, Any], models: Iterable[Mapping[str, Any]]) -> Document:
    """Return a platform with further models below its `x-models`, and their disputes among its own.

    Raises `ContractError` if a model's slug or the id of a dispute is there already.
    """
    held, disputes = dict(platform.get("x-models", {})), dict(platform["x-disputes"])
    for model in models:
        slug = model["slug"]
        if slug in held:
            raise ContractError(f"There is a model {slug!r} already; give this one another slug.")
        if f"/v1/{slug}" in platform["paths"] or slug in platform["x-retired"]["models"]:
            raise ContractError(f"{slug!r} is an address of the platform already; give this model another slug.")
        held[slug] = {name: value for name, value in model.items() if name != "x-disputes"}
        for dispute, of_model in model.get("x-disputes", {}).items():
            if dispute in disputes:
                raise ContractError(f"{slug}: there is a dispute {dispute!r} already; give this one another id.")
            patches = {answer: {"x-models": {slug: patch}} for answer, patch in of_model["answers"].items()}
            disputes[dispute] = {**of_model, "answers": patches}
    return {**platform, "x-models": held, "x-disputes": disputes}


def settle(
    open_document: Document, profile: str, answers: Mapping[str, str], changes: Mapping[str, Any]
) -> tuple[Document, dict[str, str]]:
    """Return a document with every dispute answered, and the answers taken.

    `profile` answers all disputes, `answers` (dispute id to answer) overrides single ones, `changes` (a JSON merge
    patch) is applied last and may only change what the document has. Raises `ContractError` for a profile, dispute,
    answer or place that is unknown.
    """
    document, disputes = deepcopy(open_document), open_document["x-disputes"]
    profiles = dict.fromkeys(name for dispute in disputes.values() for name in dispute["profiles"])
    pick(profiles, profile, "profile")
    taken = {**{name: dispute["profiles"][profile] for name, dispute in disputes.items()}, **answers}
    for name, answer in taken.items():
        merge(document, pick(pick(disputes, name, "dispute")["answers"], answer, f"answer to {name}"))
    for name in changes:
        if name in _MOVED:
            slug = next(iter(document["x-models"]))
            raise ContractError(
                f"{name!r} of the contract moved; it is {_MOVED[name]!r} of a model: x-models.{slug}.{_MOVED[name]}."
            )
        if name not in document["x-changeable"]:
            raise ContractError(
                f"{name!r} of the contract cannot be changed; {', '.join(document['x-changeable'])} can."
            )
    _check_places(document, changes)
    merge(document, changes)
    return document, taken


def merge(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """Apply a JSON merge patch (RFC 7396) to `target` in place: null removes, objects merge, the rest replaces."""
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(target.get(name), dict):
            merge(target[name], value)
        else:
            target[name] = deepcopy(value)


def inlined(node: Any, root: Document) -> Any:
    """Return a node with every local reference replaced by what it refers to (the document has no circles)."""
    if isinstance(node, list):
        return [inlined(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" not in node:
        return {name: inlined(value, root) for name, value in node.items()}
    target: Any = root
    for step in node["$ref"].removeprefix("#/").split("/"):
        target = pick(target, step, f"target of the reference {node['$ref']}, step")
    return inlined(target, root)


def pick(choices: Mapping[str, Any], name: str, what: str) -> Any:
    """Return a choice by its name. Raises `ContractError`, naming all of them, if it is none."""
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
