"""Foreign recordings: what a browser or a proxy recorded of calls, without the keys that stand in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from mockling.contract.contract import Contract
from mockling.contract.exchange import LONGEST_BODY, Exchange, Headers, Message
from mockling.contract.verification.evidence import Step
from mockling.contract.verification.probe import Need
from mockling.contract.verification.reports.reading import body_of
from mockling.contract.verification.secrets import masking
from mockling.contract.verification.sending import BEGINNING
from mockling.contract.verification.video import measured

PROBE = "recorded"  # to which the steps of such a recording belong
MASK = f"${Need.GOOD.variable}"
SECRET_HEADER = re.compile("(?:^|[-_])(?:api[-_]?key|authorization|cookie|password|secret|token)$")  # small letters
SCHEMES = {"basic", "bearer", "token"}
ATTRIBUTES = {"domain", "expires", "httponly", "max-age", "partitioned", "path", "priority", "samesite", "secure"}
SECRET_QUERIES = {"api_key", "apikey", "key", "token", "access_token", "x-api-key"}
SHORTEST = 6  # characters of a key that is looked for beyond its own place
KEY = re.compile(r"SG_[0-9A-Za-z]{8,}")

Entries = Sequence[Mapping[str, Any]]


def secrets_of(entries: Entries) -> frozenset[str]:
    """Return the keys, tokens and cookies that stand where such things stand in the entries of a HAR."""
    found: set[str] = set()
    for entry in entries:
        for part in (entry["request"], entry["response"]):
            told = [header["value"] for header in part["headers"] if SECRET_HEADER.search(header["name"].lower())]
            found |= {secret for value in told for secret in _secrets_in(value)}
        found |= {value for name, value in _query(entry["request"]["url"]) if name.lower() in SECRET_QUERIES}
    return frozenset(secret for secret in found if len(secret) >= SHORTEST and secret != MASK)


def foreign_steps(entries: Entries, contract: Contract, secrets: frozenset[str]) -> tuple[str, tuple[Step, ...]]:
    """Return where the calls of operations of the contract went ("": there are none), and their steps.

    A call whose answer was not kept, as browsers forget large ones, is left out: it says nothing.
    """
    masked = re.compile(f"{masking(secrets).pattern}|{KEY.pattern}")
    origin, began, steps = "", 0.0, list[Step]()
    for operation, entry in _known(entries, contract):
        at = _seconds(entry["startedDateTime"])
        if not steps:
            parts = urlsplit(entry["request"]["url"])
            origin, began = f"{parts.scheme}://{parts.netloc}", at
        steps.append(_step(entry, operation, masked, origin, at - began, len(steps) + 1))
    return origin, tuple(steps)


def _known(entries: Entries, contract: Contract) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the entries that tell of an operation of the contract, each with its id."""
    slugs = "|".join(map(re.escape, contract.models))
    known = []
    for path, item in contract.document["paths"].items():
        path_form = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path).replace(r"\{model\}", f"({slugs})"))
        known += [(verb, re.compile(path_form), part["operationId"]) for verb, part in item.items()]
    for entry in entries:
        content = entry["response"]["content"]
        forgotten = "text" not in content and content.get("size", 0) > 0
        try:
            path = urlsplit(entry["request"]["url"]).path
        except ValueError:
            continue
        for verb, form, operation in known:
            if entry["request"]["method"].lower() == verb and form.fullmatch(path) and not forgotten:
                yield operation, entry


def _step(
    entry: Mapping[str, Any], operation: str, masked: re.Pattern[str], origin: str, moment: float, number: int
) -> Step:
    asked, answered = entry["request"], entry["response"]
    body = masked.sub(MASK, asked.get("postData", {}).get("text", "")).encode("utf-8", "replace")
    headers = _headers(asked["headers"], masked)
    response, video = _answer(answered, masked) if answered["status"] else (None, None)
    said = response.json.get("error") if response and isinstance(response.json, dict) else None
    exchange = Exchange(
        number=number,
        moment=moment,
        at=_seconds(entry["startedDateTime"]),
        operation=operation,
        method=asked["method"],
        path=masked.sub(MASK, asked["url"]).removeprefix(origin),
        key=Need.GOOD.variable if "x-api-key" in dict(headers) else "",
        request=Message(headers, body[:LONGEST_BODY], len(body)),
        status=answered["status"] or None,
        response=response,
        error=said[:500] if isinstance(said, str) else None,
        ended=moment + max(entry.get("time") or 0, 0) / 1000,
    )
    return Step(PROBE, str(number), exchange, video)


def _answer(answered: Mapping[str, Any], masked: re.Pattern[str]) -> tuple[Message, Mapping[str, Any] | None]:
    headers, told = _headers(answered["headers"], masked), answered["content"]
    try:
        content = body_of(told)
    except ValueError:  # what claims to be base64 and is none
        content = told["text"].encode("utf-8", "replace")
    if told.get("mimeType", "").startswith("video/") or content[4:8] == b"ftyp":
        return Message(headers, content[:BEGINNING], len(content), sha256(content).hexdigest()), measured(content)
    content = masked.sub(MASK, content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    return Message(headers, content[:LONGEST_BODY], len(content)), None


def _headers(headers: Sequence[Mapping[str, str]], masked: re.Pattern[str]) -> Headers:
    """Return headers by their names in small letters, keys masked, without the pseudo-headers of HTTP/2."""
    return tuple(
        (name, _told(name, header["value"], masked))
        for header in headers
        if not (name := header["name"].lower()).startswith(":")
    )


def _told(name: str, value: str, masked: re.Pattern[str]) -> str:
    if name == "x-api-key":
        return MASK
    return "(masked)" if SECRET_HEADER.search(name) else masked.sub(MASK, value)


def _seconds(text: str) -> float:
    """Return the seconds since 1970 of a time in ISO 8601; 0 if it is none."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _secrets_in(value: str) -> Iterator[str]:
    """Yield the secrets in the value of a header: a key, what follows a scheme, or the values of cookies."""
    scheme, _, rest = value.strip().partition(" ")
    for part in (rest if scheme.lower() in SCHEMES else value).split(";"):
        name, _, told = part.strip().partition("=")
        if name.lower() not in ATTRIBUTES:
            yield part.strip()
            yield told.strip('"')


def _query(url: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(unquote(url)).query)
    except ValueError:
        return []
