"""Sending: one request of a probe over HTTP, and the exchange that it was."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from mockling.contract.contract import Contract
from mockling.contract.exchange import LONGEST_BODY, Exchange, Headers, Message, amount
from mockling.contract.verification.charges import job_in
from mockling.contract.verification.evidence import Step
from mockling.contract.verification.guard import Guard, Stopped
from mockling.contract.verification.listening import Listener, content_of
from mockling.contract.verification.probe import GENERATIONS, Need, Request
from mockling.contract.verification.secrets import masking
from mockling.contract.verification.target import Target, is_inner, is_loopback
from mockling.contract.verification.video import measured

FIRST = 3  # requests, of which one must have been answered
BEGINNING = 64  # bytes of a video that are kept
CONNECT_TIMEOUT = 10.0  # seconds
BALANCE = "balance"  # the probe that the guard's own questions are steps of


class Unreachable(Exception):
    """The target does not answer at all; the message says so."""


class KeyRefused(Exception):
    """The target does not take a key, so that nothing can be found out with it; the message says which."""


class Wire:
    """Sends the requests of all probes of a run, in one connection; `steps` are what came of them so far."""

    def __init__(self, contract: Contract, target: Target, guard: Guard) -> None:
        self.steps: list[Step] = []
        self._contract = contract
        self._target = target
        self._guard = guard
        self._began = time.monotonic()
        self._session, self._listener = requests.Session(), Listener()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._listener)
        self._session.headers.clear()
        self._session.trust_env = not is_loopback(target.url)
        self._session.auth = lambda prepared: prepared  # else one of a .netrc file would be sent
        known = sorted(target.keys.items(), key=lambda pair: -len(pair[1]))  # one may begin with another
        self._secrets = [(masking([text]), f"${need.variable}") for need, text in known]

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def send(self, probe: str, name: str, request: Request) -> Step:
        """Send a request, again where the guard says so, and return the last step.

        Raises `Stopped` if the guard does.
        """
        repeats = 0
        while True:
            step = self._guarded(probe, name, request)
            if not self._guard.again(request, step, repeats):
                return step
            repeats += 1

    def _guarded(self, probe: str, name: str, request: Request) -> Step:
        """Send a request once, its worst case set aside before."""
        what, reserved = f"{probe} {name}".rstrip(), None
        if request.price != 0:
            payer = request.key if isinstance(request.key, Need) else Need.GOOD  # as a bearer token it is a header
            reserved = self._guard.reserve(request.price, what, payer)
        else:
            self._guard.pace()
        step = self._exchanged(probe, name, request)
        self.steps.append(step)
        if len(self.steps) == FIRST and all(one.status is None for one in self.steps):
            why = step.exchange.error or "no answer"
            raise Unreachable(f"Nothing answers at {self._target.url} ({why}); check the address and the network.")
        if reserved is not None:
            reserved.settle(step.status, job_in(step.exchange))
        if _is_unplanned(request, step):
            self._guard.stop(f"{what} was answered with {step.status} instead of a refusal, which may have been billed")
        return step

    def balance(self, key: Need) -> Decimal | None:
        """Ask for the balance of a key, free credits included, in US dollars (G19); None: it cannot be told.

        Raises `KeyRefused` if the key is refused before anything else was asked.
        """
        step = self.send(BALANCE, key.name.lower(), Request(operation="credits", key=key))
        if step.status == 401 and all(one.probe == BALANCE for one in self.steps):
            what = "the API key" if key is Need.GOOD else key.value
            raise KeyRefused(f"{self._target.url} refuses {what} with 401; check {key.variable} or the option.")
        body = step.exchange.answer if step.status == 200 else None
        if not isinstance(body, dict):
            return None
        told = [amount(body[name]) for name in ("credits", "free-credits") if name in body]
        known = [part for part in told if part is not None]
        return sum(known, Decimal(0)) if known and len(known) == len(told) else None

    def _exchanged(self, probe: str, name: str, request: Request) -> Step:
        _, verb = self._contract.places.get(request.operation or "", ("", "get"))
        url, method = self._url(request), request.method or verb.upper()
        headers, key = self._headers(request, url)
        body = request.body if request.json is None else json.dumps(request.json).encode()
        moment, at = time.monotonic() - self._began, time.time()
        status: int | None = None
        message: Message | None = None
        error, video = "", None
        try:
            if is_inner(url) and not is_inner(self._target.url):
                raise ValueError("it is on this machine or its network, where no server may send others")
            prepared = requests.Request(method, url, headers=headers, data=body).prepare()
            prepared.headers.update(headers)
            settings = self._session.merge_environment_settings(prepared.url, {}, True, None, None)
            timeout = (min(CONNECT_TIMEOUT, self._target.timeout), self._target.timeout)
            with (
                self._listener.within(self._target.timeout),
                self._session.send(prepared, timeout=timeout, allow_redirects=False, **settings) as response,
            ):
                status, content = response.status_code, content_of(response)
                message, video = self._message(response.headers.items(), content)
        except (requests.RequestException, HTTPError, OSError, ValueError) as failure:
            status, message, error = None, None, self._masked(f"{type(failure).__name__}: {failure}")[:200]
        sent = tuple((header, self._masked(value)) for header, value in headers.items())
        exchange = Exchange(
            number=len(self.steps) + 1,
            moment=moment,
            at=at,
            operation=request.operation,
            method=method,
            path=self._masked(url.removeprefix(self._target.url)),
            key=key,
            request=Message(sent, self._kept(body or b""), len(body or b"")),
            status=status,
            response=message,
            error=_error_of(message) if message else error,
            fault=request.fault,
            ended=time.monotonic() - self._began,
        )
        return Step(probe, name, exchange, video)

    def _url(self, request: Request) -> str:
        path = request.path
        if path is not None and not str(path).startswith("/"):  # a server may have told it, whatever it is
            return str(path)
        origin = self._target.storage_url if request.operation == "upload" else self._target.url
        return origin + (path or self._contract.path(request.operation or "", **request.values))

    def _headers(self, request: Request, url: str) -> tuple[dict[str, str], str]:
        """Return the headers of a request and what is told of its key; a key goes to the target alone."""
        headers: dict[str, str] = {"user-agent": "mockling-verify", "accept": "*/*"}
        told, own = "", url.startswith((f"{self._target.url}/", f"{self._target.storage_url}/"))
        if request.key is not None and own:
            text = self._target.keys[request.key] if isinstance(request.key, Need) else request.key
            told = request.key.variable if isinstance(request.key, Need) else request.key
            headers["x-api-key"] = text
        if request.json is not None:
            headers["content-type"] = "application/json"
        if request.fault and self._target.fault_header and own:
            headers[self._target.fault_header] = request.fault
        for name, value in request.headers.items():  # $KEY stands for the good key, wherever it is to travel
            headers[name.lower()] = value.replace("$KEY", self._target.keys.get(Need.GOOD, ""))
        return headers, told

    def _message(self, headers: Any, content: bytes) -> tuple[Message, Mapping[str, Any] | None]:
        kept: Headers = tuple((name.lower(), self._masked(value)) for name, value in headers)
        media = dict(kept).get("content-type", "").partition(";")[0].strip().lower()
        if not media.startswith("video/") and content[4:8] != b"ftyp":
            return Message(kept, self._kept(content), len(content)), None
        digest = sha256(content).hexdigest()
        return Message(kept, content[:BEGINNING], len(content), digest), measured(content)

    def _masked(self, text: str) -> str:
        for secret, variable in self._secrets:
            text = secret.sub(variable, text)
        return text

    def _kept(self, body: bytes) -> bytes:
        """Return what is kept of a body: its beginning, once all keys in it are masked, so that none is cut in two."""
        return self._masked(body.decode("latin-1")).encode("latin-1")[:LONGEST_BODY]


class ProbeSender:
    """What one probe sends its requests through."""

    def __init__(self, wire: Wire, target: Target, probe: str) -> None:
        self._wire = wire
        self._target = target
        self._probe = probe
        self._end = time.monotonic() + target.patience

    def send(self, request: Request, name: str = "") -> Step:
        """Send a request; see `Sender`."""
        return self._wire.send(self._probe, name, request)

    def pause(self) -> bool:
        """Wait between two polls; see `Sender`."""
        if time.monotonic() + self._target.poll_interval > self._end:
            return False
        if self._target.poll_interval:
            time.sleep(self._target.poll_interval)
        return True

    def advance(self, seconds: float) -> None:
        """Let simulated seconds pass. Raises `Stopped` for a target that does not offer it."""
        if self._target.advance is None:
            raise Stopped(f"{self._probe} needs {Need.TIME.value}")
        self._target.advance(seconds)


def _is_unplanned(request: Request, step: Step) -> bool:
    """Say whether a generation has begun that nobody wanted, on the account of a key of ours."""
    is_account = request.price != 0 or (isinstance(request.key, Need) and request.method in (None, "POST"))
    is_taken = request.operation in GENERATIONS and step.status in range(200, 300)
    return is_account and is_taken and not request.bought


def _error_of(message: Message) -> str | None:
    body = message.json
    text = body.get("error") if isinstance(body, dict) else None
    return text[:500] if isinstance(text, str) else None
