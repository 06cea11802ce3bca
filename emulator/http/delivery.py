"""Deliveries: how the server is to send a response that does not simply arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from flask import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from mockling.emulator.platform.clock import Clock

Ending = Literal["close", "reset", "stall"] | None
LONGEST_STALL = 900.0  # simulated seconds after which another server gives up to stall
PIECES = 20  # of a body that has a rate, in a second


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the server does with a response.

    `silent`: not a byte of it is sent. `rate`: bytes of the body in a simulated second (None: as they are taken).
    `ending`: what happens where the body ends: the connection is closed or reset, or nothing comes any more (None: the
    response is whole). `skips`: time is moved where else it would be waited for.
    """

    silent: bool = False
    rate: float | None = None
    ending: Ending = None
    skips: bool = False


class DeliveredResponse(Response):
    """A response with a plan of its delivery."""

    def __init__(self, response: Response, delivery: Delivery, clock: Clock) -> None:
        super().__init__()
        self._planned = response
        self._delivery = delivery
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Delivered:
        """Return the body as WSGI wants it."""
        return Delivered(self._planned(environ, start_response), self._delivery, self._clock)


class Delivered:
    """The body of a response, with the plan of its delivery.

    A server that knows it carries the plan out in its own way. Any other WSGI server iterates it: what is slow keeps
    its thread, and what ends early is an error to it, after which it closes the connection.
    """

    __slots__ = ("_blocks", "_clock", "delivery")

    def __init__(self, blocks: Iterable[bytes], delivery: Delivery, clock: Clock) -> None:
        self._blocks = blocks
        self._clock = clock
        self.delivery = delivery

    def pieces(self) -> Iterator[tuple[bytes, float]]:
        """Yield the body in pieces, each with the simulated seconds that it takes to come."""
        rate = self.delivery.rate
        for block in self._blocks:
            size = len(block) if rate is None else max(1, round(rate / PIECES))
            for start in range(0, len(block), size or 1):
                piece = block[start : start + size]
                yield piece, len(piece) / rate if rate else 0.0

    def close(self) -> None:
        """End, as every WSGI server does with every body."""
        close: Callable[[], object] | None = getattr(self._blocks, "close", None)
        if close:
            close()

    def __iter__(self) -> Iterator[bytes]:
        if not self.delivery.silent:
            moment = self._clock.now()
            for piece, seconds in self.pieces():
                moment += seconds
                if seconds and self.delivery.skips:
                    self._clock.reach(moment)
                elif seconds:
                    self._clock.wait(moment)
                yield piece
        if self.delivery.ending == "stall":
            self._clock.wait(self._clock.now() + LONGEST_STALL)
        if self.delivery.ending:
            raise ConnectionAbortedError("A planned fault ends this response here.")
