"""Clauses of a model's parameters, generated from its schema: what is accepted, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.model import Model
from mockling.contract.verification.clause import Clause, Finding, broken, holds, unclear, unseen
from mockling.contract.verification.evidence import PASSING, Evidence
from mockling.contract.verification.places import facts_at, pointer
from mockling.contract.verification.probe import Cost, Request, single

NOWHERE = "https://nowhere.invalid/input"  # can never be fetched (RFC 6761), so no generation succeeds with it


def parameter_clauses(contract: Contract, model: Model) -> Iterator[Clause]:
    """Yield the clauses of a model's parameters."""
    for name, schema in model.parameters.items():
        for value in schema.get("enum", ()):
            yield _accepted(contract, model, f"{name}.takes.{value}", {name: value}, name, "enum")


def harmless(model: Model, **changes: Any) -> dict[str, Any]:
    """Return the model's example with changes, and with inputs that cannot be fetched, so that it fails if accepted."""
    request = {**deepcopy(model.example), **changes}
    for file in model.inputs(model.example):
        if file.place in request:
            request[file.place] = NOWHERE
    return {**request, **changes}


def _accepted(contract: Contract, model: Model, name: str, changes: dict[str, Any], *steps: str) -> Clause:
    place = ("x-models", model.slug, "parameters", "properties", *steps)
    body = harmless(model, **changes)
    request = Request(operation="generate", values={"model": model.slug}, json=body, price=model.price(body))
    probe = single(f"{model.slug}.{name}", Cost.FREE_IF_TRUE, request)
    refusal = contract.document["x-errors"]["invalid_parameter"]["status"]

    def oracle(evidence: Evidence) -> Finding:
        step = evidence.step(probe.id)
        if step is None:
            return unseen()
        if step.status is None or step.status in PASSING:
            return unclear(step.told, step)
        if step.status == refusal:
            return broken("accepted", step.told, step)
        return holds(step)

    sentence = f"{model.slug} accepts {changes!r}."
    return Clause(probe.id, sentence, pointer(*place), facts_at(contract.document, *place), oracle, probe)
