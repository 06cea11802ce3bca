"""The endpoint's public page against the contract: where they agree, and that no fact on it can change unnoticed."""

import re
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import CHANGES, CONTRACT, POINTS, STORED, Change, as_html, as_lines, changed, compared, places

from mockling.contract import load
from mockling.contract.facts import fact
from mockling.contract.page import PageError, compare, differences, model_of, read_page

WAYS = {"text": str, "html": as_html, "lines": as_lines}


@pytest.mark.parametrize("way", WAYS)
def test_the_stored_page_agrees_with_the_contract(way: str) -> None:
    """However the page is saved, every point of it is read, and is as the contract has it."""
    comparison = compared(WAYS[way](STORED))
    assert comparison.differences == ()
    assert comparison.not_compared == ()
    assert len(comparison.agreed) == len(set(comparison.agreed)) == POINTS


@pytest.mark.parametrize(("change", "way"), [*zip(CHANGES, cycle(WAYS), strict=False)], ids=str)
def test_a_fact_that_changes_is_the_difference_that_is_reported(change: Change, way: str) -> None:
    """One changed fact gives the differences that are due to it, and no other."""
    assert places(WAYS[way](changed(change))) == change.places


def subjects(change: Change) -> set[str]:
    """Return what a change is about: a parameter, a status, the latency."""
    return {".".join(place.replace("inputs", "parameters").replace("[]", "").split(".")[:2]) for place in change.places}


@given(st.lists(st.sampled_from(CHANGES), min_size=2, max_size=5))
@settings(max_examples=50)
def test_facts_that_change_together_are_all_reported(changes: list[Change]) -> None:
    """The difference that a fact makes does not depend on the others: together they give what each gives."""
    apart: list[Change] = []
    for change in changes:
        if all(subjects(change).isdisjoint(subjects(other)) for other in apart):
            apart.append(change)
    assert places(changed(*apart)) == frozenset().union(*(change.places for change in apart))


# The digits that mean nothing: how far the sample indents what it prints, the numbers of the lines that come after its
# last fact, and which image a text takes for an example.
MEANINGLESS = re.compile(r"indent=\d|^2[4-7]|[@(][A-Za-z]+\d", re.MULTILINE)
DIGITS = sorted(
    {found.start() for found in re.finditer(r"\d", STORED)}
    - {index for found in MEANINGLESS.finditer(STORED) for index in range(*found.span())}
)


@pytest.mark.parametrize(("way", "digits"), [("text", DIGITS), ("html", DIGITS[::5])], ids=["text", "html"])
def test_no_digit_changes_unnoticed(way: str, digits: list[int]) -> None:
    """Whichever digit of the page is another, the page cannot be read, or does not agree in all points any more."""
    assert len(DIGITS) > 100
    for index in digits:
        other = str((int(STORED[index]) + 1) % 10)
        try:
            comparison = compared(WAYS[way](f"{STORED[:index]}{other}{STORED[index + 1 :]}"))
        except ValueError:  # of which model it is cannot be told any more
            continue
        assert comparison.differences or len(comparison.agreed) < POINTS, STORED[index - 20 : index + 20]


def test_a_difference_says_what_where_and_by_which_facts() -> None:
    """It has the place, what both say, the JSON pointer into the document, and the facts that stand there."""
    page = read_page(STORED.replace('"12"+3', '"21"+3').replace("720-2160px", "720-1080px"))
    width, values = differences(page, model_of(page, CONTRACT), CONTRACT)
    at = "#/x-models/kling-o3-video2video-reference"
    assert values.place == "parameters.duration.enum"
    assert values.page == '"3" "4" "5" "6" "7" "8" "9" "10" "11" "21" +3 more (13 total)'
    assert values.contract == " ".join(f'"{seconds}"' for seconds in range(3, 16))
    assert (values.pointer, values.facts) == (f"{at}/parameters/properties/duration/enum", ("P7", "D7"))
    assert (width.place, width.page, width.contract) == ("inputs.video_url.width", "720 to 1080", "720 to 2160")
    assert (width.pointer, width.facts) == (f"{at}/inputs/video_url/must/width", ("P5",))


@pytest.mark.parametrize("change", CHANGES[::7], ids=str)
def test_a_pointer_leads_to_a_place_in_the_contract(change: Change) -> None:
    """Whatever differs, its pointer can be followed, and the facts it names are known."""
    for difference in compared(changed(change)).differences:
        node = CONTRACT.document
        for step in difference.pointer.split("/")[1:]:
            node = node[step.replace("~1", "/").replace("~0", "~")]
        assert all(fact(fact_id) for fact_id in difference.facts)


def test_a_figure_is_compared_as_the_page_rounds_it() -> None:
    """A latency of 213.4 s, or of 213 s, is the contract's."""
    for rounded in ("213.4", "213"):
        assert "latency" in compared(STORED.replace("213.36", rounded)).agreed


def test_what_stands_above_a_page_does_not_matter() -> None:
    """Text that was saved with the site's head has lines, and prices, before the title."""
    assert compared(f"Segmind\nGet $5 for free, in ~3s\n{STORED}") == compared(STORED)


def test_an_average_price_need_only_be_possible() -> None:
    """Where the page gives one price, of which it says that it is about so much, it lies between the contract's."""
    for price, due in (("~$2.03", set()), ("~$6.30", set()), ("~$0.94", {"price"}), ("$2.03", {"price"})):
        page = STORED.replace("$0.945 - $6.30 per generation", price)
        assert places(page) == due, price


def test_with_another_profile_the_page_differs_where_the_profile_does() -> None:
    """`observed` holds the answer to be bytes, as clients saw it, and the page's sample reads JSON (D1)."""
    contract = load("observed")
    page = read_page(STORED)
    (difference,) = differences(page, model_of(page, contract), contract)
    assert (difference.place, difference.contract) == ("sample.answer", "video/mp4")
    assert {"P13", "D1"} <= {*difference.facts}
    coerced = load(answers={"D7": "coerced"})
    assert {one.place for one in differences(page, model_of(page, coerced), coerced)} == {
        "parameters.duration.type",
        "parameters.duration.enum",
    }


def test_a_page_without_errors_is_told_once() -> None:
    """Where the whole table of errors is missing, that is one difference."""
    assert places(STORED[: STORED.index("\n400\n")]) == {"errors"}


def test_an_address_without_a_method_is_that_of_the_endpoint() -> None:
    """Some ways of saving a page lose the word POST, which is told."""
    (difference,) = compared(STORED.replace("POSThttps", "https")).differences
    assert (difference.place, difference.page, difference.contract) == ("endpoint.method", "nothing", "POST")


def test_what_was_read_on_the_page_and_is_gone_is_a_difference() -> None:
    """The price, the kind of answer and the parts of a list were read there, so that their absence says something."""
    gone = {"$0.945 - $6.30 per generation": "price", "Returns: Video": "returns", "~213.36s": "latency"}
    for text, place in gone.items():
        assert places(STORED.replace(text, "")) == {place}


@pytest.mark.parametrize(
    ("saved", "told"),
    [
        ("", "names no endpoint"),
        ("Once upon a time\n" * 99, "names no endpoint"),
        (STORED.replace("POSThttps:", "POSTftp:"), "names no endpoint"),
        ("<!doctype html><html><body><div id=root></div><script>1</script></body></html>", "names no endpoint"),
        (STORED.replace("required", "needed").replace("optional", "free"), "lists no parameters"),
        (STORED + "POST https://x/v1/y\n" + "seed required\nstring\n" * 501, "lists more than 500 parameters"),
        ("<html>" + "<i>" * 300_000, "more markup than any page"),
        ("<html><body><![x y <div>", "markup that could not be read"),
    ],
)
def test_what_is_no_page_is_told(saved: str, told: str) -> None:
    """What is missing of a page, or too much, is said."""
    with pytest.raises(PageError, match=told):
        read_page(saved)


@settings(max_examples=30)
@given(st.text() | st.text(alphabet='<>/"&;!-=divhtml \n') | st.text().map(lambda text: STORED + text))
def test_any_text_is_read_or_told(saved: str) -> None:
    """Whatever a file holds, it is a page, or there is a reason why not."""
    for text in (saved, f"<html>{saved}", STORED.replace("API Endpoint", f"{saved}\nAPI Endpoint")):
        try:
            page = read_page(text)
        except PageError:
            continue
        if page.slug in CONTRACT.models:
            told = compare(page, model_of(page, CONTRACT), CONTRACT).differences
            assert all(one.page.isprintable() and len(one.page) < 250 for one in told)
