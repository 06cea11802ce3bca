"""Mutants: the ways in which an emulator can drift from the contract, each a small change of one that keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from mockling.contract.verification.clause import Severity, Verdict
from mockling.contract.verification.places import pointer
from mockling.emulator.mutation.changing import Changing


class Kind(StrEnum):
    """What of an emulator is changed."""

    PARAMETERS = "parameters"
    ANSWERS = "answers"
    LIFE_CYCLE = "life cycle"
    MONEY = "money"
    REFUSALS = "refusals"
    GATEWAY = "gateway"
    FILES = "files"
    GUARD = "guard"
    BENIGN = "benign"


@dataclass(frozen=True, slots=True)
class Noticed:
    """A clause that noticed: its id, whether as broken or by a notice, what it expected and what came."""

    clause: str
    verdict: Verdict
    expected: str
    actual: str


Touched = tuple[str, int]  # an operation and the status of an answer of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One way to drift.

    `id` is stable and dotted; `sentence` says what the emulator does then; `place` is the JSON pointer into the settled
    document that it is about, `touches` the answers that it changes, both so that what is near is tried first; `change`
    does it. `case` is the error of `x-errors` without which it changes nothing (None: it always does). `worth` is what
    its drift deserves: a break, or only a notice where it rests on nothing that is promised.
    One of the kind `benign` changes nothing that anybody may build on, so that no clause may be broken by it; one of
    the kind `guard` is to be stopped by the spending guard.
    """

    id: str
    kind: Kind
    sentence: str
    place: str
    change: Callable[[Changing], object]
    touches: tuple[Touched, ...] = ()
    worth: Severity = Severity.BREAK
    case: str | None = None

    @property
    def benign(self) -> bool:
        """Whether it is nothing that may be called a break."""
        return self.kind is Kind.BENIGN


def refusal(
    name: str,
    sentence: str,
    change: Callable[[Changing], object],
    *place: str | int,
    touches: tuple[Touched, ...] = (),
    worth: Severity = Severity.BREAK,
    case: str | None = None,
) -> Mutant:
    """Return a mutant of what is refused, at a place in the document."""
    return Mutant(
        id=f"refusals.{name}",
        kind=Kind.REFUSALS,
        sentence=sentence,
        place=pointer(*place),
        change=change,
        touches=touches,
        worth=worth,
        case=case,
    )
