"""Armed faults: which calls they strike, and how often they did."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any

from mockling.contract import Contract
from mockling.emulator.platform.chance import share
from mockling.emulator.platform.faults import OPERATIONS, Fault
from mockling.emulator.platform.sense import FaultError, meant

LAST = "generation"  # the stage that what is in order comes to
_STAGES = {400: "parameters", 401: "key", 403: "permission", 404: "model", 405: "method", 406: "credits", 410: "model",
           402: "credits", 413: "JSON", 429: "rate"}  # fmt: skip # of the statuses that an earlier check answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Encounter:
    """A moment at which a fault may strike, with what is known of the call by then.

    It is one of an `operation` ("job": the start of a generation), before a `stage` (None: the operation has none).
    """

    operation: str
    now: float
    stage: str | None = None
    key: str | None = None
    model: str | None = None
    prompt: object = None


@dataclass(slots=True, eq=False)
class Armed:
    """A fault that waits for its calls.

    `number` counts the faults from 1, `seed` is what its chance is drawn from; `met` calls were such as it strikes, and
    it struck `fired` of them.
    """

    fault: Fault
    number: int
    seed: int
    met: int = 0
    fired: int = 0

    def __str__(self) -> str:
        return str(self.fault)

    @property
    def spent(self) -> bool:
        """Whether it strikes no more."""
        return self.fault.times != "always" and self.fired >= self.fault.times

    def strikes(self, meeting: Encounter) -> bool:
        """Count a call, and say whether it strikes it."""
        fault = self.fault
        if self.spent or not meets(fault, meeting):
            return False
        self.met += 1
        turn = self.met - fault.skip - 1
        if turn < 0 or turn % fault.every or share(self.seed, self.number, self.met) >= fault.probability:
            return False
        self.fired += 1
        return True

    def report(self) -> dict[str, Any]:
        """Return how it stands, as a table."""
        return {"number": self.number, "fault": self.fault.table(), "met": self.met, "fired": self.fired,
                "spent": self.spent}  # fmt: skip


class Armory:
    """The faults that were armed, oldest first. Only the store has a lock."""

    def __init__(self) -> None:
        self._armed: list[Armed] = []
        self._unspent: list[Armed] = []

    @property
    def loaded(self) -> bool:
        """Whether any can still strike."""
        return bool(self._unspent)

    def add(self, armed: Armed) -> None:
        """Keep a fault."""
        self._armed.append(armed)
        self._unspent.append(armed)

    def remove(self, which: Callable[[Armed], bool]) -> None:
        """Forget some."""
        self._armed = [armed for armed in self._armed if not which(armed)]
        self._unspent = [armed for armed in self._unspent if not which(armed)]

    def all(self) -> list[Armed]:
        """Return all, spent ones too, as they stand."""
        return [copy(armed) for armed in self._armed]

    def strike(self, meeting: Encounter) -> Fault | None:
        """Return the oldest fault that strikes here, and count it; None: none does."""
        struck = next((armed for armed in self._unspent if armed.strikes(meeting)), None)
        if struck and struck.spent:
            self._unspent.remove(struck)
        return struck.fault if struck else None


def checked(fault: Fault, contract: Contract) -> Fault:
    """Return a fault that fits a contract. Raises `FaultError` for what the contract has not."""
    order: list[str] = contract.document["x-behaviour"]["check_order"]
    if fault.stage is not None and fault.stage not in order:
        raise FaultError(f"There is no stage {fault.stage!r}{meant(fault.stage, order)}")
    if fault.model is not None and fault.model not in contract.models:
        raise FaultError(f"No model {fault.model!r} is served{meant(fault.model, contract.models)}")
    if fault.stage and fault.prompt and order.index(fault.stage) <= order.index("JSON"):
        raise FaultError(f"Before the stage {fault.stage} the prompt is not known; leave out one of them.")
    kinds = failures(contract)
    if fault.fail and re.fullmatch(r"\w+", fault.fail) and fault.fail not in kinds:
        raise FaultError(f"No failure is called {fault.fail!r}{meant(fault.fail, kinds)} Or it is a text of words.")
    return fault


def failures(contract: Contract) -> list[str]:
    """Return the names of what a generation fails for, whose text needs nothing of a request."""
    errors = contract.document["x-errors"].items()
    return [name for name, error in errors if {"share", "seconds"} & set(error) and "{" not in error["error"]]


def stage_of(fault: Fault) -> str:
    """Return the stage before which a fault strikes a POST that starts a generation."""
    if fault.stage or not fault.instead or fault.prompt:
        return fault.stage or LAST
    return _STAGES.get(fault.status or 0, LAST)


def meets(fault: Fault, meeting: Encounter) -> bool:
    """Say whether a call is such as a fault strikes."""
    return (
        meeting.operation in OPERATIONS[fault.on]
        and (meeting.stage is None or meeting.stage == stage_of(fault))
        and fault.key in (None, meeting.key)
        and fault.model in (None, meeting.model)
        and (fault.prompt is None or re.search(fault.prompt, str(meeting.prompt or "")) is not None)
        and fault.since <= meeting.now
        and (fault.until is None or meeting.now < fault.until)
    )
