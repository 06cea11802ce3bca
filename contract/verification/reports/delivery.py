"""Delivery: a run to the terminal and to files, of which none is written if a key stands in any."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from mockling.contract.verification.reports.document import as_json
from mockling.contract.verification.reports.har import as_har
from mockling.contract.verification.reports.html import as_html
from mockling.contract.verification.reports.junit import as_junit
from mockling.contract.verification.reports.markdown import as_markdown
from mockling.contract.verification.reports.terminal import rendered
from mockling.contract.verification.run import Run
from mockling.contract.verification.secrets import search, write

FORMATS: dict[str, Callable[[Run], str]] = {
    "json": as_json,
    "junit": as_junit,
    "markdown": as_markdown,
    "html": as_html,
    "har": as_har,
}


def deliver(run: Run, console: Console | None, files: Mapping[str, Path], keys: Iterable[str]) -> None:
    """Print a run on a console (None: nowhere), and write it to the file of each of the `FORMATS` that is named.

    Raises `SecretFound`, before anything is printed or written, if one of the keys stands in any of it, and `OSError`
    if it cannot be printed or a file cannot be written: the other files are.
    """
    shown = rendered(console, run) if console else ""
    artefacts = {path: FORMATS[name](run) for name, path in files.items()}
    search({"the report": Text.from_ansi(shown).plain, **{str(path): text for path, text in artefacts.items()}}, keys)
    try:
        if console:
            console.file.write(shown)
            console.file.flush()
    finally:
        write(artefacts)
