"""The `mockling` command.

Exit codes: 0 done; 1 it failed, and one line on standard error says why and what to do; 2 the command, the value of an
option or a settings file was not understood; 130 interrupted with Ctrl-C; 143 ended by SIGTERM.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

import click

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class _Commands(click.Group):
    """Commands that are imported when they are called, for each needs other rooms of the house.

    Ctrl-C and SIGTERM end whatever runs with the exit codes that shells expect, and leave no temporary files.
    """

    names = ("demo", "serve", "generate", "wait", "verify", "compare", "selfcheck", "contract")

    def invoke(self, context: click.Context) -> Any:
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            return super().invoke(context)
        except (KeyboardInterrupt, click.Abort) as error:
            asked = isinstance(error, click.Abort)  # then the cursor stands behind the question
            click.echo("\nInterrupted." if asked else "Interrupted.", err=True)
            raise click.exceptions.Exit(130) from None
        finally:
            signal.signal(signal.SIGTERM, before)

    def list_commands(self, _: click.Context) -> list[str]:
        return list(self.names)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in self.names:
            return None
        command: click.Command = import_module(f"mockling.cli.{name}").command
        return command


@click.command("mockling", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mockling", prog_name="mockling")
def main() -> None:
    """Test against Segmind's kling-o3-video2video-reference endpoint without calling it: offline, fast and free.

    Exit codes: 0 done; 1 failed, and one line says why and what to do; 2 the command, the value of an option or a
    settings file was not understood; 130 interrupted with Ctrl-C.
    """


def _of_system(error: Exception) -> str:
    """Return what the operating system says, without its number."""
    if not (isinstance(error, OSError) and error.strerror):
        return ""
    return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."


class NotUnderstood(click.ClickException):
    """What the user gave cannot be understood, and it is no option: a line in a file."""

    exit_code = 2


def told(*kinds: type[Exception]) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Make a command tell errors of these kinds, and of the operating system, in one line instead of a traceback."""

    def decorate(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @wraps(command)
        def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            try:
                return command(*args, **kwargs)
            except BrokenPipeError:
                raise  # the reader of a pipe had enough, which click ends quietly
            except Exception as error:
                if isinstance(error, (*kinds, OSError)):
                    raise click.ClickException(_of_system(error) or str(error)) from error
                raise

        return wrapped

    return decorate
