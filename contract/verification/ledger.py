"""The ledger: a file that knows of every request that may have been billed, before it was sent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from platformdirs import user_state_path

RESERVED, SPENT, RELEASED, BALANCE = "reserved", "spent", "released", "balance"
LOCK_TIMEOUT = 10.0  # seconds
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
        try:
            if path is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.parent.stat()  # a lock would make the folder, which is more likely misspelt
            with self._locked():
                os.close(self._open(os.O_WRONLY))
                self._mend()
        except OSError as error:
            raise self._failed(error) from error
        self.spent()

    def write(self, **row: Any) -> None:
        """Add a line, and return when it is on the disk. Raises `LedgerError` if that cannot be."""
        line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **row}, default=str) + "\n"
        try:
            with self._locked():
                file = self._open(os.O_WRONLY | os.O_APPEND)
                try:
                    written = os.write(file, line.encode())
                    os.fsync(file)
                finally:
                    os.close(file)
        except OSError as error:
            raise self._failed(error) from error
        if written != len(line.encode()):
            raise LedgerError(
                f"The ledger {self.path} took only a part of a line: the disk is full. Nothing more is sent."
            )

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
            with lock:
                yield
        except Timeout as error:
            raise LedgerError(
                "Another run with this key is under way; wait for its end, for the balance cannot tell the two apart."
            ) from error

    def _rows(self) -> Iterator[Mapping[str, Any]]:
        try:
            with self.path.open("rb") as file:
                content = file.read(LARGEST + 1)
        except OSError as error:
            raise self._failed(error) from error
        if len(content) > LARGEST:
            raise LedgerError(
                f"The ledger {self.path} is larger than {LARGEST // 1024**2} MiB; put it away and begin another."
            )
        lines = content.split(b"\n")
        for number, line in enumerate(lines[:-1], 1):  # a last line without its end was never followed by a request
            if line.strip():
                yield _checked(line, f"{self.path}, line {number}")

    def _open(self, flags: int) -> int:
        return os.open(self.path, flags | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)

    def _mend(self) -> None:
        """End a line that was cut off when its writer was killed; what it would have told of was never sent."""
        with self.path.open("r+b") as file:
            content = file.read()
            if content and not content.endswith(b"\n"):
                file.truncate(content.rfind(b"\n") + 1)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except Timeout as error:
            raise LedgerError(
                f"The ledger {self.path} is locked by another program; try again, or name another with --ledger."
            ) from error

    def _failed(self, error: OSError) -> LedgerError:
        reason = error.strerror or str(error)
        return LedgerError(
            f"The ledger {self.path} cannot be kept: {reason}. Nothing is sent without one; name another with --ledger."
        )


def digest(key: str) -> str:
    """Return what stands for a key in a ledger."""
    return blake2b(key.encode(), digest_size=8, person=b"mockling").hexdigest()


def _checked(line: bytes, where: str) -> Mapping[str, Any]:
    """Return a row. Raises `LedgerError` if it is none, for then nobody knows what was spent."""
    try:
        row = json.loads(line)
        if row["state"] != BALANCE:
            known = row["state"] in (RESERVED, SPENT, RELEASED) and isinstance(row["number"], int)
            if not (known and isinstance(row["run"], str) and Decimal(row["amount"]) >= 0):
                raise ValueError
        return dict(row)
    except (ValueError, KeyError, TypeError, InvalidOperation, RecursionError) as error:
        raise LedgerError(
            f"{where} is no line of a ledger; put the file away and look into it, or name another with --ledger."
        ) from error
