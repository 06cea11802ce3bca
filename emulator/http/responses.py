"""Responses: each as the contract has it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from flask import Response
from werkzeug.datastructures import Headers

from mockling.contract import Contract, Document, Output
from mockling.contract.exchange import money
from mockling.contract.states import COMPLETED, FAILED, QUEUED
from mockling.emulator.platform.jobs import Failure, Job
from mockling.emulator.platform.ledger import Admission
from mockling.emulator.platform.outputs import Outputs, metadata
from mockling.emulator.platform.refused import Refused
from mockling.emulator.platform.store import Kept

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

JSON = "application/json"


class Known(Headers):
    """Headers that we made, well formed: taken as they are, for to check each takes longer than all the rest."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._list = list(pairs)


class Plain(Response):
    """A response with its body and all of its headers at hand."""

    def __init__(self, status: int, body: bytes, content_type: str, headers: Iterable[tuple[str, str]]) -> None:
        own = (("content-type", content_type), ("content-length", str(len(body))))
        super().__init__([body], status, Known([*headers, *own]))

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:  # noqa: ARG002 - werkzeug's signature
        """Return the headers, in which nothing is left to be corrected."""
        return self.headers


class Responses:
    """Makes responses; what is the same in all of them is prepared once."""

    def __init__(self, contract: Contract, outputs: Outputs) -> None:
        self._contract = contract
        self._outputs = outputs
        self._sends_video = contract.success_type == "video/mp4"
        self._largest_plan = max(contract.document["x-plans"]["requests_per_minute"].values())
        # Every response has these: a browser would hide it otherwise (G16).
        self.cors = _constants(contract.document["components"]["responses"]["Generated"]["headers"])
        # Every file has these, of a kind that browsers show or only save (M18).
        self.shown = [*self.cors, *_constants(contract.operations["download"]["responses"]["200"]["headers"])]
        self.attached = [*self.cors, *_constants(contract.operations["asset"]["responses"]["200"]["headers"])]
        self._preflight = _constants(contract.operations["preflight"]["responses"]["204"]["headers"])
        paths = {name: contract.path(name, model="{model}", id="{id}", file="{file}") for name in contract.operations}
        self._paths = {name: path.lstrip("/") for name, path in paths.items()}

    def refused(self, refused: Refused) -> tuple[Response, str]:
        """Return the response to a refused request, and its text."""
        refusal = self._contract.refusal(refused.case, **refused.values)
        headers = [*self.cors, *refused.headers.items()]
        return Plain(refusal.status, refusal.body.encode(), refusal.content_type, headers), refusal.text

    def failure(self, failure: Failure) -> Response:
        """Return the response of v1 to a generation that failed."""
        return self.json({"error": failure.text}, failure.status)

    def preflight(self) -> Response:
        """Return the response to a browser that asks whether it may call (G16)."""
        response = Response(status=204, headers=self._preflight)
        del response.headers["content-type"]
        return response

    def generation(self, kept: Kept, output: Output, admission: Admission, root: str, reset: str) -> Response:
        """Return the response of v1 to a generation that succeeded (D1, G13).

        `root` is the address under which the caller reached this server, `admission` the state of its rate limit.
        """
        job, left = kept.job, kept.left or Decimal(0)
        headers = [
            *self.cors,
            ("x-request-id", job.request_id),
            ("x-generation-time", f"{job.latency:.2f}"),
            ("x-remaining-credits", money(left)),
            ("x-cost", money(job.price)),
            (
                "x-rate-limit-remaining",
                str(self._largest_plan if admission.remaining is None else admission.remaining),
            ),
            ("x-rate-limit-reset-at-utc", reset),
            ("x-output-metadata", metadata(output)),
        ]
        if self._sends_video:
            with self._outputs.file(output, job.request_id) as file:
                return Plain(200, file.read(), "video/mp4", headers)
        return Plain(200, json.dumps(self._result(kept, output, root)).encode(), JSON, headers)

    def submitted(self, job: Job, root: str) -> Response:
        """Return the response of v2 to a submission (A1)."""
        body = {"request_id": job.request_id, "status": QUEUED, "poll_url": self._url("poll", root, id=job.request_id)}
        return self.json({**body, **self._urls(job, root)})

    def status(self, kept: Kept, state: str, root: str) -> Response:
        """Return how a job goes (A3, A5)."""
        job = kept.job
        if state == FAILED:
            return self._failed(job)
        metrics = _metrics(kept) if state == COMPLETED else {}
        body = {"status": state, "request_id": job.request_id, **self._urls(job, root), "metrics": metrics}
        return self.json(body)

    def result(self, kept: Kept, state: str, root: str) -> Response:
        """Return what came of a job (A4), or its status while it runs (A7)."""
        if state != COMPLETED:
            return self.status(kept, state, root)
        assert isinstance(kept.job.outcome, Output)
        return self.json(self._result(kept, kept.job.outcome, root))

    def uploaded(self, names: list[str], root: str) -> Response:
        """Return where uploaded files are (G20)."""
        urls = [self._url("asset", root, file=name) for name in names]
        return self.json({"file_urls": urls, "message": "Files uploaded successfully"})

    def json(self, body: Document, status: int = 200) -> Response:
        """Return a response in JSON."""
        return Plain(status, json.dumps(body).encode(), JSON, self.cors)

    def _result(self, kept: Kept, output: Output, root: str) -> Document:
        if kept.job.lost == "missing":
            return {"status": COMPLETED, "request_id": kept.job.request_id, "metrics": _metrics(kept)}
        name = kept.job.file_name
        url = self._url("download", root, file=name)
        size = self._outputs.size(output)
        return {
            "status": COMPLETED,
            "request_id": kept.job.request_id,
            "output": url,
            "video": {"url": url, "content_type": "video/mp4", "file_name": name, "file_size": size},
            "metrics": _metrics(kept),
        }

    def _failed(self, job: Job) -> Response:
        assert isinstance(job.outcome, Failure)
        body = {"status": FAILED, "request_id": job.request_id, "error": job.outcome.text, "metrics": _timings(job)}
        return self.json(body, 422)

    def _urls(self, job: Job, root: str) -> Document:
        return {
            "status_url": self._url("status", root, id=job.request_id),
            "response_url": self._url("result", root, id=job.request_id),
        }

    def _url(self, operation: str, root: str, **values: str) -> str:
        return root + self._paths[operation].format(**values)


def _metrics(kept: Kept) -> Document:
    assert kept.left is not None
    return {**_timings(kept.job), "cost": float(kept.job.price), "remaining_credits": float(kept.left)}


def _timings(job: Job) -> Document:
    queued, total = round(job.queue_time, 2), round(job.latency, 2)
    return {"inference_time": round(total - queued, 2), "queue_time": queued, "total_time": total}


def _constants(headers: Document) -> list[tuple[str, str]]:
    """Return those headers of a documented response whose value is always the same."""
    schemas = {name: header.get("schema", {}) for name, header in headers.items()}
    return [(name, schema["const"]) for name, schema in schemas.items() if "const" in schema]
