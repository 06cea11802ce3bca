"""The process under attack, as its attacker sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

CHILD = Path(__file__).with_name("child.py")
GUARD = Path(__file__).parent.parent / "guard"  # refuses every connection beyond loopback
STOP_LIMIT = 10.0  # seconds


@dataclass(frozen=True)
class State:
    """What a process holds: resident `memory` in bytes, descriptors, threads; and the calls it counted and holds."""

    memory: int
    fds: int
    threads: int
    calls: int
    held: int

    @property
    def rest(self) -> tuple[int, int, int]:
        """What must be as before when nobody calls."""
        return self.fds, self.threads, self.held


class Died(Exception):
    """The emulator has ended; the message is what it said last."""


class Target:
    """An emulator in a process of its own, from `with` to its end. Needs /proc, so Linux."""

    def __init__(self, seed: int) -> None:
        path = os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH")]))
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it is open as long as this is
        self._process = subprocess.Popen(
            [sys.executable, "-W", "always::ResourceWarning", str(CHILD), str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the attacker
            text=True,
        )
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise Died(self.errors())
        self.address = "127.0.0.1", int(urlsplit(self.url).port or 0)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def state(self) -> State:
        """Return what it holds after it collected its garbage. Raises `Died`."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
            told = json.loads(self._process.stdout.readline())
        except (BrokenPipeError, ValueError) as error:
            raise Died(self.errors()) from error
        folder = Path("/proc") / str(self._process.pid)
        lines = (folder / "status").read_text().splitlines()
        status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
        fds = len(list((folder / "fd").iterdir()))
        return State(int(status["VmRSS"][0]) * 1024, fds, int(status["Threads"][0]), **told)

    def errors(self) -> str:
        """Return all that it said on its standard error."""
        size = self._errors.seek(0, os.SEEK_END)
        return os.pread(self._errors.fileno(), size, 0).decode("utf-8", "replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.close()
            self._process.wait(STOP_LIMIT)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()
