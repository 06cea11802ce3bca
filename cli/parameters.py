"""The endpoint's parameters as options of a command."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def _json(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Any:
    try:
        return None if value is None else json.loads(value)
    except ValueError as error:
        raise click.BadParameter(f"this is no JSON: {error}") from error


def speed(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | str | None:
    """Read the option --speed: a number, or "instant"."""
    try:
        return value if value in (None, "instant") else float(value)
    except ValueError as error:
        raise click.BadParameter('it must be a number, such as 100 or 1, or "instant".') from error


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
