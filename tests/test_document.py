"""The document settles every dispute, can be changed where something was assumed, and is OpenAPI for other tools."""

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from mockling import fixtures
from mockling.contract import Contract, ContractError, document, load, validation
from mockling.contract.openapi import without_sources
from mockling.contract.states import ENDED, RUNNING

SLUG = load().model.slug
settled = cache(load)  # for tests that change nothing of it
SEEN: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "seen-bodies.json").read_text("utf-8"))[
    "bodies"
]
PROFILES = ("documented", "observed")
SECOND = """
slug: paint.1_x
parameters: {type: object, required: [prompt], properties: {prompt: {type: string}}}
example: {prompt: A kettle}
price: {base: 1}
latency: {base: 1}
output: {seconds: 5, pixels: [640, 360]}
"""


def of_model(**parts: Any) -> dict[str, Any]:
    """Return a change of the first model."""
    return {"changes": {"x-models": {SLUG: parts}}}


@pytest.mark.parametrize(
    ("dispute", "answer", "seen"),
    [
        ("D1", "json", lambda it: it.success_type == "application/json"),
        ("D1", "video", lambda it: it.success_type == "video/mp4"),
        ("D2", "406", lambda it: low_balance(it) == (406, "2.00")),
        ("D2", "402", lambda it: low_balance(it) == (402, "")),
        ("D3", "uuid", lambda it: is_id(it, "2c7f59ea-13f1-402c-9353-915a2b5a2124")),
        ("D3", "hex", lambda it: is_id(it, "47411f110c6fa4fe05dcb9ffed2c1962")),
        ("D4", "400", lambda it: it.refusal("invalid_parameter", message="x").status == 400),
        ("D4", "406", lambda it: it.refusal("invalid_parameter", message="x").status == 406),
        ("D4", "406", lambda it: it.document["x-errors"]["unfit_width"]["status"] == 406),
        ("D5", "queued", lambda it: it.document["x-behaviour"]["invalid_body_on_v2"] == "queued"),
        ("D5", "at-once", lambda it: it.document["x-behaviour"]["invalid_body_on_v2"] == "at-once"),
        ("D6", "docs", lambda it: it.document["x-plans"]["requests_per_minute"] == {"free": 5, "pro": 50}),
        ("D6", "pricing", lambda it: it.document["x-plans"]["requests_per_minute"]["scale"] == 1000),
        ("D7", "refused", lambda it: bool(it.model.violations({**it.model.example, "duration": 5}))),
        ("D7", "coerced", lambda it: it.model.violations({**it.model.example, "duration": 5}) == []),
        ("D7", "coerced", lambda it: it.model.completed({**it.model.example, "duration": 5.0})["duration"] == "5"),
        ("D8", "warned", lambda it: fails(it, "https://e.com/a.avi") is None),
        ("D8", "enforced", lambda it: fails(it, "https://e.com/a.avi") == "unfit_input"),
    ],
)
def test_each_answer_to_a_dispute_takes_effect(dispute: str, answer: str, seen: Any) -> None:
    """Choosing an answer, whatever the profile, changes what the contract says."""
    for profile in PROFILES:
        assert seen(load(profile, {dispute: answer}))


def low_balance(contract: Contract) -> tuple[int, str]:
    """Return the status of a low balance on v2, and the price that its text names."""
    refusal = contract.refusal("low_balance_v2", balance="1.00", price="2.00", credits=1.0)
    return refusal.status, "2.00" if "2.00" in refusal.text else ""


def is_id(contract: Contract, text: str) -> bool:
    """Say whether a response with that id keeps the contract."""
    body = json.dumps({"status": "QUEUED", "request_id": text, "metrics": {}}).encode()
    return contract.response_violations("status", 200, {"content-type": "application/json"}, body) == []


def fails(contract: Contract, url: str) -> str | None:
    """Return the case with which a generation of that video fails."""
    failure = contract.model.failure({"prompt": "a"}, contract.model.inputs({"video_url": url}))
    return failure.name if failure else None


def test_the_profiles_answer_as_they_should() -> None:
    """`documented` reads JSON as the page's sample does, `observed` gives the bytes that clients saw."""
    assert load().answers == {
        "D1": "json",
        "D2": "406",
        "D3": "uuid",
        "D4": "400",
        "D5": "queued",
        "D6": "docs",
        "D7": "refused",
        "D8": "warned",
    }
    seen = {"D1": "video", "D2": "402", "D3": "hex", "D8": "enforced"}
    assert load("observed").answers == {**load().answers, **seen}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"profile": "live"}, "no profile 'live'; there is documented, observed"),
        ({"profile": ["documented"]}, "no profile"),
        ({"answers": {"D99": "x"}}, "no dispute 'D99'; there is D1"),
        ({"answers": {"D1": "xml"}}, "no answer to D1 'xml'; there is json, video"),
        ({"answers": {"D8": "maybe"}}, "no answer to D8 'maybe'; there is warned, enforced"),
        ({"changes": {"x-latencies": {}}}, "'x-latencies' of the contract cannot be changed; components, x-models"),
        ({"changes": {"paths": {}}}, "'paths' of the contract cannot be changed"),
        ({"changes": {"x-disputes": {}}}, "'x-disputes' of the contract cannot be changed"),
        ({"changes": {"x-errors": {"malformed": {"status": 999}}}}, "cannot be 999; now it is 400"),
        ({"changes": {"x-errors": {"malformed": {"error": 5}}}}, "cannot be 5"),
        ({"changes": {"x-errors": {"malformed": {"error": "{foo}"}}}}, "cannot be '{foo}'"),
        ({"changes": {"x-errors": {"malformed": {"error": "{"}}}}, "cannot be '{'"),
        ({"changes": {"components": {"securitySchemes": {"apiKey": {"x-pattern": "("}}}}}, r"cannot be '\('"),
        ({"changes": {"x-models": {"sora": {}}}}, rf"no 'sora' in the contract\.x-models.*there is {SLUG}"),
        (of_model(latency=5), "'latency' in the contract.*is a table of values; change one of base, per, spread"),
        (of_model(latency={"bass": 1}), "no 'bass' in the contract.*latency to change; there is base, per"),
        (of_model(latency={"spread": "a"}), "'spread' in the contract.*latency cannot be 'a'; now it is 0.15"),
        (of_model(latency={"spread": -3}), "cannot be -3"),
        (
            of_model(price={"per": {"duration": {"values": {"pro": "x"}}}}),
            "'pro' in the contract.*price.per.duration.values cannot be 'x'; now it is 0.42",
        ),
        (of_model(parameters={"properties": {"prompt": {"type": "thing"}}}), "holds a schema that is none"),
        (of_model(parameters={"properties": {"mode": {"enum": ["std"]}}}), "its example breaks.*mode must be"),
        (of_model(parameters={"properties": {"mode": {"enum": ["pro", "max"]}}}), "says nothing for max"),
    ],
)
def test_an_unknown_choice_is_told_with_the_known_ones(arguments: dict[str, Any], told: str) -> None:
    """A profile, answer or place that does not exist is refused, and the message lists what does."""
    with pytest.raises(ContractError, match=told):
        load(**arguments)


@pytest.mark.parametrize(
    ("name", "place"), [("x-price", "price"), ("x-latency", "latency"), ("x-output", "output"), ("x-lint", "warnings")]
)
def test_a_place_that_moved_is_told_with_its_new_one(name: str, place: str) -> None:
    """Who changes what the platform had before models had files of their own is told where it stands now."""
    with pytest.raises(ContractError, match=rf"'{name}' of the contract moved; .*: x-models\.{SLUG}\.{place}\.$"):
        load(changes={name: {}})
    assert place in load().document["x-models"][SLUG]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("price", "contract.model.price"),
        ("violations", "contract.model.violations"),
        ("sample", "contract.model.example"),
        ("answer_violations", "contract.response_violations"),
        ("nothing", "A contract has no 'nothing'"),
    ],
)
def test_a_question_that_moved_is_told_with_its_new_place(name: str, told: str) -> None:
    """Who asks the contract what is now the model's to answer is told so; anything else is simply not there."""
    with pytest.raises(AttributeError, match=told):
        getattr(load(), name)


def test_whatever_is_assumed_can_be_changed() -> None:
    """A change to the document, such as another latency, status or price, is what the contract then says."""
    model = {
        "latency": {"base": {"values": {"pro": 0}}, "spread": 0},
        "price": {"per": {"duration": {"values": {"std": 1}}}},
        "output": {"frames_per_second": 30},
        "inputs_enforced": True,
    }
    changed = load(changes={"x-models": {SLUG: model}, "x-errors": {"unreadable_input": {"status": 400}}})
    assert changed.model.price({"mode": "std", "duration": "5"}) == 5
    assert changed.model.latency({"mode": "pro", "duration": "5"}) == pytest.approx(5 * 25.6)
    assert (changed.model.spread, changed.model.output({}).fps) == (0, 30)
    assert fails(changed, "https://e.com/a.avi") == "unfit_input"
    assert changed.refusal("unreadable_input", kind="video", reason="x").status == 400
    assert load().model.latency({"mode": "pro", "duration": "5"}) == pytest.approx(213.36)


def test_the_pixels_are_those_of_the_bundled_videos() -> None:
    """The contract's pixels and frames are what the videos really have (U1, U2)."""
    model = load().model
    for mode in model.parameters["mode"]["enum"]:
        for ratio in model.parameters["aspect_ratio"]["enum"]:
            output = model.output({"mode": mode, "aspect_ratio": ratio})
            clip = fixtures.clips()[f"{mode}-{ratio.replace(':', 'x')}"]
            assert (output.width, output.height, output.fps) == (clip.width, clip.height, clip.fps)
    assert model.output({"keep_audio": False}).audio is False
    assert model.output({}).audio == "video_url"
    assert [model.output({"duration": str(seconds)}).seconds for seconds in (3, 15)] == [3, 15]


def test_loading_leaves_the_source_as_it_is() -> None:
    """Contracts do not share what one of them changes."""
    before = copy.deepcopy(document.source())
    changed = load("observed", changes={"x-limits": {"json_depth": 3}})
    assert "x-models" in changed.openapi
    assert changed.document["x-limits"]["json_depth"] == 3
    assert document.source() == before


def test_a_format_that_nobody_enforces_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If `format: uri` were not really checked, loading the contract would fail."""
    lax = validation.Draft202012Validator({"format": "uri"}, validate_formats=False)
    monkeypatch.setattr(validation, "_URI", lax)
    with pytest.raises(ContractError, match="format: uri is not enforced"):
        load()


def test_every_error_is_documented() -> None:
    """The errors' statuses are those of the documented responses, whatever D2 says (422 is a failed job's)."""
    for answer in ("402", "406"):
        contract = load(answers={"D2": answer})
        documented = {int(status) for item in contract.operations.values() for status in item["responses"]}
        errors = [case for name, case in contract.document["x-errors"].items() if name != "x-source"]
        of_errors = {status for status in documented if status >= 400} - {422}
        assert {case["status"] for case in errors} | {402} == of_errors


def test_a_path_has_its_values_in_place() -> None:
    """A path is asked for by its operation; the first model's slug stands in it unless another is given."""
    contract = load()
    assert contract.path("generate") == f"/v1/{SLUG}"
    assert contract.path("submit", model="other") == "/v2/other"
    assert contract.path("status", id="7") == "/v2/requests/7/status"
    with pytest.raises(ContractError, match="no operation 'wait'; there is generate"):
        contract.path("wait")


def test_the_live_origins_are_the_platforms_own() -> None:
    """The API, the storage for uploads and the files each have an https origin, told with its role."""
    places = load().document["x-live-origins"]
    assert [place["role"] for place in places] == ["api", "storage", "files"]
    assert load().live_origins == tuple(place["origin"] for place in places)
    assert all(origin.startswith("https://") and origin.endswith(".segmind.com") for origin in load().live_origins)
    assert load().openapi["x-live-origins"] == places


# Bodies that the platform was seen, or is documented, to send.

HEADERS = {
    "content-type": "application/json",
    "x-generation-time": "13.06",
    "x-remaining-credits": "3.0",
    "x-cost": "2.1",
    "x-rate-limit-remaining": "3",
    "x-rate-limit-reset-at-utc": "2026-11-22T00:00:00Z",
    "x-output-metadata": '{"height": 720, "width": 1280, "frames": 121, "fps": 24, "resolution": "720p"}',
}
REQUIRED = {  # what a body must have, by its operation and status; every other error just its text
    ("submit", 200): {"request_id", "status", "poll_url", "status_url", "response_url"},
    ("status", 200): {"status", "request_id", "metrics"},
    ("result", 200): {"status", "output", "video", "metrics"},
    ("result", 422): {"status", "error", "metrics"},
    ("credits", 200): {"credits", "free-credits"},
    ("upload", 200): {"file_urls", "message"},
}


def told(row: dict[str, Any], body: Any) -> Iterator[list[str]]:
    """Yield the places at which a body breaks the contract, for each profile that its row is of."""
    for profile in [row["profile"]] if "profile" in row else PROFILES:
        contract = settled(profile)
        sent = json.dumps(body).encode()
        yield [
            violation.path for violation in contract.response_violations(row["operation"], row["status"], HEADERS, sent)
        ]


def label(row: dict[str, Any]) -> str:
    return f"{row['operation']}-{row['status']}"


@pytest.mark.parametrize("row", SEEN, ids=label)
def test_a_body_that_was_seen_is_accepted(row: dict[str, Any]) -> None:
    """What the platform really sent, or documents to send, keeps the contract."""
    assert all(violations == [] for violations in told(row, row["body"]))


@pytest.mark.parametrize("row", SEEN, ids=label)
def test_a_body_without_what_it_must_have_is_not(row: dict[str, Any]) -> None:
    """A body that leaves out what is required breaks the contract; what is not required may be missing."""
    required = REQUIRED.get((row["operation"], row["status"]), {"error"})
    assert required <= row["body"].keys()
    for name in row["body"]:
        less = {other: value for other, value in row["body"].items() if other != name}
        for violations in told(row, less):
            assert bool(violations) == (name in required), name


@pytest.mark.parametrize("row", SEEN, ids=label)
def test_a_body_with_a_value_of_another_type_is_not(row: dict[str, Any]) -> None:
    """Whichever value becomes one of another type, at the top or inside, the body breaks the contract."""
    for name, value in row["body"].items():
        for violations in told(row, {**row["body"], name: [] if isinstance(value, dict) else {}}):
            assert violations, name
        for inner, part in value.items() if isinstance(value, dict) else ():
            for violations in told(row, {**row["body"], name: {**value, inner: [part]}}):
                assert violations, (name, inner)


# The composed document.


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another model's file."""
    file = tmp_path_factory.mktemp("models") / "paint.yaml"
    file.write_text(SECOND, "utf-8")
    return file


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("models", [0, 1])
def test_the_composed_document_is_openapi(profile: str, models: int, second: Path) -> None:
    """An independent validator takes it, with either profile and with further models; JSON can hold it."""
    composed = load(profile, models=[second] * models).openapi
    validate(composed)
    assert json.loads(json.dumps(composed)) == composed
    validate(without_sources(composed))


def operations(openapi: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a document's operations by method and path."""
    return {
        f"{method} {path}": operation
        for path, item in openapi["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def test_each_model_has_paths_of_its_own(second: Path) -> None:
    """A model's operations have ids, a tag, a schema and an example of its own; nothing of a placeholder is left."""
    contract = load(models=[second])
    found = operations(contract.openapi)
    ids = [operation["operationId"] for operation in found.values()]
    assert len(set(ids)) == len(ids)
    assert all(identifier.isidentifier() for identifier in ids)
    assert "{model}" not in json.dumps(contract.openapi["paths"])
    assert "Parameters" not in contract.openapi["components"]["schemas"]
    for slug, schema in ((SLUG, "KlingO3Video2videoReference"), ("paint.1_x", "Paint1X")):
        model = contract.models[slug]
        for version, name in (("v1", "generate"), ("v2", "submit")):
            operation = found[f"post /{version}/{slug}"]
            assert operation["operationId"] == f"{name}_{slug.replace('-', '_').replace('.', '_')}"
            assert operation["tags"] == [slug]
            for content in operation["requestBody"]["content"].values():
                assert content["schema"] == {"$ref": f"#/components/schemas/{schema}"}
                assert [one["value"] for one in content["examples"].values()] == [model.example]
        assert contract.openapi["components"]["schemas"][schema]["properties"] == model.parameters


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        ("prompt", ["@Element1", "(element1)", "@Image1"]),
        ("video_url", ["720 to 2160 pixels wide"]),
        ("aspect_ratio", ["width", "height"]),
        ("duration", ["seconds", "3 to 15"]),
        ("elements", ["at most 10", "@Element1"]),
        ("image_urls", ["@Image1"]),
        ("keep_audio", ["sound"]),
        ("mode", ["Standard", "Pro"]),
        ("shot_type", ["camera"]),
    ],
)
def test_a_parameters_description_names_its_limits(parameter: str, words: list[str]) -> None:
    """Who reads only the schema meets every limit and notation of the page in words."""
    properties = load().openapi["components"]["schemas"]["KlingO3Video2videoReference"]["properties"]
    assert [word for word in words if word not in properties[parameter]["description"]] == []
    images = properties["elements"]["items"]["properties"]["reference_image_urls"]
    assert "at most 3" in images["description"]
    assert set(properties) == set(load().model.parameters)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_operation_documents_how_it_is_refused(profile: str) -> None:
    """Whatever can be answered is documented: another verb everywhere, a bad key wherever one is needed."""
    for name, operation in operations(load(profile).openapi).items():
        if name.startswith("options"):  # a preflight is never refused
            assert list(operation["responses"]) == ["204"]
            continue
        wanted = {"404", "405", "429", "500", "502", "503", "504"}
        if "security" not in operation:
            wanted |= {"401"}
            wanted |= {"422"} if name.startswith("get") else {"400", "403", "406", "410", "413"}
        assert wanted <= operation["responses"].keys(), name
        assert ("402" in operation["responses"]) == (name == f"post /v2/{SLUG}")
        assert all("$ref" in response for status, response in operation["responses"].items() if status >= "300")


def test_no_response_is_a_redirect() -> None:
    """Nothing leads elsewhere (G15)."""
    statuses = {status for operation in load().operations.values() for status in operation["responses"]}
    assert {status for status in statuses if status.startswith("3")} == {"304"}


def test_a_model_of_its_own_changes_nothing_for_the_first(second: Path) -> None:
    """With a second model the first stays the first, with the same prices and paths."""
    contract = load(models=[second])
    assert list(contract.models) == [SLUG, "paint.1_x"]
    assert contract.path("generate") == load().path("generate")
    assert contract.model.price({}) == load().model.price({})


def test_the_states_are_those_of_the_document() -> None:
    """A request of v2 has the states that the document tells, in its order; only FAILED is told elsewhere (A5)."""
    schemas = load().document["components"]["schemas"]
    told = [*schemas["Status"]["properties"]["status"]["enum"], schemas["Failure"]["properties"]["status"]["const"]]
    assert told == [*RUNNING, *ENDED]
