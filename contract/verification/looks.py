"""Looks: what is wrong with one thing in an answer, if anything is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from mockling.contract.document import Document
from mockling.contract.exchange import LONGEST_BODY, Message
from mockling.contract.responses import strict_json
from mockling.contract.verification.schemas import Flaw, Spot, undocumented

JSON, VIDEO = "application/json", "video/mp4"
NO_JSON = object()

# Yields what is wrong with an answer, or None for nothing, once for each thing that is looked at: nothing at all if the
# answer says nothing of the promise.
Look = Callable[[Message], Iterator[Flaw | None]]


def content_type(documented: tuple[str, ...]) -> Look:
    """Return what looks whether the content type is one of these; JSON may have a charset, a video nothing."""

    def look(answer: Message) -> Iterator[Flaw | None]:
        told, media = answer.header("content-type"), _media_type(answer)
        wanted = " or ".join(f"{one} exactly" if one == VIDEO else one for one in documented)
        if media in documented and (media != VIDEO or told == media):
            yield None
        else:
            yield Flaw(wanted, told or "no content-type", f"content-type is {told or 'missing'}, not {wanted}")

    return look


def begins_as_mp4(answer: Message) -> Iterator[Flaw | None]:
    """Look whether a video begins as an MP4 does."""
    if _media_type(answer) != VIDEO or (len(answer.body) < answer.size and len(answer.body) < 8):
        return  # told already, or its beginning was not kept
    if answer.body[4:8] == b"ftyp":
        yield None
    else:
        told = repr(answer.body[:60])
        yield Flaw("an MP4, which begins with its ftyp box", told, "the video does not begin with its ftyp box")


def no_header(name: str) -> Look:
    """Return what looks whether a header is absent."""

    def look(answer: Message) -> Iterator[Flaw | None]:
        value = _header_of(answer, name)
        yield None if value is None else Flaw("no such header", repr(value[:60]), f"the header {name} is there")

    return look


def header(name: str, spot: Spot, *, is_text: bool) -> Look:
    """Return what looks at a header itself; one that is no text holds JSON."""

    def look(answer: Message) -> Iterator[Flaw | None]:
        value = _header_of(answer, name)
        if value is None:
            yield Flaw(spot.wanted, "nothing", f"{spot.name} is missing") if spot.required else None
            return
        parsed = value if is_text else _parsed(value)
        if parsed is NO_JSON:
            yield Flaw(spot.wanted, repr(value[:60]), f"{spot.name} is not {spot.wanted}")
        else:
            yield from spot.flaws(parsed)

    return look


def json_header(name: str, spot: Spot) -> Look:
    """Return what looks at a spot of the JSON in a header."""

    def look(answer: Message) -> Iterator[Flaw | None]:
        value = _header_of(answer, name)
        parsed = NO_JSON if value is None else _parsed(value)
        if parsed is not NO_JSON:
            yield from spot.flaws(parsed)

    return look


def json_body(spot: Spot) -> Look:
    """Return what looks at a spot of a JSON body; that it is no JSON at all is told of the whole body alone."""

    def look(answer: Message) -> Iterator[Flaw | None]:
        if not _is_whole_json(answer):
            return
        parsed = _parsed(answer.body)
        if parsed is not NO_JSON:
            yield from spot.flaws(parsed)
        elif not spot.name:
            yield Flaw("JSON", repr(answer.body[:60]), "the body is no JSON")

    return look


def no_other_fields(schema: Document) -> Look:
    """Return what looks for fields that the schema of a JSON body does not know."""

    def look(answer: Message) -> Iterator[Flaw | None]:
        parsed = _parsed(answer.body) if _is_whole_json(answer) else NO_JSON
        if parsed is not NO_JSON:
            names = ", ".join(sorted(set(undocumented(schema, parsed))))
            yield Flaw("documented fields alone", names, f"undocumented field {names}") if names else None

    return look


def _is_whole_json(answer: Message) -> bool:
    """Say whether an answer says that it is JSON and was kept whole; else its content type is what is told."""
    kept = answer.size <= LONGEST_BODY and (bool(answer.body) or not answer.size)
    return _media_type(answer) == JSON and kept


def _media_type(answer: Message) -> str:
    return answer.header("content-type").partition(";")[0].strip().lower()


def _header_of(answer: Message, name: str) -> str | None:
    return next((value for called, value in answer.headers if called.lower() == name), None)


@lru_cache(maxsize=512)
def _parsed(text: str | bytes) -> Any:
    """Return what JSON holds (do not change it), `NO_JSON` if it is none."""
    try:
        return strict_json(text)
    except (ValueError, RecursionError):
        return NO_JSON
