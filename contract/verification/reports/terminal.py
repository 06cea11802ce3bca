"""The terminal: a run as somebody reads it who waited for it, and a line of progress while he waits."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from types import TracebackType

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from mockling.contract.exchange import printable
from mockling.contract.verification.clause import Verdict
from mockling.contract.verification.probe import Probe
from mockling.contract.verification.reports.curl import curl
from mockling.contract.verification.reports.telling import (
    MEANING,
    about,
    advice,
    answer,
    cost,
    counts,
    dollars,
    number,
    question,
    short,
    skipped,
    word,
)
from mockling.contract.verification.run import Group, Run, groups
from mockling.contract.verification.running import Plan
from mockling.contract.verification.secrets import search

MOST_CLAUSES = 5  # named for a cause
MINUTE = 60.0  # seconds
COLOURS = {
    Verdict.BROKEN: "bold red",
    Verdict.ERROR: "bold magenta",
    Verdict.INCONCLUSIVE: "bold yellow",
    Verdict.NOTICE: "bold blue",
    Verdict.SKIPPED: "dim",
    Verdict.HOLDS: "green",
}
ANSWERS = {"Yes": "bold green", "No": "bold red", "Unknown": "bold yellow"}


def rendered(console: Console, run: Run) -> str:
    """Return a run as this console would show it: failures first, then what else there is, answer and cost last."""
    with console.capture() as captured:
        for part in _parts(run):
            console.print(part, soft_wrap=isinstance(part, Text))
    return re.sub(r" +$", "", captured.get(), flags=re.MULTILINE)


def print_run(console: Console, run: Run, keys: Iterable[str] = ()) -> None:
    """Print a run. Raises `SecretFound`, and prints nothing, if one of the keys stands in it."""
    text = rendered(console, run)
    search({"the report": Text.from_ansi(text).plain}, keys)
    console.file.write(text)
    console.file.flush()


class ProgressLine:
    """A line that tells how far a run is: give it to `gather`, within its `with`.

    `spent` tells the US dollars that were spent so far (None: nothing can be). Where it is no terminal, a line is
    printed once a minute, for a whole run may last an hour; `now` is the clock that this goes by.
    """

    def __init__(
        self,
        console: Console,
        plan: Plan,
        spent: Callable[[], Decimal] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(20), MofNCompleteColumn())
        money = (TextColumn("{task.fields[spent]}", markup=False),)
        self._progress = Progress(
            *columns, *money, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
        )
        self._console, self._total = console, len(plan.probes)
        self._spent = spent
        self._task = self._progress.add_task("verifying", total=self._total, spent="")
        self._begun = 0
        self._now, self._told = now, now()

    def __enter__(self) -> ProgressLine:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, probe: Probe) -> None:
        """Tell that a probe is about to be sent."""
        spent = f"{dollars(self._spent())} spent" if self._spent else ""
        name = probe.id if len(probe.id) <= 40 else f"...{probe.id[-37:]}"
        self._progress.update(self._task, completed=self._begun, description=name, spent=spent)
        if not self._console.is_terminal and self._now() - self._told >= MINUTE:
            self._told = self._now()
            parts = [f"{self._begun} of {number(self._total, 'probe')}", *filter(None, [spent])]
            self._console.print(", ".join(parts), highlight=False)
        self._begun += 1


def _parts(run: Run) -> Iterator[RenderableType]:
    yield _facts(about(run))
    for verdict in (Verdict.BROKEN, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOTICE):
        if found := groups(run, verdict):
            causes = f", {number(len(found), 'cause')}" if len(found) < len(run.of(verdict)) else ""
            yield Text.assemble(
                "\n",
                (verdict.upper(), COLOURS[verdict]),
                f"  {number(len(run.of(verdict)), 'clause')}{causes}: {MEANING[verdict]}",
            )
            for group in found:
                yield from _group(run, group)
    yield Text()
    yield _counted(run)
    if reasons := skipped(run):
        yield Text("\nSKIPPED", COLOURS[Verdict.SKIPPED])
        yield _facts([(f"{count:,}", reason) for reason, count in reasons])
    yield Text.assemble("\n", (printable(question(run)), "bold"))
    yield Text.assemble((f"{short(run)}. ", ANSWERS[word(run)]), printable(answer(run)))
    yield Text(f"Cost: {cost(run)}")
    yield Text(f"Next: {advice(run)}")


def _group(run: Run, group: Group) -> Iterator[RenderableType]:
    """Yield what one cause is: the clauses, what was promised and came, and how to see it again."""
    first = group.first
    ids = [outcome.id for outcome in group.outcomes]
    more = [f"and {len(ids) - MOST_CLAUSES:,} more"] if len(ids) > MOST_CLAUSES else []
    rows = [
        ("clauses" if len(ids) > 1 else "clause", "\n".join([*map(printable, ids[:MOST_CLAUSES]), *more])),
        ("promise", group.outcomes[0].sentence),
        ("cause", first.cause),
        ("expected", first.expected),
        ("actual" if first.expected else "because", first.actual),
        ("facts", ", ".join(group.facts)),
    ]
    yield Text()
    yield _facts([(name, value) for name, value in rows if value])
    if first.steps:
        yield Text(f"  {'again':<9} {printable(curl(first.steps[0].exchange, run.url))}", "dim")


def _facts(rows: Iterable[tuple[str, str]]) -> RenderableType:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(style="dim", min_width=9)
    table.add_column(overflow="fold")
    for name, value in rows:
        lines = value.split("\n") if name == "clauses" else [value]
        table.add_row(name.lower(), Text("\n".join(map(printable, lines))))
    return Padding(table, (0, 0, 0, 2))


def _counted(run: Run) -> RenderableType:
    verdicts = [verdict for verdict in Verdict if run.of(verdict)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("class")
    for verdict in verdicts:
        table.add_column(verdict, justify="right", style=COLOURS[verdict])
    for name, row in counts(run).items():
        table.add_row(name, *(f"{row[verdict]:,}" for verdict in verdicts))
    return Padding(table, (0, 0, 0, 2))
