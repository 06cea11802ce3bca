"""Clauses of a model's parameters, generated from its schema: what is taken, what is refused, and what it would cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.model import Model
from mockling.contract.verification.asking import JSON, Asking, Sent
from mockling.contract.verification.clause import Clause, Finding, Severity, broken, holds, unclear, unseen
from mockling.contract.verification.evidence import PASSING, Evidence
from mockling.contract.verification.forms import form_clauses
from mockling.contract.verification.harmless import cheapest, disarmed, fails, harmless
from mockling.contract.verification.places import facts_at
from mockling.contract.verification.prices import price_clauses
from mockling.contract.verification.trials import Trial, trials
from mockling.contract.verification.values import NOWHERE
from mockling.contract.verification.widths import width_clauses

__all__ = ["NOWHERE", "harmless", "parameter_clauses"]

_V1 = ("paths", "/v1/{model}", "post")
_NO_OBJECTS = {"array": b"[]", "string": b'"text"', "number": b"1", "boolean": b"true", "null": b"null"}
_NO_JSON = {"half_an_object": b'{"a": 1', "text": b"text", "nothing": b""}


def parameter_clauses(contract: Contract, model: Model) -> Iterator[Clause]:
    """Yield the clauses of a model's parameters, and of its requests' bodies as such."""
    asking, tried = Asking(contract, model), list(trials(model))
    refused = []
    for trial in tried:
        place = ("x-models", model.slug, "parameters", *trial.place)
        if trial.takes:
            unknown = ("M7",) if trial.name.endswith("takes.unknown") else ()
            yield asking.taken(trial.name, trial.told, place, trial.body, facts=unknown)
        else:
            clause = asking.refused(trial.name, trial.told, place, trial.body, facts=_absent(model, trial))
            refused.append((clause, trial))
            yield clause
    yield from _bodies(asking)
    yield from form_clauses(contract, model, asking, tried)
    yield _naming(asking, refused)
    base = disarmed(model, cheapest(model))
    if fails(model, base):
        yield _unfetchable(asking, base)
    yield from price_clauses(model, asking)
    yield from width_clauses(model, asking)


def _absent(model: Model, trial: Trial) -> tuple[str, ...]:
    """Return the facts of the parameter without which a trial is refused."""
    *around, keyword, _ = ("", *trial.place)
    steps = (*around[1:], "properties", trial.field) if keyword == "required" else ()
    return facts_at(model.schema, *steps)


def _bodies(asking: Asking) -> Iterator[Clause]:
    place, errors = (*_V1, "responses", "400"), asking.document["x-errors"]
    for bodies, case, told in (
        (_NO_OBJECTS, "not_an_object", "that is no object but {}"),
        (_NO_JSON, "malformed", "that is no JSON but {}"),
    ):
        for name, content in bodies.items():
            what = told.format(name.replace("_", " "))
            sentence, sent = f"A body {what} is refused.", Sent(content, JSON)
            status = int(errors[case]["status"])
            yield asking.refused(f"body.refuses.{name}", sentence, place, None, sent, status)


def _naming(asking: Asking, refused: Sequence[tuple[Clause, Trial]]) -> Clause:
    """Return the clause that a refusal says which parameter is meant; its wording is the platform's own (G17)."""

    def oracle(evidence: Evidence) -> Finding:
        seen = [(step, trial) for clause, trial in refused if clause.probe and (step := evidence.step(clause.probe.id))]
        told = [(step, trial) for step, trial in seen if step.status == asking.refusal and trial.field]
        for step, trial in told:
            if trial.field.lower() not in (step.exchange.error or "").lower():
                return broken(f"an error that names {trial.field}", step.told, step)
        return holds(told[0][0]) if told else unseen()

    sentence = "The error that refuses a parameter names it."
    place = ("x-messages",)
    return asking.clause("refusals.name_the_parameter", sentence, place, oracle, None, ("P23",), Severity.NOTICE)


def _unfetchable(asking: Asking, base: dict[str, Any]) -> Clause:
    """Return the clause on which the price of all questions rests: what names such an input fails, unbilled."""
    name = "inputs.unfetchable"
    probe = asking.taken(name, "", ("x-errors", "unreadable_input"), base).probe
    assert probe

    def oracle(evidence: Evidence) -> Finding:
        step = evidence.step(probe.id)
        if step is None:
            return unseen()
        if step.status is None or step.status in PASSING or asking.is_low(step):
            return unclear(step.told, step)
        return holds(step) if step.status == asking.failed else broken(str(asking.failed), step.told, step)

    sentence = "A request with an input that nobody can fetch fails while it is generated."
    return asking.clause(name, sentence, ("x-errors", "unreadable_input"), oracle, probe, ("M21",))
