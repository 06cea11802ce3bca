"""Facts: what the contract says, piece by piece, each with its source and standing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mockling.contract.document import ContractError, Document, source


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing the contract holds to be so.

    `id` names it (`P7`; a disputed fact has a row for each answer), `standing` says what kinds of source it has, `text`
    is the fact in one sentence, `place` the JSON pointer of the part of the document it is about, `node` that part.
    """

    id: str
    standing: tuple[str, ...]
    text: str
    place: str
    node: Any


def facts() -> list[Fact]:
    """Return every fact of the contract, by letter and number (the disputed ones with all their answers)."""
    letters = "PGADUM"  # the page, the gateway, the asynchronous twin, disputes, upstream, Mockling's own assumptions
    return sorted(_walk(source(), "#"), key=lambda fact: (letters.index(fact.id[0]), int(fact.id[1:])))


def fact(fact_id: str) -> list[Fact]:
    """Return the fact of that id (case does not matter), one row for each answer if it is disputed.

    Raises `ContractError` if there is none.
    """
    found = [candidate for candidate in facts() if candidate.id == fact_id.upper()]
    if not found:
        known = ", ".join(dict.fromkeys(candidate.id for candidate in facts()))
        raise ContractError(f"There is no fact {fact_id!r}; there are {known}.")
    return found


def standings() -> dict[str, str]:
    """Return what each word of standing means."""
    return dict(source()["x-standings"])


def question(fact_id: str) -> str | None:
    """Return the question a disputed fact answers, or None if the fact is not disputed."""
    disputes: Document = source()["x-disputes"]
    return disputes[fact_id]["question"] if fact_id in disputes else None


def profiles_taking(fact: Fact) -> list[str]:
    """Return the names of the profiles that take this answer to a dispute."""
    answer = fact.place.rsplit("/", 1)[-1]
    return [name for name, answers in source()["x-profiles"].items() if answers.get(fact.id) == answer]


def without_sources(node: Any) -> Any:
    """Return a part of the document without its sources, for people to read."""
    if isinstance(node, list):
        return [without_sources(item) for item in node]
    if isinstance(node, dict):
        return {name: without_sources(value) for name, value in node.items() if name != "x-source"}
    return node


def _walk(node: Any, place: str) -> Iterator[Fact]:
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _walk(item, f"{place}/{index}")
    if not isinstance(node, dict):
        return
    sources = node.get("x-source", [])
    for row in sources if isinstance(sources, list) else [sources]:
        standing = row["standing"] if isinstance(row["standing"], list) else [row["standing"]]
        if not re.fullmatch(r"[PGADUM]\d+", row["ref"]):
            raise ContractError(f"{place} names the source {row['ref']!r}, which is no id of a fact.")
        yield Fact(row["ref"], tuple(standing), row.get("fact", node.get("description", "")), place, node)
    for name, value in node.items():
        if name != "x-source":
            yield from _walk(value, f"{place}/{str(name).replace('~', '~0').replace('/', '~1')}")
