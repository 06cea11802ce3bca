"""Each promise that is written by hand has been seen to fail.

Nearly all of it is judged from the exchanges of one run of an emulator that keeps its promises, with some responses
changed as a target would that breaks one. A few targets break them for real, where a probe has to go on from a response
that it did not expect.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fnmatch import fnmatch
from typing import Any

import pytest
import verified
from answered import message, with_header
from edited import Edit, as_status, body, edited, fields, file, film, header, of, promises, recorded_promises, words
from flask import Response, request
from reported import CONTRACT
from verified import alarms, ran, spoiled

from mockling.contract.exchange import Exchange, Message
from mockling.contract.verification.clause import Clause, Verdict
from mockling.contract.verification.evidence import Evidence, Step
from mockling.contract.verification.running import Result, judged
from mockling.emulator.http.recording import Draft
from mockling.emulator.platform import ledger
from mockling.emulator.platform.memory import MemoryStore

CENT = Decimal("0.01")


def found(*edits: Edit) -> list[Result]:
    """Return what is found in the recorded exchanges once edits were made to them, one after the other."""
    plan, gathered = recorded_promises()
    return judged(plan, edited(gathered, *edits))


def balances(change: Callable[[Decimal, Step], Decimal]) -> Edit:
    """Return the edit of every balance that is told."""

    def edit(step: Step) -> Step:
        def told(found: Any) -> Any:
            return {**found, "credits": float(change(Decimal(str(found["credits"])), step))}

        return fields(told)(step)

    return of("credits", 200, edit)


def elsewhere(step: Step) -> Step:
    """Return a step that a server sent to another host."""
    path = step.exchange.path
    return replace(step, exchange=replace(step.exchange, path=f"http://localhost:1{path}"))


def longer(step: Step) -> Step:
    """Return a step whose video lasts a second more."""
    video = step.video
    return film(seconds=video["seconds"] + 1, frames=video["frames"] + int(video["fps"]))(step) if video else step


def slower(step: Step) -> Step:
    """Return a step whose video has half as many frames."""
    return film(fps=step.video["fps"] / 2, frames=step.video["frames"] // 2)(step) if step.video else step


def quiet_or_not(step: Step) -> Step:
    """Return a step whose video has sound if it had none."""
    return film(audio=None if step.video["audio"] else "aac")(step) if step.video else step


def backwards(told: Any) -> Any:
    turned = {"PROCESSING": "QUEUED", "QUEUED": "PROCESSING"}
    return {**told, "status": turned.get(told["status"], told["status"])}


def running(step: Step) -> bool:
    return bool(message(step).json["status"] != "COMPLETED")


def of_the_first() -> Edit:
    """Return the edit of all responses to the one that was edited first."""
    first: list[Message] = []

    def edit(step: Step) -> Step:
        first.append(message(step))
        return replace(step, exchange=replace(step.exchange, response=first[0]))

    return edit


# How it is broken, and the clauses that must notice.
EDITS: dict[str, tuple[str, list[Edit]]] = {
    "401 is 400": (
        "*.refuses.no-key *.refuses.a-bad-key *.refuses.a-shapeless-key *.refuses.a-bearer *.checks.key.before.*",
        [of(None, 401, as_status(400))],
    ),
    "404 is 410": (
        """generate.unknown-model submit.unknown-model status.unknown result.unknown poll.unknown result.singular
        path.unknown credits.unknown *.checks.model.before.* expiry.status expiry.result expiry.poll expiry.file
        status.any-content-type submit.singular""",
        [of(None, 404, as_status(410))],
    ),
    "405 is 403": ("*.another-verb *.no-cancel *.checks.method.before.*", [of(None, 405, as_status(403))]),
    "405 is JSON": ("*.another-verb", [of(None, 405, header("content-type", "application/json"))]),
    "405 names nothing": ("*.another-verb.allow", [of(None, 405, header("allow"))]),
    "406 is 400": (
        """generate.refuses.*-content-type generate.low-balance submit.low-balance *.checks.content-type.before.*
        *.checks.credits.before.*""",
        [of(None, 406, as_status(400))],
    ),
    "403 is 404": ("*.forbidden *.checks.permission.before.*", [of(None, 403, as_status(404))]),
    "410 is 404": ("*.retired.*", [of(None, 410, as_status(404))]),
    "429 is 400": ("rate.limited rate.limited.reset *.checks.rate.before.*", [of(None, 429, as_status(400))]),
    "429 says no reset": ("rate.limited.reset", [of(None, 429, header("x-rate-limit-reset-at-utc"))]),
    "429 says Retry-After": ("rate.limited.no-retry-after", [of(None, 429, header("retry-after", "60"))]),
    "a limit is never lifted": ("rate.resets", [of(None, 0, as_status(429), "rate.resets *")]),
    "the first request is one too many": ("rate.allows", [of(None, 0, as_status(429), "rate.*")]),
    "413 is 400": ("generate.refuses.a-large-body", [of(None, 413, as_status(400))]),
    "400 is 422": (
        """*.checks.json.before.* *.checks.parameters.before.* *.checks.inputs.before.* generate.refuses.deep-json
        generate.invalid generate.refuses.much-json upload.refuses.no-data-url upload.refuses.no-base64""",
        [of(None, 400, as_status(422))],
    ),
    "some JSON is too much": ("generate.takes.*-json", [of(None, 0, as_status(400), "generate.takes.*")]),
    "no page may call": ("*.preflight", [of("preflight", 0, header("access-control-allow-origin"))]),
    "no page may send keys": ("*.preflight", [of("preflight", 0, header("access-control-allow-headers", "accept"))]),
    "a GET is judged by its content type": (
        "status.any-content-type credits.any-content-type",
        [of(None, 0, as_status(406), "*.any-content-type *")],
    ),
    "a request is cancelled": (
        "status.no-cancel result.no-cancel poll.no-cancel",
        [lambda step: as_status(204)(step) if step.exchange.method == "DELETE" else step],
    ),
    "some lead elsewhere": ("answers.no-redirect", [of("status", 404, as_status(302))]),
    "errors are text": ("answers.errors-are-json", [of(None, 404, body(b"Not found"))]),
    "other words": ("*.text", [of(None, 0, words)]),
    "an upload has two addresses": (
        "upload.keeps",
        [of("upload", 200, fields(lambda told: told["file_urls"].append("x")))],
    ),
    "an upload is another file": ("upload.fetched", [of("asset", 200, body(b"\x89PNG"))]),
    "a part of an upload is another": ("upload.part", [of("asset", 206, body(b"12345678"))]),
    "the balance is a text": ("credits.tells", [of("credits", 200, fields(lambda _: {"credits": "much"}))]),
    "to ask costs a cent": ("credits.free", [balances(lambda left, step: left - CENT * step.exchange.number)]),
    "what is refused or fails costs a cent": (
        "billing.refused.* billing.balance submit.fails.*.unbilled *.planned.unbilled",
        [balances(lambda left, step: left - CENT * step.exchange.number)],
    ),
    "nothing is charged": (
        "generate.charged submit.charged submit.again.charged",
        [balances(lambda _, __: Decimal(1000))],
    ),
    "it is dearer": (
        "generate.charged submit.charged submit.again.charged",
        [balances(lambda left, _: 2 * left - 10**6)],
    ),
    "v1 fails": ("generate.delivers", [of("generate", 200, as_status(500))]),
    "v1 is text": ("generate.body", [of("generate", 200, header("content-type", "text/plain"))]),
    "it took a week": ("generate.latency", [of("generate", 200, header("x-generation-time", "600000"))]),
    "it cost a cent more": ("generate.cost", [of("generate", 200, header("x-cost", "0.955"))]),
    "more is left than there is": ("generate.remaining", [of("generate", 200, header("x-remaining-credits", "7"))]),
    "the metadata is of another video": (
        "generate.metadata",
        [of("generate", 200, header("x-output-metadata", '{"width": 1}'))],
    ),
    "the metadata is none": ("generate.metadata", [of("generate", 200, header("x-output-metadata", "width"))]),
    "an id is none": ("submit.id", [of("submit", 200, fields(lambda told: {**told, "request_id": "?"}))]),
    "an id changes": ("submit.id", [of("result", 200, fields(lambda told: {**told, "request_id": "0" * 32}))]),
    "a state is none": ("submit.states", [of("submit", 200, fields(lambda told: {**told, "status": "WAITING"}))]),
    "a state goes backwards": (
        "submit.states",
        [of("status", 200, fields(backwards)), of("result", 200, fields(backwards))],
    ),
    "it is never done": ("submit.delivers", [of(None, 200, fields(lambda told: {**told, "status": "PROCESSING"}))]),
    "there is no result while it runs": (
        "submit.running",
        [of("result", 200, lambda step: as_status(404)(step) if running(step) else step)],
    ),
    "what runs has a cost": (
        "submit.running.metrics",
        [of("status", 200, fields(lambda told: {**told, "metrics": {"cost": 1, **told["metrics"]}}))],
    ),
    "the metrics are short": ("submit.metrics", [of("status", 200, fields(lambda told: {**told, "metrics": {}}))]),
    "the metrics tell another cost": (
        "submit.cost.status submit.cost.result submit.remaining",
        [of(None, 200, fields(lambda told: {**told, "metrics": dict.fromkeys(told.get("metrics", {}), 7)}))],
    ),
    "the addresses disagree": (
        "submit.agree",
        [of("poll", 200, fields(lambda told: {**told, "output": "http://x/y"}))],
    ),
    "addresses lead astray": ("submit.addresses.*", [of(None, 0, elsewhere, "* at its end")]),
    "files are elsewhere": (
        "*.file.place upload.place",
        [of("download", 200, elsewhere), of("asset", 200, elsewhere)],
    ),
    "what is invalid is refused at once": ("submit.fails", [of("submit", 200, as_status(400), "submit.fails *")]),
    "a failure is no 422": (
        "submit.fails.*.status submit.fails.*.result submit.fails.*.poll",
        [of(None, 422, as_status(200))],
    ),
    "a failure has a cost": (
        "submit.fails.*.status submit.fails.*.result submit.fails.*.poll",
        [of(None, 422, fields(lambda told: {**told, "metrics": {"cost": 0.1}}))],
    ),
    "what fails is done": (
        "submit.fails submit.fails.unfetchable",
        [of(None, 422, fields(lambda told: {**told, "status": "COMPLETED"}))],
    ),
    "the same is the same request": ("submit.again", [of("submit", 200, of_the_first(), "submit.again *")]),
    "the same has the same file": (
        "submit.again.files",
        [of("download", 200, file(b""), "submit.again file of the *")],
    ),
    "a video is none": ("generate.video submit.video", [of("download", 200, body(b"no video at all"))]),
    "a video is called otherwise": (
        "*.file.public",
        [of("download", 200, header("content-type", "video/mp4; charset=utf-8"))],
    ),
    "a file needs a key": ("*.file.public", [of("download", 200, as_status(401), "* download")]),
    "a key gets another file": (
        "*.file.keyed",
        [of("download", 200, file(b""), "* download with a key")],
    ),
    "a head tells no length": (
        "*.file.head",
        [lambda step: with_header(step, "content-length") if step.exchange.method == "HEAD" else step],
    ),
    "a part is all": ("*.file.part", [of("download", 206, as_status(200))]),
    "a part is another": ("*.file.part", [of("download", 206, body(b"12345678"))]),
    "a file has another size": (
        "*.file.size",
        [of(None, 200, fields(lambda told: told.get("video", {}).update(file_size=1)))],
    ),
    "a file has two addresses": (
        "*.file.address",
        [of(None, 200, fields(lambda told: told.get("video", {}).update(url="x")))],
    ),
    "it is longer": ("*.video.length *.video.frames", [longer]),
    "it is slower": ("*.video.frames", [slower]),
    "it is square": ("*.video.shape *.video.pixels", [film(width=960, height=960)]),
    "it is quiet or not": ("*.video.audio", [quiet_or_not]),
    "records live for a day": (
        "expiry.status expiry.result expiry.poll",
        [of(None, 404, as_status(200), "submit.again *, expired")],
    ),
    "records live for a minute": ("expiry.not-before", [of(None, 200, as_status(404), "submit.again late")]),
    "files live for a minute": ("expiry.file.outlives", [of(None, 200, as_status(404), "submit.again file, late")]),
    "files live for a year": ("expiry.file", [of(None, 404, as_status(200), "submit.again file, expired")]),
    "more may be nested": ("generate.refuses.deep-json", [of(None, 0, as_status(404), "generate.refuses.deep-json *")]),
    "more may be sent": (
        "generate.refuses.a-large-body",
        [of(None, 0, as_status(404), "generate.refuses.a-large-body *")],
    ),
}


def wanted(patterns: str) -> list[Clause]:
    found = [one for one in promises() if any(fnmatch(one.id, pattern) for pattern in patterns.split())]
    assert found
    return found


def test_the_recorded_target_keeps_its_promises() -> None:
    """Without an edit nothing is broken, so that what is told below is due to the edits."""
    assert alarms(found()) == {}


@pytest.mark.parametrize("name", EDITS)
def test_a_broken_promise_is_noticed(name: str) -> None:
    """A target that breaks a promise in this way is told by the clauses of that promise."""
    patterns, edits = EDITS[name]
    noticed = alarms(found(*edits))
    assert {one.id for one in wanted(patterns)} - noticed.keys() == set()
    assert Verdict.ERROR not in noticed.values()


# Breaks for real, each with the clauses whose probes have to go on from what they did not expect.
Break = Callable[[pytest.MonkeyPatch], dict[str, Any]]  # returns settings of the emulator
BREAKS: dict[str, tuple[Break, str, str]] = {}


def breaks(*patterns: str, others: str = "") -> Callable[[Break], Break]:
    """Name the clauses that must notice, and `others` whose probes they are judged by."""

    def named(broken: Break) -> Break:
        BREAKS[broken.__name__] = (broken, " ".join(patterns), others)
        return broken

    return named


@breaks("generate.delivers", "generate.unknown-model", "credits.refuses.no-key", "upload.keeps")
def nothing_is_answered_as_it_should(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    spoiled(monkeypatch, verified.as_status(500), "generate", 200)
    spoiled(monkeypatch, verified.as_status(410), "generate", 404)
    spoiled(monkeypatch, verified.as_status(400), "credits", 401)
    spoiled(monkeypatch, verified.with_json(lambda told: told["file_urls"].append("x")), "upload", 200)
    return {}


@breaks("rate.limited", "generate.checks.rate.before.*")
def a_limit_is_not_told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    spoiled(monkeypatch, verified.as_status(400), "generate", 429)
    return {}


@breaks("rate.resets")
def a_limit_is_never_lifted(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(ledger, "WINDOW", 10.0**9)
    return {}


@breaks("submit.addresses.*", others="submit.delivers")
def addresses_lead_astray(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    def moved(told: Any) -> Any:
        return {name: value.replace("http://127.0.0.1:", "http://localhost:") for name, value in told.items()}

    spoiled(monkeypatch, verified.with_json(moved), "submit", 200)
    return {}


@breaks("submit.id", others="submit.delivers")
def an_id_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    spoiled(monkeypatch, verified.with_json(lambda told: {**told, "request_id": "?"}), "submit", 200)
    return {}


@breaks("submit.fails", "submit.fails.unfetchable")
def what_fails_is_refused_or_done(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    spoiled(monkeypatch, verified.with_json(lambda told: {**told, "status": "COMPLETED"}), status=422)
    return {"contract": {"x-behaviour": {"invalid_body_on_v2": "at-once"}}}


@breaks("submit.again")
def the_same_is_the_same_request(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    known: dict[bytes, bytes] = {}

    def change(response: Response, draft: Draft) -> None:
        verified.with_body(known.setdefault(request.get_data(), response.get_data()))(response, draft)

    spoiled(monkeypatch, change, "submit", 200)
    return {}


@breaks("expiry.status", "expiry.result", "expiry.poll", others="submit.again")
def records_live_for_a_day(_: pytest.MonkeyPatch) -> dict[str, Any]:
    return {"contract": {"x-lifetimes": {"record_seconds": 86400}}}


@breaks("credits.free", "billing.refused.unknown-model", others="credits.tells")
def to_ask_costs_a_cent(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    balance = MemoryStore.balance

    def charged(self: MemoryStore, account: Any, now: float) -> Decimal:
        self.credit(account, Decimal("-0.01"))
        return balance(self, account, now)

    monkeypatch.setattr(MemoryStore, "balance", charged)
    return {}


@pytest.mark.parametrize("name", BREAKS)
def test_a_target_that_breaks_its_promises_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator that breaks a promise for real is told, though its responses are not what a probe goes on from."""
    broken, patterns, others = BREAKS[name]
    settings, due = broken(monkeypatch), wanted(patterns)
    noticed = alarms(judged(*ran(CONTRACT, wanted(f"{patterns} {others}"), **settings)))
    assert {one.id for one in due} - noticed.keys() == set()
    assert Verdict.ERROR not in noticed.values()


def answer_of_v1(seconds: float, **headers: str) -> Evidence:
    """Return an answer of v1 that took so many seconds."""
    told = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    exchange = Exchange(
        number=1,
        moment=0.0,
        at=0.0,
        operation="generate",
        method="POST",
        path="/",
        key="",
        request=Message((), b"", 0),
        status=200,
        response=Message(told, b"{}", 2),
        ended=seconds,
    )
    return Evidence([Step("generate.delivers", "generate", exchange)])


# What no emulator here breaks: that at hand takes no time, and its server sets the length.
UNBROKEN = {
    "generate.generation-time": {
        answer_of_v1(200.0, x_generation_time="199.5"): Verdict.HOLDS,
        answer_of_v1(200.0, x_generation_time="300"): Verdict.NOTICE,
        answer_of_v1(0.1, x_generation_time="300"): Verdict.SKIPPED,
        answer_of_v1(200.0): Verdict.INCONCLUSIVE,
    },
    "generate.content-length": {
        answer_of_v1(1.0, content_length="2"): Verdict.HOLDS,
        answer_of_v1(1.0, content_length="3"): Verdict.NOTICE,
        answer_of_v1(1.0): Verdict.NOTICE,
    },
}


@pytest.mark.parametrize("name", UNBROKEN)
def test_a_broken_promise_is_noticed_in_a_recording(name: str) -> None:
    """What the emulator cannot be made to do is told of an answer that was made up."""
    clause = next(one for one in promises() if one.id == name)
    for evidence, verdict in UNBROKEN[name].items():
        assert clause.judge(evidence).verdict is verdict


def test_each_clause_has_been_seen_to_fail() -> None:
    """There is no clause that none of the broken targets is caught by."""
    patterns = " ".join(patterns for patterns, _ in EDITS.values())
    unnoticed = {one.id for one in promises()} - {one.id for one in wanted(patterns)}
    assert unnoticed == UNBROKEN.keys()


def billed_for(name: str, status: int | None, looks: str, dollars: int = 1) -> dict[str, Verdict]:
    """Return what is said if a request has this status, and so much more is billed from some looks on."""
    numbers = [step.exchange.number for step in recorded_promises()[1].evidence if f"{step.probe} {step.name}" == looks]
    bill = balances(lambda left, step: left - dollars * (step.exchange.number >= numbers[0]))
    return alarms(found(of(None, 0, as_status(status), name), bill))


@pytest.mark.parametrize("status", [408, 502, 503, 504, None])
def test_what_a_gateway_lost_may_be_what_was_billed(status: int | None) -> None:
    """Where nobody knows how a request ended, a charge breaks no promise: at once, and later, when it is done."""
    lost = "billing.refused invalid"
    noticed = billed_for(lost, status, "billing.refused invalid, after")
    assert noticed["billing.refused.invalid"] is Verdict.INCONCLUSIVE
    assert Verdict.BROKEN not in (noticed.get("billing.balance"), noticed.get("billing.refused.unfetchable"))
    late = billed_for(lost, status, "billing.refused unfetchable, after")
    due = ("billing.refused.unfetchable", "billing.balance")
    assert [late[name] for name in due] == [Verdict.INCONCLUSIVE] * 2
    assert billed_for(lost, status, "generate.delivers after")["generate.charged"] is Verdict.INCONCLUSIVE
    assert billed_for(lost, status, "generate.delivers after")["generate.remaining"] is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("dollars", [-1, 7])
def test_a_lost_request_explains_no_more_than_it_can_cost(dollars: int) -> None:
    """A balance that rises, or falls by more than a generation can cost, is a break all the same."""
    looks = {
        "billing.refused invalid, after": "billing.refused.invalid",
        "billing.refused unfetchable, after": "billing.balance",
        "generate.delivers after": "generate.charged",
    }
    for look, clause in looks.items():
        noticed = billed_for("billing.refused invalid", 504, look, dollars)
        assert noticed[clause] is Verdict.BROKEN
    assert noticed["generate.remaining"] is Verdict.BROKEN


def test_a_doubt_hides_no_later_break() -> None:
    """Once a dollar may be for a lost request, what is charged for nothing is a break all the same."""
    numbers = {f"{step.probe} {step.name}": step.exchange.number for step in recorded_promises()[1].evidence}
    due = [(1, "billing.refused invalid, after"), (50, "billing.refused unfetchable, after")]
    bill = balances(lambda left, step: left - sum(cost for cost, look in due if step.exchange.number >= numbers[look]))
    noticed = alarms(found(of(None, 0, as_status(504), "billing.refused invalid"), bill))
    assert noticed["billing.balance"] is Verdict.BROKEN


def test_a_job_whose_end_nobody_saw_may_be_what_was_billed() -> None:
    """What was submitted may be billed whenever it completes, which is no broken promise of later requests."""
    endless = of(None, 0, fields(lambda told: {**told, "status": "PROCESSING"}), "submit.delivers *")
    bill = balances(lambda left, step: left - (step.exchange.number >= fails.exchange.number))
    fails = recorded_promises()[1].evidence.step("submit.fails", "invalid, after")
    assert fails
    due = "submit.fails.invalid.unbilled"
    assert alarms(found(endless, bill))[due] is Verdict.INCONCLUSIVE
    assert alarms(found(bill))[due] is Verdict.BROKEN


@pytest.mark.parametrize("status", [400, 501])
def test_what_is_refused_and_billed_is_a_broken_promise(status: int) -> None:
    """A refusal leaves no doubt."""
    noticed = billed_for("billing.refused invalid", status, "billing.refused invalid, after")
    assert {noticed[name] for name in ("billing.refused.invalid", "billing.balance")} == {Verdict.BROKEN}


def test_what_breaks_nobody_is_no_break() -> None:
    """Other words, more fields, another order of them and more headers are worth a notice at most."""

    def more(told: Any) -> Any:
        extra = {name: {**part, "more": 1} for name, part in told.items() if isinstance(part, dict) and part}
        return {"more": [1], **dict(reversed(told.items())), **extra}

    kind = header("content-type", "application/json; charset=utf-8")
    edits = [words, fields(more), header("x-more", "1"), of("status", 200, kind)]
    noticed = alarms(found(*(of(None, 0, edit) for edit in edits)))
    assert noticed == dict.fromkeys([one.id for one in promises() if one.id.endswith(".text")], Verdict.NOTICE)
