"""Answering: what a fault has a call answered with instead of its own response."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from flask import Response

from mockling.contract.exchange import money
from mockling.contract.states import FAILED
from mockling.emulator.http.recording import Draft
from mockling.emulator.http.responses import JSON, Plain, Responses
from mockling.emulator.platform.faults import GENERATIONS, POLLS, Fault
from mockling.emulator.platform.ledger import WINDOW
from mockling.emulator.platform.platform import Platform

BODILESS = (204, 304)  # statuses whose answers have no body


class Answering:
    """Makes the answers of planned faults: documented ones, where nothing else is planned."""

    def __init__(self, platform: Platform, responses: Responses) -> None:
        self._platform = platform
        self._responses = responses
        self._usual: Mapping[str, Mapping[str, str]] = platform.contract.document["x-usual-errors"]

    def answer(self, fault: Fault, draft: Draft) -> Response:
        """Return the answer that a fault has a call get instead of its own, and note its text."""
        status = fault.status or int(HTTPStatus.GATEWAY_TIMEOUT)
        text, body, kind, headers = self._documented(status, draft)
        if fault.error is not None:
            text = fault.error
            body, kind = self._error(status, draft, text), JSON
        if fault.body is not None:
            text, body, kind = _told(fault.body)
        draft.error = text
        content = b"" if status in BODILESS else body.encode()
        response = Plain(status, content, kind, [*self._responses.cors, *headers.items()])
        if status in BODILESS:
            del response.headers["content-type"], response.headers["content-length"]
        return response

    def _documented(self, status: int, draft: Draft) -> tuple[str, str, str, Mapping[str, str]]:
        """Return the text, body, content type and headers that are documented for a status, as far as any are."""
        cases = self._usual.get(str(status), {})
        case = cases.get(str(draft.operation)) or cases.get("otherwise")
        headers = self._limit_headers(draft) if status == HTTPStatus.TOO_MANY_REQUESTS else {}
        if case is None:
            text = _phrase(status)
            return text, self._error(status, draft, text), JSON, headers
        refusal = self._platform.contract.refusal(case, **self._values(draft))
        body, kind = refusal.body, refusal.content_type
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers = {
                "allow": "OPTIONS, POST" if draft.operation in (*GENERATIONS, "upload") else "GET, HEAD, OPTIONS"
            }
        return refusal.text, body, kind, headers

    def _error(self, status: int, draft: Draft, text: str) -> str:
        if draft.operation in POLLS and status == HTTPStatus.UNPROCESSABLE_ENTITY:
            return json.dumps({"status": FAILED, "request_id": draft.request_id, "error": text, "metrics": {}})
        return json.dumps({"error": text})

    def _limit_headers(self, draft: Draft) -> dict[str, str]:
        draft.resets = self._platform.clock.now() + WINDOW
        return {"x-rate-limit-remaining": "0", "x-rate-limit-reset-at-utc": self._reset(draft)}

    def _reset(self, draft: Draft) -> str:
        moment = self._platform.clock.now() + WINDOW
        return self._platform.stamp(moment, simulated=draft.patience is not None)

    def _values(self, draft: Draft) -> dict[str, object]:
        """Return what the sentences of errors name."""
        contract = self._platform.contract
        model = contract.models.get(draft.model or "", contract.model)
        return {
            "model": draft.model or model.slug,
            "id": draft.request_id or "",
            "file": draft.path.rpartition("/")[2][:100],
            "path": draft.path[:100],
            "balance": money(Decimal(0)),
            "credits": 0.0,
            "price": money(model.price(model.example)),
            "limit": min(contract.document["x-plans"]["requests_per_minute"].values()),
            "reset": self._reset(draft),
            "reason": "this failure was planned",
        }


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _told(body: Any) -> tuple[str, str, str]:
    """Return the text that tells of a body, the body, and its content type."""
    if not isinstance(body, str):
        text = json.dumps(body)
        return str(body.get("error", text)) if isinstance(body, dict) else text, text, JSON
    if body.lstrip().startswith("<"):
        return body, body, "text/html; charset=utf-8"
    return body, body, JSON if body.lstrip().startswith(("{", "[")) else "text/plain; charset=utf-8"
