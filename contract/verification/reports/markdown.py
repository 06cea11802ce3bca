"""Markdown: a run as a comment on a pull request, short, with the details folded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mockling.contract.exchange import printable
from mockling.contract.verification.clause import Verdict
from mockling.contract.verification.reports.curl import curl
from mockling.contract.verification.reports.telling import (
    about,
    advice,
    answer,
    cost,
    counts,
    headline_of,
    number,
    question,
    short,
    skipped,
    word,
)
from mockling.contract.verification.run import Group, Run, groups

MOST_CAUSES = 20  # of a verdict: a comment is short, the other reports have all
MOST_CLAUSES = 20  # named for a cause
LONGEST = 300  # characters of a text that a server may have written
SIGNS = {"Yes": "✅", "No": "❌", "Unknown": "❔"}


def as_markdown(run: Run) -> str:
    """Return a run as Markdown: the answer, the cost, a table of root causes, and the details folded."""
    return "\n".join([*_head(run), *_causes(run), *_details(run)]).encode("utf-8", "replace").decode() + "\n"


def _head(run: Run) -> Iterator[str]:
    yield f"### {SIGNS[word(run)]} {_code_in(question(run), run.target)} {short(run)}."
    yield ""
    yield f"{_told(answer(run), run.stopped)}"
    yield ""
    yield f"**What did finding out cost?** {cost(run)}"
    yield ""
    yield f"**Next:** {advice(run)}"
    yield ""


def _causes(run: Run) -> Iterator[str]:
    rows = [
        (verdict, group)
        for verdict in (Verdict.BROKEN, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOTICE)
        for group in groups(run, verdict)[:MOST_CAUSES]
    ]
    if not rows:
        return
    yield "| verdict | what | clauses | facts |"
    yield "|---|---|---|---|"
    for verdict, group in rows:
        first = group.outcomes[0].id
        more = f" and {len(group.outcomes) - 1:,} more" if len(group.outcomes) > 1 else ""
        facts = ", ".join(_code(fact, "|") for fact in group.facts[:8])
        yield f"| {verdict} | {_code(headline_of(group.first), '|')} | {_code(first, '|')}{more} | {facts} |"
    yield ""


def _details(run: Run) -> Iterator[str]:
    for verdict in (Verdict.BROKEN, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOTICE):
        found = groups(run, verdict)
        if found:
            yield from _folded(f"{verdict.capitalize()}: {number(len(run.of(verdict)), 'clause')}", _groups(run, found))
    if reasons := skipped(run):
        lines = [f"- {count:,}: {_code(reason)}" for reason, count in reasons]
        yield from _folded(f"Skipped: {number(len(run.of(Verdict.SKIPPED)), 'clause')}", lines)
    yield from _folded("The run", [*(f"- {name}: {_code(value)}" for name, value in about(run)), "", *_table(run)])


def _groups(run: Run, found: list[Group]) -> Iterator[str]:
    for group in found[:MOST_CAUSES]:
        yield f"- {_code(headline_of(group.first))}"
        for outcome in group.outcomes[:MOST_CLAUSES]:
            yield f"  - {_code(outcome.id)}: {_code(outcome.sentence)}"
        if len(group.outcomes) > MOST_CLAUSES:
            yield f"  - and {len(group.outcomes) - MOST_CLAUSES:,} more"
        if group.first.steps:
            command = printable(curl(group.first.steps[0].exchange, run.url))
            yield from ("", "  ```sh", f"  {command}", "  ```", "")
    if len(found) > MOST_CAUSES:
        yield f"- and {number(len(found) - MOST_CAUSES, 'more cause')}"


def _table(run: Run) -> Iterator[str]:
    verdicts = [verdict for verdict in Verdict if run.of(verdict)]
    yield f"| class | {' | '.join(verdicts)} |"
    yield "|---|" + "---:|" * len(verdicts)
    for name, row in counts(run).items():
        yield f"| {name} | {' | '.join(f'{row[verdict]:,}' for verdict in verdicts)} |"


def _folded(title: str, lines: Iterator[str] | list[str]) -> Iterator[str]:
    yield from (f"<details><summary>{title}</summary>", "", *lines, "", "</details>", "")


def _told(sentence: str, part: str | None) -> str:
    return _code_in(sentence, part) if part else sentence


def _code_in(sentence: str, part: str) -> str:
    """Return a sentence of ours, of which a part that is not is set as code."""
    return sentence.replace(part, _code(part), 1) if "://" in part or part not in ("live", "emulator") else sentence


def _code(text: str, escaped: str = "") -> str:
    """Return a text as code, in which nothing is markup and nobody is mentioned; `escaped`: signs that end a cell."""
    line = printable(text if len(text) <= LONGEST else f"{text[:LONGEST]} ...").strip()
    for sign in escaped:
        line = line.replace(sign, f"\\{sign}")
    fence = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line else ""


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
