"""HTTP: one request, its failures told as the client's errors."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address
from math import isfinite
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, LocationValueError, NewConnectionError
from urllib3.util import Retry

from mockling.client.errors import BY_STATUS, ApiError, BrokenAnswer, NoAnswer, NotSent, RateLimited, UnexpectedStatus

LARGEST_ANSWER = 1024**3  # bytes; a video has some 20 million
LARGEST_RECORD = 1024**2  # bytes of an answer that holds no video
LARGEST_ERROR = 64 * 1024  # bytes of an error's body that are read
LONGEST_MESSAGE = 500  # characters of a server's words that are told
CONNECT_TIMEOUT = 10.0  # seconds
BLOCK = 256 * 1024  # bytes read at a time

Number = TypeVar("Number", float, Decimal)


class _Session(requests.Session):
    """A session for one request, which follows no redirect: neither the request nor its key goes elsewhere (G15)."""

    def __init__(self, url: str) -> None:
        super().__init__()
        # A proxy of the environment could not reach a server on this machine.
        self.trust_env = not is_loopback(url)
        only_connecting = Retry(
            total=2, connect=2, read=False, redirect=False, status=0, other=0, backoff_factor=0.2,
            respect_retry_after_header=False,
        )  # fmt: skip
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(max_retries=only_connecting))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Say that no answer is a redirect; else requests would read all of its body, however long."""


@contextmanager
def answer(method: str, url: str, timeout: float, **request: Any) -> Iterator[requests.Response]:
    """Send a request and give its answer, of which only the head has been read, if its status is 200.

    Only a connection that could not be made is tried again: nothing was sent on it. Raises the `ApiError` of the
    status, `NotSent` only if nothing can have been sent, and `NoAnswer` otherwise.
    """
    with _Session(url) as session:
        try:
            prepared = session.prepare_request(requests.Request(method, url, **request))
            environment = session.merge_environment_settings(prepared.url, {}, True, None, None)
        except (requests.RequestException, HTTPError, ValueError) as error:
            raise NotSent(f"The request cannot be made: {error}") from error
        try:
            response = session.send(prepared, timeout=(min(CONNECT_TIMEOUT, timeout), timeout), **environment)
        except (requests.RequestException, HTTPError, ValueError, OSError, OverflowError) as error:
            raise _failure(error, url, timeout) from error
        with response:
            if response.status_code != 200:
                raise _refusal(response)
            yield response


def blocks(response: requests.Response, most: int = LARGEST_ANSWER) -> Iterator[bytes]:
    """Yield the body of an answer piece by piece.

    Raises `BrokenAnswer` if it ends before its announced length, or has more than `most` bytes.
    """
    read = 0
    try:
        for block in response.iter_content(BLOCK):
            read += len(block)
            if read > most:
                raise broken(response, f"The answer has more than {most} bytes.")
            yield block
    except (requests.RequestException, HTTPError, OSError) as error:
        raise broken(response, "The connection broke before the whole answer had come.") from error


def read_json(response: requests.Response, body: bytes) -> dict[str, Any]:
    """Return the JSON object in an answer's body. Raises `BrokenAnswer` if there is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        found = "an empty body" if not body else f"no JSON but {response.headers.get('content-type', 'something else')}"
        raise broken(response, f"The server answered 200 with {found}.") from error
    if not isinstance(value, dict):
        raise broken(response, "The server answered 200 with JSON that is no object.")
    return value


def is_loopback(url: str) -> bool:
    """Say whether an address is on this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def request_id(response: requests.Response) -> str | None:
    """Return the id that the server gave the request, if any."""
    return response.headers.get("x-request-id")


def is_web_address(url: object) -> bool:
    """Say whether something is an http or https address with a host."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def number(value: object, kind: type[Number]) -> Number | None:
    """Return a number that a server sent, as text or in JSON, exactly as it was written; None if it is none."""
    with suppress(ValueError, InvalidOperation):
        found = kind(str(value))
        return found if isfinite(found) else None
    return None


def broken(response: requests.Response, message: str) -> BrokenAnswer:
    """Return the error for an answer that cannot be used."""
    return BrokenAnswer(message, status=response.status_code, request_id=request_id(response))


def _refusal(response: requests.Response) -> ApiError:
    kind = BY_STATUS.get(response.status_code, UnexpectedStatus)
    try:
        told = json.loads(b"".join(blocks(response, LARGEST_ERROR)))["error"]
    except (ValueError, TypeError, KeyError, RecursionError, BrokenAnswer):
        told = None
    if not isinstance(told, str) or not told.strip():
        told = f"The server answered {response.status_code} {response.reason or ''}".rstrip()
    error = kind(told[:LONGEST_MESSAGE], status=response.status_code, request_id=request_id(response))
    if isinstance(error, RateLimited):
        error.resets_at = response.headers.get("x-rate-limit-reset-at-utc")
    return error


def _failure(error: Exception, url: str, timeout: float) -> ApiError:
    origin = f"{urlsplit(url).scheme}://{urlsplit(url).netloc.rpartition('@')[2]}"
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(error, requests.exceptions.ProxyError):
        return NotSent(f"The proxy on the way to {origin} does not answer.")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return NotSent(f"{origin} did not accept a connection in time.")
    if isinstance(reason, NewConnectionError):
        return NotSent(f"Nothing answers at {origin}.")
    if isinstance(getattr(reason, "args", [None])[0], ssl.SSLCertVerificationError):
        return NotSent(f"The certificate of {origin} is not trusted.")
    if isinstance(error, LocationValueError | UnicodeError | requests.exceptions.InvalidURL):
        return NotSent(f"{origin} is no address.")
    if isinstance(error, requests.exceptions.ReadTimeout):
        return NoAnswer(f"{origin} did not answer within {timeout:g} seconds.")
    return NoAnswer(f"The connection to {origin} broke before an answer came.")
