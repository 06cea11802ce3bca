"""How this command is called, for commands that are suggested to the user."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path


def suggested(*arguments: str) -> str:
    """Return a command line that runs this very command, typed as it stands in the current folder."""
    return shlex.join([*_this_command(), *arguments])


def _this_command() -> list[str]:
    program, module = Path(sys.argv[0]), getattr(sys.modules["__main__"], "__spec__", None)
    if module and module.parent in ("mockling", "mockling.cli"):  # python -m
        return [sys.executable, "-m", module.parent]
    known = shutil.which("mockling")
    if program.stem != "mockling" or not program.exists() or (known and _same(known, program)):
        return ["mockling"]
    path, here = program.absolute(), Path.cwd()
    return [os.path.join(".", path.name)] if path.parent == here else [str(_below(here, path))]  # noqa: PTH118 - Path drops the dot


def _same(one: str, other: Path) -> bool:
    return Path(one).resolve() == other.resolve()


def _below(folder: Path, path: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path
