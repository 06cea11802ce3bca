"""What an emulator answered to the probes of every clause of answers, and how the tests change it."""

import json
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

from mockling.contract import Contract, load
from mockling.contract.exchange import Message
from mockling.contract.verification.answers import answer_clauses
from mockling.contract.verification.clause import Clause, Finding, Verdict
from mockling.contract.verification.evidence import Evidence, Step
from mockling.contract.verification.guard import Unguarded
from mockling.contract.verification.probe import Cost, Need, Probe, Request, Sender
from mockling.contract.verification.provoked import file_requests, provoked_clauses
from mockling.contract.verification.running import gather, planned
from mockling.emulator.testing.emulated import emulated

PROFILES = ("documented", "observed")
Place = tuple[str | int, ...]


def buy(contract: Contract) -> Probe:
    """Return a probe that buys a video on both ways and fetches it, so that answers 200 are there, too."""
    body = contract.model.example

    def run(sender: Sender) -> None:
        sender.send(Request(operation="generate", json=body, bought=True))
        values = {"id": sender.send(Request(operation="submit", json=body, bought=True)).exchange.answer["request_id"]}
        for _ in range(3):  # each moves the job on
            for operation in ("poll", "result", "status"):
                sender.send(Request(operation=operation, values=values))
        done = sender.send(Request(operation="result", values=values)).exchange.answer
        for name, request in file_requests("download", done["output"]):
            sender.send(request, name)

    return Probe("test.buys", Cost.PAID, run, frozenset({Need.GOOD}))


@cache
def recorded(profile: str) -> tuple[Contract, tuple[Clause, ...], Evidence]:
    """Return a contract, its clauses, and what an emulator of that profile answered to all their probes."""
    contract = load(profile)
    bought = Clause("test.buys", "", "#", (), lambda _: Finding(Verdict.HOLDS), buy(contract))
    clauses = (*provoked_clauses(contract), *answer_clauses(contract))
    with emulated(contract, profile=profile) as target:
        plan = planned((*clauses, bought), target, set(Cost))
        gathered = gather(plan, contract, target, Unguarded())
    assert not gathered.failed
    return contract, clauses, gathered.evidence


@cache
def observing(profile: str) -> dict[str, list[Clause]]:
    """Return the clauses of answers by the operation that they are about."""
    found: dict[str, list[Clause]] = {}
    for clause in answer_clauses(load(profile)):
        found.setdefault(clause.id.partition(".")[0], []).append(clause)
    return found


def findings(steps: Iterable[Step], profile: str = "documented") -> dict[str, Finding]:
    """Return what is said of steps, but for what holds and what was not seen."""
    evidence = Evidence(steps)
    operations = {str(step.exchange.operation) for step in evidence}
    clauses = [clause for operation in operations for clause in observing(profile)[operation]]
    told = {clause.id: clause.judge(evidence) for clause in clauses}
    return {name: one for name, one in told.items() if one.verdict not in (Verdict.HOLDS, Verdict.SKIPPED)}


def broken(steps: Iterable[Step], profile: str = "documented") -> list[str]:
    """Return the ids of the clauses that steps break."""
    return [name for name, one in findings(steps, profile).items() if one.verdict is Verdict.BROKEN]


def answers(profile: str = "documented", *, distinct: bool = True) -> list[Step]:
    """Return a step of each kind of answer there is: of each operation, status and state."""
    kinds = {(s.exchange.operation, s.status, state(s), "" if distinct else s.exchange.number): s
             for s in recorded(profile)[2] if s.exchange.response}  # fmt: skip
    return list(kinds.values())


def state(step: Step) -> str:
    """Return the part of the ids that names the branch in which an answer's fields stand."""
    if step.exchange.operation not in ("result", "poll") or step.status != 200:
        return ""
    return "completed." if step.exchange.answer["status"] == "COMPLETED" else "queued-or-processing."


def message(step: Step) -> Message:
    """Return the response of a step."""
    assert step.exchange.response
    return step.exchange.response


def changed(step: Step, **changes: Any) -> Step:
    """Return a step whose response is another."""
    if "body" in changes:
        changes = {"size": len(changes["body"]), **changes}
    return replace(step, exchange=replace(step.exchange, response=replace(message(step), **changes)))


def with_json(step: Step, value: Any) -> Step:
    """Return a step whose response has another JSON body."""
    return changed(step, body=json.dumps(value).encode())


def with_header(step: Step, name: str, *values: str) -> Step:
    """Return a step whose response has another header, or none of that name."""
    kept = tuple(pair for pair in message(step).headers if pair[0] != name)
    return changed(step, headers=(*kept, *((name, value) for value in values)))


def fields(value: Any, *path: str | int) -> Iterator[Place]:
    """Yield the path of every field and item in a JSON value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in pairs:
        yield (*path, name)
        yield from fields(part, *path, name)


def put(value: Any, path: Place, change: str) -> Any:
    """Return a JSON value with a field that is dropped, renamed, nulled or of another type."""
    whole = deepcopy(value)
    holder = whole
    for name in path[:-1]:
        holder = holder[name]
    old = holder[path[-1]]
    if change in ("dropped", "renamed"):
        del holder[path[-1]]
    if change == "renamed":
        holder[f"{path[-1]}_"] = old
    if change in ("nulled", "retyped"):
        holder[path[-1]] = None if change == "nulled" else 5 if isinstance(old, str | dict | list) else str(old)
    return whole


def clause_of(step: Step, path: Place) -> str:
    """Return the id of the clause about a field of an answer."""
    branch = "" if path == ("status",) else state(step)
    told = "".join("[]" if isinstance(name, int) else f".{name}" for name in path).removeprefix(".")
    return f"{step.exchange.operation}.{step.status}.body.{branch}{told}"
