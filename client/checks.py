"""Checks: what the client refuses itself, before anything is sent."""

from __future__ import annotations

from urllib.parse import urlsplit

from mockling.client.errors import Unauthorized
from mockling.client.values import LONGEST_NAME, is_name, is_web_address

MOST_SECONDS = 1_000_000


def check_name(what: str, value: object) -> None:
    """Raise `ValueError` if something can be no request id, or no slug: `what` it should be."""
    if not is_name(value):
        got = repr(value)
        got = got if len(got) <= LONGEST_NAME else f"{got[:LONGEST_NAME]}..."
        raise ValueError(f"{got} is no {what}; one has only letters, digits, '.', '_' and '-', and no more than 200.")


def check_seconds(name: str, value: object) -> None:
    """Raise `ValueError` if a parameter is no number of seconds above 0, or more than a system can wait."""
    if not isinstance(value, int | float) or not 0 < value <= MOST_SECONDS:
        raise ValueError(f"{name} must be a number of seconds above 0 and up to {MOST_SECONDS:,}, got {value!r}.")


def checked_key(key: str) -> str:
    """Return a key without the space around it. Raises `Unauthorized` if there is none, or none that can be sent."""
    key = key.strip()
    if not key:
        raise Unauthorized("There is no API key.")
    if not (key.isascii() and key.isprintable()):
        raise Unauthorized("The API key has characters that no key has.")
    return key


def checked_address(name: str, url: str) -> str:
    """Return a server's address without the slash at its end. Raises `ValueError` if it is none."""
    if not _is_address(url):
        got = "one with a user name" if "@" in str(url) else repr(url)
        raise ValueError(
            f"{name} must be an address such as https://api.segmind.com, without a user name or a query, got {got}."
        )
    return url.rstrip("/")


def _is_address(url: str) -> bool:
    if not is_web_address(url) or " " in url:
        return False
    parts = urlsplit(url)
    try:
        return parts.port != 0 and "@" not in parts.netloc and not (parts.query or parts.fragment)
    except ValueError:  # a port that does not exist
        return False
