"""Waiting: a progress bar while something takes its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

Result = TypeVar("Result")


def with_progress(what: str, expected: float | None, work: Callable[[], Result]) -> Result:
    """Return the result of `work`, showing a bar on standard error that fills in `expected` seconds (None: unknown).

    The work is done in a thread, so that Ctrl-C is heard at once; it raises what the work raises.
    """
    console = Console(stderr=True)
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
        task = progress.add_task(what, total=expected)
        started = time.monotonic()
        thread.start()
        while thread.is_alive():
            thread.join(0.1)
            # Nobody knows how far the other side is: the bar is the typical time, and waits just before its end.
            spent = time.monotonic() - started
            progress.update(task, completed=min(spent, expected * 0.98) if expected else spent)
        if results:
            progress.update(task, total=expected or 1, completed=expected or 1)
    if errors:
        raise errors[0]
    return results[0]
