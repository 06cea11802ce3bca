"""Every fact is told once, with its standing and where it was read, and the document says what rests on which."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from mockling.contract import ContractError, document, fact, facts
from mockling.contract.facts import places, profiles_taking, question, sources, standings

REQUIRED = [
    *(f"P{number}" for number in range(1, 24)),
    *(f"G{number}" for number in range(1, 23)),
    *(f"A{number}" for number in range(1, 13)),
    *(f"D{number}" for number in range(1, 9)),
    *(f"U{number}" for number in range(1, 12)),
    *(f"M{number}" for number in range(1, 22)),
]
UNREAD = {"assumed", "arithmetic"}  # standings that no source is read for

# The facts on which no part of the document rests, each with the reason; there is none now.
RESTING_ON_NOTHING: dict[str, str] = {}


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every table inside a document."""
    if isinstance(node, dict):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(part)


def named(source: Any) -> list[str]:
    """Return the ids that an `x-source` names."""
    return source if isinstance(source, list) else [source]


def test_no_fact_is_missing_and_none_is_there_twice() -> None:
    """The facts are those that are known, in their order."""
    told = [row.id for row in facts()]
    assert set(told) == set(REQUIRED)
    assert [fact_id for fact_id in dict.fromkeys(told) if fact_id[0] in "PGA"] == REQUIRED[:57]


@pytest.mark.parametrize("fact_id", REQUIRED)
def test_a_fact_is_a_sentence_with_a_standing(fact_id: str) -> None:
    """Every fact has a sentence of its own, an explained standing, and where it was read if it was."""
    for row in fact(fact_id):
        assert row.id == fact_id
        assert re.fullmatch(r"\S.*[.\"]", row.text), row
        assert row.standing and set(row.standing) <= standings().keys()
        assert bool(sources(row)) == bool(set(row.standing) - UNREAD), row


def test_no_sentence_is_told_twice() -> None:
    """Two facts never say the same."""
    texts = [row.text for row in facts()]
    assert len(texts) == len(set(texts))


def test_a_source_has_a_title_a_day_and_most_an_address() -> None:
    """Where a fact was read can be looked up; only the notes of callers name no address."""
    every = {source for row in facts() for source in sources(row)}
    assert all(source.title and re.fullmatch(r"\d{4}-\d\d-\d\d", source.read_on) for source in every)
    assert all(source.address is None or source.address.startswith("https://") for source in every)
    assert len([source for source in every if source.address is None]) == 1


def test_no_fact_is_said_to_be_verified_live() -> None:
    """Nobody has called the live API, and no standing says otherwise."""
    words = " ".join([*standings(), *standings().values(), *(word for row in facts() for word in row.standing)])
    assert not re.search("verified|live", words)
    assert "No fact in this document has been verified" in document.source()["info"]["description"]


def test_what_the_document_rests_on_is_known() -> None:
    """Every `x-source` of the platform and of its models names facts that there are, each once."""
    tables = [table for table in nodes(document.source()) if "x-source" in table]
    assert len(tables) > 50
    for table in tables:
        ids = named(table["x-source"])
        assert set(ids) <= set(REQUIRED), table
        assert len(set(ids)) == len(ids) > 0, table


def test_every_fact_is_rested_on() -> None:
    """Each fact has a part of the document that rests on it, but for those whose reason is told here."""
    resting = {fact_id for fact_id in REQUIRED if any(places(fact_id, document.source()))}
    assert set(REQUIRED) - resting == RESTING_ON_NOTHING.keys()


def test_the_places_of_a_fact_are_found() -> None:
    """Where a fact is rested on is told as a JSON pointer, a slash in a name escaped."""
    found = dict(places("G19", document.source()))
    assert list(found) == ["#/paths/~1v1~1get-user-credits/get", "#/x-errors/no_balance"]
    assert found["#/x-errors/no_balance"]["status"] == 404


def test_a_fact_is_found_in_any_case() -> None:
    """`p7` is `P7`."""
    assert fact("p7") == fact("P7")


def test_an_unknown_fact_is_told_with_the_known_ones() -> None:
    """Asking for a fact that does not exist names those that do."""
    with pytest.raises(ContractError, match=r"no fact 'P99'.*P1, P2"):
        fact("P99")


def test_a_disputed_fact_has_all_its_answers() -> None:
    """A dispute has a question and one row for each answer, and every profile takes one of them."""
    disputes = document.source()["x-disputes"]
    assert sorted(disputes) == [fact_id for fact_id in REQUIRED if fact_id.startswith("D")]
    for name, dispute in disputes.items():
        rows = fact(name)
        assert [row.answer for row in rows] == list(dispute["answers"])
        assert len(rows) > 1
        assert question(name) == dispute["question"]
        assert dispute["question"].endswith("?")
        taken = [profile for row in rows for profile in profiles_taking(row)]
        assert sorted(taken) == ["documented", "observed"]


def test_each_answer_is_told_with_the_profiles_that_take_it() -> None:
    """The first answer to D1 is what is documented, the second what was observed; both take the same to D4."""
    taken = {row.answer: profiles_taking(row) for row in fact("D1")}
    assert taken == {"json": ["documented"], "video": ["observed"]}
    assert [profiles_taking(row) for row in fact("D4")] == [["documented", "observed"], []]


def test_an_undisputed_fact_has_no_question() -> None:
    """What nobody disputes is one row that is no answer."""
    (row,) = fact("P1")
    assert (row.answer, question("P1")) == (None, None)


def test_every_part_of_the_page_counts_as_the_page() -> None:
    """The facts of the page are those with its standing, read there; assumptions were read nowhere."""
    for row in facts():
        if row.id.startswith("P"):
            assert row.standing[0] == "page" and "page" in row.read
        if row.id.startswith("M"):
            assert (row.standing, row.read) == (("assumed",), ())
        if row.id.startswith("U"):
            assert row.standing[0] == "upstream" and "upstream" in row.read


@pytest.mark.parametrize(
    ("fact_id", "numbers"),
    [
        ("P2", {"213.36"}),
        ("P3", {"0.945", "6.30", "0.315", "0.42"}),
        ("P5", {"720", "2160"}),
        ("P6", {"16", "9", "1"}),
        ("P7", {"3", "15", "5"}),
        ("P8", {"10", "3"}),
        ("G4", {"16"}),
        ("G21", {"7"}),
        ("U1", {"264", "4", "24"}),
        ("U2", {"1280", "720", "1920", "1080", "16", "9"}),
        ("U4", {"4", "3", "10", "15", "720", "2160", "24", "60", "200", "30"}),
        ("U5", {"4"}),
        ("U6", {"10", "300", "1", "2.5"}),
        ("U7", {"2500"}),
        ("U10", {"5", "95", "225", "318", "224.65", "2.03", "2.10"}),
        ("U11", {"5", "7992288"}),
        ("M12", {"1", "900", "504"}),
    ],
)
def test_a_facts_sentence_has_its_numbers(fact_id: str, numbers: set[str]) -> None:
    """What a fact says in words are the figures that are known."""
    (row,) = fact(fact_id)
    text = re.sub(r"(?<=\d),(?=\d{3})", "", row.text)
    assert set(re.findall(r"\d+(?:\.\d+)?", text)) == numbers


@pytest.mark.parametrize(("fact_id", "words"), [("G2", "Unauthorized. API key is invalid"), ("A5", "Reference media")])
def test_a_text_that_was_seen_is_quoted(fact_id: str, words: str) -> None:
    """The platform's own words are kept as they were seen."""
    assert words in fact(fact_id)[0].text
