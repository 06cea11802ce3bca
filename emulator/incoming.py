"""What is taken from an incoming request besides its body."""

from __future__ import annotations

import re

from flask import Request

from mockling.emulator.accounts import masked
from mockling.emulator.journal import Entry

LONGEST_PATH = 200  # characters of a path that are kept
_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")


def entry_of(request: Request) -> Entry:
    """Return a new entry of the journal for a request."""
    return Entry(request.method, request.path[:LONGEST_PATH], masked(request.headers.get("x-api-key", "")))


def root_of(request: Request) -> str:
    """Return the address under which the caller reached this server, as `url_root` does in ten times the time."""
    host = request.environ.get("HTTP_HOST", "")
    if not _HOST.fullmatch(host):
        own = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
        host = f"{own['SERVER_NAME']}:{own['SERVER_PORT']}"
    scheme = "https" if request.scheme == "https" else "http"
    prefix = request.root_path.strip("/")
    return f"{scheme}://{host}/{prefix}/" if prefix else f"{scheme}://{host}/"
