"""Promises that do not follow from the schemas: precedence, the gateway, the life cycle, billing, bytes and timing."""

from __future__ import annotations

from collections.abc import Iterator

from mockling.contract.contract import Contract
from mockling.contract.verification.clause import Clause
from mockling.contract.verification.promises.billing import account_clauses, billing_clauses
from mockling.contract.verification.promises.delivery import delivery_clauses
from mockling.contract.verification.promises.everywhere import everywhere_clauses
from mockling.contract.verification.promises.files import file_clauses, upload_clauses
from mockling.contract.verification.promises.gateway import gateway_clauses
from mockling.contract.verification.promises.lifecycle import lifecycle_clauses
from mockling.contract.verification.promises.limits import limit_clauses
from mockling.contract.verification.promises.precedence import precedence_clauses
from mockling.contract.verification.promises.unbilled import unbilled_clauses


def promise_clauses(contract: Contract) -> Iterator[Clause]:
    """Yield the clauses that are written by hand; the last of them looks back at all that was sent before."""
    yield from gateway_clauses(contract)
    yield from limit_clauses(contract)
    yield from everywhere_clauses(contract)
    yield from precedence_clauses(contract)
    yield from upload_clauses(contract)
    for model in contract.models.values():
        yield from delivery_clauses(contract, model)
        yield from file_clauses(contract, model)
        yield from lifecycle_clauses(contract, model)
        yield from billing_clauses(contract, model)
    yield from unbilled_clauses(contract)
    yield from account_clauses(contract)
