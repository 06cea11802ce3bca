"""Comparing two runs: what differs between them, which of the two has moved, and what that settles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.verification.clause import Verdict
from mockling.contract.verification.disputes import Disputes
from mockling.contract.verification.evidence import PASSING, Evidence, Step
from mockling.contract.verification.observed import evidence_of, named, observed
from mockling.contract.verification.run import Outcome, Run
from mockling.contract.verification.target import LIVE

SAID = (Verdict.HOLDS, Verdict.NOTICE, Verdict.BROKEN)  # verdicts that say something of the target
NOTHING = "nothing"


class Moved(StrEnum):
    """Which of two runs departs from the contract that it was judged by, where they differ."""

    FIRST = "the first"
    SECOND = "the second"
    BOTH = "both"
    NEITHER = "neither: the contract allows both"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is otherwise in two runs.

    `subject` is the id of a clause or names what was observed ("generate 200: field video.url"), `first` and `second`
    say what each run has of it, `moved` which of them departs from the contract. `matters` is False where nobody should
    build on it: other words, further fields and headers. `facts` are the ids that it rests on.
    """

    subject: str
    first: str
    second: str
    moved: Moved
    matters: bool = True
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """For which answer to a `dispute` each run speaks (None: it says nothing), and its `question`."""

    dispute: str
    question: str
    first: str | None
    second: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two runs say of each other.

    `clauses` and `observed` are the differences, `disputes` what their evidence settles, `notes` what limits the
    comparison, a sentence each; `stale` says that the last live run is too old (None: it is not, or neither is live).
    """

    clauses: tuple[Difference, ...]
    observed: tuple[Difference, ...]
    disputes: tuple[Settled, ...]
    notes: tuple[str, ...]
    stale: str | None = None

    @property
    def same(self) -> bool:
        """Whether nothing differs that matters."""
        return not any(one.matters for one in (*self.clauses, *self.observed))


def compare(first: Run, second: Run, disputes: Disputes, now: datetime, oldest: timedelta) -> Comparison:
    """Compare two runs; a live one that ended longer than `oldest` before `now` makes the comparison stale.

    Only what both were asked counts, so a run of the free clauses can be compared with one of all.
    """
    asked = {(step.probe, step.name) for step in first.steps} & {(step.probe, step.name) for step in second.steps}
    sides = tuple(_Side(run, disputes.contract(run.answers), evidence_of(run.steps, asked)) for run in (first, second))
    settled = [disputes.settled_by(run.evidence) for run in (first, second)]
    told = [Settled(name, row["question"], *(one[name] for one in settled)) for name, row in disputes.open.items()]
    return Comparison(
        clauses=tuple(_clauses(first, second)),
        observed=tuple(_observed(*sides)),
        disputes=tuple(told),
        notes=tuple(_notes(first, second, bool(asked))),
        stale=_stale([run for run in (first, second) if run.target == LIVE], now, oldest),
    )


class _Side:
    """One of the two runs, with the steps that the other has too, and the contract that it was judged by."""

    def __init__(self, run: Run, contract: Contract, evidence: Evidence) -> None:
        self.contract, self.evidence = contract, evidence
        self.seen = observed(evidence)
        bad = (Verdict.BROKEN, Verdict.NOTICE)
        self._blamed = {id(step) for one in run.outcomes if one.verdict in bad for step in one.finding.steps}

    def departs(self, name: str) -> bool:
        """Say whether an answer of this name breaks the contract."""
        steps = [step for step in self.evidence if named(step) == name]
        return any(id(step) in self._blamed or self._violates(step) for step in steps)

    def blamed(self, step: Step) -> bool:
        """Say whether a clause that does not hold is about a step."""
        return id(step) in self._blamed

    def last(self) -> dict[tuple[str, str], Step]:
        """Return the last step of each name."""
        return {(step.probe, step.name): step for step in self.evidence}

    def documents(self, name: str, kind: str, what: str) -> bool:
        """Say whether the contract documents a header or field of an answer."""
        operation, _, status = name.partition(" ")
        answers = self.contract.operations.get(operation, {}).get("responses", {})
        answer: Mapping[str, Any] = answers.get(status, {})
        if kind == "headers":
            return what in answer.get("headers", {})
        known = {path for media in answer.get("content", {}).values() for path in _paths(media.get("schema", {}))}
        return what in known

    def _violates(self, step: Step) -> bool:
        response, operation = step.exchange.response, step.exchange.operation
        if response is None or operation not in self.contract.operations or response.size > len(response.body):
            return False
        headers = dict(response.headers)
        return bool(self.contract.response_violations(operation, step.status or 0, headers, response.body))


def _clauses(first: Run, second: Run) -> Iterator[Difference]:
    others = {outcome.id: outcome for outcome in second.outcomes}
    for one in first.outcomes:
        other = others.get(one.id)
        if other is None or one.verdict not in SAID or other.verdict not in SAID:
            continue
        if (one.verdict, one.finding.root) != (other.verdict, other.finding.root):
            facts = tuple(dict.fromkeys((*one.facts, *other.facts)))
            moved = _moved(one.verdict is not Verdict.HOLDS, other.verdict is not Verdict.HOLDS)
            matters = Verdict.BROKEN in (one.verdict, other.verdict)
            yield Difference(one.id, _told(one), _told(other), moved, matters, facts)


def _told(outcome: Outcome) -> str:
    finding = outcome.finding
    return outcome.verdict if outcome.verdict is Verdict.HOLDS else f"{outcome.verdict}: {finding.actual}"


def _observed(first: _Side, second: _Side) -> Iterator[Difference]:
    yield from _statuses(first, second)
    for name in sorted(first.seen["answers"].keys() & second.seen["answers"].keys()):
        yield from _answers(name, first, second)
    one, other = first.seen["states"], second.seen["states"]
    if any(not any(_within(a, b) or _within(b, a) for b in there) for a, there in _each(one, other) if there):
        yield Difference("states of jobs", _orders(one), _orders(other), _moved(*_of_jobs(first, second)))
    limits = [side.seen["requests_per_minute"] for side in (first, second)]
    if None not in limits and limits[0] != limits[1]:
        yield Difference("requests per minute", str(limits[0]), str(limits[1]), Moved.NEITHER)


def _statuses(first: _Side, second: _Side) -> Iterator[Difference]:
    others = second.last()
    for key, one in first.last().items():
        other = others.get(key)
        if other is None or one.status == other.status or {one.status, other.status} & {None, *PASSING}:
            continue
        moved = _moved(first.blamed(one), second.blamed(other))
        yield Difference(f"status of {' '.join(key).strip()}", str(one.status), str(other.status), moved)


def _answers(name: str, first: _Side, second: _Side) -> Iterator[Difference]:
    one, other = first.seen["answers"][name], second.seen["answers"][name]
    moved = _moved(first.departs(name), second.departs(name)) if one != other else Moved.NEITHER
    if one["media_types"] != other["media_types"]:
        yield Difference(f"{name}: media type", _list(one["media_types"]), _list(other["media_types"]), moved)
    alike = set(one["media_types"]) & set(other["media_types"])  # another type has other fields, which says no more
    for kind, word in (("headers", "header"), *((("fields", "field"),) if alike else ())):
        mine, theirs = one.get(kind, {}), other.get(kind, {})
        for what in sorted(mine.keys() | theirs.keys()):
            if mine.get(what) != theirs.get(what):
                matters = first.documents(name, kind, what) or second.documents(name, kind, what)
                told = _list(mine.get(what, ())), _list(theirs.get(what, ()))
                yield Difference(f"{name}: {word} {what}".rstrip(), *told, moved, matters)
    texts = one.get("texts", []), other.get("texts", [])
    if texts[0] != texts[1]:
        alone = [[text for text in texts[side] if text not in texts[1 - side]] for side in (0, 1)]
        yield Difference(f"{name}: words", _list(alone[0]), _list(alone[1]), Moved.NEITHER, matters=False)


def _each(one: list[Any], other: list[Any]) -> Iterator[tuple[Any, list[Any]]]:
    yield from ((order, other) for order in one)
    yield from ((order, one) for order in other)


def _within(short: list[str], long: list[str]) -> bool:
    """Say whether states are some of others, in their order: who asks seldom sees fewer."""
    left = iter(long)
    return all(state in left for state in short)


def _of_jobs(first: _Side, second: _Side) -> tuple[bool, bool]:
    names = [f"{operation} 200" for operation in ("submit", "status", "result", "poll")]
    return any(map(first.departs, names)), any(map(second.departs, names))


def _paths(schema: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of all fields that a schema documents."""
    yield path
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _paths(part, path)
    for name, part in schema.get("properties", {}).items():
        yield from _paths(part, f"{path}.{name}" if path else name)
    if isinstance(schema.get("items"), dict):
        yield from _paths(schema["items"], f"{path}[]")


def _moved(first: bool, second: bool) -> Moved:
    if first and second:
        return Moved.BOTH
    return Moved.FIRST if first else Moved.SECOND if second else Moved.NEITHER


def _list(values: Iterable[str]) -> str:
    return " | ".join(values) or NOTHING


def _orders(orders: Iterable[Iterable[str]]) -> str:
    return _list(", ".join(order) for order in orders)


def _notes(first: Run, second: Run, asked: bool) -> Iterator[str]:
    if first.contract != second.contract:
        yield "They were judged by different contracts, so a clause of the same name may promise something else."
    if first.models != second.models:
        yield f"They are of different models: {', '.join(first.models)}, and {', '.join(second.models)}."
    if first.mockling != second.mockling:
        yield f"They were judged by different versions of Mockling: {first.mockling}, and {second.mockling}."
    for told, run in (("first", first), ("second", second)):
        if run.stopped:
            yield f"The {told} run ended early: {run.stopped.rstrip('.')}."
    if not asked:
        yield "No request was sent in both, so nothing that was observed can be compared."
    said = [{outcome.id for outcome in run.outcomes if outcome.verdict in SAID} for run in (first, second)]
    if alone := len(said[0] ^ said[1]):
        yield f"{alone:,} clause{'s were' if alone > 1 else ' was'} judged in one of them alone, and not compared."


def _stale(live: list[Run], now: datetime, oldest: timedelta) -> str | None:
    """Return that the newest of the live runs is too old; None: it is not, or there is none."""
    if not live:
        return None
    ended = max(run.ended for run in live)
    if now - ended <= oldest:
        return None
    return f"The last live run is of {ended:%Y-%m-%d}, more than {oldest.days} days ago; make a new one."
