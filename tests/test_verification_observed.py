"""What was observed, and what of it makes two runs differ: each rule at its edge, on runs that are made up."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from reported import outcome, run, step
from test_verification_compare import UNSETTLED

from mockling.contract.exchange import Message
from mockling.contract.verification.clause import Verdict
from mockling.contract.verification.compare import Comparison, Moved, compare
from mockling.contract.verification.evidence import Step
from mockling.contract.verification.observed import documented, fields, observed, requests_per_minute, within
from mockling.contract.verification.run import Outcome, Run

PENDING, DONE = "PROCESSING", "COMPLETED"


def response(body: Any, *headers: tuple[str, str]) -> Message:
    content = json.dumps(body).encode()
    return Message((("content-type", "application/json"), *headers), content, len(content))


def sent(name: str, status: int | None, body: Any = None, *headers: tuple[str, str], **changes: Any) -> Step:
    """Return a step of that name of one probe."""
    told = response({} if body is None else body, *headers) if status is not None else None
    made = step(status=status, response=told, **{"error": None, "operation": "generate", **changes})
    return replace(made, probe="a", name=name)


def compared(first: Run, second: Run) -> Comparison:
    return compare(first, second, UNSETTLED, datetime.now(UTC), timedelta(days=9999))


def found(first: Iterable[Step], second: Iterable[Step], *outcomes: Outcome) -> dict[str, tuple[str, str, Moved, bool]]:
    """Return what differs between two runs with these steps; the outcomes are the second's."""
    one, other = run(steps=tuple(first)), run(*outcomes, steps=tuple(second))
    return {row.subject: (row.first, row.second, row.moved, row.matters) for row in compared(one, other).observed}


@pytest.mark.parametrize("status", [None, 429, 502, 503, 504])
def test_a_busy_gateway_is_no_other_status(status: int | None) -> None:
    """It says nothing of the promise, whichever of the two runs met it."""
    for pair in ((200, status), (status, 200)):
        assert "status of a it" not in found(*([sent("it", one)] for one in pair))
    assert found([sent("it", 400)], [sent("it", 401)])["status of a it"][:2] == ("400", "401")


def test_orders_of_states_are_shown_as_they_came() -> None:
    """Each order is a list, and several are parted."""

    def polls(*states: str) -> list[Step]:
        of_job: dict[str, Any] = {"operation": "status", "path": "/v2/requests/a/status"}
        return [
            sent(f"poll {number}", 200, {"status": state, "request_id": "a"}, **of_job)
            for number, state in enumerate(states)
        ]

    both = polls("QUEUED", "COMPLETED"), polls("PROCESSING", "FAILED")
    assert found(*both)["states of jobs"][:2] == ("QUEUED, COMPLETED", "PROCESSING, FAILED")


@pytest.mark.parametrize("verdict", [Verdict.BROKEN, Verdict.NOTICE, Verdict.HOLDS])
def test_a_status_is_put_down_to_whom_a_clause_blames(verdict: Verdict) -> None:
    """A clause that is broken, or gives notice, is about the step; one that holds blames nobody."""
    blamed = sent("it", 401)
    moved = found([sent("it", 400)], [blamed], outcome(verdict, "it", blamed))["status of a it"][2]
    assert moved is (Moved.NEITHER if verdict is Verdict.HOLDS else Moved.SECOND)


CLAUSES = [  # the verdicts and causes in two runs, and whether they differ and it matters
    (("holds", ""), ("holds", ""), None),
    (("holds", ""), ("skipped", ""), None),
    (("inconclusive", ""), ("broken", ""), None),
    (("holds", ""), ("notice", ""), (Moved.SECOND, False)),
    (("holds", ""), ("broken", ""), (Moved.SECOND, True)),
    (("notice", ""), ("broken", ""), (Moved.BOTH, True)),
    (("broken", "a"), ("broken", "a"), None),
    (("broken", "a"), ("broken", "b"), (Moved.BOTH, True)),
]


@pytest.mark.parametrize(("first", "second", "due"), CLAUSES)
def test_clauses_differ_in_what_is_said_of_the_target(first: Any, second: Any, due: Any) -> None:
    """Whatever says nothing of it is not compared but counted; facts are those of both runs, each once."""
    turned = {Moved.FIRST: Moved.SECOND, Moved.SECOND: Moved.FIRST}
    made = [replace(outcome(Verdict(word), "it", cause=cause), id="it") for word, cause in (first, second)]
    made[1] = replace(made[1], facts=("P8", "P7"))
    for pair, flip in ((made, False), (made[::-1], True)):
        rows = compared(*(run(one) for one in pair)).clauses
        assert [(row.moved, row.matters) for row in rows] == (
            [(turned.get(due[0], due[0]) if flip else due[0], due[1])] if due else []
        )
        assert all(set(row.facts) == {"P7", "P8", "it"} and len(row.facts) == 3 for row in rows)


def test_runs_are_the_same_unless_something_differs_that_matters() -> None:
    """A clause alone is enough, and so is what was observed alone."""
    held, broken = (replace(outcome(verdict, "it"), id="it") for verdict in (Verdict.HOLDS, Verdict.BROKEN))
    assert not compared(run(held), run(broken)).same
    assert not compared(run(steps=(sent("it", 200),)), run(steps=(sent("it", 400),))).same
    assert compared(run(held), run(replace(outcome(Verdict.NOTICE, "it"), id="it"))).same


def test_notes_say_what_limits_a_comparison() -> None:
    """Other contracts, models and versions, an early end, nothing in common, and clauses judged in one run alone."""
    plain, common = run(steps=(sent("it", 200),)), "No request was sent in both, so nothing that was observed can be"
    assert compared(plain, plain).notes == ()
    other = replace(plain, contract="1", models=("another",), mockling="9", stopped="it was late.", steps=())
    one, two = ([replace(outcome(Verdict.HOLDS), id=str(number)) for number in range(count)] for count in (1, 2))
    assert compared(plain, other).notes == (
        "They were judged by different contracts, so a clause of the same name may promise something else.",
        "They are of different models: a-model, and another.",
        "They were judged by different versions of Mockling: 0.1.0, and 9.",
        "The second run ended early: it was late.",
        f"{common} compared.",
    )
    assert "The first run ended early: it was late." in compared(other, plain).notes
    alone = "judged in one of them alone, and not compared."
    for pair in ((plain, replace(plain, outcomes=tuple(one))), (replace(plain, outcomes=tuple(one)), plain)):
        assert compared(*pair).notes == (f"1 clause was {alone}",)
    assert compared(plain, replace(plain, outcomes=tuple(two))).notes == (f"2 clauses were {alone}",)


@pytest.mark.parametrize("turned", [False, True])
def test_what_either_contract_documents_matters(turned: bool) -> None:
    """A field that one of two contracts promises is missed, in whichever run; what neither does is told alone."""
    bodies = {"output": "https://a/b", "odd": 1}, {}
    answers = [{"D1": answer} for answer in ("json", "video")]
    sides = [run(steps=(sent("it", 200, body),), answers=one) for body, one in zip(bodies, answers, strict=True)]
    rows = {row.subject: row.matters for row in compared(*(sides[::-1] if turned else sides)).observed}
    assert (rows["generate 200: field output"], rows["generate 200: field odd"]) == (True, False)


def test_another_media_type_says_it_all() -> None:
    """Where an answer is of another kind, that its fields are others is not told again; its headers are."""
    text = replace(response({"c": 1}), headers=(("content-type", "text/plain"),))
    rows = found([sent("it", 200, {"a": 1}, ("x-b", "1"))], [replace_response(sent("it", 200), text)])
    assert rows.keys() == {"generate 200: media type", "generate 200: header x-b"}


def replace_response(one: Step, message: Message) -> Step:
    return replace(one, exchange=replace(one.exchange, response=message))


BALANCE = {"credits": 5, "free-credits": 0}


@pytest.mark.parametrize(
    ("body", "cut", "verdict", "moved"),
    [
        ({**BALANCE, "credits": "5"}, 0, Verdict.HOLDS, Moved.SECOND),
        ({**BALANCE, "credits": "5"}, 1, Verdict.HOLDS, Moved.NEITHER),
        ({**BALANCE, "odd": 1}, 0, Verdict.HOLDS, Moved.NEITHER),
        ({**BALANCE, "odd": 1}, 0, Verdict.NOTICE, Moved.SECOND),
    ],
)
def test_an_answer_departs_that_breaks_the_contract_or_is_blamed(
    body: Any, cut: int, verdict: Verdict, moved: Moved
) -> None:
    """By its schema or by a clause; of one that was not kept whole nobody knows."""
    odd = sent("it", 200, body, operation="credits")
    whole = response(body)
    odd = replace_response(odd, replace(whole, size=whole.size + cut))
    rows = found([sent("it", 200, BALANCE, operation="credits")], [odd], outcome(verdict, "it", odd))
    assert [row[2] for row in rows.values()] == [moved]


def test_other_words_are_told_and_do_not_matter() -> None:
    """Only those that stand in one of the runs alone."""
    texts = [[sent("a", 400, error="Both."), sent("b", 400, error=text)] for text in ("One.", "Other.")]
    assert found(*texts) == {"generate 400: words": ("One.", "Other.", Moved.NEITHER, False)}


def limited(*statuses: int) -> list[Step]:
    return [sent("", status) for status in statuses]


@pytest.mark.parametrize(
    ("statuses", "limit"),
    [
        ((400, 400, 429), 2),
        ((400, 400, 400, 429, 400, 429), 3),
        ((400, 429, 400, 429), 2),
        ((400, 429), None),
        ((429, 429), None),
        ((400, 400), None),
    ],
)
def test_a_limit_is_how_many_requests_passed_before_one_was_held_back(statuses: Any, limit: int | None) -> None:
    """One that was held back at once says nothing of it, and no more does a fault that was planned."""
    assert requests_per_minute(limited(*statuses)) == limit
    planned = [replace(one, exchange=replace(one.exchange, fault="status=429")) for one in limited(*statuses)]
    assert requests_per_minute(planned) is None


def test_two_limits_differ_where_both_were_reached() -> None:
    """A run that was not held back has no limit to compare."""
    subject = "requests per minute"
    assert found(limited(400, 400, 429), limited(400, 400, 400, 429))[subject][:3] == ("2", "3", Moved.NEITHER)
    assert subject not in found(limited(400, 400, 429), limited(400, 400, 400))
    assert subject not in found(limited(400, 400, 429), limited(400, 400, 429))


def job(*states: str, request_id: str = "8c2f", **changes: Any) -> list[Step]:
    path = f"/v2/requests/{request_id}/status"
    return [
        sent(f"{request_id} {number}", 200, {"status": state}, path=path, operation="status", **changes)
        for number, state in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("first", "second", "differ"),
    [
        (job("QUEUED", PENDING, DONE), job("QUEUED", PENDING, DONE), False),
        (job("QUEUED", PENDING, DONE), job("QUEUED", DONE, DONE), False),
        (job("QUEUED", PENDING, DONE), job("QUEUED", DONE, PENDING), True),
        (job("QUEUED", DONE, DONE), job("QUEUED", "LOST", DONE), False),
        (job("QUEUED", DONE), job("QUEUED", DONE) + job("FAILED", "QUEUED", request_id="9"), False),
    ],
)
def test_states_differ_if_no_order_is_a_part_of_one_of_the_other_run(first: Any, second: Any, differ: bool) -> None:
    """Who asks seldom sees fewer of them; the order of a job that only one run has is not compared."""
    for pair in ((first, second), (second, first)):
        assert ("states of jobs" in found(*pair)) == differ


def test_every_order_of_either_run_has_one_in_the_other() -> None:
    """A second job that goes another way is a difference, in whichever run it is."""
    names = "QUEUED", DONE
    usual = job(*names) + job(*names, request_id="9")
    odd = job(*names) + job(*reversed(names), request_id="9")
    for pair in ((usual, odd), (odd, usual)):
        assert "states of jobs" in found(*pair)


def test_an_odd_order_is_put_down_to_the_run_that_is_blamed() -> None:
    """A clause of that run is about one of the job's answers."""

    def cut(one: Step) -> Step:  # whose fields nobody can judge
        message = one.exchange.response
        assert message
        return replace_response(one, replace(message, size=message.size + 1))

    usual, odd = (list(map(cut, steps)) for steps in (job("QUEUED", DONE), job(DONE, "QUEUED")))
    assert found(usual, odd)["states of jobs"][2] is Moved.NEITHER
    assert found(usual, odd, outcome(Verdict.BROKEN, "it", odd[1]))["states of jobs"][2] is Moved.SECOND


def test_each_state_of_a_job_is_noted_once_in_a_row() -> None:
    """A job is known by its id in the address, else by that in the answer; a planned failure is no state of it."""
    begun = sent("submit", 200, {"status": "QUEUED", "request_id": "8c2f"}, path="/v2/a-model", operation="submit")
    steps = [begun, *job("QUEUED", PENDING, PENDING, DONE), *job("FAILED", fault="status=422")]
    assert observed(steps)["states"] == [["QUEUED", PENDING, DONE]]
    assert observed([*steps, *job("QUEUED", PENDING, DONE, request_id="9")])["states"] == [["QUEUED", PENDING, DONE]]
    assert within([], []) and within(["a"], ["a", "b"]) and not within(["b", "a"], ["a", "b"])


def test_what_is_seen_of_an_answer_is_its_form() -> None:
    """Kinds of fields and headers, names in small letters, no header of the transport, nothing too deep or long."""
    body = {"a": "5", "b": 5, "c": True, "d": None, "e": [{"f": "https://a"}], "g": "2026-01-01T00:00:00Z"}
    headers = ("X-Cost", "1.5"), ("Date", "now"), ("CF-Ray", "1"), ("x-" + "y" * 300, "0" * 32)
    seen = observed([sent("it", 200, body, *headers)])["answers"]["generate 200"]
    assert {name: kinds[0] for name, kinds in seen["fields"].items()} == {
        "": "object",
        "a": "text",
        "b": "number",
        "c": "true or false",
        "d": "null",
        "e": "array",
        "e[]": "object",
        "e[].f": "URL",
        "g": "time",
    }
    assert seen["headers"] == {"x-cost": ["number"], f"x-{'y' * 198}": ["hexadecimal"]}
    deep: Any = 1
    for _ in range(20):
        deep = [deep]
    assert [path for path, _ in fields(deep)][-1] == "[]" * 12
    assert [*fields(None)] == []


def test_a_media_type_has_no_parameters_and_small_letters() -> None:
    """`Application/JSON; charset=utf-8` is JSON."""
    odd = replace(response({}), headers=(("content-type", " Application/JSON ; charset=utf-8"),))
    seen = observed([replace_response(sent("it", 400, error="No 12."), odd), sent("it", 399, error="No.")])["answers"]
    assert seen["generate 400"]["media_types"] == ["application/json"]
    assert seen["generate 400"]["texts"] == ["No <number>."] and "texts" not in seen["generate 399"]


def test_the_fields_of_every_branch_of_a_schema_are_documented() -> None:
    """Whichever way it is put together."""
    part = {name: {"properties": {name: {"items": {"properties": {"x": {}}}}}} for name in ("anyOf", "oneOf", "allOf")}
    schema = {name: [one] for name, one in part.items()}
    wanted = {"", *(f"{name}{rest}" for name in part for rest in ("", "[]", "[].x"))}
    assert set(documented(schema)) == wanted
