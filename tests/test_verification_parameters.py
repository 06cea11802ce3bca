"""Clauses of a model's parameters follow from its schema: all hold of the emulator, and each keyword is noticed."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mockling.contract import Contract, load
from mockling.contract.exchange import Exchange, Message
from mockling.contract.validation import SchemaValidator
from mockling.contract.verification.clause import Clause, Verdict
from mockling.contract.verification.drawing import drawn
from mockling.contract.verification.evidence import Evidence, Step
from mockling.contract.verification.guard import Unguarded
from mockling.contract.verification.parameters import NOWHERE, parameter_clauses
from mockling.contract.verification.probe import Cost, Need
from mockling.contract.verification.running import Result, gather, judged, planned
from mockling.contract.verification.target import Target
from mockling.contract.verification.trials import trials
from mockling.contract.verification.video import measured
from mockling.emulator import Emulator
from mockling.emulator.testing.emulated import accounts, emulated, target_of

DATA = Path(__file__).parent / "data"
RICH = """
slug: rich-video2video
parameters:
  type: object
  required: [source]
  additionalProperties: false
  dependentRequired: {left: [right]}
  properties:
    source: {type: string, format: uri}
    kind: {const: film}
    grade: {enum: [1, 2, 5]}
    share: {type: number, minimum: 0.5, exclusiveMaximum: 2}
    count: {type: integer, exclusiveMinimum: 1, maximum: 9}
    even: {type: integer, multipleOf: 2}
    step: {type: number, minimum: 0.3, maximum: 2, multipleOf: 0.25}
    code: {type: string, pattern: "^[a-z]+[0-9]$", examples: [ab1]}
    name: {type: [string, "null"], minLength: 2, maxLength: 4}
    tags: {type: array, minItems: 1, maxItems: 3, uniqueItems: true, items: {type: string, enum: [a, b, c, d]}}
    pair: {anyOf: [{type: string, maxLength: 3}, {type: integer, minimum: 4}]}
    left: {type: boolean}
    right: {type: boolean}
    box: {type: object, minProperties: 1, maxProperties: 2, properties: {a: {const: 1}, b: {const: 1}, c: {const: 1}}}
    deep:
      type: array
      items:
        type: object
        required: [inner]
        properties: {inner: {type: array, items: {type: array, maxItems: 2, items: {type: integer, minimum: 3}}}}
example: {source: "https://example.com/a.mp4"}
price: 0.5
latency: 1
output: {seconds: 1, pixels: [320, 180]}
inputs:
  source: {kind: video, must: {width: {minimum: 100, maximum: 301}}}
"""


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's file with a parameter for each keyword."""
    file = tmp_path_factory.mktemp("models") / "rich.yaml"
    file.write_text(RICH, "utf-8")
    return file


def asked(contract: Contract, slug: str | None = None) -> list[Clause]:
    """Return the clauses of a model's parameters."""
    return list(parameter_clauses(contract, contract.models[slug or contract.model.slug]))


@cache
def documented() -> dict[str, Clause]:
    """Return the clauses of the contract's own model by their ids."""
    return {clause.id: clause for clause in asked(load())}


def verified(contract: Contract, target: Target, wanted: list[Clause]) -> list[Result]:
    """Return what is found when a target is asked."""
    plan = planned(wanted, target, set(Cost))
    return judged(plan, gather(plan, contract, target, Unguarded()))


def not_held(results: list[Result]) -> list[tuple[str, str, str]]:
    """Return the clauses that do not hold, with what was found."""
    return [(one.clause.id, one.verdict, one.finding.actual) for one in results if one.verdict is not Verdict.HOLDS]


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"profile": "observed"},
        {"answers": {"D4": "406", "D7": "coerced"}},
    ],
    ids=str,
)
def test_the_emulator_keeps_every_clause_whatever_the_answers_are(chosen: dict[str, Any]) -> None:
    """The clauses follow from the settled contract, and the emulator that has the same answers keeps them all."""
    contract = load(**chosen)
    with emulated(contract, **chosen) as target:
        assert not_held(verified(contract, target, asked(contract))) == []


def test_a_further_model_is_asked_in_full_without_code(rich: Path) -> None:
    """Models of users, however loose or strict, have clauses that the emulator keeps."""
    models = (DATA / "loose.yaml", DATA / "sketch.yaml", rich)
    contract = load(models=models)
    with emulated(contract, models=models) as target:
        for slug in [slug for slug in contract.models if slug != contract.model.slug]:
            found = verified(contract, target, asked(contract, slug))
            assert not_held(found) == []
            assert len(found) > 60


def test_asking_buys_nothing() -> None:
    """Not one of the requests is billed, and not one can be unless its clause is broken."""
    contract = load()
    with Emulator(speed="instant", accounts=accounts(contract)) as emulator:
        wanted = asked(contract)
        verified(contract, target_of(emulator), wanted)
        assert emulator.billed == 0
        assert {clause.cost for clause in wanted} == {Cost.FREE_IF_TRUE, Cost.STATIC}
        assert 200 not in {exchange.status for exchange in emulator.journal if exchange.operation == "generate"}


def test_ids_are_stable_and_places_exist() -> None:
    """Each id begins with the model and is there once, each place is in the document, and few requests are sent."""
    contract = load()
    wanted = asked(contract)
    assert len({clause.id for clause in wanted}) == len(wanted)
    assert len({clause.probe.id for clause in wanted if clause.probe}) <= 200
    for clause in wanted:
        assert clause.id.startswith(f"{contract.model.slug}.")
        assert clause.id.isprintable() and " " not in clause.id
        node: Any = contract.document
        for step in clause.place.removeprefix("#/").split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            node = node[int(name)] if isinstance(node, list) else node[name]
    named = {clause.id.removeprefix(f"{contract.model.slug}."): clause for clause in wanted}
    assert named["duration.takes.3"].place.endswith("/parameters/properties/duration/enum/0")
    assert named["duration.refuses.null"].facts == ("P7", "D7")
    assert named["elements.refuses.11_items"].place.endswith("/elements/maxItems")
    assert named["refuses.without_prompt"].facts == ("P4",)
    assert "M7" in named["takes.unknown"].facts
    assert named["mode.default"].place.endswith("/mode/default")


def names(contract: Contract, slug: str) -> set[str]:
    """Return the clauses of a model, without the slug."""
    return {clause.id.removeprefix(f"{slug}.") for clause in asked(contract, slug)}


def test_every_keyword_has_a_value_on_either_side(rich: Path) -> None:
    """Limits are tried where they are and one beyond; formats, patterns, absences and combinations too."""
    found = names(load(models=[rich]), "rich-video2video")
    for part, values in {
        "kind": "takes.film refuses.other",
        "grade": "takes.1 takes.5 refuses.0 refuses.6",
        "share": "takes.0.5 refuses.0.49 takes.1.9 refuses.2",
        "count": "takes.2 refuses.1 takes.9 refuses.10 refuses.fraction",
        "even": "takes.multiple_2 refuses.between_3",
        "step": "takes.0.5 refuses.0.25 takes.2 refuses.2.25 refuses.between_0.625",
        "box": "takes.1_properties refuses.0_properties takes.2_properties refuses.3_properties",
        "code": "takes.string refuses.empty refuses.another_form",
        "name": "takes.null takes.2_characters refuses.1_characters takes.4_characters refuses.5_characters",
        "tags": "takes.1_items refuses.0_items takes.3_items refuses.4_items refuses.the_same_twice",
        "pair": "takes.3_characters refuses.4_characters takes.4 refuses.3 refuses.null",
        "deep.items": "refuses.without_inner",
        "deep.items.inner.items": "takes.2_items refuses.3_items",
        "deep.items.inner.items.items": "takes.3 refuses.2",
        "source": "refuses.no_scheme refuses.with_a_blank takes.100_wide refuses.98_wide refuses.302_wide",
    }.items():
        assert {f"{part}.{value}" for value in values.split()} - found == set()
    assert {
        "refuses.unknown",
        "refuses.left_without_right",
        "refuses.without_source",
    } - found == set()


KINDS = ("string", "integer", "number", "boolean")
TEXTS = st.sampled_from(["a", "B2", "x y", "5", "é", ""])


@st.composite
def leaves(draw: Any) -> dict[str, Any]:
    """Draw a schema of a plain value."""
    kind = draw(st.sampled_from([*KINDS, "enum", "uri", "any"]))
    if kind == "enum":
        return {"enum": draw(st.lists(TEXTS | st.integers(-3, 3) | st.none(), min_size=1, max_size=4, unique_by=repr))}
    if kind in ("uri", "any"):
        return {"type": "string", "format": "uri"} if kind == "uri" else {}
    schema: dict[str, Any] = {"type": draw(st.sampled_from([kind, [kind, "null"]]))}
    least, more = draw(st.integers(0, 5)), draw(st.integers(0, 5))
    if kind == "string":
        schema |= draw(st.sampled_from([{}, {"minLength": least}, {"minLength": least, "maxLength": least + more}]))
    if kind in ("integer", "number"):
        bounds = [{}, {"minimum": least}, {"maximum": least}, {"exclusiveMinimum": least, "maximum": least + more + 1}]
        schema |= draw(st.sampled_from(bounds))
        schema |= draw(st.sampled_from([{}, {"multipleOf": 3}]))
    return schema


def _lists(schema: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    limits = st.sampled_from([{}, {"maxItems": 2}, {"minItems": 1, "maxItems": 3}, {"uniqueItems": True}])
    return st.builds(lambda items, limit: {"type": "array", "items": items, **limit}, schema, limits)


def _objects(schema: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    parts = st.dictionaries(st.sampled_from(["p", "q", "items"]), schema, min_size=1, max_size=2)
    more = st.sampled_from([{}, {"required": ["p"]}, {"additionalProperties": False}])
    return st.builds(lambda properties, rest: {"type": "object", "properties": properties, **rest}, parts, more)


SCHEMAS = st.recursive(leaves(), lambda inner: _lists(inner) | _objects(inner), max_leaves=3)


@settings(max_examples=8)
@given(parameters=st.dictionaries(st.sampled_from(["one", "two", "three"]), SCHEMAS, min_size=1))
def test_whatever_a_schema_says_the_emulator_keeps_its_clauses(
    tmp_path_factory: pytest.TempPathFactory, parameters: dict[str, Any]
) -> None:
    """Of any schema the clauses are true: what is said to be taken is, and what is said to be refused is."""
    model = yaml.safe_load(RICH)
    model["parameters"] = {
        "type": "object",
        "required": ["source"],
        "properties": {"source": {"type": "string", "format": "uri"}, **parameters},
    }
    file = tmp_path_factory.mktemp("drawn") / "model.yaml"
    file.write_text(yaml.safe_dump(model), "utf-8")
    contract = load(models=[file])
    with emulated(contract, models=[file]) as target:
        found = verified(contract, target, asked(contract, model["slug"]))
    assert not_held(found) == []
    for name in parameters:
        assert any(result.clause.id.startswith(f"{model['slug']}.{name}.") for result in found)


UNSEEN = ("x-labels", "description", "x-source", "default", "examples", "anyOf")  # changed elsewhere, or nothing


def parts(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield a schema and all in it, with where they are."""
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from parts(part, (*path, "properties", name))
    if "items" in schema:
        yield from parts(schema["items"], (*path, "items"))


def changed(keyword: str, value: Any) -> Iterator[Any]:
    """Yield other values of a keyword: a limit moved by one, an enum without one of its values, None for none."""
    yield None
    if keyword in ("enum", "required"):
        yield from ([other for other in value if other != one] for one in value)
    if type(value) is int:
        yield from {max(0, value - 1), value + 1}


def changes(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield schemas that differ in one keyword, with what differs."""
    for path, part in parts(schema):
        for keyword, value in part.items():
            for other in changed(keyword, value) if keyword not in (*UNSEEN, "properties", "items") else ():
                whole = deepcopy(schema)
                node = whole
                for step in path:
                    node = node[step]
                node[keyword] = other
                if other is None:
                    del node[keyword]
                yield f"{'/'.join((*path, keyword))} {'dropped' if other is None else other}", whole


def equivalent(what: str, schema: dict[str, Any]) -> bool:
    """Say whether a change changes nothing: of the body's type, which is an object anyhow, or a type beside an enum."""
    *steps, keyword = what.partition(" ")[0].split("/")
    part = schema
    for step in steps:
        part = part[step]
    return keyword == "type" and what.endswith("dropped") and ("enum" in part or not steps)


@pytest.mark.parametrize("slug", [None, "rich-video2video"])
def test_each_keyword_that_is_changed_is_noticed(rich: Path, slug: str | None) -> None:
    """An emulator with another schema, keyword by keyword, breaks a clause of the parameter that was changed."""
    contract = load(models=[rich])
    model = contract.models[slug or contract.model.slug]
    wanted = asked(contract, model.slug)
    survived, tried = [], 0
    with Emulator(speed="instant", accounts=accounts(contract), models=[rich]) as emulator:
        for what, schema in changes(model.schema):
            served = emulator.contract.models[model.slug]
            served._validator = SchemaValidator(schema, contract.document["x-messages"])
            steps = what.partition(" ")[0].split("/")
            near = [clause for clause in wanted if f"/parameters/{'/'.join(steps[:-1])}" in clause.place]
            near = [clause for clause in near if clause.probe]
            found = verified(contract, target_of(emulator), near)
            tried += 1
            if not any(result.verdict is Verdict.BROKEN for result in found) and not equivalent(
                what, schema | model.schema
            ):
                survived.append(what)
    assert survived == []
    assert tried > 40


def test_prices_defaults_and_widths_that_differ_are_noticed() -> None:
    """A target that reckons with another price, default or width breaks the clause of that one."""
    contract = load()
    slug = contract.model.slug
    model = contract.document["x-models"][slug]
    told = {
        "price": {"per": {"duration": {"by": "mode", "values": {"std": 0.315, "pro": 0.421}}}},
        "parameters": {"properties": {"mode": {**model["parameters"]["properties"]["mode"], "default": "std"}}},
        "inputs": {"video_url": {"must": {"width": {"minimum": 718, "maximum": 2162}}}},
    }
    broken = {}
    for part, change in told.items():
        with emulated(contract, contract={"x-models": {slug: {part: change}}}) as target:
            found = not_held(verified(contract, target, asked(contract)))
        broken[part] = {name.removeprefix(f"{slug}.") for name, verdict, _ in found if verdict is Verdict.BROKEN}
    assert broken["price"] == {*(f"price.duration_{length}-mode_pro" for length in range(3, 16)), "mode.default"}
    assert broken["parameters"] == {"mode.default"}
    assert broken["inputs"] == {"video_url.refuses.718_wide", "video_url.refuses.2162_wide"}
    with emulated(contract, contract={"x-models": {slug: {"inputs": {"video_url": {"must": {"width": {"minimum": 722,
                  "maximum": 2158}}}}}}}) as target:  # fmt: skip
        names = {name.removeprefix(f"{slug}.") for name, _, _ in not_held(verified(contract, target, asked(contract)))}
    assert names == {"video_url.takes.720_wide", "video_url.takes.2160_wide"}


def answered(clause: Clause, status: int | None, error: str | None, key: Need = Need.GOOD) -> Verdict:
    """Return what is said of a clause when its question is answered so."""
    assert clause.probe
    message = Message((), json.dumps({"error": error}).encode(), 10) if status else None
    sent = Message((), b"", 0)
    exchange = Exchange(1, 0.0, 0.0, "generate", "POST", "/v1/x", key.variable, sent, status, message, error=error)
    return clause.judge(Evidence([Step(clause.probe.id, "", exchange)])).verdict


LOW = "Insufficient credits. You have 0 credits and this request needs 0.945 credits."


@pytest.mark.parametrize(
    ("clause", "status", "error", "verdict"),
    [
        ("duration.takes.3", 500, "reworded", Verdict.HOLDS),
        ("duration.takes.3", 200, None, Verdict.HOLDS),
        ("duration.takes.3", 400, "duration is wrong", Verdict.BROKEN),
        ("duration.takes.3", 422, "duration is wrong", Verdict.BROKEN),
        ("duration.takes.3", 401, "no", Verdict.INCONCLUSIVE),
        ("duration.takes.3", 406, LOW, Verdict.INCONCLUSIVE),
        ("form.takes.least", 406, "Invalid content type", Verdict.BROKEN),
        ("duration.takes.3", 502, "busy", Verdict.INCONCLUSIVE),
        ("duration.takes.3", None, "the connection broke", Verdict.INCONCLUSIVE),
        ("duration.refuses.2", 400, "reworded", Verdict.HOLDS),
        ("duration.refuses.2", 400, None, Verdict.BROKEN),
        ("duration.refuses.2", 500, "the video is not there", Verdict.BROKEN),
        ("duration.refuses.2", 200, None, Verdict.BROKEN),
        ("duration.refuses.2", 422, "duration is wrong", Verdict.BROKEN),
        ("duration.refuses.2", 429, "slow down", Verdict.INCONCLUSIVE),
        ("duration.refuses.2", 406, LOW, Verdict.INCONCLUSIVE),
        ("price.duration_3-mode_std", 406, LOW, Verdict.HOLDS),
        ("price.duration_3-mode_std", 406, "It needs $0.9450; no credits.", Verdict.HOLDS),
        ("price.duration_3-mode_std", 406, "It needs 0.95 credits.", Verdict.BROKEN),
        ("price.duration_3-mode_std", 406, "You have 0.0 credits.", Verdict.INCONCLUSIVE),
        ("price.duration_3-mode_std", 406, "Not enough.", Verdict.INCONCLUSIVE),
        ("price.duration_3-mode_std", 500, "the video is not there", Verdict.BROKEN),
        ("price.duration_3-mode_std", 403, "no", Verdict.INCONCLUSIVE),
        ("inputs.unfetchable", 500, "reworded", Verdict.HOLDS),
        ("inputs.unfetchable", 200, None, Verdict.BROKEN),
    ],
)
def test_an_answer_says_neither_more_nor_less_than_it_does(
    contract: Contract, clause: str, status: int | None, error: str | None, verdict: Verdict
) -> None:
    """Another wording breaks nothing, a gateway's trouble says nothing; another status, or a value taken, breaks."""
    found = documented()[f"{contract.model.slug}.{clause}"]
    assert answered(found, status, error) is verdict


def test_one_status_for_both_refusals_is_told_apart_by_what_is_said() -> None:
    """Where 406 refuses parameters, too (D4), a refusal is one of money only if it speaks of credits."""
    contract = load(answers={"D4": "406"})
    named = {clause.id.removeprefix(f"{contract.model.slug}."): clause for clause in asked(contract)}
    refuses, takes = named["duration.refuses.2"], named["duration.takes.3"]
    assert answered(refuses, 406, "duration is wrong") is Verdict.HOLDS
    assert answered(refuses, 406, LOW) is Verdict.INCONCLUSIVE
    assert answered(takes, 406, "duration is wrong") is Verdict.BROKEN
    assert answered(takes, 406, LOW, Need.POOR) is Verdict.HOLDS
    assert answered(takes, 406, "reworded", Need.POOR) is Verdict.INCONCLUSIVE


def test_a_refusal_that_does_not_name_its_parameter_is_only_a_notice(contract: Contract) -> None:
    """What an error calls the parameter is worth a notice, once for a model."""
    wanted = asked(contract)
    naming = next(one for one in wanted if one.id.endswith("refusals.name_the_parameter"))
    refused = next(one for one in wanted if one.id.endswith(".duration.refuses.2"))
    assert refused.probe
    sent = Message((), b"", 0)
    exchange = Exchange(1, 0.0, 0.0, "generate", "POST", "/v1/x", "", sent, 400, sent, error="Duration is wrong")
    step = Step(refused.probe.id, "", exchange)
    assert naming.judge(Evidence([step])).verdict is Verdict.HOLDS
    other = replace(step, exchange=replace(exchange, error="Something is wrong"))
    assert naming.judge(Evidence([other])).verdict is Verdict.NOTICE
    assert naming.judge(Evidence([])).verdict is Verdict.SKIPPED


def test_findings_of_one_parameter_have_one_cause() -> None:
    """A parameter that takes what it must refuse is one thing in a report, however many values show it."""
    contract = load()
    with Emulator(speed="instant", accounts=accounts(contract)) as emulator:
        served = emulator.contract.model
        schema = deepcopy(served.schema)
        del schema["properties"]["keep_audio"]["type"]
        served._validator = SchemaValidator(schema, contract.document["x-messages"])
        found = verified(contract, target_of(emulator), asked(contract))
    broken = [result for result in found if result.verdict is Verdict.BROKEN]
    assert len(broken) == 5
    assert {result.finding.root for result in broken} == {f"{contract.model.slug} keep_audio takes what it must refuse"}


def test_a_model_without_inputs_is_asked_with_a_key_without_credits(tmp_path: Path) -> None:
    """Where no input can keep a generation from success, only who cannot pay asks whether something is taken."""
    text = (
        (DATA / "sketch.yaml")
        .read_text("utf-8")
        .partition("inputs:")[0]
        .replace("frame_url: {type: string, format: uri}", "")
    )
    file = tmp_path / "text.yaml"
    file.write_text(text, "utf-8")
    contract = load(models=[file])
    for clause in asked(contract, "sketch-text2video"):
        if ".takes." in clause.id:
            assert clause.needs == {Need.POOR}, clause.id
        elif ".refuses." in clause.id:
            assert clause.needs == {Need.GOOD}, clause.id


def test_every_question_names_inputs_that_nobody_can_fetch(contract: Contract) -> None:
    """A request that is taken although it must be refused buys nothing either."""
    base = dict(contract.model.example, video_url=NOWHERE)
    for trial in trials(contract.model, base):
        if "video_url" in trial.body and ".takes." in trial.name:
            files = contract.model.inputs(trial.body)
            assert all(contract.model.leads_nowhere(file) for file in files if file.is_web)
            assert any(contract.model.leads_nowhere(file) for file in files)


def test_prices_beyond_sixty_are_sampled(tmp_path: Path) -> None:
    """Of a model with very many prices sixty are asked for, the first and the last among them."""
    model = yaml.safe_load(RICH)
    lengths = [str(length) for length in range(1, 201)]
    model["parameters"]["properties"] = {
        "source": {"type": "string", "format": "uri"},
        "length": {"type": "string", "enum": lengths, "default": "1"},
    }
    del model["parameters"]["dependentRequired"]
    model["price"] = {"per": {"length": 0.01}}
    file = tmp_path / "long.yaml"
    file.write_text(yaml.safe_dump(model), "utf-8")
    found = {name for name in names(load(models=[file]), model["slug"]) if name.startswith("price.")}
    assert len(found) == 60
    assert {"price.length_1", "price.length_200"} <= found


@pytest.mark.parametrize("width", [100, 718, 2162])
def test_drawn_videos_are_as_a_model_wants_them_but_for_the_width(contract: Contract, width: int) -> None:
    """What is uploaded to try a width is a video of three seconds in everything else."""
    limits = contract.document["x-models"][contract.model.slug]["inputs"]["video_url"]["should"]
    found = measured(drawn("video", width, limits))
    assert found
    assert (found["width"], found["height"], found["fps"], found["seconds"]) == (width, 720, 24, 3)
    assert found["codec"] == "h264"


def test_drawn_images_are_images() -> None:
    """An image has the width that is asked for, and a ratio that is allowed where one is."""
    content = drawn("image", 400, {"ratio": {"minimum": 0.4}, "height": {"minimum": 300}})
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(content[16:20]), int.from_bytes(content[20:24])) == (400, 400)
