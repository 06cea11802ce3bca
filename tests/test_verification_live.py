"""Verification of what bills: an unreliable stand-in of the live API, and targets that bill what nobody planned."""

import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Response
from reported import CONTRACT, every_clause
from standing import KEY, PACE, UNRELIABLE, StandIn, standing
from test_cli import started
from test_verification_guard import run
from verified import spoiled

from mockling import fixtures
from mockling.contract.verification.asked import Asked
from mockling.contract.verification.ledger import Ledger
from mockling.contract.verification.probe import Cost, Need
from mockling.emulator import Emulator
from mockling.emulator.http.recording import Draft

# The clauses of the runs that are killed: what is bought, and enough around it.
FEW = ("--only", "*.delivers*", "--only", "submit.fails*", "--only", "*.refuses.*", "--only", "generate.bills*")
BUDGET = Decimal("2.50")
PRICE = min(map(CONTRACT.model.price, CONTRACT.model.combinations()))


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    """A stand-in for the live API."""
    with standing() as running:
        yield running


def test_an_unreliable_target_is_verified_within_its_budget_to_the_cent(stand_in: StandIn, tmp_path: Path) -> None:
    """Metered credits, a limit of 5 requests a minute, slow answers and passing 502s: the cost is told, and is true."""
    stand_in.renew(1, UNRELIABLE[:2])
    outcome = stand_in.verified(tmp_path, Decimal(60))
    outcome.check()
    assert outcome.report and outcome.report["spending"]["stopped"] is None
    assert outcome.code in (0, 3)
    assert KEY not in outcome.told + (tmp_path / "ledger.jsonl").read_text() + (tmp_path / "report.json").read_text()


@pytest.mark.parametrize("moment", ["before 4", "in 7", "after 10", "after 19"])
def test_a_run_that_is_killed_has_spent_no_more_than_its_ledger_says(
    stand_in: StandIn, tmp_path: Path, moment: str
) -> None:
    """Whatever fails, and whenever the run is killed, the ledger counts at least what was billed, within the budget."""
    chance = random.Random(moment)
    stand_in.renew(chance.randrange(9), [fault for fault in UNRELIABLE if chance.random() < 0.7])
    outcome = stand_in.verified(tmp_path, Decimal(30), *FEW, killed=moment)
    assert outcome.code == -signal.SIGKILL, outcome.told
    outcome.check()


@pytest.mark.parametrize(
    ("number", "code", "why"),
    [(signal.SIGINT, 130, "it was interrupted"), (signal.SIGTERM, 143, "it was ended by SIGTERM")],
)
def test_a_run_that_is_interrupted_says_what_was_spent(
    stand_in: StandIn, tmp_path: Path, number: signal.Signals, code: int, why: str
) -> None:
    """Ctrl-C or SIGTERM ends a run with its report and the usual exit code, the balance compared."""
    stand_in.renew(2, [])
    ledger = tmp_path / "ledger.jsonl"
    money = ["--budget", "12", "--ledger", ledger, "--requests-per-minute", PACE]
    with started("verify", stand_in.url, *FEW, *money, env={"SEGMIND_API_KEY": KEY}) as process:
        while not (ledger.exists() and "reserved" in ledger.read_text()):
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
                pytest.fail("It ended before it was interrupted.")
        process.send_signal(number)
        told, errors = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in errors) == (code, False), errors
    assert f"{why}. Cost: " in " ".join(told.split())
    assert stand_in.billed() <= Ledger(ledger).spent() <= 12


def test_two_runs_with_a_key_are_not_under_way_at_once(stand_in: StandIn, tmp_path: Path) -> None:
    """The second is refused in one line, for neither could tell from the balance what it spent."""
    with Ledger(tmp_path / "ledger.jsonl").alone(KEY):
        outcome = stand_in.verified(tmp_path, Decimal(2))
    assert (outcome.code, outcome.report, outcome.billed) == (2, None, 0)
    assert outcome.told.count("\n") == 1 and "Another run with this key is under way" in outcome.told


# Targets that bill what must not be billed. Each changes an answer that was given, and bills its price.
Change = Callable[[Response], object]


def as_json(response: Response) -> None:
    response.status_code = 200
    response.set_data(b'{"output": "https://example.com/video.mp4"}')


def as_video(response: Response) -> None:
    response.status_code = 200
    response.set_data(fixtures.input_clip("valid").read_bytes())
    response.headers["content-type"] = "video/mp4"


def as_job(response: Response) -> None:
    response.status_code = 200
    response.set_data(b'{"request_id": "8c2f", "status": "QUEUED"}')


def as_it_is(_: Response) -> None:
    pass


def cut_off(response: Response) -> None:
    response.headers["content-length"] = "1000000"
    response.status_code = 200


MUTANTS: dict[str, tuple[str, int, Change]] = {
    "a refusal becomes 200 with JSON": ("generate", 400, as_json),
    "a refusal becomes 200 with a video": ("generate", 400, as_video),
    "a refusal becomes a job": ("generate", 400, as_job),
    "a refusal becomes 200 that breaks off": ("generate", 400, cut_off),
    "a refusal is billed": ("generate", 400, as_it_is),
    "a generation that fails is billed": ("generate", 500, as_it_is),
    "a generation that fails becomes 200": ("generate", 500, as_video),
    "an unknown model becomes 200": ("generate", 404, as_json),
    "an unknown model is submitted": ("submit", 404, as_job),
}


@pytest.fixture
def metered(tmp_path: Path) -> Iterator[tuple[Emulator, Asked]]:
    """An emulator that meters credits, and what asks for its verification with a budget."""
    with Emulator(speed="instant", credits=100) as emulator:
        keys, ledger = {Need.GOOD: emulator.api_key}, tmp_path / "ledger.jsonl"
        yield emulator, Asked(target=emulator.url, keys=keys, budget=BUDGET, ledger=ledger, timeout=10)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_what_bills_instead_of_refusing_stops_the_run_inside_its_reservation(
    metered: tuple[Emulator, Asked], monkeypatch: pytest.MonkeyPatch, mutant: str
) -> None:
    """Nothing more is spent than was set aside, one request where its answer tells, and the ledger has it."""
    emulator, asked = metered
    operation, status, change = MUTANTS[mutant]

    def bill(response: Response, draft: Draft) -> None:
        if draft.environ.get("HTTP_X_API_KEY") == emulator.api_key:
            change(response)
            emulator.credit(emulator.api_key, -PRICE)

    spoiled(monkeypatch, bill, operation, status)
    risky = [clause for clause in every_clause() if clause.cost is Cost.FREE_IF_TRUE]
    spending = run(asked, risky)[2]
    billed = 100 - emulator.balance()
    assert spending.stopped is not None
    is_told = change in (as_json, as_video, as_job)
    assert ("instead of a refusal" in spending.stopped) == is_told
    assert billed == PRICE if is_told else 0 < billed <= BUDGET
    assert billed == spending.measured <= Ledger(asked.ledger).spent() <= BUDGET


@pytest.mark.parametrize(("operation", "status"), [("generate", 200), ("submit", 200), ("status", 422)])
def test_what_bills_twice_or_a_failure_stops_the_run(
    metered: tuple[Emulator, Asked], monkeypatch: pytest.MonkeyPatch, operation: str, status: int
) -> None:
    """A charge beyond the price ends the run before the next generation, and is in the ledger."""
    emulator, asked = metered
    spoiled(monkeypatch, lambda *_: emulator.credit(emulator.api_key, -PRICE), operation, status)
    bought = [clause for clause in every_clause() if clause.probe and clause.probe.id.endswith((".delivers", ".fails"))]
    spending = run(replace(asked, budget=Decimal(10), paid=True), bought)[2]
    billed = 100 - emulator.balance()
    assert spending.stopped and "the balance fell" in spending.stopped
    assert billed == spending.measured <= Ledger(asked.ledger).spent()
