"""The emulation: the stages of a request's way, and the state they share."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from werkzeug.datastructures import Headers

from mockling import fixtures
from mockling.contract import load
from mockling.emulator.accounts import Account, Accounts, Admission
from mockling.emulator.chance import draw
from mockling.emulator.clock import Clock
from mockling.emulator.inputs import Input, Inputs
from mockling.emulator.journal import Journal
from mockling.emulator.outputs import Output, Outputs
from mockling.emulator.refused import Refused
from mockling.emulator.settings import Settings

MOST_TOLD = 20  # violations or warnings of one request that are kept


@dataclass(frozen=True, slots=True)
class Job:
    """A generation; everything about it is decided when it is submitted.

    `latency` is how many simulated seconds it takes, `due` the moment of its answer, `price` its cost in US dollars,
    `output` its video.
    """

    request_id: str
    account: Account
    admission: Admission
    price: Decimal
    latency: float
    due: float
    output: Output


class Emulation:
    """An emulator without its HTTP: each stage of a request is a method that returns or raises `Refused`."""

    def __init__(self, settings: Settings) -> None:
        self.contract = load(settings.profile, settings.answers, settings.contract)
        self.clock = Clock(settings.speed)
        self.accounts = Accounts(settings, self.contract)
        self.inputs = Inputs(self.contract.sample["video_url"], settings.inputs)
        self.outputs = Outputs(self.contract)
        self.journal = Journal()
        self._seed = settings.seed
        self._numbers = count(1)
        self._spread: float = self.contract.document["x-latency"]["spread"]
        self._dashed_ids = self.contract.document["components"]["schemas"]["RequestId"].get("format") == "uuid"

    def authenticate(self, headers: Headers) -> Account:
        """Return the account that calls (P15, G2, G3)."""
        key = headers.get("x-api-key")
        if not key and "authorization" not in headers:
            raise Refused("missing_key")
        account = self.accounts.find(key) if key else None
        if account is None:
            raise Refused("invalid_key")
        return account

    def find_model(self, slug: str) -> None:
        """Refuse a model that is retired (G9) or was never there (P17)."""
        if slug in self.contract.document["x-models"]["retired"]:
            raise Refused("retired_model", slug=slug)
        if slug != self.contract.slug:
            raise Refused("unknown_model", slug=slug[:100])

    def permit(self, account: Account, slug: str) -> None:
        """Refuse a model that the account may not call (P16)."""
        if account.models is not None and slug not in account.models:
            raise Refused("forbidden", slug=slug)

    def admit(self, account: Account) -> Admission:
        """Count the request, and refuse it if the account made too many (P19, G10)."""
        admission = self.accounts.admit(account, self.clock.now())
        if not admission.admitted:
            reset = self.stamp(admission.resets)
            headers = {"x-rate-limit-remaining": "0", "x-rate-limit-reset-at-utc": reset}
            raise Refused("rate_limited", headers=headers, limit=account.requests_per_minute, reset=reset)
        return admission

    def check(self, body: object) -> dict[str, Any]:
        """Return the parameters with their defaults, and refuse any that breaks the contract (P14)."""
        violations = self.contract.violations(body)
        if violations:
            told = [violation.message for violation in violations[:MOST_TOLD]]
            raise Refused("invalid_parameter", violations=told, message=told[0])
        assert isinstance(body, dict)  # noqa: S101 - the schema said so; this tells the type checker
        return self.contract.completed(body)

    def inspect(self, video_url: str) -> Input:
        """Return what is known of the input video, and refuse one that cannot be used (P5, U9)."""
        try:
            found = self.inputs.look(video_url)
        except fixtures.UnreadableVideo as error:
            raise Refused("unreadable_input", reason=error) from error
        except OSError as error:
            raise Refused("unreadable_input", reason=error.strerror or "the file cannot be read") from error
        limits = self.contract.parameters["video_url"]["x-pixels-wide"]
        if found.width is not None and not limits["minimum"] <= found.width <= limits["maximum"]:
            raise Refused("narrow_or_wide_input", width=found.width, **limits)
        return found

    def submit(self, account: Account, admission: Admission, parameters: Mapping[str, Any], source: Input) -> Job:
        """Start a generation and promise its price (P18), unless the account is one that always meets an error."""
        if account.fault:
            raise Refused(account.fault)
        mode, ratio, duration = parameters["mode"], parameters["aspect_ratio"], int(parameters["duration"])
        chance = draw(self._seed, next(self._numbers))
        latency = chance.latency(self.contract.latency(mode, duration), self._spread)
        price, due = self.contract.price(mode, duration), self.clock.after(latency)
        self.accounts.reserve(account, price, self.clock.now(), due)
        try:
            output = self.outputs.make(mode, ratio, duration, parameters["keep_audio"] and source.audio)
        except OSError as error:
            self.accounts.release(account, price, due)
            raise no_output(error) from error
        request_id = str(chance.id) if self._dashed_ids else chance.id.hex
        self.outputs.keep(f"{request_id}.mp4", output)
        return Job(request_id, account, admission, price, latency, due, output)

    def stored(self, name: str) -> Path:
        """Return the generated file of that name (G21)."""
        output = self.outputs.find(name)
        if output is None:
            raise Refused("unknown_file", file=name[:100])
        try:
            return output.file()
        except OSError as error:
            raise no_output(error) from error

    def stamp(self, moment: float) -> str:
        """Return a moment as it is written in a header, the second in which it has surely come."""
        return _stamp(int(self.clock.utc(moment)) + 1)


@lru_cache(maxsize=16)
def _stamp(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def no_output(error: OSError) -> Refused:
    """Return the refusal for a video that cannot be written or read."""
    return Refused("no_output", reason=error.strerror or error)
