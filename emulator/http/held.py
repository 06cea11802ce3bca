"""Held responses: a call that is answered later, and who waits for that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import TYPE_CHECKING, Protocol

from flask import Response

from mockling.emulator.http.recording import Draft, Recorder
from mockling.emulator.http.responses import Responses
from mockling.emulator.platform.clock import Clock
from mockling.emulator.platform.refused import Refused
from mockling.emulator.signs import TIMED_OUT

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

GONE = 499  # to whoever asked with a patience; nobody else sees it


def timed_out(draft: Draft) -> Response:
    """Return what is sent to a caller whose patience is over."""
    return Response(status=GONE, headers={TIMED_OUT: f"{draft.patience:g}", "content-length": "0"})


def skips(clock: Clock, draft: Draft) -> bool:
    """Say whether time is moved instead of waited for: where none passes, and the caller counts in simulated time."""
    return clock.instant and draft.patience is not None


class Wait(Protocol):
    """What a held call waits for."""

    @property
    def due(self) -> float:
        """The moment at which the response is due."""

    @property
    def working(self) -> float:
        """The real seconds after which to look again, for something is still being made then; 0: all is ready."""

    def finish(self) -> Response:
        """Make the response; the moment has come."""

    def stop(self, case: str) -> Response:
        """Make the response of a server that cannot wait, for the reason of that name in the contract."""

    def leave(self) -> None:
        """Note that the caller left before the moment has come."""


class DelayWait:
    """A call whose response is there, and is held back as long as is planned."""

    def __init__(self, responses: Responses, recorder: Recorder, draft: Draft, response: Response) -> None:
        self._responses = responses
        self._recorder = recorder
        self._draft = draft
        self._response = response
        self.due = draft.moment + draft.delay
        self.working = 0.0

    def finish(self) -> Response:
        """Return the response."""
        return self._response

    def stop(self, case: str) -> Response:
        """Return the response of a server that cannot wait."""
        self._response.close()
        response, self._draft.error = self._responses.refused(Refused(case))
        return response

    def leave(self) -> None:
        """Record that the caller left."""
        self._response.close()
        self._recorder.left(self._draft)


class Due:
    """When a call is answered.

    A caller whose patience is known (simulated seconds) is not waited for in real ones where no time is waited for:
    time is moved instead.
    """

    __slots__ = ("_limit", "clock", "draft", "wait")

    def __init__(self, wait: Wait, clock: Clock, draft: Draft) -> None:
        self.wait = wait
        self.clock = clock
        self.draft = draft
        self._limit = inf if draft.patience is None else draft.moment + draft.patience

    @property
    def moment(self) -> float:
        """The moment at which the response is due, or the caller's patience is over."""
        return min(self.wait.due, self._limit)

    @property
    def impatient(self) -> bool:
        """Whether the caller's patience ends before the response is due."""
        return self._limit < self.wait.due

    @property
    def seconds(self) -> float:
        """The real seconds until the response is due, and all of it is ready."""
        rest = 0.0 if skips(self.clock, self.draft) else self.clock.until(self.moment)
        return rest or (0.0 if self.impatient else self.wait.working)

    @property
    def now(self) -> bool:
        """Whether there is nothing to wait for, and no time to be moved."""
        return self.wait.due <= min(self._limit, self.clock.now()) and not self.wait.working

    def reach(self) -> None:
        """Have time come to what is waited for, where it is not waited for."""
        if skips(self.clock, self.draft):
            self.clock.reach(self.moment)


class HeldResponse(Response):
    """A response that is made when it is `due`, and then ended by `end`; the view returns at once."""

    def __init__(self, due: Due, end: Callable[[Draft, Response], Response]) -> None:
        super().__init__()
        self.due = due
        self.end = end

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Held:
        """Return the body as WSGI wants it."""
        return Held(self.due, self.end, environ, start_response)


class Held:
    """The body of a held response.

    A server that knows it waits for `seconds` in its own way and then calls `answer`, or `stop`, or `leave`. Any other
    WSGI server iterates it, and so waits in the thread that called; one that closes it before has lost its caller.
    """

    __slots__ = ("_due", "_end", "_environ", "_open", "_sent", "_start_response")

    def __init__(
        self,
        due: Due,
        end: Callable[[Draft, Response], Response],
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> None:
        self._due = due
        self._end = end
        self._environ = environ
        self._start_response = start_response
        self._open = True  # nothing became of it yet
        self._sent: Iterable[bytes] | None = None

    @property
    def key(self) -> str:
        """The API key of its caller, "" for none."""
        return str(self._environ.get("HTTP_X_API_KEY", "")).strip()

    @property
    def moment(self) -> float:
        """The moment at which something becomes of it."""
        return self._due.moment

    @property
    def seconds(self) -> float:
        """The real seconds until the response is due."""
        return self._due.seconds

    def answer(self) -> Iterable[bytes]:
        """Make the response and start sending it."""
        self._due.reach()
        if self._due.impatient:
            self._due.draft.ended = self._due.moment
            self.leave()
            return self._start(timed_out(self._due.draft))
        return self._send(self._due.wait.finish())

    def stop(self, case: str) -> Iterable[bytes]:
        """Start sending the response of a server that cannot wait, for the reason of that name in the contract."""
        self._due.draft.fault = None  # what cannot wait is told so, whatever was planned
        return self._send(self._due.wait.stop(case))

    def leave(self) -> None:
        """Note that the caller is gone."""
        self._open = False
        self._due.wait.leave()

    def close(self) -> None:
        """End, as every WSGI server does with every body."""
        if self._open:
            self.leave()
        close: Callable[[], object] | None = getattr(self._sent, "close", None)
        if close:
            close()

    def __iter__(self) -> Iterator[bytes]:
        if self.seconds:
            self._due.clock.wait(self.moment)
        return iter(self.answer())

    def _send(self, response: Response) -> Iterable[bytes]:
        self._open = False
        return self._start(self._end(self._due.draft, response))

    def _start(self, response: Response) -> Iterable[bytes]:
        self._sent = response(self._environ, self._start_response)
        return self._sent
