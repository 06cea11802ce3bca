"""What is planned for a request: the faults that struck it, and what they do to its job."""

from __future__ import annotations

from dataclasses import dataclass

from mockling.contract import Case
from mockling.emulator.platform.faults import Fault


class Struck(Exception):
    """A fault strikes a request before what it asks for is done."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Planned:
    """The fault that strikes a request's answer, and the one that strikes its job (None: none does).

    `waits` says that the answer comes when the job has ended, and so both take longer together.
    """

    answer: Fault | None = None
    job: Fault | None = None
    waits: bool = False

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Those that strike."""
        return tuple(fault for fault in (self.answer, self.job) if fault)

    def latency(self, usual: float) -> tuple[float, float]:
        """Return the simulated seconds that the job takes, and how many of them are planned."""
        whole, planned = usual, 0.0
        for fault in (self.job, self.answer if self.waits else None):
            if fault and fault.latency_is is not None:
                whole = planned = fault.latency_is
            elif fault and fault.latency is not None:
                whole, planned = whole + fault.latency, planned + fault.latency
        return whole, planned

    @property
    def failure(self) -> Case | None:
        """Why the job fails: a case of the contract, or a text in the words of the platform."""
        said = self.job.fail if self.job else None
        if said is None:
            return None
        return Case(said, {}) if said.isidentifier() else Case("rejected_parameter", {"text": said})

    def after(self, whole: float, usual: float) -> float:
        """Return the simulated seconds after which the job fails, which are usually so many."""
        share = self.job.after if self.job else None
        return usual if share is None else share * whole

    @property
    def stuck(self) -> str | None:
        """The state that the job never leaves."""
        return self.job.stuck if self.job else None

    @property
    def lost(self) -> str | None:
        """What cannot be had of what the job delivers; see `Job`."""
        return ("expired" if self.job.expired else "missing" if self.job.missing else None) if self.job else None


NOTHING = Planned()
