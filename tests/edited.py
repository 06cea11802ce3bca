"""Exchanges of a recorded run, edited as if another target had answered."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from fnmatch import fnmatch
from functools import cache
from hashlib import sha256
from typing import Any

from answered import changed, message, with_header
from reported import CONTRACT, emulator_ran, run_with
from verified import ran

from mockling.contract.verification.clause import Clause
from mockling.contract.verification.evidence import Evidence, Step
from mockling.contract.verification.promises import promise_clauses
from mockling.contract.verification.run import Run
from mockling.contract.verification.running import Gathered, Plan

Edit = Callable[[Step], Step]


def edited_run(*edits: Edit) -> Run:
    """Return the run of all clauses against the emulator, with edits of what it answered."""
    return run_with(edited(emulator_ran()[2], *edits))


@cache
def promises() -> tuple[Clause, ...]:
    """Return the clauses that are written by hand."""
    return tuple(promise_clauses(CONTRACT))


@cache
def recorded_promises() -> tuple[Plan, Gathered]:
    """Return what an emulator that keeps its promises answered to the probes of all of them."""
    return ran(CONTRACT, promises())


def edited(gathered: Gathered, *edits: Edit) -> Gathered:
    """Return what a run brought, once edits were made to each of its steps, one after the other."""
    steps: Iterable[Step] = gathered.evidence
    for edit in edits:
        steps = [edit(step) for step in steps]
    return replace(gathered, evidence=Evidence(steps))


def of(operation: str | None, status: int, edit: Edit, name: str = "*") -> Edit:
    """Return an edit of the responses of an operation (None: of all) with a status (0: with any), in steps so named."""

    def chosen(step: Step) -> Step:
        mine = operation in (None, step.exchange.operation) and status in (0, step.status)
        return edit(step) if mine and step.exchange.response and fnmatch(f"{step.probe} {step.name}", name) else step

    return chosen


def as_status(status: int | None) -> Edit:
    return lambda step: replace(step, exchange=replace(step.exchange, status=status))


def header(name: str, *values: str) -> Edit:
    return lambda step: with_header(step, name, *values)


def rewritten(step: Step, content: bytes) -> Step:
    """Return a step whose response has another body, and tells its length if it did."""
    found = changed(step, body=content, sha256=None)
    return with_header(found, "content-length", str(len(content))) if message(step).header("content-length") else found


def body(content: bytes) -> Edit:
    """Return the edit to another body, which is no video."""
    return lambda step: replace(rewritten(step, content), video=None)


def file(content: bytes) -> Edit:
    """Return the edit to another file, of which the digest tells."""
    return lambda step: changed(step, sha256=sha256(content).hexdigest())


def fields(change: Callable[[Any], Any]) -> Edit:
    """Return the edit of a JSON body by a function that edits it, or returns another."""

    def edit(step: Step) -> Step:
        told = message(step).json
        return rewritten(step, json.dumps(change(told) or told).encode()) if isinstance(told, dict) else step

    return edit


def words(step: Step) -> Step:
    """Return the step with another error message."""
    if not isinstance(told := message(step).json, dict) or "error" not in told:
        return step
    text = "Computer says no."
    found = fields(lambda told: {**told, "error": text})(step)
    return replace(found, exchange=replace(found.exchange, error=text))


def film(**changes: Any) -> Edit:
    """Return the edit of what a delivered video is like."""

    def edit(step: Step) -> Step:
        return step if step.video is None else replace(step, video={**step.video, **changes})

    return edit
