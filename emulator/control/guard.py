"""The guard of the control API: no page of another origin, and nobody without the token, may use it."""

from __future__ import annotations

from hmac import compare_digest
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from flask import Request

TOKEN = "x-mockling-token"  # noqa: S105 - the header's name
LOCAL = ("localhost", "127.0.0.1", "::1")


def why_not(request: Request, host: str, token: str | None) -> tuple[int, str] | None:
    """Return the status and sentence that refuse a request for the control API; None: it may.

    `host` is the address that the emulator listens at, `token` what callers must know (None: nothing).
    """
    origin, named = request.headers.get("origin"), request.headers.get("host", "")
    if origin is not None and urlsplit(origin).netloc != named:
        return 403, f"A page of the origin {origin[:100]} may not use the control API."
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return 403, "A page of another site may not use the control API."
    if token is not None:
        given = request.headers.get(TOKEN, "") or request.headers.get("authorization", "").removeprefix("Bearer ")
        if not compare_digest(given.encode(), token.encode()):
            return 401, f"The control API needs the token of this emulator, in the header {TOKEN}."
    elif _name(named) not in (*LOCAL, host.lower()):
        return 403, f"The control API is not at the host {named[:100]!r}; use 127.0.0.1 or localhost."
    return None


def is_loopback(host: str) -> bool:
    """Say whether only callers of this machine reach an address that is listened at."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
