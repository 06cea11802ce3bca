"""Options that may be given in the environment, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.core import ParameterSource

Command = TypeVar("Command", bound=Callable[..., Any])

PREFIX = "MOCKLING"
SERVICE_LINKS = ("tcp://", "udp://", "sctp://")


class _Option(click.Option):
    """An option whose value may stand in a variable: `MOCKLING_` and the option's name, --port in MOCKLING_PORT.

    Where it does, it is the variable that a complaint about the value names.
    """

    def __init__(self, declarations: list[str], **more: Any) -> None:
        name = declarations[0].removeprefix("--").upper().replace("-", "_")
        super().__init__(declarations, envvar=f"{PREFIX}_{name}", **more)

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return what the variable holds; None: nothing of ours.

        Kubernetes and Docker put the address of a service that is called mockling into MOCKLING_PORT.
        """
        value = super().resolve_envvar_value(ctx)
        return None if value and self.name == "port" and value.startswith(SERVICE_LINKS) else value

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Return what the user calls this option."""
        if ctx and ctx.get_parameter_source(str(self.name)) is ParameterSource.ENVIRONMENT:
            return f"'{self.envvar}'"
        return super().get_error_hint(ctx)


def option(*declarations: str, **more: Any) -> Callable[[Command], Command]:
    """Return what adds such an option to a command."""
    return click.option(*declarations, cls=_Option, **more)


def wrong(context: click.Context, name: str, why: str) -> click.BadParameter:
    """Return the complaint about the value of a parameter of that name."""
    parameter = next(one for one in context.command.params if one.name == name)
    return click.BadParameter(why, context, parameter)
