"""A model's parameters as options of a command."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isfinite
from typing import Any, TypeVar

import click

from mockling.client.client import SLUG

LONGEST_SHOWN = 60  # characters
MODEL = SLUG  # the one that the options are made for
Command = TypeVar("Command", bound=Callable[..., Any])


def _json(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Any:
    try:
        return None if value is None else _read_json(value)
    except ValueError as error:
        raise click.BadParameter(f"it must be JSON, got {shortened(value)} ({error}).") from error


def shortened(value: str | None) -> str:
    """Return what was given as it is shown to the user: quoted, and not endless."""
    text = value or ""
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}...")


def _read_json(text: str) -> Any:
    """Return what JSON holds. Raises `ValueError` if it is none; NaN and numbers without end are none."""

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is no value of it")

    def number(text: str) -> float:
        return float(text) if isfinite(float(text)) else refuse(text)

    try:
        return json.loads(text, parse_constant=refuse, parse_float=number)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def named(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """Return parameters that are written NAME=VALUE; a value that is JSON is what it says, any other is text."""
    found: dict[str, Any] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"it must be NAME=VALUE, got {shortened(value)}.")
        if name in found:
            raise click.BadParameter(f"{name} is given twice.")
        try:
            found[name] = _read_json(text)
        except ValueError:
            found[name] = text
    return found


def joined(given: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return parameters given by options, and `more` by --parameter. Raises `BadParameter` if both name one."""
    for name in more:
        if name in given:
            raise click.BadParameter(
                f"{name} is given by an option or argument too.", param_hint="'--parameter' / '-p'"
            )
    return {**given, **more}


def parameter_options(command: Command) -> Command:
    """Add an option for each optional parameter; the server judges the values, and its defaults hold."""
    for option in (
        click.option("--shot-type", help="Camera shot type."),
        click.option(
            "--image-url", "image_urls", multiple=True, help="Reference image, @Image1 and so on; repeatable."
        ),
        click.option("--elements", callback=_json, help='Elements as JSON, such as [{"frontal_image_url": "..."}].'),
        click.option("--keep-audio/--no-audio", default=None, help="Keep the input's sound, or not."),
        click.option("--aspect-ratio", help="16:9, 9:16 or 1:1."),
        click.option("--duration", help="Seconds of output, 3 to 15."),
        click.option("--mode", help="std (faster, cheaper) or pro (better)."),
    ):
        command = option(command)
    return command


def chosen(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that were given on the command line."""
    return {
        name: list(value) if name == "image_urls" else value
        for name, value in parameters.items()
        if value not in (None, ())
    }
