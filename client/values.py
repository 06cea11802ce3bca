"""Values: what can be an id, an address or a number, when a server or a caller names one."""

from __future__ import annotations

import re
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar
from urllib.parse import urlsplit

LONGEST_NAME = 200  # characters
LONGEST_URL = 8192  # characters; a signed one has some two thousand
LARGEST_NUMBER = 10**12  # seconds or dollars
LONGEST_NUMBER = 100  # characters
NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]+")  # A11; "." and ".." would lead to another path

Number = TypeVar("Number", float, Decimal)


def is_name(value: object) -> bool:
    """Say whether something can be one step of a path, as a request id or a model's slug is."""
    return is_word(value) and NAME.fullmatch(str(value)) is not None


def is_word(value: object) -> bool:
    """Say whether something is a short text on one line, without control characters."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()


def is_web_address(url: object) -> bool:
    """Say whether something is an http or https address with a host, on one line and of a length that is in use."""
    if not isinstance(url, str) or len(url) > LONGEST_URL or not url.isprintable():
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def number(value: object, kind: type[Number]) -> Number | None:
    """Return a number that a server sent, as text or in JSON, exactly as it was written; None if it is none.

    Raises `ValueError` if it is one that no seconds and no dollars can be: negative, or absurdly large or long.
    """
    text, found = str(value), None
    with suppress(InvalidOperation):
        found = Decimal(text)  # whatever it is for, for a float makes infinity of what is too large
    if found is None or not found.is_finite():
        return None
    if len(text) > LONGEST_NUMBER or not 0 <= found <= LARGEST_NUMBER:
        raise ValueError(f"The answer names a number that cannot be: {text[:LONGEST_NUMBER]}.")
    return kind(found)


def figures(seconds: object, cost: object, remaining_credits: object) -> dict[str, Any]:
    """Return what a generation took, as a `Video` holds it. Raises `ValueError` as `number` does."""
    return {
        "seconds": number(seconds, float),
        "cost": number(cost, Decimal),
        "remaining_credits": number(remaining_credits, Decimal),
    }
