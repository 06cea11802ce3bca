"""The application: its routes, which are the contract's, and what happens to every request at the boundary."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response, request
from flask.sessions import NullSession, SessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import MapAdapter

from mockling.contract import Document
from mockling.emulator.http.account import Accounts
from mockling.emulator.http.defects import as_refused
from mockling.emulator.http.files import Files
from mockling.emulator.http.generations import Generations
from mockling.emulator.http.held import DelayWait, Due, HeldResponse
from mockling.emulator.http.reading import is_plain, is_plain_host
from mockling.emulator.http.recording import Draft, Recorder, draft_of
from mockling.emulator.http.responses import Responses
from mockling.emulator.http.striking import Striking
from mockling.emulator.platform.planned import Struck
from mockling.emulator.platform.platform import Platform
from mockling.emulator.platform.refused import Refused
from mockling.emulator.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

View = Callable[..., Response]
_FORWARDED = [f"HTTP_X_FORWARDED_{what}" for what in ("PROTO", "HOST", "PORT", "PREFIX")]


class _NoSession(SessionInterface):
    """No request has a session here."""

    def open_session(self, app: Flask, request: Request) -> NullSession:  # noqa: ARG002 - Flask's signature
        """Return the session that there is not."""
        return NullSession()


class _Request(Request):
    """A request whose files stay in memory, for bodies are bounded and a disk may be full."""

    def _get_file_stream(self, *_: object, **__: object) -> BytesIO:
        return BytesIO()


class Application(Flask):
    """The emulator as a Flask application; `platform` is what it stands in for, `recorder` keeps its exchanges."""

    request_class = _Request

    def __init__(self, settings: Settings) -> None:
        super().__init__(__name__, static_folder=None)
        self.session_interface = _NoSession()
        self.platform = Platform(settings)
        self.responses = Responses(self.platform.contract, self.platform.outputs)
        self.recorder = Recorder(self.platform)
        self.striking = Striking(self.platform, self.responses, self.recorder)
        self.extensions["mockling"] = self.platform
        limit = self.platform.contract.document["x-limits"]["body_bytes"]
        self.config.update(MAX_CONTENT_LENGTH=limit, MAX_FORM_MEMORY_SIZE=limit, MAX_FORM_PARTS=limit)
        self.register_error_handler(Exception, self._refuse)
        self.url_map.merge_slashes = False  # it would redirect, and the platform never does (G15)
        self._route()
        # Outputs' URLs must lead back to the address the caller used, also through a proxy.
        self._behind_proxy = ProxyFix(super().wsgi_app, x_for=1, x_proto=1, x_host=1, x_port=1, x_prefix=1)

    def _route(self) -> None:
        """Give each path of the contract one rule for all verbs, for another verb than its own is 405 there (G6)."""
        generations = Generations(self.platform, self.responses, self.recorder, self.striking)
        files, accounts = Files(self.platform, self.responses), Accounts(self.platform, self.responses)
        views: dict[str, View] = {
            "generate": generations.generate,
            "submit": generations.submit,
            "status": generations.status,
            "result": generations.result,
            "poll": generations.older_result,
            "credits": accounts.credits,
            "upload": files.upload,
            "asset": files.asset,
            "download": files.download,
        }
        for path, item in self.platform.contract.document["paths"].items():
            rule = path.replace("{", "<").replace("}", ">")
            self.view_functions[path] = self._dispatcher(item, views)
            self.url_map.add(self.url_rule_class(rule, endpoint=path, methods=None))

    def _dispatcher(self, item: Document, views: dict[str, View]) -> View:
        """Return the view of a path: that of its one operation, or the response to another verb."""
        verb, operation = next((verb, part["operationId"]) for verb, part in item.items() if verb != "options")
        verbs = {"get": {"GET", "HEAD"}, "post": {"POST"}}[verb]
        view, staged = views[operation], operation in ("generate", "submit")
        allowed = ", ".join(sorted({*verbs, "OPTIONS"}))

        def dispatch(**values: Any) -> Response:
            environ = request.environ
            draft, method = draft_of(environ), environ["REQUEST_METHOD"]
            if not is_plain(environ):
                raise Refused("unknown_path", path=draft.path[:100])
            draft.operation = "preflight" if method == "OPTIONS" else operation
            if method == "OPTIONS":
                return self.responses.preflight()
            if method not in verbs and not staged:  # of a generation the verb is a stage
                raise Refused("method_not_allowed", headers={"allow": allowed})
            if not staged:
                draft.request_id = values.get("id", "")[:100] or None
                if operation == "download":  # it needs no key, and is its job's all the same
                    draft.owner = self.platform.store.owner(values["file"].removesuffix(".mp4")) or ""
                self._meet(draft)
            return view(**values)

        return dispatch

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, of which from here on there is a draft."""
        self.recorder.begin(environ)
        if any(header in environ for header in _FORWARDED):
            return self._behind_proxy(environ, start_response)
        return super().wsgi_app(environ, start_response)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what matches a request by its path alone, also one that wishes for a WebSocket.

        Flask's own way takes a tenth of a request's time; it is left to refuse a `Host` that cannot be.
        """
        if request is None or not is_plain_host(request.environ):
            return super().create_url_adapter(request)
        draft = draft_of(request.environ)
        return MapAdapter(self.url_map, "localhost", "/", "", "http", draft.path, draft.method)

    def _meet(self, draft: Draft) -> None:
        """Let the fault that is planned for a call, if any, strike. Raises `Struck` if it does before all else."""
        draft.fault = self.striking.meet(draft)
        if draft.fault is None:
            return
        draft.faults = (draft.fault,)
        if draft.fault.instead:
            raise Struck(draft.fault)
        draft.delay = self.striking.delay(draft.fault)

    def process_response(self, response: Response) -> Response:
        """Record a response before it is sent; one that is held, when it is made."""
        draft = draft_of(request.environ)
        if draft.delay:
            wait = DelayWait(self.responses, self.recorder, draft, response)
            response = HeldResponse(Due(wait, self.platform.clock, draft), self.striking.ended)
        return response if isinstance(response, HeldResponse) else self.striking.ended(draft, response)

    def _refuse(self, error: Exception) -> Response:
        draft = draft_of(request.environ)
        if isinstance(error, Struck):
            draft.fault, draft.faults = error.fault, (error.fault,)
            draft.delay = self.striking.delay(error.fault)
            return Response() if error.fault.silent else self.striking.answer(error.fault, draft)
        refused = as_refused(error, request.path, request.max_content_length)
        response, draft.error = self.responses.refused(refused)
        draft.violations, draft.resets = refused.violations, refused.resets
        return response


def create_app(settings: Settings | None = None) -> Application:
    """Return the emulator as a Flask application; None: the default settings.

    It runs under any WSGI server, which then keeps a thread for every call that waits; `Emulator` does without. The
    server must keep to one process: jobs, balances and uploads live in its memory, so with several workers a poll that
    lands in another one is answered with 404. Threads may be as many as there are callers: `gunicorn --workers 1
    --threads 64`.
    Raises `mockling.contract.ContractError` for a profile, answer, plan, model or change the contract does not have.
    """
    return Application(settings or Settings())
