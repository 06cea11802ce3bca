"""The options of a command that calls a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from mockling.client import LIVE, Unauthorized
from mockling.client.checks import check_name, check_seconds, checked_address, checked_key

Command = TypeVar("Command", bound=Callable[..., Any])


def _address(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        return checked_address("it", value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _key(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return a key; one that is missing is told later, for it is no wrong value."""
    try:
        return checked_key(value) if value and value.strip() else value
    except Unauthorized as error:
        raise click.BadParameter("the key has characters that no key has; it is visible ASCII only.") from error


def seconds(_context: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    """Return a number of seconds that can be waited for."""
    try:
        if value is not None:
            check_seconds("it", value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return value


def name(what: str) -> Callable[[click.Context, click.Parameter, str], str]:
    """Return a callback for a parameter that is one step of an address: `what` it is."""

    def check(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
        try:
            check_name(what, value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
        return value

    return check


def connection_options(server: str, key: str) -> Callable[[Command], Command]:
    """Add the options that a `Client` is made of, with these words about the server and the key."""

    def add(command: Command) -> Command:
        for option in (
            click.option(
                "--timeout", type=float, callback=seconds, default=900.0, show_default=True, help="Seconds to wait."
            ),
            click.option("--api-key", callback=_key, help=f"{key}; by default that in SEGMIND_API_KEY."),
            click.option("--base-url", callback=_address, default=LIVE, show_default=True, help=server),
        ):
            command = option(command)
        return command

    return add
