"""Each promise that is written by hand has been seen to fail."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fnmatch import fnmatch
from typing import Any

import pytest
from flask import Response, current_app, request
from verified import alarms, as_status, results, spoiled, with_body, with_header, with_json

from mockling.contract import Contract, Output
from mockling.contract.exchange import Exchange, Message
from mockling.contract.verification.clause import Clause, Verdict
from mockling.contract.verification.evidence import Evidence, Step
from mockling.contract.verification.promises import promise_clauses
from mockling.emulator.http.recording import Draft
from mockling.emulator.platform import ledger
from mockling.emulator.platform.ledger import Purse, Record
from mockling.emulator.platform.memory import MemoryStore
from mockling.emulator.platform.platform import Platform


def promises(contract: Contract) -> list[Clause]:
    return list(promise_clauses(contract))


Break = Callable[[pytest.MonkeyPatch, Contract], dict[str, Any] | None]  # returns settings of the emulator
BREAKS: dict[str, tuple[Break, str]] = {}  # how it is broken, and the clauses that must notice


def breaks(*patterns: str) -> Callable[[Break], Break]:
    def named(broken: Break) -> Break:
        BREAKS[broken.__name__] = (broken, " ".join(patterns))
        return broken

    return named


def answer_breaks(name: str, patterns: str, change: Any, operation: str | None = None, status: int = 0) -> None:
    def broken(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
        spoiled(monkeypatch, change, operation, status)

    BREAKS[name] = (broken, patterns)


def contract_breaks(name: str, patterns: str, changes: dict[str, Any], **settings: Any) -> None:
    BREAKS[name] = (lambda _, __: {"contract": changes, **settings}, patterns)


def model_breaks(name: str, patterns: str, changes: dict[str, Any]) -> None:
    BREAKS[name] = (lambda _, contract: {"contract": {"x-models": {contract.model.slug: changes}}}, patterns)


answer_breaks(
    "401 is 400",
    "*.refuses.no-key *.refuses.a-bad-key *.refuses.a-shapeless-key *.refuses.a-bearer *.checks.key.before.*",
    as_status(400),
    status=401,
)
answer_breaks(
    "404 is 410",
    "generate.unknown-model submit.unknown-model status.unknown result.unknown poll.unknown result.singular "
    "path.unknown credits.unknown *.checks.model.before.* expiry.status expiry.result expiry.poll expiry.file "
    "status.any-content-type",
    as_status(410),
    status=404,
)
answer_breaks("405 is 403", "*.another-verb *.no-cancel *.checks.method.before.*", as_status(403), status=405)
answer_breaks("405 is JSON", "*.another-verb", with_header("content-type", "application/json"), status=405)
answer_breaks("405 names nothing", "*.another-verb.allow", with_header("allow", None), status=405)
answer_breaks(
    "406 is 400",
    "generate.refuses.*-content-type generate.low-balance submit.low-balance *.checks.content-type.before.* "
    "*.checks.credits.before.*",
    as_status(400),
    status=406,
)
answer_breaks("403 is 404", "*.forbidden *.checks.permission.before.*", as_status(404), status=403)
answer_breaks("410 is 404", "*.retired.*", as_status(404), status=410)
answer_breaks("429 is 400", "rate.limited rate.limited.reset *.checks.rate.before.*", as_status(400), status=429)
answer_breaks("429 says no reset", "rate.limited.reset", with_header("x-rate-limit-reset-at-utc", None), status=429)
answer_breaks("429 says Retry-After", "rate.limited.no-retry-after", with_header("retry-after", "60"), status=429)
answer_breaks("413 is 400", "generate.refuses.a-large-body", as_status(400), status=413)
answer_breaks(
    "400 is 422",
    "*.checks.json.before.* *.checks.parameters.before.* *.checks.inputs.before.* generate.refuses.deep-json "
    "generate.invalid",
    as_status(422),
    status=400,
)
answer_breaks("no page may call", "*.preflight", with_header("access-control-allow-origin", None), "preflight")
answer_breaks(
    "no page may send keys", "*.preflight", with_header("access-control-allow-headers", "accept"), "preflight"
)
answer_breaks("some lead elsewhere", "answers.no-redirect", as_status(302), "status", 404)
answer_breaks("errors are text", "answers.errors-are-json", with_body(b"Not found"), status=404)
answer_breaks(
    "an upload has two addresses", "upload.keeps", with_json(lambda body: body["file_urls"].append("x")), "upload", 200
)
answer_breaks("an upload is another file", "upload.fetched", with_body(b"\x89PNG"), "asset", 200)
answer_breaks("the balance is a text", "credits.tells", with_json(lambda _: {"credits": "much"}), "credits", 200)
answer_breaks(
    "a video is called otherwise",
    "*.file.public",
    with_header("content-type", "video/mp4; charset=utf-8"),
    "download",
    200,
)
answer_breaks("a video is none", "generate.video submit.video", with_body(b"no video at all"), "download", 200)
answer_breaks("a part is all", "*.file.part", as_status(200), "download", 206)
answer_breaks("a part is another", "*.file.part", with_body(b"12345678"), "download", 206)
answer_breaks("v1 is text", "generate.body", with_header("content-type", "text/plain"), "generate", 200)
answer_breaks("v1 fails", "generate.delivers", as_status(500), "generate", 200)
answer_breaks("it took a week", "generate.latency", with_header("x-generation-time", "600000"), "generate", 200)
answer_breaks("it cost a cent more", "generate.cost", with_header("x-cost", "0.955"), "generate", 200)
answer_breaks(
    "more is left than there is", "generate.remaining", with_header("x-remaining-credits", "7"), "generate", 200
)
answer_breaks(
    "the metadata is of another video",
    "generate.metadata",
    with_header("x-output-metadata", '{"width": 1}'),
    "generate",
    200,
)
answer_breaks("the metadata is none", "generate.metadata", with_header("x-output-metadata", "width"), "generate", 200)
answer_breaks("an id is none", "submit.id", with_json(lambda body: {**body, "request_id": "?"}), "submit", 200)
answer_breaks("an id changes", "submit.id", with_json(lambda body: {**body, "request_id": "0" * 32}), "result", 200)
answer_breaks("a state is none", "submit.states", with_json(lambda body: {**body, "status": "WAITING"}), "submit", 200)
answer_breaks(
    "it is never done", "submit.delivers", with_json(lambda body: {**body, "status": "PROCESSING"}), status=200
)
answer_breaks(
    "what runs has a cost",
    "submit.running.metrics",
    with_json(lambda body: {**body, "metrics": {"cost": 1, **body["metrics"]}}),
    "status",
    200,
)
answer_breaks("the metrics are short", "submit.metrics", with_json(lambda body: {**body, "metrics": {}}), "status", 200)
answer_breaks(
    "the addresses disagree", "submit.agree", with_json(lambda body: {**body, "output": "http://x/y"}), "poll", 200
)
answer_breaks(
    "a failure is no 422", "submit.fails.*.status submit.fails.*.result submit.fails.*.poll", as_status(200), status=422
)
answer_breaks(
    "a failure has a cost",
    "submit.fails.*.status submit.fails.*.result submit.fails.*.poll",
    with_json(lambda body: {**body, "metrics": {"cost": 0.1}}),
    status=422,
)
answer_breaks(
    "what fails is done",
    "submit.fails submit.fails.unfetchable",
    with_json(lambda body: {**body, "status": "COMPLETED"}),
    status=422,
)
answer_breaks(
    "the metrics tell another cost",
    "submit.cost.status submit.cost.result submit.remaining",
    with_json(lambda body: {**body, "metrics": dict.fromkeys(body.get("metrics", {}), 7)}),
    status=200,
)
answer_breaks(
    "a file has another size",
    "*.file.size",
    with_json(lambda body: body.get("video", {}).update(file_size=1)),
    status=200,
)
answer_breaks(
    "a file has two addresses",
    "*.file.address",
    with_json(lambda body: body.get("video", {}).update(url="x")),
    status=200,
)
TOLD = [
    "missing_key",
    "invalid_key",
    "unknown_request",
    "unknown_output",
    "content_type",
    "low_balance",
    "low_balance_v2",
]
contract_breaks(
    "other words",
    "*.text",
    {
        "x-errors": {name: {"error": "Computer says no."} for name in TOLD},
    },
)
contract_breaks(
    "records live for a day", "expiry.status expiry.result expiry.poll", {"x-lifetimes": {"record_seconds": 86400}}
)
contract_breaks("records live for a minute", "expiry.not-before", {"x-lifetimes": {"record_seconds": 60}})
contract_breaks("files live for a minute", "expiry.file.outlives", {"x-lifetimes": {"file_seconds": 60}})
contract_breaks("files live for a year", "expiry.file", {"x-lifetimes": {"file_seconds": 31536000}})
contract_breaks("more may be nested", "generate.refuses.deep-json", {"x-limits": {"json_depth": 64}})
contract_breaks("more may be sent", "generate.refuses.a-large-body", {"x-limits": {"body_bytes": 2**26}})
contract_breaks(
    "what is invalid is refused at once", "submit.fails", {"x-behaviour": {"invalid_body_on_v2": "at-once"}}
)
model_breaks(
    "it is dearer",
    "generate.charged submit.charged submit.again.charged",
    {"price": {"per": {"duration": {"values": {"std": 0.5}}}}},
)
model_breaks("it is longer", "*.video.length *.video.frames", {"output": {"seconds": {"per": {"duration": 2}}}})
model_breaks("it is slower", "*.video.frames", {"output": {"frames_per_second": 12}})
model_breaks(
    "it is square",
    "*.video.shape *.video.pixels",
    {"output": {"pixels": {"values": {"std": {"values": {"16:9": [960, 960], "9:16": [960, 960]}}}}}},
)


@breaks("status.any-content-type", "credits.any-content-type")
def a_get_is_judged_by_its_content_type(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    def change(response: Response, draft: Draft) -> None:
        if draft.method == "GET" and request.content_type == "text/plain":
            response.status_code = 406

    spoiled(monkeypatch, change)


@breaks("status.no-cancel", "result.no-cancel", "poll.no-cancel")
def a_request_is_cancelled(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    spoiled(monkeypatch, lambda response, draft: as_status(204)(response, draft) if draft.method == "DELETE" else None)


@breaks("*.video.audio")
def it_is_quiet_or_not(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    delivering = Platform._output

    def output(self: Platform, call: Any) -> Output:
        found = delivering(self, call)
        return replace(found, audio=not found.audio)

    monkeypatch.setattr(Platform, "_output", output)


@breaks("rate.resets")
def a_limit_is_never_lifted(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    monkeypatch.setattr(ledger, "WINDOW", 10.0**9)


@breaks("*.file.keyed")
def a_key_gets_another_file(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    def change(response: Response, draft: Draft) -> None:
        if "x-api-key" in request.headers:
            response.direct_passthrough = False
            with_body(response.get_data() + b"....")(response, draft)

    spoiled(monkeypatch, change, "download", 200)


@breaks("*.file.head")
def a_head_tells_no_length(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    change = with_header("content-length", None)
    spoiled(
        monkeypatch, lambda response, draft: change(response, draft) if draft.method == "HEAD" else None, "download"
    )


@breaks("*.file.public")
def a_file_needs_a_key(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    def change(response: Response, draft: Draft) -> None:
        if "x-api-key" not in request.headers:
            as_status(401)(response, draft)

    spoiled(monkeypatch, change, "download")


@breaks("*.file.place", "upload.place")
def files_are_elsewhere(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    moved = with_json(lambda body: deep(body, "http://127.0.0.1:", "http://localhost:"))
    spoiled(monkeypatch, moved, status=200)


@breaks("submit.addresses.*")
def addresses_lead_astray(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    spoiled(monkeypatch, with_json(lambda body: deep(body, "http://127.0.0.1:", "http://localhost:")), "submit", 200)


@breaks("submit.running")
def there_is_no_result_while_it_runs(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    def change(response: Response, _: Draft) -> None:
        if response.get_json().get("status") != "COMPLETED":
            response.status_code = 404

    spoiled(monkeypatch, change, "result", 200)


@breaks("submit.states")
def a_state_goes_backwards(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    def edit(body: Any) -> None:
        body["status"] = (
            "QUEUED"
            if body["status"] == "PROCESSING"
            else "PROCESSING"
            if body["status"] == "QUEUED"
            else body["status"]
        )

    spoiled(monkeypatch, with_json(edit), status=200, operation="status")
    spoiled(monkeypatch, with_json(edit), status=200, operation="result")


@breaks("submit.again")
def the_same_is_the_same_request(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    known: dict[bytes, bytes] = {}

    def change(response: Response, draft: Draft) -> None:
        with_body(known.setdefault(request.get_data(), response.get_data()))(response, draft)

    spoiled(monkeypatch, change, "submit", 200)


@breaks("generate.charged", "submit.charged", "submit.again.charged")
def nothing_is_charged(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    charging = Purse.end

    def end(self: Purse, record: Record) -> bool:
        billed = charging(self, record)
        self.credits += record.job.price if billed else 0
        return billed

    monkeypatch.setattr(Purse, "end", end)


@breaks("submit.fails.*.unbilled", "billing.refused.unfetchable", "billing.balance")
def failures_are_charged(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    charging = Purse.end

    def end(self: Purse, record: Record) -> bool:
        billed, was = charging(self, record), record.ended
        self.credits -= 0 if billed or not was else Decimal("0.01")
        return billed

    monkeypatch.setattr(Purse, "end", end)


@breaks("billing.refused.*", "billing.balance")
def refusals_are_charged(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    def change(_: Response, draft: Draft) -> None:
        key = draft.environ.get("HTTP_X_API_KEY", "")
        platform = request_platform()
        account = platform.keys.find(key)
        if account and account.credits:
            platform.store.credit(account, Decimal("-0.01"))

    for status in (400, 404, 406, 500):
        spoiled(monkeypatch, change, "generate", status)


@breaks("credits.free")
def to_ask_costs_a_cent(monkeypatch: pytest.MonkeyPatch, _: Contract) -> None:
    balance = MemoryStore.balance

    def asked(self: MemoryStore, account: Any, now: float) -> Decimal:
        self.credit(account, Decimal("-0.01"))
        return balance(self, account, now)

    monkeypatch.setattr(MemoryStore, "balance", asked)


def request_platform() -> Platform:
    platform: Platform = current_app.extensions["mockling"]
    return platform


def deep(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {name: deep(part, old, new) for name, part in value.items()}
    return (
        value.replace(old, new)
        if isinstance(value, str)
        else [deep(part, old, new) for part in value]
        if isinstance(value, list)
        else value
    )


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_promise_is_noticed(name: str, contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator that breaks a promise in this way is told by the clauses of that promise."""
    broken, patterns = BREAKS[name]
    settings = broken(monkeypatch, contract) or {}
    clauses = promises(contract)
    found = alarms(results(contract, clauses, **settings))
    wanted = {one.id for one in clauses for pattern in patterns.split() if fnmatch(one.id, pattern)}
    assert wanted
    assert wanted - found.keys() == set()
    assert Verdict.ERROR not in found.values()


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
def test_a_broken_promise_is_noticed_in_a_recording(name: str, contract: Contract) -> None:
    """What the emulator cannot be made to do is told of an answer that was made up."""
    clause = next(one for one in promises(contract) if one.id == name)
    for evidence, verdict in UNBROKEN[name].items():
        assert clause.judge(evidence).verdict is verdict


# What the mutants of `mockling selfcheck` break, which made these clauses needed.
MUTATED = """*.planned.unbilled generate.refuses.much-json generate.takes.*-json rate.allows submit.again.files
submit.singular upload.part upload.refuses.no-*"""


def test_each_clause_has_been_seen_to_fail(contract: Contract) -> None:
    """There is no clause that none of the broken emulators is caught by."""
    patterns = " ".join(patterns for _, patterns in BREAKS.values()).split() + MUTATED.split()
    unseen = {one.id for one in promises(contract) if not any(fnmatch(one.id, pattern) for pattern in patterns)}
    assert unseen == UNBROKEN.keys()


def test_what_breaks_nobody_is_no_break(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other words, more fields, another order of them and more headers are worth a notice at most."""

    def edit(body: Any) -> Any:
        extra = {name: {**part, "more": 1} for name, part in body.items() if isinstance(part, dict) and part}
        told = {"error": "Computer says no."} if "error" in body else {}
        return {"more": [1], **dict(reversed(body.items())), **extra, **told}

    spoiled(monkeypatch, with_json(edit))
    spoiled(monkeypatch, with_header("x-more", "1"))
    spoiled(monkeypatch, with_header("content-type", "application/json; charset=utf-8"), "status", 200)
    assert {name for name, verdict in alarms(results(contract, promises(contract))).items()} == {
        one.id for one in promises(contract) if one.id.endswith(".text")
    }
