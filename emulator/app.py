"""The application: the routes, and a request's way read from top to bottom."""

from __future__ import annotations

from flask import Flask, Request, Response, request, send_file
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestedRangeNotSatisfiable,
    RequestEntityTooLarge,
)
from werkzeug.middleware.proxy_fix import ProxyFix

from mockling.emulator import body
from mockling.emulator.accounts import masked
from mockling.emulator.answers import Answers
from mockling.emulator.emulation import MOST_TOLD, Emulation, Job
from mockling.emulator.held import HeldResponse
from mockling.emulator.journal import Entry, logger
from mockling.emulator.refused import Refused
from mockling.emulator.settings import Settings


class Endpoint:
    """The endpoint's HTTP: it walks a request through the stages and answers it."""

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation
        self._answers = Answers(emulation.contract)
        self._journal = emulation.journal
        self._deepest: int = emulation.contract.document["x-limits"]["json_depth"]

    def generate(self, slug: str) -> Response:
        """POST /v1/<model>: the stages in the order of the contract's `check_order` (M5); the first failure answers."""
        emulation, entry = self._emulation, _entry(request)
        try:
            account = emulation.authenticate(request.headers)
            emulation.find_model(slug)
            emulation.permit(account, slug)
            admission = emulation.admit(account)
            sent = body.read(request, emulation.contract.request_schema, self._deepest)
            parameters = emulation.check(sent)
            source = emulation.inspect(parameters["video_url"])
            job = emulation.submit(account, admission, parameters, source)
        except Refused as refused:
            return self.refuse(refused, entry)
        entry.request_id, entry.seconds = job.request_id, job.latency
        entry.warnings = [*emulation.contract.findings(sent), *source.findings][:MOST_TOLD]
        root = _root(request)
        if not emulation.clock.until(job.due):
            return self._finish(job, root, entry)
        return HeldResponse(
            emulation.clock,
            job.due,
            finish=lambda: self._finish(job, root, entry),
            leave=lambda: self._leave(job, entry),
        )

    def download(self, file: str) -> Response:
        """GET /generations/<file>: a generated video; Range, ETag and HEAD work."""
        try:
            response = send_file(self._emulation.stored(file), mimetype="video/mp4", conditional=True)
        except Refused as refused:
            return self.refuse(refused, _entry(request))
        response.headers.update(self._answers.cors)
        return response

    def preflight(self, slug: str) -> Response:  # noqa: ARG002 - every model is asked in the same way
        """OPTIONS /v1/<model>."""
        return self._answers.preflight()

    def refuse(self, refused: Refused, entry: Entry) -> Response:
        """Return the answer to a refused request, and journal it."""
        response, text = self._answers.refusal(refused)
        entry.status, entry.error, entry.violations = response.status_code, text, refused.violations
        self._journal.add(entry)
        return response

    def fail(self, error: Exception) -> Response:
        """Return the answer to a request that met no route, or a defect of the emulator."""
        match error:
            case RequestEntityTooLarge():
                refused = Refused("too_large", limit=request.max_content_length)
            case MethodNotAllowed():
                refused = Refused("method_not_allowed", headers={"allow": ", ".join(sorted(error.valid_methods or ()))})
            case RequestedRangeNotSatisfiable():
                refused = Refused("no_such_range", headers=dict(error.get_headers()))
            case NotFound():
                refused = Refused("unknown_path", path=request.path[:100])
            case HTTPException():
                refused = Refused("malformed", reason=error.description)
            case _:
                logger.error("a request made the emulator fail", exc_info=error)
                refused = Refused("emulator_failed")
        return self.refuse(refused, _entry(request))

    def stopping(self) -> Response:
        """Return the answer to a call that is held when the server stops."""
        return self._answers.refusal(Refused("stopping"))[0]

    def _leave(self, job: Job, entry: Entry) -> None:
        entry.cost = job.price  # the generation goes on (M6)
        self._journal.add(entry)

    def _finish(self, job: Job, root: str, entry: Entry) -> Response:
        emulation = self._emulation
        remaining = emulation.accounts.balance(job.account, max(job.due, emulation.clock.now()))
        try:
            response = self._answers.generation(job, root, remaining, emulation.stamp(job.admission.resets))
        except OSError as error:  # someone removed the output from the temporary folder
            emulation.accounts.refund(job.account, job.price)
            return self.refuse(Refused("no_output", reason=error.strerror or error), entry)
        entry.status, entry.cost = 200, job.price
        self._journal.add(entry)
        return response


def create_app(settings: Settings | None = None) -> Flask:
    """Return the emulator as a Flask application; None: the default settings.

    It runs under any WSGI server, which then keeps a thread for every call that waits; `Emulator` does without.
    Raises `mockling.contract.ContractError` for a profile, answer, plan or change the contract does not have.
    """
    app = Flask(__name__, static_folder=None)
    emulation = Emulation(settings or Settings())
    endpoint = Endpoint(emulation)
    app.extensions["mockling"] = emulation
    app.extensions["mockling.stopping"] = endpoint.stopping
    app.config["MAX_CONTENT_LENGTH"] = emulation.contract.document["x-limits"]["body_bytes"]
    for rule, view, method in (
        ("/v1/<slug>", endpoint.generate, "POST"),
        ("/v1/<slug>", endpoint.preflight, "OPTIONS"),
        ("/generations/<file>", endpoint.download, "GET"),
    ):
        app.add_url_rule(
            rule, f"{method} {rule}", view, methods=[method], provide_automatic_options=False, strict_slashes=False
        )
    app.url_map.merge_slashes = False  # it would redirect, and the platform never does (G15)
    app.register_error_handler(Exception, endpoint.fail)
    # Outputs' URLs must lead back to the address the caller used, also through a proxy.
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_port=1, x_prefix=1)  # type: ignore[method-assign]
    return app


def _entry(request: Request) -> Entry:
    return Entry(request.method, request.path, masked(request.headers.get("x-api-key", "")))


def _root(request: Request) -> str:
    """Return the address under which the caller reached this server, as `url_root` does in ten times the time."""
    return f"{request.scheme}://{request.environ.get('HTTP_HOST') or request.host}{request.root_path}/"
