"""`mockling verify page`: whether the endpoint's public page still says what the contract says."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from mockling.cli import NotUnderstood
from mockling.cli.loading import loaded, models_option, profile_option
from mockling.contract import ContractError
from mockling.contract.page import Comparison, PageError, compare, model_of, read_page

LARGEST = 5 * 1024**2  # bytes of a page
ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # by how a file begins; any other is in UTF-8


@click.command("page")
@click.argument("file", type=click.File("rb"))
@profile_option
@models_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with the places of all points.")
@click.pass_context
def command(context: click.Context, file: BinaryIO, profile: str, models: tuple[Path, ...], as_json: bool) -> None:
    """Compare the endpoint's public page, saved in FILE as text or HTML, with the contract; it costs nothing.

    FILE may be - for standard input. Exit codes: 0 they agree; 1 they differ; 2 the command was not understood, or the
    file is no such page.
    """
    contract = loaded(profile, models)
    try:
        page = read_page(_text(file))
        model = model_of(page, contract)
    except PageError as error:
        raise NotUnderstood(f"{_name(file)} {error}.") from error
    except ContractError as error:
        raise NotUnderstood(f"{error} Give its file with --model FILE.") from error
    comparison = compare(page, model, contract)
    if as_json:
        click.echo(json.dumps({"model": model.slug, "profile": profile, **asdict(comparison)}, indent=2))
    else:
        _print(comparison)
    context.exit(1 if comparison.differences else 0)


def _name(file: BinaryIO) -> str:
    name = getattr(file, "name", "<stdin>")
    return "Standard input" if name == "<stdin>" else str(name)


def _text(file: BinaryIO) -> str:
    """Return what a file holds. Raises `NotUnderstood` if it is too large, or no text."""
    try:
        content = file.read(LARGEST + 1)
    except OSError as error:
        raise NotUnderstood(f"Cannot read {_name(file)}: {error.strerror}.") from error
    if len(content) > LARGEST:
        raise NotUnderstood(f"{_name(file)} has more than {LARGEST // 1024**2} MiB; a page has less.")
    try:
        text = content.decode(ENCODINGS.get(content[:2], "utf-8-sig"))
    except UnicodeDecodeError as error:
        raise NotUnderstood(f"{_name(file)} is no text in UTF-8; save the page as text or HTML.") from error
    if not text.strip():
        raise NotUnderstood(f"{_name(file)} is empty.")
    return text


def _print(comparison: Comparison) -> None:
    """Print the differences, then what was not compared, then how many points agree."""
    console = Console(highlight=False)
    rows = [(one.place, one.page, one.contract, ", ".join(one.facts)) for one in comparison.differences]
    if console.is_terminal and rows:
        said = [Column(name, overflow="fold") for name in ("place", "the page says", "the contract says", "facts")]
        table = Table(*said, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(table)
    else:
        for row in rows:  # for other programs: a line each
            click.echo("\t".join(row))
    for line in comparison.not_compared:
        click.echo(f"not compared: {line}")
    agreed, differing = len(comparison.agreed), len(comparison.differences)
    click.echo(
        f"The page agrees with the contract in {_counted(agreed, 'point')}; {_counted(differing, 'difference')}."
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
