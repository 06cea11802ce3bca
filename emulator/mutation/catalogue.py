"""The catalogue: every mutant there is for a contract."""

from __future__ import annotations

from collections.abc import Iterator

from mockling.contract import Contract, ContractError
from mockling.emulator.mutation.answers import answer_mutants
from mockling.emulator.mutation.mutant import Mutant
from mockling.emulator.mutation.parameters import parameter_mutants


def mutants(contract: Contract) -> list[Mutant]:
    """Return every mutant, in the order in which they are told.

    Raises `ContractError` if two have the same id.
    """
    found: dict[str, Mutant] = {}
    for mutant in _mutants(contract):
        if found.setdefault(mutant.id, mutant) is not mutant:
            raise ContractError(f"There are two mutants {mutant.id!r}.")
    return list(found.values())


def _mutants(contract: Contract) -> Iterator[Mutant]:
    yield from parameter_mutants(contract)
    yield from answer_mutants(contract)
