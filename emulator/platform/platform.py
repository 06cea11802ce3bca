"""The platform: what stands in for it, without HTTP."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from threading import Lock

from mockling import fixtures
from mockling.contract import Case, Contract, Output, load
from mockling.contract.exchange import money
from mockling.contract.states import QUEUED
from mockling.emulator.platform import uploads
from mockling.emulator.platform.arming import LAST, Armed, Encounter, checked, meets
from mockling.emulator.platform.chance import draw, name
from mockling.emulator.platform.clock import Clock
from mockling.emulator.platform.faults import Fault
from mockling.emulator.platform.inputs import Inputs, remember
from mockling.emulator.platform.jobs import Failure, Job
from mockling.emulator.platform.keys import Account, Keys
from mockling.emulator.platform.memory import MemoryStore
from mockling.emulator.platform.outputs import Outputs
from mockling.emulator.platform.planned import Planned, Struck
from mockling.emulator.platform.refused import Refused
from mockling.emulator.platform.stages import Call, Stages
from mockling.emulator.platform.store import Kept, Store
from mockling.emulator.settings import Settings


class Platform:
    """An emulator without its HTTP: contract, clock, store, and what they make of a request.

    `patient` says whether who asks can wait, at no cost to others, for a video to be cut; `era` tells what began before
    a reset from what began after it.
    Raises `mockling.contract.ContractError` for settings that the contract does not have.
    """

    def __init__(self, settings: Settings) -> None:
        self.contract: Contract = load(settings.profile, settings.answers, settings.contract, settings.models)
        self.clock = Clock(settings.speed)
        self.patient = False
        self.era = 0
        document = self.contract.document
        fixtures.sweep()
        self.outputs = Outputs()
        self._elapsing, self._advanced = Lock(), 0.0
        self._begin(settings)
        self.clock.listen(self._elapse)
        self.stages = Stages(self)
        self._lifetimes: dict[str, float] = document["x-lifetimes"]
        self._gateway_seconds: float = document["x-errors"]["gateway_timeout"]["seconds"]
        self._dashed_ids = document["components"]["schemas"]["RequestId"].get("format") == "uuid"
        for model in self.contract.models.values():
            for width, height in model.sizes():
                fixtures.prepare(width, height, model.fps)

    def reset(self, settings: Settings) -> None:
        """Forget everything, and begin again with settings that differ in nothing the contract depends on.

        Raises `FaultError` and `ContractError` for settings that cannot be; then nothing has changed.
        """
        self.check(settings)
        former = self.store
        self.end_era()  # before there is a new store: what began under the old one must not be kept there
        self._begin(settings)
        self.clock.restart(settings.speed)
        self.end_era()  # what began meanwhile has the time of before
        former.close()

    def end_era(self) -> None:
        """Have what is under way be kept nowhere, for it is about to be forgotten."""
        self.era += 1

    def check(self, settings: Settings) -> None:
        """Raise `FaultError` or `ContractError` for settings that do not fit the contract."""
        for table in settings.faults:
            checked(Fault.of(table), self.contract)
        Keys(settings, self.contract)

    def _begin(self, settings: Settings) -> None:
        faults = [checked(Fault.of(table), self.contract) for table in settings.faults]
        keys = Keys(settings, self.contract)
        limits = self.contract.document["x-limits"]
        self.keys, self.strict, self.seed = keys, settings.strict, settings.seed
        self.store: Store = MemoryStore(limits["upload_files"], limits["upload_bytes"])
        self.inputs = Inputs(self.contract.models.values(), settings.inputs, self.store.uploaded, self._delivered)
        for fault in faults:
            self.arm(fault)

    def _elapse(self) -> None:
        """Let the time pass for jobs for which only that passes which is advanced."""
        with self._elapsing:  # two threads may advance at once, and no second counts twice
            now = self.clock.advanced  # read once, for another thread may advance right now
            advanced, self._advanced = now - self._advanced, now
            if advanced > 0:
                self.store.elapse(advanced)

    def arm(self, fault: Fault) -> Armed:
        """Arm a fault. Raises `FaultError` for one that does not fit the contract."""
        return self.store.arm(checked(fault, self.contract), self.seed)

    def meet(self, call: Call, stage: str) -> None:
        """Let the fault that is planned for a request, if any, strike before a stage. Raises `Struck` if it does."""
        fault = self._strike(call, stage, call.operation)
        if fault and fault.instead:
            raise Struck(fault)
        if stage == LAST:
            job = self._strike(call, None, "job")
            call.planned = Planned(fault, job, waits=call.operation == "generate")

    def _strike(self, call: Call, stage: str | None, operation: str) -> Fault | None:
        now, prompt = self.clock.now(), call.body.get("prompt")
        meeting = Encounter(operation=operation, now=now, stage=stage, key=call.key, model=call.slug, prompt=prompt)
        own = call.fault if call.fault and meets(call.fault, meeting) else None
        return own or self.store.strike(meeting)

    def authenticate(self, key: str | None, authorization: bool) -> Account:
        """Return the account of a key. Raises `Refused` if there is none (P15, G2, G3).

        `authorization` says whether the request had that header, in which no key is looked for.
        """
        if not key and not authorization:
            raise Refused("missing_key")
        account = self.keys.find(key) if key else None
        if account is None or not self.store.has_room(account):
            raise Refused("invalid_key")
        return account

    def job_of(self, call: Call) -> Job:
        """Return the job that a request becomes: everything about it is decided here.

        Raises `Refused` if its video cannot be written.
        """
        assert call.model and call.account
        model, held, planned = call.model, call.operation == "generate", call.planned
        chance = draw(self.seed, self.store.next("jobs"))
        known = model.example if call.parameters is None else call.parameters
        whole, extra = planned.latency(chance.latency(model.latency(known), model.spread))
        stuck = Case("generation_timeout", {}) if planned.stuck and not held else None  # so that it is never billed
        case = (
            planned.failure or stuck or (Case(call.account.fails_with, {}) if call.account.fails_with else call.failure)
        )
        if case is None and held and (whole > self._gateway_seconds or planned.stuck):
            case = Case("gateway_timeout", {})
        latency = planned.after(whole, self.contract.failure_after(case, whole)) if case else whole
        queued = min(whole * model.queue_share, latency)
        now, instant = self.clock.now(), self.clock.instant
        expires = now + self._lifetimes["record_seconds"]
        never = planned.stuck and not held
        stepwise = instant and not (held or never or extra)
        due = now + (min(extra, latency) if instant and not stepwise else latency)
        return Job(
            request_id=str(chance.id) if self._dashed_ids else chance.id.hex,
            key=call.account.key,
            model=model.slug,
            price=call.price,
            outcome=self._failure(case) if case else self._output(call),
            queue_time=queued,
            latency=latency,
            starts=expires if planned.stuck == QUEUED else now if instant and (never or extra) else now + queued,
            due=expires if never or stepwise else due,
            expires=expires,
            file_expires=due + self._lifetimes["file_seconds"],
            held=held,
            stepwise=stepwise,
            lost=planned.lost,
        )

    def ask(self, account: Account, request_id: str, missing: str, *, step: bool) -> tuple[Kept, str]:
        """Return an account's job and its state; `missing` is the case that refuses an unknown one (A8, A9).

        `step` says that asking moves a job on if no time passes.
        """
        now = self.clock.now()
        kept = self.store.ask(request_id, account.key, now, step=step)
        if kept is None:
            raise Refused(missing, id=request_id[:100])
        return kept, kept.job.state(now, kept.steps)

    def credits(self, account: Account) -> Decimal:
        """Return an account's credits in US dollars. Raises `Refused` if it has no balance record (G19)."""
        if account.credits is None:
            raise Refused("no_balance")
        return self.store.balance(account, self.clock.now())

    def low_balance(self, operation: str, balance: Decimal, price: Decimal) -> Refused:
        """Return the refusal of a request whose price is not covered (G8, D2)."""
        case = "low_balance" if operation == "generate" else "low_balance_v2"
        return Refused(case, balance=money(balance), price=money(price), credits=float(balance))

    def download(self, file: str) -> Job:
        """Return the job whose video is the generated file of that name (G21). Raises `Refused` if there is none."""
        job = self.store.delivered(file.removesuffix(".mp4"), self.clock.now())
        if job is None or job.file_name != file or isinstance(job.outcome, Failure):
            raise Refused("unknown_file", file=file[:100])
        return job

    def upload(self, data_urls: list[str]) -> list[str]:
        """Keep uploaded files, all or none, and return their names (G20). Raises `Refused` for one that is none."""
        files = [uploads.decoded(data_url) for data_url in data_urls]
        names = [f"{name(self.seed, self.store.next('uploads'))}{suffix}" for suffix, _ in files]
        try:
            for called, (_, content) in zip(names, files, strict=True):
                self.store.keep_upload(called, content)
            for path in filter(None, map(self.store.uploaded, names)):
                remember(path)
        except OSError as error:
            raise Refused("no_output", reason=error.strerror or error) from error
        return names

    def stamp(self, moment: float, *, simulated: bool) -> str:
        """Return a moment as it is written in a header, the second in which it has surely come.

        It is told in real time, or, to a caller who counts in simulated time, in that.
        """
        return _stamp(int(self.clock.epoch + moment if simulated else self.clock.utc(moment)) + 1)

    def _failure(self, case: Case) -> Failure:
        refusal = self.contract.refusal(case.name, **case.values)
        return Failure(case.name, refusal.status, refusal.text)

    def _output(self, call: Call) -> Output:
        """Return what the generation of a request delivers, ready to be fetched, or on its way for who can wait."""
        assert call.model and call.parameters is not None
        output = call.model.output(call.parameters)
        if isinstance(output.audio, str):
            places = {file.place for file in call.files}
            output = replace(output, audio=output.audio in places - call.silent)
        if not self.patient or self.outputs.ready(output):
            self.outputs.size(output)
        return output

    def _delivered(self, file: str) -> tuple[Output, int] | None:
        try:
            outcome = self.download(file).outcome
        except Refused:
            return None
        assert isinstance(outcome, Output)
        return outcome, self.outputs.size(outcome)


@lru_cache(maxsize=16)
def _stamp(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
