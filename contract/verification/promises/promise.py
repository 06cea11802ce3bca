"""Promises: what the clauses that are written by hand have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from decimal import Decimal
from functools import cache
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.exchange import Message, amount
from mockling.contract.facts import facts
from mockling.contract.verification.clause import Clause, Finding, Oracle, Severity, broken, holds, unclear, unseen
from mockling.contract.verification.evidence import PASSING, Evidence, Step
from mockling.contract.verification.places import facts_at, pointer
from mockling.contract.verification.probe import Probe

WEAK = {"upstream", "assumed"}  # standings that promise nothing
Place = tuple[str | int, ...]
Check = Callable[[Step], Finding | None]  # of an answer that came as it should; None: it is as promised


def promise(
    contract: Contract,
    clause: str,
    sentence: str,
    place: Place,
    oracle: Oracle,
    *,
    facts: Iterable[str] = (),
    probe: Probe | None = None,
    severity: Severity | None = None,
) -> Clause:
    """Return a clause; its facts are those of its place unless they are named, its severity is what they are worth."""
    named = tuple(dict.fromkeys(facts)) or facts_at(contract.document, *place)
    worth = severity or severity_of(contract, named)
    return Clause(clause, sentence, pointer(*place), named, oracle, probe, worth)


def severity_of(contract: Contract, named: Collection[str]) -> Severity:
    """Return a notice for what rests on nothing but upstream's word or an assumption, else a break."""
    told = [_standings().get((fact, contract.answers.get(fact))) for fact in named]
    return Severity.NOTICE if told and all(words and words <= WEAK for words in told) else Severity.BREAK


@cache
def _standings() -> dict[tuple[str, str | None], set[str]]:
    return {(row.id, row.answer): set(row.standing) for row in facts()}


def answered(probe: str, name: str, statuses: Collection[int], check: Check | None = None) -> Oracle:
    """Return the oracle of a step that must be answered with one of these statuses, and then pass a check."""

    def oracle(evidence: Evidence) -> Finding:
        step = evidence.step(probe, name)
        if step is None:
            return unseen()
        if step.status in statuses:
            return (check(step) if check else None) or holds(step)
        if step.status is None or step.status in PASSING:
            return unclear(step.told, step)
        return broken(" or ".join(map(str, statuses)), step.told, step)

    return oracle


def observed(probe: str, name: str, check: Check, status: int = 200) -> Oracle:
    """Return the oracle of a step that is judged only if it was answered with a status."""

    def oracle(evidence: Evidence) -> Finding:
        step = evidence.step(probe, name)
        if step is None or step.status != status:
            return unseen(f"No answer {status} was seen.")
        return check(step) or holds(step)

    return oracle


def same(what: str, expected: object, actual: object, *steps: Step) -> Finding | None:
    """Return that something is not what was expected; None: it is."""
    return None if expected == actual else broken(f"{what} {_told(expected)}", _told(actual), *steps)


def message(step: Step) -> Message:
    """Return the response of a step that has one."""
    assert step.exchange.response
    return step.exchange.response


def header(step: Step, name: str) -> str:
    """Return a header of the answer, "" if it has none of that name."""
    return step.exchange.response.header(name) if step.exchange.response else ""


def media_type(step: Step) -> str:
    """Return the answer's media type without its parameters, in small letters."""
    return header(step, "content-type").partition(";")[0].strip().lower()


def field(step: Step, path: str) -> Any:
    """Return the value at a path such as `video.url` in the answer's JSON; None if there is none."""
    value = step.exchange.answer
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def balance(step: Step | None) -> Decimal | None:
    """Return the US dollars that an answer to a question for the balance tells; None if it tells none."""
    if step is None or step.status != 200:
        return None
    parts = [amount(field(step, name)) for name in ("credits", "free-credits")]
    return parts[0] if parts[1] is None or parts[0] is None else parts[0] + parts[1]


def named(evidence: Evidence, probe: str, *names: str) -> Iterator[Step]:
    """Yield the steps of a probe that have one of these names, in their order."""
    return (step for step in evidence.of(probe) if step.name in names)


def _told(value: object) -> str:
    return str(value)[:200] if value is not None else "nothing"
