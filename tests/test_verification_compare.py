"""Comparing runs: what differs, who moved, what it settles, and when clauses last held live."""

import json
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from edited import as_status, edited_run, fields, header, of, words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reported import emulator_run, outcome, run, run_against, run_full_of, step, texts

from mockling.cli import main
from mockling.contract import load
from mockling.contract.verification.clause import Verdict
from mockling.contract.verification.compare import Comparison, Moved, compare
from mockling.contract.verification.disputes import Disputes
from mockling.contract.verification.evidence import Evidence
from mockling.contract.verification.observed import observed, skeleton
from mockling.contract.verification.reports.document import as_json
from mockling.contract.verification.run import Run
from mockling.contract.verification.verified import (
    NotLive,
    VerifiedError,
    last_live_pass,
    live_passes,
    record,
    verified_path,
)
from mockling.emulator.settings import read_settings
from mockling.emulator.testing.emulated import accounts

CONTRACT = load()
DISPUTES = Disputes()
VISIBLE = {"D1": "video", "D2": "402", "D3": "hex", "D4": "406", "D5": "at-once", "D6": "pricing", "D7": "coerced"}
FOREVER = timedelta(days=36_500)
NOW = datetime.now(UTC)


class Unsettled(Disputes):
    """Disputes of which no evidence says anything, which takes no time to find out."""

    def settled_by(self, evidence: Evidence) -> dict[str, str | None]:  # noqa: ARG002
        return dict.fromkeys(self.open)


UNSETTLED = Unsettled()


def compared(first: Run, second: Run, disputes: Disputes = UNSETTLED) -> Comparison:
    return compare(first, second, disputes, NOW, FOREVER)


# The other answers, each beside others that are as documented.
HALVES = [{name: VISIBLE[name] for name in names} for names in (("D1", "D4", "D6"), ("D2", "D3", "D5", "D7"))]


LATER = {name: VISIBLE[name] for name in ("D5", "D7")}  # those of the second that the observed profile has not


@cache
def answering(half: int) -> Run:
    """Return the run of an emulator with other answers to some disputes, judged by the contract as documented."""
    answers = HALVES[half]
    return run_against(CONTRACT, answers=answers, accounts=accounts(load(answers=answers)))


@cache
def another() -> Run:
    """Return a run of an emulator whose chance is another."""
    return run_against(CONTRACT, seed=99)


def command_line(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["compare", *arguments], catch_exceptions=False)
    return result.exit_code, result.output


def told(comparison: Comparison) -> set[str]:
    return {one.subject for one in (*comparison.clauses, *comparison.observed)}


def test_two_runs_of_the_same_emulator_are_the_same() -> None:
    """Ids, times and whatever else chance decides are no difference."""
    found = compared(emulator_run(), another())
    assert found.same and not told(found)


def test_what_was_observed_has_no_value_of_chance() -> None:
    """Two seeds give other ids and latencies, and the very same facts; they are plain JSON, and in the report."""
    other = another()
    assert emulator_run().observed == other.observed == observed(other.steps)
    assert json.loads(as_json(other))["observed"] == other.observed
    assert ["QUEUED", "PROCESSING", "COMPLETED"] in other.observed["states"]
    assert other.observed["answers"]["credits 200"]["fields"]["credits"] == ["number"]


@pytest.mark.parametrize("half", [0, 1])
def test_each_answer_to_a_dispute_is_found_in_what_was_seen(half: int) -> None:
    """An emulator with other answers settles those disputes so, and the others as they were."""
    before, after = (DISPUTES.settled_by(one.evidence) for one in (emulator_run(), answering(half)))
    documented = {name: row["profiles"]["documented"] for name, row in DISPUTES.open.items()}
    assert before == {**documented, "D8": None}
    assert after == {**before, **HALVES[half]}


@pytest.mark.parametrize("half", [0, 1])
def test_a_written_profile_answers_as_was_seen(half: int, tmp_path: Path) -> None:
    """What compare writes makes an emulator that does not differ from the run any more."""
    files = [tmp_path / name for name in ("first.json", "second.json", "live.toml")]
    files[0].write_text(as_json(emulator_run()))
    files[1].write_text(as_json(answering(half)))
    code, _ = command_line(*map(str, files[:2]), "--write-profile", str(files[2]))
    assert code == 1
    given = read_settings(files[2], {})
    documented = {name: row["profiles"]["documented"] for name, row in DISPUTES.open.items()}
    effective = load(given.profile, given.answers).answers
    assert {**effective, "D8": "warned"} == {**documented, **HALVES[half]}
    assert (given.profile, given.answers) == (("documented", HALVES[0]), ("observed", {"D1": "json", **LATER}))[half]
    kept = accounts(load(given.profile, given.answers, given.contract))
    again = run_against(CONTRACT, **{**tomllib.loads(files[2].read_text()), "accounts": kept})
    assert not told(compared(answering(half), again))


def test_an_assumed_status_that_was_seen_otherwise_is_written() -> None:
    """A settings file has not only disputes: what was merely assumed follows what came."""
    evidence = edited_run(of("generate", 406, as_status(402))).evidence
    written = DISPUTES.settings(evidence, DISPUTES.settled_by(evidence))
    assert written["contract"]["x-errors"]["low_balance"] == {"status": 402}


def test_two_answers_that_the_contract_has_are_no_fault_of_either() -> None:
    """Each judged by the contract with its own answer, both hold, and what was observed still differs."""
    other = run_against(load(answers={"D1": "video"}), answers={"D1": "video"})
    found = compared(emulator_run(), other)
    assert "generate 200: media type" in told(found) and not found.same
    assert {one.moved for one in found.observed} == {Moved.NEITHER}
    assert any("different contracts" in note for note in found.notes)


@pytest.mark.parametrize("turned", [False, True])
def test_who_moved_is_told(turned: bool) -> None:
    """A status, a missing header and a retyped field are put down to the run that has them."""
    many = fields(lambda body: {**body, "credits": "many"})
    drifted = edited_run(
        of("credits", 401, as_status(418)), of("generate", 200, header("x-cost")), of("credits", 200, many)
    )
    found = compared(*((drifted, emulator_run()) if turned else (emulator_run(), drifted)))
    moved = {one.subject: one.moved for one in found.observed}
    assert {"generate 200: header x-cost", "credits 200: field credits"} < moved.keys()
    assert any(subject.startswith("status of credits") for subject in moved)
    sides = [(one.second, one.first) if turned else (one.first, one.second) for one in found.clauses]
    assert {first for first, _ in sides} == {"holds"}
    assert all(second.startswith(("broken: ", "notice: ")) for _, second in sides)
    guilty = Moved.FIRST if turned else Moved.SECOND
    assert {one.moved for one in (*found.clauses, *found.observed) if one.matters} == {guilty}


def test_what_nobody_should_build_on_is_no_difference_that_matters() -> None:
    """Further fields, further headers and other words are told, and the runs are the same."""
    more = fields(lambda body: body if "error" in body else {**body, "new": 1})
    found = compared(emulator_run(), edited_run(*(of(None, 0, edit) for edit in (header("x-new", "1"), words, more))))
    assert found.same
    assert {"credits 200: header x-new", "credits 200: field new", "credits 401: words"} <= told(found)


def test_only_what_both_were_asked_is_compared() -> None:
    """A run of some clauses does not differ from a run of all; the rest is counted."""
    whole = emulator_run()
    few = replace(whole, steps=whole.steps[:40], outcomes=whole.outcomes[:40])
    found = compared(whole, few)
    assert not told(found) and any("in one of them alone" in note for note in found.notes)


def mirrored(found: Comparison) -> Comparison:
    turned = {Moved.FIRST: Moved.SECOND, Moved.SECOND: Moved.FIRST}

    def side(rows: Any) -> Any:
        return tuple(replace(one, first=one.second, second=one.first) for one in rows)

    def guilty(rows: Any) -> Any:
        return side(replace(one, moved=turned.get(one.moved, one.moved)) for one in rows)

    return replace(found, clauses=guilty(found.clauses), observed=guilty(found.observed), disputes=side(found.disputes))


verdicts = st.lists(st.sampled_from(Verdict), min_size=3, max_size=3)
bodies = st.sampled_from([b"{}", b'{"error": "a"}', b'{"error": 1, "b": [{"c": null}]}', b"[1]", b"no", b"[" * 5000])
statuses = st.sampled_from([200, 400, 401, 502, None])


@st.composite
def runs(draw: st.DrawFn) -> Run:
    sent = tuple(replace(step(draw(texts), draw(bodies), status=draw(statuses)), name=str(i)) for i in range(2))
    judged = [replace(outcome(verdict, "it", *sent[:1]), id=f"a.{i}") for i, verdict in enumerate(draw(verdicts))]
    return run(*judged, steps=sent)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(runs(), runs())
def test_comparing_is_symmetric_and_a_run_does_not_differ_from_itself(one: Run, other: Run) -> None:
    """Whatever came, the order of two runs only swaps the sides, and there is no difference to oneself."""
    assert not told(compared(one, one))
    there, back = compared(one, other), mirrored(compared(other, one))
    for part in ("clauses", "observed", "disputes"):
        assert sorted(map(repr, getattr(there, part))) == sorted(map(repr, getattr(back, part)))


@given(st.uuids(), st.uuids(), st.integers(0, 10**9), st.integers(0, 10**9))
def test_texts_of_the_same_kind_have_one_skeleton(one: Any, other: Any, few: int, many: int) -> None:
    """Ids, numbers and what stands in quotes do not make two texts different."""
    said = [skeleton(f"Request {i} of '{i}' failed after {n:,} s; it can't.") for i, n in ((one, few), (other, many))]
    assert said[0] == said[1] == "Request <id> of <text> failed after <number> s; it can't."


def aged(name: str, days: float, target: str = "live") -> Run:
    """Return a small run that ended so many days ago."""
    return run(outcome(Verdict.HOLDS), target=target, mockling=name, ended=NOW - timedelta(days=days))


def test_a_live_run_grows_stale(tmp_path: Path) -> None:
    """When the newest live run is older than asked for, the exit code is 3, and only then."""
    file = tmp_path / "live.json"
    file.write_text(as_json(aged("it", 10)))
    assert command_line(str(file), str(file), "--max-age", "11")[0] == 0
    code, output = command_line(str(file), str(file), "--max-age", "9")
    assert code == 3 and "STALE" in output


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("ages", "targets", "stale"),
    [
        ((3, 40), ("live", "live"), False),
        ((31, 40), ("live", "live"), True),
        ((3, 40), ("emulator", "live"), True),
        ((40, 3), ("emulator", "live"), False),
        ((40, 40), ("emulator", "http://a"), False),
        ((30, 30), ("live", "live"), False),
    ],
)
def test_the_newest_live_run_decides_whether_a_comparison_is_stale(
    ages: tuple[int, int], targets: tuple[str, str], stale: bool, turned: bool
) -> None:
    """Whichever is named first; no other run makes it fresh, and one that is just as old as allowed is not stale."""
    both = [aged("it", age, target) for age, target in zip(ages, targets, strict=True)]
    found = compare(*(reversed(both) if turned else both), UNSETTLED, NOW, timedelta(days=30)).stale
    assert (found is not None) == stale
    newest = min(age for age, target in zip(ages, targets, strict=True) if target == "live") if stale else 0
    assert not stale or f"of {NOW - timedelta(days=newest):%Y-%m-%d}, more than 30 days ago" in str(found)


def test_the_command_tells_what_moved_and_what_it_settles(tmp_path: Path) -> None:
    """Its table has the clause, the sides, who moved, and the answer; its JSON the same for programs."""
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    first.write_text(as_json(emulator_run()))
    second.write_text(as_json(replace(answering(0), target="live")))
    code, output = command_line(str(first), str(second))
    assert code == 1 and "the second" in output and "What the answers settle" in output
    code, output = command_line(str(first), str(second), "--json")
    told = json.loads(output)
    assert code == 1 and told["same"] is False
    assert told["settings"] == {"profile": "documented", "answers": HALVES[0]}
    assert {"dispute": "D1", "first": "json", "second": "video"}.items() <= told["disputes"][0].items()
    assert [row["target"] for row in told["runs"]] == ["emulator", "live"]


def test_differences_of_one_kind_are_counted_together(tmp_path: Path) -> None:
    """The table names three of them and how many more, with all facts; the last line counts them all."""
    first, second, settings = (tmp_path / name for name in ("first.json", "second.json", "a.toml"))
    for count, due in ((5, ["a.2", "and 2 more", "They differ in 5 points."]), (1, ["They differ in 1 point."])):
        for file, verdict in ((first, Verdict.HOLDS), (second, Verdict.BROKEN)):
            made = [replace(outcome(verdict, "it", cause="c"), id=f"a.{n}", facts=(f"P{n}",)) for n in range(count)]
            file.write_text(as_json(run(*made)))
        code, output = command_line(str(first), str(second), "--max-age", "36500")
        assert code == 1 and all(word in output for word in due), output
        assert "a.3" not in output and f"P{count - 1}" in output
    result = CliRunner().invoke(main, ["compare", str(first), str(second), "--json", "--write-profile", str(settings)])
    assert json.loads(result.stdout)["same"] is False
    assert f"{settings} has the settings" in result.stderr and "written by mockling compare" in settings.read_text()


def test_the_settings_are_those_of_the_live_run_wherever_it_stands(tmp_path: Path) -> None:
    """Of two live runs, or of none, they are the second's."""
    live, other = tmp_path / "live.json", tmp_path / "other.json"
    live.write_text(as_json(replace(answering(0), target="live")))
    other.write_text(as_json(emulator_run()))
    settings = {
        pair: json.loads(command_line(*map(str, pair), "--json")[1])["settings"]
        for pair in [(live, other), (other, other)]
    }
    assert settings == {
        (live, other): {"profile": "documented", "answers": HALVES[0]},
        (other, other): {"profile": "documented"},
    }


@pytest.mark.parametrize("content", [None, "", "{}", "[1]", "\x00"])
def test_what_is_no_report_is_told_in_a_sentence(content: str | None, tmp_path: Path) -> None:
    """A file that is missing, empty or of another kind ends with 2 and one line."""
    file = tmp_path / "none.json"
    if content is not None:
        file.write_text(content)
    code, output = command_line(str(file), str(file))
    assert code == 2 and "Traceback" not in output and len(output.strip().splitlines()) <= 3


def test_hostile_reports_are_shown_without_control_characters(tmp_path: Path) -> None:
    """What a server said cannot steer a terminal."""
    files = tmp_path / "first.json", tmp_path / "second.json"
    for file, body in zip(files, (b"{}", b'{"a\\u001b[31m": 1}'), strict=True):
        file.write_text(as_json(run_full_of("\x1b[31m [bold]", body)))
    code, output = command_line(*map(str, files))
    assert code in (0, 1, 3) and "\x1b" not in output


def test_only_a_live_run_is_kept_as_one(tmp_path: Path) -> None:
    """Neither an emulator, nor another address that calls itself live, nor a recording counts."""
    file = tmp_path / "verified.json"
    live = run(outcome(Verdict.HOLDS))
    for change in ({"target": "emulator"}, {"url": "http://127.0.0.1:1"}, {"recording": "a"}):
        with pytest.raises(NotLive):
            record(replace(live, **change), CONTRACT, file)
    assert not file.exists()
    assert record(live, CONTRACT, file) == 1 and len(live_passes(file)) == 1


@pytest.mark.parametrize("turned", [False, True])
def test_a_clause_keeps_the_day_of_its_last_live_pass(tmp_path: Path, turned: bool) -> None:
    """What breaks later, or was not asked, keeps its day; of two passes the later counts, in whichever order kept."""
    file, held = tmp_path / "verified.json", outcome(Verdict.HOLDS)
    first, second = run(held, contract="1" * 64), replace(outcome(Verdict.BROKEN), id=held.id)
    older = replace(first, ended=first.ended - timedelta(days=1), contract="0" * 64)
    for one in (older, first) if turned else (first, older):
        assert record(one, CONTRACT, file) == 1
    assert record(run(second, ended=first.ended + timedelta(days=1)), CONTRACT, file) == 0
    found = last_live_pass(held.id, file)
    assert found and (found.at, found.contract) == (first.ended, "1" * 64)
    assert last_live_pass("another", file) is None


def test_a_live_pass_is_kept_with_those_of_other_clauses(tmp_path: Path) -> None:
    """What another run found of other clauses stays; only what holds is kept, and a pass in the same second again."""
    file = tmp_path / "verified.json"
    one, other = (replace(outcome(Verdict.HOLDS), id=name) for name in ("one", "other"))
    unclear = [replace(outcome(verdict), id=verdict) for verdict in Verdict if verdict is not Verdict.HOLDS]
    assert record(run(one, *unclear, contract="1" * 64), CONTRACT, file) == 1
    assert record(run(other, contract="2" * 64), CONTRACT, file) == 1
    assert record(run(one, contract="3" * 64), CONTRACT, file) == 1
    assert {name: found.contract[0] for name, found in live_passes(file).items()} == {"one": "3", "other": "2"}


def test_passes_are_kept_in_a_folder_that_is_made(tmp_path: Path) -> None:
    """A time without a zone is one of UTC."""
    file = tmp_path / "a" / "b" / "verified.json"
    assert record(run(outcome(Verdict.HOLDS)), CONTRACT, file) == 1
    file.write_text(file.read_text().replace("+00:00", ""))
    assert [one.at.tzinfo for one in live_passes(file).values()] == [UTC]


def test_only_a_checkout_keeps_passes_in_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed is not written to."""
    monkeypatch.setattr("mockling.contract.verification.verified.HOME", tmp_path / "contract")
    (tmp_path / "contract").mkdir()
    assert not verified_path().is_relative_to(tmp_path)
    (tmp_path / ".git").mkdir()
    assert verified_path() == tmp_path / "contract" / "verified.json"


def test_nothing_has_been_verified_live() -> None:
    """The file in the repository is empty, and says who writes it."""
    kept = json.loads((Path(__file__).parents[1] / "contract" / "verified.json").read_text())
    assert kept["clauses"] == {} and "only" in kept["note"]
    assert verified_path().name == "verified.json"


@pytest.mark.parametrize("content", ["", "[]", '{"format": 9, "clauses": {}}', '{"format": 1, "clauses": {"a": 1}}'])
def test_a_file_that_is_none_is_not_written_over(content: str, tmp_path: Path) -> None:
    """A misspelt name does not cost somebody his file."""
    file = tmp_path / "verified.json"
    file.write_text(content)
    with pytest.raises(VerifiedError):
        record(run(outcome(Verdict.HOLDS)), CONTRACT, file)
    assert file.read_text() == content


def test_no_evidence_settles_nothing() -> None:
    """Who sent nothing knows nothing."""
    assert set(DISPUTES.settled_by(Evidence([])).values()) == {None}
