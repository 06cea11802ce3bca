"""Running: what is planned, how a run ends, and what is said of clauses of which nothing came."""

from collections.abc import Callable, Collection
from dataclasses import replace
from decimal import Decimal

import pytest
from reported import CONTRACT, WHEN, step

from mockling.contract.verification.clause import Clause, Finding, Verdict, holds, unseen
from mockling.contract.verification.evidence import Evidence
from mockling.contract.verification.guard import Balance, Stopped, Unguarded
from mockling.contract.verification.probe import Cost, Need, Probe, Sender
from mockling.contract.verification.run import exit_code, run_of
from mockling.contract.verification.running import Gathered, Plan, gather, judged, planned
from mockling.contract.verification.sending import KeyRefused, Unreachable
from mockling.contract.verification.spending import Spending
from mockling.contract.verification.target import Target

TARGET = Target(name="it", url="http://127.0.0.1:9", storage_url="http://127.0.0.1:9", keys={Need.GOOD: "SG_1"})
DOLLAR = Decimal(1)


def probe(
    name: str, cost: Cost = Cost.FREE, worst: str = "0", *needs: Need, calls: int = 1, run: Callable[[Sender], object]
) -> Probe:
    return Probe(name, cost, run, frozenset(needs), calls, Decimal(worst))


def nothing(_: Sender) -> None:
    pass


def clause(probe: Probe | None, name: str = "", finding: Finding | None = None) -> Clause:
    """Return a clause of a probe, of which is said what is found."""
    return Clause(name or (probe.id if probe else "none"), "It is.", "", (), lambda _: finding or holds(), probe)


def test_what_is_free_is_sent_first_and_then_what_is_cheapest() -> None:
    """A small budget answers as much as it can; what two clauses need is sent once."""
    known = [
        probe("paid", Cost.PAID, "1", run=nothing),
        probe("risky", Cost.FREE_IF_TRUE, "3", run=nothing),
        probe("less risky", Cost.FREE_IF_TRUE, "2", run=nothing),
        probe("free", run=nothing),
    ]
    plan = planned([clause(None), *map(clause, known), clause(known[0], "another")], TARGET, set(Cost))
    assert [one.id for one in plan.probes] == ["free", "less risky", "risky", "paid"]
    assert (len(plan.clauses), plan.skipped, plan.worst) == (6, {}, 6)


@pytest.mark.parametrize(
    ("cost", "costs", "why"),
    [
        (Cost.FREE, {Cost.FREE_IF_TRUE}, "It cannot be billed, which was not asked for."),
        (Cost.FREE_IF_TRUE, {Cost.FREE}, "It may be billed, should it be false: it needs --budget."),
        (Cost.PAID, {Cost.FREE, Cost.FREE_IF_TRUE}, "It buys a generation: it needs --budget and --paid."),
        (Cost.PAID, {Cost.PAID}, None),
    ],
)
def test_what_was_not_asked_for_is_skipped(cost: Cost, costs: set[Cost], why: str | None) -> None:
    """The reason says what it needs; a clause of which nothing is sent is never skipped."""
    plan = planned([clause(None), clause(probe("it", cost, run=nothing))], TARGET, costs)
    assert plan.skipped == ({"it": why} if why else {})
    assert [one.id for one in plan.probes] == ([] if why else ["it"])


def test_what_a_target_does_not_offer_is_named() -> None:
    """Every need that is missing is told, before any other reason but the cost."""
    dear = probe("it", Cost.PAID, "9", Need.GOOD, Need.TIME, Need.POOR, run=nothing)
    plan = planned([clause(dear)], TARGET, {Cost.PAID}, DOLLAR)
    assert plan.skipped == {"it": "It needs a key without credits and control over time."}


@pytest.mark.parametrize(("worst", "sent"), [("0.99", True), ("1", True), ("1.01", False)])
def test_a_probe_may_cost_the_whole_budget_and_no_more(worst: str, sent: bool) -> None:
    """What no budget of this size could pay for is not planned."""
    plan = planned([clause(probe("it", Cost.PAID, worst, run=nothing))], TARGET, {Cost.PAID}, DOLLAR)
    assert plan.skipped == ({} if sent else {"it": "It may be billed more than the whole budget of $1.00."})
    assert len(plan.probes) == sent


def test_a_plan_says_what_it_may_cost() -> None:
    """The least budget covers all that is bought, and each other probe alone; only keys that pay are watched."""
    known = [
        probe("paid", Cost.PAID, "1", Need.GOOD, Need.TIME, calls=3, run=nothing),
        probe("paid too", Cost.PAID, "2", Need.GOOD, calls=2, run=nothing),
        probe("risky", Cost.FREE_IF_TRUE, "4", Need.POOR, run=nothing),
        probe("free", Cost.FREE, "0", Need.LIMITED, run=nothing),
    ]
    plan = Plan((), tuple(known), {})
    assert (plan.calls, plan.worst, plan.least) == (7, 7, 4)
    assert (plan.keys, plan.payers) == ({Need.GOOD, Need.POOR, Need.LIMITED}, {Need.GOOD, Need.POOR})
    assert replace(plan, probes=tuple(known[:2])).least == 3
    assert (Plan((), (), {}).least, Plan((), (), {}).worst) == (0, 0)


class Noted(Unguarded):
    """A guard that notes what it is asked for, and stops a run at its end, if it is told to."""

    def __init__(self, stopped: str | None = None) -> None:
        self.noted: list[object] = []
        self._stopped = stopped

    def begin(self, balance: Balance, keys: Collection[Need], payers: Collection[Need]) -> None:  # noqa: ARG002
        self.noted.append((set(keys), set(payers)))

    def end(self) -> None:
        self.noted.append("end")
        self.spending = Spending(stopped=self._stopped)  # type: ignore[misc]


def gathered(*probes: Probe, guard: Noted | None = None) -> Gathered:
    return gather(Plan((), probes, {}), CONTRACT, TARGET, guard or Noted())


def raising(error: BaseException) -> Callable[[Sender], object]:
    def run(_: Sender) -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "why", "code"),
    [
        (Stopped("no money"), "no money", 4),
        (KeyboardInterrupt(), "it was interrupted", 130),
        (SystemExit(143), "it was ended by SIGTERM", 143),
    ],
)
def test_a_run_that_ends_early_keeps_what_came(error: BaseException, why: str, code: int) -> None:
    """The guard compares the balances, no later probe is sent, and the command's exit code says how it ended."""
    guard, last = Noted(), probe("last", run=nothing)
    known = [probe("first", Cost.FREE_IF_TRUE, "1", Need.GOOD, run=nothing), probe("it", run=raising(error)), last]
    plan = Plan(tuple(map(clause, known)), tuple(known), {})
    progress = list[str]()
    found = gather(plan, CONTRACT, TARGET, guard, lambda one: progress.append(one.id))
    assert (found.stopped, found.sent, found.failed, progress) == (why, {"first", "it"}, {}, ["first", "it"])
    assert guard.noted == [({Need.GOOD}, {Need.GOOD}), "end"]
    results = judged(plan, found)
    assert [one.verdict for one in results] == [Verdict.HOLDS, Verdict.HOLDS, Verdict.SKIPPED]
    assert results[2].finding.actual == "The run ended before it."
    assert exit_code(run_of(CONTRACT, TARGET, plan, found, results, guard.spending)) == code


@pytest.mark.parametrize("error", [Unreachable("nobody"), KeyRefused("not this key")])
def test_a_target_that_cannot_be_asked_is_told_once_the_guard_has_looked(error: Exception) -> None:
    """Neither is a finding of a probe: the whole run ends with it, and what was spent is compared all the same."""
    guard = Noted()
    with pytest.raises(type(error), match=str(error)):
        gathered(probe("it", run=raising(error)), guard=guard)
    assert guard.noted[-1] == "end"


def test_a_probe_that_fails_keeps_no_other_from_being_sent() -> None:
    """What came was not what it goes on from; the reason is told, and is no longer than a few lines."""
    found = gathered(probe("it", run=raising(TypeError("x" * 999))), probe("next", run=nothing))
    assert (found.stopped, found.sent) == (None, {"it", "next"})
    assert found.failed == {"it": f"TypeError: {'x' * 289}"}


def test_a_guard_that_finds_fault_at_the_end_has_stopped_the_run() -> None:
    """What the balance shows after the last probe is told; a reason that came before it goes before it."""
    assert gathered(guard=Noted("the balance fell")).stopped == "the balance fell"
    stopped = probe("it", run=raising(Stopped("the first")))
    assert gathered(stopped, guard=Noted("the balance fell")).stopped == "the first"


@pytest.mark.parametrize(
    ("failed", "stopped", "why"),
    [
        ({"it": "TypeError: no"}, "it was interrupted", "TypeError: no"),
        ({"other": "TypeError: no"}, "it was interrupted", "it was interrupted"),
        ({}, None, "an earlier step of the probe went otherwise"),
    ],
)
def test_what_was_not_seen_is_no_success(failed: dict[str, str], stopped: str | None, why: str) -> None:
    """A clause whose own probe was sent, and of which nothing came, is left open with the reason."""
    of_it, of_others = clause(probe("it", run=nothing), finding=unseen()), clause(None, finding=unseen("none"))
    plan = Plan((of_it, of_others), (), {"none": "why not"})
    sent = Gathered(Evidence([]), stopped, frozenset({"it"}), failed)
    found = [(one.verdict, one.finding.actual) for one in judged(plan, sent)]
    assert found == [(Verdict.INCONCLUSIVE, f"It was not seen: {why}."), (Verdict.SKIPPED, "why not")]
    found = [(one.verdict, one.finding.actual) for one in judged(replace(plan, skipped={}), sent)]
    assert found[1] == (Verdict.SKIPPED, "none")


def test_a_run_began_with_its_first_request_and_ended_with_its_last_response() -> None:
    """Whatever order they stand in, and wherever a clock was set back."""
    first, last = step(at=100.0, moment=0.0, ended=50.0), step(at=120.0, moment=20.0, ended=25.0)
    back = step(at=160.0, moment=60.0, ended=0.0)
    for steps in ([first, last, back], [back, last, first]):
        found = run_of(
            CONTRACT, TARGET, Plan((), (), {}), Gathered(Evidence(steps), None, frozenset(), {}), [], Spending()
        )
        assert (found.began.timestamp(), found.ended.timestamp()) == (100.0, 160.0)
    none = run_of(CONTRACT, TARGET, Plan((), (), {}), Gathered(Evidence([]), None, frozenset(), {}), [], Spending())
    assert none.began == none.ended > WHEN


def test_a_run_says_what_it_was_asked_and_why_it_ended() -> None:
    """Its parts are those of the plan, of what came and of the guard, whose reason to stop goes first."""
    plan = Plan((), (probe("it", Cost.PAID, "2", calls=3, run=nothing),), {})
    sent = Gathered(Evidence([]), "the probe", frozenset(), {})
    found = run_of(CONTRACT, TARGET, plan, sent, [], Spending(stopped="the guard"), only=("a.*",), recording="a.har")
    assert (found.calls, found.worst, found.only, found.recording) == (3, 2, ("a.*",), "a.har")
    assert (found.stopped, found.models, found.profile) == ("the guard", tuple(CONTRACT.models), "documented")
    assert run_of(CONTRACT, TARGET, plan, sent, [], Spending()).stopped == "the probe"
