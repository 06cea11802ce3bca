"""Points: what a page and the contract both speak of, and whether they agree in it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.document import ContractError, Document
from mockling.contract.facts import fact
from mockling.contract.verification.places import facts_at, pointer

LONGEST_TOLD = 200  # characters of a value that are told
NOTHING = "nothing"

Steps = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One point in which the page and the contract differ.

    `place` names it (`parameters.duration.enum`), `page` and `contract` are what they say, in words or as JSON
    ("nothing": it is not mentioned); `pointer` is the JSON pointer into the contract's document and `facts` are the ids
    that the contract names there.
    """

    place: str
    page: str
    contract: str
    pointer: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of holding a page against the contract.

    `agreed` are the places in which they agree, `differences` the others, `not_compared` a sentence for each place of
    which one of the two says nothing that could be read.
    """

    agreed: tuple[str, ...]
    differences: tuple[Difference, ...]
    not_compared: tuple[str, ...]


class Points:
    """Gathers the points of a comparison, each place once however often the page shows it."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._agreed: dict[str, None] = {}
        self._differences: dict[tuple[str, str], Difference] = {}
        self._not_compared: dict[str, str] = {}

    def check(
        self, place: str, steps: Iterable[str], page: str | None, contract: str | None, same: bool | None = None
    ) -> None:
        """Note what both say of a place, `steps` being the way to it in the document (None: nothing).

        `same` is whether that is the same, if not only equal words are. What is only in the contract counts as a
        difference if it was read on the page, as a fact there says; else nobody knows, and it is not compared.
        """
        if page is None and contract is None:
            return
        if page is not None and contract is not None and (page == contract if same is None else same):
            self._agreed[place] = None
        elif page is not None or any(map(_on_page, self._facts(steps))):
            self.differ(place, steps, page, contract)
        else:
            self.skip(place, "the page says nothing of it")

    def differ(self, place: str, steps: Iterable[str], page: str | None, contract: str | None) -> None:
        """Note a difference."""
        said, wanted = (NOTHING if text is None else _cut(text) for text in (page, contract))
        there = self._there(steps)
        self._differences[place, said] = Difference(place, said, wanted, pointer(*there), self._facts(there))

    def skip(self, place: str, why: str) -> None:
        """Note that a place is not compared."""
        self._not_compared[place] = _cut(f"{place}: {why}")

    def comparison(self) -> Comparison:
        """Return all that was noted."""
        differing = {place for place, _ in self._differences}
        agreed = tuple(place for place in self._agreed if place not in differing)
        return Comparison(agreed, tuple(self._differences.values()), tuple(self._not_compared.values()))

    def _there(self, steps: Iterable[str]) -> Steps:
        """Return the steps as far as the document goes."""
        node, there = self._document, []
        for step in steps:
            if not isinstance(node, dict) or step not in node:
                break
            node = node[step]
            there.append(step)
        return tuple(there)

    def _facts(self, steps: Iterable[str]) -> tuple[str, ...]:
        return tuple(map(str, facts_at(self._document, *self._there(steps))))


def operation_at(contract: Contract, operation: str) -> tuple[Steps, str, str]:
    """Return where an operation stands in the document, its method ("POST") and the template of its path."""
    path, verb = contract.places[operation]
    return ("paths", path, verb), verb.upper(), path


def told(value: Any) -> str:
    """Return a JSON value as it is shown."""
    return json.dumps(value, ensure_ascii=False)


@cache
def _on_page(fact_id: str) -> bool:
    """Say whether a fact was read on the page."""
    try:
        return any("page" in row.read for row in fact(fact_id))
    except ContractError:  # an id of a model file's own
        return False


def _cut(text: str) -> str:
    """Return a text that can be shown on a line, whatever a page has in it."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[: LONGEST_TOLD + 1])
    return line if len(line) <= LONGEST_TOLD else f"{line[:LONGEST_TOLD]}..."
