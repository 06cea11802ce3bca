"""Held responses: a call that is answered when its job has ended, and who waits for that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from flask import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Wait(Protocol):
    """What a held call waits for."""

    @property
    def seconds(self) -> float:
        """The real seconds until the response is due."""

    def block(self) -> None:
        """Wait in the calling thread until the response is due."""

    def finish(self) -> Response:
        """Make the response; the moment has come."""

    def stop(self) -> Response:
        """Make the response of a server that stops before the moment has come."""

    def leave(self) -> None:
        """Note that the caller left before the moment has come."""


class HeldResponse(Response):
    """A response that is made when what it waits for is due, and then recorded by `end`.

    The view returns at once; waiting is left to the server.
    """

    def __init__(self, wait: Wait, end: Callable[[Response], Response]) -> None:
        super().__init__()
        self.wait = wait
        self.end = end

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Held:
        """Return the body as WSGI wants it."""
        return Held(self, environ, start_response)


class Held:
    """The body of a held response.

    A server that knows it waits for `seconds` in its own way and then calls `answer`, or `stop`, or `leave`. Any other
    WSGI server iterates it, and so waits in the thread that called; one that closes it before has lost its caller.
    """

    __slots__ = ("_environ", "_open", "_response", "_start_response")

    def __init__(self, response: HeldResponse, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        self._response = response
        self._environ = environ
        self._start_response = start_response
        self._open = True  # nothing became of it yet

    @property
    def seconds(self) -> float:
        """The real seconds until the response is due."""
        return self._response.wait.seconds

    def answer(self) -> Iterator[bytes]:
        """Make the response and start sending it."""
        return self._send(self._response.wait.finish())

    def stop(self) -> Iterator[bytes]:
        """Start sending the response of a server that stops."""
        return self._send(self._response.wait.stop())

    def leave(self) -> None:
        """Note that the caller is gone."""
        self._open = False
        self._response.wait.leave()

    def close(self) -> None:
        """End, as every WSGI server does with every body."""
        if self._open:
            self.leave()

    def __iter__(self) -> Iterator[bytes]:
        self._response.wait.block()
        return self.answer()

    def _send(self, response: Response) -> Iterator[bytes]:
        self._open = False
        return iter(self._response.end(response)(self._environ, self._start_response))
