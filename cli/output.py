"""Where a video goes: a file, which is replaced only on demand, or standard output."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import click

from mockling.client import ApiError, Video
from mockling.client.video import writable

Command = TypeVar("Command", bound=Callable[..., Any])


class Output:
    """Where a video goes: a file, or standard output (`path` is None).

    `replace` says whether a file that exists may be replaced.
    """

    def __init__(self, path: Path | None, replace: bool = False) -> None:
        self.path = path
        self.replace = replace

    def __str__(self) -> str:
        return str(self.path) if self.path else "standard output"

    @property
    def arguments(self) -> list[str]:
        """The options that name this output."""
        if self.path is None:
            return ["-o", "-"]
        name = str(self.path)
        return ["-o", f"./{name}" if name == "-" else name, *(["--force"] if self.replace else [])]

    def tell(self, line: str) -> None:
        """Print a line about the video: on standard output, unless that is where the video goes."""
        click.echo(line, err=self.path is None)

    def check(self, force: bool) -> None:
        """Make sure, before anything is sent, that a video can be written, and may be; on a terminal the user is asked.

        Raises `ClickException` otherwise.
        """
        try:
            writable(self.path or Path(tempfile.gettempdir(), "video.mp4"))
        except OSError as error:
            raise click.ClickException(f"{error.strerror}. Nothing was sent.") from error
        self.replace = self.replace or force
        if self.path and self.path.exists() and not self.replace:
            self.replace = _asked_on_terminal(f"{self.path} exists already. Replace it?")
            if not self.replace:
                raise click.ClickException(
                    f"{self.path} exists already; choose another name, or --force to replace it. Nothing was sent."
                )

    @contextmanager
    def written(self, video: Video, where: str) -> Iterator[Path]:
        """Write a video, and give a file from which it can be read until the end.

        If it cannot be written, say why, and `where` it still is.
        """
        try:
            if self.path is None:
                with tempfile.TemporaryDirectory(prefix="mockling-") as folder:
                    file = video.save(Path(folder, "video.mp4"))
                    _print(file)
                    yield file
                return
            _save(video, self.path, self.replace)
        except BrokenPipeError:
            raise  # the reader had enough
        except (OSError, ApiError) as error:
            raise click.ClickException(
                f"The video was generated (request {video.request_id}) but not saved as {self}: {_why(error)}. {where}"
            ) from error
        yield self.path


def _asked_on_terminal(question: str) -> bool:
    """Return the answer to a question; no if there is nobody to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty() and click.confirm(question, err=True)


def _print(file: Path) -> None:
    with file.open("rb") as content:
        shutil.copyfileobj(content, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _save(video: Video, path: Path, replace: bool) -> None:
    """Save a video; where that must not be, because something appeared there, save it beside and say so."""
    try:
        video.save(path, replace=replace)
    except (FileExistsError, IsADirectoryError) as error:
        raise click.ClickException(
            f"{path} appeared meanwhile and was not replaced; the video is in {_beside(path, video)}."
        ) from error


def _beside(taken: Path, video: Video) -> Path:
    """Save a video under the first free name like the one that is taken, and return that."""
    for number in count(1):
        with_number = taken.with_name(f"{taken.stem}-{number}{taken.suffix}")
        try:
            return video.save(with_number, replace=False)
        except (FileExistsError, IsADirectoryError):
            pass
    raise AssertionError


def _why(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error).rstrip(".")


def _output(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Output | None:
    if value == "":
        raise click.BadParameter("it must be a file, or - for standard output, got nothing.")
    if value == "-" and sys.stdout.isatty():
        raise click.BadParameter("a terminal shows no video; name a file, or send standard output to a file or pipe.")
    return value if value is None else Output(None if value == "-" else Path(value))


def output_options(default: str | None = None) -> Callable[[Command], Command]:
    """Add the options --output, an `Output`, and --force; `default` is what the help names, None: it is required."""
    file = click.Path(dir_okay=False, readable=False, allow_dash=True)
    about = "File to write, or - for standard output." + (f"  [default: {default}]" if default else "")

    def add(command: Command) -> Command:
        force = click.option("--force", is_flag=True, help="Replace the file if it exists.")
        output = click.option("-o", "--output", type=file, callback=_output, required=not default, help=about)
        return output(force(command))

    return add
