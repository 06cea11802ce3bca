"""The catalogue: every clause there is for a contract."""

from __future__ import annotations

from collections.abc import Iterator

from mockling.contract.contract import Contract
from mockling.contract.document import ContractError
from mockling.contract.verification.answers import answer_clauses
from mockling.contract.verification.clause import Clause
from mockling.contract.verification.parameters import parameter_clauses
from mockling.contract.verification.promises import promise_clauses
from mockling.contract.verification.provoked import provoked_clauses


def clauses(contract: Contract) -> list[Clause]:
    """Return every clause, in the order in which a report lists them.

    Raises `ContractError` if two have the same id.
    """
    found: dict[str, Clause] = {}
    for clause in _clauses(contract):
        if found.setdefault(clause.id, clause) is not clause:
            raise ContractError(f"There are two clauses {clause.id!r}.")
    return list(found.values())


def _clauses(contract: Contract) -> Iterator[Clause]:
    for model in contract.models.values():
        yield from parameter_clauses(contract, model)
    yield from provoked_clauses(contract)
    yield from answer_clauses(contract)
    yield from promise_clauses(contract)
