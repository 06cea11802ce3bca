"""Running: which clauses are asked for, their probes sent under a guard, and what the evidence says of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from mockling.contract.contract import Contract
from mockling.contract.exchange import money
from mockling.contract.verification.clause import Clause, Finding, Verdict
from mockling.contract.verification.evidence import Evidence
from mockling.contract.verification.guard import Guard, Stopped
from mockling.contract.verification.probe import KEYS, Cost, Need, Probe
from mockling.contract.verification.sending import KeyRefused, ProbeSender, Unreachable, Wire
from mockling.contract.verification.target import Target

ORDER = (Cost.STATIC, Cost.FREE, Cost.FREE_IF_TRUE, Cost.PAID)  # in which probes are sent: what is free first
INTERRUPTED, TERMINATED = "it was interrupted", "it was ended by SIGTERM"
NOT_ASKED_FOR = {  # why a clause is skipped
    Cost.FREE: "It cannot be billed, which was not asked for.",
    Cost.FREE_IF_TRUE: "It may be billed, should it be false: it needs --budget.",
    Cost.PAID: "It buys a generation: it needs --budget and --paid.",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do: the `clauses`, the `probes` to be sent in their order, and why clauses are skipped, by id."""

    clauses: tuple[Clause, ...]
    probes: tuple[Probe, ...]
    skipped: dict[str, str]

    @property
    def calls(self) -> int:
        """The requests that are sent at most, polls not counted."""
        return sum(probe.calls for probe in self.probes)

    @property
    def worst(self) -> Decimal:
        """The US dollars that are billed at most, should every promise be broken."""
        return sum((probe.worst for probe in self.probes), Decimal(0))

    @property
    def keys(self) -> frozenset[Need]:
        """The keys that are sent."""
        return frozenset(need for probe in self.probes for need in probe.needs) & KEYS

    @property
    def payers(self) -> frozenset[Need]:
        """Those of them whose accounts may be billed."""
        return frozenset(need for probe in self.probes if probe.worst for need in probe.needs) & KEYS

    @property
    def least(self) -> Decimal:
        """The least budget, in US dollars, with which a run gets to its end, should every promise be kept."""
        bought = [probe.worst for probe in self.probes if probe.cost is Cost.PAID]
        return max(sum(bought, Decimal(0)), *(probe.worst for probe in self.probes), Decimal(0))


@dataclass(frozen=True, slots=True)
class Result:
    """A clause and what was found."""

    clause: Clause
    finding: Finding

    @property
    def verdict(self) -> Verdict:
        """What is said of the clause."""
        return self.finding.verdict


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a run brought: the `evidence`, why it `stopped` (None: it did not), the probes `sent`, and which `failed`.

    `failed` has the reason for each probe, by its id, that could not be ended as planned.
    """

    evidence: Evidence
    stopped: str | None
    sent: frozenset[str]
    failed: dict[str, str]


def planned(clauses: Iterable[Clause], target: Target, costs: Collection[Cost], budget: Decimal | None = None) -> Plan:
    """Return what a run against a target does, if no more than these costs may arise.

    Of probes that may be billed no more than `budget` US dollars each; None: whatever they may be.
    Of each class what might cost least comes first, so that a small budget answers as much as it can.
    """
    known, skipped, probes = tuple(clauses), dict[str, str](), dict[str, Probe]()
    for clause in known:
        missing = sorted(need.value for need in clause.needs - target.offers)
        if clause.cost not in costs and clause.cost is not Cost.STATIC:
            skipped[clause.id] = NOT_ASKED_FOR[clause.cost]
        elif missing:
            skipped[clause.id] = f"It needs {' and '.join(missing)}."
        elif clause.probe and budget is not None and clause.probe.worst > budget:
            skipped[clause.id] = f"It may be billed more than the whole budget of ${money(budget)}."
        elif clause.probe:
            probes[clause.probe.id] = clause.probe
    ordered = sorted(probes.values(), key=lambda probe: (ORDER.index(probe.cost), probe.worst))
    return Plan(known, tuple(ordered), skipped)


def gather(
    plan: Plan, contract: Contract, target: Target, guard: Guard, progress: Callable[[Probe], None] = lambda _: None
) -> Gathered:
    """Send the probes of a plan and return what came; `progress` is told of each probe before it is sent.

    Raises `Unreachable` if nothing answers at the target, `KeyRefused` if the good key is refused from the start, and
    `LedgerError` if what is spent cannot be kept. Ctrl-C and SIGTERM end it early, with what came by then. However it
    ends, the guard compares what was spent with the balances.
    """
    wire, sent, failed, stopped = Wire(contract, target, guard), set[str](), dict[str, str](), None
    try:
        guard.begin(wire.balance, plan.keys, plan.payers)
        for probe in plan.probes:
            progress(probe)
            sent.add(probe.id)
            try:
                probe.run(ProbeSender(wire, target, probe.id))
            except (Stopped, Unreachable, KeyRefused):
                raise
            except Exception as error:  # what came was not what the probe goes on from; its clauses say so
                failed[probe.id] = f"{type(error).__name__}: {error}"[:300]
    except Stopped as reason:
        stopped = str(reason)
    except KeyboardInterrupt:  # what was paid for is worth a report
        stopped = INTERRUPTED
    except SystemExit:
        stopped = TERMINATED
    finally:
        guard.end()
        wire.close()
    return Gathered(Evidence(wire.steps), stopped or guard.spending.stopped, frozenset(sent), failed)


def judged(plan: Plan, gathered: Gathered) -> list[Result]:
    """Return what the evidence says of each clause of a plan."""
    return list(_judged(plan, gathered))


def _judged(plan: Plan, gathered: Gathered) -> Iterator[Result]:
    for clause in plan.clauses:
        if clause.id in plan.skipped:
            yield Result(clause, Finding(Verdict.SKIPPED, actual=plan.skipped[clause.id]))
        elif clause.probe and clause.probe.id not in gathered.sent:
            yield Result(clause, Finding(Verdict.SKIPPED, actual="The run ended before it."))
        else:
            yield Result(clause, _found(clause, gathered))


def _found(clause: Clause, gathered: Gathered) -> Finding:
    finding = clause.judge(gathered.evidence)
    if clause.probe is None or finding.verdict is not Verdict.SKIPPED:
        return finding
    why = gathered.failed.get(clause.probe.id) or gathered.stopped or "an earlier step of the probe went otherwise"
    return replace(finding, verdict=Verdict.INCONCLUSIVE, actual=f"It was not seen: {why}.")
