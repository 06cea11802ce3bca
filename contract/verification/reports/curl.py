"""curl: the command that sends a request again, without the key in it."""

from __future__ import annotations

import re
from base64 import b64encode
from shlex import quote

from mockling.contract.exchange import Exchange, Message
from mockling.contract.verification.probe import Need

OWN = {"user-agent", "accept", "content-length", "host", "connection", "accept-encoding"}  # what curl sends itself
VARIABLE = re.compile("(?:" + "|".join(re.escape(f"${need.variable}") for need in Need) + r")(?!\w)")
HARMLESS = re.compile(r"[\w :;,./=@%+-]*", re.ASCII)  # within double quotes
TYPE = "content-type"


def curl(exchange: Exchange, url: str) -> str:
    """Return a command for a POSIX shell that sends a request again; `url` is where its target was.

    Keys are taken from the environment variables that stand for them; in the address of another server, which the
    target may have named, such a variable stays the text that it is. A body that no command line can hold goes through
    base64; one that was not kept whole is sent as far as it was.
    """
    whole = exchange.path if exchange.path.startswith(("http://", "https://")) else url + exchange.path
    address = _quoted(whole) if whole.startswith(f"{url}/") else quote(whole)
    parts = ["curl", "-sS", "-i", "-g", "-X", quote(exchange.method), address]
    for name, value in exchange.request.headers:
        if name.lower() not in OWN:
            parts += ["-H", _quoted(f"{name}: {value}" if value else f"{name};")]
    body = exchange.request.body
    if not body:
        return " ".join(parts)
    if not exchange.request.header(TYPE):
        parts += ["-H", f"{TYPE}:"]  # or curl would add one
    if (text := _plain(exchange.request)) is not None:
        return " ".join([*parts, "--data-raw", _quoted(text)])
    return " ".join([f"printf %s {b64encode(body).decode()} | base64 -d |", *parts, "--data-binary", "@-"])


def _plain(message: Message) -> str | None:
    """Return a body as a text that can be read and typed; None if it is none."""
    try:
        text = message.body.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def _quoted(text: str) -> str:
    """Return a text for the shell, in which the variables of keys, and they alone, are replaced by their values."""
    pieces, variables = VARIABLE.split(text), VARIABLE.findall(text)
    if variables and all(map(HARMLESS.fullmatch, pieces)):
        return f'"{text}"'
    told = quote(pieces[0]) if pieces[0] or not variables else ""
    for variable, piece in zip(variables, pieces[1:], strict=True):
        told += f'"{variable}"' + (quote(piece) if piece else "")
    return told
