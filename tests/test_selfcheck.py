"""What the clauses would notice, and what they must not call a break."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner

from mockling.cli import main
from mockling.contract import load
from mockling.contract.verification.clause import Verdict
from mockling.emulator.mutation import bench as benches
from mockling.emulator.mutation import running
from mockling.emulator.mutation.bench import AlarmedError, Bench, Loaded
from mockling.emulator.mutation.catalogue import mutants
from mockling.emulator.mutation.equivalent import Equivalent, equivalents
from mockling.emulator.mutation.mutant import Kind, Mutant
from mockling.emulator.mutation.running import Tried, chosen, tried
from mockling.emulator.mutation.schemas import variants

KNOWN = {mutant.id: mutant for mutant in mutants(load())}
SAMPLES = (  # one of each sort; `mockling selfcheck` tries them all
    "*.duration.enum.without.9",
    "status.422.body.error.null",
    "generate.200.header.x-cost.dropped",
    "life.record_seconds.early",
    "money.generate.twice",
    "refusals.key.result.bearer",
    "gateway.redirect.credits",
    "files.download.shifted",
    "guard.generate.400",
)
BENIGN = ("benign.header", "benign.reworded", "benign.at-once")  # of the answers, of the words, of time


def named(pattern: str) -> Mutant:
    """Return the one mutant of a pattern."""
    found = chosen(load(), [pattern])
    assert len(found) == 1, [mutant.id for mutant in found]
    return found[0]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A bench that is used for many mutants, as it is meant to be."""
    with Bench(Loaded()) as opened:
        yield opened


@pytest.mark.parametrize("pattern", SAMPLES)
def test_drift_is_noticed(bench: Bench, pattern: str) -> None:
    """One mutant of each sort is noticed, as a break."""
    noticed = bench.outcome(named(pattern)).noticed
    assert noticed is not None
    assert noticed.verdict is Verdict.BROKEN


@pytest.mark.parametrize("name", BENIGN)
def test_what_breaks_nobody_is_no_break(bench: Bench, name: str) -> None:
    """A benign change breaks no clause, and makes no check fail."""
    outcome = bench.outcome(KNOWN[name])
    assert (outcome.noticed, outcome.failed) == (None, ())


def test_a_mutant_leaves_nothing_behind(bench: Bench) -> None:
    """After mutants of every sort the emulator is as it was: what changes nothing is noticed by nobody."""
    for pattern in ("life.record_seconds.early", "money.generate.twice", "guard.generate.400"):
        bench.outcome(named(pattern))
    unchanged = Mutant(id="none", kind=Kind.MONEY, sentence="Nothing.", place="#", change=lambda _: None)
    assert bench.outcome(unchanged).noticed is None


def test_clauses_that_find_fault_with_the_emulator_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tried while the emulator as it is breaks a clause, which is named."""
    begin = benches.Changeable.changed
    broken = KNOWN["credits.200.body.credits.dropped"]
    monkeypatch.setattr(benches.Changeable, "changed", lambda self, _: begin(self, broken.change))
    with pytest.raises(AlarmedError, match=r"credits"), Bench(Loaded()):
        pass  # pragma: no cover


def test_processes_find_what_one_finds(bench: Bench) -> None:
    """What is noticed, and by whom, does not depend on how many processes there are, or on when."""
    names = ["life.never-starts", "upload.200.status.201"]
    once = [(name, bench.outcome(KNOWN[name]).noticed) for name in names]
    assert [(one.mutant, one.noticed) for one in tried(Loaded(), names, 2, lambda _: None)] == once


def test_every_keyword_of_a_schema_is_changed() -> None:
    """Each keyword that says what is valid has a variant, at any depth."""
    schema = load().model.schema
    changed = {variant.steps for variant in variants(schema)}

    def keywords(node: object, *steps: str) -> Iterator[tuple[str, ...]]:
        if isinstance(node, dict):
            idle = {"description", "default", "properties", "items", "type" if "enum" in node else ""}
            yield from ((*steps, name) for name in node.keys() - idle if not name.startswith("x-"))
            for name, part in node.get("properties", {}).items():
                yield from keywords(part, *steps, "properties", name)
            yield from keywords(node.get("items"), *steps, "items")

    missing = [steps for steps in keywords(schema) if not any(one[: len(steps)] == steps for one in changed)]
    assert missing == []


def test_every_documented_answer_is_changed() -> None:
    """Each status of each operation has a mutant that answers with another."""
    contract = load()
    wanted = {f"{name}.{status}.status" for name, item in contract.operations.items() for status in item["responses"]}
    assert wanted <= {name.rpartition(".")[0] for name in KNOWN}


def test_every_equivalent_is_of_some_mutant() -> None:
    """Each entry of the list of equivalents covers a mutant, and says why."""
    for entry in equivalents():
        assert any(entry.covers(mutant) for mutant in KNOWN.values()), entry.mutants
        assert entry.reason.endswith(".")


def outcome(mutant: Mutant, *, noticed: bool) -> benches.Outcome:
    seen = benches.Noticed("clause", Verdict.BROKEN, "this", "that") if noticed else None
    return benches.Outcome(mutant.id, seen, 1, 0.0)


def test_an_entry_of_which_every_mutant_is_noticed_is_an_error() -> None:
    """What is called equivalent, and is noticed all the same, is told, and the check fails."""
    mutant = KNOWN["life.backwards"]
    entry = Equivalent("life.*", "Because.")
    for noticed, whole, good in ((True, True, False), (True, False, True), (False, True, True)):
        result = Tried((mutant,), (outcome(mutant, noticed=noticed),), (entry,), (), whole)
        assert (result.good, bool(result.idle)) == (good, not good)


def test_too_many_survivors_or_one_alarm_or_purchase_is_too_much() -> None:
    """At least 98 % must be noticed, no benign change may be, and four clauses at most may buy something."""
    some = [mutant for mutant in KNOWN.values() if not mutant.benign][:100]
    benign = KNOWN["benign.header"]
    for survivors, alarm, paid, good in (
        (2, False, 4, True),
        (3, False, 4, False),
        (0, True, 4, False),
        (0, False, 5, False),
    ):
        outcomes = [outcome(mutant, noticed=index >= survivors) for index, mutant in enumerate(some)]
        outcomes.append(outcome(benign, noticed=alarm))
        result = Tried((*some, benign), tuple(outcomes), (), ("paid",) * paid, True)
        assert result.good is good
        assert len(result.survivors) == survivors


def test_the_command_tells_what_became_of_each(tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It prints how many were noticed, and writes every mutant with the clause that noticed it."""
    monkeypatch.setattr(running, "Bench", lambda _: nullcontext(bench))
    file = tmp_path / "selfcheck.json"
    arguments = ["selfcheck", "--only", "money.x-cost.*", "--only", "benign.header", "--jobs", "1", "--json", str(file)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "100.0% of the mutants that are not equivalent were noticed" in result.output
    rows = {row["id"]: row["noticed_by"] for row in json.loads(file.read_text())["mutants"]}
    assert rows["benign.header"] is None
    assert rows["money.x-cost.a-cent-more"]["clause"] == "generate.cost"


def test_the_command_lists_its_mutants() -> None:
    """`--list` prints each with what it does, and tries none."""
    result = CliRunner().invoke(main, ["selfcheck", "--only", "life.n*", "--list"])
    assert result.exit_code == 0
    assert result.output.splitlines()[0] == "life.never-ends  A job never ends."


def test_a_pattern_of_no_mutant_is_not_understood() -> None:
    """A misspelt pattern is an error of use, which says how to see what there is."""
    result = CliRunner().invoke(main, ["selfcheck", "--only", "no.such"])
    assert result.exit_code == 2
    assert "--list" in result.output
