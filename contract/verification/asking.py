"""Asking a model whether it takes a request: the probe that buys nothing, and what its answer says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.document import ContractError
from mockling.contract.model import Model
from mockling.contract.verification.clause import Clause, Finding, Oracle, Severity, broken, holds, unclear, unseen
from mockling.contract.verification.evidence import PASSING, Evidence, Step
from mockling.contract.verification.harmless import fails
from mockling.contract.verification.places import facts_at, pointer
from mockling.contract.verification.probe import Cost, Need, Probe, Request, single

NOT_LET_IN = (401, 403, 404, 410)  # of the key or the model, whatever the body is
JSON = {"content-type": "application/json"}
_OF_MONEY = "credit"  # the word by which a low balance is told from another refusal of its status (G8)


@dataclass(frozen=True, slots=True)
class Sent:
    """A body as it is sent: its `content` and the `headers` that say what it is."""

    content: bytes
    headers: Mapping[str, str]


def as_json(body: Any) -> Sent:
    """Return a value as the JSON body of a request."""
    return Sent(json.dumps(body).encode(), JSON)


class Asking:
    """Makes the clauses of one model that ask whether a request is taken. What is sent twice is one probe.

    `slug` is the model's; `refusal`, `low` and `failed` are the statuses of v1 for an invalid parameter, a balance that
    is too low, and an input that cannot be fetched.
    """

    def __init__(self, contract: Contract, model: Model) -> None:
        self.slug = model.slug
        self.document = contract.document
        errors = contract.document["x-errors"]
        self.refusal, self.low, self.failed = (
            int(errors[name]["status"]) for name in ("invalid_parameter", "low_balance", "unreadable_input")
        )
        self._model = model
        self._dearest = max((model.price(request) for request in model.combinations()), default=Decimal(0))
        self._probes: dict[tuple[bytes, str, str], Probe] = {}

    def taken(self, name: str, sentence: str, place: tuple[str | int, ...], body: Any, sent: Sent | None = None,
              facts: Iterable[str] = ()) -> Clause:
        """Return the clause that a request is taken.

        It is sent with a good key if its inputs cannot be fetched, so that the generation fails; else with a key that
        has no credits, so that it is refused for that alone.
        """
        key = Need.GOOD if fails(self._model, body) else Need.POOR
        probe = self.probe(name, sent or as_json(body), key, self._price(body))
        return self.clause(name, sentence, place, self.judge_taken(probe), probe, facts)

    def refused(self, name: str, sentence: str, place: tuple[str | int, ...], body: Any, sent: Sent | None = None,
                status: int | None = None, facts: Iterable[str] = ()) -> Clause:
        """Return the clause that a request is refused, with the status of an invalid parameter if no other is given."""
        wanted, probe = status or self.refusal, self.probe(name, sent or as_json(body), Need.GOOD, self._price(body))
        return self.clause(name, sentence, place, self.judge_refused(probe, name, wanted), probe, facts)

    def judge_taken(self, probe: Probe) -> Oracle:
        """Return the oracle that says whether the unnamed step of a probe was taken."""
        return lambda evidence: self._is_taken(evidence.step(probe.id))

    def judge_refused(self, probe: Probe, name: str, wanted: int) -> Oracle:
        """Return the oracle that says whether the unnamed step of a probe was refused with the status wanted."""
        subject = f"{self.slug} {name.partition('.refuses.')[0]}"
        return lambda evidence: self._is_refused(evidence.step(probe.id), wanted, subject)

    def probe(self, name: str, sent: Sent, key: Need, price: Decimal) -> Probe:
        """Return the probe that sends a body to v1, with a kind of key."""
        request = Request(operation="generate", values={"model": self.slug}, key=key, headers=sent.headers,
                          body=sent.content, price=price)
        what = sent.content, sent.headers["content-type"], key.name
        return self._probes.setdefault(what, single(f"{self.slug}.{name}", Cost.FREE_IF_TRUE, request))

    def clause(self, name: str, sentence: str, place: tuple[str | int, ...], oracle: Oracle, probe: Probe | None,
               facts: Iterable[str] = (), severity: Severity = Severity.BREAK) -> Clause:
        """Return a clause of the model; the facts are those of its place in the document, and `facts`."""
        found = dict.fromkeys((*facts_at(self.document, *place), *facts))
        return Clause(f"{self.slug}.{name}", sentence, pointer(*place), tuple(found), oracle, probe, severity)

    def is_low(self, step: Step) -> bool:
        """Say whether an answer is that the balance is too low, not that a parameter is invalid."""
        return step.status == self.low and (self.low != self.refusal or _OF_MONEY in (step.exchange.error or "").lower())

    def _is_taken(self, step: Step | None) -> Finding:
        if step is None:
            return unseen()
        if step.status in (self.failed, 200) or self.is_low(step):
            return holds(step)
        if step.status == self.refusal and self.refusal != self.low:
            return broken("taken", step.told, step)
        if step.status == self.refusal and step.exchange.key == Need.GOOD.variable:
            return broken("taken", step.told, step)
        return unclear(step.told, step)

    def _is_refused(self, step: Step | None, wanted: int, subject: str) -> Finding:
        if step is None:
            return unseen()
        if step.status is None or step.status in (*PASSING, *NOT_LET_IN):
            return unclear(step.told, step)
        if step.status == wanted and not (wanted == self.refusal and self.refusal == self.low and self.is_low(step)):
            if step.exchange.error:
                return holds(step)
            return broken("an error that says why", "none", step, cause="a refusal has no error text")
        is_taken = step.status in (self.failed, 200) or self.is_low(step)
        cause = f"{subject} takes what it must refuse" if is_taken else f"refused with {step.status}, not {wanted}"
        return broken(str(wanted), step.told, step, cause=cause)

    def _price(self, body: Any) -> Decimal:
        """Return what a request would be billed if it were taken: if that is not known, the model's highest price."""
        try:
            return self._model.price(body) if isinstance(body, Mapping) else self._dearest
        except (ContractError, TypeError):  # a value that no parameter has, perhaps a list where a text should be
            return self._dearest
