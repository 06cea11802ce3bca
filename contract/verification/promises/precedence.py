"""Precedence: of two flaws of one request, the one that `check_order` has first is what it is answered for (M5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.model import Model
from mockling.contract.verification.clause import Clause, Finding, broken, holds, unclear, unseen
from mockling.contract.verification.evidence import PASSING, Evidence
from mockling.contract.verification.harmless import fails, harmless
from mockling.contract.verification.probe import BAD_KEY, Cost, Need, Probe, Request, Sender
from mockling.contract.verification.promises.making import flawed, unfit_request
from mockling.contract.verification.promises.promise import promise

UNKNOWN_MODEL = "mockling-no-such-model"
PLACE = ("x-behaviour", "check_order")


@dataclass(frozen=True, slots=True)
class Flaw:
    """What makes a request fail a stage.

    It has these `fields`, is sent so many `times`, and the `case` answers it; `prepare` sends what must be there before
    it, and returns further fields.
    """

    stage: str
    case: str
    fields: Mapping[str, Any]
    times: int = 1
    prepare: Callable[[Sender], dict[str, Any]] | None = None

    @property
    def touched(self) -> set[str]:
        """The parts of a request that it takes for itself."""
        return {"body" if name == "json" else name for name in self.fields}


def precedence_clauses(contract: Contract) -> Iterator[Clause]:
    """Yield the clauses of the order in which a request is checked, of both ways to start a generation."""
    for operation in ("generate", "submit"):
        flaws = _flaws(contract, contract.model, operation)
        statuses = {flaw.case: contract.document["x-errors"][flaw.case]["status"] for flaw in flaws}
        for first, second in _pairs(flaws, statuses):
            yield _clause(contract, operation, first, second, statuses)


def _flaws(contract: Contract, model: Model, operation: str) -> list[Flaw]:
    """Return the flaws there can be, in the order in which they are looked for."""
    limit = min(contract.document["x-plans"]["requests_per_minute"].values())
    queues = operation == "submit" and contract.document["x-behaviour"]["invalid_body_on_v2"] == "queued"
    invalid, unfit = flawed(model), unfit_request(model)
    known = [
        Flaw("method", "method_not_allowed", {"method": "PUT"}),
        Flaw("key", "invalid_key", {"key": BAD_KEY}),
        Flaw("model", "unknown_model", {"values": {"model": UNKNOWN_MODEL}}),
        Flaw("permission", "forbidden", {"key": Need.FORBIDDEN}),
        Flaw("content type", "content_type", {"headers": {"content-type": "text/plain"}}),
        Flaw("JSON", "malformed", {"body": b"{", "json": None}),
    ]
    if operation == "generate":
        known += [Flaw("rate", "rate_limited", {"key": Need.LIMITED}, limit + 1)]
        known += [Flaw("generation", "unreadable_input", {})] if fails(model, harmless(model)) else []
    if invalid is not None and not queues:
        known += [Flaw("parameters", "invalid_parameter", {"json": invalid})]
    if unfit is not None and not queues:
        known += [Flaw("inputs", "unfit_width", {"json": None}, prepare=unfit)]
    known += [Flaw("credits", "low_balance" if operation == "generate" else "low_balance_v2", {"key": Need.POOR})]
    order: list[str] = contract.document["x-behaviour"]["check_order"]
    return sorted(known, key=lambda flaw: order.index(flaw.stage))


def _pairs(flaws: list[Flaw], statuses: Mapping[str, int]) -> list[tuple[Flaw, Flaw]]:
    """Return each flaw with the nearest before it, and after it, that the same request can have and that shows."""

    def fit(first: Flaw, second: Flaw) -> bool:
        both = {first.stage, second.stage}
        if both == {"permission", "rate"}:  # such a key has a limit, too
            return True
        # An input that can be fetched is sent by nobody who could pay for what may come of it.
        safe = "inputs" not in both or "credits" in both
        return safe and statuses[first.case] != statuses[second.case] and not first.touched & second.touched

    found = {}
    for index, flaw in enumerate(flaws):
        before = next((other for other in reversed(flaws[:index]) if fit(other, flaw)), None)
        after = next((other for other in flaws[index + 1 :] if fit(flaw, other)), None)
        for pair in ((before, flaw), (flaw, after)):
            if pair[0] and pair[1]:
                found[pair[0].stage, pair[1].stage] = (pair[0], pair[1])
    return list(found.values())


def _clause(contract: Contract, operation: str, first: Flaw, second: Flaw, statuses: Mapping[str, int]) -> Clause:
    names = [flaw.stage.lower().replace(" ", "-") for flaw in (first, second)]
    probe = _probe(contract.model, operation, f"{operation}.checks.{names[0]}.before.{names[1]}", first, second)
    wanted = statuses[first.case]

    def oracle(evidence: Evidence) -> Finding:
        step = evidence.step(probe.id)
        if step is None:
            return unseen()
        if step.status == wanted:
            return holds(step)
        if step.status is None or (step.status in PASSING and step.status != statuses[second.case]):
            return unclear(step.told, step)
        return broken(f"{wanted}, for its {first.stage}", step.told, step)

    path = contract.path(operation, model=contract.model.slug)
    sentence = f"POST {path} looks at the {first.stage} before the {second.stage}."
    position = contract.document["x-behaviour"]["check_order"].index(first.stage)
    return promise(contract, probe.id, sentence, (*PLACE, position), oracle, facts=["M5"], probe=probe)


def _probe(model: Model, operation: str, name: str, first: Flaw, second: Flaw) -> Probe:
    base = Request(
        operation=operation,
        values={"model": model.slug},
        key=Need.GOOD if operation == "generate" else Need.POOR,
        headers={"content-type": "application/json"},
        json=harmless(model),
    )
    # Of two kinds of key the one without permission wins, for it is over its limit as soon as others are.
    pair = sorted((first, second), key=lambda flaw: flaw.stage == "permission")
    request = replace(base, **dict(chain.from_iterable(flaw.fields.items() for flaw in pair)))
    free = request.key == BAD_KEY
    request = request if free else replace(request, price=model.price(harmless(model)))
    times = max(first.times, second.times)
    prepares = [flaw.prepare for flaw in pair if flaw.prepare]

    def run(sender: Sender) -> None:
        ready = replace(request, **dict(chain.from_iterable(prepare(sender).items() for prepare in prepares)))
        for _ in range(times):
            if sender.send(ready).status == 429:
                return

    needs = {key for key in (request.key, *([Need.GOOD] if prepares else [])) if isinstance(key, Need)}
    cost = Cost.FREE if free else Cost.FREE_IF_TRUE
    return Probe(name, cost, run, frozenset(needs), times + len(prepares), times * request.price)
