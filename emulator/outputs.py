"""Outputs: the videos that are delivered, and the names under which they can be fetched."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from mockling import fixtures
from mockling.contract import Contract

MOST_FILES = 100_000  # outputs that can be fetched; the oldest go first


@dataclass(frozen=True, slots=True)
class Output:
    """A video for given parameters: `bytes` is its size, `metadata` the JSON that an answer tells of it (G13)."""

    mode: str
    ratio: str
    duration: int
    audio: bool
    bytes: int
    metadata: str

    def file(self) -> Path:
        """Return the video's file, cut again if it was removed. Raises `OSError` if it cannot be written."""
        return fixtures.render(self.mode, self.ratio, self.duration, self.audio)


class Outputs:
    """All outputs; there are only so many different ones, and each is looked at once."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._made: dict[tuple[str, str, int, bool], Output] = {}
        self._named: OrderedDict[str, tuple[Output, float, float]] = OrderedDict()

    def make(self, mode: str, ratio: str, duration: int, audio: bool) -> Output:
        """Return the output for these parameters (U1-U3). Raises `OSError` if it cannot be written."""
        output = self._made.get((mode, ratio, duration, audio))
        if output is None:
            size = fixtures.render(mode, ratio, duration, audio).stat().st_size
            output = Output(mode, ratio, duration, audio, size, self._metadata(mode, ratio, duration))
            self._made[mode, ratio, duration, audio] = output
        return output

    def keep(self, name: str, output: Output, since: float, until: float) -> None:
        """Let an output be fetched under a name, from one moment until another."""
        self._named[name] = output, since, until
        if len(self._named) > MOST_FILES:
            self._named.popitem(last=False)

    def find(self, name: str, now: float) -> Output | None:
        """Return the output of that name, or None if there is none any more."""
        output, since, until = self._named.get(name, (None, 0.0, 0.0))
        return output if since <= now < until else None

    def _metadata(self, mode: str, ratio: str, duration: int) -> str:
        width, height = self._contract.pixels(mode, ratio)
        fps = self._contract.document["x-output"]["frames_per_second"]
        size = {"height": height, "width": width, "frames": duration * fps, "fps": fps}
        return json.dumps({**size, "resolution": f"{width}x{height}"})
