"""Billing: what is charged, to the cent, what never is, and how the balance is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from itertools import takewhile

from mockling.contract.contract import Contract
from mockling.contract.exchange import amount, money
from mockling.contract.model import Model
from mockling.contract.verification.charges import Charge, job_in
from mockling.contract.verification.clause import Clause, Finding, Oracle, Severity, broken, holds, unclear, unseen
from mockling.contract.verification.evidence import Evidence, Step
from mockling.contract.verification.harmless import harmless
from mockling.contract.verification.places import facts_at
from mockling.contract.verification.probe import GENERATIONS, Cost, Need, Probe, Request, Sender, single
from mockling.contract.verification.promises.buying import BALANCE, Buying
from mockling.contract.verification.promises.promise import (
    Check,
    Place,
    answered,
    balance,
    field,
    header,
    observed,
    promise,
)

NOTHING = Decimal("0.0000005")  # US dollars; a balance is told as a binary number
METRICS: Place = ("components", "schemas", "Metrics", "properties")
CREDITS: Place = ("paths", "/v1/get-user-credits", "get")


def billing_clauses(contract: Contract, model: Model) -> Iterator[Clause]:
    """Yield the clauses of what a model's generations are billed."""
    buying = Buying(contract, model)
    price, told = buying.price, f"${money(buying.price)}"
    place: Place = ("x-models", model.slug, "price")
    answer: Place = ("components", "responses", "Generated", "headers")
    priced = (*facts_at(contract.document, *place), "G11")

    def clause(name: str, sentence: str, place: Place, oracle: Oracle, *facts: str) -> Clause:
        return promise(contract, buying.prefix + name, sentence, place, oracle, facts=facts)

    waits, asks = buying.generate.id, buying.submit.id
    sentence = f"The cheapest generation of {model.slug} is charged {told}, once."
    yield clause(
        "generate.charged",
        sentence,
        place,
        charged(contract, waits, "before", "after", price, "generate"),
        *priced,
    )
    oracle = observed(waits, "generate", _is_header("x-cost", price))
    yield clause("generate.cost", f"x-cost is what was charged, {told}.", (*answer, "x-cost"), oracle, *priced, "G13")
    sentence = "x-remaining-credits is the balance after the charge."
    oracle = _left(contract, waits, "generate", lambda step: header(step, "x-remaining-credits"))
    yield clause("generate.remaining", sentence, (*answer, "x-remaining-credits"), oracle, "G13")
    sentence = f"The same by way of v2 is charged {told}, once."
    yield clause("submit.charged", sentence, place, charged(contract, asks, "before", "after", price, "ended"), *priced)
    for name, step in {"status": "status at its end", "result": "ended"}.items():
        sentence = f"metrics.cost of the {name} is what was charged, {told}."
        oracle = observed(asks, step, _is_cost(price))
        yield clause(f"submit.cost.{name}", sentence, (*METRICS, "cost"), oracle, "A3", "G11")
    sentence = "metrics.remaining_credits is the balance after the charge."
    oracle = _left(contract, asks, "ended", lambda step: field(step, "metrics.remaining_credits"))
    yield clause("submit.remaining", sentence, (*METRICS, "remaining_credits"), oracle, "A3")
    for what in buying.failing:
        sentence = f"A request of v2 that fails ({what}) is charged nothing."
        oracle = charged(contract, buying.fails.id, f"{what}, before", f"{what}, after", Decimal(0))
        yield clause(
            f"submit.fails.{what}.unbilled", sentence, ("components", "responses", "Failed"), oracle, "G11", "A5"
        )
    if model is contract.model:
        sentence = f"The same request submitted twice is charged twice, ${money(2 * price)}."
        oracle = charged(contract, buying.again.id, "before", "after", 2 * price, "ended")
        yield clause("submit.again.charged", sentence, ("paths", "/v2/{model}", "post"), oracle, "G12")


def account_clauses(contract: Contract) -> Iterator[Clause]:
    """Yield the clauses of accounts; the last of them looks back at the whole run."""
    yield from _balances(contract)
    yield from _low(contract)
    probe = single("billing.balance", Cost.FREE_IF_TRUE, BALANCE)
    sentence = "The balance is the same whenever it is asked for, unless something was bought in between."
    place: Place = ("paths", "/v1/{model}", "post", "responses")
    yield promise(contract, probe.id, sentence, place, partial(_constant, contract), facts=["G11"], probe=probe)


def _balances(contract: Contract) -> Iterator[Clause]:
    def twice(sender: Sender) -> None:
        sender.send(BALANCE)
        sender.send(BALANCE, "again")

    probe = Probe("credits.tells", Cost.FREE, twice, frozenset({Need.GOOD}), 2)
    sentence = "GET /v1/get-user-credits tells the balance in credits and free-credits."
    yield promise(contract, probe.id, sentence, CREDITS, answered(probe.id, "", [200], _tells), probe=probe)
    sentence = "To ask for the balance costs nothing."
    yield promise(contract, "credits.free", sentence, CREDITS, charged(contract, probe.id, "", "again", Decimal(0)))
    case = contract.document["x-errors"]["no_balance"]
    unknown = single("credits.unknown", Cost.FREE, replace(BALANCE, key=Need.UNKNOWN))
    sentence = f"A user without a balance record is answered with {case['status']}."
    oracle = answered(unknown.id, "", [case["status"]])
    yield promise(contract, unknown.id, sentence, ("x-errors", "no_balance"), oracle, probe=unknown)


def _low(contract: Contract) -> Iterator[Clause]:
    model, body = contract.model, harmless(contract.model)
    for operation, case in {"generate": "low_balance", "submit": "low_balance_v2"}.items():
        status = contract.document["x-errors"][case]["status"]
        request = Request(
            operation=operation, values={"model": model.slug}, key=Need.POOR, json=body, price=model.price(body)
        )
        probe = single(f"{operation}.low-balance", Cost.FREE_IF_TRUE, request)
        place: Place = ("x-errors", case, "status")
        facts = ["P18", "G8"] if operation == "generate" else ["D2"]
        sentence = f"POST {contract.path(operation)} of an account without credits is refused with {status}."
        yield promise(contract, probe.id, sentence, place, answered(probe.id, "", [status]), facts=facts, probe=probe)
        numbers = contract.document["x-errors"][case]["error"].count("{")
        sentence = f"The refusal {probe.id} speaks of credits and names the balance" + (
            ", and what the call needs." if numbers > 1 else "."
        )
        oracle = observed(probe.id, "", _speaks_of_credits(numbers), status)
        place = ("x-errors", case, "error")
        yield promise(contract, f"{probe.id}.text", sentence, place, oracle, facts=facts, severity=Severity.NOTICE)


def charged(
    contract: Contract, probe: str, before: str, after: str, price: Decimal, bought: str | None = None
) -> Oracle:
    """Return the oracle of what was charged between two looks at the balance, if what was `bought` came."""

    def oracle(evidence: Evidence) -> Finding:
        step = evidence.step(probe, bought) if bought else None
        if bought and (step is None or step.status != 200):
            return unseen("Nothing was bought.")
        looks = [evidence.step(probe, name) for name in (before, after)]
        seen = [step for step in looks if step is not None]
        if len(seen) < 2:
            return unseen()
        first, second = map(balance, seen)
        if first is None or second is None:
            return unclear("The balance was not told.", *seen)
        charged = first - second
        if abs(charged - price) < NOTHING:
            return holds(*seen)
        if doubt := doubtful(contract, evidence, seen[1], charged - price):
            return unclear(f"${charged:f} charged, maybe for {doubt}.", *seen)
        return broken(f"${money(price)} charged", f"${charged:f} charged", *seen)

    return oracle


def doubtful(contract: Contract, evidence: Evidence, look: Step, surplus: Decimal) -> str | None:
    """Return a request before a look at the balance for which a surplus (US dollars) may be: nobody saw how it ended.

    None if there is no such request, or if the surplus is more than all of them can have cost.
    """
    charges: list[Charge] = []
    for step in takewhile(lambda step: step is not look, evidence):
        exchange = step.exchange
        for charge in charges:
            charge.told(exchange)
        mine = exchange.key == Need.GOOD.variable and not exchange.fault
        if mine and exchange.operation in GENERATIONS and exchange.method == "POST":
            charges.append(Charge(exchange.number, f"{step.probe} {step.name}".rstrip(), _dearest(contract)))
            charges[-1].answered(step.status, job_in(exchange))
    unknown = [charge for charge in charges if charge.billed is None]
    if not 0 < surplus <= sum(charge.price for charge in unknown):
        return None
    return f"{unknown[0].what}, whose outcome is unknown"


def _dearest(contract: Contract) -> Decimal:
    return max(model.price(request) for model in contract.models.values() for request in model.combinations())


def _is_header(name: str, price: Decimal) -> Check:
    def check(step: Step) -> Finding | None:
        told = header(step, name)
        return None if amount(told) == price else broken(f"{name} {money(price)}", told or "none", step)

    return check


def _is_cost(price: Decimal) -> Check:
    def check(step: Step) -> Finding | None:
        told = field(step, "metrics.cost")
        return None if amount(told) == price else broken(f"a cost of {money(price)}", str(told), step)

    return check


def _left(contract: Contract, probe: str, name: str, told: Callable[[Step], object]) -> Oracle:
    """Return the oracle of what an answer tells of the balance after the charge."""

    def oracle(evidence: Evidence) -> Finding:
        step, after = evidence.step(probe, name), evidence.step(probe, "after")
        if step is None or after is None or step.status != 200:
            return unseen()
        said, left = amount(told(step)), balance(after)
        if left is None:
            return unclear("The balance was not told.", after)
        if said is not None and abs(said - left) < NOTHING:
            return holds(step, after)
        if said is not None and (doubt := doubtful(contract, evidence, after, said - left)):
            return unclear(f"{left:f} remaining, maybe for {doubt}.", step, after)
        return broken(f"{left:f} remaining", str(said), step, after)

    return oracle


def _tells(step: Step) -> Finding | None:
    missing = [name for name in ("credits", "free-credits") if amount(field(step, name)) is None]
    return broken(f"{' and '.join(missing)} as a number", str(step.exchange.answer)[:100], step) if missing else None


def _speaks_of_credits(numbers: int) -> Check:
    def check(step: Step) -> Finding | None:
        text = step.exchange.error or ""
        if "credits" in text.lower() and len(re.findall(r"\d+(?:\.\d+)?", text)) >= numbers:
            return None
        return broken(f"credits, and {numbers} amount{'s' if numbers > 1 else ''}", repr(text), step)

    return check


def _constant(contract: Contract, evidence: Evidence) -> Finding:
    """Judge that nothing was charged but by what was answered with 200."""
    last: Step | None = None
    doubted: Finding | None = None
    for step in evidence:
        bought = step.exchange.operation in ("generate", "submit") and step.status in (None, 200, 502, 503, 504)
        if bought:
            last = None
        told = (
            balance(step) if step.exchange.operation == "credits" and step.exchange.key == Need.GOOD.variable else None
        )
        if told is None:
            continue
        before = balance(last)
        if before is not None and abs(before - told) >= NOTHING:
            doubt = doubtful(contract, evidence, step, before - told)
            if not doubt:
                return broken(
                    f"a balance of {before:f}, as nothing was bought", f"{told:f}", step, *([last] if last else [])
                )
            doubted = doubted or unclear(f"The balance changed, maybe for {doubt}.", step)
        last = step
    return doubted or (holds(last) if last else unseen())
