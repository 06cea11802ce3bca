"""The catalogue: every mutant there is for a contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mockling.contract import Contract, ContractError
from mockling.contract.verification.clause import Severity
from mockling.contract.verification.promises.promise import severity_of
from mockling.emulator.mutation.answers import answer_mutants
from mockling.emulator.mutation.benign import benign_mutants
from mockling.emulator.mutation.charging import charging_mutants
from mockling.emulator.mutation.checking import checking_mutants
from mockling.emulator.mutation.files import file_mutants
from mockling.emulator.mutation.gateway import gateway_mutants
from mockling.emulator.mutation.guarding import guard_mutants
from mockling.emulator.mutation.lifecycle import lifecycle_mutants
from mockling.emulator.mutation.mutant import Kind, Mutant
from mockling.emulator.mutation.parameters import parameter_mutants
from mockling.emulator.mutation.refusing import refusing_mutants
from mockling.emulator.mutation.videos import video_mutants


def mutants(contract: Contract) -> list[Mutant]:
    """Return every mutant, in the order in which they are told.

    Raises `ContractError` if two have the same id.
    """
    found: dict[str, Mutant] = {}
    for mutant in (_weighed(contract, one) for one in _mutants(contract)):
        if found.setdefault(mutant.id, mutant) is not mutant:
            raise ContractError(f"There are two mutants {mutant.id!r}.")
    return list(found.values())


def _mutants(contract: Contract) -> Iterator[Mutant]:
    yield from parameter_mutants(contract)
    yield from answer_mutants(contract)
    yield from lifecycle_mutants(contract)
    yield from charging_mutants(contract)
    yield from refusing_mutants(contract)
    yield from checking_mutants()
    yield from gateway_mutants(contract)
    yield from video_mutants(contract)
    yield from file_mutants()
    yield from guard_mutants(contract)
    yield from benign_mutants(contract)


def _weighed(contract: Contract, mutant: Mutant) -> Mutant:
    """Return a mutant; a refusal deserves no more than a notice where its place rests on nothing that is promised."""
    weak = mutant.kind is Kind.REFUSALS and severity_of(contract, _facts(contract, mutant.place)) is Severity.NOTICE
    return replace(mutant, worth=Severity.NOTICE) if weak else mutant


def _facts(contract: Contract, place: str) -> tuple[str, ...]:
    """Return the facts of the nearest part of the document around a place, as far as it is there."""
    node: Any = contract.document
    found: Any = ()
    for step in place.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and name in node:
            node = node[name]
            found = node.get("x-source", found) if isinstance(node, dict) else found
    return (found,) if isinstance(found, str) else tuple(found)
