"""Masking: the secrets of a call, taken out of whatever is kept of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from mockling.emulator.platform.exchange import LONGEST_BODY, Headers, Message
from mockling.emulator.platform.keys import masked

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SHORTEST_SECRET = 8  # characters of a secret that is masked also where something else is meant
MOST_SHAPED = 20  # keys of one call that are known by their shape alone, and masked also where they were cut
_TELLING = re.compile(r"api[-_]?key|token|secret|auth|cookie|password", re.IGNORECASE)  # names of what is secret
_WORD = re.compile(r'[^\s,;="]+')
_FIELD = re.compile(r"([^=&]+)=([^&]+)")
_ESCAPED = re.compile(r"(?:\\u00|%)([2-7][0-9A-Fa-f])")


class Mask:
    """Takes secrets out of texts, whole or cut, however they are escaped there.

    `secrets` are those of one call, `shape` is what every key is like, and `texts` all that is to be masked: where no
    secret is in them, nothing is looked at again.
    """

    __slots__ = ("_secrets", "_shape")

    def __init__(self, secrets: Iterable[str], shape: re.Pattern[str], texts: Iterable[str]) -> None:
        whole = _unescaped("\n".join(texts))
        shaped = (found.group() for found in islice(shape.finditer(whole), MOST_SHAPED))
        found = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET and secret[:SHORTEST_SECRET] in whole]
        self._secrets = list(dict.fromkeys([*found, *shaped]))
        self._shape = shape

    def text(self, text: str) -> str:
        """Return a text without the secrets."""
        if not self._secrets:
            return text
        plain = _unescaped(text)
        clean = plain
        for secret in self._secrets:
            clean = _without(secret, clean)
        clean = self._shape.sub(lambda found: masked(found.group()), clean)
        return text if clean == plain else clean

    def message(self, message: Message) -> Message:
        """Return a message without the secrets, with as much of its body as is kept of one."""
        if not self._secrets:
            return replace(message, body=message.body[:LONGEST_BODY]) if len(message.body) > LONGEST_BODY else message
        headers = tuple([(name, self.text(value)) for name, value in message.headers])
        body = self.text(message.body.decode("latin-1")).encode("latin-1")
        return replace(message, headers=headers, body=body[:LONGEST_BODY])


def headers_of(environ: WSGIEnvironment) -> Headers:
    """Return a request's headers, in lower case, those that hold a secret masked."""
    named = [(*_header(variable), value) for variable, value in environ.items()]
    return tuple([(name, masked(value) if secret else value) for name, secret, value in named if name and value])


def secrets_of(environ: WSGIEnvironment) -> Iterator[str]:
    """Yield what a request's headers and query hold that is secret: each value, and each word of it."""
    values = [value for variable, value in environ.items() if _header(variable)[1]]
    values += [value for name, value in _FIELD.findall(environ.get("QUERY_STRING", "")) if _TELLING.search(name)]
    for value in values:
        yield value.strip()
        yield from _WORD.findall(value)


@lru_cache(maxsize=1024)
def _header(variable: str) -> tuple[str, bool]:
    """Return the header that a variable of the environment is ("": it is none), and whether it holds a secret."""
    if variable in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        return variable.replace("_", "-").lower(), False
    name = variable[5:].replace("_", "-").lower() if variable.startswith("HTTP_") else ""
    return name, bool(_TELLING.search(name))


def _without(secret: str, text: str) -> str:
    """Return a text without a secret, nor what is left of it where it was cut."""
    parts, end = list[str](), 0
    while (start := text.find(secret[:SHORTEST_SECRET], end)) >= 0:
        same = sum(
            1
            for _ in takewhile(
                lambda pair: pair[0] == pair[1], zip(secret, text[start : start + len(secret)], strict=False)
            )
        )
        parts += [text[end:start], masked(secret) if same == len(secret) else "..."]
        end = start + same
    return "".join([*parts, text[end:]]) if parts else text


def _unescaped(text: str) -> str:
    """Return a text without the escapes of JSON and of URLs for letters and digits."""
    if "\\u00" not in text and "%" not in text:
        return text
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
