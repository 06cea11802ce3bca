"""Pages of other models: a model's file is all that it takes to compare them."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
from pages import STORED

from mockling.contract import Contract, ContractError, load
from mockling.contract.page import Comparison, compare, model_of, read_page

DOCS = (Path(__file__).parent.parent / "docs" / "models.md").read_text("utf-8")

# As the platform shows the model of docs/models.md, were it one of its own.
PAPER = """Paper Text To Video
Makes a video from a text.
~50.00s
$0.200 - $1.20 per generation
 1import requests
 2
 3url = "https://api.segmind.com/v1/paper-text2video"
 4headers = {"x-api-key": "YOUR_API_KEY", "Content-Type": "application/json"}
 5data = {"prompt": "A paper boat", "duration": "5"}
 6response = requests.post(url, headers=headers, json=data)
 7print(response.json())

API Endpoint

POSThttps://api.segmind.com/v1/paper-text2video

Parameters

promptrequired
string

What to show, up to 2500 characters.

aspect_ratiooptional
string

The shape.

Default: "16:9"
Allowed values :
"16:9""9:16"
cfg_scaleoptional
number

How closely the prompt is followed.

Default: 0.5Range: 0 - 1
durationoptional
string

Seconds.

Default: "5"
Allowed values :
"5""10"
generate_audiooptional
boolean
Default: true
modeoptional
string

The quality.

Default: "final"
Allowed values :
Draft"draft"
Final"final"
segmentsoptional
object[]

Shots, at most 6.

Array items:
promptrequired
string

What it shows.

cameraoptional
number[][]

Maximum of 3 moves.

Response Type

Returns: Video

Common Error Codes

The API returns standard HTTP status codes. Detailed error messages are provided in the response body.

400

Bad Request

Invalid parameters or request format

401

Unauthorized

Missing or invalid API key

403

Forbidden

Insufficient permissions

404

Not Found

Model or endpoint not found

406

Insufficient Credits

Not enough credits to process request

429

Rate Limited

Too many requests

500

Server Error

Internal server error

502

Bad Gateway

Service temporarily unavailable

504

Timeout

Request timed out
"""


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    """The contract with the model of docs/models.md, exactly as it stands there."""
    file = tmp_path_factory.mktemp("models") / "paper.yaml"
    found = re.search(r"```yaml\n(slug: .*?)```", DOCS, re.DOTALL)
    assert found
    file.write_text(found[1], "utf-8")
    return load(models=[file])


def compared(saved: str, contract: Contract) -> Comparison:
    page = read_page(saved)
    return compare(page, model_of(page, contract), contract)


def test_the_page_of_a_model_of_ones_own_is_compared_without_code(paper: Contract) -> None:
    """Numbers with ranges, lists of lists, parts that are called like a parameter: all of it agrees."""
    comparison = compared(PAPER, paper)
    assert comparison.differences == comparison.not_compared == ()
    assert {
        "parameters.cfg_scale.minimum",
        "parameters.cfg_scale.maximum",
        "parameters.prompt.maxLength",
        "parameters.segments.maxItems",
        "parameters.segments[].prompt.required",
        "parameters.segments[].camera.type",
        "parameters.segments[].camera.maxItems",
    } <= {*comparison.agreed}


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [
        ("Range: 0 - 1", "Range: 0 - 2", {"parameters.cfg_scale.maximum"}),
        ("Range: 0 - 1", "Range: -0.5 - 1", {"parameters.cfg_scale.minimum"}),
        ("Range: 0 - 1", "Min: 0 Max: 1", set()),
        ("Range: 0 - 1", "Min: 1 Max: 1", {"parameters.cfg_scale.minimum"}),
        ("Range: 0 - 1\n", " Range: 0 \u2013 1.0", set()),
        ("Default: 0.5", "Default: 0.50", set()),
        ("Default: 0.5", "Default: 0", {"parameters.cfg_scale.default"}),
        ("Default: true", "Default: 1", {"parameters.generate_audio.default"}),
        ("at most 6", "at most 7", {"parameters.segments.maxItems"}),
        ("2500 characters", "2600 characters", {"parameters.prompt.maxLength"}),
        ("2500 characters", "2500 words", set()),
        ("at most 6", "at most 6 of up to 90 seconds", set()),
        ("at most 6", "files up to 9 MB, at most 6", set()),
        ("number[][]", "number[]", {"parameters.segments[].camera.type"}),
        ("number[][]", "array", set()),
        ("required\nstring\n\nWhat it", "optional\nstring\n\nWhat it", {"parameters.segments[].prompt.required"}),
        ("cameraoptional\nnumber[][]\n\nMaximum of 3 moves.\n", "", {"parameters.segments[].camera"}),
        ("Response Type", "widthoptional\ninteger\n\nResponse Type", {"parameters.segments[].width"}),
        ("modeoptional", "lookoptional\nstring\nmodeoptional", {"parameters.look"}),
        ("50.00s", "57.00s", {"latency"}),
        ("$1.20 per", "$1.30 per", {"price"}),
        ('"duration": "5"', '"duration": "10"', {"sample.data.duration"}),
        ('"A paper boat"', '""', set()),
    ],
)  # fmt: skip
def test_what_changes_on_such_a_page_is_reported(paper: Contract, old: str, new: str, places: set[str]) -> None:
    """A fact of the page that is another is a difference, a way to write it is none."""
    assert old in PAPER
    found = {difference.place for difference in compared(PAPER.replace(old, new), paper).differences}
    assert found == places


def test_what_a_file_knows_from_elsewhere_is_not_compared_and_told(paper: Contract) -> None:
    """What nobody read on the page need not stand there; each such place is told."""
    page = PAPER.replace("Default: 0.5Range: 0 - 1\n", "").replace("~50.00s\n$0.200 - $1.20 per generation\n", "")
    page = page.replace(", up to 2500 characters", "").replace('Allowed values :\n"5""10"\n', "")
    comparison = compared(page, paper)
    assert comparison.differences == ()
    assert sorted(line.partition(":")[0] for line in comparison.not_compared) == [
        "latency",
        "parameters.cfg_scale.default",
        "parameters.cfg_scale.maximum",
        "parameters.cfg_scale.minimum",
        "parameters.duration.enum",
        "parameters.prompt.maxLength",
        "price",
    ]


def test_what_cannot_be_read_is_told(paper: Contract) -> None:
    """A default that is no JSON, a notation that the file does not speak of: they are not compared, and told."""
    comparison = compared(
        PAPER.replace("Default: 0.5", "Default: a half").replace("What to show", "See @Image1"), paper
    )
    assert comparison.differences == ()
    assert comparison.not_compared == (
        "parameters.cfg_scale.default: what the page says could not be read: a half",
        "parameters.notations: the contract's descriptions name none",
    )


SKETCH = Path(__file__).parent / "data" / "sketch.yaml"
LOOSE = Path(__file__).parent / "data" / "loose.yaml"


@pytest.mark.parametrize("values", ["5 10", "510", "5\n10", '"5""10"'])
def test_numbers_without_quotes_may_stand_close(values: str) -> None:
    """A page may show 5 and 10 as 510; texts are no numbers."""
    page = (
        f"Loose\nPOST https://api.segmind.com/v1/loose-video2video\nsizeoptional\ninteger\nAllowed values :\n{values}\n"
    )
    comparison = compared(page, load(models=[LOOSE]))
    enum = [difference for difference in comparison.differences if difference.place == "parameters.size.enum"]
    assert bool(enum) == ('"' in values)


def test_a_file_that_leaves_much_open_can_be_compared() -> None:
    """Untyped parameters, parts without a schema, defaults of null: nothing of it fails, and what is open is told."""
    names = list(load(models=[LOOSE]).models["loose-video2video"].parameters)
    heads = "".join(f"{name}optional\nobject[]\nDefault: null\nArray items:\npartoptional\nstring\n" for name in names)
    comparison = compared(f"Loose\nPOST https://api.segmind.com/v1/loose-video2video\n{heads}", load(models=[LOOSE]))
    told = {line.partition(":")[0] for line in comparison.not_compared}
    assert {"parameters.anything.type", "parameters.either.type", "parameters.image_urls.parts"} <= told
    assert "parameters.prompt.default" not in told | {one.place for one in comparison.differences}


def test_a_copy_of_the_bundled_file_can_be_compared(tmp_path: Path) -> None:
    """Its facts count in a model of another name as well: what was read on the page must be there."""
    bundled = files("mockling.contract") / "models" / f"{load().model.slug}.yaml"
    file = tmp_path / "copy.yaml"
    text = bundled.read_text("utf-8").partition("x-disputes:")[0]
    file.write_text(text.replace(f"slug: {load().model.slug}", "slug: a-copy"), "utf-8")
    contract, page = load(models=[file]), STORED.replace(f"/{load().model.slug}", "/a-copy")
    assert compared(page, contract).differences == ()
    (difference,) = compared(page.replace('Default: "pro"', ""), contract).differences
    assert (difference.place, difference.facts) == ("parameters.mode.default", ("P11",))


def test_odd_schemas_and_notes_are_compared_as_far_as_they_go(tmp_path: Path) -> None:
    """A part that may be anything, an open limit, notes of any kind: nothing of it fails."""
    file = tmp_path / "odd.yaml"
    file.write_text(
        """
        slug: odd
        x-source: {read: somewhere}
        parameters:
          type: object
          properties:
            list: {type: array, items: {properties: {any: true, seed: {type: [integer, "null"], enum: [1.0, null]}}}}
            scale: {type: number, exclusiveMinimum: 0, maximum: 2.0, x-labels: 5, enum: [1, 2]}
        example: {}
        price: 1
        latency: 1
        output: {seconds: 1, pixels: [320, 180]}
        """,
        "utf-8",
    )
    page = """Odd
        ~1s
        $1 per generation
        POST https://api.segmind.com/v1/odd
        listoptional
        object[]
        Array items:
        anyoptional
        string
        seedoptional
        integer
        Allowed values:
        1
        scaleoptional
        number
        Range: 0 - 2
        Allowed values:
        One"1"
        """
    comparison = compared(page, load(models=[file]))
    told = {difference.place for difference in comparison.differences}
    assert {place for place in told if place.startswith("parameters")} == {"parameters.scale.enum"}
    assert {"price", "latency", "parameters.scale.minimum", "parameters.list[].seed.enum"} <= {*comparison.agreed}
    assert "parameters.list[].any.type: the contract does not say it" in comparison.not_compared


def test_parts_that_a_page_does_not_list_are_not_compared() -> None:
    """Where a page says nothing of what is in a list, a file may all the same, and that is told."""
    page = "Sketch\nPOST https://api.segmind.com/v1/sketch-text2video\nscenesoptional\nobject[]\n"
    comparison = compared(page, load(models=[SKETCH]))
    assert "parameters.scenes.parts: the page says nothing of it" in comparison.not_compared


def test_the_page_of_a_model_that_is_not_there_is_told(paper: Contract) -> None:
    """The error names the model on the page, and those there are."""
    page = read_page(PAPER.replace("/v1/paper-text2video", "/v1/glass-text2video"))
    with pytest.raises(ContractError, match=r"'glass-text2video'.*kling-o3-video2video-reference, paper-text2video"):
        model_of(page, paper)
