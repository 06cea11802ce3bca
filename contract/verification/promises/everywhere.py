"""Everywhere: what every answer of a run is judged by."""

from __future__ import annotations

from collections.abc import Iterator

from mockling.contract.contract import Contract
from mockling.contract.verification.clause import Clause, Finding, broken, holds, unseen
from mockling.contract.verification.evidence import Evidence
from mockling.contract.verification.promises.promise import header, media_type, message, promise

# 405 is a page in HTML (G6), and the others are a gateway's own.
WITHOUT_JSON = (405, 502, 503, 504)


def everywhere_clauses(contract: Contract) -> Iterator[Clause]:
    """Yield the clauses that every answer of a run is judged by."""
    told = "No answer is a redirect."
    yield promise(contract, "answers.no-redirect", told, ("paths",), _no_redirect, facts=["G15"])
    told = 'Every error is JSON {"error": "<text>"} that says in words what was wrong; only 405 is not.'
    place = ("components", "schemas", "Error")
    yield promise(contract, "answers.errors-are-json", told, place, _errors_are_json, facts=["G1", "P23"])


def _no_redirect(evidence: Evidence) -> Finding:
    """Judge every answer: none sends its caller elsewhere."""
    for step in evidence:
        if step.status is not None and 300 <= step.status < 400 and step.status != 304:
            return broken("no redirect", f"{step.status} to {header(step, 'location')[:100]}", step)
    return holds() if any(step.status is not None for step in evidence) else unseen()


def _errors_are_json(evidence: Evidence) -> Finding:
    """Judge every error that the platform itself made; a gateway's own are no promise."""
    seen = [
        step
        for step in evidence
        if step.status is not None
        and step.status >= 400
        and step.exchange.method != "HEAD"
        and step.status not in WITHOUT_JSON
    ]
    for step in seen:
        answer = step.exchange.answer
        text = answer.get("error") if isinstance(answer, dict) else None
        if media_type(step) != "application/json" or not (isinstance(text, str) and text.strip()):
            begins = message(step).body[:80].decode(errors="replace")
            return broken('JSON {"error": "<text>"}', f"{step.status} with {begins!r}", step)
    return holds(*seen[:1]) if seen else unseen()
