"""JSON: the whole run, for programs; `run.schema.yaml` says what it is like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from mockling.contract.verification.clause import Finding, Severity, Verdict
from mockling.contract.verification.evidence import Step
from mockling.contract.verification.probe import Cost
from mockling.contract.verification.reports.har import dumped, log_of
from mockling.contract.verification.reports.reading import WHOLE, Unreadable, loaded
from mockling.contract.verification.reports.recorded import own_steps
from mockling.contract.verification.run import Outcome, Run, exit_code
from mockling.contract.verification.spending import Spending

FORMAT = 1
LARGEST = 50 * 1024**2  # bytes of a report


def as_json(run: Run) -> str:
    """Return a run as JSON; `read_json` reads it."""
    return dumped(document_of(run))


def document_of(run: Run) -> dict[str, Any]:
    """Return a run as the JSON document that it is written as; its evidence is a HAR."""
    index = {id(step): number for number, step in enumerate(run.steps)}
    return {
        "format": FORMAT,
        "mockling": run.mockling,
        "target": {"name": run.target, "url": run.url},
        "contract": {
            "sha256": run.contract,
            "profile": run.profile,
            "answers": dict(run.answers),
            "models": list(run.models),
        },
        "began": run.began.isoformat(),
        "ended": run.ended.isoformat(),
        "plan": {"calls": run.calls, "worst": f"{run.worst:f}"},
        "spending": _spending(run.spending),
        "stopped": run.stopped,
        "only": list(run.only),
        "recording": run.recording,
        "exit_code": exit_code(run),
        "observed": dict(run.observed),
        "clauses": [_clause(outcome, index) for outcome in run.outcomes],
        "evidence": {"log": log_of(run)},
    }


def read_json(path: Path) -> Run:
    """Return the run that a JSON report of at most 50 MiB tells. Raises `Unreadable` if it is none."""
    told = loaded(path, WHOLE, LARGEST)
    try:
        return _run(told)
    except (ValueError, KeyError, IndexError) as error:
        raise Unreadable(f"{path} is {WHOLE} that makes no sense: {type(error).__name__}, {error}.") from error


def _run(told: Mapping[str, Any]) -> Run:
    contract, steps = told["contract"], own_steps(told["evidence"]["log"])
    return Run(
        mockling=told["mockling"],
        target=told["target"]["name"],
        url=told["target"]["url"],
        profile=contract["profile"],
        answers=contract["answers"],
        models=tuple(contract["models"]),
        contract=contract["sha256"],
        began=_time(told["began"]),
        ended=_time(told["ended"]),
        outcomes=tuple(_outcome(clause, steps) for clause in told["clauses"]),
        steps=steps,
        spending=_spent(told["spending"]),
        calls=told["plan"]["calls"],
        worst=Decimal(told["plan"]["worst"]),
        stopped=told["stopped"],
        only=tuple(told.get("only", ())),
        recording=told["recording"],
        observed=told.get("observed", {}),
    )


def _clause(outcome: Outcome, index: Mapping[int, int]) -> dict[str, Any]:
    finding = outcome.finding
    return {
        "id": outcome.id,
        "sentence": outcome.sentence,
        "place": outcome.place,
        "facts": list(outcome.facts),
        "cost": outcome.cost,
        "severity": outcome.severity,
        "verdict": outcome.verdict,
        "expected": finding.expected,
        "actual": finding.actual,
        "cause": finding.cause,
        "steps": [index[id(step)] for step in finding.steps if id(step) in index],
    }


def _outcome(told: Mapping[str, Any], steps: Sequence[Step]) -> Outcome:
    finding = Finding(
        Verdict(told["verdict"]),
        told["expected"],
        told["actual"],
        tuple(steps[number] for number in told["steps"]),
        told["cause"],
    )
    facts, cost, severity = tuple(told["facts"]), Cost(told["cost"]), Severity(told["severity"])
    return Outcome(told["id"], told["sentence"], told["place"], facts, cost, severity, finding)


def _spending(spending: Spending) -> dict[str, Any]:
    return {
        "budget": _text(spending.budget),
        "worst": _text(spending.worst),
        "counted": _text(spending.counted),
        "before": _text(spending.before),
        "after": _text(spending.after),
        "unknown": list(spending.unknown),
        "stopped": spending.stopped,
        "ledger": spending.ledger,
    }


def _spent(told: Mapping[str, Any]) -> Spending:
    return Spending(
        budget=_amount(told["budget"]),
        worst=Decimal(told["worst"]),
        counted=Decimal(told["counted"]),
        before=_amount(told["before"]),
        after=_amount(told["after"]),
        unknown=tuple(told["unknown"]),
        stopped=told["stopped"],
        ledger=told["ledger"],
    )


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
