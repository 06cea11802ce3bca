"""Disputes: for which of their answers the evidence of a run speaks, and the settings that follow from it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mockling.contract.contract import Contract, load
from mockling.contract.verification.answers import answer_clauses
from mockling.contract.verification.clause import Clause, Verdict
from mockling.contract.verification.evidence import PASSING, Evidence, Step
from mockling.contract.verification.observed import requests_per_minute
from mockling.contract.verification.promises import promise_clauses
from mockling.contract.verification.provoked import provoked_clauses

PASSES = 3  # in which the answers to disputes that hang together are found
REFUSED = (400, 422)
REMAINING = "x-rate-limit-remaining"


Answers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Disputes:
    """What the contract leaves open, that of `models` (their files) too.

    Every answer to a dispute makes a contract of its own; an answer is settled if something in the evidence speaks
    against each of the others, and nothing against it alone. Raises `ContractError` for a model's file that is none.
    """

    models: tuple[Path, ...] = ()

    @property
    def open(self) -> Mapping[str, Any]:
        """Every dispute by its id, as the contract tells it."""
        disputes: Mapping[str, Any] = self.contract({}).document["x-disputes"]
        return disputes

    def contract(self, answers: Mapping[str, str]) -> Contract:
        """Return the contract with these answers; those to disputes that it does not have count for nothing."""
        return _opened(self.models, self._known(answers))[0]

    def settled_by(self, evidence: Evidence) -> dict[str, str | None]:
        """Return the answer to each dispute for which the evidence speaks; None: it says nothing, or both."""
        settled: dict[str, str | None] = {}
        against: dict[Answers, frozenset[str]] = {}
        for _ in range(PASSES):
            base = {dispute: answer for dispute, answer in settled.items() if answer}
            found = {dispute: self._settled(dispute, base, evidence, against) for dispute in self.open}
            if found == settled:
                break
            settled = found
        return settled

    def settings(self, evidence: Evidence, settled: Mapping[str, str | None]) -> dict[str, Any]:
        """Return the settings of an emulator that answers as it was seen: `profile`, `answers`, `contract`, `models`.

        `settled` is what `settled_by` says of the evidence. `contract` has what is assumed and was seen otherwise: the
        status of an error, the requests of a plan.
        """
        seen = {dispute: answer for dispute, answer in settled.items() if answer}
        profiles: dict[str, dict[str, str]] = {}
        for dispute, row in self.open.items():
            for name, answer in row["profiles"].items():
                profiles.setdefault(name, {})[dispute] = answer
        unlike = {name: dict(seen.items() - answers.items()) for name, answers in profiles.items()}
        profile = min(profiles, key=lambda name: len(unlike[name]))
        parts = {
            "profile": profile,
            "models": [str(path.resolve()) for path in self.models],
            "answers": {dispute: unlike[profile][dispute] for dispute in sorted(unlike[profile])},
            "contract": _assumed(*_opened(self.models, self._known({**profiles[profile], **seen})), evidence),
        }
        return {name: part for name, part in parts.items() if part}

    def _settled(
        self, dispute: str, base: Mapping[str, str], evidence: Evidence, known: dict[Answers, frozenset[str]]
    ) -> str | None:
        """Return the answer that is left; `known` keeps what speaks against which answers."""
        taken = {answer: self._known({**base, dispute: answer}) for answer in self.open[dispute]["answers"]}
        contracts = {answer: _opened(self.models, answers) for answer, answers in taken.items()}
        bodies = _told_apart([contract for contract, _ in contracts.values()], evidence)
        against = dict[str, frozenset[str]]()
        for answer, answers in taken.items():
            if answers not in known:
                known[answers] = frozenset(_against(*contracts[answer], evidence))
            against[answer] = known[answers] | set(_bodies_against(contracts[answer][0], bodies))
        common = frozenset.intersection(*against.values())
        left = [answer for answer, found in against.items() if found == common]
        return left[0] if len(left) == 1 else None

    def _known(self, answers: Mapping[str, str]) -> Answers:
        """Return an answer to every dispute: these, and else the first profile's."""
        opened = _opened(self.models, ())[0]
        rows = opened.document["x-disputes"]
        given = {name: answer for name, answer in answers.items() if answer in rows.get(name, {}).get("answers", ())}
        return tuple(sorted({**opened.answers, **given}.items()))


@lru_cache(maxsize=64)
def _opened(models: tuple[Path, ...], answers: Answers) -> tuple[Contract, list[Clause]]:
    """Return the contract with these answers, and its clauses, but for those of single parameters.

    What parameters are taken is judged by the requests themselves: their clauses have other names with other answers.
    """
    contract = load(answers=dict(answers), models=models)
    return contract, [*provoked_clauses(contract), *answer_clauses(contract), *promise_clauses(contract)]


def _against(contract: Contract, clauses: list[Clause], evidence: Evidence) -> Iterator[str]:
    """Yield what in the evidence speaks against a contract: clauses that are broken, a limit that no plan has."""
    for clause in clauses:
        if clause.judge(evidence).verdict is Verdict.BROKEN:
            yield clause.id
    seen = _limits(evidence)
    if seen and seen.isdisjoint(contract.document["x-plans"]["requests_per_minute"].values()):
        yield "requests per minute"


def _limits(evidence: Evidence) -> set[int]:
    """Return what the limit of a plan may be, going by when a caller was held back, or by what was left to him."""
    seen = requests_per_minute(evidence)
    if seen is not None:
        return {seen}
    told = [step.exchange.response.header(REMAINING) for step in evidence if step.exchange.response]
    left = [int(value) for value in told if value.isascii() and value.isdigit() and len(value) < 10]
    return {max(left), max(left) + 1} if left else set()  # whether the call itself is counted, nobody knows


def _told_apart(contracts: list[Contract], evidence: Evidence) -> list[tuple[str, Any, bool]]:
    """Return the slug and body of each request that not all contracts take, and whether it was taken."""
    found = []
    for step in evidence:
        slug = step.exchange.path.partition("?")[0].rpartition("/")[2]
        if step.exchange.operation != "generate" or slug not in contracts[0].models or step.exchange.json is None:
            continue
        taken, body = _is_taken(contracts[0], step), step.exchange.json
        if taken is not None and len({bool(one.models[slug].violations(body)) for one in contracts}) > 1:
            found.append((slug, body, taken))
    return found


def _is_taken(contract: Contract, step: Step) -> bool | None:
    """Return whether a request's parameters were taken; None: the answer does not say."""
    errors = contract.document["x-errors"]
    if step.exchange.fault or step.status in PASSING:
        return None
    if step.status in (200, errors["unreadable_input"]["status"]):
        return True
    is_low = "credit" in (step.exchange.error or "").lower()
    return False if step.status in (*REFUSED, errors["invalid_parameter"]["status"]) and not is_low else None


def _bodies_against(contract: Contract, bodies: list[tuple[str, Any, bool]]) -> Iterator[str]:
    for number, (slug, body, taken) in enumerate(bodies):
        if taken is bool(contract.models[slug].violations(body)):
            yield f"request {number}"


def _assumed(contract: Contract, clauses: list[Clause], evidence: Evidence) -> dict[str, Any]:
    """Return the change of what a contract assumes that makes it tell what was seen."""
    errors: dict[str, Any] = {}
    for clause in clauses:
        place, finding = clause.place.split("/"), clause.judge(evidence)
        status = finding.steps[0].status if finding.steps else None
        if finding.verdict not in (Verdict.BROKEN, Verdict.NOTICE) or status is None or not 400 <= status <= 599:
            continue
        if len(place) == 4 and place[1] == "x-errors" and place[3] == "status":
            errors.setdefault(place[2], {"status": status})
    changes: dict[str, Any] = {"x-errors": errors} if errors else {}
    plans, seen = contract.document["x-plans"]["requests_per_minute"], requests_per_minute(evidence)
    if seen is not None and seen not in plans.values():
        changes["x-plans"] = {"requests_per_minute": {min(plans, key=plans.__getitem__): seen}}
    return changes


def as_toml(settings: Mapping[str, Any], *comments: str) -> str:
    """Return settings as the TOML file that `mockling serve --config` reads."""
    lines = [f"# {comment}" for comment in comments]
    return "\n".join([*lines, *_table((), settings)]) + "\n"


def _table(steps: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a table: its values first, for what stands behind a table of its own belongs to that."""
    values = {name: value for name, value in table.items() if not isinstance(value, Mapping)}
    if steps and values:
        yield f"\n[{'.'.join(map(_key, steps))}]"
    for name, value in values.items():
        yield f"{_key(name)} = {json.dumps(value)}"
    for name, part in table.items():
        if name not in values:
            yield from _table((*steps, name), part)


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else json.dumps(name)
