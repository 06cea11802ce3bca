"""Probes that provoke the answers that are documented, so that there is something of each to judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.verification.clause import Clause, Finding, Oracle, broken, holds, unclear, unseen
from mockling.contract.verification.evidence import PASSING, Evidence
from mockling.contract.verification.harmless import led_nowhere
from mockling.contract.verification.places import facts_at, pointer
from mockling.contract.verification.probe import GENERATIONS, Cost, Need, Probe, Request, Sender, single
from mockling.contract.verification.promises.files import PIXEL
from mockling.contract.verification.promises.making import upload_of

FILES = ("asset", "download")
ANOTHER_VERB = "PUT"  # of no operation
BROWSER = {
    "origin": "https://app.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "x-api-key, content-type",
}
PICTURE = upload_of("image/png", PIXEL)
# What is asked of a file that is there, by the status of the answer; what might change it comes last.
OF_A_FILE: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "200": ("GET", {}),
    "206": ("GET", {"range": "bytes=0-3"}),
    "304": ("GET", {"if-none-match": "*"}),
    "412": ("GET", {"if-match": '"another"'}),
    "416": ("GET", {"range": "bytes=99999999999-"}),
    "405": (ANOTHER_VERB, {}),
}


def provoked_clauses(contract: Contract) -> Iterator[Clause]:
    """Yield, for each status of each operation, that it is answered with when it is asked for."""
    provoking = Provoking(contract)
    for path, item in contract.document["paths"].items():
        for verb, operation in item.items():
            for status in sorted(operation["responses"]):
                yield provoking.clause(operation["operationId"], status, ("paths", path, verb, "responses", status))


def file_requests(operation: str, url: str) -> Iterator[tuple[str, Request]]:
    """Yield a name and a request for each status with which a file that is there is answered.

    `operation` is the one that fetches it, `url` its address.
    """
    for status, (method, headers) in OF_A_FILE.items():
        yield status, Request(operation=operation, path=url, method=method, headers=headers, key=None)


class Provoking:
    """Makes the probes for the answers that a contract documents."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._upload = Probe("asset.fetched", Cost.FREE, _fetched, frozenset({Need.GOOD}), 1 + len(OF_A_FILE))
        body = led_nowhere(contract.model.example)
        self._bodies: dict[str, Any] = {"upload": PICTURE.json, **dict.fromkeys(GENERATIONS, body)}
        known = contract.document["components"]["schemas"]["RequestId"]["example"]
        self._values = {"id": known, "file": f"{known}.mp4"}

    def clause(self, operation: str, status: str, place: tuple[str, ...]) -> Clause:
        """Return the clause that an operation answers with a status when it is asked for."""
        name = f"{operation}.{status}.answered"
        why, probe, step = self._asked(operation, status, name)
        oracle = _answered(probe.id, step, int(status)) if probe else _seen(operation, int(status))
        facts = facts_at(self._contract.document, *place)
        return Clause(name, f"{why} {operation} answers with {status}.", pointer(*place), facts, oracle, probe)

    def _asked(self, operation: str, status: str, name: str) -> tuple[str, Probe | None, str]:
        """Return when a status comes, the probe that asks for it (None: those of others do), and its step."""
        if operation in FILES and status in OF_A_FILE:
            method, headers = OF_A_FILE[status]
            told = "".join(f" with {header} {value}" for header, value in headers.items())
            return f"A {method} of a file{told}:", self._upload if operation == "asset" else None, status
        if operation == "upload" and status == "200":
            return "A picture is sent:", self._upload, "upload"
        if operation == "credits" and status == "200":
            return "A good key is sent:", self._single(operation, name), ""
        if operation == "preflight":
            return "A browser asks:", self._single(operation, name, key=None, headers=BROWSER), ""
        if status == "405":
            another = self._single(operation, name, key=None, method=ANOTHER_VERB, json=None)
            return f"A {ANOTHER_VERB} is sent:", another, ""
        if int(status) < 400:
            return "All is in order:", None, ""
        return "This failure is planned:", self._single(operation, name, fault=f"status={status}"), ""

    def _single(self, operation: str, name: str, **changes: Any) -> Probe:
        asked = {"values": self._values, "json": self._bodies.get(operation), **changes}
        return single(name, Cost.FREE, Request(operation=operation, **asked))


def _fetched(sender: Sender) -> None:
    """Upload a picture, and ask all there is to ask of the file that it is then."""
    uploaded = sender.send(PICTURE, "upload")
    if uploaded.status == 200:
        for name, request in file_requests("asset", uploaded.exchange.answer["file_urls"][0]):
            sender.send(request, name)


def _answered(probe: str, name: str, status: int) -> Oracle:
    """Return the oracle of a step that must be answered with a status."""

    def oracle(evidence: Evidence) -> Finding:
        step = evidence.step(probe, name)
        if step is None:
            return unseen()
        if step.status == status:
            return holds(step)
        if step.status is None or step.status in PASSING:
            return unclear(step.told, step)
        return broken(str(status), step.told, step)

    return oracle


def _seen(operation: str, status: int) -> Oracle:
    """Return the oracle of a status that the probes of others bring."""

    def oracle(evidence: Evidence) -> Finding:
        seen = evidence.answers(operation, status)
        return holds(seen[0]) if seen else unseen()

    return oracle
