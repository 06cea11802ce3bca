"""What calls cost while they are held: 1,000 of them, in one `mockling serve` process.

Memory and threads of a held call, how late answers are, how long GETs of a generated file take meanwhile (by a process
of its own), and how soon the server lets go when callers leave or it is told to stop. Linux only: it reads /proc.

    python benchmarks/held.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit

from common import HOST, WORK, ask, free_port, options_of, percentile, post, running, serve
from fetching import Fetching

SPEED = 20.0  # a call is held for about 10 s
OPENING = 2.0  # seconds over which the calls are opened when not all at once
PAUSE = 2.0  # seconds after which the server has come to rest
# Settings with which calls that come together are due together.
AT_ONCE = "[contract.x-models.kling-o3-video2video-reference.latency]\nspread = 0.0\n"


class Call(NamedTuple):
    """An answered call: when it was sent and answered, its status, seconds of generation, and the URL's path."""

    sent: float
    answered: float
    status: int
    generation: float
    output: str


async def _call(port: int, delay: float) -> Call:
    await asyncio.sleep(delay)
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(post(port))
    sent = time.monotonic()
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    answered = time.monotonic()
    status, *lines = head.splitlines()
    headers = dict(line.split(": ", 1) for line in lines if line)
    body = await reader.readexactly(int(headers["content-length"]))
    writer.close()
    output = urlsplit(json.loads(body).get("output", "")).path
    return Call(sent, answered, int(status.split()[1]), float(headers.get("x-generation-time", "0")), output)


def _status(pid: int, name: str) -> int:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines[name].split()[0])


def _files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def _hold(chosen: argparse.Namespace, opening: float, *options: str) -> None:
    port, calls, speed = free_port(), chosen.calls, chosen.speed
    with running((*serve("--speed", str(speed), *options), str(port)), port) as server:
        warm = await asyncio.gather(*(_call(port, 0) for _ in range(20)))
        fetching = Fetching(port, warm[0].output)
        await asyncio.sleep(chosen.pause)
        memory, threads = _status(server.pid, "VmRSS"), _status(server.pid, "Threads")
        start = time.monotonic()
        pending = [asyncio.create_task(_call(port, opening * number / calls)) for number in range(calls)]
        await asyncio.sleep(opening + chosen.pause)
        held_memory, held_threads = _status(server.pid, "VmRSS"), _status(server.pid, "Threads")
        answered = await asyncio.gather(*pending)
        times = fetching.stop()
    first, last = min(call.answered for call in answered), max(call.answered for call in answered)
    opened = max(call.sent for call in answered) + (0 if opening else chosen.pause / 2)
    late = [1000 * (call.answered - call.sent - call.generation / speed) for call in answered]
    print(f"{calls} calls sent within {max(c.sent for c in answered) - start:.1f} s, due within {last - first:.1f} s")
    print(f"  answers              {dict(Counter(call.status for call in answered))}")
    print(f"  memory of each       {(held_memory - memory) / calls:.1f} KiB ({memory} -> {held_memory} KiB)")
    print(f"  threads              {threads} before, {held_threads} while they are held")
    print(f"  answers late by, ms  {_told(late)}")
    for phase, since, until in (("opening", start, opened), ("hold", opened, first), ("due", first, last)):
        some = [1000 * seconds for begun, seconds in times if since <= begun < until]
        print(f"  GET in {phase:9} ms  {_told(some)}")


async def _let_go(chosen: argparse.Namespace) -> None:
    port, calls = free_port(), chosen.calls
    with running((*serve("--speed", "1"), str(port)), port) as server:
        ask(port, f"GET / HTTP/1.1\r\nhost: {HOST}\r\n\r\n".encode())
        before = _files(server.pid)
        streams = [await asyncio.open_connection(HOST, port) for _ in range(calls)]
        for _, writer in streams:
            writer.write(post(port))
        await asyncio.sleep(chosen.pause)
        held, start = _files(server.pid), time.monotonic()
        for _, writer in streams:
            writer.close()
        while (left := _files(server.pid)) > before and time.monotonic() < start + 30:
            await asyncio.sleep(0.005)
        print(f"{calls} callers leave: open files {before} -> {held} -> {left} in {time.monotonic() - start:.2f} s")
        pending = [asyncio.create_task(_call(port, 0)) for _ in range(calls)]
        await asyncio.sleep(chosen.pause)
        start = time.monotonic()
        server.terminate()
        await asyncio.to_thread(server.wait, 30)
        seconds = time.monotonic() - start
        ends = await asyncio.gather(*pending, return_exceptions=True)
        kinds = Counter(end.status if isinstance(end, Call) else type(end).__name__ for end in ends)
        print(f"SIGTERM with {calls} calls held: {seconds:.2f} s until it ended; callers got {dict(kinds)}")


def _told(values: list[float]) -> str:
    if not values:
        return "none"
    return f"median {median(values):.1f}, p99 {percentile(values, 0.99):.1f}, max {max(values):.1f} ({len(values)})"


def main() -> None:
    """Measure and print."""
    parser = options_of(__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--speed", type=float, default=SPEED, help="simulated seconds in a real one, while calls end")
    parser.add_argument("--opening", type=float, default=OPENING, help="seconds over which calls are opened")
    parser.add_argument("--pause", type=float, default=PAUSE, help="seconds after which the server has come to rest")
    chosen = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    WORK.mkdir(exist_ok=True)
    config = WORK / "at-once.toml"
    config.write_text(AT_ONCE)
    asyncio.run(_hold(chosen, chosen.opening))
    asyncio.run(_hold(chosen, 0, "--config", str(config)))
    asyncio.run(_let_go(chosen))


if __name__ == "__main__":
    main()
