"""A generated video."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO

from mockling.client.errors import ApiError, BrokenAnswer, NotDownloaded
from mockling.client.http import answer, blocks

DOWNLOAD_TIMEOUT = 60.0  # seconds without a byte


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A video that was generated and paid for.

    `url` is where it can be downloaded, for a limited time and without a key (None: the answer was the video itself);
    `request_id` names the generation; `seconds` is how long it took, `cost` what it cost and `remaining_credits` what
    is left, both in US dollars (None: the server did not say).
    """

    url: str | None
    request_id: str | None
    seconds: float | None
    cost: Decimal | None
    remaining_credits: Decimal | None
    _content: bytes | None = field(default=None, repr=False, compare=False)

    def save(self, path: str | os.PathLike[str], *, replace: bool = True) -> Path:
        """Write the video to `path`, downloading it if need be, and return the path; can be called again.

        The file appears under its name when it is whole, in place of any that was there if `replace` is true. Raises
        `BrokenAnswer` if the video is not whole, `NotDownloaded` if it cannot be fetched, `OSError` if it cannot be
        written, if something else than an ordinary file has the name, or any file whatever (`FileExistsError`) that is
        not to be replaced.
        """
        with _written_whole(_target(path), replace) as file:
            if self._content is not None:
                file.write(self._content)
            else:
                assert self.url is not None
                file.writelines(_download(self.url))
            check_mp4(file)
        return Path(path)


def _download(url: str) -> Iterator[bytes]:
    try:
        with answer("GET", url, DOWNLOAD_TIMEOUT) as response:
            yield from blocks(response)
    except BrokenAnswer:
        raise
    except ApiError as error:
        raise NotDownloaded(error.message, status=error.status, request_id=error.request_id) from error


def writable(path: str | os.PathLike[str]) -> Path:
    """Return where a video for `path` can be written, links followed.

    A temporary file is made there, and removed. Raises `OSError` if that fails, if the folder is not there, or if
    something is there that a video must not replace; its `strerror` is a sentence that says what to do.
    """
    target = _target(path)
    part = _part_of(target)
    try:
        with part.open("xb") as file:
            file.write(b"\0")
    except OSError as error:
        why = f"{target.parent} takes no new file ({error.strerror}); choose another folder"
        raise OSError(error.errno, why) from error
    finally:
        with suppress(OSError):  # such as that it was never made
            part.unlink()
    return target


def _target(path: str | os.PathLike[str]) -> Path:
    """Return the file that `path` leads to. Raises `OSError` if a video must not have its name."""
    target, mode = Path(path), None
    try:
        target = target.resolve()
        mode = target.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        pass  # nothing is there, and perhaps no folder
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself, before Python 3.13
        code = error.errno if isinstance(error, OSError) else errno.ELOOP
        why = f"{target} can be no file ({os.strerror(code or errno.EINVAL)}); choose another name"
        raise OSError(code, why) from error
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"There is no folder {target.parent}; make it first")
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, f"{target} is a folder; name a file")
    if mode is not None and not stat.S_ISREG(mode):
        raise FileExistsError(errno.EEXIST, f"{target} is no ordinary file; choose another name")
    if mode is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, f"{target} may not be written; choose another name")
    return target


def _part_of(target: Path) -> Path:
    return target.with_name(f".mockling-{secrets.token_hex(8)}.part")


@contextmanager
def _written_whole(target: Path, replace: bool) -> Iterator[IO[bytes]]:
    """Give a file that takes its name when all went well, and is gone otherwise."""
    part = _part_of(target)
    try:
        with part.open("x+b") as file:
            yield file
        if replace:
            part.replace(target)
        else:
            _name(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _name(part: Path, target: Path) -> None:
    """Give a file its name. Raises `FileExistsError` if another has it."""
    try:
        target.hardlink_to(part)
    except FileExistsError as error:
        raise FileExistsError(errno.EEXIST, f"{target} exists already") from error
    except OSError:  # a file system without links
        if target.exists():
            raise FileExistsError(errno.EEXIST, f"{target} exists already") from None
        part.replace(target)
    else:
        part.unlink()


def check_mp4(file: IO[bytes]) -> None:
    """Raise `BrokenAnswer` if a file is no MP4, or one whose end is missing: its boxes must fill it exactly."""
    size, position, kinds = file.seek(0, os.SEEK_END), 0, []
    while position < size:
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
        kinds.append(kind)
        position += length
    if not {b"moov", b"mdat"} <= set(kinds):
        raise BrokenAnswer("The video is not whole: it is empty or parts of it are missing.")
