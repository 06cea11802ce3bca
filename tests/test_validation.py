"""What the contract accepts and refuses, and how it says so."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mockling.contract import Contract, ContractError, load
from mockling.contract.strategies import broken_requests, valid_requests
from mockling.contract.validation import described

CONTRACT = load()


@given(valid_requests(CONTRACT))
def test_valid_requests_have_no_violation(request_body: dict[str, Any]) -> None:
    """Whatever the document allows is accepted, and can be checked for mistakes."""
    assert CONTRACT.violations(request_body) == []
    assert all(finding.endswith(".") for finding in CONTRACT.findings(request_body))


@given(broken_requests(CONTRACT))
def test_a_broken_field_is_the_one_violation(broken: tuple[dict[str, Any], str]) -> None:
    """One broken field is one violation, at that field's path, told in one sentence that names it."""
    request_body, path = broken
    violation, *others = CONTRACT.violations(request_body)
    assert (others, violation.path) == ([], path)
    assert path.removeprefix("$.") in violation.message
    assert len(violation.message) < 300


@given(st.one_of(valid_requests(CONTRACT), broken_requests(CONTRACT).map(lambda broken: broken[0])))
def test_generated_requests_survive_the_wire(request_body: dict[str, Any]) -> None:
    """What the strategies make is JSON, the same after a round trip."""
    assert json.loads(json.dumps(request_body)) == request_body


WIDER = load(
    answers={"D7": "coerced"},
    changes={"components": {"schemas": {"Request": {"properties": {"mode": {"enum": ["ultra"]}}}}}},
)


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
            st.sampled_from([*CONTRACT.parameters]),
            ANY_JSON,
        ),
        st.builds(lambda url: {**CONTRACT.sample, "video_url": url}, st.text("htps:/.@?#%[]a1\n \u00e9", max_size=14)),
        ANY_JSON,
    )
)
def test_the_fast_validator_agrees_with_the_telling_one(value: object) -> None:
    """What the one that only accepts or refuses accepts, the one that tells violations finds none in, and only that."""
    validator = CONTRACT._request
    assert validator._accepts(value) == validator._telling.is_valid(value)


@given(valid_requests(WIDER), broken_requests(WIDER))
def test_the_strategies_follow_the_document(request_body: dict[str, Any], broken: tuple[dict[str, Any], str]) -> None:
    """A value that the document newly has in an enum is generated, and what it no longer has counts as broken."""
    assert request_body.get("mode", "ultra") == "ultra"
    assert WIDER.violations(request_body) == []
    assert [violation.path for violation in WIDER.violations(broken[0])] == [broken[1]]


def seen_in(strategy: SearchStrategy[Any], what: Callable[[Any], str]) -> set[str]:
    """Return what a strategy yields, in words."""
    seen: set[str] = set()

    @settings(max_examples=800, derandomize=True, database=None, phases=[Phase.generate])
    @given(strategy)
    def look(value: Any) -> None:
        seen.add(what(value))

    look()
    return seen


def test_every_kind_of_break_is_generated() -> None:
    """The strategy breaks every field of the document, at the top and inside lists, and leaves required ones out."""
    seen = seen_in(broken_requests(CONTRACT), lambda one: re.sub(r"\d+", "N", one[1]) + " " * ("prompt" not in one[0]))
    inner = ("[N]", "[N].frontal_image_url", "[N].reference_image_urls", "[N].reference_image_urls[N]")
    fields = [*CONTRACT.parameters, "image_urls[N]", *(f"elements{place}" for place in inner)]
    assert {f"$.{field}" for field in fields} | {"$.prompt "} == seen


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": None}, "prompt must be a string, got null"),
        ({"prompt": ...}, "prompt is mandatory and must be a string"),
        ({"video_url": ...}, "video_url is mandatory and must be a valid http or https URL"),
        ({"video_url": "cat.mp4"}, 'video_url must be a valid http or https URL, got the string "cat.mp4"'),
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
    request_body = {name: value for name, value in {**CONTRACT.sample, **change}.items() if value is not ...}
    (violation,) = CONTRACT.violations(request_body)
    assert violation.message.endswith(message)
    assert violation.path.startswith(f"$.{next(iter(change))}")


def test_absence_is_told_before_range() -> None:
    """A missing parameter comes before a wrong value, a wrong type before a value outside its set (G17)."""
    told = [violation.path for violation in CONTRACT.violations({"mode": "x", "duration": 5, "prompt": "a"})]
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
    assert CONTRACT.violations({**CONTRACT.sample, "video_url": url})
    assert CONTRACT.violations({**CONTRACT.sample, "elements": [{"frontal_image_url": url}]})


@pytest.mark.parametrize("url", ["HTTP://e.com", "https://u:p@e.com:80/a?b#c", "http://[::1]:80/a", "http://127.0.0.1"])
def test_every_http_and_https_address_is_a_url(url: str) -> None:
    """Ports, user names, upper case and IP addresses are part of URLs."""
    assert CONTRACT.violations({**CONTRACT.sample, "video_url": url}) == []


def test_image_urls_are_strings_as_the_page_says() -> None:
    """The page calls image_urls strings, not URIs: one that is none is doubtful, not refused (P9)."""
    request_body = {**CONTRACT.sample, "image_urls": ["cat.png"]}
    assert CONTRACT.violations(request_body) == []
    assert list(CONTRACT.findings(request_body)) == ["image_urls[0] is no http or https URL."]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_a_told_value_is_short(value: object) -> None:
    """However long a value is, little of it is told back."""
    assert len(described(value)) < 100
    assert len(described([value] * 1000)) < 100
    assert len(described("\U0001f600" * 10_000)) < 100


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (
            {"prompt": "see @Image2", "image_urls": ["https://e.com/1.png"]},
            "prompt names @Image2, but image_urls has 1",
        ),
        ({"prompt": "see @Image0"}, "prompt names @Image0, but image_urls has 0"),
        ({"prompt": "see (element1)"}, "prompt names @Element1, but elements has 0"),
        ({"prompt": "see @Element" + "9" * 5000}, "prompt names @Element99999999999999999999, but elements has 0"),
        ({"prompt": "x" * 2501}, "prompt has 2501 characters; the model reads 2500"),
        ({"prompt": " "}, "prompt is empty"),
        ({str(number): 1 for number in range(99)}, "'8', '9', ...."),
        ({"shot_type": "intelligent"}, "shot_type has no effect unless it is 'customize'"),
        ({"elements": [{}] * 3, "image_urls": ["https://e.com/1.png"] * 2}, "2 images and 3 elements were given"),
        ({"seed": 7}, "has no such parameter and ignores it: 'seed'."),
    ],
)
def test_a_probable_mistake_is_found_and_not_refused(change: dict[str, Any], finding: str) -> None:
    """What the model is known to mind, though the page refuses none of it, is a finding (P4, U5, U7, U8, M7)."""
    request_body = {**CONTRACT.sample, **change}
    assert CONTRACT.violations(request_body) == []
    assert any(finding in told for told in CONTRACT.findings(request_body))


def test_a_sound_request_has_no_findings() -> None:
    """Elements and images that are there may be named in either notation."""
    request_body = {
        **CONTRACT.sample,
        "prompt": "put @Element1 and (element2) before @Image1",
        "elements": [{}, {}],
        "image_urls": ["https://e.com/1.png"],
    }
    assert list(CONTRACT.findings(request_body)) == []


def test_the_cheapest_and_the_dearest_call_cost_what_the_page_says() -> None:
    """A call costs $0.945 to $6.30 (P3), exactly."""
    prices = {CONTRACT.price(mode, seconds) for mode in ("std", "pro") for seconds in range(3, 16)}
    assert (min(prices), max(prices)) == (Decimal("0.945"), Decimal("6.30"))
    assert CONTRACT.price("pro", "5") == Decimal("2.10")


@pytest.mark.parametrize(("mode", "duration"), [("max", 5), ("pro", 2), ("pro", "16"), ("pro", "05")])
def test_a_price_of_nothing_on_offer_is_refused(mode: str, duration: str | int) -> None:
    """There is no price for a mode or duration that does not exist."""
    with pytest.raises(ContractError, match="There is no"):
        CONTRACT.price(mode, duration)


def answer(contract: Contract, **changes: Any) -> tuple[int, dict[str, str], bytes]:
    """Return a right answer, changed."""
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


def test_a_right_answer_keeps_the_contract() -> None:
    """An answer with every header and the documented body has no violation, whatever the case of its headers."""
    assert CONTRACT.answer_violations(*answer(CONTRACT)) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (answer(CONTRACT, output=None), "$.output"),
        (answer(CONTRACT, status="DONE"), "$.status"),
        (answer(CONTRACT, headers={"x-cost": "cheap"}), "x-cost"),
        (answer(CONTRACT, headers={"x-cost": "-1"}), "x-cost"),
        (answer(CONTRACT, headers={"X-Request-Id": "7"}), "x-request-id"),
        (answer(CONTRACT, headers={"x-output-metadata": '{"width": 1}'}), "x-output-metadata"),
        (answer(CONTRACT, headers={"content-type": "text/html"}), "content-type"),
        ((200, answer(CONTRACT)[1], b"<html>"), "the body"),
        ((418, {}, b""), "status"),
        (answer(CONTRACT, headers={"x-cost": "NaN"}), "x-cost"),
        (answer(CONTRACT, headers={"x-rate-limit-reset-at-utc": "soon"}), "x-rate-limit-reset-at-utc"),
        ((400, {"content-type": "application/json"}, b'{"error": NaN}'), "the body"),
        ((400, {"content-type": "application/json"}, b"[" * 100_000), "the body"),
        ((429, {"content-type": "application/json", "Retry-After": "1"}, b'{"error": "x"}'), "retry-after"),
        ((429, {"content-type": "application/json"}, b'{"error": "x"}'), "x-rate-limit-reset-at-utc"),
        ((400, {"content-type": "application/json"}, b'{"error": ""}'), "$.error"),
        ((400, {"content-type": "application/json"}, b'{"message": "x"}'), "$.error"),
    ],
)
def test_a_wrong_answer_is_told(wrong: tuple[int, dict[str, str], bytes], told: str) -> None:
    """A missing or wrong header, a wrong type or body, an undocumented status: each is told by its place."""
    assert told in [violation.path for violation in CONTRACT.answer_violations(*wrong)]


@settings(max_examples=30)
@given(st.binary(max_size=30))
def test_a_video_answer_is_an_mp4_of_exactly_that_type(body: bytes) -> None:
    """Where the answer is the video (D1), it must begin as an MP4 does and be of the type video/mp4 and no more."""
    observed = load("observed")
    headers = answer(CONTRACT)[1] | {"X-Request-Id": "0" * 32}
    mp4 = b"\0\0\0\x14ftyp" + body
    assert observed.answer_violations(200, headers | {"content-type": "video/mp4"}, mp4) == []
    assert observed.answer_violations(200, headers | {"content-type": "video/mp4; charset=utf-8"}, mp4)
    assert observed.answer_violations(200, headers | {"content-type": "video/mp4"}, body)
