"""What the figures of a model's file follow from, at the edges: which parameters decide, and which numbers can be."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mockling.contract import ContractError, InputFile, Model, load

PARAMETERS: dict[str, Any] = {
    "mode": {"type": "string", "enum": ["a", "b", "c"], "default": "a"},
    "count": {"type": "integer", "minimum": 0, "maximum": 600, "default": 4},
    "loud": {"type": "boolean", "default": False},
    "prompt": {"type": "string"},
    "image_urls": {"type": "array", "items": {"type": "string"}},
}
FILE: dict[str, Any] = {
    "slug": "a-model",
    "parameters": {"type": "object", "properties": PARAMETERS},
    "example": {},
    "price": 1,
    "latency": 10,
    "output": {"seconds": 5, "pixels": [640, 360]},
}
Make = Callable[..., Model]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return what makes a model of a file with some of its parts replaced."""

    def made(more: dict[str, Any] | None = None, **parts: Any) -> Model:
        schema = {"type": "object", "properties": {**PARAMETERS, **(more or {})}}
        file = {name: part for name, part in {**FILE, "parameters": schema, **parts}.items() if part is not ...}
        (tmp_path / "model.yaml").write_text(json.dumps(file), "utf-8")
        return load(models=[tmp_path / "model.yaml"]).models["a-model"]

    return made


PER_COUNT = {"base": 1, "per": {"count": 1}}
BY_MODE = {"by": "mode", "values": {"a": 1, "b": 2, "c": 3}}
BY_LOUD = {"by": "loud", "values": {"true": 1, "false": 2}}


@pytest.mark.parametrize(
    ("parts", "deciding"),
    [
        ({"price": PER_COUNT}, {"count"}),
        ({"price": BY_MODE}, {"mode"}),
        ({"price": {"base": BY_MODE}}, {"mode"}),
        ({"price": {"by": "mode", "values": {"a": 1, "b": PER_COUNT}, "otherwise": 2}}, {"mode", "count"}),
        ({"price": {"by": "mode", "values": {"a": 1}, "otherwise": PER_COUNT}}, {"mode", "count"}),
        ({"price": {"by": "mode", "values": {}, "otherwise": {"base": BY_LOUD}}}, {"mode", "loud"}),
        ({"price": {"base": 1, "per": {"count": BY_LOUD}}}, {"count", "loud"}),
        ({"price": {"base": 1, "per": {"image_urls": 1}}}, {"image_urls"}),
        ({"latency": PER_COUNT}, {"count"}),
        ({"output": {"seconds": {"base": 1, "per": {"count": 0.5}}, "pixels": [640, 360]}}, {"count"}),
        ({"output": {"seconds": 5, "pixels": {"by": "mode", "values": {}, "otherwise": [640, 360]}}}, {"mode"}),
        (
            {"output": {"seconds": 5, "pixels": [640, 360], "audio": {"by": "loud", "values": {}, "otherwise": True}}},
            {"loud"},
        ),
    ],
)
def test_a_parameter_that_is_named_anywhere_decides(make: Make, parts: dict[str, Any], deciding: set[str]) -> None:
    """Wherever in a figure a parameter is named, each of its values is tried, beside those of the others."""
    combinations = list(make(**parts).combinations())
    varying = {name for name in PARAMETERS if len({json.dumps(one.get(name)) for one in combinations}) > 1}
    assert varying | {"image_urls"} & deciding == deciding


def test_a_parameter_that_only_otherwise_names_counts_for_the_price(make: Make) -> None:
    """Two calls that differ in nothing else have prices of their own, whichever is asked for first."""
    model = make(price={"by": "mode", "values": {"a": 1}, "otherwise": {"per": {"count": "0.1"}}})
    for _ in range(2):
        prices = [model.price({"mode": "c", "count": count}) for count in (3, 7, 0)]
        assert prices == [Decimal("0.3"), Decimal("0.7"), 0]
        assert [model.price({"count": count}) for count in (3, 7)] == [1, 1]


@pytest.mark.parametrize(
    ("part", "asked"),
    [
        ("latency", lambda model, count: model.latency({"mode": "b", "count": count})),
        ("seconds", lambda model, count: model.output({"mode": "b", "count": count}).seconds),
    ],
)
def test_so_it_does_for_latency_and_length(make: Make, part: str, asked: Callable[[Model, int], float]) -> None:
    """What follows from a parameter is worked out anew for each of its values."""
    figure = {"by": "mode", "values": {"a": 1}, "otherwise": PER_COUNT}
    parts = {"latency": figure} if part == "latency" else {"output": {"seconds": figure, "pixels": [640, 360]}}
    model = make({"count": {"type": "integer", "minimum": 0, "maximum": 500, "default": 4}}, **parts)
    assert [asked(model, count) for count in (3, 7)] == [4, 8]


def test_one_and_true_are_not_the_same(make: Make) -> None:
    """A parameter that is a number or a boolean has a price for each, though Python calls 1 and true equal."""
    figure = {"by": "odd", "values": {"1": 1, "true": 2, "": 3}}
    model = make({"odd": {"enum": [True, 1]}}, price=figure)
    for value, price in ((1, 1), (True, 2), (1.0, 1), (None, 3)):
        assert model.price({"odd": value}) == price


@pytest.mark.parametrize(
    ("name", "schema", "figure", "told"),
    [
        ("odd", {"enum": ["x", None], "default": "x"}, {"x": 1}, None),
        ("odd", {"enum": ["x", None]}, {"x": 1}, "says nothing for other values; name them"),
        ("odd", {"enum": ["x"]}, {"x": 1}, "says nothing for other values; name them"),
        ("odd", {"enum": ["x"]}, {"x": 1, "": 2}, None),
        ("odd", {"type": "string"}, {"x": 1}, "says nothing for other values; name them"),
    ],
)
def test_a_table_names_all_that_a_parameter_may_be(
    make: Make, name: str, schema: dict[str, Any], figure: dict[str, int], told: str | None
) -> None:
    """A parameter without a default may be left out, and a table by it must say something for that."""
    parts = {"price": {"by": name, "values": figure}}
    if told is None:
        assert make({name: schema}, **parts).price({name: "x"}) == 1
    else:
        with pytest.raises(ContractError, match=told):
            make({name: schema}, **parts)


def test_a_required_parameter_may_be_null_where_its_schema_says_so(make: Make) -> None:
    """A table by a required parameter need say nothing for its absence, unless null is one of its types."""
    table = {"by": "odd", "values": {"x": 1, "y": 2}}
    for kinds, complete in (("string", True), (["string", "null"], False)):
        schema = {
            "type": "object",
            "required": ["odd"],
            "properties": {"odd": {"type": kinds, "enum": ["x", "y", *([None] if not complete else [])]}},
        }
        parts = {"parameters": schema, "example": {"odd": "x"}, "price": table}
        if complete:
            assert make(**parts).price({"odd": "y"}) == 2
        else:
            with pytest.raises(ContractError, match="says nothing for other values; name them"):
                make(**parts)


NEXT_TO_LIMIT = 10**12 - 1


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"price": 0}, None),
        ({"price": NEXT_TO_LIMIT}, None),
        ({"price": 10**12}, r"price.base must be a number \(below 10\^12\)"),
        ({"price": -(10**12)}, r"price.base must be a number \(below 10\^12\)"),
        ({"price": {"base": True}}, None),
        ({"price": {"base": "1e12"}}, "price.base must be a number"),
        ({"price": {"base": "Infinity"}}, "price.base must be a number"),
        ({"price": {"base": "NaN"}}, "price.base must be a number"),
        ({"price": {"base": 1, "per": {"count": 10**12 // 600}}}, None),
        (
            {"price": {"base": NEXT_TO_LIMIT, "per": {"loud": 1}}},
            r"price must be from 0 to below 10\^12, not 1\.00000e\+12, of .*true",
        ),
        ({"price": {"base": 1, "per": {"mode": 1}}}, "price is per mode, whose values are no numbers"),
        ({"latency": 0}, None),
        ({"latency": {"base": 0, "per": {"loud": -1}}}, "latency must be from 0 .*not -1"),
        ({"output": {"seconds": 600, "pixels": [640, 360]}}, None),
        ({"output": {"seconds": 600.5, "pixels": [640, 360]}}, "up to 600 seconds, not 600.5"),
        ({"output": {"seconds": 0, "pixels": [640, 360]}}, "lasts above 0"),
        ({"output": {"seconds": 0.03, "frames_per_second": 24, "pixels": [640, 360]}}, None),
        ({"output": {"seconds": 0.02, "frames_per_second": 24, "pixels": [640, 360]}}, "at least one frame"),
        ({"output": {"seconds": 5, "pixels": [16, 4096]}}, None),
        ({"output": {"seconds": 5, "pixels": [4096, 16]}}, None),
        ({"output": {"seconds": 5, "pixels": [14, 64]}}, "even numbers from 16 to 4096"),
        ({"output": {"seconds": 5, "pixels": [64, 14]}}, "even numbers from 16 to 4096"),
        ({"output": {"seconds": 5, "pixels": [64, 4098]}}, "even numbers from 16 to 4096"),
        ({"output": {"seconds": 5, "pixels": [64, 63]}}, "even numbers from 16 to 4096"),
        ({"output": {"seconds": 5, "pixels": [64, 64, 64]}}, "even numbers from 16 to 4096"),
        ({"output": {"seconds": 5, "pixels": 64}}, "even numbers from 16 to 4096"),
        ({"latency": {"base": 1, "spread": 3, "queue_share": 1}}, None),
        ({"latency": {"base": 1, "spread": 3.1}}, "latency.spread must be"),
        ({"latency": {"base": 1, "queue_share": 1.1}}, "latency.queue_share must be"),
        ({"output": {"seconds": 5, "pixels": [64, 64], "frames_per_second": 60}}, None),
        ({"output": {"seconds": 5, "pixels": [64, 64], "frames_per_second": 61}}, "frames_per_second must be"),
        ({"output": {"seconds": 5, "pixels": [64, 64], "frames_per_second": 0}}, "frames_per_second must be"),
    ],
)
def test_a_figure_at_its_limit_is_taken_and_no_more(make: Make, parts: dict[str, Any], told: str | None) -> None:
    """Each limit on prices, latencies, lengths and pixels takes what is just inside, and tells what is just outside."""
    if told is None:
        assert make(**parts).price({}) >= 0
    else:
        with pytest.raises(ContractError, match=told):
            make(**parts)


@pytest.mark.parametrize("figure", [{"by": "mode", "values": {}, "base": 1}, {"by": "mode", "otherwise": 1, "per": {}}])
def test_a_table_that_is_a_sum_too_is_told(make: Make, figure: dict[str, Any]) -> None:
    """A base beside a table would say nothing, and so it is a slip."""
    with pytest.raises(ContractError, match="not both"):
        make(price=figure)


def test_numbers_too_large_to_reckon_with_are_told(make: Make) -> None:
    """A number that overflows exact arithmetic is a violation of the request, not an exception."""
    model = make({"free": {"type": "number"}}, price={"base": 1, "per": {"free": {"base": 1, "per": {"free": 1}}}})
    (violation,) = model.violations({"free": 1e300})
    assert violation.message.startswith("No video can be made of these parameters. price must be from 0")
    with pytest.raises(ContractError, match="The numbers among them are too large to reckon with"):
        make({"free": {"enum": ["1e999999"], "default": "1e999999"}}, price={"per": {"free": 10}})


DIGITS = "9" * 5000


@pytest.mark.parametrize(("before", "called"), [("@Image", "@Image"), ("@image", "@Image"), ("(element", "@Element")])
def test_a_name_of_thousands_of_digits_is_a_warning(before: str, called: str) -> None:
    """A name in a prompt whose number Python would not read is one that is not there, and no more."""
    model = load().model
    body = {**model.example, "prompt": f"see {before}{DIGITS}"}
    assert model.violations(body) == []
    named, _ = model.warnings(body)
    assert named.startswith(f"prompt names {called}{DIGITS[:20]}, but ")


def test_zeros_before_a_number_are_none_of_it() -> None:
    """@Image01 is @Image1, however many zeros there are, and 0 is no image."""
    model = load().model
    body = {**model.example, "image_urls": ["https://e.com/a.png"]}
    assert list(model.warnings({**body, "prompt": "@Image01 @Image1 @Image0000001"})) == []
    (told,) = model.warnings({**body, "prompt": f"@Image{'0' * 2000}1 @Image{'0' * 400}2"})
    assert told == "prompt names @Image2, but image_urls has 1 (P4)."
    assert list(model.warnings({**body, "prompt": "@Image00"})) == ["prompt names @Image0, but image_urls has 1 (P4)."]


def test_names_that_are_not_there_are_told_once_and_in_their_order() -> None:
    """The numbers are told as numbers are ordered, each once; one with as many as there are is right."""
    model = load().model
    body = {**model.example, "image_urls": ["https://e.com/a.png"] * 2}
    told = list(model.warnings({**body, "prompt": "@Image10 @Image3 @image3 @Image2 @Image1000000"}))
    assert told == [f"prompt names @Image{number}, but image_urls has 2 (P4)." for number in ("3", "10", "1000000")]


def test_a_text_is_looked_through_up_to_a_length(make: Make) -> None:
    """A name beyond the first hundred thousand characters is not looked for; the last one before that is."""
    model = make(warnings=[{"in": "prompt", "names": r"@(\d)", "as": "@", "of": "image_urls"}])
    assert list(model.warnings({"prompt": f"{' ' * 99_998}@5"})) == ["prompt names @5, but image_urls has 0."]
    assert list(model.warnings({"prompt": f"{' ' * 99_999}@5"})) == []


@pytest.mark.parametrize(
    ("row", "body", "told"),
    [
        ({"in": "prompt", "characters": 3}, {"prompt": "abc"}, []),
        ({"in": "prompt", "characters": 3}, {"prompt": "abcd"}, ["prompt has 4 characters; the model reads 3."]),
        ({"of": ["image_urls"], "together": 1}, {"image_urls": ["a"]}, []),
        ({"of": "image_urls", "together": 1}, {"image_urls": ["a", "b"]}, ["2 of image_urls were given; the"]),
        ({"in": "loud", "only": False}, {"loud": None}, []),
        ({"in": "loud", "only": False}, {"loud": False}, []),
        ({"in": "loud", "only": False}, {"loud": True}, ["loud has no effect unless it is False."]),
        ({"in": "prompt", "names": r"@(\d|x|²)", "as": "@", "of": "image_urls"}, {"prompt": "@x @²"}, []),
        ({"in": "prompt", "names": r"@(\d)", "as": "@", "of": "image_urls"}, {"prompt": None}, []),
    ],
)
def test_a_warning_begins_just_beyond_its_limit(make: Make, row: Any, body: dict[str, Any], told: list[str]) -> None:
    """What is just as much as the model takes is no mistake, one more is; null counts as left out."""
    found = [warning for warning in make(warnings=[row]).warnings(body) if "is at" not in warning]
    assert [warning[: len(start)] for warning, start in zip(found, told, strict=True)] == told


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"in": "count", "characters": 3}, "the parameter 'count', which must be of the type string, not integer"),
        ({"in": "count", "names": "(a)", "as": "@", "of": "image_urls"}, "'count', which must be of the type string"),
        ({"in": "prompt", "names": "(a)", "as": "@", "of": "count"}, "'count', which must be of the type array"),
        ({"of": ["image_urls", "prompt"], "together": 3}, "'prompt', which must be of the type array, not string"),
        ({"in": "nothing", "only": 3}, "'nothing', which there is not"),
        ({"in": "image_urls[]", "characters": 3}, r"'image_urls\[]'; it must be a parameter itself"),
    ],
)
def test_a_warning_about_a_parameter_of_another_type_is_told(make: Make, row: Any, told: str) -> None:
    """A row that could never be looked at, or not without an exception, is told when the file is read."""
    with pytest.raises(ContractError, match=told):
        make(warnings=[row])


def test_unknown_parameters_are_named_up_to_ten() -> None:
    """Ten are told by name and nothing more; of eleven the last is left out."""
    model = load().model
    for count, end in ((10, "'9'."), (11, "'9', ...."), (1, "'0'.")):
        (told,) = model.warnings({**model.example, **{str(number): 1 for number in range(count)}})
        assert told.endswith(end)
        assert told.count("'") == 2 * min(count, 10)
    (told,) = model.warnings({**model.example, "x" * 61: 1})
    assert told.endswith(f": '{'x' * 60}'.")


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://[::1]/a.mp4", True),
        ("http://[2001:4860:4860::8888]/a.mp4", False),
        ("http://LOCALHOST./a.mp4", True),
        ("http://db.internal/a.mp4", True),
        ("http://db.local/a.mp4", True),
        ("http://a.localhost/a.mp4", True),
        ("http://localhost.com/a.mp4", False),
        ("http://10.0.0.1/a.mp4", True),
        ("http://1.1.1.1/a.mp4", False),
        (f"http://{'9' * 5000}/a.mp4", False),
        ("http://youtube.com/a", True),
    ],
)
def test_where_the_platform_cannot_go_is_told(url: str, private: bool) -> None:
    """Addresses of one's own machine and network, in either notation and any case, and pages are told (M17)."""
    model = load().model
    told = list(model.warnings({**model.example, "video_url": url}))
    assert bool(told) == private, told


@pytest.mark.parametrize(
    ("host", "nowhere"),
    [("a.invalid", True), ("INVALID.", True), ("a.invalid.com", False), ("ainvalid", False), ("a.test", False)],
)
def test_a_name_that_nobody_can_have_fails_the_generation(host: str, nowhere: bool) -> None:
    """What is below `invalid` can be fetched by nobody, wherever the platform is (M21)."""
    model = load().model
    body = {**model.example, "video_url": f"https://{host}/a.mp4"}
    failure = model.failure(body, model.inputs(body))
    assert (failure.name if failure else None) == ("unreadable_input" if nowhere else None)


@pytest.mark.parametrize(("width", "fits"), [(299, False), (300, True), (4096, True), (4097, False)])
@pytest.mark.parametrize("part", ["must", "should"])
def test_a_limit_on_a_file_takes_its_own_number(make: Make, part: str, width: int, fits: bool) -> None:
    """A file of just the least or the most is right, in either kind of limit."""
    span = {"minimum": 300, "maximum": 4096}
    model = make(inputs={"prompt": {"kind": "image", part: {"width": span}}})
    (file,) = model.inputs({"prompt": "https://e.com/a.png"})
    measured = InputFile(file.place, file.kind, file.url, file.must, file.should, {"width": width})
    assert (model.unfit([measured]) is None) == (fits or part == "should")
    told = [] if fits or part == "must" else [f"prompt is {width:,} pixels wide; the model takes 300 to 4,096."]
    assert list(model.warnings({"prompt": file.url}, [measured])) == told


@pytest.mark.parametrize(("length", "below"), [(8192, True), (8193, False)])
def test_an_address_longer_than_any_leads_nowhere(length: int, below: bool) -> None:
    """What no server takes is not taken apart, and its kind is not told by its name."""
    model = load().model
    (file,) = model.inputs({"video_url": "https://e.com/".ljust(length - 4, "a") + ".avi"})
    assert file.is_below(("e.com",)) == (file.host == "e.com") == below
    assert bool(list(file.misfits())) == below


def test_a_name_is_below_itself_and_what_ends_in_it() -> None:
    """A host is below its own name and its domain's, whatever its case, and below no name that only looks like one."""
    model = load().model
    (file,) = model.inputs({"video_url": "https://A.e.COM./a.MP4"})
    assert [file.is_below((name,)) for name in ("a.e.com", "e.com", "com", "b.com", ".e.com")] == [True] * 3 + [
        False
    ] * 2
    assert list(file.misfits()) == []


IMAGE = {"kind": "image"}
DISPUTE = {"question": "?", "profiles": {"documented": "a", "observed": "b"}, "answers": {"a": {}, "b": {}}}


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"slug": "a" * 101}, "slug must be"),
        ({"slug": "A"}, "slug must be"),
        ({"slug": "-a"}, "slug must be"),
        ({"slug": "a/b"}, "slug must be"),
        ({"title": ""}, "title must be"),
        ({"title": "A"}, None),
        ({"output": ...}, "output is missing"),
        ({"output": ..., "outputs": {}}, "outputs must be left out"),
        ({"output": {"seconds": 5}}, "output.pixels is missing"),
        ({"output": {"seconds": 5, "pixels": [64, 64], "frames_per_second": 24.5}}, "frames_per_second must be"),
        ({"inputs": {"prompt": {"kind": "sound"}}}, "inputs.prompt.kind must be"),
        ({"inputs": {"prompt": {}}}, "inputs.prompt.kind is missing"),
        ({"inputs": {"prompt": {**IMAGE, "must": {"width": {"minimum": 1}}}}}, "width.maximum is missing"),
        ({"inputs": {"prompt": {**IMAGE, "must": {"width": {"maximum": 1}}}}}, "width.minimum is missing"),
        ({"inputs": {"prompt": {**IMAGE, "must": {"height": {"maximum": 1}}}}}, "must.height must be left out"),
        ({"inputs": {"prompt": {**IMAGE, "should": {"width": {}}}}}, "should.width must be an object that is not"),
        ({"inputs": {"prompt": {**IMAGE, "should": {"width": {"maximum": 1}}}}}, None),
        ({"inputs": {"prompt": {**IMAGE, "should": {"suffixes": [".a1"]}}}}, None),
        ({"inputs": {"prompt": {**IMAGE, "should": {"suffixes": ["."]}}}}, r"suffixes\[0\] must be"),
        ({"inputs": {"prompt": {**IMAGE, "should": {"suffixes": ["png"]}}}}, r"suffixes\[0\] must be"),
        ({"inputs": {"prompt": {**IMAGE, "should": {"suffixes": [".PNG"]}}}}, r"suffixes\[0\] must be"),
        ({"inputs": {"prompt": {**IMAGE, "should": {"suffixes": []}}}}, "suffixes must be an array of at least 1"),
        ({"inputs_enforced": 1}, "inputs_enforced must be a boolean"),
        ({"failures": [{"blank": "prompt", "error": ""}]}, r"failures\[0\].error must be"),
        ({"failures": [{"blank": "prompt"}]}, r"failures\[0\].error is missing"),
        ({"failures": [{"error": "No."}]}, r"failures\[0\].blank is missing"),
        ({"warnings": [{"of": "image_urls", "together": -1}]}, r"warnings\[0\].together must be"),
        ({"warnings": [{"in": "prompt", "characters": -1}]}, r"warnings\[0\].characters must be"),
        ({"warnings": [{"in": "prompt", "characters": 1, "only": 1}]}, r"warnings\[0\] must be"),
        ({"warnings": [{"of": [], "together": 1}]}, r"warnings\[0\].of must be"),
        ({"warnings": [{"in": "prompt", "names": "(a)", "as": "a", "of": ["image_urls"]}]}, r"warnings\[0\] must be"),
        ({"x-disputes": {"X": DISPUTE}}, None),
        ({"x-disputes": {"X": {**DISPUTE, "answers": {"a": {}}}}}, "answers must be"),
        ({"x-disputes": {"X": {**DISPUTE, "profiles": {"documented": "a"}}}}, "profiles.observed is missing"),
        (
            {"x-disputes": {"X": {**DISPUTE, "answers": {"a": {}, "b": {"slug": "other"}}}}},
            "x-disputes.X.answers.b: slug cannot be disputed",
        ),
        ({"price": int("9" * 4300)}, r"price.base must be a number \(below 10\^12\)"),
    ],
)
def test_a_part_of_a_file_is_of_its_form(make: Make, parts: dict[str, Any], told: str | None) -> None:
    """What is missing, empty or just beyond its limit is told with its place."""
    if told is None:
        assert make(**parts).slug == "a-model"
    else:
        with pytest.raises(ContractError, match=told):
            make(**parts)


def test_the_longest_slug_is_a_hundred_signs(tmp_path: Path) -> None:
    """Just so long a slug, with all its signs, is an address."""
    slug = "0-a_b.".ljust(100, "x")
    (tmp_path / "model.yaml").write_text(json.dumps({**FILE, "slug": slug}), "utf-8")
    assert load(models=[tmp_path / "model.yaml"]).path("submit", model=slug) == f"/v2/{slug}"


@pytest.mark.parametrize("digits", [4300, 5000])
def test_a_number_of_thousands_of_digits_in_a_file_is_told(tmp_path: Path, digits: int) -> None:
    """Python makes no number of more than 4,300 digits; a file with one is told like others."""
    for part in ("price", "title", "example"):
        text = json.dumps({**FILE, part: {"base": "HERE"} if part == "price" else "HERE"})
        (tmp_path / "model.yaml").write_text(text.replace('"HERE"', "9" * digits), "utf-8")
        with pytest.raises(ContractError, match=r"model\.yaml"):
            load(models=[tmp_path / "model.yaml"])


def counted(part: Any) -> int:
    """Return how many values there are in a part of a file, itself included."""
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return 1 + sum(map(counted, inner))


def test_a_file_just_as_large_as_it_may_be_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many bytes and so many values are a model's file, one more is too much."""
    file = tmp_path / "model.yaml"
    file.write_text(json.dumps({**FILE, "title": "A"}), "utf-8")
    size, values = file.stat().st_size, counted({**FILE, "title": "A"})
    for name, value, told in (
        ("LARGEST_FILE", size, None),
        ("LARGEST_FILE", size - 1, "has more than"),
        ("MOST_VALUES", values, None),
        ("MOST_VALUES", values - 1, f"holds more than {values - 1} values"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"mockling.contract.modelfile.{name}", value)
            if told is None:
                assert load(models=[file]).models["a-model"].title == "A"
            else:
                with pytest.raises(ContractError, match=told):
                    load(models=[file])


def test_what_a_file_leaves_out_is_as_it_is_documented(make: Make) -> None:
    """Spread, frames, sound and the like have values of their own, which docs/models.md names."""
    model = make()
    assert (model.spread, model.queue_share, model.fps, model.output({}).audio) == (0.15, 0.02, 24, True)
    assert (model.title, model.input_paths, model.texts_needed, list(model.warnings({"loud": True}))) == (
        "a-model",
        [],
        [],
        [],
    )


def test_combinations_are_tried_up_to_a_number(make: Make) -> None:
    """Two thousand are tried; a slip beyond them is told by the request that has it."""
    more = {f"p{index}": {"type": "boolean"} for index in range(8)}  # true, false or left out
    model = make(more, price={"base": 1, "per": dict.fromkeys(more, 1)})
    assert len(list(model.combinations())) == 2000


def test_a_slip_beyond_those_that_are_tried_is_no_exception(make: Make) -> None:
    """A request of which no video can be made is told as a violation, though all its values are counted."""
    more = {f"p{index}": {"type": "boolean"} for index in range(8)}
    free = {name: 0 for name in more if name != "p0"}
    model = make(more, price={"base": {"by": "p0", "values": {"true": 1, "false": -1}, "otherwise": 1}, "per": free})
    assert model.violations({"p0": True}) == []
    (violation,) = model.violations({"p0": False})
    assert violation.message.startswith("No video can be made of these parameters. price must be from 0")


def test_only_a_request_whose_numbers_are_counted_is_not_worked_out(make: Make) -> None:
    """Where one parameter of several is any number, a request that leads to no video breaks the contract."""
    more = {"steps": {"type": "integer", "default": 1}}
    model = make(more, price={"by": "mode", "values": {"a": {"per": {"steps": 1}}}, "otherwise": 1})
    assert model.violations({"steps": 5}) == []
    (violation,) = model.violations({"steps": -1})
    assert violation.message == (
        "No video can be made of these parameters. price must be from 0 to below 10^12, not -1."
    )
    assert model.violations({"steps": -1, "mode": "b"}) == []


def test_null_is_as_good_as_left_out(make: Make) -> None:
    """What is null has its default, in the price as in the request that is filled in; what is unknown is left out."""
    model = make({"steps": {"type": ["integer", "null"], "default": 3}}, price={"per": {"steps": 1}})
    for value, price in ((None, 3), (0, 0), (5, 5)):
        assert model.price({"steps": value}) == price
        assert model.completed({"steps": value, "odd": 1})["steps"] == price
    assert "odd" not in model.completed({"odd": 1})


def test_a_number_beside_its_text_is_taken_for_it_and_no_other(make: Make) -> None:
    """Numbers that stand beside their texts become these; a boolean and a number without a text stay."""
    model = make({"size": {"enum": ["1", "2", "true", 1, 2.0, 3, True], "default": "1"}}, price={"per": {"count": 1}})
    for value, text in ((1, "1"), (2, "2"), (2.0, "2"), (3, 3), (True, True), ("1", "1")):
        found = model.completed({"size": value})["size"]
        assert (found, type(found)) == (text, type(text))


OF_VIDEOS = {"seconds": (3, 15), "width": (720, 2160), "height": (720, 2160), "fps": (24, 60), "bytes": (0, 209715200)}
OF_IMAGES = {"width": (300, 10**6), "height": (300, 10**6), "ratio": (0.4, 2.5), "bytes": (0, 10485760)}


def test_the_limits_of_the_bundled_models_files_are_upstreams() -> None:
    """Of each measure the least and the most are taken, and nothing beyond them (U4, U6)."""
    model = load().model
    url = "https://e.com/a"
    elements = [{"frontal_image_url": url, "reference_image_urls": [url]}]
    files = model.inputs({"video_url": url, "image_urls": [url], "elements": elements})
    assert [file.kind for file in files] == ["video", "image", "image", "image"]
    for file in files:
        limits = OF_VIDEOS if file.kind == "video" else OF_IMAGES
        for name, (least, most) in limits.items():
            for value, fits in ((least, True), (most, True), (least - 0.001, not least), (most + 0.001, most == 10**6)):
                measured = replace(file, measures={name: value})
                assert (list(measured.misfits()) == []) == fits, (file.place, name, value)
        right = (".mp4", ".mov") if file.kind == "video" else (".jpg", ".jpeg", ".png")
        for suffix in (".mp4", ".mov", ".jpg", ".jpeg", ".png", ".avi", ".gif"):
            assert (list(replace(file, url=f"{url}{suffix}").misfits()) == []) == (suffix in right), suffix


@pytest.mark.parametrize(
    ("mode", "duration", "seconds"), [("std", "3", 72.2), ("std", "5", 95), ("pro", "5", 213.36), ("pro", "15", 469.36)]
)
def test_the_bundled_model_takes_its_time(mode: str, duration: str, seconds: float) -> None:
    """The seconds on average follow from mode and duration (P2, U10), scatter, and are partly waited for (M3)."""
    model = load().model
    assert model.latency({"mode": mode, "duration": duration}) == pytest.approx(seconds)
    assert (model.spread, model.queue_share) == (0.15, 0.02)
