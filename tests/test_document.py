"""The document holds every fact, with its source, and settles every dispute."""

import copy
import re
from typing import Any

import pytest
from openapi_spec_validator import validate

from mockling import fixtures
from mockling.contract import ContractError, document, fact, facts, load, validation
from mockling.contract.facts import standings

REQUIRED = [
    *(f"P{number}" for number in range(1, 24)),
    *(f"G{number}" for number in range(1, 23)),
    *(f"A{number}" for number in range(1, 13)),
    *(f"D{number}" for number in range(1, 8)),
]


def test_the_document_is_openapi() -> None:
    """An independent validator takes the document, as it is written and with either profile."""
    validate(document.source())
    validate(load("documented").document)
    validate(load("observed").document)


@pytest.mark.parametrize("fact_id", REQUIRED)
def test_a_known_fact_is_there(fact_id: str) -> None:
    """Every fact of the page and of the gateway is in the document, with a sentence and an explained standing."""
    for row in fact(fact_id):
        assert row.text.endswith((".", '"')), row
        assert set(row.standing) <= standings().keys()


def test_a_disputed_fact_has_all_its_answers() -> None:
    """A dispute shows one row for each answer, and every profile picks one of them."""
    disputes = document.source()["x-disputes"]
    for name, dispute in disputes.items():
        assert len(fact(name)) == len(dispute["x-answers"]) > 1
    for answers in document.source()["x-profiles"].values():
        assert answers.keys() == disputes.keys()


def test_no_fact_is_said_to_be_verified_live() -> None:
    """Nobody has called the live API, and no standing says otherwise."""
    assert "verified" not in " ".join(word for row in facts() for word in row.standing)


def test_an_unknown_fact_is_told_with_the_known_ones() -> None:
    """Asking for a fact that does not exist names those that do."""
    with pytest.raises(ContractError, match=r"no fact 'P99'.*P1, P2"):
        fact("P99")


@pytest.mark.parametrize(
    ("dispute", "answer", "seen"),
    [
        ("D1", "json", lambda it: it.answer_type == "application/json"),
        ("D1", "video", lambda it: it.answer_type == "video/mp4"),
        ("D4", "400", lambda it: it.refusal("invalid_parameter", message="x").status == 400),
        ("D4", "406", lambda it: it.refusal("invalid_parameter", message="x").status == 406),
        ("D6", "docs", lambda it: it.document["x-plans"]["requests_per_minute"] == {"free": 5, "pro": 50}),
        ("D6", "pricing", lambda it: it.document["x-plans"]["requests_per_minute"]["scale"] == 1000),
        ("D7", "refused", lambda it: bool(it.violations({**it.sample, "duration": 5}))),
        ("D7", "coerced", lambda it: it.violations({**it.sample, "duration": 5}) == []),
        ("D7", "coerced", lambda it: it.completed({**it.sample, "duration": 5.0})["duration"] == "5"),
    ],
)
def test_each_answer_to_a_dispute_takes_effect(dispute: str, answer: str, seen: Any) -> None:
    """Choosing an answer, whatever the profile, changes what the contract says."""
    for profile in ("documented", "observed"):
        assert seen(load(profile, {dispute: answer}))


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
    }
    assert load("observed").answers == {**load().answers, "D1": "video", "D2": "402", "D3": "hex"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"profile": "live"}, "no profile 'live'; there is documented, observed"),
        ({"answers": {"D99": "x"}}, "no dispute 'D99'; there is D1"),
        ({"answers": {"D1": "xml"}}, "no answer to D1 'xml'; there is json, video"),
        ({"changes": {"x-latencies": {}}}, "'x-latencies' of the contract cannot be changed; components, x-errors"),
        ({"changes": {"x-latency": {"bass": 1}}}, r"no 'bass' in the contract\.x-latency"),
        (
            {"changes": {"x-latency": {"spread": "a"}}},
            "'spread' in the contract.x-latency cannot be 'a'; now it is 0.15",
        ),
        ({"changes": {"x-latency": {"spread": -3}}}, "cannot be -3"),
        ({"changes": {"x-errors": {"malformed": {"status": 999}}}}, "cannot be 999; now it is 400"),
        ({"changes": {"x-errors": {"malformed": {"error": 5}}}}, "cannot be 5"),
        ({"changes": {"x-output": {"frames_per_second": 30}}}, "'x-output' of the contract cannot be changed"),
        ({"changes": {"x-errors": {"malformed": {"error": "{foo}"}}}}, "cannot be '{foo}'"),
        ({"changes": {"x-errors": {"malformed": {"error": "{"}}}}, "cannot be '{'"),
        ({"changes": {"x-price": {"per_second": {"pro": "x"}}}}, "cannot be 'x'; now it is '0.42'"),
        ({"changes": {"components": {"securitySchemes": {"apiKey": {"x-pattern": "("}}}}}, r"cannot be '\('"),
        ({"changes": {"components": {"schemas": {"Request": {"type": "thing"}}}}}, "holds a schema that is none"),
        ({"profile": ["documented"]}, "no profile"),
        ({"changes": {"x-latency": 5}}, "'x-latency' in the contract is a table"),
    ],
)
def test_an_unknown_choice_is_told_with_the_known_ones(arguments: dict[str, Any], told: str) -> None:
    """A profile, answer or place that does not exist is refused, and the message lists what does."""
    with pytest.raises(ContractError, match=told):
        load(**arguments)


def test_whatever_is_assumed_can_be_changed() -> None:
    """A change to the document, such as another spread or status, is what the contract then says."""
    changed = load(
        changes={
            "x-latency": {"base": {"pro": 0}},
            "x-errors": {"unreadable_input": {"status": 400}},
            "x-price": {"per_second": {"std": "1"}},
        }
    )
    assert changed.price("std", 5) == 5
    assert changed.latency("pro", 5) == pytest.approx(5 * 25.6)
    assert changed.refusal("unreadable_input", reason="x").status == 400
    assert load().latency("pro", 5) == pytest.approx(213.36)


@pytest.mark.parametrize(
    ("fact_id", "numbers"),
    [
        ("P2", {"213.36"}),
        ("P3", {"0.945", "6.30", "0.315", "0.42"}),
        ("P5", {"720", "2160"}),
        ("P7", {"3", "15", "5"}),
        ("P8", {"10", "3"}),
        ("G4", {"16"}),
        ("G21", {"7"}),
        ("U2", {"1280", "720", "1920", "1080", "16", "9"}),
        ("U5", {"4"}),
        ("U7", {"2500"}),
        ("U10", {"5", "95", "225", "318", "224.65", "2.03", "2.10"}),
    ],
)
def test_a_facts_sentence_has_its_numbers(fact_id: str, numbers: set[str]) -> None:
    """What a fact says in words are the figures that are known."""
    (row,) = fact(fact_id)
    assert set(re.findall(r"\d+(?:\.\d+)?", row.text)) == numbers


def test_the_pixels_are_those_of_the_bundled_videos() -> None:
    """The contract's pixels and frames are what the videos really have (U1, U2)."""
    contract = load()
    for mode, ratios in contract.document["x-output"]["pixels"].items():
        for ratio in ratios:
            clip = fixtures.clips()[f"{mode}-{ratio.replace(':', 'x')}"]
            assert contract.pixels(mode, ratio) == (clip.width, clip.height)
            assert clip.fps == contract.document["x-output"]["frames_per_second"]
    assert set(fixtures.MODES) == set(contract.parameters["mode"]["enum"])
    assert set(fixtures.RATIOS) == set(contract.parameters["aspect_ratio"]["enum"])
    assert [str(seconds) for seconds in fixtures.DURATIONS] == contract.parameters["duration"]["enum"]


def test_loading_leaves_the_source_as_it_is() -> None:
    """Contracts do not share what one of them changes."""
    before = copy.deepcopy(document.source())
    load("observed", changes={"x-limits": {"json_depth": 3}})
    assert document.source() == before


def test_a_format_that_nobody_enforces_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If `format: uri` were not really checked, loading the contract would fail."""
    monkeypatch.setattr(validation, "_FORMATS", {"uri": lambda _: True})
    with pytest.raises(ContractError, match="format: uri is not enforced"):
        load()


def test_every_error_is_documented_for_the_endpoint(contract: Any) -> None:
    """The errors' statuses are those of the documented answers (402 comes with D2, 422 is a failed job)."""
    operations = [operation for path in contract.document["paths"].values() for operation in path.values()]
    documented = {int(status) for operation in operations for status in operation["responses"]}
    cases = {name: case for name, case in contract.document["x-errors"].items() if name != "x-source"}
    assert {case["status"] for case in cases.values()} == {
        status for status in documented - {402, 422} if status >= 400
    }
