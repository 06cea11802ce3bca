"""Outputs: the videos that are delivered, each with its request's id in it."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import lru_cache
from threading import Thread
from typing import BinaryIO

from mockling import fixtures
from mockling.contract import Output
from mockling.emulator.platform.refused import Refused

MOST_SIZES = 4096  # outputs whose size is remembered


class Outputs:
    """The videos; how large each is, is looked at once."""

    def __init__(self) -> None:
        self.size = lru_cache(maxsize=MOST_SIZES)(_size)
        self._known: set[Output] = set()
        self._cutting: dict[Output, Thread] = {}

    def ready(self, output: Output) -> bool:
        """Say whether a video need not be cut any more, or could not be; if it must be, begin, in another thread."""
        if output in self._known:
            return True
        thread = self._cutting.get(output)
        if thread is None:
            thread = self._cutting[output] = Thread(target=self._cut, args=(output,), daemon=True, name="mockling-cut")
            thread.start()
        if thread.is_alive():
            return False
        self._cutting.pop(output, None)
        if len(self._known) >= MOST_SIZES:
            self._known.clear()
        self._known.add(output)
        return True

    def _cut(self, output: Output) -> None:
        with suppress(Refused):  # who asks for the video is told why
            self.size(output)

    def file(self, output: Output, request_id: str) -> BinaryIO:
        """Return a video as an open file that names its request, cut again if it was removed.

        Raises `Refused` if it cannot be written or read.
        """
        try:
            return _opened(output, request_id)
        except OSError as error:
            raise _no_output(error) from error


def _opened(output: Output, request_id: str) -> BinaryIO:
    try:
        return fixtures.marked(_render(output), request_id)
    except FileNotFoundError:  # it made room for another in between
        return fixtures.marked(_render(output), request_id)


def _size(output: Output) -> int:
    """Return a video's bytes, when it is ready to be fetched. Raises `Refused` if it cannot be written."""
    try:
        return _render(output).bytes
    except OSError as error:
        raise _no_output(error) from error


def _render(output: Output) -> fixtures.Rendered:
    return fixtures.render(output.width, output.height, output.seconds, audio=bool(output.audio), fps=output.fps)


def _no_output(error: OSError) -> Refused:
    return Refused("no_output", reason=error.strerror or error)


@lru_cache(maxsize=1024)
def metadata(output: Output) -> str:
    """Return the JSON that a response of v1 tells of an output (G13)."""
    frames = round(output.seconds * output.fps)
    size = {"height": output.height, "width": output.width, "frames": frames, "fps": output.fps}
    return json.dumps({**size, "resolution": f"{output.width}x{output.height}"})
