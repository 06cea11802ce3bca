"""Inputs: the file behind a URL, without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mockling import fixtures
from mockling.contract import InputFile, Model, Output

KINDS = {".mp4": "video", ".mov": "video", ".jpg": "image", ".png": "image"}  # what uploads of these names are
BUNDLED = "https://inputs.mockling.example/{name}.mp4"  # where the bundled input clips seem to be


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of an input: its `measures` (see `mockling.contract.inputs`), and whether it has `audio`."""

    measures: Mapping[str, float]
    audio: bool


class UnreadableInput(Exception):
    """The file behind a URL is not what it must be; the message says why."""


class Inputs:
    """The URLs that stand for files: the models' examples, the bundled clips, the user's own, and this emulator's.

    `upload` finds an uploaded file by its name, `output` what a generation delivered by its file's name; both return
    None for none.
    """

    def __init__(
        self,
        models: Iterable[Model],
        own: Mapping[str, Path],
        upload: Callable[[str], Path | None],
        output: Callable[[str], tuple[Output, int] | None],
    ) -> None:
        clips = fixtures.clips().items()
        bundled = {BUNDLED.format(name=name): clip.path for name, clip in clips if clip.path.parent.name == "inputs"}
        files = [file for model in models for file in model.inputs(model.example) if file.kind == "video"]
        examples = {file.url: fixtures.input_clip("valid") for file in files}
        self._files = {**examples, **bundled, **own}
        self._upload = upload
        self._output = output

    def look(self, file: InputFile, root: str) -> Found | None:
        """Return what is known of an input, or None if its URL stands for no file here and is taken on trust.

        `root` is the address of this server, as the caller knows it. Raises `UnreadableInput`.
        """
        folder, _, name = file.address.path.rpartition("/")
        delivered = self._output(name) if folder.endswith("/generations") else None
        if delivered:
            return _delivered(*delivered)
        path = self._files.get(file.url) or (self._upload(name) if folder.endswith("/assets") else None)
        if path is not None:
            return _measured(path, file.kind)
        if file.url.startswith((f"{root}generations/", f"{root}assets/")):
            raise UnreadableInput("404 Not Found")
        return None


def remember(path: Path) -> None:
    """Look into a file that was just uploaded, for who uploads it waits anyhow."""
    kind = KINDS.get(path.suffix)
    if kind:
        with suppress(UnreadableInput):
            _measured(path, kind)


def _delivered(output: Output, size: int) -> Found:
    sides = {"width": output.width, "height": output.height, "ratio": output.width / output.height}
    return Found({**sides, "seconds": output.seconds, "fps": output.fps, "bytes": size}, bool(output.audio))


def _measured(path: Path, kind: str) -> Found:
    try:
        state = path.stat()
        found = _looked_into(path, kind, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise UnreadableInput(error.strerror or "the file cannot be read") from error
    if isinstance(found, str):
        raise UnreadableInput(found)
    return found


@lru_cache(maxsize=2048)
def _looked_into(path: Path, kind: str, _modified: int, size: int) -> Found | str:
    """Return what is known of a file, or why it cannot be read; to find either out may take a second."""
    try:
        return _probe(path, kind, size)
    except (fixtures.UnreadableVideo, fixtures.UnreadableImage) as error:
        return str(error)


def _probe(path: Path, kind: str, size: int) -> Found:
    if kind == "image":
        picture = fixtures.probe_image(path)
        return Found(
            {"width": picture.width, "height": picture.height, "ratio": picture.width / picture.height, "bytes": size},
            audio=False,
        )
    video = fixtures.probe(path)
    sides = {"width": video.width, "height": video.height, "ratio": video.width / video.height}
    return Found({**sides, "seconds": video.seconds, "fps": video.fps, "bytes": size}, video.audio)
