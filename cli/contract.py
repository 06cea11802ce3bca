"""`mockling contract`: what is known of the endpoint, and how well."""

from __future__ import annotations

import click
import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from mockling.cli import told
from mockling.contract import ContractError, Fact, fact, facts
from mockling.contract.facts import profiles_taking, question, standings, without_sources

UNVERIFIED = "No fact has been verified against the live API."


@click.command("contract")
@click.argument("fact_id", metavar="[ID]", required=False)
@told()
def command(fact_id: str | None) -> None:
    """Print every fact of the contract with its source, or all about the one of that ID (such as P7)."""
    console = Console(soft_wrap=bool(fact_id), highlight=False)
    if fact_id:
        _print_one(console, _known(fact_id))
    elif console.is_terminal:
        _print_all(console)
    else:
        for one in facts():  # for other programs: a line each
            click.echo("\t".join((one.id, ", ".join(one.standing), _told(one))))
        click.echo(UNVERIFIED, err=True)


def _known(fact_id: str) -> list[Fact]:
    try:
        return fact(fact_id)
    except ContractError as error:
        raise click.BadParameter(str(error), param_hint="'ID'") from error


def _print_all(console: Console) -> None:
    table = Table("id", "standing", Column("fact", overflow="fold"), box=None, header_style="bold", pad_edge=False)
    for one in facts():
        table.add_row(one.id, ", ".join(one.standing), escape(_told(one)))
    console.print(table)
    console.print(f"\n{UNVERIFIED} A standing is:", style="bold")
    for word, meaning in standings().items():
        console.print(f"  {word}: {meaning}", markup=False)


def _print_one(console: Console, rows: list[Fact]) -> None:
    asked = question(rows[0].id)
    if asked:
        console.print(f"{rows[0].id}: {asked}", style="bold")
    for one in rows:
        console.print(f"{one.id}  {_told(one)}", style="" if asked else "bold", markup=False)
        for word in one.standing:
            console.print(f"  {word}: {standings()[word]}", markup=False)
        console.print(f"  in openapi.yaml at {one.place}", markup=False)
        part = yaml.safe_dump(without_sources(one.node), sort_keys=False, allow_unicode=True, width=100)
        console.print("".join(f"    {line}\n" for line in part.splitlines()), markup=False)


def _told(one: Fact) -> str:
    if question(one.id) is None:
        return one.text
    answer = one.place.rpartition("/")[2]
    profiles = profiles_taking(one)
    return f"{answer}: {one.text}" + (f" (profile {', '.join(profiles)})" if profiles else "")
