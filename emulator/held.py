"""Held answers: a call that is answered when its job is due, and who waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from flask import Response

from mockling.emulator.clock import Clock

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class HeldResponse(Response):
    """A response that is made at the moment `due`.

    The view returns at once; waiting is left to the server. `finish` makes the response when the moment has come,
    `stop` if the server stops before it, `leave` is told that the caller left before it.
    """

    def __init__(
        self,
        clock: Clock,
        due: float,
        finish: Callable[[], Response],
        stop: Callable[[], Response],
        leave: Callable[[], None],
    ) -> None:
        super().__init__()
        self.clock = clock
        self.due = due
        self.finish = finish
        self.stop = stop
        self.leave = leave

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Held:
        """Return the body as WSGI wants it."""
        return Held(self, environ, start_response)


class Held:
    """The body of a held response.

    A server that knows it waits for `seconds` in its own way and then calls `answer`, or `stop`, or `leave`. Any other
    WSGI server iterates it, and so waits in the thread that called.
    """

    def __init__(self, response: HeldResponse, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        self._response = response
        self._environ = environ
        self._start_response = start_response

    @property
    def seconds(self) -> float:
        """The real seconds until the answer is due."""
        return self._response.clock.until(self._response.due)

    def answer(self) -> Iterator[bytes]:
        """Make the answer and start sending it."""
        return self._send(self._response.finish())

    def stop(self) -> Iterator[bytes]:
        """Start sending the answer of a server that stops."""
        return self._send(self._response.stop())

    def leave(self) -> None:
        """Note that the caller is gone."""
        self._response.leave()

    def __iter__(self) -> Iterator[bytes]:
        self._response.clock.wait(self._response.due)
        return self.answer()

    def _send(self, response: Response) -> Iterator[bytes]:
        return iter(response(self._environ, self._start_response))
