"""Secrets: nothing is written in which a key stands, in whatever form."""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from html import unescape
from html.entities import html5
from pathlib import Path
from secrets import token_hex
from urllib.parse import unquote_plus

ESCAPE = re.compile(r"\\(u([0-9a-fA-F]{4})|.)")
BLANK = dict.fromkeys("nrtbf", " ")
SLASHES = r"\\{1,4}"  # the pattern of what escapes a sign in JSON, in JSON within JSON, and so on
SHORTEST = 6  # characters of an encoded form: shorter ones stand in any text by chance


class SecretFound(Exception):
    """A key stands in what was about to be written, so nothing was; the message does not have it."""


def search(artefacts: Mapping[str, str], keys: Iterable[str]) -> None:
    """Look for keys in texts, each with what it is called.

    They are looked for as they are, percent-encoded, escaped as in JSON or HTML, in hexadecimal and in base64, wherever
    in it they begin; also where a line was broken within them. Raises `SecretFound` if there is one.
    """
    wanted = [key for key in dict.fromkeys(keys) if key]
    for name, text in artefacts.items():
        views = ["".join(view.split()) for view in dict.fromkeys(_views(text))] if wanted else []
        lowered = [view.lower() for view in views]
        for key in wanted:
            plain, encoded = ("".join(key.split()).lower(), _hex(key)), dict.fromkeys(_encoded(key))
            if _any_in(plain, lowered) or _any_in(encoded, views):
                raise SecretFound(f"An API key stands in {name}; nothing was written.")


def masking(keys: Iterable[str]) -> Masking:
    """Return what finds keys in a text in the forms in which `search` does, each as a whole and in one line."""
    return Masking(sorted(filter(None, keys), key=len, reverse=True))


class Masking:
    """Replaces keys in texts, the first key first; `pattern` is the regular expression that finds them."""

    def __init__(self, keys: list[str]) -> None:
        forms = [_forms(key) for key in keys]
        self.pattern = "|".join(map(_pattern, keys, forms)) or "(?!)"
        self._compiled = re.compile(self.pattern)
        runs = [max(re.findall(r"[^\W_]+", key) or [""], key=len) for key in keys]
        self._hints = [form[:12].lower() for form in (*runs, *(one for of_key in forms for one in of_key))]

    def sub(self, variable: str, text: str) -> str:
        """Return a text with the name of a variable in place of the keys."""
        lowered = text.lower()  # where no hint is, the slow pattern finds nothing
        return self._compiled.sub(variable, text) if any(hint in lowered for hint in self._hints) else text


def publish(artefacts: Mapping[Path, str], keys: Iterable[str]) -> None:
    """Write texts to files: all of them, or, if a key stands in one, none.

    A file that exists is replaced; under its name there is never half of it. Raises `SecretFound`, and `OSError` if a
    file cannot be written.
    """
    search({str(path): text for path, text in artefacts.items()}, keys)
    write(artefacts)


def write(artefacts: Mapping[Path, str]) -> None:
    """Write texts to files, in which somebody looked for keys already; see `publish`.

    One that cannot be written keeps no other from being written: what is in them may have been paid for.
    """
    failed: list[OSError] = []
    for path, text in artefacts.items():
        try:
            _write(path, text.encode("utf-8", "replace"))
        except OSError as error:
            failed.append(OSError(error.errno, error.strerror, str(path)))
    if failed:
        raise failed[0]


def _write(path: Path, content: bytes) -> None:
    if path.exists() and not path.is_file():  # a device or a pipe is written to, not replaced
        path.write_bytes(content)
        return
    final = path.resolve()  # where a link leads
    beside = final.with_name(f".{token_hex(8)}.part")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(final)
    finally:
        beside.unlink(missing_ok=True)


def _forms(key: str) -> list[str]:
    """Return a key in each form in which all of its signs are written alike, the longest first."""
    content, whole = key.encode("utf-8", "replace"), b64encode(key.encode("utf-8", "replace")).decode()
    once = json.dumps(key)[1:-1]
    units = "".join(f"\\u{ord(sign):04x}" for sign in key)
    percent = "".join(f"%{byte:02x}" for byte in content)
    html = ["".join(form.format(ord(sign)) for sign in key) for form in ("&#{};", "&#x{:x};")]
    escaped = [once, json.dumps(once)[1:-1], units, units.replace("\\", "\\\\"), *html]
    forms = {key, _hex(key), content.decode("latin-1"), percent, *escaped, whole, *_encoded(key)}
    return sorted(forms, key=lambda form: (-len(form), form))


def _pattern(key: str, forms: list[str]) -> str:
    """Return the pattern of a key in its forms, and with some of its signs escaped; letters of either case fit."""
    partly = "".join(sign if sign.isalnum() else _sign(sign) for sign in key)
    return f"(?i:{'|'.join(map(re.escape, forms))}|{partly})"


def _sign(sign: str) -> str:
    """Return the pattern of a sign that may be escaped while its neighbours are not: as in JSON, HTML or an address."""
    forms = [
        rf"{SLASHES}u{ord(sign):04x}",
        rf"{SLASHES}{re.escape(sign)}",
        "".join(f"%{byte:02x}" for byte in sign.encode("utf-8", "replace")),
        rf"&#(?:0{{0,5}}{ord(sign)}|x0{{0,5}}{ord(sign):x});",
        *(re.escape(f"&{name}") for name, told in html5.items() if told == sign and name.endswith(";")),
        re.escape(sign),
    ]
    return f"(?>{'|'.join(forms)})"


def _any_in(forms: Iterable[str], views: Iterable[str]) -> bool:
    return any(form in view for view in views for form in forms)


def _views(text: str) -> Iterator[str]:
    """Yield a text as it is, and as it is once what is escaped in it is read."""
    yield text
    yield unquote_plus(text)
    yield unescape(text)
    once = _unescaped(text)
    yield once
    yield _unescaped(once)  # JSON within JSON, as a body in a report is


def _unescaped(text: str) -> str:
    """Return a text with the escapes of JSON replaced, a break or tab by a blank."""
    return ESCAPE.sub(lambda match: chr(int(match[2], 16)) if match[2] else BLANK.get(match[1], match[1]), text)


def _encoded(key: str) -> Iterator[str]:
    """Yield the parts of a key in base64 that are the same whatever stands around it, in both alphabets."""
    content = key.encode("utf-8", "replace")
    for offset in range(3):
        first = -(-offset * 8 // 6)  # signs that hold bits of what stands before
        whole = (offset + len(content)) * 8 // 6
        form = b64encode(bytes(offset) + content).decode()[first if offset else 0 : whole]
        if len(form) >= SHORTEST:
            yield form
            yield form.replace("+", "-").replace("/", "_")


def _hex(key: str) -> str:
    return key.encode("utf-8", "replace").hex()
