"""Defects: what went wrong in a request's way, as the refusal that answers it."""

from __future__ import annotations

from werkzeug.exceptions import (
    BadHost,
    ClientDisconnected,
    HTTPException,
    NotFound,
    RequestedRangeNotSatisfiable,
    RequestEntityTooLarge,
)

from mockling.emulator.platform.exchange import logger
from mockling.emulator.platform.refused import Refused


def as_refused(error: Exception, path: str = "", limit: int | None = None) -> Refused:
    """Return the refusal for an exception: one of the contract's, one of HTTP's, or a defect of the emulator.

    `path` is the request's, `limit` the bytes that a body may have.
    """
    match error:
        case Refused():
            return error
        case RequestEntityTooLarge():
            return Refused("too_large", limit=limit)
        case RequestedRangeNotSatisfiable():
            size = {"content-range": f"{error.units} */{error.length}"} if error.length is not None else {}
            return Refused("no_such_range", headers=size)
        case NotFound():
            return Refused("unknown_path", path=path[:100])
        case BadHost():
            return Refused("bad_request", reason="its Host is no name; each part of one has 1 to 63 characters")
        case ClientDisconnected():
            return Refused("bad_request", reason="its body is shorter than its content-length says")
        case HTTPException():
            return Refused("bad_request", reason=error.description or error.name)
    logger.error("a request made the emulator fail", exc_info=error)
    return Refused("emulator_failed")
