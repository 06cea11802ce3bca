"""The application: the routes, and a request's way read from top to bottom."""

from __future__ import annotations

from itertools import islice

from flask import Flask, Response, request, send_file
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestedRangeNotSatisfiable,
    RequestEntityTooLarge,
)
from werkzeug.middleware.proxy_fix import ProxyFix

from mockling.emulator import body
from mockling.emulator.accounts import Admission
from mockling.emulator.answers import Answers
from mockling.emulator.emulation import MOST_TOLD, Emulation, no_output
from mockling.emulator.held import HeldResponse
from mockling.emulator.incoming import entry_of, root_of
from mockling.emulator.jobs import Job
from mockling.emulator.journal import Entry, logger
from mockling.emulator.refused import Refused
from mockling.emulator.settings import Settings
from mockling.emulator.twin import Twin


class Endpoint:
    """The synchronous endpoint's HTTP: it walks a request through the stages and answers it."""

    def __init__(self, emulation: Emulation, answers: Answers) -> None:
        self._emulation = emulation
        self._answers = answers
        self._journal = emulation.journal

    def generate(self, slug: str) -> Response:
        """POST /v1/<model>: the stages in the order of the contract's `check_order` (M5); the first failure answers."""
        emulation, entry = self._emulation, entry_of(request)
        account = emulation.authenticate(request.headers)
        emulation.find_model(slug)
        emulation.permit(account, slug)
        admission = emulation.admit(account)
        sent = body.read(request, emulation.contract.request_schema, emulation.deepest)
        parameters = emulation.check(sent)
        source = emulation.inspect(parameters["video_url"])
        job = emulation.submit(account, parameters, source)
        entry.request_id, entry.seconds = job.request_id, job.latency
        entry.warnings = [*source.findings, *islice(emulation.contract.findings(sent), MOST_TOLD)]
        root = root_of(request)
        if not emulation.clock.until(job.due):
            return self._finish(job, admission, root, entry)
        return HeldResponse(
            emulation.clock,
            job.due,
            finish=lambda: self._finish(job, admission, root, entry),
            stop=lambda: self._undo(job, Refused("stopping"), entry),
            leave=lambda: self._leave(job, entry),
        )

    def download(self, file: str) -> Response:
        """GET /generations/<file> and /assets/<file>; Range, ETag and HEAD work."""
        entry = entry_of(request)
        wanted = request.range
        if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
            request.environ.pop("HTTP_RANGE", None)  # what is no single range of bytes may be ignored (RFC 9110)
        path = self._emulation.stored(file, uploaded=request.path.startswith("/assets/"))
        response = send_file(path, conditional=True, download_name=file)
        response.headers.update(self._answers.cors)
        entry.status = response.status_code
        self._journal.add(entry)
        return response

    def preflight(self, **_: str) -> Response:
        """OPTIONS of any endpoint: every one is asked in the same way."""
        return self._answers.preflight()

    def refuse(self, refused: Refused, entry: Entry) -> Response:
        """Return the answer to a refused request, and journal it."""
        response, text = self._answers.refusal(refused)
        entry.status, entry.error, entry.violations = response.status_code, text, refused.violations
        self._journal.add(entry)
        return response

    def fail(self, error: Exception) -> Response:
        """Return the answer to a request that a stage refused, that met no route, or a defect of the emulator."""
        match error:
            case Refused():
                refused = error
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
                refused = _defect(error)
        return self.refuse(refused, entry_of(request))

    def _finish(self, job: Job, admission: Admission, root: str, entry: Entry) -> Response:
        emulation = self._emulation
        try:
            assert job.charge
            emulation.accounts.complete(job.charge, max(job.due, emulation.clock.now()))
            response = self._answers.generation(job, admission, root, emulation.stamp(admission.resets))
        except Exception as error:
            return self._undo(job, no_output(error) if isinstance(error, OSError) else _defect(error), entry)
        entry.status, entry.cost = 200, job.price
        self._journal.add(entry)
        return response

    def _leave(self, job: Job, entry: Entry) -> None:
        entry.cost = job.price  # the generation goes on (M6)
        self._journal.add(entry)

    def _undo(self, job: Job, refused: Refused, entry: Entry) -> Response:
        if job.charge:
            self._emulation.accounts.release(job.charge)
        return self.refuse(refused, entry)


def create_app(settings: Settings | None = None) -> Flask:
    """Return the emulator as a Flask application; None: the default settings.

    It runs under any WSGI server, which then keeps a thread for every call that waits; `Emulator` does without.
    Raises `mockling.contract.ContractError` for a profile, answer, plan or change the contract does not have.
    """
    app = Flask(__name__, static_folder=None)
    emulation = Emulation(settings or Settings())
    answers = Answers(emulation.contract)
    endpoint, twin = Endpoint(emulation, answers), Twin(emulation, answers)
    app.extensions["mockling"] = emulation
    limit = emulation.contract.document["x-limits"]["body_bytes"]
    app.config.update(MAX_CONTENT_LENGTH=limit, MAX_FORM_MEMORY_SIZE=limit, MAX_FORM_PARTS=limit)
    for rule, view, method in (
        ("/v1/<slug>", endpoint.generate, "POST"),
        ("/v1/get-user-credits", twin.credits, "GET"),
        ("/v1/requests/<request_id>", twin.poll, "GET"),
        ("/v2/<slug>", twin.submit, "POST"),
        ("/v2/requests/<request_id>", twin.result, "GET"),
        ("/v2/requests/<request_id>/status", twin.status, "GET"),
        ("/upload-asset", twin.upload, "POST"),
        ("/assets/<file>", endpoint.download, "GET"),
        ("/generations/<file>", endpoint.download, "GET"),
    ):
        app.add_url_rule(rule, f"{method} {rule}", view, methods=[method], provide_automatic_options=False)
        app.add_url_rule(
            rule, f"OPTIONS {rule}", endpoint.preflight, methods=["OPTIONS"], provide_automatic_options=False
        )
    app.url_map.merge_slashes = False  # it would redirect, and the platform never does (G15)
    app.register_error_handler(Exception, endpoint.fail)
    # Outputs' URLs must lead back to the address the caller used, also through a proxy. To wrap wsgi_app is
    # Flask's own way, though to a type checker it replaces a method.
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_port=1, x_prefix=1)  # type: ignore[method-assign]
    return app


def _defect(error: Exception) -> Refused:
    logger.error("a request made the emulator fail", exc_info=error)
    return Refused("emulator_failed")
