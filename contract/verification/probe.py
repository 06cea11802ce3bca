"""Probes: what is sent to a target to find out whether promises hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from mockling.contract.verification.evidence import Step


class Cost(StrEnum):
    """What a probe can cost.

    `static` sends nothing; `free` cannot be billed even if the promise is false; `free-if-true` is billed only if it is
    false; `paid` buys a generation.
    """

    STATIC = "static"
    FREE = "free"
    FREE_IF_TRUE = "free-if-true"
    PAID = "paid"


class Need(StrEnum):
    """What a target must offer for a probe: a key of some kind, or control over what the platform does."""

    GOOD = "a good key"
    POOR = "a key without credits"
    LIMITED = "a key that is soon over its rate limit"
    FORBIDDEN = "a key that may not call the model"
    UNKNOWN = "a key without a balance record"
    FAULTS = "control over faults"
    TIME = "control over time"

    @property
    def variable(self) -> str:
        """The environment variable in which such a key is looked for, and which stands for it wherever it is told."""
        return "SEGMIND_API_KEY" if self is Need.GOOD else f"SEGMIND_{self.name}_KEY"


KEYS = frozenset(Need) - {Need.FAULTS, Need.TIME}  # what a target offers of them is a key
GENERATIONS = ("generate", "submit")  # the operations that are billed
BAD_KEY = "SG_0000000000000401"  # of the documented shape, and nobody's


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of a probe.

    `operation` is an operationId of the contract, of which `method` and path follow unless they are given (`path` may
    be a whole URL, of a video for instance); `values` stand for what the path has in braces. `key` is the kind of key
    that is sent (None: none; a text: that very key). The body is `json`, or `body` as it is. `price` is what is billed
    in US dollars if it succeeds, `bought` whether that is what is wanted; `fault` is asked of a target with control
    over faults.
    """

    operation: str | None
    values: Mapping[str, str] = field(default_factory=dict)
    method: str | None = None
    path: str | None = None
    key: Need | str | None = Need.GOOD
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    body: bytes | None = None
    price: Decimal = Decimal(0)
    bought: bool = False
    fault: str | None = None


class Sender(Protocol):
    """What a probe sends its requests through; every one of them becomes a step."""

    def send(self, request: Request, name: str = "") -> Step:
        """Send a request and return the step with what came of it, an answer or none.

        Raises `Stopped` if the guard does not let it pass, or must end the run because of what came.
        """

    def pause(self) -> bool:
        """Wait as long as one should between two polls; False: the target has been waited for long enough."""

    def advance(self, seconds: float) -> None:
        """Let simulated seconds pass; only with `Need.TIME`."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What is sent for one or more clauses.

    `id` is stable and dotted; `run` sends its requests; `calls` is how many they are at most, polls not counted;
    `worst` is what they are billed at most, in US dollars.
    """

    id: str
    cost: Cost
    run: Callable[[Sender], object]
    needs: frozenset[Need] = frozenset()
    calls: int = 1
    worst: Decimal = Decimal(0)


def single(probe: str, cost: Cost, request: Request, *needs: Need) -> Probe:
    """Return a probe of one request, whose step has no name."""
    wanted = {request.key} if isinstance(request.key, Need) else set()
    wanted |= {Need.FAULTS} if request.fault else set()
    return Probe(probe, cost, lambda sender: sender.send(request), frozenset({*wanted, *needs}), 1, request.price)
