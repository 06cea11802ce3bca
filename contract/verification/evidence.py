"""Evidence: the exchanges that probes brought, each with the step of the probe that it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mockling.contract.exchange import Exchange

# Statuses of a gateway that is busy or broken: they say nothing about the promise that was asked for.
PASSING = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Step:
    """One exchange of a probe: the id of the `probe`, the `name` of its step, and what a delivered `video` is like.

    `video` holds width, height (pixels), frames, fps, seconds, codec, audio (a codec's name or None) and begins (the
    first bytes, in hexadecimal); None: the answer is no video that could be read.
    """

    probe: str
    name: str
    exchange: Exchange
    video: Mapping[str, Any] | None = None

    @property
    def status(self) -> int | None:
        """The status of the answer; None: there was none."""
        return self.exchange.status

    @property
    def told(self) -> str:
        """What came, in a few words: "400, 'prompt is mandatory ...'"."""
        if self.exchange.status is None:
            return f"no answer ({self.exchange.error or 'the connection broke'})"
        return f"{self.exchange.status}" + (f", {self.exchange.error[:120]!r}" if self.exchange.error else "")


class Evidence:
    """The steps of a run, in the order in which they were sent."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = tuple(steps)
        self._named = {(step.probe, step.name): step for step in self.steps}
        self._answers: dict[tuple[str | None, int | None], list[Step]] = {}
        for step in self.steps:
            self._answers.setdefault((step.exchange.operation, step.status), []).append(step)

    def step(self, probe: str, name: str = "") -> Step | None:
        """Return a step of a probe (the last of that name), None if it was not sent."""
        return self._named.get((probe, name))

    def of(self, probe: str) -> list[Step]:
        """Return all steps of a probe."""
        return [step for step in self.steps if step.probe == probe]

    def answers(self, operation: str, status: int) -> list[Step]:
        """Return the steps in which an operation answered with a status."""
        return self._answers.get((operation, status), [])

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)
