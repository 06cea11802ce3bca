"""Mutants that the spending guard must stop: an emulator that sells what it must refuse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from mockling.contract import Contract
from mockling.contract.verification.clause import Verdict
from mockling.contract.verification.guarding import SpendingGuard
from mockling.contract.verification.ledger import Ledger
from mockling.contract.verification.pacing import Pacer
from mockling.contract.verification.places import pointer
from mockling.contract.verification.running import Plan, gather
from mockling.contract.verification.target import Target
from mockling.emulator.mutation.changing import Answer, Changing
from mockling.emulator.mutation.mutant import Kind, Mutant, Noticed

UNLIMITED = 1e9  # requests a minute
TIMES = 3  # the dearest request that the budget covers
# Refusals that are met without control over faults, by the operation that is asked.
SOLD = {
    "generate": ("invalid_parameter", "forbidden", "content_type", "rate_limited", "unreadable_input"),
    "submit": ("forbidden",),
}


def guard_mutants(contract: Contract) -> Iterator[Mutant]:
    """Yield, for each refusal that can be met with a good key, that it is answered with 200 instead, and billed."""
    errors = contract.document["x-errors"]
    for operation, cases in SOLD.items():
        for status in dict.fromkeys(errors[case]["status"] for case in cases):
            yield Mutant(
                id=f"guard.{operation}.{status}",
                kind=Kind.GUARD,
                sentence=f"What {operation} refuses with {status} is answered with 200, and billed.",
                place=pointer("paths", contract.path(operation, model="{model}"), "post", "responses", str(status)),
                change=_selling(operation, status),
                touches=((operation, status),),
            )


def _selling(operation: str, status: int) -> Callable[[Changing], object]:
    def change(changing: Changing) -> None:
        platform = changing.platform

        def sell(answer: Answer) -> None:
            account = platform.keys.find(answer.environ.get("HTTP_X_API_KEY", ""))
            if account and account.credits:
                answer.status, answer.json = 200, {}
                platform.store.credit(account, -_price(changing, answer))

        changing.answer(operation, status, sell)

    return change


def _price(changing: Changing, answer: Answer) -> Decimal:
    """Return what a request costs that is not in order: what of it is in order counts, and the defaults."""
    model = changing.contract.model
    try:
        body = json.loads(answer.draft.body)
        known = {name: value for name, value in body.items() if not model.violations({**model.example, name: value})}
        return model.price(known)
    except (ValueError, AttributeError):
        return model.price({})


def guarded(plan: Plan, contract: Contract, target: Target, billed: Callable[[], Decimal]) -> Noticed | None:
    """Return that the guard stops a run against a mutant within its budget; None: it does not.

    `billed` says what was really charged, in US dollars.
    """
    dearest = max((probe.worst for probe in plan.probes), default=Decimal(0))
    budget = TIMES * dearest
    with TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "ledger.jsonl")
        guard = SpendingGuard(budget, ledger, Pacer(UNLIMITED))
        gathered = gather(plan, contract, target, guard)
        kept = ledger.spent()
    charged = billed()
    sold = any(step.status == 200 and step.exchange.operation in SOLD for step in gathered.evidence)
    expected = f"the run stops, and at most ${budget} is spent"
    if gathered.stopped and sold and charged <= guard.spending.counted <= budget:
        return Noticed(
            "guard", Verdict.BROKEN, expected, f"{gathered.stopped}; ${charged} was charged, ${kept} counted"
        )
    return None
