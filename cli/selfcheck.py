"""`mockling selfcheck`: whether the clauses of the contract would notice an emulator that does not keep it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from mockling.cli import told
from mockling.cli.verifying import contract_options
from mockling.contract import ContractError
from mockling.contract.verification.catalogue import clauses
from mockling.contract.verification.probe import Cost
from mockling.emulator.mutation.bench import AlarmedError, Loaded, Outcome
from mockling.emulator.mutation.equivalent import equivalents
from mockling.emulator.mutation.mutant import Mutant
from mockling.emulator.mutation.running import MOST_PAID, SHARE, Tried, chosen, tried

VERSION = 1  # of the JSON


@click.command("selfcheck")
@click.option(
    "--only", metavar="PATTERN", multiple=True, help="Try only mutants of such ids, as 'money.*'; repeatable."
)
@click.option("--list", "listing", is_flag=True, help="Print the mutants, and try none.")
@click.option("--jobs", type=click.IntRange(1, 64), help="Processes that try them.  [default: one for each processor]")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write what became of each.")
@contract_options
@click.pass_context
@told(AlarmedError)
def command(
    context: click.Context, /, only: tuple[str, ...], listing: bool, jobs: int | None, file: Path | None, **asked: Any
) -> None:
    """Prove that the clauses would notice if the endpoint drifted from its contract.

    Emulators that break one promise each, made mechanically from the contract, are verified one after the other; each
    must be noticed, and what changes nothing that anybody builds on must not be called a break. Exit codes: 0 the
    clauses are good enough; 1 they are not; 2 the command was not understood.
    """
    loaded, began = Loaded(**asked), time.monotonic()
    try:
        contract = loaded.contract()
    except ContractError as error:
        raise click.UsageError(str(error)) from error
    mutants = chosen(contract, only)
    if not mutants:
        raise click.UsageError(f"No mutant is of {' or '.join(only)}; --list prints them all.")
    if listing:
        for mutant in mutants:
            click.echo(f"{mutant.id}  {mutant.sentence}")
        return
    paid = tuple(clause.id for clause in clauses(contract) if clause.cost is Cost.PAID)
    outcomes = _tried(loaded, mutants, jobs or os.cpu_count() or 1)
    result = Tried(tuple(mutants), tuple(outcomes), equivalents(), paid, whole=not only and loaded == Loaded())
    if file:
        file.write_text(json.dumps(_document(result, time.monotonic() - began), indent=1) + "\n", "utf-8")
    _print(Console(), result, time.monotonic() - began)
    context.exit(0 if result.good else 1)


def _tried(loaded: Loaded, mutants: list[Mutant], jobs: int) -> list[Outcome]:
    """Return what becomes of the mutants, and show how far it is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("mutants", total=len(mutants))
        return tried(loaded, [mutant.id for mutant in mutants], jobs, lambda _: progress.advance(task))


def _print(console: Console, result: Tried, seconds: float) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("kind", "made", "noticed", "equivalent", "survived"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for kind in result.kinds:
        row = result.row(kind)
        table.add_row(kind.value, *map(str, (row.made, row.noticed, row.equivalent, row.survived)))
    console.print(table)
    for mutant in result.survivors:
        console.print(Text(f"\nNobody noticed {mutant.id}: {mutant.sentence}\n  A clause about {mutant.place} would."))
    for mutant, outcome in result.alarms:
        seen = outcome.noticed
        why = f"{seen.clause} expected {seen.expected}, got {seen.actual}" if seen else f"{outcome.failed[0]} failed"
        console.print(Text(f"\nIt is no break, but was called one: {mutant.id}: {mutant.sentence}\n  {why}"))
    for entry in result.idle:
        console.print(Text(f"\nEvery mutant of {entry.mutants} is noticed; it is to go from contract/equivalent.json."))
    console.print(
        Text(
            f"\n{result.share:.1%} of the mutants that are not equivalent were noticed (at least {SHARE:.0%} must be), "
            f"{len(result.alarms)} benign changes were called a break (none may be), "
            f"{len(result.paid)} clauses buy something (at most {MOST_PAID} may); {seconds:.0f} s."
        )
    )


def _document(result: Tried, seconds: float) -> dict[str, Any]:
    rows = []
    for mutant, outcome in result.pairs:
        seen = outcome.noticed
        rows.append(
            {
                "id": mutant.id,
                "kind": mutant.kind.value,
                "sentence": mutant.sentence,
                "place": mutant.place,
                "noticed_by": seen and {"clause": seen.clause, "expected": seen.expected, "actual": seen.actual},
                "equivalent": None if seen or mutant.benign else result.reason(mutant),
                "probes": outcome.probes,
                "seconds": round(outcome.seconds, 3),
            }
        )
    return {
        "version": VERSION,
        "good": result.good,
        "share": result.share,
        "paid": list(result.paid),
        "seconds": round(seconds, 1),
        "mutants": rows,
    }
