"""The command verify: what it asks of whom, what it says, and what it never does."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from calling import GOOD_KEY
from click.testing import CliRunner, Result

from mockling.cli import main
from mockling.contract import Contract, load
from mockling.contract.verification.catalogue import clauses
from mockling.contract.verification.clause import Clause, Verdict
from mockling.contract.verification.reports.document import read_json
from mockling.contract.verification.run import contract_hash
from mockling.contract.verification.verified import live_passes
from mockling.emulator import Emulator
from mockling.emulator.testing.emulated import KEYS

REPORTS = ("json", "junit", "markdown", "html", "har")
SLUG = load().model.slug
PRICE = min(map(load().model.price, load().model.combinations()))  # of the cheapest generation


MADE: dict[str, list[Clause]] = {}


def made_once(contract: Contract) -> list[Clause]:
    """Return the clauses of a contract, which take long to make, made once for all tests."""
    name = contract_hash(contract)
    if name not in MADE:
        MADE[name] = clauses(contract)
    return MADE[name]


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the command make the clauses of each contract once."""
    monkeypatch.setattr("mockling.cli.verify.clauses", made_once)


def verify(*arguments: object, **environment: str) -> Result:
    """Run the command as its users do."""
    return CliRunner().invoke(main, ["verify", *map(str, arguments)], env=environment)


@pytest.fixture
def server() -> Iterator[Emulator]:
    """An emulator at an address, to which the command has no other way than any server's."""
    with Emulator(speed="instant") as running:
        yield running


@pytest.mark.parametrize("profile", ["documented", "observed"])
def test_the_emulator_keeps_every_clause(profile: str, tmp_path: Path) -> None:
    """Of both profiles every clause that can be asked of an emulator holds, and every report tells it.

    The evidence, judged again, says of every clause what the run said; nothing is sent, and there is no key in it.
    """
    files = {name: tmp_path / f"report.{name}" for name in REPORTS}
    options = [part for name, path in files.items() for part in (f"--{name}", path)]
    result = verify("emulator", "--profile", profile, *options)
    assert (result.exit_code, "Yes" in result.stdout) == (0, True), result.output
    run = read_json(files["json"])
    assert {outcome.verdict.value for outcome in run.outcomes} <= {"holds", "skipped"}
    assert len(run.outcomes) == len(made_once(load(profile))) > 900
    assert len(run.of(Verdict.SKIPPED)) <= 1  # that of real time
    assert not [path for path in files.values() for key in KEYS.values() if key in path.read_text("utf-8")]
    again = verify("--from", files["har"], "--profile", profile, "--json", tmp_path / "again.json")
    assert again.exit_code == 0, again.output
    judged = read_json(tmp_path / "again.json").outcomes
    assert {one.id: one.verdict for one in judged} == {one.id: one.verdict for one in run.outcomes}


def test_a_target_that_does_otherwise_is_told_with_what_was_expected(server: Emulator, tmp_path: Path) -> None:
    """A server that answers a dispute the other way breaks clauses: what was expected, what came, how to see it."""
    server.reset(answers={"D4": "406"})
    result = verify(
        server.url,
        "--budget",
        7,
        "--ledger",
        tmp_path / "ledger",
        "--only",
        "*.duration.refuses.*",
        SEGMIND_API_KEY=GOOD_KEY,
    )
    assert result.exit_code == 1, result.output
    assert all(told in result.stdout for told in ("BROKEN", "400", "406", "curl", "$SEGMIND_API_KEY"))
    assert GOOD_KEY not in result.output


def test_without_a_budget_nothing_is_sent_that_could_be_billed(server: Emulator) -> None:
    """Every generation that is asked for without a budget is asked for without a good key, or of no model."""
    result = verify(server.url, SEGMIND_API_KEY=GOOD_KEY)
    assert result.exit_code == 0, result.output
    asked = [
        exchange
        for exchange in server.journal
        if exchange.operation in ("generate", "submit") and exchange.method == "POST"
    ]
    assert asked and not [exchange for exchange in asked if exchange.status == 200 or exchange.seconds is not None]
    assert len([exchange for exchange in asked if exchange.key == "...cdef" and exchange.model == SLUG]) == 0


def test_a_plan_sends_nothing(server: Emulator) -> None:
    """--dry-run tells the probes, the calls and the worst case, and asks nobody."""
    result = verify(server.url, "--dry-run", "--budget", 5, "--paid", SEGMIND_API_KEY=GOOD_KEY)
    assert result.exit_code == 0
    assert (
        "generate.delivers" in result.stdout
        and "at most $0.945" in result.stdout
        and "Nothing was sent." in result.stdout
    )
    assert len(server.journal) == 0


def test_a_paid_run_costs_what_it_says(server: Emulator, tmp_path: Path) -> None:
    """What a run says that the balance fell by is what the account was billed, and no more than was counted."""
    report, ledger = tmp_path / "run.json", tmp_path / "ledger"
    result = verify(
        server.url,
        "--budget",
        4,
        "--paid",
        "--only",
        "*deliver*",
        "--only",
        "submit.fails*",
        "--json",
        report,
        "--ledger",
        ledger,
        SEGMIND_API_KEY=GOOD_KEY,
    )
    assert result.exit_code == 0, result.output
    spending = read_json(report).spending
    assert spending.measured == 100 - server.balance(GOOD_KEY)
    assert spending.measured <= spending.counted <= 4
    assert ledger.read_text() and GOOD_KEY not in ledger.read_text() + report.read_text() + result.output


@pytest.mark.parametrize("budget", [[], ["--budget", "3"]])
def test_a_key_that_is_refused_is_told_before_anything_is_judged(
    server: Emulator, budget: list[str], tmp_path: Path
) -> None:
    """A wrong key is no broken contract: one sentence says which, nothing else is sent, and the command ends with 2."""
    options = [*budget, *(["--ledger", tmp_path / "ledger"] if budget else [])]
    result = verify(server.url, *options, SEGMIND_API_KEY="SG_0000000000000401")
    assert (result.exit_code, "refuses the API key with 401; check SEGMIND_API_KEY" in result.output) == (2, True)
    assert [exchange.operation for exchange in server.journal] == ["credits"]


def test_other_keys_are_billed_and_watched_as_the_good_one(server: Emulator, tmp_path: Path) -> None:
    """With a key without credits, what it is asked for is refused, and its balance is compared, too."""
    server.credit("SG_000000000000a001", -100)
    report = tmp_path / "run.json"
    options = ["--budget", 7, "--only", "*.price.*", "--ledger", tmp_path / "ledger", "--json", report]
    result = verify(server.url, *options, SEGMIND_API_KEY=GOOD_KEY, SEGMIND_POOR_KEY="SG_000000000000a001")
    assert result.exit_code == 0, result.output
    assert {exchange.status for exchange in server.journal if exchange.operation == "generate"} == {406}
    assert (read_json(report).spending.measured, '"account": "poor"' in (tmp_path / "ledger").read_text()) == (0, True)


def test_a_budget_that_does_not_suffice_ends_the_run(server: Emulator, tmp_path: Path) -> None:
    """A request whose worst case is above what is left is not sent, and the run ends there, with 4."""
    result = verify(
        server.url,
        "--budget",
        "1.50",
        "--paid",
        "--only",
        "*deliver*",
        "--ledger",
        tmp_path / "ledger",
        SEGMIND_API_KEY=GOOD_KEY,
    )
    assert result.exit_code == 4, result.output
    assert "is left" in result.stdout
    assert server.balance(GOOD_KEY) == Decimal(100) - PRICE


def test_what_may_cost_more_than_the_whole_budget_is_skipped(server: Emulator, tmp_path: Path) -> None:
    """A probe that no budget of this size could pay for is not planned, and the report says so."""
    options = ["--budget", "0.94", "--paid", "--only", "*deliver*", "--ledger", tmp_path / "ledger"]
    result = verify(server.url, *options, SEGMIND_API_KEY=GOOD_KEY)
    assert (result.exit_code, "more than the whole budget of $0.94" in result.stdout) == (3, True), result.output
    assert server.balance(GOOD_KEY) == 100


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nonsense"], 2, "address such as https://api.segmind.com"),
        ([], 2, "Name one target"),
        (["emulator", "--from", "a.har"], 2, "Name one target"),
        (["emulator", "--budget", "2"], 2, "costs nothing"),
        (["live", "--paid"], 2, "needs a budget"),
        (["live", "--budget", "x"], 2, "US dollars"),
        (["live", "--budget", "nan"], 2, "US dollars"),
        (["emulator", "--only", "nope"], 2, "No clause is of nope"),
        (["emulator", "--html", "/nonexistent/a.html"], 2, "Nothing was sent"),
        (["emulator", "--profile", "x"], 2, "There is no profile"),
        (["emulator", "--answer", "D9=x"], 2, "There is no dispute"),
        (["emulator", "--answer", "D1"], 2, "D1=video"),
        (["live", "--key", "rich=SG_1"], 2, "KIND=KEY"),
        (["live", "--api-key", "SG\tX"], 2, "visible ASCII"),
        (["--from", "/nonexistent.har"], 2, "cannot be read"),
        (["--from", "/nonexistent.har", "--budget", "2"], 2, "A recording costs nothing"),
        (["emulator", "--html", "a.out", "--json", "./a.out"], 2, "One file is named twice"),
        (["http://127.0.0.1:9"], 3, "Nothing answers at"),
        (
            ["http://127.0.0.1:9", "--budget", "1", "--api-key", "SG_1", "--ledger", "/nonexistent/ledger"],
            2,
            "cannot be kept",
        ),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(arguments: list[str], code: int, told: str) -> None:
    """A command that makes no sense, or cannot be carried out, says why and what to do, without a traceback."""
    result = verify(*arguments)
    assert (result.exit_code, told in result.output) == (code, True), result.output
    assert isinstance(result.exception, SystemExit | None)


def test_a_key_in_a_report_ends_the_run_before_it_is_written(tmp_path: Path) -> None:
    """Where a key would stand in a report nothing is written at all, and the command ends with 2."""
    report = tmp_path / "run.json"
    word = "holds"  # as a key it stands in every report
    result = verify("emulator", "--only", "*.duration.takes.*", "--json", report, SEGMIND_API_KEY=word)
    assert (result.exit_code, report.exists()) == (2, False), result.output


def test_a_model_of_ones_own_is_covered_without_code() -> None:
    """A further model, given as a file, has clauses of its own for each parameter, and the emulator keeps them."""
    model = Path(__file__).parent / "data" / "sketch.yaml"
    slug = list(load(models=[model]).models)[-1]
    result = verify("emulator", "--model", model, "--only", f"{slug}.*")
    assert result.exit_code == 0, result.output
    contract = load(models=[model])
    known = [clause.id for clause in made_once(contract) if clause.id.startswith(f"{slug}.")]
    for parameter in contract.models[slug].parameters:
        assert [clause for clause in known if clause.startswith(f"{slug}.{parameter}")], parameter


def test_the_json_report_is_json(tmp_path: Path) -> None:
    """Any program can read it."""
    report = tmp_path / "run.json"
    verify("emulator", "--only", "*.duration.*", "--json", report)
    told = json.loads(report.read_text("utf-8"))
    assert {"format", "target", "contract", "clauses", "spending", "evidence"} <= told.keys()


def test_a_report_that_cannot_be_written_keeps_no_other_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full is told with the file's name and exit code 2; what was found is in the other files."""
    full, whole = tmp_path / "full.json", tmp_path / "whole.har"

    def write(path: Path, content: bytes) -> None:
        if path == full:
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr("mockling.contract.verification.secrets._write", write)
    result = verify("emulator", "--only", "generate.405.*", "--json", full, "--har", whole)
    assert (result.exit_code, f"{full} cannot be written: No space" in result.stderr) == (2, True), result.output
    assert whole.stat().st_size


def test_the_scheduled_workflow_runs_what_there_is(server: Emulator, tmp_path: Path) -> None:
    """The steps of docs/examples/verify-live.yml run, here with the bundled page and against a server of ours."""
    root, command = Path(__file__).parents[1], f"{sys.executable} -m mockling "
    jobs = yaml.safe_load((root / "docs" / "examples" / "verify-live.yml").read_text("utf-8"))["jobs"]
    steps = [step["run"] for job in jobs.values() for step in job["steps"] if "mockling " in step.get("run", "")]
    page, clauses_of_live = (step.replace("mockling ", command, 1) for step in steps)
    some = clauses_of_live.replace("verify live", f"verify {server.url} --only '*deliver*' --only '*checks*'")
    shutil.copy(root / "fixtures" / "pages" / f"{SLUG}.txt", tmp_path / "page.html")
    for script, budget in ((page, "0"), (some, "0"), (some, "4")):
        environment = {**os.environ, "SEGMIND_API_KEY": GOOD_KEY, "BUDGET": budget}
        shell = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
    written = {"report.html", "report.md", "report.json", "evidence.har", "ledger.jsonl"}
    assert {path.name for path in tmp_path.iterdir()} >= written
    assert server.balance(GOOD_KEY) == 100 - 2 * PRICE


@pytest.fixture
def live(server: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An emulator that stands where the live API is."""
    monkeypatch.setattr(Contract, "live_origins", property(lambda _: (server.url, server.url)))
    return server


ONE = ("--only", "status.refuses.no-key")


def test_a_live_run_keeps_what_held_and_its_recording_does_not(live: Emulator, tmp_path: Path) -> None:
    """The file has the clauses that held; neither a recording that is judged again nor a plan changes it."""
    kept, har = tmp_path / "verified.json", tmp_path / "live.har"
    result = verify("live", *ONE, "--verified", kept, "--har", har, SEGMIND_API_KEY=GOOD_KEY)
    assert result.exit_code == 0, result.output
    assert f"{kept} keeps that 1 clauses held live." in result.stderr
    assert live_passes(kept).keys() == {"status.refuses.no-key"}
    kept.unlink()
    assert verify("--from", har, "--verified", kept).exit_code in (0, 3)
    assert verify("live", *ONE, "--dry-run", "--verified", kept, SEGMIND_API_KEY=GOOD_KEY).exit_code == 0
    assert verify(live.url.replace("127.0.0.1", "localhost"), *ONE, "--verified", kept).exit_code == 0
    assert not kept.exists()


def test_what_is_no_file_of_passes_is_told_and_the_run_counts(live: Emulator, tmp_path: Path) -> None:
    """What a run found, and may have cost, does not get lost for a file that is another's."""
    kept = tmp_path / "verified.json"
    kept.write_text("precious")
    result = verify("live", *ONE, "--verified", kept, SEGMIND_API_KEY=GOOD_KEY)
    assert (result.exit_code, "What held live was not kept: " in result.stderr) == (0, True), result.output
    assert (kept.read_text(), len(live.journal) > 0) == ("precious", True)


@pytest.mark.parametrize(
    ("pace", "minutes"), [([], " at 5 a minute about "), (["--requests-per-minute", 60], " at 60 a")]
)
def test_a_plan_for_the_live_api_says_how_long_it_lasts(pace: list[object], minutes: str) -> None:
    """By the pace of the smallest plan, unless another is asked for; nobody waits without knowing it."""
    result = verify("live", *ONE, "--dry-run", *pace, SEGMIND_API_KEY=GOOD_KEY)
    assert (result.exit_code, minutes in result.stdout) == (0, True), result.output
    assert "1 probes of live with 1 calls" in result.stdout
