"""Chance: everything random about a job or an upload, drawn from the seed and its number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import blake2b
from struct import unpack
from uuid import UUID


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
    radius, angle = unpack("!II", bits[16:])
    return Draw(UUID(bytes=bits[:16], version=4), _normal(radius, angle))


def name(seed: int, number: int) -> str:
    """Return what the upload of that number is called, 32 hex digits; the same for the same seed."""
    return blake2b(f"{seed}/upload/{number}".encode(), digest_size=16).hexdigest()


def share(seed: int, fault: int, number: int) -> float:
    """Return what chance draws for the call of that number which a fault may strike, from 0 to 1, without 1."""
    bits = blake2b(f"{seed}/fault/{fault}/{number}".encode(), digest_size=4).digest()
    return float(unpack("!I", bits)[0]) / 2**32


def _normal(radius: int, angle: int) -> float:
    """Return a standard normal number made of two uniform ones of 32 bits, as Box and Muller did."""
    return math.sqrt(-2 * math.log((radius + 0.5) / 2**32)) * math.cos(math.tau * angle / 2**32)
