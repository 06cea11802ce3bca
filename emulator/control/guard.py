"""The guard of the control API: no page of another origin, and nobody without the token, may use it."""

from __future__ import annotations

import re
from hmac import compare_digest
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Request

TOKEN = "x-mockling-token"  # noqa: S105 - the header's name
LOCAL = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")


def why_not(request: Request, host: str, token: str | None, *, known: bool = False) -> tuple[int, str] | None:
    """Return the status and sentence that refuse a request for the control API; None: it may.

    `host` is the address that the emulator listens at, `token` what callers must know (None: nothing). What is `known`
    to all needs no token.
    """
    origin, named = request.headers.get("origin"), request.headers.get("host", "")
    if origin is not None and not _is_at(origin, named):
        return 403, f"A page of the origin {origin[:100]!r} may not use the control API."
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return 403, "A page of another site may not use the control API."
    if token is None:  # whoever reaches it may use it, but not by a name that somebody else gave this machine
        if _name(named) not in (*LOCAL, host.lower()):
            return 403, f"The control API is not at the host {named[:100]!r}; use 127.0.0.1 or localhost."
    elif not (known or compare_digest(_given(request).encode(), token.encode())):
        return 401, f"The control API needs the token of this emulator, in the header {TOKEN}."
    return None


def is_loopback(host: str) -> bool:
    """Say whether only callers of this machine reach an address that is listened at."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _given(request: Request) -> str:
    """Return the token that a request was sent with."""
    return request.headers.get(TOKEN, "") or request.headers.get("authorization", "").removeprefix("Bearer ")


def _is_at(origin: str, host: str) -> bool:
    """Say whether a page's origin is that of the host it asks."""
    return bool(host) and origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")


def _name(host: str) -> str:
    """Return the name in a Host header; "" if it is none, or has more in it than a name and a port."""
    found = _HOST.fullmatch(host.lower())
    return found[1].strip("[]") if found else ""
