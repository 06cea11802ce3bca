"""Files: uploads, and the download of what was uploaded or generated."""

from __future__ import annotations

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
        self._deepest: int = document["x-limits"]["json_depth"]
        self._schema = document["components"]["schemas"]["Upload"]
        self._validator = SchemaValidator(self._schema, document["x-messages"])
        self._accepted = platform.contract.operations["upload"]["requestBody"]["content"]

    def upload(self) -> Response:
        """POST /upload-asset (G20)."""
        self._platform.authenticate(*key_of(request.environ))
        if media_type_of(request.environ) not in self._accepted:
            raise Refused("content_type")
        body = draft_of(request.environ).sent(content_of(request))
        sent = read_body(request, body, self._schema, self._deepest)
        violations = self._validator.violations(sent)
        if violations:
            raise Refused("bad_upload", message=violations[0].message)
        return self._responses.uploaded(self._platform.upload(sent["data_urls"]), root_of(request))

    def asset(self, file: str) -> Response:
        """GET /assets/<file>: an uploaded file."""
        path = self._platform.store.uploaded(file)
        if path is None:
            raise Refused("unknown_file", file=file[:100])
        _drop_odd_range()
        return self._open_to_all(send_file(path, conditional=True, download_name=file))

    def download(self, file: str) -> Response:
        """GET /generations/<file>: a generated video (G21)."""
        job = self._platform.download(file)
        draft_of(request.environ).request_id = job.request_id
        assert isinstance(job.outcome, Output)
        size = self._platform.outputs.size(job.outcome)
        _drop_odd_range()
        opened = self._platform.outputs.file(job.outcome, job.request_id)
        response = send_file(opened, mimetype="video/mp4", download_name=file, etag=job.request_id)
        response.content_length = size
        try:
            response.make_conditional(request.environ, accept_ranges=True, complete_length=size)
        except Exception:
            opened.close()
            raise
        return self._open_to_all(response)

    def _open_to_all(self, response: Response) -> Response:
        """Return a response that pages of any origin may read, without the date that whoever sends it adds."""
        response.headers.pop("date", None)
        response.headers.extend(self._responses.cors)
        return response


def _drop_odd_range() -> None:
    """Ignore a Range that is no single range of bytes, as may be done (RFC 9110)."""
    wanted = request.range
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        request.environ.pop("HTTP_RANGE", None)
