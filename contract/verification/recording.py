"""A recording that is judged again, with today's clauses, at no cost."""

from __future__ import annotations

from pathlib import Path

from mockling.contract.contract import Contract
from mockling.contract.verification.catalogue import clauses
from mockling.contract.verification.reports.recorded import Recording, read_har
from mockling.contract.verification.run import Run, run_of
from mockling.contract.verification.running import Gathered, Plan, judged
from mockling.contract.verification.spending import Spending
from mockling.contract.verification.target import Target

UNSENT = "The recording has no exchange of its probe."


def judged_again(path: Path, contract: Contract) -> tuple[Run, Recording]:
    """Return what today's clauses say of a HAR, Mockling's own or another program's, and the recording that it holds.

    Nothing is sent. Raises `Unreadable` if the file is no HAR, or holds nothing of the contract.
    """
    recording = read_har(path, contract)
    known = tuple(clauses(contract))
    sent = frozenset(step.probe for step in recording.steps)
    skipped = {clause.id: UNSENT for clause in known if clause.probe and clause.probe.id not in sent}
    plan = Plan(known, (), skipped)
    gathered = Gathered(recording.evidence, recording.stopped, sent, {})
    target = Target(name=recording.target, url=recording.url, storage_url=recording.url)
    results = judged(plan, gathered)
    return run_of(contract, target, plan, gathered, results, Spending(), recording=path.name), recording
