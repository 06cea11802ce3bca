"""The catalogue: every mutant there is for a contract."""

from __future__ import annotations

from collections.abc import Iterator

from mockling.contract import Contract, ContractError
from mockling.emulator.mutation.answers import answer_mutants
from mockling.emulator.mutation.benign import benign_mutants
from mockling.emulator.mutation.charging import charging_mutants
from mockling.emulator.mutation.files import file_mutants
from mockling.emulator.mutation.guarding import guard_mutants
from mockling.emulator.mutation.gateway import gateway_mutants
from mockling.emulator.mutation.lifecycle import lifecycle_mutants
from mockling.emulator.mutation.refusing import refusing_mutants
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
    yield from lifecycle_mutants(contract)
    yield from charging_mutants(contract)
    yield from refusing_mutants(contract)
    yield from gateway_mutants(contract)
    yield from file_mutants(contract)
    yield from guard_mutants(contract)
    yield from benign_mutants(contract)
