"""Clauses: the smallest promises of the contract that can be false on their own, and what is said of each."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from mockling.contract.verification.evidence import Evidence, Step
from mockling.contract.verification.probe import Cost, Need, Probe


class Severity(StrEnum):
    """What it means if a clause does not hold: who built on it breaks, or should only take notice."""

    BREAK = "break"
    NOTICE = "notice"


class Verdict(StrEnum):
    """What is said of a clause after a run, the worst first."""

    BROKEN = "broken"
    ERROR = "error"  # the check itself failed
    INCONCLUSIVE = "inconclusive"  # the probe was sent, and what came says neither yes nor no
    NOTICE = "notice"
    SKIPPED = "skipped"
    HOLDS = "holds"


@dataclass(frozen=True, slots=True)
class Finding:
    """What an oracle makes of the evidence.

    `expected` and `actual` are phrases that tell a broken promise ("400", "200"), `actual` also why nothing can be
    said; `steps` are the exchanges that it is about, the most telling first. `cause` is the same for findings of the
    same root cause, over all clauses; "" stands for what was expected and what came.
    """

    verdict: Verdict
    expected: str = ""
    actual: str = ""
    steps: tuple[Step, ...] = ()
    cause: str = ""

    @property
    def root(self) -> str:
        """What findings of one root cause have in common; values that stand in quotes are not the cause."""
        return self.cause or re.sub('"[^"]*"', '""', f"{self.expected} / {self.actual}")


Oracle = Callable[[Evidence], Finding]


@dataclass(frozen=True, slots=True)
class Clause:
    """One promise.

    `id` is stable and dotted; `sentence` says what holds; `place` is the JSON pointer to it in the settled document,
    references followed; `facts` are the ids that it rests on; `oracle` judges it, from evidence alone. `probe` is what
    is sent to find out; None: it judges the answers that the probes of others bring.
    """

    id: str
    sentence: str
    place: str
    facts: tuple[str, ...]
    oracle: Oracle
    probe: Probe | None = None
    severity: Severity = Severity.BREAK

    @property
    def cost(self) -> Cost:
        """What it can cost to find out."""
        return self.probe.cost if self.probe else Cost.STATIC

    @property
    def needs(self) -> frozenset[Need]:
        """What the target must offer for it."""
        return self.probe.needs if self.probe else frozenset()

    def judge(self, evidence: Evidence) -> Finding:
        """Return what the evidence says of it; a notice where a break would be too much."""
        try:
            finding = self.oracle(evidence)
        except Exception as error:  # an oracle that fails is our defect, and hides no other clause
            return Finding(Verdict.ERROR, actual=f"The check failed: {type(error).__name__}: {error}"[:300])
        if finding.verdict is Verdict.BROKEN and self.severity is Severity.NOTICE:
            return replace(finding, verdict=Verdict.NOTICE)
        return finding


def holds(*steps: Step) -> Finding:
    """Return that a promise is kept."""
    return Finding(Verdict.HOLDS, steps=steps)


def broken(expected: str, actual: str, *steps: Step, cause: str = "") -> Finding:
    """Return that a promise is broken: what was `expected`, and what came."""
    return Finding(Verdict.BROKEN, expected, actual, steps, cause)


def unclear(why: str, *steps: Step) -> Finding:
    """Return that nothing can be said, and why."""
    return Finding(Verdict.INCONCLUSIVE, actual=why, steps=steps)


def unseen(what: str = "No answer of this kind was seen.") -> Finding:
    """Return that there is nothing to judge."""
    return Finding(Verdict.SKIPPED, actual=what)
