"""Asking a model whether it takes a request: the probe that buys nothing, and what its answer says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from http import HTTPStatus
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.document import ContractError
from mockling.contract.model import Model
from mockling.contract.verification.clause import Clause, Finding, Oracle, Severity, broken, holds, unclear, unseen
from mockling.contract.verification.evidence import PASSING, Evidence, Step
from mockling.contract.verification.harmless import disarmed, fails
from mockling.contract.verification.places import facts_at, pointer
from mockling.contract.verification.probe import Cost, Need, Probe, Request, single

NOT_LET_IN = (401, 402, 403, 404, 410)  # of the key, its account or the model, whatever the body is
JSON = {"content-type": "application/json"}
_OF_MONEY = "credit"  # the word by which a low balance is told from other refusals of its status (G7, G8)
_CLIENTS_FAULT = range(HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR)


@dataclass(frozen=True, slots=True)
class Sent:
    """A body as it is sent: its `content` and the `headers` that say what it is."""

    content: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """What a clause asks: its `name` below the model's slug, its `sentence` and `place`, and the request's `body`.

    `sent` is the body as it is sent (None: as JSON), `facts` what it rests on (None: what stands at its place).
    """

    name: str
    sentence: str
    place: tuple[str | int, ...]
    body: Any
    sent: Sent | None = None
    facts: Iterable[str] | None = None


def as_json(body: Any) -> Sent:
    """Return a value as the JSON body of a request."""
    return Sent(json.dumps(body).encode(), JSON)


class Asking:
    """Makes the clauses of one model that ask whether a request is taken. What is sent twice is one probe.

    `refusal`, `low` and `failed` are the statuses of v1 for an invalid parameter, a balance that is too low, and an
    input that cannot be fetched.
    """

    def __init__(self, contract: Contract, model: Model) -> None:
        self.model = model
        self.document = contract.document
        names = ("invalid_parameter", "low_balance", "unreadable_input")
        self.refusal, self.low, self.failed = map(self.status, names)
        self._probes: dict[tuple[bytes, str, str], Probe] = {}
        self._refused: set[str] = set()  # the probes of what must be refused

    def status(self, case: str) -> int:
        """Return the status of an error of the contract."""
        return int(self.document["x-errors"][case]["status"])

    @cached_property
    def combinations(self) -> list[dict[str, Any]]:
        """The valid requests with each value of the parameters that price, latency and output follow from."""
        return [request for request in self.model.combinations() if not self.model.violations(request)]

    @cached_property
    def base(self) -> dict[str, Any]:
        """The request that others differ from: the cheapest, the one that leaves least out, its inputs nowhere."""
        price = self.model.price
        cheapest = min(self.combinations, key=lambda one: (price(one), -len(one)), default=self.model.example)
        return disarmed(self.model, cheapest)

    def taken(self, asked: Question) -> Clause:
        """Return the clause that a request is taken.

        It is sent with a good key if its inputs cannot be fetched, so that the generation fails; else with a key that
        has no credits, so that it is refused for that alone.
        """
        probe = self.probe(asked, Need.GOOD if fails(self.model, asked.body) else Need.POOR)
        return self.clause(asked, self.judge_taken(probe), probe)

    def refused(self, asked: Question, status: int | None = None) -> Clause:
        """Return the clause that a request is refused, with the status of an invalid parameter if no other is given."""
        probe = self.probe(asked, Need.GOOD)
        self._refused.add(probe.id)
        return self.clause(asked, self.judge_refused(probe, asked.name, status or self.refusal), probe)

    def probe(self, asked: Question, key: Need) -> Probe:
        """Return the probe that sends a question's request to v1, with a kind of key."""
        sent = asked.sent or as_json(asked.body)
        request = Request(
            operation="generate",
            values={"model": self.model.slug},
            key=key,
            headers=sent.headers,
            body=sent.content,
            price=self._price(asked.body),
        )
        what = sent.content, sent.headers["content-type"], key.name
        return self._probes.setdefault(what, single(f"{self.model.slug}.{asked.name}", Cost.FREE_IF_TRUE, request))

    def clause(
        self, asked: Question, oracle: Oracle, probe: Probe | None, severity: Severity = Severity.BREAK
    ) -> Clause:
        """Return the clause of a question."""
        facts = facts_at(self.document, *asked.place) if asked.facts is None else asked.facts
        name, place = f"{self.model.slug}.{asked.name}", pointer(*asked.place)
        return Clause(name, asked.sentence, place, tuple(dict.fromkeys(facts)), oracle, probe, severity)

    def judge_taken(self, probe: Probe) -> Oracle:
        """Return the oracle that says whether the unnamed step of a probe was taken."""
        return lambda evidence: self._is_taken(evidence.step(probe.id), evidence)

    def judge_refused(self, probe: Probe, name: str, wanted: int) -> Oracle:
        """Return the oracle that says whether the unnamed step of a probe was refused with the status wanted."""
        subject = f"{self.model.slug} {name.partition('.refuses.')[0]}"
        return lambda evidence: self._is_refused(evidence.step(probe.id), wanted, subject)

    def is_low(self, step: Step) -> bool:
        """Say whether an answer is that the balance is too low."""
        return step.status == self.low and _OF_MONEY in (step.exchange.error or "").lower()

    def _is_taken(self, step: Step | None, evidence: Evidence) -> Finding:
        if step is None:
            return unseen()
        if step.status == self.failed and not self._tells_apart(evidence):
            return unclear(f"{step.told}, as is what must be refused", step)
        is_poor = step.exchange.key == Need.POOR.variable
        if step.status in (self.failed, HTTPStatus.OK) or (is_poor and self.is_low(step)):
            return holds(step)
        if step.status not in _CLIENTS_FAULT or step.status in (*PASSING, *NOT_LET_IN) or self.is_low(step):
            return unclear(step.told, step)
        if is_poor and step.status == self.low:  # perhaps the balance, in words that are not known
            return unclear(step.told, step)
        return broken("taken", step.told, step)

    def _tells_apart(self, evidence: Evidence) -> bool:
        """Say whether not all that must be refused failed: then a failure is no word on what was asked."""
        statuses = {step.status for probe in self._refused if (step := evidence.step(probe))}
        return statuses - {None, *PASSING} != {self.failed}

    def _is_refused(self, step: Step | None, wanted: int, subject: str) -> Finding:
        if step is None:
            return unseen()
        if step.status is None or step.status in (*PASSING, *NOT_LET_IN) or self.is_low(step):
            return unclear(step.told, step)
        if step.status == wanted and step.exchange.error:
            return holds(step)
        if step.status == wanted:
            return broken("an error that says why", "none", step, cause="a refusal has no error text")
        is_taken = step.status in (self.failed, HTTPStatus.OK)
        cause = f"{subject} takes what it must refuse" if is_taken else f"refused with {step.status}, not {wanted}"
        return broken(str(wanted), step.told, step, cause=cause)

    def _price(self, body: Any) -> Decimal:
        """Return what a request would be billed at most if it were taken.

        Of one with a value that no parameter has, that is the highest price with the values that it has beside it; of
        what holds no parameters at all the model's highest.
        """
        try:
            return self.model.price(body)
        except (ContractError, TypeError, AttributeError):
            alike = [one for one in self.combinations if isinstance(body, dict) and self._alike(one, body)]
            return max(map(self.model.price, alike or self.combinations), default=self.model.price(self.model.example))

    def _alike(self, one: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
        """Say whether a combination has all the values of a body that a combination can have."""
        asked = {name: json.dumps(body.get(name)) for name in self._decisive}
        return all(
            json.dumps(one.get(name)) == asked[name] or asked[name] not in self._decisive[name] for name in asked
        )

    @cached_property
    def _decisive(self) -> dict[str, set[str]]:
        """The parameters in which the combinations differ, each with the values that it has in them, as JSON."""
        names = dict.fromkeys(name for one in self.combinations for name in one)
        values = {name: {json.dumps(one.get(name)) for one in self.combinations} for name in names}
        return {name: found for name, found in values.items() if len(found) > 1}
