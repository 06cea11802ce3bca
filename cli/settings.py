"""The emulator's settings as options of a command, judged one by one so that a wrong one can be named."""

from __future__ import annotations

import re
from typing import Any

import click

from mockling.emulator import Fault, FaultError
from mockling.emulator.settings import FASTEST, INSTANT, MANUAL, OFF, SLOWEST, Settings, SettingsError

_BETWEEN_SEMICOLONS = re.compile(r"""(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^;])+""", re.DOTALL)


def setting(_context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Return the value of an option, which is the setting of that name. Raises `BadParameter` if it cannot be."""
    if value is not None:
        try:
            Settings(**{str(parameter.name): value})
        except SettingsError as error:
            raise click.BadParameter(str(error)) from error
    return value


def speed(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | str | None:
    """Return the speed: a number, or "instant"."""
    if value in (None, INSTANT):
        return value
    try:
        number = float(value)
        Settings(speed=number)
    except ValueError as error:  # a SettingsError is one
        raise click.BadParameter(
            f'it must be a number from {SLOWEST} to {FASTEST:,}, such as 100 or 1, or "instant", got {value!r}.'
        ) from error
    return number


def any_speed(context: click.Context, parameter: click.Parameter, value: str | None) -> float | str | None:
    """Return the speed, which may also be "manual"."""
    return value if value == MANUAL else speed(context, parameter, value)


class FaultText(click.ParamType):  # type: ignore[type-arg] # older clicks have none
    """A fault as a text, which becomes a table; several stand in a variable with semicolons between them."""

    name = "fault"

    def split_envvar_value(self, rv: str) -> list[str]:
        """Return the faults in a variable; a semicolon in quotes, or behind a backslash, is a fault's own."""
        return [text for text in _BETWEEN_SEMICOLONS.findall(rv) if text.strip()]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """Return the fault as a table."""
        try:
            return Fault.read(value).table()
        except FaultError as error:
            self.fail(str(error), param, ctx)


def limit(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | str | None:
    """Return the requests per minute: a whole number, or "off"."""
    if value in (None, OFF):
        return value
    try:
        number = int(value)
        Settings(requests_per_minute=number)
    except ValueError as error:
        raise click.BadParameter(f'it must be a whole number above 0, or "off", got {value!r}.') from error
    return number
