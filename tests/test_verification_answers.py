"""Clauses of answers: each is there to be judged, breaks alone where its promise is broken, and is open to the rest."""

import json
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockling.contract import Contract, load
from mockling.contract.exchange import Exchange, Message
from mockling.contract.facts import fact
from mockling.contract.verification.answers import answer_clauses
from mockling.contract.verification.clause import Clause, Finding, Severity, Verdict
from mockling.contract.verification.evidence import Evidence, Step
from mockling.contract.verification.guard import Unguarded
from mockling.contract.verification.probe import Cost, Need, Probe, Request, Sender
from mockling.contract.verification.provoked import file_requests, provoked_clauses
from mockling.contract.verification.running import gather, planned
from mockling.emulator.testing.emulated import emulated

SEEN = json.loads((Path(__file__).parent / "data" / "seen-bodies.json").read_text("utf-8"))["bodies"]
PROFILES = ("documented", "observed")
ODD = st.sampled_from(
    [None, True, -1, 0.5, 10**20, "", "x", "COMPLETED", "QUEUED", "http://[", [], [1], {}, {"cost": 1}]
)
Path_ = tuple[str | int, ...]


def buy(contract: Contract) -> Probe:
    """Return a probe that buys a video on both ways and fetches it, so that answers 200 are there, too."""
    body = contract.model.example

    def run(sender: Sender) -> None:
        sender.send(Request(operation="generate", json=body, bought=True))
        values = {"id": sender.send(Request(operation="submit", json=body, bought=True)).exchange.answer["request_id"]}
        for _ in range(3):  # each moves the job on
            for operation in ("poll", "result", "status"):
                sender.send(Request(operation=operation, values=values))
        done = sender.send(Request(operation="result", values=values)).exchange.answer
        for name, request in file_requests("download", done["output"]):
            sender.send(request, name)

    return Probe("test.buys", Cost.PAID, run, frozenset({Need.GOOD}))


@cache
def recorded(profile: str) -> tuple[Contract, tuple[Clause, ...], Evidence]:
    """Return a contract, its clauses, and what an emulator of that profile answered to all their probes."""
    contract = load(profile)
    bought = Clause("test.buys", "", "#", (), lambda _: Finding(Verdict.HOLDS), buy(contract))
    clauses = (*provoked_clauses(contract), *answer_clauses(contract))
    with emulated(contract, profile=profile) as target:
        plan = planned((*clauses, bought), target, set(Cost))
        gathered = gather(plan, contract, target, Unguarded())
    assert not gathered.failed
    return contract, clauses, gathered.evidence


@cache
def observing(profile: str) -> dict[str, list[Clause]]:
    """Return the clauses of answers by the operation that they are about."""
    found: dict[str, list[Clause]] = {}
    for clause in answer_clauses(load(profile)):
        found.setdefault(clause.id.partition(".")[0], []).append(clause)
    return found


def findings(steps: Iterable[Step], profile: str = "documented") -> dict[str, Finding]:
    """Return what is said of steps, but for what holds and what was not seen."""
    evidence = Evidence(steps)
    operations = {str(step.exchange.operation) for step in evidence}
    clauses = [clause for operation in operations for clause in observing(profile)[operation]]
    told = {clause.id: clause.judge(evidence) for clause in clauses}
    return {name: one for name, one in told.items() if one.verdict not in (Verdict.HOLDS, Verdict.SKIPPED)}


def broken(steps: Iterable[Step], profile: str = "documented") -> list[str]:
    """Return the ids of the clauses that steps break."""
    return [name for name, one in findings(steps, profile).items() if one.verdict is Verdict.BROKEN]


def answers(profile: str = "documented", *, distinct: bool = True) -> list[Step]:
    """Return a step of each kind of answer there is: of each operation, status and state."""
    kinds = {(s.exchange.operation, s.status, state(s), "" if distinct else s.exchange.number): s
             for s in recorded(profile)[2] if s.exchange.response}  # fmt: skip
    return list(kinds.values())


def state(step: Step) -> str:
    """Return the part of the ids that names the branch in which an answer's fields stand."""
    if step.exchange.operation not in ("result", "poll") or step.status != 200:
        return ""
    return "completed." if step.exchange.answer["status"] == "COMPLETED" else "queued-or-processing."


def message(step: Step) -> Message:
    """Return the response of a step."""
    assert step.exchange.response
    return step.exchange.response


def changed(step: Step, **changes: Any) -> Step:
    """Return a step whose response is another."""
    if "body" in changes:
        changes = {"size": len(changes["body"]), **changes}
    return replace(step, exchange=replace(step.exchange, response=replace(message(step), **changes)))


def with_json(step: Step, value: Any) -> Step:
    """Return a step whose response has another JSON body."""
    return changed(step, body=json.dumps(value).encode())


def with_header(step: Step, name: str, *values: str) -> Step:
    """Return a step whose response has another header, or none of that name."""
    kept = tuple(pair for pair in message(step).headers if pair[0] != name)
    return changed(step, headers=(*kept, *((name, value) for value in values)))


def fields(value: Any, *path: str | int) -> Iterator[Path_]:
    """Yield the path of every field and item in a JSON value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in pairs:
        yield (*path, name)
        yield from fields(part, *path, name)


def put(value: Any, path: Path_, change: str) -> Any:
    """Return a JSON value with a field that is dropped, renamed, nulled or of another type."""
    whole = deepcopy(value)
    holder = whole
    for name in path[:-1]:
        holder = holder[name]
    old = holder[path[-1]]
    if change in ("dropped", "renamed"):
        del holder[path[-1]]
    if change == "renamed":
        holder[f"{path[-1]}_"] = old
    if change in ("nulled", "retyped"):
        holder[path[-1]] = None if change == "nulled" else 5 if isinstance(old, str | dict | list) else str(old)
    return whole


def clause_of(step: Step, path: Path_) -> str:
    """Return the id of the clause about a field of an answer."""
    branch = "" if path == ("status",) else state(step)
    told = "".join("[]" if isinstance(name, int) else f".{name}" for name in path).removeprefix(".")
    return f"{step.exchange.operation}.{step.status}.body.{branch}{told}"


@pytest.mark.parametrize("profile", PROFILES)
def test_an_emulator_shows_and_keeps_every_promise(profile: str) -> None:
    """Every status is provoked, every header and field is seen, and all are as documented."""
    contract, clauses, evidence = recorded(profile)
    told = {clause.id: clause.judge(evidence) for clause in clauses}
    assert {name: one for name, one in told.items() if one.verdict is not Verdict.HOLDS} == {}
    statuses = {
        (operation, int(status)) for operation, part in contract.operations.items() for status in part["responses"]
    }
    assert statuses <= {(step.exchange.operation, step.status) for step in evidence}


@pytest.mark.parametrize("profile", PROFILES)
def test_each_clause_says_where_it_stands_and_what_it_rests_on(profile: str) -> None:
    """Its place is one of the settled document, its facts are known, its sentence ends, and no other has its id."""
    contract, clauses, _ = recorded(profile)
    assert len({clause.id for clause in clauses}) == len(clauses)
    for clause in clauses:
        node: Any = contract.document
        for step in clause.place.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            node = node[int(name)] if isinstance(node, list) else node[name]
        assert clause.facts
        assert all(fact(name) for name in clause.facts)
        assert clause.sentence.endswith(".")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("change", ["dropped", "renamed", "nulled", "retyped"])
def test_a_changed_field_breaks_its_own_clause_alone(change: str, profile: str) -> None:
    """Of every field of every answer; one that need not be there may be missing."""
    contract = recorded(profile)[0]
    tried = 0
    for step in answers(profile):
        for path in fields(step.exchange.answer):
            if isinstance(path[-1], int) and change in ("dropped", "renamed"):
                continue
            value = put(step.exchange.answer, path, change)
            operation, status = str(step.exchange.operation), step.status or 0
            violations = contract.response_violations(
                operation, status, dict(message(step).headers), json.dumps(value).encode()
            )
            found = broken([with_json(step, value)], profile)
            assert found == ([clause_of(step, path)] if violations else []), path
            assert violations or change in ("dropped", "renamed")
            tried += 1
    assert tried > 100


@pytest.mark.parametrize("profile", PROFILES)
def test_a_changed_header_breaks_its_own_clause_alone(profile: str) -> None:
    """One that must be there may be neither missing nor of another form; one that need not is worth a notice."""
    contract = recorded(profile)[0]
    for step in answers(profile):
        name = f"{step.exchange.operation}.{step.status}.headers"
        response = contract.operations[str(step.exchange.operation)]["responses"][str(step.status)]
        for header, told in response.get("headers", {}).items():
            required = told.get("required", False)
            assert broken([with_header(step, header)], profile) == ([f"{name}.{header}"] if required else [])
            if told["schema"] == {"type": "string"}:
                continue
            found = findings([with_header(step, header, "{another}")], profile)
            assert {key: one.verdict for key, one in found.items()} == {
                f"{name}.{header}": Verdict.BROKEN if required else Verdict.NOTICE
            }
        for header in response.get("x-absent-headers", ()):
            assert broken([with_header(step, header, "60")], profile) == [f"{name}.{header}"]


def test_json_in_a_header_is_looked_at_field_by_field() -> None:
    """A field of it that is missing or null breaks its own clause alone."""
    (step,) = [step for step in answers() if (step.exchange.operation, step.status) == ("generate", 200)]
    value = json.loads(message(step).header("x-output-metadata"))
    assert value
    for name in value:
        for change in ("dropped", "nulled"):
            told = with_header(step, "x-output-metadata", json.dumps(put(value, (name,), change)))
            assert broken([told]) == [f"generate.200.headers.x-output-metadata.{name}"]


@pytest.mark.parametrize("profile", PROFILES)
def test_another_content_type_breaks_one_clause(profile: str) -> None:
    """Of each answer that has a body; a charset is JSON's alone to have."""
    for step in answers(profile):
        name, kind = f"{step.exchange.operation}.{step.status}", message(step).header("content-type")
        free = step.exchange.operation == "asset" and step.status in (200, 206)
        if not kind or free:
            continue
        for other in ("text/plain", "application/json" if "html" in kind or "mp4" in kind else "text/html"):
            assert broken([with_header(step, "content-type", other)], profile) == [f"{name}.media"]
        assert broken([with_header(step, "content-type")], profile) == [f"{name}.media"]
        charset = broken([with_header(step, "content-type", f"{kind}; charset=utf-8")], profile)
        assert charset == ([f"{name}.media"] if kind == "video/mp4" else [])


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("body", [b"", b"null", b"<html>", b'{"credits": NaN}', b"[]"])
def test_a_body_of_another_kind_breaks_one_clause(body: bytes, profile: str) -> None:
    """A body that is no JSON, or none that is an object, is told once, and so is a video that is none."""
    for step in answers(profile):
        name, kind = f"{step.exchange.operation}.{step.status}", message(step).header("content-type")
        judges = kind.startswith("application/json") or (kind == "video/mp4" and step.status == 200)
        assert broken([changed(step, body=body)], profile) == ([f"{name}.body"] if judges else [])


@pytest.mark.parametrize("profile", PROFILES)
def test_an_undocumented_status_breaks_one_clause(profile: str) -> None:
    """Of each operation; that a gateway is busy is no break, even where nobody documents it."""
    for step in answers(profile):
        odd = replace(step, exchange=replace(step.exchange, status=418))
        found = findings([odd], profile)
        assert [(name, one.root) for name, one in found.items()] == [
            (f"{step.exchange.operation}.status", "undocumented status 418")
        ]
        busy = with_json(replace(step, exchange=replace(step.exchange, status=504)), {"error": "busy"})
        assert broken([with_header(busy, "content-type", "application/json")], profile) == []


def test_what_changes_everywhere_has_one_root_cause() -> None:
    """A field that is added to every answer is one notice, one that is missing in every error is one break."""
    errors = [step for step in answers() if step.exchange.error]
    assert len(errors) > 50
    added = findings(with_json(step, {**step.exchange.answer, "error_code": 1}) for step in errors)
    assert {(one.verdict, one.root) for one in added.values()} == {(Verdict.NOTICE, "undocumented field error_code")}
    assert len(added) == len({(step.exchange.operation, step.status) for step in errors})
    lost = findings(with_json(step, put(step.exchange.answer, ("error",), "dropped")) for step in errors)
    assert {(one.verdict, one.root) for one in lost.values()} == {(Verdict.BROKEN, "error is missing")}
    null = findings(with_json(step, put(step.exchange.answer, ("error",), "nulled")) for step in errors)
    assert len({one.root for one in null.values()}) == 1
    assert {one.actual for one in null.values()} == {"null"}


def test_a_field_is_undocumented_at_any_depth() -> None:
    """Its whole path is told; where the document names no fields, none is undocumented."""
    (step,) = [step for step in answers() if state(step) == "completed." and step.exchange.operation == "result"]
    value = deepcopy(step.exchange.answer)
    value["video"]["codec"] = value["metrics"]["gpu"] = value["seed"] = 1
    found = findings([with_json(step, value)])
    assert list(found) == ["result.200.undocumented"]
    assert found["result.200.undocumented"].actual == "metrics.gpu, seed, video.codec"
    running = next(step for step in answers() if state(step) == "queued-or-processing.")
    assert findings([with_json(running, {**running.exchange.answer, "metrics": {"gpu": 1}})]) == {}


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_benign_breaks_nothing(profile: str) -> None:
    """Another order of keys, further fields and headers, other cases and words, and no optional header are welcome."""

    def stirred(value: Any) -> Any:
        if isinstance(value, dict):
            return {"further": None, **{name: stirred(part) for name, part in reversed(value.items())}}
        return value

    for step in answers(profile, distinct=False):
        headers = [*message(step).headers, ("server", "another"), ("set-cookie", "a=b")]
        benign = changed(
            step, headers=tuple((name.title(), value) for name, value in headers if "access-control" not in name)
        )
        if isinstance(step.exchange.answer, dict):
            value = stirred(step.exchange.answer)
            benign = with_json(benign, {**value, **({"error": "In other words."} if "error" in value else {})})
        assert broken([benign], profile) == []


@pytest.mark.parametrize("row", SEEN, ids=[f"{row['operation']}-{row['status']}-{n}" for n, row in enumerate(SEEN)])
def test_bodies_that_were_seen_break_nothing(row: dict[str, Any]) -> None:
    """What the platform is known to send is as the clauses want it, fields that nobody documents included."""
    for profile in [row["profile"]] if "profile" in row else PROFILES:
        body = json.dumps(row["body"]).encode()
        answer = Message((("content-type", "application/json"),), body, len(body))
        exchange = Exchange(1, 0, 0, row["operation"], "GET", "/", "", Message((), b"", 0), row["status"], answer)
        assert findings([Step("seen", "", exchange)], profile) == {}


def test_what_was_not_kept_is_not_judged() -> None:
    """An answer to HEAD has no body, and a long body or a video of a recording may have been cut."""
    for step in answers():
        assert broken([replace(changed(step, body=b""), exchange=replace(step.exchange, method="HEAD"))]) == []
        assert broken([changed(step, body=b"", size=100_000)]) == []
        assert broken([replace(step, exchange=replace(step.exchange, status=None, response=None))]) == []


@given(st.data())
def test_clauses_agree_with_the_contract(data: st.DataObject) -> None:
    """Whatever a body's fields are changed into, some clause is broken exactly if the contract says that it is."""
    profile = data.draw(st.sampled_from(PROFILES))
    contract = recorded(profile)[0]
    step = data.draw(st.sampled_from([step for step in answers(profile) if step.exchange.answer]))
    value = deepcopy(step.exchange.answer)
    for path in data.draw(st.lists(st.sampled_from(list(fields(value))), min_size=1, max_size=3)):
        holder = value
        for name in path[:-1]:
            holder = holder[name] if isinstance(holder, dict) and name in holder else {}
        if isinstance(holder, dict):
            holder[path[-1]] = data.draw(ODD)
    operation, status = str(step.exchange.operation), step.status or 0
    body = json.dumps(value).encode()
    violations = contract.response_violations(operation, status, dict(message(step).headers), body)
    assert bool(broken([changed(step, body=body)], profile)) == bool(violations)


def test_a_status_that_is_not_provoked_is_told() -> None:
    """Another status breaks the clause, a busy gateway or no answer leaves it open, and no request at all skips it."""
    contract, _, evidence = recorded("documented")
    clauses = [clause for clause in provoked_clauses(contract) if clause.probe]
    assert len(clauses) > 90
    for clause in clauses:
        (cited,) = clause.judge(evidence).steps
        assert f".{cited.status}." in clause.id
        told = {
            status: clause.judge(Evidence([replace(cited, exchange=replace(cited.exchange, status=status))])).verdict
            for status in (418, None)
        }
        assert told == {418: Verdict.BROKEN, None: Verdict.INCONCLUSIVE}
        busy = 502 if cited.status != 502 else 504
        step = replace(cited, exchange=replace(cited.exchange, status=busy))
        assert clause.judge(Evidence([step])).verdict is Verdict.INCONCLUSIVE
        assert clause.judge(Evidence([])).verdict is Verdict.SKIPPED


def test_nothing_that_is_sent_can_be_billed() -> None:
    """Every probe is free, and those that would buy are for targets alone whose faults are in our hands."""
    for clause in provoked_clauses(load()):
        assert clause.cost in (Cost.FREE, Cost.STATIC)
        assert not clause.probe or not clause.probe.worst
        if clause.id.startswith(("generate.", "submit.")) and clause.probe:
            assert Need.FAULTS in clause.needs or ".405." in clause.id


def test_notices_are_few() -> None:
    """Only undocumented fields and headers that need not be there are worth no more than a notice."""
    notices = [clause.id for clause in answer_clauses(load()) if clause.severity is Severity.NOTICE]
    assert all(name.endswith(".undocumented") or ".headers." in name for name in notices)
    assert not [name for name in notices if ".x-" in name and "content-type-options" not in name]
