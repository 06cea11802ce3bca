"""Probes that provoke: each answer that is documented is asked for, at no cost, and told if it does not come."""

from dataclasses import replace

import pytest
from answered import PROFILES, recorded

from mockling.contract import load
from mockling.contract.verification.clause import Verdict
from mockling.contract.verification.evidence import Evidence
from mockling.contract.verification.probe import Cost, Need
from mockling.contract.verification.provoked import provoked_clauses


@pytest.mark.parametrize("profile", PROFILES)
def test_an_emulator_shows_and_keeps_every_promise(profile: str) -> None:
    """Every status is provoked, every header and field is seen, and all are as documented."""
    contract, clauses, evidence = recorded(profile)
    told = {clause.id: clause.judge(evidence) for clause in clauses}
    assert {name: one for name, one in told.items() if one.verdict is not Verdict.HOLDS} == {}
    statuses = {
        (operation, int(status)) for operation, part in contract.operations.items() for status in part["responses"]
    }
    assert statuses <= {(step.exchange.operation, step.status) for step in evidence}


def test_a_status_that_is_not_provoked_is_told() -> None:
    """Another status breaks the clause, a busy gateway or no answer leaves it open, and no request at all skips it."""
    contract, _, evidence = recorded("documented")
    clauses = [clause for clause in provoked_clauses(contract) if clause.probe]
    assert len(clauses) > 90
    for clause in clauses:
        (cited,) = clause.judge(evidence).steps
        assert f".{cited.status}." in clause.id
        told = {
            status: clause.judge(Evidence([replace(cited, exchange=replace(cited.exchange, status=status))])).verdict
            for status in (418, None)
        }
        assert told == {418: Verdict.BROKEN, None: Verdict.INCONCLUSIVE}
        busy = 502 if cited.status != 502 else 504
        step = replace(cited, exchange=replace(cited.exchange, status=busy))
        assert clause.judge(Evidence([step])).verdict is Verdict.INCONCLUSIVE
        assert clause.judge(Evidence([])).verdict is Verdict.SKIPPED


def test_nothing_that_is_sent_can_be_billed() -> None:
    """Every probe is free, and those that would buy are for targets alone whose faults are in our hands."""
    for clause in provoked_clauses(load()):
        assert clause.cost in (Cost.FREE, Cost.STATIC)
        assert not clause.probe or not clause.probe.worst
        if clause.id.startswith(("generate.", "submit.")) and clause.probe:
            assert Need.FAULTS in clause.needs or ".405." in clause.id
