"""Changing: what a mutant may do to a running emulator, all of which is undone when it is over."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from flask import Response

from mockling.contract import Contract, Model
from mockling.emulator.http.app import Application
from mockling.emulator.http.recording import Draft
from mockling.emulator.listening.server import Emulator
from mockling.emulator.platform.platform import Platform
from mockling.emulator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Environ = dict[str, Any]


class Answer:
    """An answer that is about to be sent, and can still be changed.

    `operation` is the contract's name of what was asked for, "" if it is none; `environ` is what was asked, as WSGI has
    it.
    """

    def __init__(self, draft: Draft, response: Response) -> None:
        self.draft = draft
        self.response = response
        self.operation = draft.operation or ""
        self.environ: Environ = draft.environ
        self.headers = response.headers

    @property
    def status(self) -> int:
        """The status; can be set."""
        return self.response.status_code

    @status.setter
    def status(self, status: int) -> None:
        self.response.status_code = status

    @property
    def body(self) -> bytes:
        """The body; can be set, and its length is told then."""
        self.response.direct_passthrough = False
        return self.response.get_data()

    @body.setter
    def body(self, body: bytes) -> None:
        self.response.direct_passthrough = False
        self.response.set_data(body)
        self.headers["content-length"] = str(len(body))

    @property
    def json(self) -> Any:
        """The body parsed as JSON, None if it is of another kind; can be set."""
        is_json = (self.response.content_type or "").startswith("application/json")
        return json.loads(self.body) if is_json and self.draft.method != "HEAD" else None

    @json.setter
    def json(self, value: Any) -> None:
        self.body = json.dumps(value).encode()

    def refuse(self, status: int, text: str) -> None:
        """Be an error instead."""
        self.status, self.json = status, {"error": text}
        self.headers["content-type"] = "application/json"


class Changing:
    """The changes of one emulator; `undo` takes all of them back."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self._undo = ExitStack()
        self._answers: list[Callable[[Answer], object]] = []
        self._requests: list[Callable[[Environ], object]] = []

    @property
    def platform(self) -> Platform:
        """What the emulator stands in for, without HTTP."""
        return self.application.platform

    @property
    def contract(self) -> Contract:
        """The contract by which the emulator goes."""
        return self.application.platform.contract

    def model(self, slug: str) -> Model:
        """Return a model by which the emulator goes."""
        return self.contract.models[slug]

    def put(self, target: object, name: str, value: Any) -> None:
        """Replace an attribute of an object, or of a class."""
        own = name in vars(target) if hasattr(target, "__dict__") else True
        before = getattr(target, name)
        setattr(target, name, value)
        if own:
            self._undo.callback(setattr, target, name, before)
        else:
            self._undo.callback(delattr, target, name)

    def wrap(self, target: object, name: str, around: Callable[..., Any]) -> None:
        """Replace a method by one that is given it as its first argument."""
        before = getattr(target, name)
        self.put(target, name, lambda *args, **kwargs: around(before, *args, **kwargs))

    def item(self, table: MutableMapping[str, Any], name: str, value: Any) -> None:
        """Replace a value of a table."""
        self._undo.callback(table.__setitem__, name, table[name])
        table[name] = value

    def answers(self, change: Callable[[Answer], object]) -> None:
        """Have every answer changed before it is sent."""
        self._answers.append(change)

    def answer(self, operation: str, status: int, change: Callable[[Answer], object]) -> None:
        """Have every answer of an operation with a status changed before it is sent."""
        self.answers(lambda answer: answer.operation == operation and answer.status == status and change(answer))

    def requests(self, change: Callable[[Environ], object]) -> None:
        """Have every request changed, as WSGI has it, before anybody looks at it."""
        self._requests.append(change)

    def asked(self, environ: Environ) -> None:
        """Change a request that came."""
        for change in self._requests:
            change(environ)

    def ended(self, draft: Draft, response: Response) -> Response:
        """Change an answer that is about to be sent."""
        for change in self._answers:
            change(Answer(draft, response))
        return response

    def undo(self) -> None:
        """Take everything back."""
        self._answers.clear()
        self._requests.clear()
        self._undo.close()


def editing(operation: str, status: int, edit: Callable[[Answer], object]) -> Callable[[Changing], object]:
    """Return the change that has every answer of an operation with a status edited."""
    return lambda changing: changing.answer(operation, status, edit)


class Changeable(Emulator):
    """An emulator that mutants can change while it runs."""

    changing: Changing

    @contextmanager
    def changed(self, change: Callable[[Changing], object]) -> Iterator[None]:
        """Begin anew, with a change that holds within the block."""
        self.reset()
        try:
            change(self.changing)
            yield
        finally:
            self.changing.undo()

    def _application(self, settings: Settings) -> Application:
        application = super()._application(settings)
        if not hasattr(self, "changing"):
            self.changing = _prepared(application)
        return application


def _prepared(application: Application) -> Changing:
    """Have an application's requests and answers pass what changes them."""
    changing, serve, end = Changing(application), application.wsgi_app, application.striking.ended

    def served(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        changing.asked(environ)
        return serve(environ, start_response)

    def ended(draft: Draft, response: Response) -> Response:
        return end(draft, changing.ended(draft, response))

    application.wsgi_app = served  # type: ignore[method-assign] # Flask's own way to put something around it
    application.striking.ended = ended  # type: ignore[method-assign] # where each answer ends, held or not
    return changing
