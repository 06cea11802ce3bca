"""A run: what was found out about a target, as one value that every report is made from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from importlib.metadata import version
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.verification.clause import Finding, Severity, Verdict
from mockling.contract.verification.evidence import Evidence, Step
from mockling.contract.verification.observed import observed
from mockling.contract.verification.probe import Cost
from mockling.contract.verification.running import INTERRUPTED, TERMINATED, Gathered, Plan, Result
from mockling.contract.verification.spending import Spending
from mockling.contract.verification.target import Target

# Exit codes; 2 is a command's: usage, configuration, a key in a report.
KEPT, BROKEN, UNKNOWN, STOPPED = 0, 1, 3, 4
ENDED = {INTERRUPTED: 130, TERMINATED: 143}  # by what ended a run early


@dataclass(frozen=True, slots=True)
class Outcome:
    """A clause as a report tells it, without what judges it: see `Clause`; `finding` is what was found."""

    id: str
    sentence: str
    place: str
    facts: tuple[str, ...]
    cost: Cost
    severity: Severity
    finding: Finding

    @property
    def verdict(self) -> Verdict:
        """What is said of the clause."""
        return self.finding.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What was found out about a target.

    `mockling` is the version that judged; `target` is "emulator", "live" or an address, `url` where it was; `profile`
    names the profile that has these `answers` to the disputes (None: none has); `models` are their slugs; `contract` is
    the sha256 of the settled document, in hexadecimal. `began` and `ended` are when the first request was sent and the
    last was answered (UTC; of a run that sent none, when it was judged). `outcomes` has every clause, also those that
    were skipped; `steps` every exchange. `calls` and `worst` are what the plan could send (polls not counted) and be
    billed at most (US dollars); `stopped` is why it ended early (None: it did not). `only` are the patterns of the
    clauses that were chosen (none: all were). `recording` names the file that was judged again (None: a target was
    asked), `observed` are the facts of the steps without what differs by chance.
    """

    mockling: str
    target: str
    url: str
    profile: str | None
    answers: Mapping[str, str]
    models: tuple[str, ...]
    contract: str
    began: datetime
    ended: datetime
    outcomes: tuple[Outcome, ...]
    steps: tuple[Step, ...]
    spending: Spending
    calls: int
    worst: Decimal
    stopped: str | None = None
    only: tuple[str, ...] = ()
    recording: str | None = None
    observed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def evidence(self) -> Evidence:
        """The exchanges, to be asked for."""
        return Evidence(self.steps)

    def of(self, verdict: Verdict) -> list[Outcome]:
        """Return the clauses of a verdict."""
        return [outcome for outcome in self.outcomes if outcome.verdict is verdict]


@dataclass(frozen=True, slots=True)
class Group:
    """Clauses of one verdict that have the same root cause, of which `first` tells."""

    first: Finding
    outcomes: tuple[Outcome, ...]

    @property
    def facts(self) -> tuple[str, ...]:
        """The ids of all facts that the clauses rest on, each once."""
        return tuple(dict.fromkeys(fact for outcome in self.outcomes for fact in outcome.facts))


def run_of(
    contract: Contract,
    target: Target,
    plan: Plan,
    gathered: Gathered,
    results: Sequence[Result],
    spending: Spending,
    *,
    only: tuple[str, ...] = (),
    recording: str | None = None,
) -> Run:
    """Return a run as a value; its parts are those of `planned`, `gather`, `judged` and the guard."""
    began, ended = _period(gathered.evidence)
    return Run(
        mockling=version("mockling"),
        target=target.name,
        url=target.url,
        profile=profile_of(contract),
        answers=contract.answers,
        models=tuple(contract.models),
        contract=contract_hash(contract),
        began=began,
        ended=ended,
        outcomes=tuple(map(_outcome, results)),
        steps=gathered.evidence.steps,
        spending=spending,
        calls=plan.calls,
        worst=plan.worst,
        stopped=spending.stopped or gathered.stopped,
        only=only,
        recording=recording,
        observed=observed(gathered.evidence),
    )


def contract_hash(contract: Contract) -> str:
    """Return the sha256 of the settled document, in hexadecimal: the same for the same promises, however written."""
    canonical = json.dumps(contract.settled, sort_keys=True, separators=(",", ":"), default=str)
    return sha256(canonical.encode()).hexdigest()


def profile_of(contract: Contract) -> str | None:
    """Return the name of the profile that gives a contract's answers; None if they are those of none."""
    profiles: dict[str, dict[str, str]] = {}
    for dispute, row in contract.settled["x-disputes"].items():
        for name, answer in row["profiles"].items():
            profiles.setdefault(name, {})[dispute] = answer
    return next((name for name, answers in profiles.items() if answers == contract.answers), None)


def groups(run: Run, verdict: Verdict = Verdict.BROKEN) -> list[Group]:
    """Return the clauses of a verdict by their root cause, the cause of most clauses first."""
    found: dict[str, list[Outcome]] = {}
    for outcome in run.of(verdict):
        found.setdefault(outcome.finding.root, []).append(outcome)
    made = [Group(outcomes[0].finding, tuple(outcomes)) for outcomes in found.values()]
    return sorted(made, key=lambda group: -len(group.outcomes))


def exit_code(run: Run) -> int:
    """Return 0 if all that was asked for holds (clauses may be skipped, notices given), else what is the matter.

    130 and 143: the run was ended with Ctrl-C or SIGTERM; 4: it was stopped by the guard; 1: a clause is broken; 3: a
    clause is inconclusive, its check failed, or no clause at all was judged.
    """
    verdicts = {outcome.verdict for outcome in run.outcomes}
    if run.stopped is not None:
        return ENDED.get(run.stopped, STOPPED)
    if Verdict.BROKEN in verdicts:
        return BROKEN
    if verdicts & {Verdict.INCONCLUSIVE, Verdict.ERROR} or not verdicts & {Verdict.HOLDS, Verdict.NOTICE}:
        return UNKNOWN
    return KEPT


def _outcome(result: Result) -> Outcome:
    clause = result.clause
    return Outcome(clause.id, clause.sentence, clause.place, clause.facts, clause.cost, clause.severity, result.finding)


def _period(evidence: Evidence) -> tuple[datetime, datetime]:
    """Return when the first request was sent and when the last was answered; now if there was none."""
    exchanges = [step.exchange for step in evidence]
    if not exchanges:
        return (now := datetime.now(UTC)), now
    last = max(exchange.at + max(exchange.ended - exchange.moment, 0) for exchange in exchanges)
    return (_utc(min(exchange.at for exchange in exchanges)), _utc(last))


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
