"""A third party's model is a file: all it takes, costs and gives follows from it, and a broken one is told."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from mockling.contract import Contract, ContractError, Model, Output, load
from mockling.contract.modelfile import LARGEST_FILE
from mockling.contract.strategies import broken_requests, valid_requests

TEXT = """
slug: other-text2video
title: Other Text To Video
parameters:
  type: object
  required: [prompt]
  properties:
    prompt: {type: string, minLength: 1, maxLength: 2000}
    negative_prompt: {type: string}
    cfg_scale: {type: number, minimum: 0, maximum: 1, default: 0.5}
    generate_audio: {type: boolean, default: true}
    mode: {type: string, enum: [std, pro], default: std}
    duration: {type: string, enum: ["5", "10"], default: "5"}
    aspect_ratio: {type: string, enum: ["16:9", "9:16"], default: "16:9"}
    segments:
      type: array
      minItems: 1
      maxItems: 6
      items:
        type: object
        required: [prompt, seconds]
        properties:
          prompt: {type: string}
          seconds: {type: number, minimum: 1, maximum: 15}
          tags: {type: array, maxItems: 2, items: {type: array, maxItems: 3, items: {type: string}}}
example: {prompt: A kettle begins to sing, mode: pro, cfg_scale: 0.7}
price:
  per:
    duration:
      by: mode
      values:
        std: {by: generate_audio, values: {true: 0.084, false: 0.056}}
        pro: {by: generate_audio, values: {true: 0.168, false: 0.112}}
latency:
  base: 30
  per: {segments: 7.5, "segments[].seconds": {by: mode, values: {std: 2, pro: 4}}}
  spread: 0
output:
  seconds: {per: {duration: 1}}
  pixels: {by: aspect_ratio, values: {"16:9": [1024, 576], "9:16": [576, 1024]}}
  audio: {by: generate_audio, values: {true: true, false: false}}
failures:
  - {blank: prompt, error: Say what to show.}
x-disputes:
  X1:
    question: Is cfg_scale taken up to 2?
    profiles: {documented: "no", observed: "yes"}
    answers:
      "no": {}
      "yes": {parameters: {properties: {cfg_scale: {maximum: 2}}}}
"""

IMAGE = """
slug: other-image2video
parameters:
  type: object
  required: [image_url]
  properties:
    image_url: {type: string, format: uri}
    prompt: {type: string}
    seconds: {type: integer, minimum: 2, maximum: 12, default: 4}
example: {image_url: "https://cdn.example.com/cat.png"}
price: {base: 0.05, per: {seconds: "0.035"}}
latency: {base: 10, per: {seconds: 5}}
output: {seconds: {per: {seconds: 1}}, frames_per_second: 30, pixels: [768, 768], audio: false}
inputs:
  image_url:
    kind: image
    must: {width: {minimum: 300, maximum: 4096}}
    should: {suffixes: [.png], ratio: {minimum: 0.5, maximum: 2}}
warnings:
  - {in: prompt, characters: 100}
"""


def written(folder: Path, text: str) -> Path:
    """Return a file with that text."""
    file = folder / "a-model.yaml"
    file.write_text(text, "utf-8")
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def contract(folder: Path) -> Contract:
    """The contract with both models."""
    image = folder / "image.yaml"
    image.write_text(IMAGE, "utf-8")
    return load(models=[written(folder, TEXT), str(image)])


@pytest.fixture(scope="module")
def text(contract: Contract) -> Model:
    return contract.models["other-text2video"]


@pytest.fixture(scope="module")
def image(contract: Contract) -> Model:
    return contract.models["other-image2video"]


EVERY_EXAMPLE = settings(max_examples=20)


def test_the_models_come_after_the_bundled_one(contract: Contract) -> None:
    """The bundled model stays the first; each has its slug, and its title or, without one, its slug."""
    titles = {slug: model.title for slug, model in contract.models.items()}
    assert list(titles.items())[1:] == [
        ("other-text2video", "Other Text To Video"),
        ("other-image2video", "other-image2video"),
    ]
    assert contract.model is contract.models["kling-o3-video2video-reference"]


def test_the_composed_document_has_every_model(contract: Contract) -> None:
    """An independent validator takes the document with all of them, and finds paths and a schema for each."""
    validate(contract.openapi)
    for slug, model in contract.models.items():
        assert {f"/v1/{slug}", f"/v2/{slug}"} <= contract.openapi["paths"].keys()
        schemas = contract.openapi["components"]["schemas"].values()
        assert [schema["title"] for schema in schemas if schema.get("properties") == model.parameters] == [model.title]


@EVERY_EXAMPLE
@given(data=st.data())
@pytest.mark.parametrize("slug", ["other-text2video", "other-image2video"])
def test_the_strategies_agree_with_the_violations(contract: Contract, slug: str, data: st.DataObject) -> None:
    """What is generated as valid is accepted and can be priced; what is broken has one violation, at that place."""
    model = contract.models[slug]
    body = data.draw(valid_requests(model))
    assert model.violations(body) == []
    full = model.completed(body)
    assert model.failure(full, model.inputs(full)) is None
    assert model.price(full) > 0
    assert model.latency(full) >= 10
    assert model.output(full).seconds > 0
    broken, path = data.draw(broken_requests(model))
    violation, *others = model.violations(broken)
    assert (others, violation.path) == ([], path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"prompt": ""}, "prompt must be a string of 1 to 2000 characters"),
        ({"cfg_scale": 1.01}, "cfg_scale must be a number from 0 to 1, got the number 1.01"),
        ({"cfg_scale": True}, "cfg_scale must be a number from 0 to 1, got the boolean true"),
        ({"segments": []}, "segments must be an array of 1 to 6 objects, got an array of 0 items"),
        ({"segments": [{"prompt": "a"}]}, "segments[0].seconds is mandatory and must be a number from 1 to 15"),
        ({"segments": [{"prompt": "a", "seconds": 15.5}]}, "segments[0].seconds must be a number from 1 to 15"),
        (
            {"segments": [{"prompt": "a", "seconds": 5, "tags": [["a"], [5]]}]},
            "segments[0].tags[1][0] must be a string, got the number 5",
        ),
        ({"duration": "15"}, "duration must be a string, either '5' or '10', got the string \"15\""),
    ],
)
def test_a_violation_of_another_model_is_told_in_the_same_style(text: Model, change: Any, told: str) -> None:
    """The sentence names the field, however deep, what was expected and what came."""
    (violation,) = text.violations({**text.example, **change})
    assert violation.message.startswith(told)


@pytest.mark.parametrize(
    ("parameters", "price"),
    [
        ({}, "0.420"),
        ({"generate_audio": False}, "0.280"),
        ({"mode": "pro"}, "0.840"),
        ({"mode": "pro", "duration": "10"}, "1.680"),
        ({"mode": "pro", "duration": "10", "generate_audio": False}, "1.120"),
    ],
)
def test_a_price_is_exact(text: Model, parameters: dict[str, Any], price: str) -> None:
    """A price by mode and sound for each second is what the file says, to the last digit."""
    assert text.price(parameters) == Decimal(price)


@given(st.integers(2, 12))
def test_a_price_with_a_base_is_exact(image: Model, seconds: int) -> None:
    """A base and a number for each second add up without a rounding."""
    assert image.price({"seconds": seconds}) == Decimal("0.05") + seconds * Decimal("0.035")
    assert image.price({}) == image.price({"seconds": 4}) == Decimal("0.19")


@pytest.mark.parametrize(
    ("parameters", "latency"),
    [
        ({}, 30),
        ({"segments": [{"prompt": "a", "seconds": 4}]}, 30 + 7.5 + 8),
        ({"segments": [{"prompt": "a", "seconds": 4}, {"prompt": "b", "seconds": 1.5}], "mode": "pro"}, 30 + 15 + 22),
    ],
)
def test_a_latency_may_follow_a_list(text: Model, parameters: dict[str, Any], latency: float) -> None:
    """The number of a list is its length, that of a path into it the sum; of what is left out it is nothing."""
    assert text.latency(parameters) == latency
    assert (text.spread, text.queue_share) == (0, 0.02)


def test_an_output_is_what_the_file_says(text: Model, image: Model) -> None:
    """Pixels, frames, length and sound follow from the parameters."""
    assert text.output({}) == Output(1024, 576, 24, 5.0, audio=True)
    chosen = {"aspect_ratio": "9:16", "duration": "10", "generate_audio": False}
    assert text.output(chosen) == Output(576, 1024, 24, 10.0, audio=False)
    assert image.output({"seconds": 12}) == Output(768, 768, 30, 12.0, audio=False)
    assert (text.sizes(), image.sizes()) == ([(1024, 576), (576, 1024)], [(768, 768)])


def test_a_model_without_inputs_has_none(text: Model) -> None:
    """Nothing of a request to a text-to-video model is taken for a file."""
    assert (text.input_paths, text.inputs(text.example)) == ([], [])
    assert text.failure({"prompt": " "}, []) is not None


def test_an_image_is_an_input_with_limits(image: Model) -> None:
    """An image's URL is looked at as the file says: what must be refuses, what should be is a warning."""
    (file,) = image.inputs({"image_url": "https://e.com/a.gif"})
    assert (file.place, file.kind) == ("image_url", "image")
    assert list(image.warnings({"image_url": file.url, "prompt": "x" * 101})) == [
        "prompt has 101 characters; the model reads 100.",
        "image_url names a .gif file; the model takes .png.",
    ]
    small, _ = (type(file)("image_url", "image", "https://e.com/a", file.must, file.should, m) for m in SIZES)
    refusal = image.unfit([small])
    assert refusal and refusal.values == {"field": "image_url", "width": 299, "minimum": 300, "maximum": 4096}
    long = type(file)("image_url", "image", "https://e.com/a", file.must, file.should, SIZES[1])
    assert image.unfit([long]) is None
    told = ["image_url is 2.5 times its height wide; the model takes 0.5 to 2."]
    assert list(image.warnings({"image_url": long.url}, [long])) == told


SIZES = ({"width": 299, "height": 299, "ratio": 1.0}, {"width": 1000, "height": 400, "ratio": 2.5})


def test_a_models_own_dispute_is_settled_with_the_others(folder: Path) -> None:
    """The profile answers it, and single answers may; it changes nothing but its model."""
    file = written(folder, TEXT)
    body = {"prompt": "a", "cfg_scale": 2}
    for profile, answers, refused in (
        ("documented", {}, True),
        ("observed", {}, False),
        ("documented", {"X1": "yes"}, False),
    ):
        contract = load(profile, answers, models=[file])
        assert bool(contract.models["other-text2video"].violations(body)) == refused
        assert contract.answers["X1"] == ("no" if refused else "yes")
    assert "X1" not in load().answers


def test_a_models_parts_can_be_changed(folder: Path) -> None:
    """A change finds the model by its slug, as it finds the bundled one."""
    changes = {"x-models": {"other-text2video": {"latency": {"base": 0}}}}
    changed = load(models=[written(folder, TEXT)], changes=changes)
    assert changed.models["other-text2video"].latency({}) == 0


# Files that are broken.


def with_parts(**parts: Any) -> str:
    """Return the text-to-video model's file with parts of it replaced, or left out if they are `...`."""
    whole = {
        **yaml.safe_load(TEXT),
        **{name.replace("_", "-", name.startswith("x_")): part for name, part in parts.items()},
    }
    return yaml.safe_dump({name: part for name, part in whole.items() if part is not ...})


def with_parameter(**more: Any) -> str:
    """Return the text-to-video model's file with parameters added or replaced."""
    parameters = yaml.safe_load(TEXT)["parameters"]
    return with_parts(parameters={**parameters, "properties": {**parameters["properties"], **more}})


def disputed(**changes: Any) -> str:
    """Return the text-to-video model's file with another dispute."""
    dispute = {"question": "?", "profiles": {"documented": "a", "observed": "b"}, "answers": {"a": {}, "b": {}}}
    return with_parts(x_disputes={"X1": {**dispute, **changes}})


PIXELS = {"seconds": 5, "pixels": [640, 360]}
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 12)
)
BROKEN = {
    "a missing part": (with_parts(price=...), "price is missing; it must be an object or a number"),
    "an unknown part": (with_parts(cost=1), "cost must be left out, for there is only slug, title"),
    "an unknown part inside": (with_parts(latency={"base": 1, "bass": 2}), "latency.bass must be left out"),
    "a bad slug": (with_parts(slug="A b"), "slug must be a string of the pattern"),
    "an empty price": (with_parts(price={}), "price must be an object or a number that is not empty"),
    "a price below 0 of one duration": (
        with_parts(price={"by": "duration", "values": {"5": 0.1, "10": -0.1}}),
        r'price must be from 0 to below 10\^12, not -0.1, of \{.*"duration": "10"',
    ),
    "an output too short for a frame": (
        with_parts(output={**PIXELS, "seconds": 0.01}),
        "has at least one frame; 0.01 s",
    ),
    "an output that may be too long": (
        with_parameter(seconds={"type": "number", "minimum": 1, "maximum": 601, "default": 5}).replace(
            "duration: 1\n", "seconds: 1\n"
        ),
        "up to 600 seconds, not 601, of",
    ),
    "a price per anything": (
        with_parameter(free={}).replace("price:\n", "price:\n  base: {per: {free: 1}}\n"),
        "price.base is per free, whose type must be integer, number, boolean or array",
    ),
    "names without a number's group": (
        with_parts(warnings=[{"in": "prompt", "names": "@a", "as": "@A", "of": "segments"}]),
        "warnings: names must have one group, that of the number, got '@a'",
    ),
    "an input of any type": (
        with_parameter(free_url={}).replace("price:\n", "inputs: {free_url: {kind: image}}\nprice:\n"),
        "inputs names the parameter 'free_url', which must be of the type string, not any",
    ),
    **{
        f"a schema with {name}: {value}": (
            with_parameter(odd={"type": "string", name: value}),
            "broken.yaml: The contract holds a schema that is none",
        )
        for name, value in (("type", True), ("type", 5), ("enum", None), ("enum", 5), ("minimum", "a"))
    },
    "a keyword that there is not": (
        with_parameter(seconds={"type": "number", "minimun": 1}),
        "parameters.seconds: JSON Schema has no keyword 'minimun'",
    ),
    "a keyword inside that there is not": (
        with_parameter(many={"type": "array", "items": {"anyOf": [{"typ": "number"}]}}),
        "parameters.many.items.anyOf: JSON Schema has no keyword 'typ'",
    ),
    "a pattern that Python does not know": (
        with_parameter(name={"type": "string", "pattern": r"^\p{L}+$"}),
        "parameters.name: the pattern .* is no regular expression",
    ),
    "sound from an image": (
        with_parameter(image_url={"type": "string"}).replace("  audio:\n", "  audio: image_url\n  x-source:\n")
        + "inputs: {image_url: {kind: image}}\n",
        "output.audio must be one of true, false",
    ),
    "a blank text inside": (
        with_parts(failures=[{"blank": "segments[].prompt", "error": "E"}]),
        "failures names 'segments\\[].prompt'; it must be a parameter itself",
    ),
    "a table by a part": (
        with_parameter(o={"type": "object", "properties": {"mode": {"enum": ["a"]}}}).replace(
            "price:\n", "price:\n  base: {by: o.mode, values: {a: 1}, otherwise: 2}\n"
        ),
        "price.base names 'o.mode'; it must be a parameter itself",
    ),
    "a table by lists": (
        with_parameter(size={"enum": [[1, 2], [3, 4]]}).replace(
            "price:\n", "price:\n  base: {by: size, values: {}, otherwise: 2}\n"
        ),
        "price.base is by size, whose values must be plain",
    ),
    "items of any kind as a price": (
        with_parameter(a={"type": "array", "items": True}).replace("price:\n", "price:\n  base: {per: {'a[]': 1}}\n"),
        "price.base names 'a\\[]', whose schema must be an object, got True",
    ),
    "a retired slug": (with_parts(slug="mockling-retired-model"), "is an address of the platform already"),
    "a slug of the platform": (with_parts(slug="get-user-credits"), "is an address of the platform already"),
    **{
        f"an answer that takes {next(iter(patch))} away, {number}": (
            disputed(answers={"a": patch, "b": {}}),
            "x-disputes.X1.answers.a: .* must be written out, and cannot be left out",
        )
        for number, patch in enumerate(
            [
                {"price": 0.7},
                {"latency": 30},
                {"inputs": None},
                {"warnings": None},
                {"failures": None},
                {"title": None},
                {"output": {"audio": None}},
                {"latency": {"spread": None}},
            ]
        )
    },
    "a price in words": (with_parts(price={"base": "dear"}), r"price.base must be a number .*got 'dear'"),
    "a price below 0": (with_parts(price={"base": -1}), "price must be from 0"),
    "a price without end": (with_parts(price={"base": "1e999999999"}), "price.base must be a number"),
    "a price by an unknown parameter": (
        with_parts(price={"by": "quality", "values": {"a": 1}}),
        "price names the parameter 'quality', which there is not; there is .*prompt",
    ),
    "a price per a text": (
        with_parts(price={"per": {"prompt": 1}}),
        "price is per prompt, whose type must be integer, number, boolean or array",
    ),
    "a table that leaves out a value": (
        with_parts(price={"per": {"duration": {"by": "mode", "values": {"std": 1}}}}),
        r"price.per.duration is by mode and says nothing for pro; name them, or `otherwise`",
    ),
    "a table and a sum": (
        with_parts(price={"by": "mode", "values": {"std": 1, "pro": 2}, "per": {"duration": 1}}),
        "price must be a table .* or a sum .*, not both",
    ),
    "a table by nothing": (with_parts(price={"base": {"values": {"std": 1}}}), "price.base must be .*a table"),
    "a sum per nothing": (with_parts(price={"base": {"per": None}}), "price.base.per must be an object, got None"),
    "odd pixels": (
        with_parts(output={"seconds": 5, "pixels": [641, 360]}),
        r"output.pixels must be .*got \[641, 360\]",
    ),
    "a video without end": (with_parts(output={**PIXELS, "seconds": 601}), "up to 600 seconds, not 601"),
    "a sound of no input": (with_parts(output={**PIXELS, "audio": "song"}), "output.audio must be one of .*got 'song'"),
    "an invalid example": (with_parts(example={"prompt": 5}), "its example breaks .*prompt must be a string"),
    "an invalid default": (
        with_parameter(mode={"type": "string", "enum": ["std", "pro"], "default": "max"}),
        "its default breaks .*mode must be",
    ),
    "a schema that is none": (
        with_parameter(prompt={"type": "strin"}),
        r"a schema that is none.*properties/prompt/type",
    ),
    "a reference": (with_parameter(prompt={"$ref": "#/x-models"}), r"\$ref; write out"),
    "a required parameter that is none": (
        with_parts(
            parameters={"type": "object", "required": ["a"], "properties": {}}, example={"a": 1}, price={"base": 1}
        ),
        "names the parameter",
    ),
    "an input that is no parameter": (
        with_parts(inputs={"clip": {"kind": "video"}}),
        "inputs names the parameter 'clip'",
    ),
    "an input that is no text": (
        with_parts(inputs={"segments": {"kind": "video"}}),
        "'segments', which must be .*string",
    ),
    "half of a limit": (
        with_parts(inputs={"prompt": {"kind": "video", "must": {"width": {"minimum": 1}}}}),
        "inputs.prompt.must.width.maximum is missing",
    ),
    "a failure for no parameter": (with_parts(failures=[{"blank": "words", "error": "x"}]), "failures names .*'words'"),
    "a warning of no kind": (
        with_parts(warnings=[{"in": "prompt"}]),
        r"warnings\[0\] must be an object with exactly one",
    ),
    "a pattern that is none": (
        with_parts(warnings=[{"in": "prompt", "names": "(", "as": "@", "of": "segments"}]),
        r"names must be a regular expression, got '\('",
    ),
    "a slug that is taken": (with_parts(slug="kling-o3-video2video-reference"), "a model 'kling.*' already"),
    "a dispute that is there": (
        with_parts(x_disputes={"D1": yaml.safe_load(TEXT)["x-disputes"]["X1"]}),
        "a dispute 'D1' already",
    ),
    "a profile's answer that is none": (
        disputed(profiles={"documented": "c", "observed": "a"}),
        "x-disputes.X1.profiles.documented must be one of a, b",
    ),
    "an answer that breaks the model": (
        disputed(answers={"a": {}, "b": {"price": None}}),
        "x-disputes.X1.answers.b: price is missing",
    ),
    "no YAML": ("a: [", "is no YAML.*line"),
    "nothing": ("", "the file must be an object, got null"),
    "a text": ("hello", "the file must be an object"),
    "a program": ("!!python/object/apply:os.system ['ls']", "is no YAML"),
    "no text": (b"\xff\xfe\x00\x01", "is no YAML"),
    "a date": (with_parts(title=...) + "title: 2026-01-01\n", "put it in quotes"),
    "no number": (with_parts(example=...) + "example: {prompt: x, n: .nan}\n", "is no YAML that JSON could hold"),
    "an alias of itself": ("&a [*a]", "is nested too deeply, or in itself"),
    "an alias bomb": (BOMB, "more than 100,000 values"),
    "too many levels": ("a: " + "{a: " * 900 + "1" + "}" * 900, "nested too deeply"),
    "too many bytes": (f"# {'x' * LARGEST_FILE}\n{TEXT}", "has more than 1,048,576 bytes"),
}


@pytest.mark.parametrize(("content", "told"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_told_in_one_sentence(tmp_path: Path, content: str | bytes, told: str) -> None:
    """A file that is no model's is a `ContractError` that names the file, the place and what was expected."""
    file = tmp_path / "broken.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ContractError) as caught:
        load(models=[file])
    message = str(caught.value)
    assert message.startswith(str(file))
    assert re.search(told, message)
    assert message.endswith(".") and "\n" not in message
    assert len(message) < 700


@pytest.mark.parametrize("make", [lambda path: path, lambda path: path.parent], ids=["no file", "a folder"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    """A path that leads to no file is told with the reason."""
    path = make(tmp_path / "none.yaml")
    with pytest.raises(ContractError, match=rf"Cannot read {re.escape(str(path))}: (No such file|Is a directory)"):
        load(models=[path])


def test_the_same_model_twice_is_told(folder: Path) -> None:
    """Two files with one slug are refused, and the second is named."""
    first, second = written(folder, TEXT), folder / "again.yaml"
    second.write_text(TEXT, "utf-8")
    with pytest.raises(ContractError, match=r"again\.yaml: There is a model 'other-text2video' already"):
        load(models=[first, second])


@settings(max_examples=80)
@given(
    st.sampled_from(["parameters", "example", "price", "latency", "output", "inputs", "failures", "warnings"]),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["prompt", "mode", "std", "a"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["base", "per", "by", "values", "mode", "std", "pro", "pixels", "seconds", "type", "properties"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ),
)
def test_no_file_is_another_exception(folder: Path, name: str, part: Any) -> None:
    """Whatever stands in a part of a file, it is a model's or it is told."""
    file = written(folder, with_parts(**{name: part}))
    try:
        contract = load(models=[file])
    except ContractError as error:
        assert str(error).startswith(str(file))  # noqa: PT017 - either outcome is right
    else:
        assert "other-text2video" in contract.models
