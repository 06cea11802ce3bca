"""Runs to report on: one of the emulator, and ones in which arbitrary texts stand everywhere."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from hashlib import sha256
from typing import Any

from hypothesis import strategies as st

from mockling.contract import Contract, load
from mockling.contract.exchange import Exchange, Message
from mockling.contract.verification.catalogue import clauses
from mockling.contract.verification.clause import Clause, Finding, Severity, Verdict
from mockling.contract.verification.evidence import Step
from mockling.contract.verification.guard import Unguarded
from mockling.contract.verification.probe import Cost
from mockling.contract.verification.run import Outcome, Run, run_of
from mockling.contract.verification.running import Gathered, Plan, gather, judged, planned
from mockling.contract.verification.spending import Spending
from mockling.contract.verification.target import Target
from mockling.emulator.testing.emulated import emulated

CONTRACT = load()
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = "SG_fedcba9876543210"
NAUGHTY = [
    "</style><script>alert(1)</script>",
    "]]>",
    "\x00\x1b[31m\x7f\x9b",
    "```\n|`",
    "\ud800",
    "<!--",
    "@all",
    "\ufeff",
]
texts = st.text(st.characters(), max_size=40) | st.sampled_from(NAUGHTY)


@cache
def every_clause() -> tuple[Clause, ...]:
    """Return all clauses of the contract."""
    return tuple(clauses(CONTRACT))


@cache
def emulator_ran() -> tuple[Target, Plan, Gathered]:
    """Return the target, the plan and the evidence of a run of all clauses against the emulator."""
    with emulated(CONTRACT) as target:
        plan = planned(every_clause(), target, set(Cost))
        return target, plan, gather(plan, CONTRACT, target, Unguarded())


@cache
def emulator_run() -> Run:
    """Return a run of all clauses against the emulator."""
    return run_with(emulator_ran()[2])


def run_with(gathered: Gathered) -> Run:
    """Return that run, judged on `gathered` instead of its own evidence."""
    target, plan, _ = emulator_ran()
    return run_of(CONTRACT, target, plan, gathered, judged(plan, gathered), Spending())


def run_against(contract: Contract, /, **settings: Any) -> Run:
    """Return a run of a contract's clauses against an emulator with these settings."""
    with emulated(contract, **settings) as target:
        plan = planned(clauses(contract), target, set(Cost))
        gathered = gather(plan, contract, target, Unguarded())
        return run_of(contract, target, plan, gathered, judged(plan, gathered), Spending())


def message(text: str, body: bytes = b"{}", file: bool = False) -> Message:
    """Return a message with a text in its header."""
    digest = sha256(body).hexdigest() if file else None
    return Message((("content-type", "application/json"), ("x-told", text)), body, len(body), digest)


def step(text: str = "told", body: bytes = b'{"a": 1}', **changes: Any) -> Step:
    """Return a step with a text wherever a server or a probe can put one."""
    exchange = Exchange(
        number=1,
        moment=0.5,
        at=WHEN.timestamp(),
        operation="generate",
        method="POST",
        path=f"/v1/a?b={text}",
        key="SEGMIND_API_KEY",
        request=message(text, body),
        status=400,
        response=message(text, body),
        error=text,
        ended=0.75,
    )
    return Step("a.probe", text, replace(exchange, **changes))


def outcome(verdict: Verdict, text: str = "told", *steps: Step, cost: Cost = Cost.FREE, cause: str = "") -> Outcome:
    """Return a clause of a verdict, with a text in all that is said of it."""
    finding = Finding(verdict, text, text, steps, cause)
    return Outcome(f"a.{verdict}.{text}", text, "#/paths", ("P7", text), cost, Severity.BREAK, finding)


def run(*outcomes: Outcome, steps: tuple[Step, ...] = (), **changes: Any) -> Run:
    """Return a run with these clauses."""
    made = Run(
        mockling="0.1.0",
        target="live",
        url="https://api.segmind.com",
        profile="documented",
        answers={"D1": "json"},
        models=("a-model",),
        contract="0" * 64,
        began=WHEN,
        ended=WHEN,
        outcomes=outcomes,
        steps=steps,
        spending=Spending(),
        calls=3,
        worst=Decimal("1.89"),
    )
    return replace(made, **changes)


def run_full_of(text: str, body: bytes = b'{"a": 1}') -> Run:
    """Return a run with one clause of each verdict, and a text wherever there can be one."""
    sent = step(text, body)
    outcomes = [outcome(verdict, text, sent, cost=cost) for verdict, cost in zip(Verdict, [*Cost] * 2, strict=False)]
    spending = Spending(budget=Decimal(2), unknown=(text,), stopped=text, ledger=text)
    return run(*outcomes, steps=(sent,), spending=spending, stopped=text, url=f"http://a{text}", target=text)
