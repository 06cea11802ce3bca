"""Clauses of a model's parameters, generated from its schema: what is taken and refused, and what it would cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mockling.contract.contract import Contract
from mockling.contract.model import Model
from mockling.contract.verification.asking import JSON, Asking, Question, Sent
from mockling.contract.verification.clause import Clause, Finding, Severity, broken, holds, unclear, unseen
from mockling.contract.verification.evidence import PASSING, Evidence
from mockling.contract.verification.forms import form_clauses
from mockling.contract.verification.harmless import fails, harmless
from mockling.contract.verification.places import facts_at
from mockling.contract.verification.prices import price_clauses
from mockling.contract.verification.trials import Trial, trials
from mockling.contract.verification.values import NOWHERE
from mockling.contract.verification.widths import width_clauses

__all__ = ["NOWHERE", "harmless", "parameter_clauses"]

_NO_OBJECTS = {
    "an array": b"[]",
    "a text": b'"text"',
    "a number": b"1",
    "a boolean": b"true",
    "null": b"null",
}
_NO_JSON = {"half an object": b'{"a": 1', "bare words": b"bare words", "empty": b""}


def parameter_clauses(contract: Contract, model: Model) -> Iterator[Clause]:
    """Yield the clauses of a model's parameters, and of its requests' bodies as such."""
    asking = Asking(contract, model)
    tried = list(trials(model, asking.base))
    refused: list[tuple[Clause, Trial]] = []
    for trial in tried:
        place = ("x-models", model.slug, "parameters", *trial.place)
        facts = (*facts_at(contract.document, *place), *_of_absence(model, trial))
        asked = Question(trial.name, trial.told, place, trial.body, facts=facts)
        clause = asking.taken(asked) if trial.takes else asking.refused(asked)
        refused += [(clause, trial)] if not trial.takes and _is_named(model, trial) else []
        yield clause
    yield from _bodies(asking)
    yield from form_clauses(contract, asking, tried)
    yield _naming(asking, refused)
    if fails(model, asking.base):
        yield _unfetchable(asking)
    yield from price_clauses(asking)
    yield from width_clauses(asking)


def _of_absence(model: Model, trial: Trial) -> tuple[str, ...]:
    """Return the facts of a parameter that is missing, or not known."""
    if trial.name.endswith("takes.unknown"):
        return ("M7",)
    *around, keyword, _ = ("", "", *trial.place)
    return facts_at(model.schema, *around[2:], "properties", trial.field) if keyword == "required" else ()


def _bodies(asking: Asking) -> Iterator[Clause]:
    place = ("paths", "/v1/{model}", "post", "responses", "400")
    for bodies, case, told in (
        (_NO_OBJECTS, "not_an_object", "{}, and no object,"),
        (_NO_JSON, "malformed", "{}, and no JSON,"),
    ):
        for what, content in bodies.items():
            sentence = f"A body that is {told.format(what)} is refused."
            name = f"body.refuses.{what.replace(' ', '_')}"
            yield asking.refused(Question(name, sentence, place, None, Sent(content, JSON)), asking.status(case))


def _is_named(model: Model, trial: Trial) -> bool:
    """Say whether the contract's own sentence names the parameter that is wrong, and not another one that is, too."""
    return bool(trial.field) and trial.field.lower() in model.violations(trial.body)[0].message.lower()


def _naming(asking: Asking, refused: Sequence[tuple[Clause, Trial]]) -> Clause:
    """Return the clause that a refusal says which parameter is meant; its wording is the platform's own (G17)."""

    def oracle(evidence: Evidence) -> Finding:
        seen = [(step, trial) for clause, trial in refused if clause.probe and (step := evidence.step(clause.probe.id))]
        told = [(step, trial) for step, trial in seen if step.status == asking.refusal]
        for step, trial in told:
            if trial.field.lower() not in (step.exchange.error or "").lower():
                return broken(f"an error that names {trial.field}", step.told, step)
        return holds(told[0][0]) if told else unseen()

    place = ("x-messages",)
    facts = (*facts_at(asking.document, *place), "P23")
    asked = Question(
        "refusals.name_the_parameter", "The error that refuses a parameter names it.", place, None, None, facts
    )
    return asking.clause(asked, oracle, None, Severity.NOTICE)


def _unfetchable(asking: Asking) -> Clause:
    """Return the clause on which the price of all questions rests: what names such an input fails, unbilled."""
    place = ("x-errors", "unreadable_input")
    sentence = "A request with an input that nobody can fetch fails while it is generated."
    facts = (*facts_at(asking.document, *place), "M21")
    asked = Question("inputs.unfetchable", sentence, place, asking.base, None, facts)
    probe = asking.taken(asked).probe

    def oracle(evidence: Evidence) -> Finding:
        step = evidence.step(probe.id) if probe else None
        if step is None:
            return unseen()
        if step.status is None or step.status in PASSING or asking.is_low(step):
            return unclear(step.told, step)
        return holds(step) if step.status == asking.failed else broken(str(asking.failed), step.told, step)

    return asking.clause(asked, oracle, probe)
