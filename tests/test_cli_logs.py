"""The log of calls: lines for people, and for programs."""

import json
import logging
import time
from typing import Any

import pytest
from calling import GOOD_KEY, Local

from mockling.cli import logs

MOMENT = 1_000_000_000.25  # seconds since 1970


@pytest.fixture
def formatters(monkeypatch: pytest.MonkeyPatch) -> dict[str, logging.Formatter]:
    """What writes the lines of each form."""
    for name in ("logThreads", "logProcesses", "logMultiprocessing"):
        monkeypatch.setattr(logging, name, True)
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(logging, "basicConfig", lambda **given: told.append(given))
    for form in logs.FORMS:
        logs.log(form)
    assert [given["level"] for given in told] == [logging.INFO, logging.INFO, logging.CRITICAL]
    return {form: given["handlers"][0].formatter for form, given in zip(logs.FORMS, told, strict=True)}


def record(level: int, message: str, *args: object) -> logging.LogRecord:
    made = logging.LogRecord("mockling", level, "", 0, message, args, None)
    made.created = MOMENT
    return made


def test_each_line_has_the_moment_of_what_it_tells(formatters: dict[str, logging.Formatter]) -> None:
    """Not that at which it is written: the time of day for people, with the date and the zone for programs."""
    shown = time.strftime("%H:%M:%S", time.localtime(MOMENT))
    assert formatters["text"].format(record(logging.INFO, "a %s", "b")) == f"{shown} a b"
    assert json.loads(formatters["json"].format(record(logging.WARNING, "a %s", "b"))) == {
        "time": "2001-09-09T01:46:40.250Z",
        "level": "warning",
        "message": "a b",
    }


def test_a_call_is_a_row(formatters: dict[str, logging.Formatter]) -> None:
    """A record about an exchange is the exchange itself, without what was sent and answered."""
    local = Local(speed="instant")
    local.get("/v1/get-user-credits?a=b", GOOD_KEY)
    told = json.loads(formatters["json"].format(record(logging.INFO, "%s", local.journal[0])))
    assert (told["path"], told["status"], told["number"]) == ("/v1/get-user-credits?a=b", 200, 1)
    assert not {"request", "response", "level"} & told.keys()
    assert "GET /v1/get-user-credits?a=b 200" in formatters["text"].format(record(logging.INFO, "%s", local.journal[0]))
