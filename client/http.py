"""HTTP: one request, its failures told as the client's errors."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, LocationValueError, NewConnectionError

from mockling.client.connections import CONNECT_TIMEOUT, SHORTEST, Adapter
from mockling.client.content import BLOCK
from mockling.client.deadline import Deadline
from mockling.client.errors import BY_STATUS, ApiError, BrokenAnswer, NoAnswer, NotSent, RateLimited, UnexpectedStatus
from mockling.client.values import is_word

LARGEST_VIDEO = 1024**3  # bytes; one has some 20 million
LARGEST_RECORD = 1024**2  # bytes of an answer that holds no video
LARGEST_ERROR = 64 * 1024  # bytes of an error's body that are read
LONGEST_MESSAGE = 500  # characters of a server's words that are told


class _Session(requests.Session):
    """A session for one request, which follows no redirect: neither the request nor its key goes elsewhere (G15)."""

    def __init__(self, url: str, deadline: Deadline) -> None:
        super().__init__()
        # A proxy of the environment could not reach a server on this machine.
        self.trust_env = not is_loopback(url)
        # Without one of ours, requests would send what a .netrc file or the URL holds.
        self.auth = _no_authorization
        for scheme in ("http://", "https://"):
            self.mount(scheme, Adapter(deadline))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Say that no answer is a redirect; else requests would read all of its body, however long."""


def _no_authorization(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class Answer:
    """An answer of which the head has come; its body can be read once, piece by piece or as a record."""

    def __init__(self, response: requests.Response, deadline: Deadline) -> None:
        self.status = response.status_code
        self.reason = response.reason or ""
        self.headers = response.headers
        named = response.headers.get("x-request-id")
        self.request_id = named if is_word(named) else None
        self._deadline = deadline
        self._beginning = b""
        self._rest = self._read(response)

    def begins(self) -> bytes:
        """Return the beginning of the body, 8 bytes or more if it has so many; `blocks` yields them again."""
        while len(self._beginning) < 8 and (block := next(self._rest, b"")):
            self._beginning += block
        return self._beginning

    def blocks(self, most: int) -> Iterator[bytes]:
        """Yield the body piece by piece.

        Raises `BrokenAnswer` if it ends before its announced length, has more than `most` bytes, or has not all come
        by the deadline.
        """
        read, block = 0, self.begins()
        while block:
            read += len(block)
            if read > most:
                raise self.broken(f"The answer has more than {most} bytes.")
            yield block
            block = next(self._rest, b"")

    def record(self) -> dict[str, Any]:
        """Return the JSON object in the body. Raises `BrokenAnswer` if there is none."""
        body = b"".join(self.blocks(LARGEST_RECORD))
        try:
            value = json.loads(body)
        except (ValueError, RecursionError) as error:
            found = f"no JSON but {self.headers.get('content-type', 'something else')}" if body else "an empty body"
            raise self.broken(f"The server answered 200 with {found}.") from error
        if not isinstance(value, dict):
            raise self.broken("The server answered 200 with JSON that is no object.")
        return value

    def broken(self, message: str) -> BrokenAnswer:
        """Return the error for an answer that cannot be used."""
        return BrokenAnswer(message[:LONGEST_MESSAGE], status=self.status, request_id=self.request_id)

    def _read(self, response: requests.Response) -> Iterator[bytes]:
        late = f"The whole answer did not come within {round(self._deadline.seconds, 2):g} seconds."
        try:
            for block in response.iter_content(BLOCK):
                if self._deadline.over:
                    raise self.broken(late)
                yield block
        except (requests.RequestException, HTTPError, OSError) as error:
            cut = "The connection broke before the whole answer had come."
            raise self.broken(late if self._deadline.over else cut) from error
        if self._deadline.over:  # then its end may be that of the connection
            raise self.broken(late)


@contextmanager
def answer(method: str, url: str, seconds: float, *, silence: float | None = None, **request: Any) -> Iterator[Answer]:
    """Send a request and give its answer, of which only the head has been read, if its status is 200.

    All of it must be over within `seconds`, the reading of the answer included, and the server may be silent for
    `silence` seconds (None: as long). Only a connection that could not be made is tried again: nothing was sent on it.
    Raises the `ApiError` of the status, `NotSent` only if nothing can have been sent, and `NoAnswer` otherwise.
    """
    with Deadline(seconds) as deadline, _Session(url, deadline) as session:
        try:
            prepared = session.prepare_request(requests.Request(method, url, **request))
            environment = session.merge_environment_settings(prepared.url, {}, True, None, None)
        except (requests.RequestException, HTTPError, ValueError) as error:
            raise NotSent(f"The request cannot be made: {error}") from error
        patience = max(SHORTEST, min(seconds, silence or seconds))
        try:
            response = session.send(prepared, timeout=(min(CONNECT_TIMEOUT, patience), patience), **environment)
        except (requests.RequestException, HTTPError, ValueError, OSError, OverflowError) as error:
            raise _failure(error, url, patience, deadline) from error
        with response:
            if deadline.over:  # then its head may have been cut
                raise _late(url, seconds)
            told = Answer(response, deadline)
            if told.status != 200:
                raise _refusal(told)
            yield told


def is_loopback(url: str) -> bool:
    """Say whether an address is on this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _refusal(answer: Answer) -> ApiError:
    kind = BY_STATUS.get(answer.status, UnexpectedStatus)
    try:
        told = json.loads(b"".join(answer.blocks(LARGEST_ERROR)))["error"]
    except (ValueError, TypeError, KeyError, RecursionError, BrokenAnswer):
        told = None
    if not isinstance(told, str) or not told.strip():
        told = f"The server answered {answer.status} {answer.reason}".rstrip()
    error = kind(told[:LONGEST_MESSAGE], status=answer.status, request_id=answer.request_id)
    if isinstance(error, RateLimited):
        error.resets_at = answer.headers.get("x-rate-limit-reset-at-utc")
    return error


def _failure(error: Exception, url: str, silence: float, deadline: Deadline) -> ApiError:
    origin = _origin(url)
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    # Where a connection through a proxy breaks later, that is called an error of the proxy, too.
    if isinstance(error, requests.exceptions.ProxyError) and not deadline.sent:
        return NotSent(f"The proxy on the way to {origin} does not answer.")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return NotSent(f"{origin} did not accept a connection in time.")
    if isinstance(reason, NewConnectionError):
        return NotSent(f"Nothing answers at {origin}.")
    if isinstance(getattr(reason, "args", [None])[0], ssl.SSLCertVerificationError):
        return NotSent(f"The certificate of {origin} is not trusted.")
    if isinstance(error, LocationValueError | UnicodeError | requests.exceptions.InvalidURL):
        return NotSent(f"{origin} is no address.")
    if deadline.over:
        return _late(url, deadline.seconds)
    if isinstance(error, requests.exceptions.ReadTimeout):
        return _late(url, silence)
    return NoAnswer(f"The connection to {origin} broke before an answer came.")


def _late(url: str, seconds: float) -> NoAnswer:
    return NoAnswer(f"{_origin(url)} did not answer within {round(seconds, 2):g} seconds.")


def _origin(url: str) -> str:
    return f"{urlsplit(url).scheme}://{urlsplit(url).netloc.rpartition('@')[2]}"
