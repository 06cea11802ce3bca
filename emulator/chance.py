"""Chance: everything random about a job, drawn from the seed and the job's number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import blake2b
from statistics import NormalDist
from uuid import UUID

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Draw:
    """What chance decided for one job: its `id`, and `deviation`, its standard normal deviation."""

    id: UUID
    deviation: float

    def latency(self, mean: float, spread: float) -> float:
        """Return a log-normal number of seconds with that mean; `spread` is the sigma of its logarithm (M3)."""
        return mean * math.exp(spread * self.deviation - spread * spread / 2)


def draw(seed: int, number: int) -> Draw:
    """Return what chance decides for the job of that number; the same for the same seed, whatever else was drawn."""
    bits = blake2b(f"{seed}/{number}".encode(), digest_size=24).digest()
    uniform = (int.from_bytes(bits[16:]) + 0.5) / 2**64
    return Draw(UUID(bytes=bits[:16], version=4), _NORMAL.inv_cdf(min(max(uniform, 1e-12), 1 - 1e-12)))
