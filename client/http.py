"""HTTP: one request, its failures told as the client's errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError
from urllib3.util import Retry

from mockling.client.errors import BY_STATUS, ApiError, BrokenAnswer, NoAnswer, NotSent, RateLimited, UnexpectedStatus

LARGEST_JSON = 1024 * 1024  # bytes of an answer that is not a video
CONNECT_TIMEOUT = 10.0  # seconds
BLOCK = 256 * 1024  # bytes read at a time


@contextmanager
def answer(method: str, url: str, timeout: float, **request: Any) -> Iterator[requests.Response]:
    """Send a request and give its answer, of which only the head has been read, if its status is 200.

    Only a connection that could not be made is tried again: nothing was sent on it. A redirect is not followed, so
    that neither the request nor its key goes elsewhere. Raises the `ApiError` of the status, `NotSent`, or `NoAnswer`.
    """
    with requests.Session() as session:
        # A proxy of the environment could not reach a server on this machine.
        session.trust_env = not _is_loopback(url)
        adapter = HTTPAdapter(max_retries=_ONLY_CONNECTING)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        limits = (min(CONNECT_TIMEOUT, timeout), timeout)
        try:
            response = session.request(method, url, timeout=limits, stream=True, allow_redirects=False, **request)
        except requests.RequestException as error:
            raise _failure(error, url, timeout) from error
        with response:
            if response.status_code != 200:
                raise _refusal(response)
            yield response


def blocks(response: requests.Response) -> Iterator[bytes]:
    """Yield the body of an answer piece by piece. Raises `BrokenAnswer` if it ends before its announced length."""
    try:
        yield from response.iter_content(BLOCK)
    except requests.RequestException as error:
        message = "The connection broke before the whole answer had come."
        raise BrokenAnswer(message, status=response.status_code, request_id=request_id(response)) from error


def read_json(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object in an answer. Raises `BrokenAnswer` if there is none."""
    body = _start(response)
    try:
        value = json.loads(body)
    except ValueError as error:
        found = "an empty body" if not body else f"no JSON but {response.headers.get('content-type', 'something else')}"
        raise _broken(response, f"The server answered 200 with {found}.") from error
    if not isinstance(value, dict):
        raise _broken(response, "The server answered 200 with JSON that is no object.")
    return value


def request_id(response: requests.Response) -> str | None:
    """Return the id that the server gave the request, if any."""
    return response.headers.get("x-request-id")


def _broken(response: requests.Response, message: str) -> BrokenAnswer:
    return BrokenAnswer(message, status=response.status_code, request_id=request_id(response))


def _refusal(response: requests.Response) -> ApiError:
    kind = BY_STATUS.get(response.status_code, UnexpectedStatus)
    message = f"The server answered {response.status_code} {response.reason or ''}".rstrip() + "."
    try:
        told = json.loads(_start(response))["error"]
    except (ValueError, TypeError, KeyError, BrokenAnswer):
        told = None
    error = kind(
        told if isinstance(told, str) else message, status=response.status_code, request_id=request_id(response)
    )
    if isinstance(error, RateLimited):
        error.resets_at = response.headers.get("x-rate-limit-reset-at-utc")
    return error


def _start(response: requests.Response) -> bytes:
    body = bytearray()
    for block in blocks(response):
        body += block
        if len(body) > LARGEST_JSON:
            break
    return bytes(body[:LARGEST_JSON])


def _failure(error: requests.RequestException, url: str, timeout: float) -> ApiError:
    origin = f"{urlsplit(url).scheme}://{urlsplit(url).netloc.rpartition('@')[2]}"
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    match error:
        case requests.exceptions.SSLError():
            return NotSent(f"There is no trusted TLS connection to {origin}.")
        case requests.exceptions.ProxyError():
            return NotSent(f"The proxy on the way to {origin} does not answer.")
        case requests.exceptions.ConnectTimeout():
            return NotSent(f"{origin} did not accept a connection in time.")
        case requests.exceptions.ConnectionError() if isinstance(reason, NewConnectionError):
            return NotSent(f"Nothing answers at {origin}.")
        case requests.exceptions.ReadTimeout():
            return NoAnswer(f"{origin} did not answer within {timeout:g} seconds.")
        case requests.exceptions.ConnectionError():
            return NoAnswer(f"The connection to {origin} broke before an answer came.")
    return NotSent(f"The request to {origin} could not be made: {error}.")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


_ONLY_CONNECTING = Retry(
    total=2,
    connect=2,
    read=False,
    redirect=False,
    status=0,
    other=0,
    backoff_factor=0.2,
    respect_retry_after_header=False,
)
