"""Secrets: nothing is written in which a key stands, in whatever form."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from html import unescape
from pathlib import Path
from secrets import token_hex
from urllib.parse import unquote_plus

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
        views = [re.sub(r"\s+", "", view) for view in _views(text)] if wanted else []
        lowered = [view.lower() for view in views]
        for key in wanted:
            plain, encoded = re.sub(r"\s+", "", key).lower(), list(_encoded(key))
            if any(plain in view or _hex(key) in view for view in lowered) or any(
                form in view for view in views for form in encoded
            ):
                raise SecretFound(f"An API key stands in {name}; nothing was written.")


def publish(artefacts: Mapping[Path, str], keys: Iterable[str]) -> None:
    """Write texts to files: all of them, or, if a key stands in one, none.

    A file that exists is replaced; under its name there is never half of it. Raises `SecretFound`, and `OSError` if a
    file cannot be written.
    """
    search({str(path): text for path, text in artefacts.items()}, keys)
    for path, text in artefacts.items():
        _write(path, text.encode("utf-8", "replace"))


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


def _views(text: str) -> Iterator[str]:
    """Yield a text as it is, and as it is once what is escaped in it is read."""
    yield text
    yield unquote_plus(text)
    yield unescape(text)
    yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text).replace("\\", "")


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
