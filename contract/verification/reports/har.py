"""HAR 1.2: the evidence of a run, as browsers and proxies record and open it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mockling.contract.exchange import Headers, Message
from mockling.contract.verification.evidence import Step
from mockling.contract.verification.run import Run

UNASKED = -1  # what HAR says of a size or time that nobody measured


def as_har(run: Run) -> str:
    """Return the evidence of a run as HAR 1.2: a video as its size, sha256 and first bytes, no answer as status 0."""
    return dumped({"log": log_of(run)})


def dumped(document: Mapping[str, Any]) -> str:
    """Return a document as JSON that is readable, and valid Unicode whatever a server said."""
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False, default=str)
    return text.encode("utf-8", "replace").decode()


def log_of(run: Run) -> dict[str, Any]:
    """Return the log of a HAR; what HAR has no word for is below `_mockling`."""
    return {
        "version": "1.2",
        "creator": {"name": "Mockling", "version": run.mockling},
        "pages": [],
        "entries": entries(run.steps, run.url),
        "_mockling": {"target": run.target, "url": run.url, "stopped": run.stopped},
    }


def entries(steps: Iterable[Step], url: str) -> list[dict[str, Any]]:
    """Return the entries of steps; `url` is where their target was."""
    return [_entry(step, url) for step in steps]


def _entry(step: Step, url: str) -> dict[str, Any]:
    exchange = step.exchange
    whole = exchange.path if exchange.path.startswith(("http://", "https://")) else url + exchange.path
    waited = round(max(exchange.ended - exchange.moment, 0) * 1000, 3)
    error = {"_error": exchange.error or "no answer"} if exchange.response is None else {}
    return {
        "startedDateTime": datetime.fromtimestamp(exchange.at, UTC).isoformat(timespec="microseconds"),
        "time": waited,
        "request": _request(exchange.method, whole, exchange.request),
        "response": {**_response(exchange.status, exchange.response), **error},
        "cache": {},
        "timings": {
            **dict.fromkeys(("blocked", "dns", "connect", "ssl"), UNASKED),
            "send": 0,
            "wait": waited,
            "receive": 0,
        },
        "_mockling": {
            "probe": step.probe,
            "step": step.name,
            "operation": exchange.operation,
            "key": exchange.key,
            "fault": exchange.fault,
            "error": exchange.error,
            "video": step.video,
            "number": exchange.number,
            "at": exchange.at,
            "moment": exchange.moment,
            "ended": exchange.ended,
        },
    }


def _request(method: str, url: str, message: Message) -> dict[str, Any]:
    posted = {"postData": _content(message)} if message.body else {}
    return {
        "method": method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(message.headers),
        "queryString": [{"name": name, "value": value} for name, value in _query(url)],
        **posted,
        "headersSize": UNASKED,
        "bodySize": message.size,
    }


def _response(status: int | None, message: Message | None) -> dict[str, Any]:
    empty = {"size": 0, "mimeType": "x-unknown"}
    return {
        "status": status or 0,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(message.headers) if message else [],
        "content": {"size": message.size, **_content(message)} if message else empty,
        "redirectURL": message.header("location") if message else "",
        "headersSize": UNASKED,
        "bodySize": message.size if message else UNASKED,
    }


def _content(message: Message) -> dict[str, Any]:
    """Return a body: as text if it is one, else in base64; and what is not shown of it."""
    try:
        body = {"text": message.body.decode()}
    except UnicodeDecodeError:
        body = {"text": b64encode(message.body).decode(), "encoding": "base64"}
    kept, digest = len(message.body), {"_sha256": message.sha256} if message.sha256 else {}
    cut = {"comment": f"The first {kept:,} of {message.size:,} bytes."} if kept < message.size else {}
    return {"mimeType": message.header("content-type") or "x-unknown", **body, **digest, **cut}


def _headers(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _query(url: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError:  # not even an address
        return []
