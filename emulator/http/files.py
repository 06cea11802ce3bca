"""Files: uploads, and the download of what was uploaded or generated."""

from __future__ import annotations

from mimetypes import guess_type
from os import fstat
from typing import BinaryIO

from flask import Response, request, send_file

from mockling.contract import Output
from mockling.contract.validation import SchemaValidator
from mockling.emulator.http.reading import content_of, key_of, media_type_of, read_body, root_of
from mockling.emulator.http.recording import draft_of
from mockling.emulator.http.responses import Responses
from mockling.emulator.platform.platform import Platform
from mockling.emulator.platform.refused import Refused


class Files:
    """The HTTP of files; Range, ETag and HEAD work on all of them."""

    def __init__(self, platform: Platform, responses: Responses) -> None:
        self._platform = platform
        self._responses = responses
        document = platform.contract.document
        self._limits: dict[str, int] = document["x-limits"]
        self._schema = document["components"]["schemas"]["Upload"]
        self._validator = SchemaValidator(self._schema, document["x-messages"])
        self._accepted = platform.contract.operations["upload"]["requestBody"]["content"]

    def upload(self) -> Response:
        """POST /upload-asset (G20)."""
        self._platform.authenticate(*key_of(request.environ))
        if media_type_of(request.environ) not in self._accepted:
            raise Refused("content_type")
        body = draft_of(request.environ).sent(content_of(request))
        sent = read_body(request, body, self._schema, self._limits)
        violations = self._validator.violations(sent)
        if violations:
            raise Refused("bad_upload", message=violations[0].message)
        return self._responses.uploaded(self._platform.upload(sent["data_urls"]), root_of(request))

    def asset(self, file: str) -> Response:
        """GET /assets/<file>: an uploaded file (M18)."""
        path = self._platform.store.uploaded(file)
        if path is None:
            raise Refused("unknown_file", file=file[:100])
        try:
            opened = path.open("rb")
        except OSError as error:
            raise Refused("unknown_file", file=file[:100]) from error
        return self._sent(opened, fstat(opened.fileno()).st_size, file, file.partition(".")[0])

    def download(self, file: str) -> Response:
        """GET /generations/<file>: a generated video (G21)."""
        job = self._platform.download(file)
        draft_of(request.environ).request_id = job.request_id
        assert isinstance(job.outcome, Output)
        size = self._platform.outputs.size(job.outcome)
        return self._sent(self._platform.outputs.file(job.outcome, job.request_id), size, file, job.request_id)

    def _sent(self, opened: BinaryIO, size: int, name: str, etag: str) -> Response:
        """Return the response that sends an open file, or as much of it as the request's headers ask for."""
        kind = guess_type(name)[0] or ""
        # Whoever may upload could bring a page or a picture with scripts, which would run in the name of this server.
        shown = kind.startswith(("video/", "image/")) and not kind.endswith("+xml")
        try:
            _settle_conditions(etag, size)
            response = send_file(
                opened,
                mimetype=kind if shown else "application/octet-stream",
                as_attachment=not shown,
                download_name=name,
                etag=etag,
                conditional=False,
            )
            response.content_length = size
            response.make_conditional(request.environ, accept_ranges=True, complete_length=size)
        except Exception:
            opened.close()
            raise
        response.headers.pop("date", None)  # whoever sends it adds one
        response.headers.extend(self._responses.shown if shown else self._responses.attached)
        return response


def _settle_conditions(etag: str, size: int) -> None:
    """Leave of a request's conditions what werkzeug settles as HTTP says (RFC 9110); a file has an ETag and no date.

    Raises `Refused` if the file must be another one.
    """
    environ = request.environ
    if "HTTP_IF_MATCH" in environ and not (request.if_match.star_tag or request.if_match.contains(etag)):
        raise Refused("precondition")
    for name in ("HTTP_IF_MATCH", "HTTP_IF_MODIFIED_SINCE"):  # the latter may be a date that Python cannot read
        environ.pop(name, None)
    known = request.if_none_match.star_tag or request.if_none_match.contains_weak(etag)
    wanted = request.range
    dated = not environ.get("HTTP_IF_RANGE", '"').startswith('"')
    odd = wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1
    if known or odd or dated or request.method != "GET":
        for name in ("HTTP_RANGE", "HTTP_IF_RANGE"):
            environ.pop(name, None)
    elif wanted and (wanted.ranges[0][0] or 0) < -size:  # more than there is of its end: all of it
        environ["HTTP_RANGE"] = "bytes=0-"
