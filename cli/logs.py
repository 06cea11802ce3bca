"""The log of calls: lines for people, or for programs."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from mockling.cli.lines import Lines
from mockling.emulator import Exchange
from mockling.emulator.platform.exchange import money

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
            return json.dumps(_told(given))
        return _note(record.levelname, super().format(record), record.created)


def _told(exchange: Exchange) -> dict[str, Any]:
    return {
        "time": _utc(exchange.at),
        "moment": round(exchange.moment, 6),
        "method": exchange.method,
        "path": exchange.path,
        "operation": exchange.operation,
        "status": exchange.status,
        "seconds": exchange.seconds,
        "cost": money(exchange.cost),
        "request_id": exchange.request_id,
        "model": exchange.model,
        "key": exchange.key,
        "error": exchange.error,
        "warnings": exchange.warnings,
    }


def _note_of_dropped(count: int) -> str:
    return _note("WARNING", f"{count:,} lines were dropped here, for nobody read them.", time.time())


def _note(level: str, message: str, moment: float) -> str:
    return json.dumps({"time": _utc(moment), "level": level.lower(), "message": message})


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
