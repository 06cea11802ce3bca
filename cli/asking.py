"""Which model a command asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from mockling.client.checks import check_name
from mockling.contract import ContractError, Model, load


@dataclass(frozen=True, slots=True)
class Asked:
    """A model by its `slug`, and what is known of it (None: nothing)."""

    slug: str
    model: Model | None


def model_asked(_context: click.Context, _parameter: click.Parameter, value: str) -> Asked:
    """Return the model of a slug, or of a file, which must be there."""
    try:
        if value.endswith((".yaml", ".yml")):
            model = list(load(models=[Path(value)]).models.values())[-1]
            return Asked(model.slug, model)
        check_name("slug of a model", value)
        return Asked(value, load().models.get(value))
    except ValueError as error:  # a ContractError is one
        told = " (a file's name ends in .yaml)" if "/" in value and not isinstance(error, ContractError) else ""
        raise click.BadParameter(f"{str(error).rstrip('.')}{told}.") from error
