"""The emulation: the stages of a request's way, and the state they share."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from werkzeug.datastructures import Headers

from mockling import fixtures
from mockling.contract import load
from mockling.emulator.accounts import Account, Accounts, Admission, Charge, LowBalance
from mockling.emulator.chance import draw
from mockling.emulator.clock import Clock
from mockling.emulator.inputs import Input, Inputs
from mockling.emulator.jobs import COMPLETED, Job, Jobs
from mockling.emulator.journal import Journal
from mockling.emulator.outputs import Output, Outputs
from mockling.emulator.refused import Refused
from mockling.emulator.settings import Settings
from mockling.emulator.uploads import Uploads

MOST_TOLD = 20  # violations or warnings of one request that are kept


class Emulation:
    """An emulator without its HTTP: each stage of a request is a method that returns or raises `Refused`."""

    def __init__(self, settings: Settings) -> None:
        self.contract = load(settings.profile, settings.answers, settings.contract)
        self.clock = Clock(settings.speed)
        self.accounts = Accounts(settings, self.contract)
        self.inputs = Inputs(self.contract.sample["video_url"], settings.inputs)
        self.outputs = Outputs(self.contract)
        self.uploads = Uploads()
        self.jobs = Jobs(self.accounts, stepwise=self.clock.instant)
        self.journal = Journal()
        self._seed = settings.seed
        self._numbers = count(1)
        self.deepest: int = self.contract.document["x-limits"]["json_depth"]
        self._latency: dict[str, float] = self.contract.document["x-latency"]
        self._lifetimes: dict[str, float] = self.contract.document["x-lifetimes"]
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
        assert isinstance(body, dict)
        return self.contract.completed(body)

    def inspect(self, video_url: str) -> Input:
        """Return what is known of the input video, and refuse one that cannot be used (P5, U9)."""
        try:
            found = self.inputs.look(video_url, self.uploads.find(video_url))
        except fixtures.UnreadableVideo as error:
            raise Refused("unreadable_input", reason=error) from error
        except OSError as error:
            raise Refused("unreadable_input", reason=error.strerror or "the file cannot be read") from error
        limits = self.contract.parameters["video_url"]["x-pixels-wide"]
        if found.width is not None and not limits["minimum"] <= found.width <= limits["maximum"]:
            raise Refused("narrow_or_wide_input", width=found.width, **limits)
        return found

    def submit(
        self,
        account: Account,
        parameters: Mapping[str, Any] | None,
        source: Input | None,
        failure: Refused | None = None,
        *,
        held: bool = True,
    ) -> Job:
        """Start a generation and promise its price (P18), unless the account is one that always meets an error.

        `failure` is why it will fail, if it will (A6); without valid `parameters` it costs nothing. `held` says that
        somebody waits for it; otherwise its record is kept, to be asked for.
        """
        if account.fault:
            raise Refused(account.fault)
        known = parameters or self.contract.defaults
        chance = draw(self._seed, next(self._numbers))
        whole = chance.latency(self.contract.latency(known["mode"], known["duration"]), self._latency["spread"])
        queued = whole * self._latency["queue_share"]
        latency = whole * self._latency["failure_share"] if failure else whole
        now = self.clock.now()
        expires = now + self._lifetimes["record_seconds"]
        starts, due = (now, now) if self.clock.instant else (now + queued, now + latency)
        stepwise = not held and self.clock.instant  # there a job ends when it was asked for often enough
        charge = self._charge(account, parameters, now, expires if stepwise else due, failure, held)
        output = None if failure else self._output(known, source, charge)
        job = Job(
            request_id=str(chance.id) if self._dashed_ids else chance.id.hex,
            account=account,
            queue_time=queued,
            latency=latency,
            starts=starts,
            due=due,
            expires=expires,
            charge=charge,
            output=output,
            error=self.contract.refusal(failure.case, **failure.values).text if failure else None,
        )
        if not stepwise:
            self._publish(job)
        if not held:
            self.jobs.add(job, now)
        return job

    def _publish(self, job: Job) -> None:
        """Let a job's video be fetched, from the moment it is due."""
        if job.output:
            until = job.due + self._lifetimes["file_seconds"]
            self.outputs.keep(f"{job.request_id}.mp4", job.output, job.due, until)

    def _charge(
        self,
        account: Account,
        parameters: Mapping[str, Any] | None,
        now: float,
        due: float,
        failure: Refused | None,
        held: bool,
    ) -> Charge | None:
        if parameters is None:
            return None
        price = self.contract.price(parameters["mode"], parameters["duration"])
        try:
            return self.accounts.reserve(account, price, now, due, fails=failure is not None)
        except LowBalance as error:
            case = "low_balance" if held else "low_balance_v2"
            raise Refused(case, balance=error.balance, price=error.price) from error

    def _output(self, parameters: Mapping[str, Any], source: Input | None, charge: Charge | None) -> Output:
        audio = bool(parameters["keep_audio"] and source and source.audio)
        try:
            return self.outputs.make(parameters["mode"], parameters["aspect_ratio"], int(parameters["duration"]), audio)
        except OSError as error:
            if charge:
                self.accounts.release(charge)
            raise no_output(error) from error

    def poll(self, account: Account, request_id: str, missing: str, *, step: bool) -> tuple[Job, str]:
        """Return an account's job and its state; `missing` is the case that refuses an unknown one (A8, A9).

        `step` says that this moves a job on where time does not pass.
        """
        found = self.jobs.poll(request_id, account, self.clock.now(), step=step)
        if found is None:
            raise Refused(missing, id=request_id[:100])
        job, state = found
        if state == COMPLETED and self.clock.instant:
            self._publish(job)
        return job, state

    def stored(self, name: str, *, uploaded: bool) -> Path:
        """Return the generated (G21) or uploaded (G20) file of that name."""
        upload = self.uploads.find(name) if uploaded else None
        if upload:
            return upload
        output = self.outputs.find(name, self.clock.now())
        if output is None or uploaded:
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
