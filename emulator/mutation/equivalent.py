"""Equivalents: mutants that nobody has to notice, each with the reason."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files

from mockling.emulator.mutation.mutant import Mutant


@dataclass(frozen=True, slots=True)
class Equivalent:
    """An entry of `contract/equivalent.json`: the mutants whose ids are of a pattern, and why nobody notices them."""

    mutants: str
    reason: str

    def covers(self, mutant: Mutant) -> bool:
        """Say whether a mutant is one of them."""
        return fnmatchcase(mutant.id, self.mutants)


def equivalents() -> tuple[Equivalent, ...]:
    """Return the entries there are."""
    rows = json.loads((files("mockling.contract") / "equivalent.json").read_text("utf-8"))
    return tuple(Equivalent(pattern, row["reason"]) for row in rows for pattern in row["mutants"])
