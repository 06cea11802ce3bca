"""How long a whole process takes from its start until its first POST is answered.

Mockling against a bare Flask application, of one route that answers JSON, on the same uvicorn; in turns. Mockling is
asked for a video, which loads PyAV and cuts it, and, in another process, for a model it does not have.

    python benchmarks/startup.py
"""

from __future__ import annotations

import sys
import time
from statistics import median

from common import BODY, CONTRACT, WORK, ask, free_port, options_of, post, running, serve, spread

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
    options = options_of(__doc__, rounds=15).parse_args()
    WORK.mkdir(exist_ok=True)
    hello = WORK / "hello.py"
    hello.write_text(HELLO)
    contenders = {
        "bare Flask": ((sys.executable, str(hello)), BODY, "/", 200),
        "Mockling, a video": (serve("--speed", "instant"), BODY, CONTRACT.path("generate"), 200),
        "Mockling, a refusal": (serve("--speed", "instant"), BODY, "/v1/none", 404),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(options.warm_up + options.rounds):
        for name, (command, body, path, expected) in contenders.items():
            seconds = _first_answer(command, body, path, expected)
            if number >= options.warm_up:  # the rounds before only fill the system's caches
                times[name].append(seconds)
    print(f"{'ms to the first answer':24}{'median':>10}{'min':>10}{'max':>10}{'ratio':>10}")
    for name, of_server in times.items():
        ratio = median(ours / theirs for ours, theirs in zip(of_server, times["bare Flask"], strict=True))
        print(f"{name:24}{spread([1000 * seconds for seconds in of_server])}{f'{ratio:.2f}x':>10}")


def _first_answer(command: tuple[str, ...], body: bytes, path: str, expected: int) -> float:
    port = free_port()
    request = post(port, body, path)
    start = time.perf_counter()
    with running((*command, str(port)), port):
        status, _ = ask(port, request)
        seconds = time.perf_counter() - start
    if status != expected:
        sys.exit(f"{command[0]} answered {status}.")
    return seconds


if __name__ == "__main__":
    main()
