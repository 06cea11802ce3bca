"""Facts: what the contract rests on, each with its sentence, its standing and where it was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from mockling.contract.document import ContractError, Document, read_yaml, source


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing the contract holds to be so.

    `id` names it (`P7`; a disputed fact has a row for each answer), `standing` says what kinds of source it has, `text`
    is the fact in one sentence, `read` names the sources, `answer` is the answer to a dispute that it is (None: none).
    """

    id: str
    standing: tuple[str, ...]
    text: str
    read: tuple[str, ...]
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was read: a `title`, its `address` (None: its copy named none) and the day, `read_on`."""

    title: str
    address: str | None
    read_on: str


def facts() -> list[Fact]:
    """Return every fact, in the order of `facts.yaml` (the disputed ones with all their answers)."""
    return [fact for fact_id, row in _file()["facts"].items() for fact in _facts(fact_id, row)]


def fact(fact_id: str) -> list[Fact]:
    """Return the fact of that id (case does not matter), one row for each answer if it is disputed.

    Raises `ContractError` if there is none.
    """
    known = _file()["facts"]
    if fact_id.upper() not in known:
        raise ContractError(f"There is no fact {fact_id!r}; there are {', '.join(known)}.")
    return list(_facts(fact_id.upper(), known[fact_id.upper()]))


def standings() -> dict[str, str]:
    """Return what each word of standing means."""
    return dict(_file()["standings"])


def sources(row: Fact) -> list[Source]:
    """Return where a fact was read."""
    known, day = _file()["sources"], _file()["read_on"]
    return [Source(known[name]["title"], known[name].get("address"), day) for name in row.read]


def question(fact_id: str) -> str | None:
    """Return the question a disputed fact answers, or None if the fact is not disputed."""
    disputes: Document = source()["x-disputes"]
    return disputes[fact_id]["question"] if fact_id in disputes else None


def profiles_taking(row: Fact) -> list[str]:
    """Return the names of the profiles that take this answer to a dispute."""
    profiles = source()["x-disputes"][row.id]["profiles"]
    return [name for name, answer in profiles.items() if answer == row.answer]


def places(fact_id: str, document: Any, at: str = "#") -> Iterator[tuple[str, Any]]:
    """Yield the parts of a document that rest on a fact, each with its JSON pointer."""
    if isinstance(document, Mapping):
        named = document.get("x-source", ())
        if fact_id == named or (isinstance(named, list) and fact_id in named):
            yield at, document
        for name, part in document.items():
            yield from places(fact_id, part, f"{at}/{str(name).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(document, list):
        for index, part in enumerate(document):
            yield from places(fact_id, part, f"{at}/{index}")


@cache
def _file() -> Document:
    document: Document = read_yaml(files("mockling.contract") / "facts.yaml")
    return document


def _facts(fact_id: str, row: Document) -> Iterator[Fact]:
    for answer, told in row.get("answers", {None: row}).items():
        yield Fact(fact_id, tuple(told["standing"]), told["fact"], tuple(told.get("read", ())), answer)
