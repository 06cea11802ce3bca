"""`mockling contract`: what is known of the platform, and how well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from mockling.cli import told
from mockling.cli.loading import loaded, models_option, profile_option
from mockling.contract import Contract, ContractError, Fact, fact, facts
from mockling.contract.facts import places, profiles_taking, question, sources, standings
from mockling.contract.openapi import without_sources

if TYPE_CHECKING:
    from mockling.contract.verification.verified import LivePass

UNVERIFIED = "No fact has been verified against the live API."
MOST_LINES = 40  # of a part of the document that are shown
MOST_CLAUSES = 40  # of a fact that are shown


@click.command("contract")
@click.argument("fact_id", metavar="[ID]", required=False)
@click.option("--openapi", is_flag=True, help="Print the whole contract as one OpenAPI document, in JSON.")
@profile_option
@models_option
@told()
def command(fact_id: str | None, openapi: bool, profile: str, models: tuple[Path, ...]) -> None:
    """Print every fact of the contract with its source, or all about the one of that ID (such as P7)."""
    console = Console(soft_wrap=bool(fact_id), highlight=False)
    contract = loaded(profile, models)
    if openapi and fact_id:
        raise click.UsageError("--openapi prints the whole document; leave the ID out.")
    if openapi:
        click.echo(json.dumps(contract.openapi, indent=2))
    elif fact_id:
        _print_one(console, _known(fact_id), contract)
    elif console.is_terminal:
        _print_all(console, contract)
    else:
        checked = _matrix(contract)
        for one in facts():  # for other programs: a line each
            row = (one.id, ", ".join(one.standing), _told(one), _list(checked[one.id]))
            click.echo("\t".join(row))
        click.echo(_verified(), err=True)


def _known(fact_id: str) -> list[Fact]:
    try:
        return fact(fact_id)
    except ContractError as error:
        raise click.BadParameter(str(error), param_hint="'ID'") from error


def _matrix(contract: Contract) -> dict[str, list[str] | str]:
    from mockling.contract.verification.matrix import matrix  # the clauses of all facts take a while to make

    return matrix(contract)


def _list(checked: list[str] | str) -> str:
    """Return the clauses of a fact as other programs read them; none: the reason, in brackets."""
    return f"({checked})" if isinstance(checked, str) else " ".join(checked)


def _print_all(console: Console, contract: Contract) -> None:
    checked = _matrix(contract)
    told = Column("fact", overflow="fold")
    table = Table("id", "standing", told, "checked by", box=None, header_style="bold", pad_edge=False)
    for one in facts():
        ids = checked[one.id]
        count = "nothing" if isinstance(ids, str) else f"{len(ids)} clause{'s' if len(ids) > 1 else ''}"
        table.add_row(one.id, ", ".join(one.standing), escape(_told(one)), count)
    console.print(table)
    console.print(f"\n{_verified()} A standing is:", style="bold")
    for word, meaning in standings().items():
        console.print(f"  {word}: {meaning}", markup=False)


def _print_one(console: Console, rows: list[Fact], contract: Contract) -> None:
    asked = question(rows[0].id)
    if asked:
        console.print(f"{rows[0].id}: {asked}", style="bold")
    for one in rows:
        console.print(f"{one.id}  {_told(one)}", style="" if asked else "bold", markup=False)
        for word in one.standing:
            console.print(f"  {word}: {standings()[word]}", markup=False)
        for source in sources(one):
            address = f", {source.address}" if source.address else ""
            console.print(f"  read on {source.read_on}: {source.title}{address}", markup=False)
    if asked:
        console.print(f"  now: {contract.answers[rows[0].id]}", markup=False)
    for place, part in places(rows[0].id, contract.settled):
        console.print(f"  now, at {place}", markup=False)
        console.print(_shown(part), markup=False)
    checked = _matrix(contract)[rows[0].id]
    if isinstance(checked, str):
        console.print(f"  checked by no clause: {checked}", markup=False)
        return
    console.print(f"  checked by {len(checked)} clause{'s' if len(checked) > 1 else ''} of mockling verify:")
    passes = _live_passes()
    for clause in checked[:MOST_CLAUSES]:
        held = f", held live on {passes[clause].at:%Y-%m-%d}" if clause in passes else ""
        console.print(f"    {clause}{held}", markup=False)
    if len(checked) > MOST_CLAUSES:
        console.print("    ...")


def _shown(part: object) -> str:
    text = yaml.safe_dump(without_sources(part), sort_keys=False, allow_unicode=True, width=100)
    lines = [f"    {line}" for line in text.splitlines()]
    return "\n".join([*lines[:MOST_LINES], *(["    ..."] if len(lines) > MOST_LINES else []), ""])


def _live_passes() -> dict[str, LivePass]:
    """Return when clauses last held live."""
    from mockling.contract.verification.verified import VerifiedError, live_passes  # with all that verifies

    try:
        return live_passes()
    except VerifiedError as error:
        raise click.ClickException(str(error)) from error


def _verified() -> str:
    """Say what is known to hold live."""
    passes = _live_passes().values()
    if not passes:
        return UNVERIFIED
    last = max(one.at for one in passes)
    return f"{len(passes)} clauses held against the live API, the last of them on {last:%Y-%m-%d}."


def _told(one: Fact) -> str:
    if one.answer is None:
        return one.text
    profiles = profiles_taking(one)
    return f"{one.answer}: {one.text}" + (f" (profile {', '.join(profiles)})" if profiles else "")
