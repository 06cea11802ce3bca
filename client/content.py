"""The content of a video: where it is kept, and whether it is whole."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from io import BytesIO
from threading import Lock
from typing import IO

from mockling.client.errors import BrokenAnswer

BLOCK = 256 * 1024  # bytes read at a time
MOST_BOXES = 100_000  # of an MP4; one that is sent in fragments has some for each second


class Content:
    """The bytes of a video that came as an answer, kept in a file without a name, which is gone with this object.

    It is in memory only if the system has no place for temporary files. Raises `BrokenAnswer` if the video is not
    whole, `OSError` if the place is full, and what `blocks` raises.
    """

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._lock = Lock()
        try:
            self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with this object
        except OSError:
            self._file = BytesIO()
        weakref.finalize(self, self._file.close)
        self._file.writelines(blocks)
        check_mp4(self._file)

    def __deepcopy__(self, _: object) -> Content:
        return self  # it never changes

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes piece by piece; several threads can do so at once."""
        position = 0
        while True:
            with self._lock:
                self._file.seek(position)
                block = self._file.read(BLOCK)
            if not block:
                return
            position += len(block)
            yield block


def check_mp4(file: IO[bytes]) -> None:
    """Raise `BrokenAnswer` if a file is no MP4, or one whose end is missing: its boxes must fill it exactly."""
    size, position, missing = file.seek(0, os.SEEK_END), 0, {b"moov", b"mdat"}
    for _ in range(MOST_BOXES):
        if position == size:
            break
        file.seek(position)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4]), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16])
        elif length == 0:
            length = size - position
        if position == 0 and kind != b"ftyp":
            raise BrokenAnswer("What came is no MP4 video.")
        if length < 8 or position + length > size:
            raise BrokenAnswer(f"The video is not whole: it ends after {size} bytes.")
        missing.discard(kind)
        position += length
    if missing or position < size:
        raise BrokenAnswer("The video is not whole: it is empty or parts of it are missing.")
