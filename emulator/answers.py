"""Answers: the HTTP responses, each as the contract has it."""

from __future__ import annotations

import json
from decimal import Decimal

from flask import Response

from mockling.contract import Contract, Document
from mockling.emulator.emulation import Job
from mockling.emulator.refused import Refused

Headers = dict[str, str]


class Answers:
    """Makes responses; what is the same in all of them is prepared once."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._sends_video = contract.answer_type == "video/mp4"
        self._queue_share: float = contract.document["x-latency"]["queue_share"]
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

    def generation(self, job: Job, root: str, remaining: Decimal, reset: str) -> Response:
        """Return the answer to a finished generation (D1, G13).

        `root` is the address under which the caller reached this server, `remaining` the credits left after it.
        """
        headers = {
            **self.cors,
            "x-request-id": job.request_id,
            "x-generation-time": f"{job.latency:.2f}",
            "x-remaining-credits": str(remaining),
            "x-cost": str(job.price),
            "x-rate-limit-remaining": str(job.admission.remaining),
            "x-rate-limit-reset-at-utc": reset,
            "x-output-metadata": job.output.metadata,
        }
        if self._sends_video:
            return Response(job.output.file().read_bytes(), 200, headers, content_type="video/mp4")
        body = json.dumps(self._body(job, f"{root}generations/{job.request_id}.mp4", remaining))
        return Response(body, 200, headers, content_type="application/json")

    def _body(self, job: Job, url: str, remaining: Decimal) -> Document:
        queued = round(job.latency * self._queue_share, 2)
        total = round(job.latency, 2)
        return {
            "status": "COMPLETED",
            "request_id": job.request_id,
            "output": url,
            "video": {
                "url": url,
                "content_type": "video/mp4",
                "file_name": f"{job.request_id}.mp4",
                "file_size": job.output.bytes,
            },
            "metrics": {
                "inference_time": round(total - queued, 2),
                "queue_time": queued,
                "total_time": total,
                "cost": float(job.price),
                "remaining_credits": float(remaining),
            },
        }


def _constants(headers: Document) -> Headers:
    """Return those headers of a documented response whose value is always the same."""
    return {name: header["schema"]["const"] for name, header in headers.items() if "const" in header.get("schema", {})}
