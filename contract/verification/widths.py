"""Clauses of what input files must be."""

from __future__ import annotations

from collections.abc import Iterator

from mockling.contract.model import Model
from mockling.contract.verification.asking import Asking
from mockling.contract.verification.clause import Clause


def width_clauses(model: Model, asking: Asking) -> Iterator[Clause]:
    """Yield the clauses."""
    yield from ()
