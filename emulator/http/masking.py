"""Masking: the secrets of a call, taken out of whatever is kept of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl

from mockling.contract.exchange import LONGEST_BODY, Headers, Message
from mockling.emulator.platform.keys import masked

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SHORTEST_SECRET = 8  # characters of a secret that is masked also where something else is meant
SHORTEST_WORD = 12  # characters of one that is only a part of what a header says
MOST_SECRETS = 8  # of one call: values, and words of them
MOST_NAMES, LONGEST_NAME = 1024, 100  # headers whose names are remembered, and the characters of one
LONGEST_READ = 4096  # characters of a value whose words are looked at
_NAMES: dict[str, str] = {}  # of headers, by their variables in the environment
_HEADERS = {"x-api-key", "api-key", "x-auth-token", "authorization", "proxy-authorization", "cookie"}
_HEADERS |= {"x-mockling-token"}  # of the control API, which a caller may send with everything
_FIELD = re.compile(r"key|token|secret|auth|password", re.IGNORECASE)  # names of what is secret in a query
_WORD = re.compile(r'[^\s,;="]+')
_ESCAPED = re.compile(r"(?:\\{1,4}u00|%)([0-7][0-9A-Fa-f])|\\{1,4}(/)")
_ORDINARY = "The quick brown fox jumps over the lazy dog, sphinx-of_black quartz 0123456789 /a.b?c=d"


class Shape:
    """What finds keys in a text, also where as little as four of their last characters remain.

    `begins` is how each of them begins, in small letters, which is looked for first, for that is faster; `whole` finds
    only those that are whole.
    """

    def __init__(self, pattern: re.Pattern[str], begins: str, whole: re.Pattern[str]) -> None:
        self.pattern = pattern
        self.whole = whole
        self.begins = begins

    @classmethod
    def of(cls, pattern: str) -> Self | None:
        """Return the shape of keys that match a pattern; None if ordinary texts do, too."""
        inner = pattern.removeprefix("^").removesuffix("$")
        cut = re.sub(r"\{(\d+)\}$", lambda times: f"{{{min(4, int(times[1]))},}}", inner)
        shape, begins = re.compile(cut, re.IGNORECASE), re.match(r"(\w(?![*?{|]))*(?!.*\|)", cut)
        ordinary = shape.search(_ORDINARY) or shape.search("")
        return None if ordinary else cls(shape, begins[0].lower() if begins else "", re.compile(inner, re.IGNORECASE))


class Mask:
    """Takes secrets out of texts, whole or cut at their end, however they are escaped there.

    `secrets` are those of one call, `shape` is what every key is like (None: there is no such shape), and `texts` all
    that is to be masked: where no secret is in them, nothing is looked at again.
    """

    __slots__ = ("_cut", "_secrets", "_shape", "_whole")

    def __init__(self, secrets: Iterable[str], shape: Shape | None, texts: Iterable[str]) -> None:
        whole = _plain("\n".join(texts))
        lowered = whole.lower()
        plain = {_plain(secret.strip()) for secret in secrets}
        found = [one for one in plain if len(one) >= SHORTEST_SECRET and _head(one) in lowered]
        self._secrets = sorted(found, key=len, reverse=True)
        self._shape = shape.pattern if shape and shape.begins in lowered and shape.pattern.search(whole) else None
        self._whole = self._cut = None
        if found:
            heads = "|".join({re.escape(_head(one)) for one in found})
            longest = max(len(one) for one in found) - SHORTEST_SECRET
            self._whole = re.compile("|".join(map(re.escape, self._secrets)), re.IGNORECASE)
            self._cut = re.compile(f'(?:{heads})[^"\\s]{{0,{longest}}}', re.IGNORECASE)

    @property
    def idle(self) -> bool:
        """Whether there is no secret in any of the texts."""
        return not (self._whole or self._shape)

    def text(self, text: str) -> str:
        """Return a text without the secrets."""
        if self.idle:
            return text
        plain = clean = _plain(text)
        for whole in (self._whole, self._shape):
            clean = whole.sub(_shown, clean) if whole else clean
        clean = self._cut.sub("...", clean) if self._cut else clean
        return text if clean == plain else clean

    def message(self, message: Message) -> Message:
        """Return a message without the secrets, with as much of its body as is kept of one."""
        if self.idle:
            return replace(message, body=message.body[:LONGEST_BODY]) if len(message.body) > LONGEST_BODY else message
        headers = tuple([(self.text(name), self.text(value)) for name, value in message.headers])
        body = self.text(message.body.decode("latin-1")).encode("latin-1")
        return replace(message, headers=headers, body=body[:LONGEST_BODY])


def has_key(text: str, keys: Iterable[str], shape: Shape | None) -> bool:
    """Say whether one of the keys, or one of their shape, stands whole in a text, however it is escaped there."""
    plain = _plain(text).lower()
    named = any(len(key) >= SHORTEST_SECRET and _plain(key).lower() in plain for key in keys)
    return named or bool(shape and shape.whole.search(plain))


def sent_of(environ: WSGIEnvironment) -> tuple[Headers, list[str]]:
    """Return a request's headers, in lower case, secrets masked; and these secrets, and those of its query.

    Each whole, and each long word of them.
    """
    headers, values = list[tuple[str, str]](), list[str]()
    for variable, value in environ.items():
        name = _NAMES.get(variable)
        if name is None:
            name = _header(variable)
        if name in _HEADERS:
            values.append(value)
            headers.append((name, masked(value)))
        elif name and value:
            headers.append((name, value))
    query = environ.get("QUERY_STRING", "")
    values += [value for name, value in parse_qsl(query) if _FIELD.search(name)] if query else []
    values = values[:MOST_SECRETS]
    words = [word for value in values for word in _WORD.findall(value, 0, LONGEST_READ) if len(word) >= SHORTEST_WORD]
    return tuple(headers), values + words[:MOST_SECRETS]


def _header(variable: str) -> str:
    """Return the name of the header that a variable of the environment is, "" if it is none."""
    is_header = variable.startswith("HTTP_") or variable in ("CONTENT_TYPE", "CONTENT_LENGTH")
    name = variable.removeprefix("HTTP_").replace("_", "-").lower() if is_header else ""
    if len(_NAMES) < MOST_NAMES and len(variable) < LONGEST_NAME:
        _NAMES[variable] = name
    return name


def _shown(found: re.Match[str]) -> str:
    return masked(found[0])


def _head(secret: str) -> str:
    return secret[:SHORTEST_SECRET].lower()


def _plain(text: str) -> str:
    """Return a text without the escapes of JSON and of URLs for ASCII, also where they were escaped again."""
    for _ in range(3):
        if "\\" not in text and "%" not in text:
            break
        text = _ESCAPED.sub(lambda found: found[2] or chr(int(found[1], 16)), text)
    return text
