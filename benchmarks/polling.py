"""10,000 jobs that run at once, polled by 64 connections: memory of a job, states that go backwards, pace of polls.

A `mockling serve` process; the pace is compared with 10 jobs in the same process, in turns.

    python benchmarks/polling.py
"""

from __future__ import annotations

import json
import random
import time
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

from common import BODY, CONTRACT, HOST, free_port, options_of, percentile, running, serve

HEADERS = {"x-api-key": "SG_0123456789abcdef", "content-type": "application/json"}
ROUNDS = 3
ORDER = ["QUEUED", "PROCESSING", "COMPLETED"]


def main() -> None:
    """Measure and print."""
    parser = options_of(__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--polls", type=int, default=20_000, help="of few jobs, and again of many, in all rounds")
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    port = free_port()
    # The jobs end about seven seconds after they were submitted, while they are polled.
    with running((*serve("--speed", "30"), str(port)), port) as process:
        few = _submit(port, 10)
        before = _rss(process.pid)
        many = _submit(port, options.jobs)
        after = _rss(process.pid)
        print(f"memory of a job        {(after - before) / options.jobs:.2f} KiB ({before} -> {after} KiB)")
        shown: dict[str, int] = {}
        for number in range(ROUNDS):
            for jobs in (few, many):
                times, backward = _poll(port, jobs, options, shown, seed=number)
                rates = f"median {percentile(times, 0.5):.2f} ms, p99 {percentile(times, 0.99):.2f}"
                print(f"polls among {len(jobs):6} jobs {rates}, states that went backwards: {backward}")
        seen = {state: sum(value == index for value in shown.values()) for index, state in enumerate(ORDER)}
        print(f"states seen            {seen}")


def _submit(port: int, count: int) -> list[str]:
    def submit(part: int) -> list[str]:
        connection = HTTPConnection(HOST, port, timeout=60)
        ids = []
        for _ in range(part):
            connection.request("POST", CONTRACT.path("submit"), BODY, HEADERS)
            ids.append(json.loads(connection.getresponse().read())["request_id"])
        connection.close()
        return ids

    parts = [count // 8 + (number < count % 8) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        return [one for ids in pool.map(submit, parts) for one in ids]


def _poll(port: int, jobs: list[str], options: Namespace, shown: dict[str, int], seed: int) -> tuple[list[float], int]:
    polls, connections = max(1, options.polls // ROUNDS // options.connections), options.connections

    def poll(number: int) -> tuple[list[float], int]:
        chance, connection = random.Random(seed * connections + number), HTTPConnection(HOST, port)
        times, backward = list[float](), 0
        for _ in range(polls):
            job = chance.choice(jobs)
            known, started = shown.get(job, 0), time.perf_counter()
            connection.request("GET", CONTRACT.path("status", id=job), headers=HEADERS)
            state = ORDER.index(json.loads(connection.getresponse().read())["status"])
            times.append(1000 * (time.perf_counter() - started))
            backward += state < known
            shown[job] = max(state, shown.get(job, 0))
        connection.close()
        return times, backward

    with ThreadPoolExecutor(connections) as pool:
        results = list(pool.map(poll, range(connections)))
    return [one for times, _ in results for one in times], sum(backward for _, backward in results)


def _rss(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


if __name__ == "__main__":
    main()
