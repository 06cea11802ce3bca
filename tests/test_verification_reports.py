"""Reports of a verification: whole and harmless, whatever a server said."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt
from reported import CONTRACT, WHEN, emulator_run, outcome, run, run_full_of, step, texts
from rich.console import Console

from mockling.contract import load
from mockling.contract.exchange import printable
from mockling.contract.verification.clause import Verdict
from mockling.contract.verification.probe import Cost, Probe
from mockling.contract.verification.reports.document import as_json, read_json
from mockling.contract.verification.reports.html import as_html
from mockling.contract.verification.reports.junit import as_junit
from mockling.contract.verification.reports.markdown import as_markdown
from mockling.contract.verification.reports.reading import Unreadable, schema
from mockling.contract.verification.reports.telling import advice
from mockling.contract.verification.reports.terminal import ProgressLine, print_run
from mockling.contract.verification.run import Run, contract_hash, exit_code, groups
from mockling.contract.verification.running import INTERRUPTED, TERMINATED, Plan
from mockling.contract.verification.spending import Spending

LIVE_QUESTION = "Is the live API still what we built against?"


def shown(reported: Run, width: int = 100) -> str:
    file = io.StringIO()
    print_run(Console(file=file, width=width), reported)
    return file.getvalue()


@pytest.mark.parametrize(
    ("verdicts", "stopped", "code"),
    [
        (["holds", "skipped", "notice"], None, 0),
        (["holds", "broken", "inconclusive"], None, 1),
        (["holds", "inconclusive"], None, 3),
        (["holds", "error"], None, 3),
        (["skipped"], None, 3),
        (["skipped", "notice"], None, 0),
        ([], None, 3),
        (["holds", "broken"], "the budget is spent", 4),
    ],
)
def test_the_exit_code_is_that_of_the_worst(verdicts: list[str], stopped: str | None, code: int) -> None:
    """A run that was stopped goes before broken clauses, those before undecided ones; nothing judged is no success."""
    assert exit_code(run(*(outcome(Verdict(verdict)) for verdict in verdicts), stopped=stopped)) == code


def test_clauses_of_one_root_cause_are_one_group() -> None:
    """What one cause broke is told once, the largest group first; values in quotes make no cause of their own."""
    alone = outcome(Verdict.BROKEN, 'got "7"', cause="alone")
    several = [outcome(Verdict.BROKEN, f'got "{value}"') for value in range(3)]
    found = groups(run(alone, *several, outcome(Verdict.HOLDS)))
    assert [[told.id for told in group.outcomes] for group in found] == [[told.id for told in several], [alone.id]]


def test_a_contract_has_the_same_hash_however_it_is_loaded() -> None:
    """The hash is that of the promises: a profile's answers give the profile's hash, another answer another."""
    observed = load("observed")
    assert contract_hash(load("documented", observed.answers)) == contract_hash(observed) != contract_hash(CONTRACT)


def test_a_json_report_is_read_as_the_run_that_it_was(tmp_path: Path) -> None:
    """A run of the emulator survives being written and read, and keeps the published schema."""
    path = tmp_path / "run.json"
    path.write_text(as_json(emulator_run()), "utf-8")
    assert read_json(path) == emulator_run()
    Draft202012Validator(schema()).validate(json.loads(path.read_text("utf-8")))


@given(texts, st.binary(max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_json_report_holds_whatever_was_said(tmp_path: Path, text: str, body: bytes) -> None:
    """Any text and any body gives a report that keeps the schema and is read as it was, but for what is no Unicode."""
    path, reported = tmp_path / "run.json", run_full_of(text.encode("utf-8", "replace").decode(), body)
    path.write_text(as_json(reported), "utf-8")
    Draft202012Validator(schema()).validate(json.loads(path.read_text("utf-8")))
    assert read_json(path) == reported
    as_json(run_full_of(text, body)).encode()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "is no JSON"),
        (b'{"a":' * 100_000, "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        (b"[]", "is not a report"),
        (b" " * (50 * 1024**2 + 1), "larger than 50 MiB"),
    ],
)
def test_what_is_no_report_is_refused_in_a_sentence(tmp_path: Path, content: bytes, why: str) -> None:
    """A file that is not a report says so in one sentence that names it."""
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=rf"^\S*run\.json [^\n]*{why}[^\n]*\.$"):
        read_json(path)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"began": "2026-99-99T00:00:00"},
        {"spending": {}},
        {"clauses": [{"verdict": "fine"}]},
        {"evidence": {"log": {"entries": []}}},
    ],
)
def test_a_report_that_makes_no_sense_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """A report of another format, or with parts that lead nowhere, is refused in one sentence."""
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**json.loads(as_json(run_full_of("a"))), **change}), "utf-8")
    with pytest.raises(Unreadable, match=r"^[^\n]+\.$"):
        read_json(path)


def test_a_report_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A file that does not exist is refused in one sentence."""
    with pytest.raises(Unreadable, match="cannot be read"):
        read_json(tmp_path / "none.json")


class Tags(HTMLParser):
    """The tags and the texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[str]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, [name for name, _ in attrs]))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(texts.filter(str.strip), st.binary(max_size=40))
def test_no_text_becomes_markup_of_the_page(text: str, body: bytes) -> None:
    """Whatever a server says, the page has the tags it always has, and no character that HTML cannot hold."""
    page = as_html(run_full_of(text, body))
    harmless = Tags(as_html(run_full_of("told", body)))
    assert Tags(page).tags == harmless.tags
    assert not {"script", "link", "img", "iframe", "form"} & {tag for tag, _ in harmless.tags}
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]", page)


def test_the_page_loads_nothing() -> None:
    """The page names no address to load from, and forbids it besides."""
    page = as_html(emulator_run())
    assert not re.search(r"(src|href)=\"(?!#)|url\(|@import", page)
    assert "default-src 'none'" in page


@given(texts, st.binary(max_size=40))
def test_junit_is_xml_whatever_was_said(text: str, body: bytes) -> None:
    """The report parses, and counts as many of each as there are; a run that was stopped is an error in it."""
    root = ElementTree.fromstring(as_junit(run_full_of(text, body)))
    totals = {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert totals == {"tests": "7", "failures": "1", "errors": "3", "skipped": "1"}
    assert len(root.findall("testsuite/testcase/error[@type='stopped']")) == 1


@given(texts.filter(str.strip), st.binary(max_size=40))
def test_no_text_becomes_markup_of_the_markdown(text: str, body: bytes) -> None:
    """Whatever a server says, the comment has the blocks and the HTML it always has, and mentions nobody."""

    def parts(reported: Run) -> tuple[list[str], list[str]]:
        tokens = MarkdownIt("commonmark").enable("table").parse(as_markdown(reported))
        every = [inner for token in tokens for inner in (token, *(token.children or ()))]
        code = ["".join(part.content.split()) for part in every if part.type == "code_inline"]
        return [part.type for part in every if part.type not in ("text", "softbreak")], code

    (odd, told), (plain, said) = parts(run_full_of(text, body)), parts(run_full_of("told", body))
    assert told == [part.replace("told", "".join(printable(text).split())) for part in said]
    assert odd == plain


@given(texts, st.binary(max_size=40))
def test_the_terminal_gets_no_control_characters(text: str, body: bytes) -> None:
    """What a server says moves no cursor and sets no colour; piped, nothing does."""
    assert "".join(shown(run_full_of(text, body)).split("\n")).isprintable()


def test_failures_come_first_and_the_answer_last() -> None:
    """On the terminal broken clauses stand above others, and the answer, the cost and the advice end it."""
    outcomes = [outcome(verdict, f"{verdict} text", step()) for verdict in reversed(Verdict)]
    told = shown(run(*outcomes, spending=Spending(budget=Decimal(5), counted=Decimal("1.89"))))
    at = [told.index(verdict.upper()) for verdict in ("broken", "error", "inconclusive", "notice", "skipped")]
    assert at == sorted(at)
    last = told.splitlines()[-4:]
    assert last[0] == LIVE_QUESTION
    assert last[1] == "No. 1 of the 5 clauses that were checked is broken."
    assert last[2].startswith("Cost: $1.89, of a budget of $5.00.")
    assert last[3].startswith("Next: ")


@pytest.mark.parametrize("form", [as_html, as_markdown, shown])
@pytest.mark.parametrize(
    ("verdicts", "stopped", "answer"),
    [
        (["holds"], None, "Yes"),
        (["holds", "skipped"], None, "Yes, as far as it was checked"),
        (["holds", "broken"], None, "No"),
        (["holds", "broken"], "why", "No"),
        (["holds"], "why", "Unknown"),
        (["inconclusive"], None, "Unknown"),
    ],
)
def test_a_stranger_finds_the_answer_and_the_cost(
    form: Callable[[Run], str], verdicts: list[str], stopped: str | None, answer: str
) -> None:
    """Each report for people answers in words, says what it cost, when it was and which contract it is about."""
    spending = Spending(budget=Decimal(5), counted=Decimal("1.89"), before=Decimal(10), after=Decimal("8.11"))
    reported = run(*(outcome(Verdict(verdict)) for verdict in verdicts), stopped=stopped, spending=spending)
    text = Tags(form(reported)).text
    assert LIVE_QUESTION in text
    assert re.search(rf"\b{answer}\b[.\s]", text)
    assert "$1.89, of a budget of $5.00. The balance fell by exactly that." in text
    assert f"{WHEN:%Y-%m-%d %H:%M:%S} UTC" in text and "sha256 000000000000" in text


@pytest.mark.parametrize(
    ("spending", "told"),
    [
        (Spending(budget=Decimal(5)), "Nothing, of a budget of $5.00. The balance was not read"),
        (
            Spending(budget=Decimal(5), counted=Decimal(1), before=Decimal(9), after=Decimal(7)),
            "fell by $2.00, which is",
        ),
        (Spending(budget=Decimal(5), counted=Decimal(1), unknown=("a", "b")), "The outcome of 2 requests is unknown"),
    ],
)
def test_what_is_not_certain_of_the_cost_is_said(spending: Spending, told: str) -> None:
    """A balance that was not read or tells otherwise, and an outcome nobody knows, stand beside the sum."""
    assert told in as_markdown(run(outcome(Verdict.HOLDS), spending=spending))


@pytest.mark.parametrize(("before", "after", "measured"), [(9, 7, 2), (7, 9, -2), (None, 7, None), (7, None, None)])
def test_a_balance_is_compared_if_it_was_read_twice(
    before: int | None, after: int | None, measured: int | None
) -> None:
    """One look alone says nothing; a balance that rose is told as it is."""
    amounts = [None if amount is None else Decimal(amount) for amount in (before, after)]
    assert Spending(before=amounts[0], after=amounts[1]).measured == measured


def test_progress_is_shown_to_those_who_look_alone() -> None:
    """On a terminal the line counts probes and dollars; in a pipe there is none."""
    probes = [Probe(f"a.{number}", Cost.FREE, lambda sender: sender) for number in range(3)]
    plan, told = Plan((), tuple(probes), {}), {}
    for terminal in (True, False):
        file = io.StringIO()
        console = Console(file=file, force_terminal=terminal, width=100)
        with ProgressLine(console, plan, lambda: Decimal("1.89")) as line:
            for probe in probes:
                line(probe)
        told[terminal] = file.getvalue()
    assert "2/3" in told[True] and "$1.89 spent" in told[True] and "a.2" in told[True]
    assert told[False].strip() == ""


def test_a_recording_costs_nothing() -> None:
    """The report of a recording says so, whatever the recorded run cost."""
    assert "Nothing: a recording was judged again." in as_markdown(replace(run(), recording="run.har"))


def test_where_nobody_looks_a_line_tells_each_minute_how_far_a_run_is() -> None:
    """A log shows that a run goes on, and what it has spent, once in a minute and not more."""
    probes = tuple(Probe(f"a.{number}", Cost.FREE, lambda _: None) for number in range(5))
    file, times = io.StringIO(), iter([0.0, 30.0, 60.0, 60.0, 90.0, 119.0, 150.0, 150.0])
    line = ProgressLine(Console(file=file), Plan((), probes, {}), lambda: Decimal("1.89"), lambda: next(times))
    for probe in probes:
        line(probe)
    assert file.getvalue().splitlines() == ["1 of 5 probes, $1.89 spent", "4 of 5 probes, $1.89 spent"]


@pytest.mark.parametrize("form", [as_html, as_markdown, shown])
def test_a_yes_to_chosen_clauses_is_none_to_all(form: Callable[[Run], str]) -> None:
    """Where --only chose the clauses, the answer says so, and is no plain yes."""
    text = Tags(form(run(outcome(Verdict.HOLDS), only=("a.*",)))).text
    assert "Yes, as far as it was checked" in text and "No others than a.* were chosen." in text


@pytest.mark.parametrize(("stopped", "code"), [(INTERRUPTED, 130), (TERMINATED, 143)])
def test_an_interrupted_run_is_read_again(tmp_path: Path, stopped: str, code: int) -> None:
    """The JSON report of a run that Ctrl-C or SIGTERM ended keeps the schema, as any other."""
    path, reported = tmp_path / "run.json", run(outcome(Verdict.HOLDS), stopped=stopped, only=("a.*",))
    path.write_text(as_json(reported), "utf-8")
    assert (read_json(path), exit_code(reported)) == (reported, code)


def test_advice_fits_what_happened() -> None:
    """A key that is refused, a balance that nobody tells and a dispute are named; a second charge is warned of."""
    refused = step(operation="credits", method="GET", status=401)
    taken = step(operation="credits", method="GET", status=200)
    disputed = replace(outcome(Verdict.BROKEN), facts=("P13", "D1"))
    billed = Spending(budget=Decimal(2), counted=Decimal(1), before=Decimal(9), after=Decimal(8))
    assert "refused the key: check SEGMIND_API_KEY" in advice(run(outcome(Verdict.BROKEN), steps=(refused,)))
    assert "refused the key" not in advice(run(outcome(Verdict.BROKEN), steps=(refused, taken)))
    assert "why the balance cannot be read" in advice(run(stopped="why", spending=Spending(budget=Decimal(2))))
    assert "D1 is disputed" in advice(run(disputed)) and "disputed" not in advice(run(outcome(Verdict.BROKEN)))
    assert "billed again" in advice(run(disputed, spending=billed)) and "billed" not in advice(run(disputed))
