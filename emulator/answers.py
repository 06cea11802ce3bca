"""Answers: the HTTP responses, each as the contract has it."""

from __future__ import annotations

import json

from flask import Response

from mockling.contract import Contract, Document
from mockling.emulator.accounts import Admission
from mockling.emulator.jobs import COMPLETED, FAILED, QUEUED, Job
from mockling.emulator.refused import Refused

Headers = dict[str, str]


class Answers:
    """Makes responses; what is the same in all of them is prepared once."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._sends_video = contract.answer_type == "video/mp4"
        generated: Document = contract.document["components"]["responses"]["Generated"]["headers"]
        self.cors = _constants(generated)
        self._preflight = _constants(
            contract.document["paths"][contract.path]["options"]["responses"]["204"]["headers"]
        )

    def refusal(self, refused: Refused) -> tuple[Response, str]:
        """Return the answer to a refused request, and its text."""
        refusal = self._contract.refusal(refused.case, **refused.values)
        headers = {**self.cors, **refused.headers}
        response = Response(refusal.body, refusal.status, headers, content_type=refusal.content_type)
        return response, refusal.text

    def preflight(self) -> Response:
        """Return the answer to a browser that asks whether it may call (G16)."""
        response = Response(status=204, headers=self._preflight)
        del response.headers["content-type"]
        return response

    def generation(self, job: Job, admission: Admission, root: str, reset: str) -> Response:
        """Return the answer of v1 to a finished generation (D1, G13).

        `root` is the address under which the caller reached this server, `admission` the state of its rate limit.
        """
        assert job.output and job.charge
        headers = {
            **self.cors,
            "x-request-id": job.request_id,
            "x-generation-time": f"{job.latency:.2f}",
            "x-remaining-credits": str(job.charge.left),
            "x-cost": str(job.price),
            "x-rate-limit-remaining": str(admission.remaining),
            "x-rate-limit-reset-at-utc": reset,
            "x-output-metadata": job.output.metadata,
        }
        if self._sends_video:
            return Response(job.output.file().read_bytes(), 200, headers, content_type="video/mp4")
        return Response(json.dumps(self._result(job, root)), 200, headers, content_type="application/json")

    def submitted(self, job: Job, root: str) -> Response:
        """Return the answer of v2 to a submission (A1)."""
        body = {"request_id": job.request_id, "status": QUEUED, "poll_url": f"{root}v1/requests/{job.request_id}"}
        return self.json({**body, **_urls(job, root)})

    def status(self, job: Job, state: str, root: str) -> Response:
        """Return how a job goes (A3, A5)."""
        if state == FAILED:
            return self._failure(job)
        metrics = self._metrics(job) if state == COMPLETED else {}
        body = {"status": state, "request_id": job.request_id, **_urls(job, root), "metrics": metrics}
        return self.json(body)

    def result(self, job: Job, state: str, root: str) -> Response:
        """Return what came of a job (A4), or its status while it runs (A7)."""
        return self.json(self._result(job, root)) if state == COMPLETED else self.status(job, state, root)

    def json(self, body: Document, status: int = 200) -> Response:
        """Return an answer in JSON."""
        return Response(json.dumps(body), status, self.cors, content_type="application/json")

    def _result(self, job: Job, root: str) -> Document:
        assert job.output
        name = f"{job.request_id}.mp4"
        url = f"{root}generations/{name}"
        video = {"url": url, "content_type": "video/mp4", "file_name": name, "file_size": job.output.bytes}
        return {
            "status": COMPLETED,
            "request_id": job.request_id,
            "output": url,
            "video": video,
            "metrics": self._metrics(job),
        }

    def _failure(self, job: Job) -> Response:
        body = {"status": FAILED, "request_id": job.request_id, "error": job.error, "metrics": _timings(job)}
        return self.json(body, 422)

    def _metrics(self, job: Job) -> Document:
        assert job.charge and job.charge.left is not None
        return {**_timings(job), "cost": float(job.price), "remaining_credits": float(job.charge.left)}


def _timings(job: Job) -> Document:
    queued, total = round(job.queue_time, 2), round(job.latency, 2)
    return {"inference_time": round(total - queued, 2), "queue_time": queued, "total_time": total}


def _urls(job: Job, root: str) -> Document:
    request = f"{root}v2/requests/{job.request_id}"
    return {"status_url": f"{request}/status", "response_url": request}


def _constants(headers: Document) -> Headers:
    """Return those headers of a documented response whose value is always the same."""
    return {name: header["schema"]["const"] for name, header in headers.items() if "const" in header.get("schema", {})}
