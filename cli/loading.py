"""The contract as the options of a command choose it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mockling.contract import Contract, ContractError, load

Command = Callable[..., Any]


def profile_option(command: Command) -> Command:
    """Give a command the option `--profile`."""
    told = "How disputed facts are answered."
    return click.option("--profile", default="documented", show_default=True, help=told)(command)


def models_option(command: Command) -> Command:
    """Give a command the option `--model`, for the files of further models, as `models`."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    told = "YAML file of another model; repeatable."
    return click.option("--model", "models", multiple=True, type=file, help=told)(command)


def loaded(profile: str, models: tuple[Path, ...]) -> Contract:
    """Return the contract of a profile, with further models. Raises `BadParameter`, naming the option at fault."""
    try:
        load(profile)
    except ContractError as error:
        raise click.BadParameter(str(error), param_hint="'--profile'") from error
    try:
        return load(profile, models=models)
    except ContractError as error:
        raise click.BadParameter(str(error), param_hint="'--model'") from error
