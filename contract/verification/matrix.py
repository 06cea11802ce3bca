"""The matrix: for every fact of the contract the clauses that check it, or the reason why none does."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from mockling.contract.contract import Contract
from mockling.contract.document import read_yaml
from mockling.contract.facts import facts
from mockling.contract.verification.catalogue import clauses


def matrix(contract: Contract) -> dict[str, list[str] | str]:
    """Return for each fact, by its id and in the order of all facts, the ids of the clauses that rest on it.

    Where there is none, there is the reason, a sentence; "" would be a gap.
    """
    found: dict[str, list[str]] = {row.id: [] for row in facts()}
    for clause in clauses(contract):
        for fact in clause.facts:
            found.setdefault(fact, []).append(clause.id)
    return {fact: ids or unclaimed().get(fact, "") for fact, ids in found.items()}


@cache
def unclaimed() -> dict[str, str]:
    """Return why no clause checks a fact, for each fact that has none."""
    rows: dict[str, str] = read_yaml(files("mockling.contract") / "unclaimed.yaml") or {}
    return rows
