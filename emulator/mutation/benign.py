"""Benign changes: what a platform may do tomorrow without breaking anybody, so that no clause may call it a break."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from mockling.contract import Contract, Document
from mockling.contract.states import QUEUED
from mockling.emulator.mutation.changing import Answer, Changing
from mockling.emulator.mutation.mutant import Kind, Mutant
from mockling.emulator.platform.jobs import Job

SLOW = 0.003  # real seconds by which every answer comes later
REWORDED = "Sorry, this did not work out. Please have a look at our documentation."


def benign_mutants(contract: Contract) -> Iterator[Mutant]:
    """Yield the benign changes."""
    for name, sentence, edit in (
        ("key-order", "The fields of every JSON come in another order.", _reversed),
        ("indented", "Every JSON is indented.", _indented),
        ("header", "Every answer has headers more.", _with_headers),
        ("field", "Every object of every JSON has a field more.", _with_fields),
        ("reworded", "Every error has another text.", _reworded),
        ("charset", "Every JSON names its charset.", _with_charset),
        ("header-case", "Header names are written in capitals.", _capitals),
        ("slower", "Every answer comes a little later.", lambda _: time.sleep(SLOW)),
        (
            "no-optional-headers",
            "No answer but a preflight has headers that it need not have.",
            _without_headers(contract),
        ),
        ("no-optional-fields", "No answer has fields that it need not have.", _without_fields(contract)),
        ("no-server", "No answer names a server or a cache.", lambda answer: answer.headers.pop("server", None)),
    ):
        yield _benign(name, sentence, lambda changing, edit=edit: changing.answers(edit))  # type: ignore[misc]
    yield _benign(
        "fast",
        "A job is not queued before it is processed.",
        _states(lambda state, steps: "PROCESSING" if state == QUEUED and steps else state),
    )
    yield _benign("at-once", "A job has ended when it is first asked for.", _at_once)
    yield _benign("latency", "A generation takes half as long again.", _latency)


def _benign(name: str, sentence: str, change: Callable[[Changing], object]) -> Mutant:
    return Mutant(id=f"benign.{name}", kind=Kind.BENIGN, sentence=sentence, place="#", change=change)


def _reversed(answer: Answer) -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: turned(part) for name, part in reversed(value.items())}
        return [turned(part) for part in value] if isinstance(value, list) else value

    _edit(answer, turned)


def _with_fields(answer: Answer) -> None:
    def grown(value: Any) -> Any:
        if isinstance(value, dict):
            return {**{name: grown(part) for name, part in value.items()}, "added_tomorrow": {"is": ["new"]}}
        return [grown(part) for part in value] if isinstance(value, list) else value

    _edit(answer, grown)


def _reworded(answer: Answer) -> None:
    _edit(answer, lambda body: {**body, "error": REWORDED} if isinstance(body, dict) and "error" in body else body)


def _edit(answer: Answer, edit: Callable[[Any], Any]) -> None:
    body = answer.json
    if body is not None:
        answer.json = edit(body)


def _indented(answer: Answer) -> None:
    body = answer.json
    if body is not None:
        answer.body = json.dumps(body, indent=4).encode() + b"\n"


def _with_headers(answer: Answer) -> None:
    answer.headers.extend({"cf-ray": "8f0000000000", "x-added-tomorrow": "1", "vary": "accept-encoding"})


def _with_charset(answer: Answer) -> None:
    if answer.headers.get("content-type") == "application/json":
        answer.headers["content-type"] = "application/json; charset=utf-8"


def _capitals(answer: Answer) -> None:
    pairs = [(name.title(), value) for name, value in answer.headers]
    answer.headers.clear()
    answer.headers.extend(pairs)


def _documented(contract: Contract, answer: Answer) -> Document:
    responses = contract.operations.get(answer.operation, {}).get("responses", {})
    found: Document = responses.get(str(answer.status), {})
    return found


def _without_headers(contract: Contract) -> Callable[[Answer], object]:
    def edit(answer: Answer) -> None:
        for name, header in _documented(contract, answer).get("headers", {}).items():
            if not header.get("required") and answer.operation != "preflight" and name.startswith("access-control"):
                answer.headers.pop(name, None)

    return edit


def _without_fields(contract: Contract) -> Callable[[Answer], object]:
    def pruned(schema: Document, value: Any) -> Any:
        if not isinstance(value, dict) or "properties" not in schema:
            return value
        needed, parts = schema.get("required", ()), schema["properties"]
        return {
            name: pruned(parts.get(name, {}), part)
            for name, part in value.items()
            if name in needed or name not in parts or not needed
        }

    def edit(answer: Answer) -> None:
        schema = _documented(contract, answer).get("content", {}).get("application/json", {}).get("schema", {})
        _edit(answer, lambda body: pruned(schema, body))

    return edit


def _states(told: Callable[[str, int], str]) -> Callable[[Changing], object]:
    def state(ask: Callable[..., str], job: Job, now: float, steps: int) -> str:
        return told(ask(job, now, steps), steps)

    return lambda changing: changing.wrap(Job, "state", state)


def _at_once(changing: Changing) -> None:
    def state(_: Callable[..., str], job: Job, _now: float, _steps: int) -> str:
        return job.last_state

    changing.wrap(Job, "state", state)


def _latency(changing: Changing) -> None:
    for model in changing.contract.models.values():
        changing.wrap(model, "latency", lambda ask, parameters: 1.5 * float(ask(parameters)))
