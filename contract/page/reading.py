"""Reading a page: what it says of its endpoint, wherever on it that stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from mockling.contract.page.markup import PageError, plain
from mockling.contract.page.sample import START, Sample, read_sample

MOST_PARAMETERS = 500
LONGEST_SAID = 5000  # characters of what is said of a parameter that are read

_NUMBER = r"-?\d{1,15}(?:\.\d{1,9})?"
_AMOUNT = r"\d{1,12}(?:\.\d{1,9})?"
_TO = r"\s*(?:-|\u2013|to)\s*"
_ADDRESS = re.compile(
    r"^(?:(?P<method>GET|POST|PUT|PATCH|DELETE)\s*|API Endpoint\s+)(?P<url>https?://\S+)[ \t]*$", re.MULTILINE
)
_LATENCY = re.compile(rf"~\s*({_AMOUNT})\s*s\b")
_PRICE = re.compile(
    rf"(?P<about>~)?\s*\$\s*(?P<least>{_AMOUNT})(?:{_TO}\$\s*(?P<most>{_AMOUNT}))?(?:\s*per\s+(?P<per>\w+))?"
)
_QUEUED = re.compile(r"\b([A-Z]{3,7}) (/v\d+/\S+)")
_PARAMETER = re.compile(
    r"^(?P<name>[A-Za-z_][\w.-]{0,99}?)\s*(?P<needed>required|optional)\s*(?P<type>[a-z]+(?: \([\w-]+\))?(?:\[\])*)$",
    re.MULTILINE,
)
_AFTER = re.compile(r"^(?:Response (?:Type|Format)|Returns:.*|Common Error Codes)$", re.MULTILINE)
_RETURNS = re.compile(r"^Returns:\s*(\S.*)$", re.MULTILINE)
_MESSAGES = re.compile(r"[Ee]rror messages are provided in the (\w+ \w+)")
_ERROR = re.compile(r"^([1-5]\d\d)\s+([A-Z][\w '/-]*)$(?:\n(?!\d{3}\b)(\S.*)$)?", re.MULTILINE)

# What is said of a parameter behind its description. Some ways of saving a page leave several of these on one line.
_MARK = r"(?:Default|Range|Allowed values|Array items|Properties|Min|Max)[ \t]*(?:\(\d+ total\))?[ \t]*:"
_GLUED = re.compile(rf"(?<=\S)[ \t]*(?={_MARK})")
_GLUED_RANGE = re.compile(rf"((?:Range[ \t]*:[ \t]*{_NUMBER}{_TO}|M(?:in|ax)[ \t]*:[ \t]*){_NUMBER})[ \t]*(?=\S)")
_SAID = re.compile(rf"^(?={_MARK})(?P<mark>\w+)[^:]*?(?:\((?P<total>\d{{1,9}}) total\))?[ \t]*:", re.MULTILINE)
_RANGE = re.compile(rf"({_NUMBER}){_TO}({_NUMBER})")
_QUOTED = re.compile(r'([^"]*)"((?:[^"\\]|\\.)*)"')
_MORE = re.compile(r"\+\s*(\d{1,9})\s*more\b")


@dataclass(frozen=True, slots=True)
class Values:
    """The values that a parameter may have.

    `shown` are those on the page, as JSON; `labels` are the words beside them, by value; `more` is how many more there
    are, `total` how many in all (None: it does not say).
    """

    shown: tuple[str, ...]
    labels: Mapping[str, str]
    more: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, in the order of the page; None for what is not said of it.

    `default`, `minimum` and `maximum` are as they are written; `text` is the description; `opens` says whether the
    parameters after it may be parts of its items.
    """

    name: str
    required: bool
    type: str
    text: str
    default: str | None
    values: Values | None
    minimum: str | None
    maximum: str | None
    opens: bool


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars, from `least` to `most`; `about`: an average; `per`: for each of what ("generation", None)."""

    least: Decimal
    most: Decimal
    about: bool
    per: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row of the page's table of errors: a status, its name and what it means ("" if that is missing)."""

    status: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says of its endpoint; None, or empty: nothing that could be read.

    `titles` are the lines at its top, of which one is the title; `latency` are seconds; `method` and `url` are the
    endpoint's address, `slug` its last part; `queued` are method and path of the asynchronous call; `returns` is the
    word for the answer, `messages_in` the place of an error's message.
    """

    titles: tuple[str, ...]
    latency: Decimal | None
    price: Price | None
    method: str | None
    url: str
    slug: str
    queued: tuple[str, str] | None
    parameters: tuple[Parameter, ...]
    returns: str | None
    refusals: tuple[Refusal, ...]
    messages_in: str | None
    sample: Sample | None


def read_page(saved: str) -> Page:
    """Return what a page says; `saved` is its text or its HTML.

    Raises `PageError` if it names no address of an endpoint, or lists no parameters or more than 500.
    """
    whole = plain(saved)
    text = "\n".join(filter(None, (" ".join(line.split()) for line in whole.split("\n"))))
    address = _ADDRESS.search(text)
    if address is None:
        raise PageError("names no endpoint, in a line such as POST https://.../v1/<model>; save the whole page")
    listed = _GLUED_RANGE.sub(r"\1\n", _GLUED.sub("\n", text))
    heads = list(_PARAMETER.finditer(listed))
    if not 0 < len(heads) <= MOST_PARAMETERS:
        raise PageError(
            f"lists more than {MOST_PARAMETERS} parameters" if heads else "lists no parameters; save the whole page"
        )
    after = _AFTER.search(listed, heads[-1].end())
    end = after.start() if after else len(listed)
    began = START.search(text)
    top = text[: min(address.start(), began.start() if began else len(text))]
    latency, queued = _last(_LATENCY, top), _QUEUED.search(top)
    returns, messages = _RETURNS.search(listed, end), _MESSAGES.search(listed, end)
    return Page(
        titles=tuple(top.split("\n")),
        latency=Decimal(latency[1]) if latency else None,
        price=_price(top),
        method=address["method"],
        url=address["url"],
        slug=address["url"].partition("?")[0].rstrip("/").rpartition("/")[2],
        queued=(queued[1], queued[2]) if queued else None,
        parameters=tuple(_parameters(listed, heads, end)),
        returns=returns[1] if returns else None,
        refusals=tuple(Refusal(row[1], row[2], row[3] or "") for row in _ERROR.finditer(listed, end)),
        messages_in=messages[1] if messages else None,
        sample=read_sample(whole),
    )


def _last(pattern: re.Pattern[str], top: str) -> re.Match[str] | None:
    """Return the last match, for what stands above a page's title may have prices of its own."""
    return next(iter([*pattern.finditer(top)][-1:]), None)


def _price(top: str) -> Price | None:
    found = _last(_PRICE, top)
    if found is None:
        return None
    return Price(Decimal(found["least"]), Decimal(found["most"] or found["least"]), bool(found["about"]), found["per"])


def _pieces(marks: list[re.Match[str]], text: str, end: int) -> Iterator[tuple[re.Match[str], str]]:
    """Yield each mark with the text behind it, up to the next."""
    for mark, stop in zip(marks, [*(after.start() for after in marks[1:]), end], strict=False):
        yield mark, text[mark.end() : min(stop, mark.end() + LONGEST_SAID)].strip()


def _parameters(listed: str, heads: list[re.Match[str]], end: int) -> Iterator[Parameter]:
    for head, body in _pieces(heads, listed, end):
        marks = list(_SAID.finditer(body))
        pieces = {mark["mark"]: (piece, mark["total"]) for mark, piece in _pieces(marks, body, len(body))}
        said = {name: piece for name, (piece, _) in pieces.items()}
        minimum, maximum = _range(said)
        yield Parameter(
            name=head["name"],
            required=head["needed"] == "required",
            type=head["type"],
            text=" ".join(body[: marks[0].start() if marks else len(body)].split()),
            default=said.get("Default"),
            values=_values(*pieces["Allowed"]) if "Allowed" in said else None,
            minimum=minimum,
            maximum=maximum,
            opens="Array" in said or "Properties" in said,
        )


def _range(said: Mapping[str, str]) -> tuple[str | None, str | None]:
    both = _RANGE.match(said.get("Range", ""))
    if both:
        return both[1], both[2]
    ends = [re.match(_NUMBER, said.get(name, "")) for name in ("Min", "Max")]
    return (ends[0][0] if ends[0] else None), (ends[1][0] if ends[1] else None)


def _values(text: str, total: str | None) -> Values:
    more = _MORE.search(text)
    text = _MORE.sub("", text)
    quoted = [(label.strip(), f'"{value}"') for label, value in _QUOTED.findall(text)]
    shown = [value for _, value in quoted] if quoted else text.split()
    labels = {value: label for label, value in quoted if label}
    return Values(tuple(shown), labels, int(more[1]) if more else 0, int(total) if total else None)
