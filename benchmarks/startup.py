"""How long a whole process takes from its start until its first POST is answered.

Mockling against a bare Flask application, of one route that answers JSON, on the same uvicorn; in turns.

    python benchmarks/startup.py
"""

from __future__ import annotations

import argparse
import sys
import time
from statistics import median

from common import WORK, ask, free_port, post, running, serve, spread

HELLO = """
import sys
import uvicorn
from flask import Flask

app = Flask(__name__)

@app.post("/")
def hello():
    return {"hello": "world"}

uvicorn.run(app, interface="wsgi", port=int(sys.argv[1]))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    WORK.mkdir(exist_ok=True)
    hello = WORK / "hello.py"
    hello.write_text(HELLO)
    contenders = {"Mockling": (serve("--speed", "instant"), None), "bare Flask": ((sys.executable, str(hello)), "/")}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, (command, path) in contenders.items():
            seconds = _first_answer(command, path)
            if number:  # the first round only fills the system's caches
                times[name].append(seconds)
    print(f"{'ms to the first answer':24}{'median':>10}{'min':>10}{'max':>10}")
    for name, seconds_of in times.items():
        print(f"{name:24}{spread([1000 * seconds for seconds in seconds_of])}")
    ratios = [ours / theirs for ours, theirs in zip(*times.values(), strict=True)]
    print(f"Mockling takes {median(ratios):.2f} times as long (median of {rounds} rounds).")


def _first_answer(command: tuple[str, ...], path: str | None) -> float:
    port = free_port()
    request = post(port) if path is None else post(port, path=path)
    start = time.perf_counter()
    with running((*command, str(port)), port):
        status, _ = ask(port, request)
        seconds = time.perf_counter() - start
    if status != 200:
        sys.exit(f"{command[0]} answered {status}.")
    return seconds


if __name__ == "__main__":
    main()
