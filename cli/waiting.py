"""Waiting: a progress bar while something takes its time, and for jobs a way back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from mockling.cli.naming import suggested
from mockling.cli.output import Output
from mockling.client import ApiError, GenerationFailed, Job, NotFound, Video
from mockling.client.http import is_loopback

POLL_INTERVAL = 5.0  # seconds between two polls
LOOPBACK_INTERVAL = 0.5  # of a server on this machine, which has time for us
Result = TypeVar("Result")


def with_progress(what: str | Callable[[], str], expected: float | None, work: Callable[[], Result]) -> Result:
    """Return the result of `work`, showing a bar on standard error that fills in `expected` seconds (None: unknown).

    `what` is the bar's description, or is asked for it again and again.
    The work is done in a thread, so that Ctrl-C is heard at once; it raises what the work raises.
    """
    console = Console(stderr=True)
    describe = what if callable(what) else lambda: what
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=run, daemon=True)
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(describe(), total=expected)
        started = time.monotonic()
        thread.start()
        while thread.is_alive():
            thread.join(0.1)
            # Nobody knows how far the other side is: the bar is the typical time, and waits just before its end.
            spent = time.monotonic() - started
            completed = min(spent, expected * 0.98) if expected else spent
            progress.update(task, description=describe(), completed=completed)
        if results:
            progress.update(task, description=describe(), total=expected or 1, completed=expected or 1)
    if errors:
        raise errors[0]
    return results[0]


def wait_for(job: Job, base_url: str, expected: float | None, timeout: float, poll_interval: float | None) -> Video:
    """Return the video of a job, with a progress bar that tells its states and fills in `expected` seconds.

    `poll_interval` None asks a server on this machine more often than others.
    """
    interval = poll_interval or (LOOPBACK_INTERVAL if is_loopback(base_url) else POLL_INTERVAL)
    states = ["waiting"]
    return with_progress(
        lambda: states[-1], expected, lambda: job.wait(timeout, interval, lambda state: states.append(state.lower()))
    )


@contextmanager
def resumable(job: Job, output: Output, base_url: str) -> Iterator[None]:
    """Tell how to resume a job if Ctrl-C, or an error after which it may go on, ends what is done with it."""
    resume = suggested("wait", job.request_id, *output.arguments, "--base-url", base_url)
    try:
        yield
    except (GenerationFailed, NotFound):
        raise
    except ApiError as error:
        raise click.ClickException(f"{error}. To resume, with the same key: {resume}") from error
    except KeyboardInterrupt:
        click.echo(f"Interrupted. The job goes on as request {job.request_id}, and is billed if it succeeds.", err=True)
        click.echo(f"To resume within the hour (of the server's time), with the same key: {resume}", err=True)
        raise click.exceptions.Exit(130) from None
