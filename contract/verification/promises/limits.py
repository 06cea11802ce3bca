"""Limits: how many requests a plan may make, and how large and deep their bodies may be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.verification.clause import Clause, Finding, Oracle, broken, holds, unclear, unseen
from mockling.contract.verification.evidence import PASSING, Evidence
from mockling.contract.verification.pacing import RESET
from mockling.contract.verification.probe import Cost, Need, Probe, Sender, single
from mockling.contract.verification.promises.making import flawed
from mockling.contract.verification.promises.promise import Check, Place, answered, header, observed, promise
from mockling.contract.verification.promises.refusing import Refusing

MARGIN = 100  # parts of a body that is not only that list
PLANS: Place = ("x-plans", "requests_per_minute")
LIMITED: Place = ("components", "responses", "RateLimited")
WINDOW = 60.0  # simulated seconds of a rate limit (M11)


def limit_clauses(contract: Contract) -> Iterator[Clause]:
    """Yield the clauses of the limits."""
    limits = Limits(contract)
    yield from limits.rate()
    yield from limits.sizes()


class Limits(Refusing):
    """What is asked beyond the limits of a contract."""

    def rate(self) -> Iterator[Clause]:
        """Yield the clauses of the rate limit (P19, G10, G14)."""
        limit = min(self.contract.document["x-plans"]["requests_per_minute"].values())
        order: list[str] = self.contract.document["x-behaviour"]["check_order"]
        counted = order.index("rate") < order.index("parameters")
        body = (flawed(self.model) if counted else None) or self.body
        request = self.request("generate", key=Need.LIMITED, json=body, price=self.price)
        needs, worst = frozenset({Need.LIMITED}), (limit + 1) * self.price

        def exceed(sender: Sender) -> None:
            for _ in range(limit + 1):
                if sender.send(request).status == 429:
                    return

        def outlast(sender: Sender) -> None:
            exceed(sender)
            sender.advance(WINDOW)
            sender.send(request, "later")
            for _ in range(limit - 1):
                sender.send(request, "more")

        yield from self._limited(limit, Probe("rate.limited", Cost.FREE_IF_TRUE, exceed, needs, limit + 1, worst))
        later = Probe("rate.resets", Cost.FREE_IF_TRUE, outlast, needs | {Need.TIME}, 2 * limit + 1, 2 * worst)
        told = f"After {WINDOW:g} seconds a limited key may call again."
        oracle = answered_again(later.id, "later")
        yield promise(self.contract, later.id, told, PLANS, oracle, facts=["G14", "M11"], probe=later)
        told = f"A plan of {limit} requests a minute allows as many."
        oracle = answered_again(later.id, "more")  # the last of them
        yield promise(self.contract, "rate.allows", told, PLANS, oracle, facts=["G14", "D6"])

    def _limited(self, limit: int, probe: Probe) -> Iterator[Clause]:
        """Yield the clauses of the answer to a request that is one too many."""
        told = f"More than {limit} requests a minute of the smallest plan are answered with 429."
        oracle = answered(probe.id, "", [429])
        yield promise(self.contract, probe.id, told, PLANS, oracle, facts=["P19", "G14", "D6"], probe=probe)
        place = (*LIMITED, "headers", RESET)
        told = f"A 429 says in {RESET} when the next request may be made."
        oracle = answered(probe.id, "", [429], _has(RESET))
        yield promise(self.contract, f"{probe.id}.reset", told, place, oracle, facts=["G10"])
        place = (*LIMITED, "x-absent-headers")
        oracle = observed(probe.id, "", _lacks("retry-after"), 429)
        told = "A 429 has no Retry-After."
        yield promise(self.contract, f"{probe.id}.no-retry-after", told, place, oracle, facts=["G10"])

    def sizes(self) -> Iterator[Clause]:
        """Yield the clauses of bodies that are too large, or nested too deeply (G22)."""
        limits = self.contract.document["x-limits"]
        large = limits["body_bytes"] + 1
        headers = {"content-type": "application/json"}
        empty = self.request("generate", json=None, headers=headers, price=self.price)

        def send(sender: Sender) -> None:
            sender.send(replace(empty, body=b" " * large))

        needs = frozenset({Need.GOOD, Need.FAULTS})  # so much is not sent to others
        probe = Probe("generate.refuses.a-large-body", Cost.FREE_IF_TRUE, send, needs, 1, self.price)
        told = f"A body of {large:,} bytes is refused with {self.errors['too_large']['status']}."
        oracle = answered(probe.id, "", [self.errors["too_large"]["status"]])
        yield promise(self.contract, probe.id, told, ("x-limits", "body_bytes"), oracle, facts=["G22"], probe=probe)
        deep: Any = None
        for _ in range(limits["json_depth"]):
            deep = [deep]
        request = self.request("generate", json={**self.body, "mockling": deep})
        told = f"with JSON that is nested more than {limits['json_depth']} deep"
        yield self.refused("generate.refuses.deep-json", told, "too_deep", request, "G22", cost=Cost.FREE_IF_TRUE)
        allowed = {**self.body, "mockling": deep[0]}
        told = f"A body that is nested {limits['json_depth']} deep is not refused for that."
        yield self._taken("generate.takes.deep-json", told, "json_depth", "too_deep", allowed)
        much = {**self.body, "mockling": [0] * limits["json_parts"]}
        told = f"with JSON of more than {limits['json_parts']:,} parts"
        request = self.request("generate", json=much)
        yield self.refused("generate.refuses.much-json", told, "too_much", request, "M19", cost=Cost.FREE_IF_TRUE)
        less = {**self.body, "mockling": [0] * (limits["json_parts"] - MARGIN)}
        told = f"A body of about {limits['json_parts']:,} parts is not refused for that."
        yield self._taken("generate.takes.much-json", told, "json_parts", "too_much", less)

    def _taken(self, name: str, told: str, limit: str, case: str, body: dict[str, Any]) -> Clause:
        """Return the clause that a body at a limit is not refused for it."""
        request = self.request("generate", json=body, price=self.price)
        probe = single(name, Cost.FREE_IF_TRUE, request, Need.FAULTS)
        refusal = self.errors[case]["status"]

        def oracle(evidence: Evidence) -> Finding:
            step = evidence.step(probe.id)
            if step is None or step.status is None or step.status in PASSING:
                return unclear(step.told, step) if step else unseen()
            return broken("taken", step.told, step) if step.status == refusal else holds(step)

        return promise(self.contract, name, told, ("x-limits", limit), oracle, facts=["G22", "M19"], probe=probe)


def answered_again(probe: str, name: str) -> Oracle:
    """Return the oracle of a request that must not be over the limit any more, whatever else is said of it."""

    def oracle(evidence: Evidence) -> Finding:
        step = evidence.step(probe, name)
        if step is None or step.status is None:
            return unclear(step.told, step) if step else unseen()
        return broken("no 429", step.told, step) if step.status == 429 else holds(step)

    return oracle


def _has(name: str) -> Check:
    return lambda step: None if header(step, name) else broken(f"the header {name}", "none", step)


def _lacks(name: str) -> Check:
    return lambda step: broken(f"no {name}", header(step, name), step) if header(step, name) else None
