"""The document at its edges: what a change may put where, what is shared with nobody, and how a schema is told."""

import copy
import json
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mockling.contract import ContractError, document, load
from mockling.contract.contract import Contract
from mockling.contract.exchange import LONGEST_BODY, Exchange, Message, amount, money, printable
from mockling.contract.facts import places
from mockling.contract.inputs import InputFile
from mockling.contract.responses import strict_json
from mockling.contract.validation import SchemaValidator, described, expected

SLUG = load().model.slug
settled = cache(load)  # for tests that change nothing of it
MESSAGES = {
    "required": "{field} is missing; it must be {expected}",
    "invalid": "{field} must be {expected}, got {actual}",
}


def nested(path: str, value: Any) -> dict[str, Any]:
    """Return a change of one place, its steps parted by blanks."""
    for step in reversed(path.split()):
        value = {step: value}
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize(
    ("place", "right", "wrong"),
    [
        ("x-errors malformed status", [400, 599], [399, 600, 400.0, True, "400"]),
        (f"x-models {SLUG} latency spread", [0, 10**12 - 1, 0.5], [-1, -0.1, 10**12, True, "1", None, [1]]),
        (f"x-models {SLUG} inputs_enforced", [True, False], [0, 1, "true"]),
        ("x-errors malformed error", ["", "No."], ["{}", "{a}", 5, "}"]),
        ("x-errors unknown_model error", ["No.", "{model}"], ["{model} {price}"]),
        ("components securitySchemes apiKey x-pattern", ["^a$"], ["(", 5]),
        ("x-unreachable sites", [[], ["e.com"]], ["e.com", {"e.com": 1}]),
    ],
)
def test_a_change_is_a_value_of_the_same_kind(place: str, right: list[Any], wrong: list[Any]) -> None:
    """A status is one of an error, a number none below 0, a text names no more than it did, a list is a list."""
    for value in right:
        found: Any = load(changes=nested(place, value)).document
        for step in place.split():
            found = found[step]
        assert found == value
    for value in wrong:
        with pytest.raises(ContractError, match=r"cannot be|is a table"):
            load(changes=nested(place, value))


def test_a_number_in_words_is_one(tmp_path: Path) -> None:
    """Where a text says a number, another that says one may stand, up to the same limit."""
    file = tmp_path / "model.yaml"
    file.write_text(
        """
slug: a-model
parameters: {type: object, properties: {n: {type: integer, default: 1}}}
example: {}
price: {base: "0.10", per: {n: "2"}}
latency: 1
output: {seconds: 5, pixels: [640, 360]}
""",
        "utf-8",
    )
    for text, price in (("0", 0), ("0.25", Decimal("0.25")), ("1e3", 1000)):
        change = {"x-models": {"a-model": {"price": {"base": text, "per": {"n": "0"}}}}}
        assert load(models=[file], changes=change).models["a-model"].price({}) == price
    for text in ("-0.1", "1e12", "a", "", "NaN", "9" * 5000):
        with pytest.raises(ContractError, match=r"'base' in the contract.*cannot be"):
            load(models=[file], changes={"x-models": {"a-model": {"price": {"base": text}}}})


def test_an_answer_of_ones_own_goes_before_the_profile() -> None:
    """A single answer overrides what the profile takes, and leaves the others as they are."""
    observed = load("observed").answers
    assert load("observed", {"D1": "json"}).answers == {**observed, "D1": "json"}


def test_nothing_of_a_contract_is_shared_with_another() -> None:
    """What is done to one contract's document, answers, changes or composed document is done to no other."""
    sites = ["e.com"]
    first = load(changes={"x-unreachable": {"sites": sites}})
    before = copy.deepcopy((first.document, first.settled, document.source()))
    sites.append("f.com")
    composed = first.openapi
    for path in composed["paths"].values():
        for operation in path.values():
            operation.clear()
    composed["x-models"].clear()
    composed["components"]["schemas"].clear()
    answers = {"D1": "video"}
    second = load(answers=answers)
    answers["D1"] = "json"
    assert second.answers["D1"] == "video"
    second.document["x-errors"].clear()
    second.settled["x-models"][SLUG]["example"]["prompt"] = "changed"
    assert (first.document, first.settled, document.source()) == before


def test_operations_of_the_composed_document_are_no_ones_own() -> None:
    """Models' operations are copies: what is changed in one is not changed in another or in the document."""
    contract = load()
    composed = contract.openapi
    body = composed["paths"][f"/v1/{SLUG}"]["post"]["requestBody"]
    assert body["required"] is True
    assert "multipart/form-data is accepted too" in body["description"]
    body["content"]["application/json"]["examples"]["example"]["value"]["prompt"] = "changed"
    composed["paths"]["/v1/get-user-credits"]["get"]["tags"] = ["changed"]
    assert contract.model.example["prompt"] != "changed"
    assert "changed" not in json.dumps(contract.settled)


def test_a_path_may_name_any_model_and_knows_its_values() -> None:
    """What is given stands in the path, above what would stand there otherwise."""
    contract = load()
    assert contract.path("submit", model="a") == "/v2/a"
    assert contract.path("poll", id="7") == "/v1/requests/7"
    assert contract.places["poll"] == ("/v1/requests/{id}", "get")


def test_a_failure_comes_after_its_seconds_or_its_share() -> None:
    """An error that names seconds comes then, however long the generation would take; another at its share of that."""
    contract = load(changes={"x-errors": {"unreadable_input": {"share": 0.25}}})
    errors = contract.document["x-errors"]
    (timed,) = [name for name, case in errors.items() if name != "x-source" and "seconds" in case]
    (case, *_) = [contract.model.failure({"prompt": " "}, [])]
    assert case
    assert contract.failure_after(replace(case, name="unreadable_input"), 100) == 25
    assert (timed, contract.failure_after(replace(case, name=timed), 1)) == ("gateway_timeout", 900)
    assert contract.failure_after(replace(case, name="content_policy"), 100) == 90


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (True, "a value"),
        ({}, "a value"),
        ({"const": "a"}, "'a'"),
        ({"type": "object"}, "an object"),
        ({"type": "integer", "minimum": 0}, "an integer of at least 0"),
        ({"type": "integer", "maximum": 9}, "an integer of at most 9"),
        ({"type": "number", "exclusiveMinimum": 0}, "a number above 0"),
        ({"type": "number", "exclusiveMaximum": 1}, "a number below 1"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "a number above 0 and of at most 1"),
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, "a number of at least 0 and below 1"),
        ({"type": ["string", "null"]}, "a string or a null"),
        ({"enum": []}, "a value, no value at all"),
        ({"enum": ["a"]}, "a value, 'a'"),
        ({"enum": ["a", 2]}, "a value, either 'a' or 2"),
        ({"enum": ["a", 2, None]}, "a value, one of 'a', 2 or None"),
        ({"type": "string", "minLength": 1}, "a string of at least 1 characters"),
        ({"type": "string", "maxLength": 5}, "a string of at most 5 characters"),
        ({"type": "string", "maxLength": 0}, "a string of at most 0 characters"),
        ({"type": "string", "pattern": "^a$"}, "a string of the pattern ^a$"),
        ({"type": "array"}, "an array of values"),
        ({"type": "array", "minItems": 2}, "an array of at least 2 values"),
        ({"type": "array", "items": True}, "an array of values"),
        ({"type": "object", "minProperties": 1}, "an object that is not empty"),
        (
            {"oneOf": [True, {"required": ["a", "b"]}, {}]},
            "a value with exactly one of: anything; a and b; something else",
        ),
    ],
)
def test_a_schema_is_told_in_words(schema: Any, words: str) -> None:
    """Every keyword that limits a value is in the sentence of its violation."""
    assert expected(schema) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "the boolean true"),
        (5, "the number 5"),
        (0.5, "the number 0.5"),
        ({}, "an object"),
        ([], "an array of 0 items"),
        ([1], "an array of 1 item"),
        ([1, 2], "an array of 2 items"),
        ("a" * 58, f'the string "{"a" * 58}"'),
        ("a" * 59, f'the string "{"a" * 59}...'),
        (10**60 - 1, f"the number {'9' * 60}"),
        (10**60, f"the number 1{'0' * 59}..."),
    ],
)
def test_a_value_is_told_up_to_sixty_characters(value: object, words: str) -> None:
    """What is just as long is told whole, of what is longer the beginning."""
    assert described(value) == words


def validator(schema: dict[str, Any]) -> SchemaValidator:
    return SchemaValidator(schema, MESSAGES)


def test_of_very_many_violations_a_hundred_are_looked_at() -> None:
    """A list of thousands of wrong items is told quickly, and not item by item."""
    found = validator({"items": {"type": "string"}}).violations([1] * 5000)
    assert [violation.path for violation in found] == [f"$[{index}]" for index in range(100)]


def test_a_list_that_is_too_long_is_one_violation() -> None:
    """What is in it is not told beside; of a list that is just as long as it may be, it is."""
    schema = {"maxItems": 2, "items": {"type": "string"}}
    assert [one.path for one in validator(schema).violations([1, 2, 3])] == ["$"]
    assert [one.path for one in validator(schema).violations([1, 2])] == ["$[0]", "$[1]"]


def test_of_two_violations_at_one_place_the_first_is_told() -> None:
    """A wrong type goes before anything else, and of two others the one that the schema names first."""
    both = validator({"properties": {"a": {"enum": ["x"], "type": "string", "minLength": 3}}})
    (told,) = both.violations({"a": 5})
    assert told.expected == "a string, 'x'"
    first = validator({"properties": {"a": {"minLength": 3}}, "allOf": [{"properties": {"a": {"pattern": "^x"}}}]})
    (told,) = first.violations({"a": "b"})
    assert told.expected == "a value of at least 3 characters"
    found = validator(
        {"required": ["b"], "properties": {"a": {"enum": [1]}, "c": {"type": "string"}}, "additionalProperties": False}
    ).violations({"a": 2, "c": 3, "d": 4})
    assert [one.path for one in found] == ["$.b", "$.c", "$.a", "$.d"]


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [("^a|b", ["ab", "xb"], ["xa"]), ("a", ["xa"], ["b"]), ("^a", ["ab"], ["ba", "b\na"]), ("^(a|b)$", ["a"], ["xb"])],
)
def test_a_pattern_is_looked_for_where_it_may_be(pattern: str, right: list[str], wrong: list[str]) -> None:
    """One that begins at the beginning is looked for there alone, unless another way of it may be anywhere."""
    one = validator({"properties": {"a": {"pattern": pattern}, "b": {"type": "string"}}})
    for text in right:  # b is wrong, so that the slower validator looks at a too
        assert [found.path for found in one.violations({"a": text, "b": 5})] == ["$.b"]
    for text in wrong:
        assert [found.path for found in one.violations({"a": text})] == ["$.a"]


def test_a_text_that_is_no_unicode_is_no_address() -> None:
    """A lone surrogate, which JSON can hold and no URI, is a violation like others."""
    (told,) = load().model.violations({**load().model.example, "video_url": "https://e.com/\ud800"})
    assert told.path == "$.video_url"


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "", "9" * 5000, "[" * 100_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    """Numbers that JSON has not are none, and neither are those that Python cannot read."""
    with pytest.raises((ValueError, RecursionError)):
        strict_json(text)


def told(
    operation: str, status: int, headers: dict[str, str], body: bytes = b"", profile: str = "documented"
) -> list[str]:
    """Return the places at which a response breaks the contract."""
    return [one.path for one in settled(profile).response_violations(operation, status, headers, body)]


JSON = {"content-type": "application/json"}
DIGITS = "9" * 5000


@pytest.mark.parametrize(
    ("headers", "body", "places_"),
    [
        ({"Content-Type": " Application/JSON ; charset=utf-8"}, b'{"error": "x"}', []),
        ({"content-type": "text/json"}, b'{"error": "x"}', ["content-type"]),
        ({}, b'{"error": "x"}', ["content-type"]),
        (JSON, b'{"error": %b}' % DIGITS.encode(), ["the body"]),
        (JSON, b'{"error": 5}', ["$.error"]),
        (JSON, b"", ["the body"]),
    ],
)
def test_the_body_of_an_error_is_judged_by_its_type(headers: dict[str, str], body: bytes, places_: list[str]) -> None:
    """The type may have parameters and be in any case; a body must be JSON and have an error's text."""
    assert told("credits", 401, headers, body) == places_


def test_a_file_may_be_of_any_type_and_a_video_of_its_own() -> None:
    """An uploaded file is what it is; a video is `video/mp4`, whole where all of it was asked for."""
    assert told("asset", 200, {"content-type": "image/png"}, b"x") == told("asset", 200, {}, b"x") == []
    guards = {"X-Content-Type-Options": "sniff", "content-security-policy": "none"}
    assert told("asset", 200, guards, b"x") == [name.lower() for name in guards]
    for media, status, body, wrong in (
        ("video/mp4", 200, b"\0\0\0\x08ftyp", []),
        ("video/mp4", 200, b"\0\0\0\x08moov", ["the body"]),
        ("video/mp4", 206, b"moov", []),
        ("Video/MP4", 206, b"moov", ["content-type"]),
        ("application/octet-stream", 206, b"moov", ["content-type"]),
    ):
        assert told("download", status, {"content-type": media}, body) == wrong


def test_a_header_that_is_json_is_judged_by_what_it_holds() -> None:
    """A header's JSON has a schema, and a number in it may not be one that nobody can read."""
    found = told(
        "generate", 200, {**JSON, "x-output-metadata": '{"width": 0}', "x-cost": DIGITS, "x-generation-time": "["}
    )
    assert found.count("x-output-metadata") > 1
    assert found.count("x-cost") == found.count("x-generation-time") == 1


UUID = "2c7f59ea-13f1-402c-9353-915a2b5a2124"
ADDRESS = "https://images.example/a.mp4"
BODIES: dict[tuple[str, int], dict[str, Any]] = {
    ("submit", 200): {"request_id": UUID, "status": "QUEUED"}
    | dict.fromkeys(("poll_url", "status_url", "response_url"), ADDRESS),
    ("status", 200): {"request_id": UUID, "status": "QUEUED", "metrics": {}},
    ("result", 200): {
        "status": "COMPLETED",
        "output": ADDRESS,
        "video": {"url": ADDRESS, "content_type": "video/mp4", "file_name": "a.mp4", "file_size": 1},
        "metrics": {},
    },
    ("result", 422): {"status": "FAILED", "error": "x", "metrics": {}},
    ("credits", 200): {"credits": 0, "free-credits": 0},
    ("upload", 200): {"file_urls": [ADDRESS], "message": "Files uploaded successfully"},
}


@pytest.mark.parametrize(
    ("operation", "status", "name", "right", "wrong"),
    [
        ("submit", 200, "status", [], ["PROCESSING", "COMPLETED", ""]),
        ("submit", 200, "request_id", [], [UUID.upper(), UUID[:-1], f"{UUID}0", "0" * 32]),
        ("submit", 200, "poll_url", ["http://127.0.0.1/a"], ["/v1/requests/a"]),
        ("submit", 200, "status_url", [], ["a"]),
        ("submit", 200, "response_url", [], ["a"]),
        ("status", 200, "status", ["PROCESSING", "COMPLETED"], ["FAILED", "DONE"]),
        ("status", 200, "metrics cost", [0, 0.01], [-0.01]),
        ("status", 200, "metrics remaining_credits", [0], [-0.01]),
        ("status", 200, "metrics queue_time", [0], [-1]),
        ("status", 200, "metrics inference_time", [0], [-1]),
        ("status", 200, "metrics total_time", [0], [-1]),
        ("result", 200, "output", [], ["a.mp4"]),
        ("result", 200, "video url", [], ["a.mp4"]),
        ("result", 200, "video content_type", [], ["video/quicktime"]),
        ("result", 200, "video file_size", [1, 10**9], [0, 1.5]),
        ("result", 200, "status", ["QUEUED", "PROCESSING"], ["FAILED", "DONE"]),
        ("result", 422, "status", [], ["COMPLETED"]),
        ("result", 422, "error", ["y"], [""]),
        ("result", 422, "metrics total_time", [0], [-1]),
        ("result", 422, "metrics cost", [], [0]),
        ("credits", 200, "credits", [-1, 0.5], ["1"]),
        ("upload", 200, "message", [], ["Uploaded"]),
        ("upload", 200, "file_urls", [[]], [["a"], ADDRESS]),
    ],
)
def test_a_body_has_values_of_its_own(
    operation: str, status: int, name: str, right: list[Any], wrong: list[Any]
) -> None:
    """Each value is one of those that the platform is known to send, and none just beside them."""
    body = BODIES[operation, status]
    assert told(operation, status, JSON, json.dumps(body).encode()) == []
    for values, breaks in ((right, False), (wrong, True)):
        for value in values:
            changed = copy.deepcopy(body)
            document.merge(changed, nested(name, value))
            assert bool(told(operation, status, JSON, json.dumps(changed).encode())) == breaks, value


GENERATED = {
    "x-request-id": UUID,
    "x-generation-time": "0",
    "x-remaining-credits": "0.0",
    "x-cost": "0",
    "x-rate-limit-remaining": "0",
    "x-rate-limit-reset-at-utc": "2026-11-22T00:00:00Z",
    "x-output-metadata": '{"height": 1, "width": 1, "frames": 1, "fps": 23.98, "resolution": "1x1"}',
}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("x-request-id", ["", "7", UUID.upper()]),
        ("x-generation-time", ["-0.1", "a", "NaN", ""]),
        ("x-remaining-credits", ["-0.1", "1,0"]),
        ("x-cost", ["-0.1", '"1"']),
        ("x-rate-limit-remaining", ["-1", "0.5"]),
        ("x-rate-limit-reset-at-utc", ["2026-11-22 00:00:00Z", "2026-11-22T00:00:00", "2026-11-22T00:00:00Z "]),
        ("x-output-metadata", ["1", "{}", "a"]),
        ("access-control-allow-origin", ["null"]),
        ("access-control-expose-headers", ["x-cost"]),
    ],
)
def test_a_response_with_a_video_has_its_headers(name: str, wrong: list[str]) -> None:
    """Each but those for browsers must be there, in its form; zeros are numbers like others."""
    body = json.dumps(BODIES["result", 200]).encode()
    whole = {**GENERATED, **JSON}
    assert told("generate", 200, whole, body) == []
    absent = {other: value for other, value in whole.items() if other != name}
    assert told("generate", 200, absent, body) == ([] if name.startswith("access") else [name])
    for value in wrong:
        assert set(told("generate", 200, {**whole, name: value}, body)) == {name}


def test_the_metadata_of_a_video_are_complete() -> None:
    """Each of its five values must be there and of its type; a frame rate alone may be a fraction."""
    body = json.dumps(BODIES["result", 200]).encode()
    metadata = json.loads(GENERATED["x-output-metadata"])
    for name, value in metadata.items():
        others = {other: part for other, part in metadata.items() if other != name}
        for wrong in (others, {**others, name: [value]}, {**others, name: 0.5} if name != "fps" else others):
            headers = {**GENERATED, **JSON, "x-output-metadata": json.dumps(wrong)}
            assert told("generate", 200, headers, body) == ["x-output-metadata"], wrong


def test_refusals_have_headers_of_their_own() -> None:
    """405 names the verbs and is HTML; 429 says until when, and not in seconds from now."""
    html = {"content-type": "text/html"}
    assert told("generate", 405, {**html, "Allow": "POST"}, b"") == []
    assert told("generate", 405, html, b"") == ["allow"]
    assert told("generate", 405, {**JSON, "allow": "POST"}, b"{}") == ["content-type"]
    reset = {**JSON, "x-rate-limit-reset-at-utc": "2026-11-22T00:00:00Z"}
    assert told("generate", 429, reset, b'{"error": "x"}') == []
    assert told("generate", 429, {**reset, "Retry-After": "0"}, b'{"error": "x"}') == ["retry-after"]
    assert told("generate", 301, {}) == ["status"]


def test_the_places_of_a_fact_have_their_signs_escaped() -> None:
    """A tilde and a slash in a name are written as a JSON pointer has them; lists are walked through, too."""
    found = list(places("P1", {"a~/b": [{}, {"x-source": ["P1", "P2"]}], "c": {"x-source": "P10"}, "x-source": "P1"}))
    assert [place for place, _ in found] == ["#", "#/a~0~1b/1"]


def test_the_models_of_a_contract_are_told_by_their_files(tmp_path: Path) -> None:
    """Of a combination that makes no sense so much is told as fits a line."""
    file = tmp_path / "model.yaml"
    long = json.dumps("a" * 500)
    file.write_text(
        f"""
slug: a-model
parameters: {{type: object, properties: {{prompt: {{type: string}}, n: {{type: integer, minimum: 0, maximum: 9}}}}}}
example: {{prompt: {long}}}
price: {{base: 5, per: {{n: -1}}}}
latency: 1
output: {{seconds: 5, pixels: [640, 360]}}
""",
        "utf-8",
    )
    with pytest.raises(ContractError, match="price must be from 0") as caught:
        load(models=[file])
    assert str(caught.value).partition(", of ")[2].startswith('{"prompt": "aaa')
    assert len(str(caught.value).partition(", of ")[2]) == 301
    assert isinstance(load(), Contract)


# Exchanges.


def message(body: bytes = b"", size: int | None = None) -> Message:
    return Message(
        (("Content-Type", "application/json"), ("x-a", "1"), ("X-A", "2")), body, len(body) if size is None else size
    )


def exchange(**parts: Any) -> Exchange:
    whole: dict[str, Any] = {
        "number": 1,
        "moment": 0.0,
        "at": 0.0,
        "operation": "generate",
        "method": "POST",
        "path": "/v1/a",
        "key": "SG_0…",
        "request": message(),
        "status": 200,
        "response": message(b"{}"),
    }
    return Exchange(**{**whole, **parts})


def test_a_header_is_the_first_of_its_name() -> None:
    """Names are in any case; one that is not there is no text."""
    assert [message().header(name) for name in ("content-type", "x-a", "x-b")] == ["application/json", "1", ""]


def test_a_body_is_parsed_if_all_of_it_was_kept() -> None:
    """One of just the size that is kept is whole, a larger one was cut; what is no JSON is None."""
    body = b'"' + b"a" * (LONGEST_BODY - 2) + b'"'
    assert message(body).json == "a" * (LONGEST_BODY - 2)
    assert message(body, LONGEST_BODY + 1).json is None
    for other in (b"", b"{", b"[" * 60_000, b"\xff", DIGITS.encode()):
        assert message(other).json is None
    assert (exchange().answer, exchange(response=None).answer) == ({}, None)


@pytest.mark.parametrize(
    ("fault", "unanswered", "lost"),
    [
        (None, False, False),
        ("drop", True, True),
        ("reset, calls=2", True, True),
        ("stall", True, True),
        ("cut=0.5, seed=1", False, True),
        ("truncate_json", False, True),
        ("length=5", False, True),
        ("delay=5", False, False),
        ("text='drop cut=1 stall', status=500", False, False),
    ],
)
def test_what_a_fault_did_to_the_answer_is_known(fault: str | None, unanswered: bool, lost: bool) -> None:
    """Faults that keep an answer back are told from those that break it, and words in quotes are none."""
    struck = exchange(fault=fault)
    assert (struck.unanswered, struck.lost) == (unanswered, lost)
    assert exchange(status=None, response=None).lost


def test_an_exchange_is_one_line() -> None:
    """It tells how a call ended, what it cost, and what was odd in it, without control characters."""
    assert str(exchange()) == "POST /v1/a 200, key SG_0…"
    told = exchange(path="/a\x1b[31m", status=None, response=None, fault="drop", warnings=("a\nb.",), error="No.")
    assert str(told) == "POST /a?[31m no answer, No., fault drop, key SG_0…, warning: a?b."
    assert str(exchange(status=None, response=None)).startswith("POST /v1/a caller left")
    paid = exchange(seconds=213.36, cost=Decimal("2.10"), request_id="7")
    assert str(paid) == "POST /v1/a 200, 213.4 s simulated, $2.10, 7, key SG_0…"
    assert str(exchange(seconds=1, request_id="7")) == "POST /v1/a 200, 1.0 s simulated, 7, key SG_0…"
    assert printable("a b ü") == "a b ü"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (0, Decimal(0)),
        ("0.10", Decimal("0.10")),
        (0.1, Decimal("0.1")),
        (Decimal("1E-24"), Decimal("1E-24")),
        ("9.99e12", Decimal("9.99e12")),
        ("1e13", None),
        ("1e-25", None),
        (-5, Decimal(-5)),
        *((value, None) for value in (True, None, "", "a", "NaN", "sNaN", "inf", [])),
    ],
)
def test_an_amount_is_one_that_can_be_reckoned_with(value: object, found: Decimal | None) -> None:
    """Numbers and texts of numbers are, from the smallest power of ten to the largest."""
    assert amount(value) == found


def test_an_amount_of_thousands_of_digits_is_none() -> None:
    """Python makes no text of such a number, and it is beyond all reckoning."""
    assert amount(10**5000) is None
    assert amount(DIGITS) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2.10", "2.10"),
        ("2.1", "2.10"),
        ("2", "2.00"),
        ("2.100", "2.10"),
        ("0.945", "0.945"),
        ("0.9450", "0.945"),
        ("0", "0.00"),
        ("-1.5", "-1.50"),
        ("1e3", "1000.00"),
        ("0.0001", "0.0001"),
    ],
)
def test_money_has_two_decimals_or_as_many_as_it_needs(value: str, text: str) -> None:
    """Zeros beyond the cents are none of it."""
    assert money(Decimal(value)) == text


@pytest.mark.parametrize(
    ("limits", "measure", "told_"),
    [
        ({"maximum": 1000}, 1001, "one is 1,001 pixels wide; the model takes at most 1,000."),
        ({"minimum": 1000}, 999, "one is 999 pixels wide; the model takes at least 1,000."),
        ({"minimum": 1000, "maximum": 2000}, 2000.25, "one is 2,000.25 pixels wide; the model takes 1,000 to 2,000."),
        ({"minimum": 1000}, 1000, None),
        ({"maximum": 1000}, 1000, None),
    ],
)
def test_a_limit_of_a_file_is_told_in_its_numbers(limits: dict[str, int], measure: float, told_: str | None) -> None:
    """With a comma between thousands, whichever side it is on."""
    file = InputFile("one", "image", "https://e.com/a", {}, {"width": limits}, {"width": measure})
    assert list(file.misfits()) == ([told_] if told_ else [])


def test_what_must_be_left_out_is_described() -> None:
    """A property that nobody knows is named, with what came and what there is."""
    schema = {"type": "object", "additionalProperties": False, "properties": {"a": {}, "c": {}}}
    (violation,) = SchemaValidator(schema, MESSAGES).violations({"b": 5})
    assert violation.message == "b must be left out, for there is only a, c, got the number 5"
