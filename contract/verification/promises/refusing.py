"""Refusing: requests that must be refused, and the clauses that they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.verification.clause import Clause, Finding, Severity, broken
from mockling.contract.verification.evidence import Step
from mockling.contract.verification.harmless import harmless
from mockling.contract.verification.places import facts_at
from mockling.contract.verification.probe import GENERATIONS, Cost, Need, Request, single
from mockling.contract.verification.promises.promise import Check, Place, answered, observed, promise

NOBODYS_ID = "00000000-0000-0000-0000-000000000000"


class Refusing:
    """Makes requests of a contract's first model that must be refused, and the clauses of their refusals.

    `body` is a valid request whose inputs cannot be fetched and `price` what it would cost in US dollars; `paths` are
    path and verb of each operation, `guarded` are those that ask for a key, `errors` is the contract's `x-errors`.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.model = contract.model
        self.errors: dict[str, Any] = contract.document["x-errors"]
        self.body = harmless(contract.model)
        self.price = contract.model.price(self.body)
        self.paths = {name: place for name, place in contract.places.items() if place[1] != "options"}
        self.guarded = [name for name in self.paths if contract.operations[name].get("security") != []]

    def request(self, name: str, **changes: Any) -> Request:
        """Return a request of an operation with what it needs, and with changes."""
        fields: dict[str, Any] = {"values": {"id": NOBODYS_ID, "file": "mockling-no-such-file"}}
        if name in GENERATIONS:
            fields = {"values": {"model": self.model.slug}, "json": self.body}
        elif name == "upload":
            fields = {"json": {"data_urls": ["data:text/plain;base64,TW9ja2xpbmc="]}}
        return Request(operation=name, **{**fields, **changes})

    def at(self, path: str) -> Request:
        """Return a request of an address that is of no operation."""
        return Request(operation=None, path=path)

    def path(self, name: str) -> str:
        """Return the path of an operation, as it is told."""
        return self.contract.path(name, id="<id>", file="<file>")

    def place(self, name: str) -> Place:
        """Return where an operation stands in the document."""
        path, verb = self.paths[name]
        return ("paths", path, verb)

    def refused(
        self,
        name: str,
        how: str,
        case: str,
        request: Request,
        *facts: str,
        cost: Cost = Cost.FREE,
        need: Need | None = None,
    ) -> Clause:
        """Return the clause that a request is answered with an error of the contract."""
        if cost is not Cost.FREE:
            request = replace(request, price=self.price)
        status = self.errors[case]["status"]
        probe = single(name, cost, request, *([need] if need else []))
        verb = request.method or (self.paths[request.operation][1].upper() if request.operation else "GET")
        what = f"{verb} {self.path(request.operation)} {how}" if request.operation else f"GET {how}"
        rests = facts or facts_at(self.contract.document, "x-errors", case)
        rests = (*rests, *(fact for fact in ("P15",) if status == 401))
        return promise(
            self.contract,
            name,
            f"{what} is answered with {status}.",
            ("x-errors", case, "status"),
            answered(name, "", [status]),
            facts=rests,
            probe=probe,
        )

    def text(self, probe: str, case: str, *words: str) -> Clause:
        """Return the clause that a refusal is told as it was read; other words are only worth a notice."""
        sentence = f"The refusal {probe} says {' and '.join(map(repr, words))}."
        oracle = observed(probe, "", _says(words), self.errors[case]["status"])
        place = ("x-errors", case, "error")
        return promise(self.contract, f"{probe}.text", sentence, place, oracle, severity=Severity.NOTICE)


def _says(words: tuple[str, ...]) -> Check:
    def check(step: Step) -> Finding | None:
        text = (step.exchange.error or "").lower()
        if all(word.lower() in text for word in words):
            return None
        return broken(f"a text with {' and '.join(map(repr, words))}", repr(step.exchange.error), step)

    return check
