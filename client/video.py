"""A generated video."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO

from mockling.client.checks import check_seconds
from mockling.client.content import Content, check_mp4
from mockling.client.errors import ApiError, BrokenAnswer, NotDownloaded
from mockling.client.http import LARGEST_VIDEO, answer
from mockling.client.signals import signals_waiting

DOWNLOAD_TIMEOUT = 900.0  # seconds for all of it
SILENCE = 60.0  # seconds without a byte


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
    _content: Content | None = field(default=None, repr=False, compare=False)

    def save(self, path: str | os.PathLike[str], *, replace: bool = True, timeout: float = DOWNLOAD_TIMEOUT) -> Path:
        """Write the video to `path`, downloading it if need be, and return the path; can be called again.

        The file appears under its name when it is whole, in place of any that was there if `replace` is true; until
        then it has no name, so that nothing is left of it if the program is ended. `timeout` is the seconds within
        which the whole download must be there, whatever the server does; it may be silent for 60 of them. Raises
        `BrokenAnswer` if the video is not whole or not whole in time, `NotDownloaded` if it cannot be fetched,
        `ValueError` for seconds that are none, `OSError` if it cannot be written, if something else than an ordinary
        file has the name, or any file whatever (`FileExistsError`) that is not to be replaced.
        """
        check_seconds("timeout", timeout)
        target = _target(path)
        with _nameless(target.parent) as file:
            file.writelines(self._blocks(timeout))
            check_mp4(file)
            _give_name(file, target, replace)
        return Path(path)

    def _blocks(self, timeout: float) -> Iterable[bytes]:
        if self._content is not None:
            return self._content.blocks()
        assert self.url is not None
        return _download(self.url, timeout)


def _download(url: str, timeout: float) -> Iterator[bytes]:
    try:
        with answer("GET", url, timeout, silence=SILENCE) as answered:
            yield from answered.blocks(LARGEST_VIDEO)
    except BrokenAnswer:
        raise
    except ApiError as error:
        raise NotDownloaded(error.message, status=error.status, request_id=error.request_id) from error


def writable(path: str | os.PathLike[str]) -> Path:
    """Return where a video for `path` can be written, links followed.

    A file without a name is made there, and written to. Raises `OSError` if that fails, if the folder is not there, or
    if something is there that a video must not replace; its `strerror` is a sentence that says what to do.
    """
    target = _target(path)
    try:
        with tempfile.TemporaryFile(dir=target.parent) as file:
            file.write(b"\0")
    except OSError as error:
        why = f"{target.parent} takes no new file ({error.strerror}); choose another folder"
        raise OSError(error.errno, why) from error
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


def _nameless(folder: Path) -> IO[bytes]:
    """Return a new file without a name, which can be given one later where the system knows how (Linux)."""
    try:
        return os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666), "w+b")
    except (AttributeError, OSError):
        return tempfile.TemporaryFile(dir=folder)


def _give_name(file: IO[bytes], target: Path, replace: bool) -> None:
    """Give a file a name: beside the target and then in its place, so that no half of it is ever seen."""
    part = target.with_name(f".mockling-{secrets.token_hex(8)}.part")
    file.flush()
    with signals_waiting():
        try:
            if not _linked(file, part):
                with part.open("xb") as copy:
                    file.seek(0)
                    shutil.copyfileobj(file, copy)
            if replace:
                part.replace(target)
            else:
                _name(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _linked(file: IO[bytes], part: Path) -> bool:
    """Give a file without a name one, and say whether that could be."""
    try:
        folder = os.open(part.parent, os.O_RDONLY)
    except OSError:
        return False
    try:
        # Without a folder Python would not follow the link to the open file.
        os.link(f"/proc/self/fd/{file.fileno()}", part.name, dst_dir_fd=folder, follow_symlinks=True)
    except (OSError, NotImplementedError):
        return False
    finally:
        os.close(folder)
    return True


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
