"""HTML: a run as one page for a stranger, without scripts and without anything from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from mockling.contract.document import ContractError
from mockling.contract.exchange import Message
from mockling.contract.facts import Fact, fact
from mockling.contract.verification.clause import Verdict
from mockling.contract.verification.reports.curl import curl
from mockling.contract.verification.reports.telling import (
    MEANING,
    about,
    advice,
    answer,
    clean,
    cost,
    headline_of,
    number,
    question,
    short,
    skipped,
    word,
)
from mockling.contract.verification.run import Run, groups

LONGEST = 4000  # characters of a body that are shown
DIFFERENCES = (Verdict.BROKEN, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOTICE)


def as_html(run: Run) -> str:
    """Return a run as a page that stands alone: the answer and the cost, the differences, all clauses, the facts."""
    told = {
        "question": question(run),
        "word": word(run),
        "short": short(run),
        "answer": answer(run),
        "cost": cost(run),
        "advice": advice(run),
        "about": about(run),
        "counts": [(verdict, len(run.of(verdict))) for verdict in Verdict if run.of(verdict)],
        "differences": [(verdict, groups(run, verdict)) for verdict in DIFFERENCES if run.of(verdict)],
        "clauses": [(verdict, run.of(verdict)) for verdict in Verdict if run.of(verdict)],
        "skipped": skipped(run),
        "facts": _facts(run),
    }
    helpers = {"meaning": MEANING, "headline": headline_of, "number": number, "body": _body}
    return _page().render(**told, **helpers, curl=lambda exchange: curl(exchange, run.url))


@cache
def _page() -> Template:
    environment = Environment(
        autoescape=True, finalize=_clean, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    home = files("mockling.contract.verification.reports")
    return environment.from_string((home / "report.html.j2").read_text("utf-8"))


def _clean(value: Any) -> Any:
    return value if isinstance(value, Markup) else clean(str(value))


def _body(message: Message) -> str:
    """Return a body as it is shown: as a text, cut where it becomes long, or what it is if it is none."""
    if message.sha256 is not None:
        return f"A file of {message.size:,} bytes, sha256 {message.sha256}"
    try:
        text = message.body.decode()
    except UnicodeDecodeError:
        return f"{message.size:,} bytes that are no text"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n... ({message.size:,} bytes in all)"


def _facts(run: Run) -> dict[str, list[Fact]]:
    """Return what is known of the facts that clauses rest on, by their ids; one of a user's model may be unknown."""
    found: dict[str, list[Fact]] = {}
    for name in dict.fromkeys(name for outcome in run.outcomes for name in outcome.facts):
        try:
            found[name] = fact(name)
        except ContractError:
            continue
    return found
