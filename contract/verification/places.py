"""Places: JSON pointers into the settled document, and the facts that stand there."""

from __future__ import annotations

from typing import Any

from mockling.contract.document import Document


def pointer(*steps: str | int) -> str:
    """Return the JSON pointer of a place in the document, by its steps."""
    return "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def facts_at(document: Document, *steps: str | int) -> tuple[str, ...]:
    """Return the ids of the facts that a place rests on: its own, or those of the nearest place around it."""
    node: Any = document
    found: tuple[str, ...] = ()
    for step in steps:
        node = node[step]
        named = node.get("x-source") if isinstance(node, dict) else None
        if named:
            found = tuple(named) if isinstance(named, list) else (named,)
    return found
