"""The clauses, one test for each."""

from __future__ import annotations

import warnings

import pytest

from mockling.contract.exchange import printable
from mockling.contract.suite.options import Verified
from mockling.contract.verification.clause import Clause, Verdict
from mockling.contract.verification.running import Result
from mockling.contract.verification.secrets import search


def test_clause(clause: Clause, results: dict[str, Result], verified: Verified) -> None:
    """The target keeps the promise."""
    finding = results[clause.id].finding
    expected, actual = printable(finding.expected), printable(finding.actual)  # a server may have written them
    told = f"{clause.sentence} ({', '.join(clause.facts)})"
    match finding.verdict:
        case Verdict.SKIPPED:
            pytest.skip(actual)
        case Verdict.NOTICE:
            search({clause.id: f"{expected} {actual}"}, verified.asked.keys.values())
            warnings.warn(f"{told} Expected {expected}, got {actual}.", stacklevel=1)
        case Verdict.BROKEN:
            pytest.fail(f"{told}\nExpected {expected}\nGot      {actual}", pytrace=False)
        case Verdict.INCONCLUSIVE | Verdict.ERROR:
            pytest.fail(f"{told}\nThis run says neither yes nor no: {actual}", pytrace=False)
