"""The log of calls: lines for people, or for programs."""

from __future__ import annotations

import json
import logging
import time
from functools import lru_cache

from mockling.cli.lines import Lines
from mockling.emulator import Exchange
from mockling.emulator.control.rows import row, utc

FORMS = ("text", "json", "off")


def log(form: str) -> Lines:
    """Log to standard error in one of the `FORMS`; what the lines do not show is not collected, for it takes time."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = Lines(2, _note_of_dropped) if form == "json" else Lines(2)
    handler.setFormatter(_Json() if form == "json" else _Text("%(asctime)s %(message)s"))
    logging.basicConfig(level=logging.CRITICAL if form == "off" else logging.INFO, handlers=[handler])
    return handler


class _Text(logging.Formatter):
    """Lines with the time of day, which is written out once a second."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging's
        """Return when a record was made."""
        return _time_of_day(int(record.created))


@lru_cache(maxsize=1)
def _time_of_day(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))


class _Json(logging.Formatter):
    """Lines that are JSON objects: an exchange without its bodies, or a note with a level and a message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line."""
        given = record.args[0] if isinstance(record.args, tuple) and record.args else None
        if isinstance(given, Exchange):
            return json.dumps(row(given))
        return _note(record.levelname, super().format(record), record.created)


def _note_of_dropped(count: int) -> str:
    return _note("WARNING", f"{count:,} lines were dropped here, for nobody read them.", time.time())


def _note(level: str, message: str, moment: float) -> str:
    return json.dumps({"time": utc(moment), "level": level.lower(), "message": message})
