"""What is never billed: whatever is refused, and whatever fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

from mockling.contract.contract import Contract
from mockling.contract.verification.clause import Clause, Finding, broken, holds, unseen
from mockling.contract.verification.evidence import Evidence
from mockling.contract.verification.harmless import harmless
from mockling.contract.verification.probe import Cost, Need, Probe, Request, Sender
from mockling.contract.verification.promises.billing import NOTHING, charged
from mockling.contract.verification.promises.buying import BALANCE
from mockling.contract.verification.promises.making import flawed
from mockling.contract.verification.promises.precedence import UNKNOWN_MODEL
from mockling.contract.verification.promises.promise import Place, answered, balance, promise
from mockling.contract.verification.promises.refusing import Refusing

PLANNED = ("generate", "submit", "status", "result", "poll", "upload")  # operations whose failures are planned


def unbilled_clauses(contract: Contract) -> Iterator[Clause]:
    """Yield the clauses of what is never billed."""
    yield from _refused(contract)
    for operation in PLANNED:
        yield _planned(contract, operation)


def _refused(contract: Contract) -> Iterator[Clause]:
    """Yield the clauses that what is refused, or fails, with a good key is not billed."""
    model, body = contract.model, harmless(contract.model)
    valid = Request(operation="generate", values={"model": model.slug}, json=body, price=model.price(body))
    kinds = {
        "another-content-type": replace(valid, headers={"content-type": "text/plain"}),
        "malformed": replace(valid, json=None, body=b"{", headers={"content-type": "application/json"}),
        "invalid": replace(valid, json=flawed(model) or body),
        "unfetchable": valid,
        "unknown-model": replace(valid, values={"model": UNKNOWN_MODEL}),
    }

    def run(sender: Sender) -> None:
        sender.send(BALANCE, "before")
        for name, request in kinds.items():
            sender.send(request, name)
            sender.send(BALANCE, f"{name}, after")

    probe = Probe("billing.refused", Cost.FREE_IF_TRUE, run, frozenset({Need.GOOD}), 11, len(kinds) * valid.price)
    status = contract.document["x-errors"]["invalid_parameter"]["status"]
    sentence = f"An invalid parameter on v1 is refused with {status}."
    oracle = answered(probe.id, "invalid", [status])
    place: Place = ("x-errors", "invalid_parameter", "status")
    yield promise(contract, "generate.invalid", sentence, place, oracle, facts=["P14", "D4"], probe=probe)
    before = "before"
    for name in kinds:
        sentence = f"A POST that is refused or fails ({name}) is charged nothing."
        place = ("paths", "/v1/{model}", "post", "responses")
        oracle = charged(contract, probe.id, before, f"{name}, after", Decimal(0))
        yield promise(contract, f"{probe.id}.{name}", sentence, place, oracle, facts=["G11"], probe=probe)
        before = f"{name}, after"


def _planned(contract: Contract, operation: str) -> Clause:
    """Return the clause that no failure of an operation is billed, where failures can be planned."""
    path, verb = contract.places[operation]
    answers = contract.operations[operation]["responses"]
    statuses = [status for status in sorted(answers) if int(status) >= 400 and status != "405"]
    some = Refusing(contract).request(operation)
    known = contract.document["components"]["schemas"]["RequestId"]["example"]  # a planned answer tells it again
    asked = replace(some, values={**some.values, "id": known})

    def run(sender: Sender) -> None:
        sender.send(BALANCE, "before")
        for status in statuses:
            sender.send(replace(asked, fault=f"status={status}"), status)
            sender.send(BALANCE, f"{status}, after")

    def oracle(evidence: Evidence) -> Finding:
        looks = {"before": evidence.step(probe.id, "before")}
        looks |= {status: evidence.step(probe.id, f"{status}, after") for status in statuses}
        known = [(name, step, told) for name, step in looks.items() if step and (told := balance(step)) is not None]
        for (_, _, before), (status, step, after) in pairwise(known):
            if abs(before - after) >= NOTHING:
                return broken("nothing charged", f"${before - after:f} charged for a {status}", step)
        return holds(*(step for _, step, _ in known[-1:])) if len(known) > 1 else unseen("The balance was not told.")

    probe = Probe(
        f"{operation}.planned.unbilled", Cost.FREE, run, frozenset({Need.GOOD, Need.FAULTS}), 1 + 2 * len(statuses)
    )
    sentence = f"No answer of {operation} but 200 is charged: {', '.join(statuses)}."
    place: Place = ("paths", path, verb, "responses")
    return promise(contract, probe.id, sentence, place, oracle, facts=["G11"], probe=probe)
