"""Files by which other programs learn of the emulator: whole from the moment they are there, gone when it stops."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PROCESS = re.compile(rb'(?:"pid": |^Process )(\d{1,10})', re.MULTILINE)


def check_place(path: Path, begins: str) -> None:
    """Make sure that a file can be made, and that one it replaces is empty or older: it `begins` as this one will.

    One of a process that still runs is not replaced. Raises `ValueError`, which says what to do.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise ValueError(f"there is no folder {path.parent}; make it, or choose another.")
    try:
        if os.path.lexists(path) and not (path.is_file() and _is_ours(path.read_bytes(), begins.encode())):
            raise ValueError(f"{path} is something else, which is not replaced; choose another name.")
        if path.is_file() and (owner := _running(path.read_bytes())):
            raise ValueError(f"{path} is that of process {owner}, which still runs; end that, or choose another name.")
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror}); choose another folder.") from error


def _is_ours(content: bytes, begins: bytes) -> bool:
    return not content or content.startswith(begins)  # an empty one was made to have a free name


def _running(content: bytes) -> int | None:
    """Return the process whose file that is, if it is another one than this and still runs, as far as is known."""
    named = _PROCESS.search(content)
    process = int(named[1]) if named else os.getpid()
    if process == os.getpid() or os.name != "posix":
        return None
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return None
    except PermissionError:  # it runs, for another user
        return process
    return process


@contextmanager
def announced(path: Path, text: str, *, secret: bool = False) -> Iterator[None]:
    """Have a file with a text there until the end, unless somebody else replaces it; a secret one for its owner alone.

    Raises `OSError`, which names the file.
    """
    try:
        _write(path, text, 0o600 if secret else 0o666)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    try:
        yield
    finally:
        with suppress(OSError):
            if path.read_text("utf-8") == text:
                path.unlink()


def _write(path: Path, text: str, mode: int) -> None:
    """Write a text beside its place, and then put it there as a whole."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)  # one of a process that had the same number and was killed
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
