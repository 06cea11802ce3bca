"""The asynchronous twin: submit, ask how it goes, fetch; and the account around it."""

from __future__ import annotations

from itertools import islice
from typing import Any

from flask import Response, request

from mockling.contract import Violation
from mockling.contract.validation import SchemaValidator
from mockling.emulator import body
from mockling.emulator.answers import Answers
from mockling.emulator.emulation import MOST_TOLD, Emulation
from mockling.emulator.incoming import entry_of, root_of
from mockling.emulator.inputs import Input
from mockling.emulator.jobs import Job
from mockling.emulator.refused import Refused


class Twin:
    """The HTTP of everything that answers at once."""

    def __init__(self, emulation: Emulation, answers: Answers) -> None:
        self._emulation = emulation
        self._answers = answers
        document = emulation.contract.document
        self._queues_invalid = document["x-behaviour"]["invalid_body_on_v2"] == "queued"
        self._upload = SchemaValidator(document["components"]["schemas"]["Upload"], document["x-messages"])

    def submit(self, slug: str) -> Response:
        """POST /v2/<model>: the stages of v1, but that what has an invalid parameter is queued, and fails (A6)."""
        emulation, entry = self._emulation, entry_of(request)
        account = emulation.authenticate(request.headers)
        emulation.find_model(slug)
        emulation.permit(account, slug)
        emulation.admit(account)
        sent = body.read(request, emulation.contract.request_schema, emulation.deepest)
        parameters, source, failure = self._judge(sent)
        if failure and not self._queues_invalid and failure.case != "unreadable_input":
            raise failure  # what fails during generation (G18) is queued all the same
        job = emulation.submit(account, parameters, source, failure, held=False)
        entry.status, entry.request_id, entry.seconds, entry.error = 200, job.request_id, job.latency, job.error
        if parameters and source:
            entry.warnings = [*source.findings, *islice(emulation.contract.findings(sent), MOST_TOLD)]
        emulation.journal.add(entry)
        return self._answers.submitted(job, root_of(request))

    def status(self, request_id: str) -> Response:
        """GET /v2/requests/<id>/status."""
        return self._answers.status(*self._poll(request_id, "unknown_request"), root_of(request))

    def result(self, request_id: str, missing: str = "unknown_request") -> Response:
        """GET /v2/requests/<id>."""
        return self._answers.result(*self._poll(request_id, missing), root_of(request))

    def poll(self, request_id: str) -> Response:
        """GET /v1/requests/<id>: the same under its older address."""
        return self.result(request_id, "unknown_output")

    def credits(self) -> Response:
        """GET /v1/get-user-credits (G19)."""
        account = self._emulation.authenticate(request.headers)
        balance = self._emulation.accounts.balance(account, self._emulation.clock.now())
        return self._answers.json({"credits": float(balance), "free-credits": 0.0})

    def upload(self) -> Response:
        """POST /upload-asset (G20)."""
        emulation, entry = self._emulation, entry_of(request)
        emulation.authenticate(request.headers)
        sent = body.read(request, self._emulation.contract.request_schema, emulation.deepest)
        violations: list[Violation] = self._upload.violations(sent)
        if violations:
            raise Refused("bad_upload", message=violations[0].message)
        urls = [f"{root_of(request)}assets/{emulation.uploads.add(url)}" for url in sent["data_urls"]]
        entry.status = 200
        emulation.journal.add(entry)
        return self._answers.json({"file_urls": urls, "message": "Files uploaded successfully"})

    def _poll(self, request_id: str, missing: str) -> tuple[Job, str]:
        account = self._emulation.authenticate(request.headers)
        return self._emulation.poll(account, request_id, missing, step=request.method == "GET")

    def _judge(self, sent: dict[str, Any]) -> tuple[dict[str, Any] | None, Input | None, Refused | None]:
        """Return the parameters and what is known of the input, as far as they are in order, and what is not."""
        parameters = None
        try:
            parameters = self._emulation.check(sent)
            return parameters, self._emulation.inspect(parameters["video_url"]), None
        except Refused as refused:
            return parameters, None, refused
