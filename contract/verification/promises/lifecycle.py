"""The life cycle of a request of v2: how it goes, where it is told, how it fails, and when it is forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mockling.contract.contract import Contract
from mockling.contract.model import Model
from mockling.contract.states import COMPLETED, ENDED, FAILED, RUNNING
from mockling.contract.verification.clause import Clause, Finding, Oracle, Verdict, broken, holds, unclear, unseen
from mockling.contract.verification.evidence import PASSING, Evidence, Step
from mockling.contract.verification.promises.buying import ASKING, Buying, states
from mockling.contract.verification.promises.expiring import expiring_clauses
from mockling.contract.verification.promises.promise import (
    Check,
    Place,
    answered,
    field,
    named,
    observed,
    promise,
    same,
)

SCHEMAS: Place = ("components", "schemas")


def lifecycle_clauses(contract: Contract, model: Model) -> Iterator[Clause]:
    """Yield the clauses of a model's requests of v2."""
    buying = Buying(contract, model)
    yield from _delivering(contract, buying)
    yield from _failing(contract, buying)
    if model is contract.model:
        yield from expiring_clauses(contract, buying)


def _delivering(contract: Contract, buying: Buying) -> Iterator[Clause]:
    probe, submit = buying.submit, contract.path("submit", model=buying.model.slug)
    place: Place = ("paths", "/v2/{model}", "post", "responses", "200")
    told = f"POST {submit} answers a valid request at once with 200, and it is completed."
    oracle = _ends(probe.id, "submit", ASKING, COMPLETED)
    yield promise(contract, probe.id, told, place, oracle, facts=["A1"], probe=probe)

    def clause(name: str, sentence: str, place: Place, oracle: Oracle, *facts: str) -> Clause:
        return promise(contract, f"{buying.prefix}submit.{name}", sentence, place, oracle, facts=facts)

    pattern = (*SCHEMAS, "RequestId", "pattern")
    told = "A request has an id of the known form, and every answer about it that names an id names this one."
    form = contract.document["components"]["schemas"]["RequestId"]["pattern"]
    yield clause("id", told, pattern, lambda evidence: _same_id(evidence, probe.id, form), "A1", "A11", "D3")
    for name, url in zip(ASKING, ("status_url", "response_url", "poll_url"), strict=True):
        told = f"{url} is the absolute address of {contract.path(name, id='<id>')}, at the server that answered."
        oracle = _at_its_address(contract, probe.id, name, url)
        yield clause(f"addresses.{name}", told, (*SCHEMAS, "Submitted", "properties", url), oracle, "A1")
    told = f"A request goes from {' to '.join((*RUNNING, COMPLETED))}, and never back, whichever address is asked."
    yield clause(
        "states",
        told,
        (*SCHEMAS, "Status", "properties", "status"),
        lambda evidence: _forwards(evidence, probe.id),
        "A2",
    )
    told = "While a request runs, the result is answered with 200 and its state."
    oracle = _running(probe.id, ("result", "poll"), _is_200)
    yield clause("running", told, (*SCHEMAS, "Running"), oracle, "A7")
    known = tuple(contract.document["components"]["schemas"]["Metrics"]["properties"])
    told = f"While a request runs its metrics have none of {', '.join(known)}."
    oracle = _running(probe.id, ("status",), _has_no_metrics(known))
    yield clause("running.metrics", told, (*SCHEMAS, "Running", "properties", "metrics"), oracle, "A3")
    told = f"The metrics of a completed request are {', '.join(known)}."
    place = (*SCHEMAS, "Metrics")
    yield clause("metrics", told, place, observed(probe.id, "status at its end", _has_metrics(known)), "A3")
    told = "The address of a result is not to be had in the singular."
    singular = answered(probe.id, "in the singular", [404])
    yield clause("singular", told, ("x-errors", "unknown_path", "status"), singular, "A12")
    told = "Status, result and the older address agree on a completed request."
    yield clause("agree", told, (*SCHEMAS, "Generation"), lambda evidence: _agree(evidence, probe.id), "A1", "A4")


def _failing(contract: Contract, buying: Buying) -> Iterator[Clause]:
    probe = buying.fails
    queued = contract.document["x-behaviour"]["invalid_body_on_v2"] == "queued"
    for what in buying.failing:
        name = f"{probe.id}.{what}"
        at_once = what == "invalid" and not queued
        status = contract.document["x-errors"]["invalid_parameter"]["status"] if at_once else 200
        told = {"invalid": "has an invalid parameter", "unfetchable": "names an input that cannot be fetched"}[what]
        facts = ["A6", "D5"] if what == "invalid" else ["G18", "M21"]
        place: Place = ("x-behaviour", "invalid_body_on_v2") if what == "invalid" else ("x-errors", "unreadable_input")
        first = what == next(iter(buying.failing))
        sentence = f"A request of v2 that {told} is answered with {status}" + ("." if at_once else ", and fails.")
        yield promise(
            contract,
            probe.id if first else name,
            sentence,
            place,
            answered(probe.id, what, [status])
            if at_once
            else _ends(probe.id, what, [f"{what}, {name}" for name in ASKING], FAILED),
            facts=facts,
            probe=probe if first else None,
        )
        if not at_once:
            for operation in ASKING:
                yield _is_served_as_422(contract, buying, probe.id, what, operation)


def _is_served_as_422(contract: Contract, buying: Buying, probe: str, what: str, operation: str) -> Clause:
    path = contract.path(operation, id="<id>")
    sentence = f"GET {path} serves a failed request ({what}) as 422 with its error, and no cost."
    oracle = answered(probe, f"{what}, {operation} at its end", [422], _tells_a_failure)
    place: Place = (*SCHEMAS, "Failure")
    return promise(
        contract, f"{buying.prefix}submit.fails.{what}.{operation}", sentence, place, oracle, facts=["A5", "G11"]
    )


def _same_id(evidence: Evidence, probe: str, form: str) -> Finding:
    first = evidence.step(probe, "submit")
    if first is None or first.status != 200:
        return unseen()
    wanted = field(first, "request_id")
    if not isinstance(wanted, str) or not re.search(form, wanted):
        return broken(f"a request_id of the form {form}", repr(wanted), first)
    polls = [step for step in evidence.of(probe) if step.exchange.operation in ASKING and step.status == 200]
    for step in polls:
        told = field(step, "request_id")
        if told not in (None, wanted):
            return broken(f"request_id {wanted}", repr(told), step)
    return holds(first, *polls[:1])


def _at_its_address(contract: Contract, probe: str, name: str, url: str) -> Oracle:
    def check(step: Step) -> Finding | None:
        # What was asked is the address that the reply names; the target's own is left out of a path.
        path, request_id = step.exchange.path, step.exchange.path.split("/requests/")[-1].split("/")[0]
        return same(url, contract.path(name, id=request_id), path, step)

    asked = answered(probe, f"{name} at its end", [200, 422], check)

    def oracle(evidence: Evidence) -> Finding:
        step = evidence.step(probe, f"{name} at its end")
        if step is not None and step.exchange.path.startswith(("http://", "https://")):  # whoever answers there
            return broken("an address at the server that answered", step.exchange.path[:100], step)
        return asked(evidence)

    return oracle


def _forwards(evidence: Evidence, probe: str) -> Finding:
    steps = [step for step in evidence.of(probe) if step.exchange.operation in ("submit", *ASKING)]
    found = states(steps)
    if len(found) < 2:
        return unseen()
    told = ", ".join(found)
    order = (*RUNNING, *ENDED)
    ranks = [order.index(state) if state in order else -1 for state in found]
    if -1 in ranks or ranks != sorted(ranks):
        return broken(f"{', '.join((*RUNNING, COMPLETED))}, never backwards", told, *steps[-1:])
    return holds(*steps[-1:])


def _running(probe: str, names: tuple[str, ...], check: Check) -> Oracle:
    """Return the oracle of the answers that came before the request had ended."""

    def oracle(evidence: Evidence) -> Finding:
        asked = [step for step in named(evidence, probe, *names) if step.status not in (None, *PASSING)]
        running = [step for step in asked if field(step, "status") not in ENDED]
        found = [finding for finding in map(check, running) if finding]
        return found[0] if found else holds(*running[:1]) if running else unseen("No request was seen that runs.")

    return oracle


def _is_200(step: Step) -> Finding | None:
    state = field(step, "status")
    if step.status == 200 and state in RUNNING:
        return None
    return broken(f"200 with {' or '.join(RUNNING)}", f"{step.status} with {state}", step)


def _has_metrics(known: tuple[str, ...]) -> Check:
    def check(step: Step) -> Finding | None:
        metrics = field(step, "metrics")
        missing = [name for name in known if not isinstance(metrics, dict) or metrics.get(name) is None]
        return broken(f"metrics with {', '.join(missing)}", str(metrics), step) if missing else None

    return check


def _has_no_metrics(known: tuple[str, ...]) -> Check:
    def check(step: Step) -> Finding | None:
        metrics = field(step, "metrics")
        early = [name for name in known if isinstance(metrics, dict) and metrics.get(name) is not None]
        return broken("empty metrics", f"metrics with {', '.join(early)}", step) if early else None

    return check


def _agree(evidence: Evidence, probe: str) -> Finding:
    steps = [evidence.step(probe, f"{name} at its end") for name in ASKING]
    seen = [step for step in steps if step is not None and step.status == 200]
    if len(seen) < len(ASKING):
        return unseen()
    for path, some in {
        "status": seen,
        "metrics.cost": seen,
        "metrics.remaining_credits": seen,
        "output": seen[1:],
        "video": seen[1:],
    }.items():
        for step in some[1:]:
            if field(step, path) != field(some[0], path):
                return broken(f"{path} {field(some[0], path)}", str(field(step, path)), step, some[0])
    return holds(*seen)


def _ends(probe: str, name: str, polls: Iterable[str], end: str) -> Oracle:
    """Return the oracle of a submission that is queued, and ends in a state."""
    submitted = answered(probe, name, [200])

    def oracle(evidence: Evidence) -> Finding:
        finding = submitted(evidence)
        if finding.verdict is not Verdict.HOLDS:
            return finding
        asked = list(named(evidence, probe, *polls))
        told = states([*finding.steps, *asked])
        if told[-1:] == [end]:
            return finding
        if asked and (asked[-1].status is None or asked[-1].status in PASSING):
            return unclear(asked[-1].told, *asked[-1:])
        after = f" after {len(asked)} polls" if told[-1:] and told[-1] in RUNNING else ""
        return broken(f"it ends as {end}", (", ".join(told) or "no state") + after, *finding.steps, *asked[-1:])

    return oracle


def _tells_a_failure(step: Step) -> Finding | None:
    if field(step, "status") != FAILED or not field(step, "error"):
        return broken("status FAILED and an error", f"{field(step, 'status')!r}, {field(step, 'error')!r}", step)
    cost = field(step, "metrics.cost")
    return broken("no cost", f"a cost of {cost}", step) if cost is not None else None
