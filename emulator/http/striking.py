"""Striking: what a fault makes of a request's answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from flask import Response
from werkzeug.wsgi import ClosingIterator

from mockling.emulator.http.delivery import DeliveredResponse, Delivery
from mockling.emulator.http.held import timed_out
from mockling.emulator.http.recording import Draft, Recorder
from mockling.emulator.http.responses import JSON, Plain, Responses
from mockling.emulator.platform.arming import Encounter, checked, meets
from mockling.emulator.platform.exchange import money
from mockling.emulator.platform.faults import GENERATIONS, POLLS, Fault
from mockling.emulator.platform.ledger import WINDOW
from mockling.emulator.platform.platform import Platform
from mockling.emulator.platform.refused import Refused
from mockling.emulator.platform.sense import FaultError

HEADER = "HTTP_X_MOCKLING_FAULT"
COUNTING = ("times", "skip", "every", "probability")  # words that need more than one call
BODILESS = (204, 304)  # statuses whose answers have no body
STALLS = "x-mockling-stalls"  # a response that is closed early, for its caller will take that as a stall


class Striking:
    """Asks which fault strikes a call, and carries it out."""

    def __init__(self, platform: Platform, responses: Responses, recorder: Recorder) -> None:
        self._platform = platform
        self._responses = responses
        self._recorder = recorder
        self._usual: Mapping[str, Mapping[str, str]] = platform.contract.document["x-usual-errors"]

    def ended(self, draft: Draft, response: Response) -> Response:
        """Record a call, and return its response as it is to be sent."""
        if draft.fault:
            return self.carry_out(draft.fault, draft, response)
        return self._recorder.recorded(draft, response)

    def brought(self, draft: Draft) -> Fault | None:
        """Return the fault in a call's header `x-mockling-fault`, if any. Raises `Refused` for one that is none."""
        text = draft.environ.get(HEADER)
        if text is None:
            return None
        try:
            fault = Fault.read(text)
            if counting := [word for word in COUNTING if word in fault.table()]:
                raise FaultError(f"{counting[0]} counts calls, and a header has one; plan it with Emulator.fault.")
            if draft.operation not in GENERATIONS and fault.on == "post":
                fault = Fault.of({**fault.table(), "on": "any"})
            return checked(fault, self._platform.contract)
        except FaultError as error:
            raise Refused("bad_fault", reason=error) from error

    def meet(self, draft: Draft) -> Fault | None:
        """Return the fault that strikes a call of an operation without stages, if any."""
        brought = self.brought(draft)
        if not (brought or self._platform.store.plans):
            return None
        key = draft.environ.get("HTTP_X_API_KEY", "").strip(" \t") or None
        meeting = Encounter(operation=str(draft.operation), now=self._platform.clock.now(), key=key)
        return brought if brought and meets(brought, meeting) else self._platform.store.strike(meeting)

    def delay(self, fault: Fault) -> float:
        """Return the simulated seconds by which a fault holds an answer back."""
        if fault.timeout and not self._platform.clock.instant:
            return float(self._platform.contract.document["x-errors"]["gateway_timeout"]["seconds"])
        return fault.latency_is if fault.latency_is is not None else fault.latency or 0.0

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

    def carry_out(self, fault: Fault, draft: Draft, response: Response) -> Response:
        """Record a call that a fault strikes, and return the response as it is to be delivered."""
        if fault.billed and not fault.silent:
            response.close()
            response = self.answer(fault, draft)
        for name, value in fault.headers.items():
            response.headers[name.lower()] = value
        if fault.truncate_json:
            _shorten(response, _size(response) // 2)
        size, ending = _size(response), _ending(fault)
        if fault.corrupt is not None and size:
            place = size // 2 if fault.corrupt is True else _place(fault.corrupt, size)
            _pass(response, lambda blocks: _corrupted(blocks, place))
        if fault.length is not None:
            response.headers["content-length"] = str(fault.length)
            _pass(response, lambda blocks: _trimmed(blocks, fault.length or 0))
        place_of_end = next((place for place in (fault.cut, fault.reset, fault.stall) if place is not None), None)
        if place_of_end is not None and not fault.silent:
            end = _place(place_of_end, size)
            _pass(response, lambda blocks: _trimmed(blocks, end))
        if ending == "stall" and draft.patience is not None:
            response.headers[STALLS] = "1"
            ending = "close"
        if fault.silent:
            response.close()
            self._recorder.left(draft)
            if ending == "close" and fault.stall:
                return timed_out(draft)
        else:
            response = self._recorder.recorded(draft, response)
        return DeliveredResponse(response, Delivery(fault.silent, fault.rate, ending), self._platform.clock)

    def _documented(self, status: int, draft: Draft) -> tuple[str, str, str, Mapping[str, str]]:
        """Return the text, body, content type and headers that are documented for a status, as far as any are."""
        cases = self._usual.get(str(status), {})
        case = cases.get(str(draft.operation)) or cases.get("otherwise")
        headers = self._limit_headers() if status == HTTPStatus.TOO_MANY_REQUESTS else {}
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
            return json.dumps({"status": "FAILED", "request_id": draft.request_id, "error": text, "metrics": {}})
        return json.dumps({"error": text})

    def _limit_headers(self) -> dict[str, str]:
        return {"x-rate-limit-remaining": "0", "x-rate-limit-reset-at-utc": self._reset()}

    def _reset(self) -> str:
        return self._platform.stamp(self._platform.clock.now() + WINDOW)

    def _values(self, draft: Draft) -> dict[str, object]:
        """Return what the sentences of errors name."""
        contract = self._platform.contract
        model = contract.models.get(draft.model or "", contract.model)
        return {
            "model": draft.model or model.slug,
            "id": draft.request_id or draft.path.removesuffix("/status").rpartition("/")[2][:100],
            "file": draft.path.rpartition("/")[2][:100],
            "path": draft.path[:100],
            "balance": money(Decimal(0)),
            "credits": 0.0,
            "price": money(model.price(model.example)),
            "limit": min(contract.document["x-plans"]["requests_per_minute"].values()),
            "reset": self._reset(),
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


def _ending(fault: Fault) -> Any:
    if fault.drop or fault.cut is not None or fault.length is not None:
        return "close"
    return "reset" if fault.reset is not None else "stall" if fault.stall is not None else None


def _size(response: Response) -> int:
    return int(response.content_length or 0) if response.direct_passthrough else len(response.get_data())


def _place(place: float, size: int) -> int:
    """Return the place of a body that is a share of it, or a number of bytes, but never its end."""
    return max(0, min(int(place * size) if place < 1 else int(place), size - 1))


def _shorten(response: Response, size: int) -> None:
    """Leave the beginning of a body, and tell its length."""
    _pass(response, lambda blocks: _trimmed(blocks, size))
    response.headers["content-length"] = str(size)


def _pass(response: Response, change: Callable[[Any], Iterator[bytes]]) -> None:
    """Pass the blocks of a body through a function, and leave its headers alone."""
    blocks: Any = response.response
    changed = change(iter(blocks))
    if response.direct_passthrough:
        close = getattr(blocks, "close", None)
        response.response = ClosingIterator(changed, [close] if close else [])
    else:
        response.response = list(changed)


def _trimmed(blocks: Iterator[bytes], end: int) -> Iterator[bytes]:
    for block in blocks:
        if len(block) >= end:
            yield block[:end]
            return
        yield block
        end -= len(block)


def _corrupted(blocks: Iterator[bytes], place: int) -> Iterator[bytes]:
    for block in blocks:
        if 0 <= place < len(block):
            changed = bytearray(block)
            changed[place] ^= 0xFF
            block = bytes(changed)
        place -= len(block)
        yield block
