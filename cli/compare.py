"""`mockling compare`: what differs between two runs of `mockling verify`, and which of them has moved."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from mockling.cli import NotUnderstood, told
from mockling.cli.loading import models_option
from mockling.client.video import writable
from mockling.contract import ContractError
from mockling.contract.exchange import printable
from mockling.contract.verification.compare import Comparison, Difference, compare
from mockling.contract.verification.disputes import Disputes, as_toml
from mockling.contract.verification.reports.document import read_json
from mockling.contract.verification.reports.reading import Unreadable
from mockling.contract.verification.run import Run
from mockling.contract.verification.secrets import write
from mockling.contract.verification.target import LIVE

DIFFER, STALE = 1, 3  # exit codes
FILE = click.Path(dir_okay=False, path_type=Path)
MOST_NAMED = 3  # clauses that differ in the same way
OLDEST = 36_500  # days


@click.command("compare")
@click.argument("first", type=FILE)
@click.argument("second", type=FILE)
@models_option
@click.option(
    "--max-age",
    metavar="DAYS",
    type=click.IntRange(0, OLDEST),
    default=30,
    show_default=True,
    help="Days after which a live run is stale.",
)
@click.option(
    "--write-profile",
    "profile",
    metavar="FILE",
    type=FILE,
    help="Write settings with which the emulator answers as the live run did (or the second, if none is live).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
@told()
def command(
    context: click.Context,
    /,
    first: Path,
    second: Path,
    models: tuple[Path, ...],
    max_age: int,
    profile: Path | None,
    as_json: bool,
) -> None:
    """Compare two JSON reports of `mockling verify`: an emulator against the live API, last month against today.

    Exit codes: 0 the same (words, further fields and headers aside); 1 they differ; 2 not understood; 3 the same, but
    the last live run is stale.
    """
    try:
        runs = read_json(first), read_json(second)
        disputes = Disputes(models)
        comparison = compare(*runs, disputes, datetime.now(UTC), timedelta(days=max_age))
    except (Unreadable, ContractError) as error:
        raise NotUnderstood(str(error)) from error
    side = "first" if runs[0].target == LIVE != runs[1].target else "second"
    seen, settled = runs[side == "second"], {one.dispute: getattr(one, side) for one in comparison.disputes}
    settings = disputes.settings(seen.evidence, settled)
    if as_json:
        click.echo(json.dumps(_document(runs, comparison, settings), indent=2))
    else:
        _print((first, second), runs, comparison)
    if profile:
        writable(profile)
        write({profile: as_toml(settings, f"As {_name(seen)} answered; written by mockling compare.")})
        click.echo(f"{profile} has the settings: mockling serve --config {profile}", err=as_json)
    context.exit(DIFFER if not comparison.same else STALE if comparison.stale else 0)


def _name(run: Run) -> str:
    return printable(f"{run.target} on {run.ended:%Y-%m-%d}")


def _document(runs: tuple[Run, Run], comparison: Comparison, settings: dict[str, Any]) -> dict[str, Any]:
    about = [{"target": run.target, "ended": run.ended.isoformat(), "contract": run.contract} for run in runs]
    return {"same": comparison.same, "runs": about, **asdict(comparison), "settings": settings}


def _print(files: tuple[Path, Path], runs: tuple[Run, Run], comparison: Comparison) -> None:
    console = Console(highlight=False)
    for word, file, run in zip(("first", "second"), files, runs, strict=True):
        click.echo(f"{word:<8}{printable(str(file))}: {_name(run)}")
    for note in comparison.notes:
        click.echo(f"note    {printable(note)}")
    _table(console, "What clauses say", comparison.clauses)
    _table(console, "What was observed", [one for one in comparison.observed if one.matters])
    _table(console, "What nobody should build on", [one for one in comparison.observed if not one.matters])
    _print_disputes(console, comparison)
    if comparison.stale:
        click.echo(f"\nSTALE: {comparison.stale}")
    differing = sum(one.matters for one in (*comparison.clauses, *comparison.observed))
    counted = f"They differ in {differing:,} point{'s' if differing > 1 else ''}."
    click.echo("\nNothing differs that matters." if comparison.same else f"\n{counted}")


def _table(console: Console, title: str, rows: Iterable[Difference]) -> None:
    """Print differences, those that are the same but for their subject in one row."""
    alike: dict[tuple[str, ...], list[Difference]] = {}
    for one in rows:
        alike.setdefault((one.first, one.second, one.moved, _kind(one)), []).append(one)
    if not alike:
        return
    columns = [Column(name, overflow="fold") for name in ("what", "first", "second", "who moved", "facts")]
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for same in alike.values():
        more = [f"and {len(same) - MOST_NAMED:,} more"] if len(same) > MOST_NAMED else []
        subjects = "\n".join([*(one.subject for one in same[:MOST_NAMED]), *more])
        facts = ", ".join(dict.fromkeys(fact for one in same for fact in one.facts))
        cells = (subjects, same[0].first, same[0].second, str(same[0].moved), facts)
        table.add_row(*(escape("\n".join(map(printable, cell[:2000].split("\n")))) for cell in cells))
    console.print(f"\n{title}", style="bold")
    console.print(table)


def _kind(one: Difference) -> str:
    """Return what a difference is of: parts of one answer are told one by one, clauses and statuses together."""
    return one.subject if ": " in one.subject else one.subject.partition(" ")[0] * (" " in one.subject)


def _print_disputes(console: Console, comparison: Comparison) -> None:
    rows = [one for one in comparison.disputes if one.first or one.second]
    if not rows:
        return
    table = Table("dispute", Column("question", overflow="fold"), "first", "second", box=None, pad_edge=False)
    for one in rows:
        style = "bold" if one.first and one.second and one.first != one.second else ""
        table.add_row(one.dispute, escape(one.question), one.first or "-", one.second or "-", style=style)
    console.print("\nWhat the answers settle", style="bold")
    console.print(table)
