"""The guard over what a verification spends: no more than the budget, and never more than is told."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reported import CONTRACT, every_clause, step

from mockling.contract.exchange import Message
from mockling.contract.verification.asked import Asked
from mockling.contract.verification.charges import job_in
from mockling.contract.verification.clause import Clause, Verdict, holds
from mockling.contract.verification.guard import Stopped
from mockling.contract.verification.guarding import SpendingGuard
from mockling.contract.verification.ledger import Ledger, LedgerError
from mockling.contract.verification.pacing import Pacer
from mockling.contract.verification.probe import BAD_KEY, GENERATIONS, Cost, Need, Probe, Request, Sender
from mockling.contract.verification.run import exit_code, run_of
from mockling.contract.verification.running import Gathered, Plan, gather, judged, planned
from mockling.contract.verification.spending import Spending
from mockling.contract.verification.target import Target
from mockling.emulator import Emulator

PRICE = Decimal("0.945")
UNKNOWN = [None, 202, 302, 408, 502, 503, 504, 524]  # statuses, or none, after which a request may have been billed
REFUSED = [400, 401, 404, 406, 422, 429, 500, 501]


class Account:
    """An account whose balance is told, or is not (None)."""

    def __init__(self, balance: str | None = "100") -> None:
        self.balance = None if balance is None else Decimal(balance)

    def bill(self, amount: Decimal) -> None:
        assert self.balance is not None
        self.balance -= amount

    def told(self, _: Need) -> Decimal | None:
        return self.balance


class Time:
    """A clock that goes on only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def pacer(self, per_minute: float = 10**9) -> Pacer:
        return Pacer(per_minute, lambda: self.now, self.sleep)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.jsonl")


@pytest.fixture
def account() -> Account:
    return Account()


def guarded(ledger: Ledger, account: Account, budget: str = "5") -> SpendingGuard:
    """Return a guard whose run has begun."""
    guard = SpendingGuard(Decimal(budget), ledger, Time().pacer())
    guard.begin(account.told, {Need.GOOD}, {Need.GOOD})
    return guard


def job_step(job: str, status: str) -> Any:
    """Return what a poll of a job tells."""
    changes = {"path": f"/v2/requests/{job}/status", "method": "GET"}
    return step(body=f'{{"status": "{status}"}}'.encode(), **changes)


def test_the_worst_case_is_on_the_disk_before_anything_is_sent(ledger: Ledger, account: Account) -> None:
    """A program that is killed right after a reservation has spent it, as far as the next one knows."""
    guarded(ledger, account).reserve(PRICE, "a probe")
    assert Ledger(ledger.path).spent() == PRICE


def test_nothing_passes_that_the_budget_does_not_cover(ledger: Ledger, account: Account) -> None:
    """What does not fit beside what was spent ends the run, which is not gone on with for something cheaper."""
    guard = guarded(ledger, account, "2")
    guard.reserve(PRICE, "one").settle(200)
    account.bill(PRICE)
    with pytest.raises(Stopped, match=r"two may be billed \$1.06, and of the budget \$1.055 is left"):
        guard.reserve(Decimal("1.06"), "two")
    with pytest.raises(Stopped, match="two may be billed"):
        guard.reserve(Decimal("0.01"), "three")
    guard.end()
    assert (guard.spending.counted, guard.spending.measured, ledger.spent()) == (PRICE, PRICE, PRICE)


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-1", "0"])
def test_what_nobody_knows_the_price_of_is_not_sent(ledger: Ledger, account: Account, price: str) -> None:
    """A price that is none ends the run."""
    with pytest.raises(Stopped, match="nobody knows what it may be billed"):
        guarded(ledger, account).reserve(Decimal(price), "it")
    assert ledger.spent() == 0


def test_without_a_budget_nothing_passes_that_might_be_billed(account: Account) -> None:
    """A run of what is free cannot be led to buy."""
    guard = SpendingGuard(None, None, Time().pacer())
    guard.begin(account.told, {Need.GOOD}, ())
    with pytest.raises(Stopped):
        guard.reserve(PRICE, "it")


def test_an_unknown_balance_ends_a_run_before_it_costs(ledger: Ledger) -> None:
    """Where nobody could tell what is spent, nothing is."""
    with pytest.raises(Stopped, match="the balance cannot be read"):
        guarded(ledger, Account(None))


def test_a_balance_that_is_unknown_at_the_end_leaves_all_counted(ledger: Ledger, account: Account) -> None:
    """Refusals that no balance has proved unbilled count as spent, in the report as in the ledger."""
    guard = guarded(ledger, account)
    guard.reserve(PRICE, "refused").settle(400)
    account.balance = None
    guard.end()
    assert (guard.spending.counted, guard.spending.measured, ledger.spent()) == (PRICE, None, PRICE)
    assert guard.spending.stopped and "cannot be read at the end" in guard.spending.stopped


@pytest.mark.parametrize("status", UNKNOWN)
def test_an_outcome_that_nobody_knows_counts_as_spent(ledger: Ledger, account: Account, status: int | None) -> None:
    """No answer, or one behind which the work may go on, is counted and named, whatever the balance says."""
    guard = guarded(ledger, account)
    guard.reserve(PRICE, "a probe").settle(status)
    guard.end()
    spending = guard.spending
    assert (spending.counted, spending.measured, spending.unknown, spending.stopped) == (PRICE, 0, ("a probe",), None)
    assert ledger.spent() == PRICE


@pytest.mark.parametrize("status", REFUSED)
def test_a_refusal_is_given_back_once_the_balance_proves_it(ledger: Ledger, account: Account, status: int) -> None:
    """A refusal costs nothing, and the ledger says so as soon as the balance does, not before."""
    guard = guarded(ledger, account)
    guard.reserve(PRICE, "a probe").settle(status)
    assert (guard.spending.counted, ledger.spent()) == (0, PRICE)
    guard.end()
    assert (guard.spending.counted, guard.spending.unknown, ledger.spent()) == (0, (), 0)


def test_refusals_that_are_billed_end_the_run_within_the_budget(ledger: Ledger, account: Account) -> None:
    """Though every answer is a refusal, a target that bills each takes no more than was set aside."""
    guard = guarded(ledger, account, "2.50")
    for number in range(2):
        guard.reserve(PRICE, f"probe {number}").settle(400)
        account.bill(PRICE)
    with pytest.raises(Stopped, match=r"the balance fell by \$1.89, though only \$0.00 can have been billed"):
        guard.reserve(PRICE, "the next")
    guard.end()
    assert (guard.spending.measured, ledger.spent()) == (2 * PRICE, 2 * PRICE)
    assert "nobody planned" not in ledger.path.read_text()  # it is not beyond what was set aside


def test_a_budget_may_be_spent_to_the_last_cent(ledger: Ledger, account: Account) -> None:
    """What fits exactly is sent, whatever is open or bought, and not a hundredth of a cent more."""
    guard = guarded(ledger, account, "1.89")
    guard.reserve(PRICE, "lost").settle(None)
    guard.reserve(PRICE, "bought").settle(200)
    account.bill(PRICE)
    with pytest.raises(Stopped, match=r"\$0.0001, and of the budget \$0.00 is left"):
        guard.reserve(Decimal("0.0001"), "one more")
    guard.end()
    assert (guard.spending.counted, guard.spending.unknown, ledger.spent()) == (2 * PRICE, ("lost",), 2 * PRICE)


def test_refusals_are_released_on_proof_alone_and_make_room_then(ledger: Ledger, account: Account) -> None:
    """A refusal stands against the budget until the balance has been read, which is when there is no room beside it."""
    guard = guarded(ledger, account, "2.50")
    reads = list[Need]()
    guard.begin(lambda key: reads.append(key) or account.balance, {Need.GOOD}, {Need.GOOD})
    for number in range(2):
        guard.reserve(PRICE, f"refused {number}").settle(400)
        assert (reads, ledger.spent()) == ([], (number + 1) * PRICE)
    guard.reserve(PRICE, "the next")
    assert (reads, ledger.spent()) == ([Need.GOOD], PRICE)


def test_what_was_bought_is_proved_before_anything_else_is_sent(ledger: Ledger, account: Account) -> None:
    """The balance is looked at after each charge, however large the budget."""
    guard = guarded(ledger, account, "1000")
    guard.reserve(PRICE, "bought").settle(200)
    account.bill(PRICE + Decimal("0.01"))
    with pytest.raises(Stopped, match=r"fell by \$0.955, though only \$0.945 can"):
        guard.reserve(PRICE, "the next")


@pytest.mark.parametrize("change", ["0", "50"])
def test_a_balance_that_does_not_fall_is_no_alarm(ledger: Ledger, account: Account, change: str) -> None:
    """Somebody may pay in, and a charge may come late: nothing is released that was bought, and nothing is stopped."""
    guard = guarded(ledger, account)
    guard.reserve(PRICE, "bought").settle(200)
    guard.reserve(PRICE, "lost").settle(503)
    account.bill(-Decimal(change))
    guard.reserve(PRICE, "refused").settle(400)
    guard.end()
    spending = guard.spending
    assert (spending.counted, spending.measured, spending.stopped) == (2 * PRICE, -Decimal(change), None)
    assert (spending.unknown, ledger.spent()) == (("lost",), 2 * PRICE)


def test_the_first_reason_to_stop_is_the_one_that_is_told(ledger: Ledger, account: Account) -> None:
    """What follows from it hides no cause, and nothing passes any more, however cheap."""
    guard = guarded(ledger, account)
    for why in ("the first", "the second"):
        with pytest.raises(Stopped, match="the first"):
            guard.stop(why)
    with pytest.raises(Stopped, match="the first"):
        guard.reserve(Decimal("0.01"), "it")
    assert guard.spending.stopped == "the first"


def test_an_account_may_be_emptied(ledger: Ledger) -> None:
    """A balance that just covers a request is enough; what was bought before counts, what was lost does not."""
    account = Account("1.89")
    guard = guarded(ledger, account)
    for number in range(3):
        guard.reserve(PRICE, f"refused {number}").settle(400)
    guard.reserve(PRICE, "bought").settle(200)
    account.bill(PRICE)
    guard.reserve(PRICE, "the last")
    with pytest.raises(Stopped, match=r"the account has \$0.00"):
        guard.reserve(Decimal("0.01"), "it")


def test_a_key_without_credits_is_asked_for_what_it_cannot_pay(ledger: Ledger) -> None:
    """That it is refused is the promise, so that its account does not have to cover it."""
    guard = SpendingGuard(Decimal(5), ledger, Time().pacer())
    guard.begin(lambda key: Decimal(0) if key is Need.POOR else Decimal(9), {Need.GOOD, Need.POOR}, {Need.POOR})
    guard.reserve(PRICE, "a probe", Need.POOR).settle(406)
    guard.end()
    assert (guard.spending.stopped, guard.spending.counted, ledger.spent()) == (None, 0, 0)


def test_one_balance_of_several_that_cannot_be_read_leaves_all_counted(ledger: Ledger) -> None:
    """The sum of two accounts is told only if both are, and what may have been billed to either counts."""
    balances: dict[Need, Decimal | None] = {Need.GOOD: Decimal(9), Need.POOR: Decimal(3)}
    guard = SpendingGuard(Decimal(5), ledger, Time().pacer())
    guard.begin(lambda key: balances[key], balances.keys(), balances.keys())
    assert guard.spending.before == 12
    guard.reserve(PRICE, "refused").settle(400)
    balances[Need.POOR] = None
    guard.end()
    assert (guard.spending.after, guard.spending.measured) == (None, None)
    assert guard.spending.stopped and "balance of a key without credits cannot be read" in guard.spending.stopped


def test_a_run_that_goes_on_keeps_what_it_had(ledger: Ledger, account: Account) -> None:
    """A second beginning reads no balance again, and its end compares both parts with the first."""
    guard = guarded(ledger, account)
    guard.reserve(PRICE, "bought").settle(200)
    account.bill(PRICE)
    guard.end()
    guard.begin(account.told, {Need.GOOD}, {Need.GOOD})
    guard.reserve(PRICE, "bought too").settle(200)
    account.bill(PRICE)
    guard.end()
    spending = guard.spending
    assert (spending.before, spending.after, spending.counted) == (100, 100 - 2 * PRICE, 2 * PRICE)
    assert (spending.stopped, ledger.spent()) == (None, 2 * PRICE)


def test_each_line_of_the_ledger_says_whose_it_is(ledger: Ledger, account: Account) -> None:
    """Lines have the run, the target and the digest of the key; amounts and numbers are those of each request."""
    guard = SpendingGuard(Decimal(5), ledger, Time().pacer(), "live", "0123")
    guard.begin(account.told, {Need.GOOD}, {Need.GOOD})
    guard.reserve(PRICE, "bought").settle(200)
    account.bill(PRICE)
    guard.reserve(Decimal(1), "refused").settle(400)
    guard.end()
    rows = [json.loads(line) for line in ledger.path.read_text().splitlines()]
    assert {(row["target"], row["key"], len(row["run"])) for row in rows} == {("live", "0123", 32)}
    assert len({row["run"] for row in rows}) == 1
    told = [tuple(row.get(name) for name in ("state", "number", "amount", "probe")) for row in rows]
    assert [one for one in told if one[0] != "balance"] == [
        ("reserved", 1, "0.945", "bought"),
        ("spent", 1, "0.945", "bought"),
        ("reserved", 2, "1", "refused"),
        ("released", 2, "0", "refused"),
    ]
    looks = [(row["account"], row["before"], row.get("after")) for row in rows if row["state"] == "balance"]
    assert looks == [("good", "100", None), *[("good", "100", "99.055")] * 2]


def test_without_a_ledger_nothing_passes_that_might_be_billed(account: Account) -> None:
    """A budget alone is not enough, for nobody could tell later what was spent."""
    guard = SpendingGuard(Decimal(5), None, Time().pacer())
    guard.begin(account.told, {Need.GOOD}, {Need.GOOD})
    with pytest.raises(Stopped):
        guard.reserve(PRICE, "it")


def test_what_costs_nothing_asks_for_the_balance_once_so_that_a_refused_key_is_told() -> None:
    """Only the good key is tried, and only where a probe is sent with it."""
    for keys, due in (({Need.GOOD, Need.POOR}, [Need.GOOD]), ({Need.POOR}, [])):
        reads = list[Need]()
        SpendingGuard(None, None, Time().pacer()).begin(lambda key, reads=reads: reads.append(key), keys, ())
        assert reads == due


def test_however_large_the_budget_refusals_are_proved_now_and_then(ledger: Ledger, account: Account) -> None:
    """A charge that nobody planned is noticed while it is one of a few."""
    guard = guarded(ledger, account, "1000")
    guard.reserve(PRICE, "billed silently").settle(400)
    account.bill(PRICE)
    for number in range(19):
        guard.reserve(PRICE, f"probe {number}").settle(400)
    with pytest.raises(Stopped, match="the balance fell"):
        guard.reserve(PRICE, "the next")


def test_a_charge_above_its_price_is_in_the_ledger(ledger: Ledger, account: Account) -> None:
    """What was billed twice ends the run before the next request, and the ledger counts it twice."""
    guard = guarded(ledger, account)
    guard.reserve(PRICE, "bought").settle(200)
    account.bill(2 * PRICE)
    with pytest.raises(Stopped, match="the balance fell by"):
        guard.reserve(PRICE, "the next")
    guard.end()
    guard.end()
    spending = guard.spending
    assert (spending.measured, ledger.spent(), spending.counted, spending.unknown) == (*[2 * PRICE] * 3, ())


@pytest.mark.parametrize(
    ("told", "counted", "unknown"),
    [
        (["PROCESSING", "COMPLETED"], PRICE, ()),
        (["FAILED"], Decimal(0), ()),
        (["QUEUED"], PRICE, ("submitted",)),
        (["COMPLETED", "QUEUED"], PRICE, ()),
        ([], PRICE, ("submitted",)),
    ],
)
def test_a_job_is_billed_as_it_ends(
    ledger: Ledger, account: Account, told: list[str], counted: Decimal, unknown: tuple[str, ...]
) -> None:
    """A job that completes is billed, one that fails is not, and one whose end nobody saw counts as billed."""
    guard = guarded(ledger, account)
    guard.reserve(PRICE, "submitted").settle(200, "8c2f")
    guard.again(Request(operation="status"), job_step("another", "FAILED"), 0)
    for status in told:
        guard.again(Request(operation="status"), job_step("8c2f", status), 0)
    account.bill(PRICE if "COMPLETED" in told else Decimal(0))
    guard.end()
    spending = guard.spending
    assert (spending.counted, spending.unknown, spending.stopped, ledger.spent()) == (counted, unknown, None, counted)


def test_a_ledger_that_cannot_be_kept_ends_the_run(
    ledger: Ledger, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk is full nothing more is sent, and the end of the run is told all the same."""
    guard = guarded(ledger, account)

    def full(*_: object) -> None:
        raise LedgerError("the disk is full")

    monkeypatch.setattr(ledger, "write", full)
    with pytest.raises(Stopped, match="the disk is full"):
        guard.reserve(PRICE, "a probe")
    guard.end()
    assert (guard.spending.counted, guard.spending.stopped) == (0, "the disk is full")


OUTCOMES = st.sampled_from([*UNKNOWN, *REFUSED, 200])
MOVES = st.lists(st.tuples(st.integers(1, 700), OUTCOMES, st.booleans()), max_size=30)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES, budget=st.integers(0, 3000), answered=st.booleans())
def test_whatever_is_billed_the_ledger_says_no_less_and_the_budget_holds(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[int, int | None, bool]], budget: int, answered: bool
) -> None:
    """A target that bills whatever it likes, up to the price, is told at every moment, and takes no more than allowed.

    `answered` says whether the run comes to its end; else it is killed after its last request.
    """
    ledger, account = Ledger(tmp_path_factory.mktemp("run") / "ledger"), Account()
    guard, limit = guarded(ledger, account, str(Decimal(budget) / 100)), Decimal(budget) / 100

    def check() -> None:
        assert account.balance is not None
        assert 100 - account.balance <= ledger.spent() <= limit

    try:
        for number, (cents, status, is_billed) in enumerate(moves):
            reserved = guard.reserve(Decimal(cents) / 100, f"probe {number}")
            account.bill(Decimal(cents) / 100 if is_billed else Decimal(0))
            check()
            reserved.settle(status)
            check()
    except Stopped:
        pass
    if answered:
        guard.end()
    check()
    assert not answered or guard.spending.stopped or guard.spending.counted == ledger.spent()


def answer(status: int, at: float, **headers: str) -> Any:
    """Return a step that was answered with headers, at a moment of the server's clock."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    message = Message((("date", formatdate(at, usegmt=True)), *told.items()), b"{}", 2)
    found = step()
    return replace(found, exchange=replace(found.exchange, status=status, response=message, method="POST"))


POST = Request(operation="generate")


def test_requests_are_spread_over_the_minute() -> None:
    """No two requests are closer than the limit of the account allows, whatever time is lost in between."""
    time = Time()
    pacer = time.pacer(5)
    for _ in range(3):
        pacer.wait()
    time.now += 100
    pacer.wait()
    assert time.slept == [12, 12]


@pytest.mark.parametrize(
    ("ahead", "reset", "slept"),
    [
        (0, "1970-01-12T13:47:10Z", 30),
        (3600, "1970-01-12T14:47:10Z", 30),
        (0, "1970-01-12T15:00:00+00:00", 120),
        (0, "soon", 60),
        (0, "1970-01-12T13:46:00", 0),
    ],
)
@pytest.mark.parametrize("status", [429, 200])
def test_a_limit_that_is_used_up_is_waited_for(status: int, ahead: float, reset: str, slept: float) -> None:
    """After a 429, or the last request, the next waits for the reset by the server's clock, two minutes at most."""
    time = Time()
    guard = SpendingGuard(None, None, time.pacer())
    told = answer(status, time.now + ahead, x_rate_limit_reset_at_utc=reset, x_rate_limit_remaining="0")
    assert guard.again(POST, told, 0) is (status == 429)
    guard.pace()
    assert sum(time.slept) == pytest.approx(slept)


def test_what_may_be_billed_waits_as_everything_does(ledger: Ledger, account: Account) -> None:
    """A reservation is given once its request may be sent."""
    time = Time()
    guard = SpendingGuard(Decimal(5), ledger, time.pacer(5))
    guard.begin(account.told, {Need.GOOD}, {Need.GOOD})
    guard.pace()
    guard.reserve(PRICE, "one").settle(400)
    guard.reserve(PRICE, "two").settle(400)
    assert time.slept == [12, 12]


@pytest.mark.parametrize("status", [429, 502])
def test_a_balance_of_any_key_is_asked_for_again(status: int) -> None:
    """It is wanted, while what else is sent with such a key is over its limit on purpose."""
    guard, found = SpendingGuard(None, None, Time().pacer()), step()
    found = replace(found, exchange=replace(found.exchange, method="GET", status=status, response=None))
    assert guard.again(Request(operation="credits", key=Need.LIMITED), found, 0)
    assert not guard.again(Request(operation="status", key=Need.LIMITED), found, 0)


@pytest.mark.parametrize(
    ("body", "job"),
    [
        ({"status": "QUEUED", "request_id": "8c2f"}, "8c2f"),
        ({"status": "PROCESSING", "request_id": "8c2f"}, "8c2f"),
        ({"status": "COMPLETED", "request_id": "8c2f"}, None),
        ({"status": "QUEUED", "request_id": ""}, None),
        ({"status": "QUEUED", "request_id": 7}, None),
        ({"status": "QUEUED"}, None),
        (["QUEUED"], None),
    ],
)
def test_a_job_is_what_has_begun_and_not_ended(body: Any, job: str | None) -> None:
    """An id that is none could not be recognised in what comes later."""
    assert job_in(step(body=json.dumps(body).encode()).exchange) == job


def test_a_limit_that_is_not_used_up_is_no_reason_to_wait() -> None:
    """An answer that leaves requests, or comes for another key, holds nobody up."""
    time = Time()
    guard = SpendingGuard(None, None, time.pacer())
    guard.again(POST, answer(200, time.now, x_rate_limit_remaining="1"), 0)
    guard.again(replace(POST, key=Need.LIMITED), answer(429, time.now), 0)
    guard.pace()
    assert time.slept == []


@pytest.mark.parametrize("status", [429, *UNKNOWN, *REFUSED, 200])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT"])
def test_only_what_is_surely_unbilled_is_sent_again_and_at_most_twice(method: str, status: int | None) -> None:
    """A 429 is sent again, what changes nothing after a passing trouble too; no POST is whose outcome is unknown."""
    guard, found = SpendingGuard(None, None, Time().pacer()), step()
    found = replace(found, exchange=replace(found.exchange, method=method, status=status, response=None))
    is_safe = method in ("GET", "HEAD", "OPTIONS") and status in (None, 502, 503, 504)
    again = [guard.again(POST, found, repeats) for repeats in range(3)]
    assert again == [status == 429 or is_safe] * 2 + [False]
    assert not guard.again(replace(POST, key=BAD_KEY), found, 0)


# A run against an emulator that meters and bills


@pytest.fixture
def metered(tmp_path: Path) -> Iterator[tuple[Emulator, Asked]]:
    """An emulator in which nobody may do more than pay, and what asks for its verification with a budget."""
    with Emulator(speed="instant", credits=100) as emulator:
        keys = {Need.GOOD: emulator.api_key}
        ledger = tmp_path / "ledger.jsonl"
        yield emulator, Asked(target=emulator.url, keys=keys, budget=Decimal(11), paid=True, ledger=ledger, timeout=20)


def run(asked: Asked, chosen: Sequence[Clause]) -> tuple[Plan, Gathered, Spending]:
    """Verify clauses, and return what came and what it cost."""
    with asked.opened(CONTRACT, lambda *_: pytest.fail("No emulator was asked for.")) as target:
        plan = planned(chosen, replace(target, poll_interval=0.0), asked.costs)
        with asked.guard(CONTRACT, target) as guard:
            gathered = gather(plan, CONTRACT, replace(target, poll_interval=0.0), guard)
            return plan, gathered, guard.spending


def test_a_verification_costs_what_it_says_to_the_cent(metered: tuple[Emulator, Asked]) -> None:
    """With nothing a run ends before the first charge; with the least budget that is named, at its end, billed so."""
    emulator, asked = metered
    risky = [clause for clause in every_clause() if clause.cost in (Cost.FREE_IF_TRUE, Cost.PAID)]
    plan, _, spending = run(replace(asked, budget=Decimal(0)), risky)
    assert (spending.counted, spending.measured, emulator.billed) == (0, 0, 0)
    assert spending.stopped and "of the budget $0.00 is left" in spending.stopped
    asked = replace(asked, budget=plan.least)
    plan, gathered, spending = run(asked, every_clause())
    assert {result.verdict for result in judged(plan, gathered)} == {Verdict.HOLDS, Verdict.SKIPPED}
    assert spending.counted == spending.measured == emulator.billed > 0
    assert Ledger(asked.ledger).spent() == emulator.billed
    assert (spending.unknown, spending.stopped) == ((), None)


def test_everything_that_might_be_billed_has_a_price() -> None:
    """No clause sends a generation of a model that there is, on the account of the good key, past the guard."""
    sent: list[tuple[str, Request]] = []

    class Seen:
        def __init__(self, probe: str) -> None:
            self._probe = probe

        def send(self, request: Request, name: str = "") -> Any:
            sent.append((f"{self._probe} {name}", request))
            return replace(step(), probe=self._probe, name=name)

        def pause(self) -> bool:
            return False

        def advance(self, seconds: float) -> None:
            pass

    for probe in {clause.probe.id: clause.probe for clause in every_clause() if clause.probe}.values():
        with suppress(Exception):  # what came is not what the probe goes on from
            probe.run(Seen(probe.id))
    assert len(sent) > 200
    for what, request in sent:
        is_paid = request.operation in GENERATIONS and request.method in (None, "POST") and request.key is Need.GOOD
        is_known = request.values.get("model", CONTRACT.model.slug) in CONTRACT.models
        assert not (is_paid and is_known and not request.fault) or request.price > 0, what


def test_ctrl_c_ends_a_run_with_all_that_was_paid_for(metered: tuple[Emulator, Asked]) -> None:
    """An interrupted run has its evidence, has compared the balance, and says what its last request may have cost."""
    _, asked = metered
    body = CONTRACT.model.example
    bought = Request(
        operation="submit", values={"model": CONTRACT.model.slug}, json=body, price=Decimal("2.1"), bought=True
    )

    def interrupted(sender: Sender) -> None:
        sender.send(bought)
        raise KeyboardInterrupt

    probe = Probe("interrupted", Cost.PAID, interrupted, frozenset({Need.GOOD}), 1, bought.price)
    clause = Clause("interrupted", "It is.", "", (), lambda _: holds(), probe)
    plan, gathered, spending = run(asked, [clause])
    assert (gathered.stopped, spending.unknown, spending.counted) == (
        "it was interrupted",
        ("interrupted",),
        bought.price,
    )
    assert spending.after is not None and len(gathered.evidence.of("interrupted")) == 1
    found = run_of(
        CONTRACT, Target(name="it", url="", storage_url=""), plan, gathered, judged(plan, gathered), spending
    )
    assert exit_code(found) == 130


@pytest.mark.parametrize("date", ["Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", ""])
def test_a_day_that_cannot_be_ends_no_run(date: str) -> None:
    """A server may say any day, and the next request waits as if it had said none."""
    time = Time()
    guard = SpendingGuard(None, None, time.pacer())
    found = answer(429, time.now, x_rate_limit_reset_at_utc=date)
    headers = (("date", date), ("x-rate-limit-reset-at-utc", "9999-12-31T23:59:59Z"))
    told = replace(found, exchange=replace(found.exchange, response=Message(headers, b"{}", 2)))
    assert guard.again(POST, found, 0) and guard.again(POST, told, 0)
    guard.pace()
    assert sum(time.slept) <= 120


def test_a_clock_that_is_set_back_holds_nobody_up() -> None:
    """No request is waited for longer than two minutes, whatever the clock says."""
    time = Time()
    pacer = time.pacer(5)
    pacer.wait()
    time.now -= 3600
    pacer.wait()
    assert sum(time.slept) <= 120


@pytest.mark.parametrize("key", [Need.POOR, Need.LIMITED, Need.FORBIDDEN])
def test_what_another_key_is_billed_is_proved_by_its_own_balance(ledger: Ledger, key: Need) -> None:
    """A refusal that is billed to another account is noticed there, stops the run, and is in the ledger."""
    accounts = {Need.GOOD: Account(), key: Account("20")}
    guard = SpendingGuard(Decimal(5), ledger, Time().pacer())
    guard.begin(lambda one: accounts[one].balance, accounts.keys(), accounts.keys())
    guard.reserve(PRICE, "of the good key").settle(400)
    guard.reserve(PRICE, "of the other", key).settle(400)
    accounts[key].bill(PRICE)
    guard.end()
    assert guard.spending.stopped and f"the balance of {key.value} fell by $0.945" in guard.spending.stopped
    assert (guard.spending.measured, ledger.spent()) == (PRICE, PRICE)


def test_what_nobody_looks_after_is_not_billed(ledger: Ledger, account: Account) -> None:
    """A request with a key whose balance was not asked for at the beginning is not sent."""
    with pytest.raises(Stopped, match="nobody looks at the balance of a key without credits"):
        guarded(ledger, account).reserve(PRICE, "a probe", Need.POOR)
    assert ledger.spent() == 0


def test_what_an_account_cannot_pay_is_not_asked_of_it(ledger: Ledger) -> None:
    """A balance that does not cover a request ends the run, for its refusal would say nothing else."""
    with pytest.raises(Stopped, match=r"a probe may be billed \$0.945, and the account has \$0.50"):
        guarded(ledger, Account("0.50")).reserve(PRICE, "a probe")
