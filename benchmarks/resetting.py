"""What a reset takes while calls are held: 2,000 of them by another process, ten times (Linux).

Each reset must answer every held call with 503 within a second, and leave no thread, task, descriptor or file behind.

    python benchmarks/resetting.py
"""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from common import HOST, options_of, post, spread

from mockling.emulator import Emulator

MOST = 1.0  # seconds that a reset may take
MORE = 100  # descriptors that a process has open beside those of calls


class Left(NamedTuple):
    """What is there when nothing is held."""

    threads: int
    tasks: int
    descriptors: int
    files: int


def _left(emulator: Emulator) -> Left:
    gc.collect()
    # The event loop is no part of what an emulator shows; only who looks for leaks asks for it.
    tasks = len(asyncio.all_tasks(emulator._listener.loop))
    files = len(list(Path(tempfile.gettempdir()).glob("*mockling-kept-*")))
    return Left(threading.active_count(), tasks, len(list(Path("/proc/self/fd").iterdir())), files)


async def _call(port: int, body: bytes) -> int:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(body)
    status = int((await reader.readline()).split()[1])
    await reader.read()
    writer.close()
    await writer.wait_closed()
    return status


async def _calls(port: int, calls: int) -> Counter[int]:
    request = post(port).replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
    return Counter(await asyncio.gather(*(_call(port, request) for _ in range(calls))))


def _called(port: int, calls: int) -> Counter[int]:
    """Make so many calls at once, in a process of their own; return the statuses of their answers."""
    _allow(calls)
    return asyncio.run(_calls(port, calls))


def _allow(calls: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(calls + MORE, most), most))


def _round(emulator: Emulator, callers: ProcessPoolExecutor, calls: int) -> tuple[float, float, Counter[int]]:
    """Hold calls and reset; return the seconds that this took, those until the last answer, and the statuses."""
    told = callers.submit(_called, urlsplit(emulator.url).port or 0, calls)
    while emulator.held < calls:
        time.sleep(0.01)
    start = time.monotonic()
    emulator.reset()
    took = time.monotonic() - start
    statuses = told.result()
    return took, time.monotonic() - start, statuses


def _warm(emulator: Emulator, callers: ProcessPoolExecutor) -> None:
    """Have a video cut, which stays, and a reset behind."""
    told = callers.submit(_called, urlsplit(emulator.url).port or 0, 1)
    while not told.done():
        emulator.settle()
    _round(emulator, callers, 1)


def main() -> None:
    """Measure and print; exit with 1 if a bound is broken."""
    parser = options_of(__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=10)
    chosen = parser.parse_args()
    _allow(chosen.calls)
    took, answered, statuses = list[float](), list[float](), Counter[int]()
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, get_context("spawn")) as callers:
        tempfile.tempdir = folder  # what others leave in theirs is not counted
        with Emulator(speed="manual", credits=10**9) as emulator:
            _warm(emulator, callers)
            before = _left(emulator)
            for _ in range(chosen.rounds):
                reset, last, told = _round(emulator, callers, chosen.calls)
                took.append(1000 * reset)
                answered.append(1000 * last)
                statuses += told
            after = _left(emulator)
    print(f"{chosen.rounds} resets with {chosen.calls} calls held, ms: median, min, max")
    print(f"  reset          {spread(took)}")
    print(f"  last answer    {spread(answered)}")
    print(f"  statuses       {dict(statuses)}")
    for name, first, then in zip(Left._fields, before, after, strict=True):
        print(f"  {name:14} {first} before, {then} after")
    leaks = any(then > first for first, then in zip(before, after, strict=True))
    sys.exit(int(leaks or max(took) > 1000 * MOST or set(statuses) != {503}))


if __name__ == "__main__":
    main()
