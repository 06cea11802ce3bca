"""Clauses of answers: each breaks alone where its own promise is broken."""

import json
from dataclasses import replace
from typing import Any

import pytest
from answered import (
    PROFILES,
    answers,
    broken,
    changed,
    clause_of,
    fields,
    findings,
    message,
    put,
    recorded,
    with_header,
    with_json,
)

from mockling.contract import load
from mockling.contract.facts import fact
from mockling.contract.verification.answers import answer_clauses
from mockling.contract.verification.clause import Severity, Verdict


@pytest.mark.parametrize("profile", PROFILES)
def test_each_clause_says_where_it_stands_and_what_it_rests_on(profile: str) -> None:
    """Its place is one of the settled document, its facts are known, its sentence ends, and no other has its id."""
    contract, clauses, _ = recorded(profile)
    assert len({clause.id for clause in clauses}) == len(clauses)
    for clause in clauses:
        node: Any = contract.document
        for step in clause.place.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            node = node[int(name)] if isinstance(node, list) else node[name]
        assert clause.facts
        assert all(fact(name) for name in clause.facts)
        assert clause.sentence.endswith(".")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("change", ["dropped", "renamed", "nulled", "retyped"])
def test_a_changed_field_breaks_its_own_clause_alone(change: str, profile: str) -> None:
    """Of every field of every answer; one that need not be there may be missing."""
    contract = recorded(profile)[0]
    tried = 0
    for step in answers(profile):
        for path in fields(step.exchange.answer):
            if isinstance(path[-1], int) and change in ("dropped", "renamed"):
                continue
            value = put(step.exchange.answer, path, change)
            operation, status = str(step.exchange.operation), step.status or 0
            violations = contract.response_violations(
                operation, status, dict(message(step).headers), json.dumps(value).encode()
            )
            found = broken([with_json(step, value)], profile)
            assert found == ([clause_of(step, path)] if violations else []), path
            assert violations or change in ("dropped", "renamed")
            tried += 1
    assert tried > 100


@pytest.mark.parametrize("profile", PROFILES)
def test_a_changed_header_breaks_its_own_clause_alone(profile: str) -> None:
    """One that must be there may be neither missing nor of another form; one that need not is worth a notice."""
    contract = recorded(profile)[0]
    for step in answers(profile):
        name = f"{step.exchange.operation}.{step.status}.headers"
        response = contract.operations[str(step.exchange.operation)]["responses"][str(step.status)]
        for header, told in response.get("headers", {}).items():
            required = told.get("required", False)
            assert broken([with_header(step, header)], profile) == ([f"{name}.{header}"] if required else [])
            if told["schema"] == {"type": "string"}:
                continue
            found = findings([with_header(step, header, "{another}")], profile)
            assert {key: one.verdict for key, one in found.items()} == {
                f"{name}.{header}": Verdict.BROKEN if required else Verdict.NOTICE
            }
        for header in response.get("x-absent-headers", ()):
            assert broken([with_header(step, header, "60")], profile) == [f"{name}.{header}"]


def test_json_in_a_header_is_looked_at_field_by_field() -> None:
    """A field of it that is missing or null breaks its own clause alone."""
    (step,) = [step for step in answers() if (step.exchange.operation, step.status) == ("generate", 200)]
    value = json.loads(message(step).header("x-output-metadata"))
    assert value
    for name in value:
        for change in ("dropped", "nulled"):
            told = with_header(step, "x-output-metadata", json.dumps(put(value, (name,), change)))
            assert broken([told]) == [f"generate.200.headers.x-output-metadata.{name}"]


@pytest.mark.parametrize("profile", PROFILES)
def test_another_content_type_breaks_one_clause(profile: str) -> None:
    """Of each answer that has a body; a charset is JSON's alone to have."""
    for step in answers(profile):
        name, kind = f"{step.exchange.operation}.{step.status}", message(step).header("content-type")
        free = step.exchange.operation == "asset" and step.status in (200, 206)
        if not kind or free:
            continue
        for other in ("text/plain", "application/json" if "html" in kind or "mp4" in kind else "text/html"):
            assert broken([with_header(step, "content-type", other)], profile) == [f"{name}.media"]
        assert broken([with_header(step, "content-type")], profile) == [f"{name}.media"]
        charset = broken([with_header(step, "content-type", f"{kind}; charset=utf-8")], profile)
        assert charset == ([f"{name}.media"] if kind == "video/mp4" else [])


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("body", [b"", b"null", b"<html>", b'{"credits": NaN}', b"[]"])
def test_a_body_of_another_kind_breaks_one_clause(body: bytes, profile: str) -> None:
    """A body that is no JSON, or none that is an object, is told once, and so is a video that is none."""
    for step in answers(profile):
        name, kind = f"{step.exchange.operation}.{step.status}", message(step).header("content-type")
        judges = kind.startswith("application/json") or (kind == "video/mp4" and step.status == 200)
        assert broken([changed(step, body=body)], profile) == ([f"{name}.body"] if judges else [])


@pytest.mark.parametrize("profile", PROFILES)
def test_an_undocumented_status_breaks_one_clause(profile: str) -> None:
    """Of each operation; that a gateway is busy is no break, even where nobody documents it."""
    for step in answers(profile):
        odd = replace(step, exchange=replace(step.exchange, status=418))
        found = findings([odd], profile)
        assert [(name, one.root) for name, one in found.items()] == [
            (f"{step.exchange.operation}.status", "undocumented status 418")
        ]
        busy = with_json(replace(step, exchange=replace(step.exchange, status=504)), {"error": "busy"})
        assert broken([with_header(busy, "content-type", "application/json")], profile) == []


def test_notices_are_few() -> None:
    """Only undocumented fields and headers that need not be there are worth no more than a notice."""
    notices = [clause.id for clause in answer_clauses(load()) if clause.severity is Severity.NOTICE]
    assert all(name.endswith(".undocumented") or ".headers." in name for name in notices)
    assert not [name for name in notices if ".x-" in name and "content-type-options" not in name]
