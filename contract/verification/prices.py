"""Clauses of prices and defaults, for nothing: who has no credits is told what a request would have cost (G8)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from mockling.contract.document import ContractError
from mockling.contract.exchange import money
from mockling.contract.figures import values_of
from mockling.contract.model import Model
from mockling.contract.verification.asking import NOT_LET_IN, Asking, Question
from mockling.contract.verification.beside import label, spread
from mockling.contract.verification.clause import Clause, Finding, broken, holds, unclear, unseen
from mockling.contract.verification.evidence import PASSING, Evidence, Step
from mockling.contract.verification.harmless import disarmed
from mockling.contract.verification.places import facts_at
from mockling.contract.verification.probe import Need

MOST_PRICES = 60  # that are asked for; of more, as many that lie evenly among them
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def price_clauses(asking: Asking) -> Iterator[Clause]:
    """Yield the clauses of what requests cost, and of the defaults that the price shows."""
    model, names = asking.model, _deciding(asking)
    for number, group in enumerate(spread(list(_grouped(asking, names).values()), MOST_PRICES)):
        told_all = [request for request in group if request.keys() >= set(names)] or group
        request = told_all[number % len(told_all)]  # so that what should not matter differs, too
        values = {name: value for name, value in sorted(model.completed(request).items()) if name in names}
        which = "-".join(f"{label(part)}_{label(value)}" for part, value in values.items()) or "any"
        told = " and ".join(f"{part} {json.dumps(value)}" for part, value in values.items())
        told = f" with {told}" if told else ""
        yield from _clause(asking, f"price.{which}", told, ("x-models", model.slug, "price"), request)
    for name, default in model.defaults.items():
        request = {kept: value for kept, value in asking.base.items() if kept != name}
        if name not in model.schema.get("required", ()) and _shows(model, name, request):
            told = f" without {name}, which is then {json.dumps(default)},"
            place = ("x-models", model.slug, "parameters", "properties", name, "default")
            yield from _clause(asking, f"{name}.default", told, place, request)


def _clause(
    asking: Asking, name: str, told: str, place: tuple[str | int, ...], request: Mapping[str, Any]
) -> Iterator[Clause]:
    body = disarmed(asking.model, request)
    price = _price(asking.model, body)
    if price and not asking.model.violations(body):
        sentence = f"A generation{told} costs ${money(price)}: a key without credits is told so."
        facts = (*facts_at(asking.document, *place), *facts_at(asking.document, "x-errors", "low_balance"))
        asked = Question(name, sentence, place, body, None, facts)
        probe = asking.probe(asked, Need.POOR)

        def oracle(evidence: Evidence) -> Finding:
            return _found(evidence.step(probe.id), asking, price)

        yield asking.clause(asked, oracle, probe)


def _found(step: Step | None, asking: Asking, price: Decimal) -> Finding:
    if step is None:
        return unseen()
    if step.status is None or step.status in (*PASSING, *NOT_LET_IN):
        return unclear(step.told, step)
    if step.status != asking.low:
        return broken(str(asking.low), step.told, step, cause=f"a low balance is answered with {step.status}")
    numbers = {Decimal(text) for text in _NUMBER.findall(step.exchange.error or "")}
    if price in numbers:
        return holds(step)
    if not asking.is_low(step) or not numbers - {Decimal(0), Decimal(asking.low)}:
        return unclear(f"The refusal names no price: {step.told}", step)
    return broken(f"${money(price)}", step.told, step)


def _grouped(asking: Asking, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the combinations, those together that have the same values of these parameters."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for request in asking.combinations:
        completed = asking.model.completed(request)
        groups.setdefault(json.dumps([completed.get(name) for name in names]), []).append(request)
    return groups


def _deciding(asking: Asking) -> list[str]:
    """Return the parameters on which the price depends: one that alone differs changes it."""
    names = sorted({name for request in asking.combinations for name in request})
    varied = [name for name in names if len(_grouped(asking, [name])) > 1]

    def decides(name: str) -> bool:
        groups = _grouped(asking, [other for other in varied if other != name]).values()
        return any(len({_price(asking.model, request) for request in group}) > 1 for group in groups)

    return [name for name in varied if decides(name)]


def _shows(model: Model, name: str, request: Mapping[str, Any]) -> bool:
    """Say whether the price of a request tells the default of a parameter from its other values."""
    default, part = model.defaults[name], model.parameters[name]
    bounds = [part[bound] for bound in ("minimum", "maximum") if bound in part]
    others = [value for value in values_of(part) or bounds if json.dumps(value) != json.dumps(default)]
    price = _price(model, {**request, name: default})
    return any(_price(model, {**request, name: other}) != price for other in others)


def _price(model: Model, request: Mapping[str, Any]) -> Decimal | None:
    try:
        return model.price(request)
    except ContractError:
        return None
