"""Outputs: the videos that are delivered, each with its request's id in it."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import BinaryIO

from mockling import fixtures
from mockling.contract import Output
from mockling.emulator.platform.refused import Refused

MOST_SIZES = 4096  # outputs whose size is remembered


class Outputs:
    """The videos; how large each is, is looked at once."""

    def __init__(self) -> None:
        self.size = lru_cache(maxsize=MOST_SIZES)(_size)

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
