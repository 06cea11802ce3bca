"""The options of a command that verifies a target, and what they ask for."""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import click

from mockling.cli.connecting import seconds
from mockling.client import Unauthorized
from mockling.client.checks import checked_address, checked_key
from mockling.contract import Contract, ContractError
from mockling.contract.verification.asked import EMULATOR, Asked, AskedError, keys_of
from mockling.contract.verification.probe import KEYS, Need
from mockling.contract.verification.target import LIVE

Command = TypeVar("Command", bound=Callable[..., Any])
KINDS = {need.name.lower(): need for need in Need if need in KEYS}
FILE = click.Path(dir_okay=False, path_type=Path)
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


def named(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return a target: its name, or its address."""
    if value in (None, EMULATOR, LIVE):
        return value
    try:
        return checked_address("it", value)
    except ValueError as error:
        raise click.BadParameter(f"{error} Other targets are emulator, live and page.") from error


def _address(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    try:
        return value if value is None else checked_address("it", value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _keys(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[Need, str]:
    """Return the keys that were given as KIND=KEY."""
    found: dict[Need, str] = {}
    for value in values:
        kind, _, key = value.partition("=")
        if kind not in KINDS:
            raise click.BadParameter(f"it must be KIND=KEY, the kind one of {', '.join(KINDS)}.")
        found[KINDS[kind]] = _checked(key)
    return found


def _key(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    return value if value is None else _checked(value)


def _checked(key: str) -> str:
    try:
        return checked_key(key)
    except Unauthorized as error:
        raise click.BadParameter("a key is visible ASCII, and not empty.") from error


def _answers(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if not all(dispute and equals and answer for dispute, equals, answer in pairs):
        raise click.BadParameter("it must be a dispute and its answer, such as D1=video.")
    return {dispute: answer for dispute, _, answer in pairs}


def _amount(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Decimal | None:
    try:
        amount = None if value is None else Decimal(value)
    except ArithmeticError:
        amount = Decimal("nan")
    if amount is not None and not (amount.is_finite() and 0 <= amount < 10**6):
        raise click.BadParameter(f"it must be US dollars, such as 2.00, got {str(value)[:40]!r}.")
    return amount


def contract_options(command: Command) -> Command:
    """Add the options that say which contract is meant."""
    for option in (
        click.option(
            "--model", "models", multiple=True, type=EXISTING, help="YAML file of a further model; repeatable."
        ),
        click.option(
            "--answer",
            "answers",
            metavar="D1=video",
            multiple=True,
            callback=_answers,
            help="Another answer to a dispute; repeatable.",
        ),
        click.option("--profile", default="documented", show_default=True, help="How disputed facts are answered."),
    ):
        command = option(command)
    return command


def spending_options(command: Command) -> Command:
    """Add the options that say what may be spent, and how fast."""
    for option in (
        click.option(
            "--ledger", type=FILE, help="File that keeps what was spent.  [default: one in your state folder]"
        ),
        click.option(
            "--requests-per-minute",
            type=click.IntRange(1, 100_000),
            help="The account's limit, for pacing.  [default: the smallest plan's]",
        ),
        click.option(
            "--timeout",
            type=float,
            callback=seconds,
            default=900.0,
            show_default=True,
            help="Seconds to wait for an answer.",
        ),
        click.option("--paid", is_flag=True, help="Buy generations with the budget."),
        click.option(
            "--budget",
            metavar="USD",
            callback=_amount,
            help="What may be spent; without it nothing is sent that could be billed.",
        ),
        click.option(
            "--key",
            "more",
            metavar="KIND=KEY",
            multiple=True,
            callback=_keys,
            help=f"A key of another kind: {', '.join(KINDS)}; by default that in SEGMIND_POOR_KEY and so on.",
        ),
        click.option("--api-key", callback=_key, help="The API key; by default that in SEGMIND_API_KEY."),
        click.option(
            "--storage-url", callback=_address, help="Where uploads go.  [default: the live storage, or the target]"
        ),
    ):
        command = option(command)
    return command


def report_options(command: Command) -> Command:
    """Add the options that name the files to write."""
    for name, what in (
        ("har", "the evidence, every exchange, as HAR 1.2"),
        ("html", "a page for people"),
        ("markdown", "Markdown for a pull request"),
        ("junit", "JUnit XML"),
        ("json", "everything, for programs and for `mockling compare`"),
    ):
        command = click.option(f"--{name}", type=FILE, help=f"Write {what}.")(command)
    return command


def asked_of(target: str, options: dict[str, Any]) -> Asked:
    """Return what is asked for."""
    given = {**options.pop("more"), **({Need.GOOD: key} if (key := options.pop("api_key")) else {})}
    try:
        return Asked(target=target, keys=keys_of(os.environ, given), **options)
    except AskedError as error:
        raise click.UsageError(str(error)) from error


def contract_of(asked: Asked) -> Contract:
    """Return the contract that the target is to keep."""
    try:
        return asked.contract()
    except ContractError as error:
        raise click.UsageError(str(error)) from error
