"""The same request twice, and what is left of a request as time goes by."""

from __future__ import annotations

from collections.abc import Iterator

from mockling.contract.contract import Contract
from mockling.contract.verification.clause import Clause, Finding, Severity, broken, holds, unclear, unseen
from mockling.contract.verification.evidence import Evidence
from mockling.contract.verification.promises.buying import ASKING, Buying
from mockling.contract.verification.promises.promise import Place, answered, field, message, promise


def expiring_clauses(contract: Contract, buying: Buying) -> Iterator[Clause]:
    """Yield the clauses of what `submit.again` brings."""
    probe, lifetimes = buying.again, contract.document["x-lifetimes"]
    sentence = "The same request submitted twice becomes two requests with ids of their own."
    place: Place = ("paths", "/v2/{model}", "post")
    yield promise(
        contract, probe.id, sentence, place, lambda evidence: _two(evidence, probe.id), facts=["G12"], probe=probe
    )
    record, file = ("x-lifetimes", "record_seconds"), ("x-lifetimes", "file_seconds")
    sentence = "What two requests deliver are two files."
    place = ("components", "schemas", "Generation", "properties", "output")
    yield promise(
        contract,
        f"{probe.id}.files",
        sentence,
        place,
        lambda evidence: _two_files(evidence, probe.id),
        facts=["G12", "G21"],
        severity=Severity.NOTICE,
    )
    sentence = f"A minute before it is {lifetimes['record_seconds']} seconds old, a request's record is there."
    yield promise(contract, "expiry.not-before", sentence, record, answered(probe.id, "late", [200]), facts=["A8"])
    for name in ASKING:
        sentence = (
            f"GET {contract.path(name, id='<id>')} is 404 from {lifetimes['record_seconds']} seconds after submission."
        )
        oracle = answered(probe.id, f"{name}, expired", [404])
        yield promise(contract, f"expiry.{name}", sentence, record, oracle, facts=["A8"])
    sentence = "A generated file outlives its request's record."
    oracle = answered(probe.id, "file, late", [200])
    yield promise(contract, "expiry.file.outlives", sentence, file, oracle, facts=["A8", "G21"])
    sentence = f"A generated file is deleted after {lifetimes['file_seconds']} seconds."
    oracle = answered(probe.id, "file, expired", [404])
    yield promise(contract, "expiry.file", sentence, file, oracle, facts=["G21"])


def _two(evidence: Evidence, probe: str) -> Finding:
    steps = [evidence.step(probe, name) for name in ("first", "second")]
    seen = [step for step in steps if step is not None]
    if len(seen) < 2 or any(step.status is None for step in seen):
        return unseen()
    if any(step.status != 200 for step in seen):
        return unclear(" and ".join(step.told for step in seen), *seen)
    first, second = (field(step, "request_id") for step in seen)
    return holds(*seen) if first != second else broken("two ids", f"{first} twice", *seen)


def _two_files(evidence: Evidence, probe: str) -> Finding:
    steps = [evidence.step(probe, f"file of the {name}") for name in ("first", "second")]
    seen = [step for step in steps if step is not None and step.status == 200]
    if len(seen) < 2:
        return unseen("No two files were fetched.")
    digests = [message(step).sha256 for step in seen]
    return holds(*seen) if digests[0] != digests[1] else broken("two files", "the same bytes twice", *seen)
