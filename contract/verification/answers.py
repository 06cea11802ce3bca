"""Clauses of answers, generated from the document: statuses, media types, headers, and every field of every body."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mockling.contract.contract import Contract
from mockling.contract.document import Document
from mockling.contract.verification import looks
from mockling.contract.verification.clause import Clause, Finding, Oracle, Severity, broken, holds, unseen
from mockling.contract.verification.evidence import PASSING, Evidence, Step
from mockling.contract.verification.looks import JSON, VIDEO, Look
from mockling.contract.verification.places import facts_at, pointer
from mockling.contract.verification.schemas import Flaw, Spot, spots

SHOWN = 3  # exchanges that a finding names


def answer_clauses(contract: Contract) -> Iterator[Clause]:
    """Yield what each answer of each operation promises. They judge what the probes of other clauses bring."""
    for path, item in contract.document["paths"].items():
        for verb, operation in item.items():
            place, name = ("paths", path, verb, "responses"), operation["operationId"]
            responses = dict(sorted(operation["responses"].items()))
            yield _documented(contract, name, tuple(responses), place)
            for status, response in responses.items():
                yield from Answer(contract, name, status, response, (*place, status)).clauses()


class Answer:
    """The answer of an operation with one status, as the document has it at a place."""

    def __init__(
        self, contract: Contract, operation: str, status: str, response: Document, place: tuple[str | int, ...]
    ) -> None:
        self._contract = contract
        self._operation = operation
        self._status = int(status)
        self._response = response
        self._place = place
        self._told = f"In a {status} of {operation}"

    def clauses(self) -> Iterator[Clause]:
        """Yield a clause for each thing that it promises."""
        content = self._response.get("content", {})
        if content and "*/*" not in content:
            sentence = f"{self._told}, the content type is {' or '.join(content)}."
            yield self._clause("media", sentence, ("content",), looks.content_type(tuple(content)))
        for name in self._response.get("headers", {}):
            yield from self._header(name)
        for name in self._response.get("x-absent-headers", ()):
            sentence = f"{self._told}, there is no header {name}."
            yield self._clause(f"headers.{name}", sentence, ("x-absent-headers",), looks.no_header(name))
        if VIDEO in content and self._status == 200:  # a 206 is any part of one
            sentence = f"{self._told}, the body is an MP4, which begins with its ftyp box."
            yield self._clause("body", sentence, ("content", VIDEO), looks.begins_as_mp4)
        if "schema" in content.get(JSON, {}):
            yield from self._body(content[JSON]["schema"])

    def _header(self, name: str) -> Iterator[Clause]:
        header: Document = self._response["headers"][name]
        inner = ("contentSchema",) if "contentSchema" in header["schema"] else ()
        schema: Document = header["schema"]["contentSchema"] if inner else header["schema"]
        # Nobody can rely upon what need not be there, so that another value is worth no more than a notice.
        required = bool(header.get("required"))
        severity = Severity.BREAK if required else Severity.NOTICE
        for spot in spots(schema, "headers", name, "schema", *inner):
            own = replace(spot, name=f"{spot.name and f'{spot.name} of '}the header {name}")
            if spot.label:
                look = looks.json_header(name, own)
            else:
                own = replace(own, required=required)
                look = looks.header(name, own, is_text=schema.get("type", "string") == "string")
            label = ".".join(filter(None, ("headers", name, spot.label)))
            yield self._clause(label, self._sentence(own), spot.place, look, severity)

    def _body(self, schema: Document) -> Iterator[Clause]:
        steps = ("content", JSON, "schema")
        for spot in spots(schema, *steps):
            label = ".".join(filter(None, ("body", spot.label)))
            yield self._clause(label, self._sentence(spot), spot.place, looks.json_body(spot))
        sentence = f"{self._told}, the body has no field that is not documented."
        yield self._clause("undocumented", sentence, steps, looks.no_other_fields(schema), Severity.NOTICE)

    def _sentence(self, spot: Spot) -> str:
        kept = "left out" if spot.absent else spot.wanted
        unless = "" if spot.required or spot.absent else ", if it is there"
        return f"{self._told}, {spot.called} is {kept}{unless}."

    def _clause(
        self, name: str, sentence: str, steps: tuple[str | int, ...], look: Look, severity: Severity = Severity.BREAK
    ) -> Clause:
        place = (*self._place, *steps)
        return Clause(
            f"{self._operation}.{self._status}.{name}",
            sentence,
            pointer(*place),
            self._facts(*steps),
            _observing(self._operation, self._status, look),
            severity=severity,
        )

    def _facts(self, *steps: str | int) -> tuple[str, ...]:
        """Return the facts of a place; that a header is there rests on those of the answer, too."""
        own = facts_at(self._contract.document, *self._place, *steps)
        is_header = steps[0] == "headers" and "properties" not in steps
        return tuple(dict.fromkeys((*facts_at(self._contract.document, *self._place), *own))) if is_header else own


def _documented(contract: Contract, operation: str, statuses: tuple[str, ...], place: tuple[str, ...]) -> Clause:
    """Return the clause that an operation answers with no other status than those that are documented."""

    def oracle(evidence: Evidence) -> Finding:
        seen = [step for step in evidence if step.exchange.operation == operation and step.status is not None]
        odd = [step for step in seen if str(step.status) not in statuses and step.status not in PASSING]
        if odd:
            expected = f"one of {', '.join(statuses)}"
            return broken(expected, odd[0].told, *odd[:SHOWN], cause=f"undocumented status {odd[0].status}")
        return holds(*seen[:SHOWN]) if seen else unseen()

    sentence = f"{operation} answers with no other status than {', '.join(statuses)}."
    return Clause(f"{operation}.status", sentence, pointer(*place), facts_at(contract.document, *place), oracle)


def _observing(operation: str, status: int, look: Look) -> Oracle:
    """Return the oracle that looks at every answer of an operation with a status."""

    def oracle(evidence: Evidence) -> Finding:
        fine: list[Step] = []
        flawed: list[tuple[Flaw, Step]] = []
        for step in evidence.answers(operation, status):
            if step.exchange.response is None or step.exchange.method == "HEAD":  # which promises no body
                continue
            found = list(look(step.exchange.response))
            flaws = [flaw for flaw in found if flaw]
            if flaws:
                flawed.append((flaws[0], step))
            elif found:
                fine.append(step)
        if flawed:
            flaw = flawed[0][0]
            return broken(flaw.expected, flaw.actual, *[step for _, step in flawed[:SHOWN]], cause=flaw.cause)
        return holds(*fine[:SHOWN]) if fine else unseen()

    return oracle
