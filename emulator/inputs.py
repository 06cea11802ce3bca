"""Inputs: the video behind a URL, without a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mockling import fixtures

BUNDLED = "https://inputs.mockling.example/{name}.mp4"  # where the bundled input clips seem to be


@dataclass(frozen=True, slots=True)
class Input:
    """What is known of an input video: its width in pixels (None: it was not looked at) and whether it has sound."""

    width: int | None
    audio: bool

    @property
    def findings(self) -> list[str]:
        """What its user should know of it, one sentence each."""
        return [] if self.width else ["video_url stands for no file here and was taken for a good video with sound."]


class Inputs:
    """The URLs that stand for files: the page's sample, the bundled clips, and the user's own."""

    def __init__(self, sample_url: str, own: Mapping[str, Path]) -> None:
        clips = fixtures.clips().items()
        bundled = {BUNDLED.format(name=name): clip.path for name, clip in clips if clip.path.parent.name == "inputs"}
        self._files = {sample_url: fixtures.input_clip("valid"), **bundled, **own}

    def look(self, url: str, upload: Path | None = None) -> Input:
        """Return what is known of the video behind a URL, or of the uploaded file that it leads to.

        A URL that stands for no file is taken on trust: a good video with sound. Raises `fixtures.UnreadableVideo`
        if the file is no video, `OSError` if it is gone.
        """
        path = upload or self._files.get(url)
        if path is None:
            return Input(width=None, audio=True)
        state = path.stat()
        return _probe(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=256)
def _probe(path: Path, _modified: int, _size: int) -> Input:
    found = fixtures.probe(path)
    return Input(found.width, found.audio)
