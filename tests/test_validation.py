"""What the contract accepts and refuses, and how it says so."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mockling.contract import Contract, ContractError, InputFile, Model, load
from mockling.contract.strategies import broken_requests, valid_requests
from mockling.contract.validation import described

CONTRACT = load()
MODEL = CONTRACT.model
SLUG = MODEL.slug
URL = "a valid http or https URL (blanks and letters beyond ASCII percent-encoded)"


@given(valid_requests(CONTRACT))
def test_valid_requests_have_no_violation(request_body: dict[str, Any]) -> None:
    """Whatever the document allows is accepted, and can be checked for mistakes."""
    assert MODEL.violations(request_body) == []
    assert all(warning.endswith(".") for warning in MODEL.warnings(request_body))


@given(broken_requests(CONTRACT))
def test_a_broken_field_is_the_one_violation(broken: tuple[dict[str, Any], str]) -> None:
    """One broken field is one violation, at that field's path, told in one sentence that names it."""
    request_body, path = broken
    violation, *others = MODEL.violations(request_body)
    assert (others, violation.path) == ([], path)
    assert path.removeprefix("$.") in violation.message
    assert len(violation.message) < 300


@given(st.one_of(valid_requests(CONTRACT), broken_requests(CONTRACT).map(lambda broken: broken[0])))
def test_generated_requests_survive_the_wire(request_body: dict[str, Any]) -> None:
    """What the strategies make is JSON, the same after a round trip."""
    assert json.loads(json.dumps(request_body)) == request_body


CHANGED = load(
    answers={"D7": "coerced"},
    changes={"x-models": {SLUG: {"parameters": {"properties": {"duration": {"enum": ["5", "20", 20]}}}}}},
).model


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=9,
)


@given(
    st.one_of(
        broken_requests(CONTRACT).map(lambda broken: broken[0]),
        st.builds(
            lambda body, name, value: {**body, name: value},
            valid_requests(CONTRACT),
            st.sampled_from([*MODEL.parameters]),
            ANY_JSON,
        ),
        st.builds(lambda url: {**MODEL.example, "video_url": url}, st.text("htps:/.@?#%[]a1\n \u00e9", max_size=14)),
        ANY_JSON,
    )
)
def test_the_fast_validator_agrees_with_the_telling_one(value: object) -> None:
    """What the one that only accepts or refuses accepts, the one that tells violations finds none in, and only that."""
    validator = MODEL._validator
    assert validator._accepts(value) == validator._telling.is_valid(value)


@given(valid_requests(CHANGED), broken_requests(CHANGED))
def test_the_strategies_follow_the_document(request_body: dict[str, Any], broken: tuple[dict[str, Any], str]) -> None:
    """A value that the document newly has in an enum is generated, and what it no longer has counts as broken."""
    assert request_body.get("duration", "5") in ("5", "20", 20)
    assert CHANGED.violations(request_body) == []
    assert [violation.path for violation in CHANGED.violations(broken[0])] == [broken[1]]


def test_what_the_document_newly_has_is_generated() -> None:
    """Each value of an enum comes up, one that was added to it too."""
    wanted = {"None", "'5'", "'20'", "20"}
    assert seen_in(valid_requests(CHANGED), lambda one: repr(one.get("duration")), wanted) == wanted


@given(valid_requests(CONTRACT))
def test_valid_requests_are_those_that_do_not_fail(request_body: dict[str, Any]) -> None:
    """What a strategy calls valid is no request whose generation fails for what is in it: a blank prompt, no URL."""
    files = MODEL.inputs(request_body)
    assert MODEL.failure(MODEL.completed(request_body), files) is None
    assert all(file.is_web for file in files)


class EnoughError(Exception):
    """Everything that is wanted has come up."""


def seen_in(strategy: SearchStrategy[Any], what: Callable[[Any], str], wanted: set[str]) -> set[str]:
    """Return what a strategy yields, in words, until all that is wanted has come up."""
    found: set[str] = set()

    @settings(max_examples=5000, database=None, phases=[Phase.generate])
    @given(strategy)
    def look(value: Any) -> None:
        found.add(what(value))
        if found >= wanted:
            raise EnoughError

    with suppress(EnoughError):
        look()
    return found


def place(broken: tuple[Any, str]) -> str:
    """Return where a request is broken, any index as N, with a blank if the prompt was left out."""
    return re.sub(r"\d+", "N", broken[1]) + " " * ("prompt" not in broken[0])


def test_every_kind_of_break_is_generated() -> None:
    """The strategy breaks every field of the document, at the top and inside lists, and leaves required ones out."""
    inner = ("[N]", "[N].frontal_image_url", "[N].reference_image_urls", "[N].reference_image_urls[N]")
    fields = [*MODEL.parameters, "image_urls[N]", *(f"elements{place}" for place in inner)]
    wanted = {f"$.{field}" for field in fields} | {"$.prompt "}
    assert seen_in(broken_requests(CONTRACT), place, wanted) == wanted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": None}, "prompt must be a string, got null"),
        ({"prompt": ...}, "prompt is mandatory and must be a string"),
        ({"video_url": ...}, f"video_url is mandatory and must be {URL}"),
        ({"video_url": "cat.mp4"}, f'video_url must be {URL}, got the string "cat.mp4"'),
        ({"mode": "turbo"}, "mode must be a string, either 'std' or 'pro', got the string \"turbo\""),
        ({"aspect_ratio": "4:3"}, "one of '16:9', '9:16' or '1:1', got the string \"4:3\""),
        ({"duration": 5}, "'14' or '15', got the number 5"),
        ({"duration": "16"}, "'14' or '15', got the string \"16\""),
        ({"keep_audio": "yes"}, 'keep_audio must be a boolean, got the string "yes"'),
        ({"keep_audio": 1}, "keep_audio must be a boolean, got the number 1"),
        ({"elements": [{}] * 11}, "elements must be an array of at most 10 objects, got an array of 11 items"),
        ({"elements": {}}, "elements must be an array of at most 10 objects, got an object"),
        (
            {"elements": [{}, {"reference_image_urls": ["a"] * 4}]},
            "elements[1].reference_image_urls must be an array of at most 3 strings, got an array of 4 items",
        ),
        ({"image_urls": [1]}, "image_urls[0] must be a string, got the number 1"),
        ({"shot_type": 5}, "shot_type must be a string, got the number 5"),
    ],
)
def test_a_violation_is_told_in_the_platforms_style(change: dict[str, Any], message: str) -> None:
    """The sentence says which field, what was expected and what came (G17)."""
    request_body = {name: value for name, value in {**MODEL.example, **change}.items() if value is not ...}
    (violation,) = MODEL.violations(request_body)
    assert violation.message.endswith(message)
    assert violation.path.startswith(f"$.{next(iter(change))}")


def test_absence_is_told_before_range() -> None:
    """A missing parameter comes before a wrong value, a wrong type before a value outside its set (G17)."""
    told = [violation.path for violation in MODEL.violations({"mode": "x", "duration": 5, "prompt": "a"})]
    assert told == ["$.video_url", "$.duration", "$.mode"]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:video/mp4;base64,AAAA",
        "file:///etc/passwd",
        "ftp://example.com/a.mp4",
        "http://",
        "https://?a.mp4",
        "http://:80/a",
        "http://user@/a",
        "http://user@:80",
        "//example.com/a.mp4",
        "http://exa mple.com/a",
        "http://example.com/\n",
        "http://example.com/%zz",
        " http://example.com/a",
    ],
)
def test_only_http_and_https_addresses_are_urls(url: str) -> None:
    """A URL must be a URI that names an http or https host (P5, M1)."""
    assert MODEL.violations({**MODEL.example, "video_url": url})
    assert MODEL.violations({**MODEL.example, "elements": [{"frontal_image_url": url}]})


@pytest.mark.parametrize("url", ["HTTP://e.com", "https://u:p@e.com:80/a?b#c", "http://[::1]:80/a", "http://127.0.0.1"])
def test_every_http_and_https_address_is_a_url(url: str) -> None:
    """Ports, user names, upper case and IP addresses are part of URLs."""
    assert MODEL.violations({**MODEL.example, "video_url": url}) == []


def test_image_urls_are_strings_as_the_page_says() -> None:
    """The page calls image_urls strings, not URIs: one that is none fails the generation alone (P9, A5)."""
    request_body = {**MODEL.example, "image_urls": ["https://e.com/1.png", "cat.png"]}
    assert MODEL.violations(request_body) == []
    failure = MODEL.failure(request_body, MODEL.inputs(request_body))
    assert failure and failure.name == "rejected_reference"


@pytest.mark.parametrize("prompt", ["", " ", "\n\t"])
def test_a_blank_prompt_fails_the_generation(prompt: str) -> None:
    """A prompt of nothing but blanks is a string and so valid, and the generation fails with the words seen (A5)."""
    request_body = {**MODEL.example, "prompt": prompt}
    assert MODEL.violations(request_body) == []
    failure = MODEL.failure(request_body, MODEL.inputs(request_body))
    assert failure
    assert CONTRACT.refusal(failure.name, **failure.values).text == "Prompt is required for video generation."


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_a_told_value_is_short(value: object) -> None:
    """However long a value is, little of it is told back."""
    assert len(described(value)) < 100
    assert len(described([value] * 1000)) < 100
    assert len(described("\U0001f600" * 10_000)) < 100


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"prompt": "see @Image2", "image_urls": ["https://e.com/1.png"]},
            "prompt names @Image2, but image_urls has 1 (P4).",
        ),
        ({"prompt": "see @Image0"}, "prompt names @Image0, but image_urls has 0 (P4)."),
        ({"prompt": "see (element1)"}, "prompt names @Element1, but elements has 0 (P4)."),
        (
            {"prompt": "see @Element" + "9" * 2000},
            "prompt names @Element99999999999999999999, but elements has 0 (P4).",
        ),
        ({"prompt": "x" * 2501}, "prompt has 2501 characters; the model reads 2500 (U7)."),
        (
            {str(number): 1 for number in range(99)},
            "The endpoint has no such parameter and ignores it: '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ....",
        ),
        ({"shot_type": "intelligent"}, "shot_type has no effect unless it is 'customize' (U8)."),
        (
            {"elements": [{}] * 3, "image_urls": ["https://e.com/1.png"] * 2},
            "2 of image_urls and 3 of elements were given; the model takes 4 together (U5).",
        ),
        ({"seed": 7}, "The endpoint has no such parameter and ignores it: 'seed'."),
        ({"video_url": "https://e.com/a.avi"}, "video_url names a .avi file; the model takes .mp4 and .mov (U4)."),
        (
            {"image_urls": ["https://e.com/a.gif"]},
            "image_urls[0] names a .gif file; the model takes .jpg, .jpeg and .png (U6).",
        ),
        (
            {"elements": [{"reference_image_urls": ["https://e.com/a.webp?b"]}]},
            "elements[0].reference_image_urls[0] names a .webp file; the model takes .jpg, .jpeg and .png (U6).",
        ),
        (
            {"video_url": "http://localhost:8000/a.mp4"},
            "video_url is at localhost, which the platform cannot reach; live the generation would fail (M17).",
        ),
        (
            {"video_url": "https://192.168.0.7/a.mp4"},
            "video_url is at 192.168.0.7, which the platform cannot reach; live the generation would fail (M17).",
        ),
        (
            {"video_url": "https://www.youtube.com/watch?v=1"},
            "video_url is a page of youtube.com and no video file; live the generation would fail (M17).",
        ),
    ],
)
def test_a_probable_mistake_is_told_and_not_refused(change: dict[str, Any], told: str) -> None:
    """What is known to go wrong, though the page refuses none of it, is a warning (P4, U4 to U8, M7, M17)."""
    request_body = {**MODEL.example, **change}
    assert MODEL.violations(request_body) == []
    assert list(MODEL.warnings(request_body)) == [told]


@pytest.mark.parametrize(
    "host", ["e.com", "youtube.com.example.org", "notyoutube.com", "8.8.8.8", "localhost.example.org"]
)
def test_a_public_address_is_no_mistake(host: str) -> None:
    """A host that only looks like one of those is as good as any (M17)."""
    assert list(MODEL.warnings({**MODEL.example, "video_url": f"https://{host}/a.mp4"})) == []


def test_a_sound_request_has_no_warnings() -> None:
    """Elements and images that are there may be named in either notation."""
    request_body = {
        **MODEL.example,
        "prompt": "put @Element1 and (element2) before @Image1",
        "elements": [{}, {}],
        "image_urls": ["https://e.com/1.png"],
    }
    assert list(MODEL.warnings(request_body)) == []


VIDEO = {"width": 1280, "height": 720, "ratio": 1280 / 720, "seconds": 5, "fps": 24, "bytes": 10**6}
IMAGE = {"width": 600, "height": 600, "ratio": 1, "bytes": 10**6}


def measured(model: Model, body: dict[str, Any], **changes: float) -> list[InputFile]:
    """Return a request's inputs as if they were at hand, the last of them changed."""
    *others, last = model.inputs(body)
    good = {"video": VIDEO, "image": IMAGE}
    files = [replace(file, measures=good[file.kind]) for file in others]
    return [*files, replace(last, measures={**good[last.kind], **changes})]


MISFITS = [
    ({}, {"seconds": 2.5}, "video_url is 2.5 seconds long; the model takes 3 to 15 (U4)."),
    ({}, {"seconds": 15.5}, "video_url is 15.5 seconds long; the model takes 3 to 15 (U4)."),
    ({}, {"height": 719}, "video_url is 719 pixels high; the model takes 720 to 2,160 (U4)."),
    ({}, {"fps": 12}, "video_url is 12 frames a second fast; the model takes 24 to 60 (U4)."),
    ({}, {"bytes": 209715201}, "video_url is 209,715,201 bytes large; the model takes at most 209,715,200 (U4)."),
    (
        {"image_urls": ["https://e.com/1"]},
        {"width": 299},
        "image_urls[0] is 299 pixels wide; the model takes at least 300 (U6).",
    ),
    (
        {"elements": [{"frontal_image_url": "https://e.com/1"}]},
        {"ratio": 2.6},
        "elements[0].frontal_image_url is 2.6 times its height wide; the model takes 0.4 to 2.5 (U6).",
    ),
]


@pytest.mark.parametrize(("change", "measures", "told"), MISFITS)
def test_upstreams_limits_on_files_are_told_or_enforced(
    change: dict[str, Any], measures: dict[str, float], told: str
) -> None:
    """A file that upstream would not take is a warning, or fails the generation, as D8 is answered (U4, U6)."""
    request_body = {**MODEL.example, **change}
    files = measured(MODEL, request_body, **measures)
    assert list(MODEL.warnings(request_body, files)) == [told]
    assert MODEL.failure(request_body, files) is None
    enforced = load("observed")
    failure = enforced.model.failure(request_body, files)
    assert failure
    assert enforced.refusal(failure.name, **failure.values).text == told
    assert list(enforced.model.warnings(request_body, files)) == []


@pytest.mark.parametrize(("width", "refused"), [(719, True), (720, False), (2160, False), (2161, True)])
def test_a_video_of_another_width_is_refused(width: int, refused: bool) -> None:
    """The page's limit refuses, and its sentence names the limit and what came (P5)."""
    refusal = MODEL.unfit(measured(MODEL, MODEL.example, width=width))
    assert bool(refusal) == refused
    if refusal:
        text = CONTRACT.refusal(refusal.name, **refusal.values).text
        assert text == f"video_url must be a video 720 to 2160 pixels wide, got one of {width} pixels"


def test_the_cheapest_and_the_dearest_call_cost_what_the_page_says() -> None:
    """A call costs $0.945 to $6.30 (P3), exactly."""
    calls = [{"mode": mode, "duration": str(seconds)} for mode in ("std", "pro") for seconds in range(3, 16)]
    prices = [MODEL.price(call) for call in calls]
    assert (min(prices), max(prices)) == (Decimal("0.945"), Decimal("6.30"))
    assert MODEL.price({"mode": "pro", "duration": "5"}) == MODEL.price({}) == Decimal("2.10")


@pytest.mark.parametrize(("mode", "duration"), [("max", "5"), ("pro", "2"), ("pro", "16"), ("pro", "05")])
def test_a_price_of_nothing_on_offer_is_refused(mode: str, duration: str) -> None:
    """There is no price for a mode or duration that does not exist."""
    with pytest.raises(ContractError, match="There is no"):
        MODEL.price({"mode": mode, "duration": duration})


def response(contract: Contract, **changes: Any) -> tuple[int, dict[str, str], bytes]:
    """Return a right response of v1, changed."""
    request_id, url = "0" * 8 + "-0000-4000-8000-" + "0" * 12, "http://127.0.0.1/a.mp4"
    body: dict[str, Any] = {
        "status": "COMPLETED",
        "request_id": request_id,
        "output": url,
        "video": {"url": url, "content_type": "video/mp4", "file_name": "a.mp4", "file_size": 9},
        "metrics": dict.fromkeys(("inference_time", "queue_time", "total_time", "cost", "remaining_credits"), 1.5),
    }
    responses = contract.document["components"]["responses"]
    headers = {
        name: header.get("schema", {}).get("const", "1.5") for name, header in responses["Generated"]["headers"].items()
    }
    headers |= {
        "X-Request-Id": request_id,
        "x-rate-limit-remaining": "3",
        "x-rate-limit-reset-at-utc": "2026-11-22T00:00:00Z",
        "x-output-metadata": '{"height": 1, "width": 1, "frames": 1, "fps": 24, "resolution": "1x1"}',
        "content-type": "application/json",
    }
    del headers["x-request-id"]
    return 200, headers | changes.pop("headers", {}), json.dumps(body | changes).encode()


def test_a_right_response_keeps_the_contract() -> None:
    """A response with every header and the documented body has no violation, whatever the case of its headers."""
    assert CONTRACT.response_violations("generate", *response(CONTRACT)) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (response(CONTRACT, output=None), "$.output"),
        (response(CONTRACT, status="DONE"), "$.status"),
        (response(CONTRACT, headers={"x-cost": "cheap"}), "x-cost"),
        (response(CONTRACT, headers={"x-cost": "-1"}), "x-cost"),
        (response(CONTRACT, headers={"X-Request-Id": "7"}), "x-request-id"),
        (response(CONTRACT, headers={"x-output-metadata": '{"width": 1}'}), "x-output-metadata"),
        (response(CONTRACT, headers={"content-type": "text/html"}), "content-type"),
        ((200, response(CONTRACT)[1], b"<html>"), "the body"),
        ((418, {}, b""), "status"),
        (response(CONTRACT, headers={"x-cost": "NaN"}), "x-cost"),
        (response(CONTRACT, headers={"x-rate-limit-reset-at-utc": "soon"}), "x-rate-limit-reset-at-utc"),
        ((400, {"content-type": "application/json"}, b'{"error": NaN}'), "the body"),
        ((400, {"content-type": "application/json"}, b"[" * 100_000), "the body"),
        ((429, {"content-type": "application/json", "Retry-After": "1"}, b'{"error": "x"}'), "retry-after"),
        ((429, {"content-type": "application/json"}, b'{"error": "x"}'), "x-rate-limit-reset-at-utc"),
        ((400, {"content-type": "application/json"}, b'{"error": ""}'), "$.error"),
        ((400, {"content-type": "application/json"}, b'{"message": "x"}'), "$.error"),
    ],
)
def test_a_wrong_response_is_told(wrong: tuple[int, dict[str, str], bytes], told: str) -> None:
    """A missing or wrong header, a wrong type or body, an undocumented status: each is told by its place."""
    assert told in [violation.path for violation in CONTRACT.response_violations("generate", *wrong)]


VIDEO_TYPE = {"X-Request-Id": "0" * 32, "content-type": "video/mp4"}


@settings(max_examples=30)
@given(st.binary(max_size=30))
def test_a_video_response_is_an_mp4_of_exactly_that_type(body: bytes) -> None:
    """Where the response is the video (D1), it must begin as an MP4 does and be of the type video/mp4 and no more."""
    observed = load("observed")
    headers = response(CONTRACT)[1] | VIDEO_TYPE
    mp4 = b"\0\0\0\x14ftyp" + body
    assert observed.response_violations("generate", 200, headers, mp4) == []
    assert observed.response_violations("generate", 200, headers | {"content-type": "video/mp4; charset=utf-8"}, mp4)
    assume(body[4:8] != b"ftyp")
    (violation,) = observed.response_violations("generate", 200, headers, body)
    assert violation.path == "the body"


def test_a_part_of_a_video_need_not_begin_as_one() -> None:
    """A fetched file is an MP4 from its beginning, a range of it may be any of its bytes (G21)."""
    headers = {"content-type": "video/mp4"}
    assert CONTRACT.response_violations("download", 200, headers, b"\0\0\0\x14ftypisom") == []
    assert CONTRACT.response_violations("download", 200, headers, b"any")
    assert CONTRACT.response_violations("download", 206, headers, b"any") == []


def test_an_operation_that_is_not_there_is_told_with_those_that_are() -> None:
    """Asking about a response of no operation names the operations."""
    with pytest.raises(ContractError, match="no operation 'wait'; there is generate, preflight, submit"):
        CONTRACT.response_violations("wait", 200, {}, b"")
