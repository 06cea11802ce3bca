"""One version against another, in turns under the same load: POSTs per second, held calls, start (Linux).

The other is the `mockling` of a checkout with an environment of its own, such as one made by

    git worktree add /tmp/other COMMIT && make -C /tmp/other .venv/.ready-dev
    python benchmarks/against.py /tmp/other/.venv/bin/mockling
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from statistics import median

from common import HOST, MOCKLING, ask, free_port, options_of, post, running, spread
from load import generate

HELD = 3000  # so many that what is taken once does not count
MOST_HELD = 2  # rounds of holding calls


def main() -> None:
    """Measure and print."""
    parser = options_of(__doc__, rounds=6)
    parser.add_argument("other", help="the other version's command")
    parser.add_argument("--seconds", type=float, default=2, help="of load on each in a round")
    parser.add_argument("--calls", type=int, default=HELD, help="that are held")
    parser.add_argument("--pause", type=float, default=2, help="seconds within which they have all come")
    options = parser.parse_args()
    commands = (MOCKLING, str(Path(options.other).absolute()))
    print(f"{'':28}{'this':>10}{'min':>10}{'max':>10}{'other':>10}{'min':>10}{'max':>10}{'ratio':>10}")
    rounds = options.warm_up + options.rounds
    loads = _load(commands, rounds, options.seconds)[options.warm_up :]
    _tell("POSTs/s, 16 connections", [[rate for rate, _ in pair] for pair in loads])
    _tell("CPU of a POST, us", [[cpu for _, cpu in pair] for pair in loads])
    held = range(min(MOST_HELD, options.rounds))
    held_calls = [[_held(command, options.calls, options.pause) for command in commands] for _ in held]
    _tell("memory of a held call, KiB", held_calls, digits=1)
    for name, path in (("start to a refusal, ms", "/v1/none"), ("start to a video, ms", None)):
        starts = [[_start(command, path) for command in commands] for _ in range(rounds)]
        _tell(name, starts[options.warm_up :])


def _tell(name: str, rounds: list[list[float]], digits: int = 0) -> None:
    this, other = ([pair[side] for pair in rounds] for side in (0, 1))
    ratio = median(ours / theirs for ours, theirs in rounds)
    print(f"{name:28}{spread(this, digits)}{spread(other, digits)}{f'{ratio:.2f}x':>10}")


def _serve(command: str, speed: str) -> tuple[str, ...]:
    return command, "serve", "--credits", "1000000000", "--speed", speed, "--port"


def _load(commands: tuple[str, ...], rounds: int, seconds: float) -> list[list[tuple[float, float]]]:
    """Return, for each round, what each command did: POSTs per second, and its microseconds of CPU for each."""
    ports = [free_port() for _ in commands]
    this, other = (_serve(command, "instant") for command in commands)
    found: list[list[tuple[float, float]]] = []
    with running((*this, str(ports[0])), ports[0]) as first, running((*other, str(ports[1])), ports[1]) as second:
        for _ in range(rounds):
            pair = []
            for process, port in zip((first, second), ports, strict=True):
                before = _seconds(process.pid)
                rate = generate(port, post(port), 16, seconds)
                pair.append((rate, 1e6 * (_seconds(process.pid) - before) / (seconds * rate)))
            found.append(pair)
    return found


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _held(command: str, count: int, pause: float) -> float:
    """Return the KiB that each of so many held calls takes."""
    port = free_port()
    with running((*_serve(command, "1"), str(port)), port) as server:
        calls = _open(port, 50, pause)
        before = _memory(server.pid)
        calls += _open(port, count, pause)
        taken = _memory(server.pid) - before
        for call in calls:
            call.close()
    return taken / count


def _open(port: int, count: int, pause: float) -> list[socket.socket]:
    calls = [socket.create_connection((HOST, port)) for _ in range(count)]
    for call in calls:
        call.sendall(post(port))
    time.sleep(pause)
    return calls


def _memory(pid: int) -> int:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["VmRSS"].split()[0])


def _start(command: str, path: str | None) -> float:
    """Return the milliseconds from a command's start to its first response."""
    port = free_port()
    request = post(port, path=path) if path else post(port)
    started = time.perf_counter()
    with running((*_serve(command, "instant"), str(port)), port):
        ask(port, request)
        return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    main()
