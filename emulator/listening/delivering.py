"""Delivering: a response on its way to its caller, as it is or as is planned."""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import sleep  # by name, for tests of asynchronous code replace that of the module
from collections.abc import Iterable
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Any, cast

from mockling.emulator.http.delivery import Delivered
from mockling.emulator.listening.pauses import Pauses
from mockling.emulator.listening.wsgi import Start
from mockling.emulator.platform.clock import Clock

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope

LONGEST_FLUSH = 10.0  # real seconds for which a caller may take what was sent before his connection ends
FLUSH = 0.001  # real seconds between two looks whether he has


async def send_all(start: Start, blocks: Iterable[bytes], receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Send a response, or as much of it as its caller stays for."""
    iterator = iter(blocks)
    block, following = next(iterator, b""), next(iterator, None)
    await _send_head(start, send)
    gone = asyncio.ensure_future(receive()) if following is not None else None
    try:
        while following is not None:
            await send({"type": "http.response.body", "body": block, "more_body": True})
            await sleep(0)  # a caller who left is noticed by the event loop, which must have its turn
            if gone and gone.done():
                return
            block, following = following, next(iterator, None)
        await send({"type": "http.response.body", "body": block, "more_body": False})
    finally:
        if gone:
            gone.cancel()


async def _send_head(start: Start, send: ASGISendCallable) -> None:
    await send({"type": "http.response.start", "status": start.status, "headers": start.headers, "trailers": False})


async def deliver(
    delivered: Delivered,
    start: Start,
    scope: HTTPScope,
    receive: ASGIReceiveCallable,
    send: ASGISendCallable,
    *,
    clock: Clock,
    pauses: Pauses,
) -> None:
    """Send a response as is planned, or as much of it as its caller stays for."""
    plan, cuts, moment = delivered.delivery, pauses.cuts, clock.now()
    if not plan.silent:
        await _send_head(start, send)
        for piece, seconds in delivered.pieces():
            moment += seconds
            if seconds and plan.skips:  # time is moved first: who has the whole body finds that it has passed
                clock.reach(moment)
            elif seconds and not await pauses.wait(pauses.until(clock, moment, cuts), receive):
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await sleep(0)
    if plan.ending is None:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    if plan.ending == "stall":
        await pauses.wait(pauses.until(clock, inf, cuts), receive)
    await _end(_transport(scope), reset=plan.ending == "reset")


def _transport(scope: HTTPScope) -> asyncio.Transport:
    transport: Any = scope["extensions"]["mockling"]["transport"]
    return cast("asyncio.Transport", transport)


async def _end(transport: asyncio.Transport, *, reset: bool) -> None:
    """Close or reset a connection when all has been sent, or after a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_FLUSH):
            await sleep(0)  # what is kept back is handed on
            while transport.get_write_buffer_size() and not transport.is_closing():
                await sleep(FLUSH)
    if reset:
        connection = transport.get_extra_info("socket")
        with suppress(OSError):  # it is closed already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
