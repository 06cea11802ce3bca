"""The ledger: a file that knows of every request that may have been billed, before it was sent."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from errno import EINVAL, ENOSPC
from hashlib import blake2b
from io import FileIO
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from platformdirs import user_state_path

RESERVED, SPENT, RELEASED, BALANCE = "reserved", "spent", "released", "balance"
LOCK_TIMEOUT = 10.0  # seconds
INFINITE = Decimal("inf")
START = b'{"at": "'  # of every line
LONGEST_LINE = 64 * 1024  # bytes
LARGEST = 64 * 1024**2  # bytes


class LedgerError(Exception):
    """The ledger cannot be kept, so nothing may be sent; the message says why and what to do."""


class Ledger:
    """An append-only file of JSON lines, one for each change of what a request may cost.

    A line is on the disk before what it tells of is done: a run that is killed at any moment leaves as reserved what it
    may have spent, and that counts as spent. What the file holds of a key is a digest. `path` None is a file in the
    user's state folder. Raises `LedgerError` if it cannot be read or written, or is no ledger.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or user_state_path("mockling") / "ledger.jsonl"
        self._lock = FileLock(f"{self.path}.lock", timeout=LOCK_TIMEOUT)
        with self._told():
            if path is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.parent.stat()  # a lock would make the folder, which is more likely misspelt
        self.spent()  # a file that is no ledger is left as it is
        self.write()

    def write(self, *rows: Mapping[str, Any]) -> None:
        """Add lines, all or none of them, and return when they are on the disk. Raises `LedgerError` if not."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        lines = "".join(json.dumps({"at": at, **row}, default=str) + "\n" for row in rows).encode()
        with self._told(), self._lock, self._opened() as file:
            end = _mended(file)
            if file.write(lines) != len(lines):
                file.truncate(end)
                raise OSError(ENOSPC, os.strerror(ENOSPC))
            os.fsync(file.fileno())

    def spent(self, run: str | None = None) -> Decimal:
        """Return the US dollars that count as spent, of one run or of all: what was reserved and not released."""
        amounts: dict[tuple[str, int], Decimal] = {}
        for row in self._rows():
            if row["state"] != BALANCE and run in (None, row["run"]):
                amounts[row["run"], row["number"]] = Decimal(0) if row["state"] == RELEASED else Decimal(row["amount"])
        return sum(amounts.values(), Decimal(0))

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Be the only run with a key, for two at once could not tell what each has spent.

        Raises `LedgerError` if there is another.
        """
        lock = FileLock(f"{self.path}.{digest(key)}.lock", timeout=0)
        try:
            with self._told():
                lock.acquire()
        except _Locked as error:
            raise LedgerError(
                "Another run with this key is under way; wait for its end, for the balance cannot tell the two apart."
            ) from error
        try:
            yield
        finally:
            lock.release()

    def _rows(self) -> Iterator[Mapping[str, Any]]:
        with self._told(), self._opened() as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise LedgerError(
                f"The ledger {self.path} is larger than {LARGEST // 1024**2} MiB; put it away and begin another."
            )
        *lines, last = content.split(b"\n")
        for number, line in enumerate(lines, 1):
            yield _checked(line, f"{self.path}, line {number}")
        if not (last.startswith(START) or START.startswith(last.strip(b"\0"))):  # else its writer was killed, no more
            yield _checked(last, f"The end of {self.path}")

    @contextmanager
    def _opened(self) -> Iterator[FileIO]:
        """Open the file to read it and add to it; it is made, for its owner alone, if it is not there."""
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            number = os.open(self.path, flags)
        except FileNotFoundError:
            number = os.open(self.path, flags | os.O_CREAT, 0o600)
            _keep_name(self.path)
        with FileIO(number, "r+") as file:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                raise OSError(EINVAL, "it is no plain file")
            yield file

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what the system refuses as what it means for a ledger."""
        another = "name another with --ledger"
        try:
            yield
        except Timeout as error:
            raise _Locked(f"The ledger {self.path} is locked by another program; try again, or {another}.") from error
        except (OSError, NotImplementedError) as error:  # the latter where a file system has no locks
            reason = getattr(error, "strerror", None) or str(error)
            told = f"The ledger {self.path} cannot be kept: {reason}. Nothing is sent without one; {another}."
            raise LedgerError(told) from error


class _Locked(LedgerError):
    """A lock is held by another program."""


def _mended(file: FileIO) -> int:
    """Cut off a last line that its writer did not end, for what it tells of was never done; return the size."""
    end = file.seek(0, os.SEEK_END)
    start = file.seek(max(end - LONGEST_LINE, 0))
    last = file.read(LONGEST_LINE).rpartition(b"\n")[2]
    if len(last) > end - start - 1 and start:
        raise OSError(EINVAL, "its last line is no line of a ledger")
    return file.truncate(end - len(last))


def _keep_name(path: Path) -> None:
    """Have the name of a new file survive a loss of power, where the system can do that."""
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def digest(key: str) -> str:
    """Return what stands for a key in a ledger."""
    return blake2b(key.encode(), digest_size=8, person=b"mockling").hexdigest()


def _checked(line: bytes, where: str) -> Mapping[str, Any]:
    """Return a row. Raises `LedgerError` if it is none, for then nobody knows what was spent."""
    try:
        row = json.loads(line)
        if row["state"] != BALANCE:
            known = row["state"] in (RESERVED, SPENT, RELEASED) and isinstance(row["number"], int)
            if not (known and isinstance(row["run"], str) and 0 <= Decimal(row["amount"]) < INFINITE):
                raise ValueError
        return dict(row)
    except (ValueError, KeyError, TypeError, InvalidOperation, RecursionError) as error:
        raise LedgerError(
            f"{where} is no line of a ledger; put the file away and look into it, or name another with --ledger."
        ) from error
