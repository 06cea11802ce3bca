"""The clauses, one test for each."""

from __future__ import annotations

import warnings

import pytest

from mockling.contract.verification.clause import Clause, Verdict
from mockling.contract.verification.running import Result


def test_clause(clause: Clause, results: dict[str, Result]) -> None:
    """The target keeps the promise."""
    finding = results[clause.id].finding
    told = f"{clause.sentence} ({', '.join(clause.facts)})"
    match finding.verdict:
        case Verdict.SKIPPED:
            pytest.skip(finding.actual)
        case Verdict.NOTICE:
            warnings.warn(f"{told} Expected {finding.expected}, got {finding.actual}.", stacklevel=1)
        case Verdict.BROKEN:
            pytest.fail(f"{told}\nExpected {finding.expected}\nGot      {finding.actual}", pytrace=False)
        case Verdict.INCONCLUSIVE | Verdict.ERROR:
            pytest.fail(f"{told}\nThis run says neither yes nor no: {finding.actual}", pytrace=False)
