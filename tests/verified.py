"""What the tests of verification share: an emulator judged by clauses, and breaking it."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from flask import Response

from mockling.contract import Contract
from mockling.contract.verification.clause import Clause, Verdict
from mockling.contract.verification.guard import Unguarded
from mockling.contract.verification.probe import Cost
from mockling.contract.verification.running import Gathered, Plan, Result, gather, judged, planned
from mockling.emulator.http.recording import Draft
from mockling.emulator.http.striking import Striking
from mockling.emulator.testing.emulated import emulated

Change = Callable[[Response, Draft], Response | None]


def ran(contract: Contract, clauses: Iterable[Clause], /, **settings: Any) -> tuple[Plan, Gathered]:
    """Return what an emulator with these settings brings to the clauses of a contract."""
    with emulated(contract, **settings) as target:
        plan = planned(clauses, target, set(Cost))
        return plan, gather(plan, contract, target, Unguarded())


def results(contract: Contract, clauses: Iterable[Clause], /, **settings: Any) -> list[Result]:
    """Return what is found if an emulator with these settings is judged by the clauses of a contract."""
    return judged(*ran(contract, clauses, **settings))


def alarms(found: Iterable[Result]) -> dict[str, Verdict]:
    """Return the verdicts of the clauses that do not hold, by id; those that are skipped left out."""
    return {one.clause.id: one.verdict for one in found if one.verdict not in (Verdict.HOLDS, Verdict.SKIPPED)}


def spoiled(monkeypatch: pytest.MonkeyPatch, change: Change, operation: str | None = None, status: int = 0) -> None:
    """Have the emulator change its answers of an operation (None: of all) with a status (0: with any)."""
    sent = Striking.ended

    def ended(self: Striking, draft: Draft, response: Response) -> Response:
        if operation in (None, draft.operation) and status in (0, response.status_code):
            response = change(response, draft) or response
        return sent(self, draft, response)

    monkeypatch.setattr(Striking, "ended", ended)


def as_status(status: int) -> Change:
    """Return the change of an answer's status."""

    def change(response: Response, _: Draft) -> None:
        response.status_code = status

    return change


def with_header(name: str, value: str | None) -> Change:
    """Return the change of a header; None takes it away."""

    def change(response: Response, _: Draft) -> None:
        response.headers.remove(name)
        if value is not None:
            response.headers[name] = value

    return change


def with_json(edit: Callable[[Any], Any]) -> Change:
    """Return the change of an answer's JSON, if it is of that, by a function that edits it, or returns another."""

    def change(response: Response, draft: Draft) -> None:
        if response.is_json:
            body = response.get_json()
            with_body(json.dumps(edit(body) or body).encode())(response, draft)

    return change


def with_body(body: bytes) -> Change:
    """Return the change of an answer's bytes."""

    def change(response: Response, _: Draft) -> None:
        response.close()
        response.direct_passthrough = False
        response.set_data(body)
        response.headers["content-length"] = str(len(body))

    return change
