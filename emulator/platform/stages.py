"""The stages: the checks of a request for a generation, each by its name in the contract's `check_order` (M5)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from mockling.contract import Case, ContractError, InputFile, Model
from mockling.emulator.platform.faults import Fault
from mockling.emulator.platform.inputs import UnreadableInput
from mockling.emulator.platform.jobs import Job
from mockling.emulator.platform.keys import Account
from mockling.emulator.platform.ledger import Admission, LowBalance
from mockling.emulator.platform.planned import NOTHING, Planned
from mockling.emulator.platform.refused import Refused

if TYPE_CHECKING:
    from mockling.emulator.platform.platform import Platform

MOST_TOLD = 20  # violations or warnings of one request that are kept
ON_TRUST = "{place} stands for no file here and was taken for a good video with sound."

# What a stage needs of others, whatever the order.
NEEDS = {
    "permission": ["key"],
    "rate": ["key"],
    "JSON": ["model"],
    "parameters": ["JSON"],
    "inputs": ["parameters"],
    "credits": ["key", "inputs"],
    "generation": ["permission", "rate", "content type", "credits", "method"],
}


@dataclass(slots=True, kw_only=True)
class Call:
    """A request for a generation, and what the stages found out about it.

    What is sent: `operation` ("generate" or "submit"), `method`, `key` (None: no header; `authorization`: whether there
    was that header), `slug`, `root` (the server's address as the caller knows it), `media_type`, and `read`, which
    returns the body's object, given the schema that says which fields of a form are texts, or raises `Refused`.
    """

    operation: str
    method: str
    key: str | None
    authorization: bool
    slug: str
    root: str
    media_type: str
    read: Callable[[Mapping[str, Any]], dict[str, Any]]

    fault: Fault | None = None  # that it brings itself
    simulated: bool = False  # whether its caller counts in simulated time
    era: int = 0  # of the platform, when it came

    account: Account | None = None
    admission: Admission | None = None
    model: Model | None = None
    body: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] | None = None  # None: they are not in order
    files: list[InputFile] = field(default_factory=list)  # its inputs, measured where they are at hand
    silent: set[str] = field(default_factory=set)  # the places of inputs that have no sound
    price: Decimal = Decimal(0)  # what is promised for it, in US dollars
    warnings: list[str] = field(default_factory=list)
    failure: Case | None = None  # why the generation will fail
    planned: Planned = NOTHING
    job: Job | None = None


class Stages:
    """The stages in their order, built once; `run` takes a request through all of them, past the faults before each.

    `steps` are their names and what each does; `queues_invalid` says whether v2 queues what is invalid (D5). Raises
    `ContractError` if the order leaves one out or puts one before what it needs.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        document = platform.contract.document
        self._accepted = {
            name: set(operation["requestBody"]["content"])
            for name, operation in platform.contract.operations.items()
            if "requestBody" in operation
        }
        self.queues_invalid = document["x-behaviour"]["invalid_body_on_v2"] == "queued"
        self._retired: Collection[str] = document["x-retired"]["models"]
        known: dict[str, Callable[[Call], None]] = {
            "method": self.method,
            "key": self.key,
            "model": self.model,
            "permission": self.permission,
            "rate": self.rate,
            "content type": self.content_type,
            "JSON": self.json,
            "parameters": self.parameters,
            "inputs": self.inputs,
            "credits": self.credits,
            "generation": self.generation,
        }
        order: list[str] = document["x-behaviour"]["check_order"]
        _check_order(order, known)
        self.steps = [(name, known[name]) for name in order]

    def run(self, call: Call) -> Job:
        """Return the job that a request starts.

        Raises the `Refused` of the first stage that refuses it, or `Struck` if a fault strikes before that.
        """
        planned = call.fault is not None or self._platform.store.plans
        for name, stage in self.steps:
            if planned:
                self._platform.meet(call, name)
            stage(call)
        assert call.job
        return call.job

    def method(self, call: Call) -> None:
        """Refuse any verb but POST (G6)."""
        if call.method != "POST":
            raise Refused("method_not_allowed", headers={"allow": "OPTIONS, POST"})

    def key(self, call: Call) -> None:
        """Find the account that calls (P15, G2, G3)."""
        call.account = self._platform.authenticate(call.key, call.authorization)

    def model(self, call: Call) -> None:
        """Refuse a model that is retired (G9) or was never there (P17)."""
        if call.slug in self._retired:
            raise Refused("retired_model", model=call.slug)
        if call.slug not in self._platform.contract.models:
            raise Refused("unknown_model", model=call.slug[:100])
        call.model = self._platform.contract.models[call.slug]

    def permission(self, call: Call) -> None:
        """Refuse a model that the account may not call (P16)."""
        assert call.account
        if call.account.models is not None and call.slug not in call.account.models:
            raise Refused("forbidden", model=call.slug[:100])

    def rate(self, call: Call) -> None:
        """Count the request, and refuse it if the account made too many (P19, G10)."""
        assert call.account
        platform, account = self._platform, call.account
        call.admission = platform.store.admit(account, platform.clock.now())
        if not call.admission.admitted:
            reset = platform.stamp(call.admission.resets, simulated=call.simulated)
            headers = {"x-rate-limit-remaining": "0", "x-rate-limit-reset-at-utc": reset}
            raise Refused(
                "rate_limited",
                headers=headers,
                limit=account.requests_per_minute,
                reset=reset,
                resets=call.admission.resets,
            )

    def content_type(self, call: Call) -> None:
        """Refuse a body of another kind than the operation takes (G7)."""
        if call.media_type not in self._accepted[call.operation]:
            raise Refused("content_type")

    def json(self, call: Call) -> None:
        """Read the body (P14)."""
        assert call.model
        call.body = call.read(call.model.schema)

    def parameters(self, call: Call) -> None:
        """Refuse parameters that break the contract (P14), or let the generation fail with that (A6, D5)."""
        assert call.model
        violations = call.model.violations(call.body)
        if not violations:
            call.parameters = call.model.completed(call.body)
            return
        told = [violation.message for violation in violations[:MOST_TOLD]]
        if not self._queues(call):
            raise Refused("invalid_parameter", violations=told, message=told[0])
        call.failure = Case("invalid_parameter", {"message": told[0]})

    def inputs(self, call: Call) -> None:
        """Look at the input files: refuse what must not be (P5), and note what fails or is doubtful (G18, U4, U6)."""
        if call.parameters is None:
            return
        assert call.model
        call.files = [self._looked_at(call, file) for file in call.model.inputs(call.parameters)]
        refusal = call.model.unfit(call.files)
        if refusal and not self._queues(call):
            raise Refused(refusal.name, **refusal.values)
        warnings = list(islice(call.model.warnings(call.body, call.files), MOST_TOLD))
        call.warnings += warnings
        call.failure = refusal or call.failure or call.model.failure(call.parameters, call.files)
        if call.failure is None and warnings and self._platform.strict:
            call.failure = Case("warned", {"warning": warnings[0]})

    def credits(self, call: Call) -> None:
        """Refuse a request whose price the account's credits do not cover (P18, G8).

        What was never in order, and what a key's planned failure ends, promises nothing.
        """
        assert call.account and call.model
        if call.parameters is not None and call.account.fails_with is None:
            call.price = call.model.price(call.parameters)
        available = self._platform.store.available(call.account, self._platform.clock.now())
        if call.price > available:
            raise self._low(call, available, call.price)

    def generation(self, call: Call) -> None:
        """Start the job, its price promised; from here on nothing can refuse the request."""
        assert call.account
        if call.era != self._platform.era:
            raise Refused("reset")
        job = self._platform.job_of(call)
        try:
            self._platform.store.submit(call.account, job, self._platform.clock.now())
        except LowBalance as error:  # another request of the account was faster
            raise self._low(call, error.balance, error.price) from error
        call.job = job

    def _queues(self, call: Call) -> bool:
        return call.operation == "submit" and self.queues_invalid

    def _looked_at(self, call: Call, file: InputFile) -> InputFile:
        """Return an input with its measures if it is at hand; note if it fails the generation, or is taken on trust."""
        assert call.model
        try:
            found = self._platform.inputs.look(file, call.root) if file.is_web else None
        except UnreadableInput as error:
            call.failure = call.failure or Case("unreadable_input", {"kind": file.kind, "reason": error})
            return replace(file, measures={})
        if found is None:
            if file.kind == "video" and file.is_web and not call.model.leads_nowhere(file):
                call.warnings.append(ON_TRUST.format(place=file.place))
            return file
        if not found.audio:
            call.silent.add(file.place)
        return replace(file, measures=found.measures)

    def _low(self, call: Call, balance: Decimal, price: Decimal) -> Refused:
        return self._platform.low_balance(call.operation, balance, price)


def is_note(warning: str) -> bool:
    """Say whether a warning only notes that an input was taken on trust, which is nobody's mistake."""
    return warning.endswith(ON_TRUST.removeprefix("{place}"))


def _check_order(order: list[str], known: Mapping[str, object]) -> None:
    if sorted(order) != sorted(known):
        raise ContractError(f"check_order must name each of {', '.join(known)} once, got {', '.join(map(str, order))}.")
    for name, needed in NEEDS.items():
        late = [other for other in needed if order.index(other) > order.index(name)]
        if late:
            raise ContractError(f"check_order must have {' and '.join(late)} before {name}, for {name} needs it.")
