"""POSTs per second of one process, against two general mock servers, under the same load in turns.

Mockling runs its whole pipeline: key, rate, validation, job, money, journal, answer. Prism (`@stoplight/prism-cli`)
mocks and validates Mockling's own contract, settled for JSON; it runs twice, as started (it logs each request, as
Mockling does) and silent. pytest-httpserver answers the same JSON from one handler, without looking at the body. Both
are installed into benchmarks/.work on the first run (needs npm and network). The load generator is load.py, for
autocannon cannot measure a server that closes each connection after its answer, as pytest-httpserver does.

    python benchmarks/throughput.py
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from contextlib import ExitStack
from statistics import median

from common import CONTRACT, WORK, ask, free_port, post, running, serve, spread
from load import generate

PRISM = "@stoplight/prism-cli@5.16.0"
HTTPSERVER = "pytest-httpserver==1.2.0"
PRISM_PROGRAM = WORK / "node_modules" / ".bin" / "prism"
PYTHON = WORK / "venv" / "bin" / "python"
HANDLER = """
import signal, sys
from pytest_httpserver import HTTPServer

path, answer, port = sys.argv[1:]
server = HTTPServer(port=int(port))
server.expect_request(path, method="POST").respond_with_data(answer, content_type="application/json")
server.start()
signal.pause()
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="of load on each server in a round")
    parser.add_argument("--connections", type=int, nargs="+", default=[16])
    options = parser.parse_args()
    _install()
    with ExitStack() as stack:
        ports = _start(stack)
        for connections in options.connections:
            _compare(ports, connections, options.rounds, options.seconds)


def _install() -> None:
    WORK.mkdir(exist_ok=True)
    if not PRISM_PROGRAM.exists():
        subprocess.run(["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", WORK, PRISM], check=True)
    if not (WORK / "venv" / ".ready").exists():
        subprocess.run([sys.executable, "-m", "venv", WORK / "venv"], check=True)
        subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", HTTPSERVER], check=True)
        (WORK / "venv" / ".ready").touch()


def _start(stack: ExitStack) -> dict[str, int]:
    """Start the servers and return their ports; each has been seen to answer, and the validating ones to refuse."""
    document = WORK / "openapi.json"
    document.write_text(json.dumps(CONTRACT.openapi))
    prism = (str(PRISM_PROGRAM), "mock", str(document), "--multiprocess", "false")
    ports = {"Mockling": free_port()}
    stack.enter_context(running((*serve("--speed", "instant"), str(ports["Mockling"])), ports["Mockling"]))
    _, answer = ask(ports["Mockling"], post(ports["Mockling"]))
    commands = {
        "Prism": (*prism, "--port"),
        "Prism, silent": (*prism, "--verboseLevel", "silent", "--port"),
        "pytest-httpserver": (str(PYTHON), "-c", HANDLER, CONTRACT.path("generate"), answer.decode()),
    }
    for name, command in commands.items():
        port = ports[name] = free_port()
        stack.enter_context(running((*command, str(port)), port))
    for name, port in ports.items():
        status, answer = ask(port, post(port))
        refused, _ = ask(port, post(port, b'{"prompt": 1}'))
        if (status, json.loads(answer)["status"]) != (200, "COMPLETED"):
            sys.exit(f"{name} answered {status}: {answer!r}.")
        if refused != (200 if name == "pytest-httpserver" else 400):
            sys.exit(f"{name} answered a wrong body with {refused}.")
    return ports


def _compare(ports: dict[str, int], connections: int, rounds: int, seconds: float) -> None:
    rates: dict[str, list[float]] = {name: [] for name in ports}
    for number in range(rounds + 1):
        for name, port in ports.items():
            rate = generate(port, post(port), connections, seconds if number else 2)
            if number:  # the first round warms up
                rates[name].append(rate)
    print(f"{f'POSTs/s, {connections} connections':26}{'median':>10}{'min':>10}{'max':>10}{'Mockling is':>14}")
    for name, of_server in rates.items():
        ratio = median(ours / theirs for ours, theirs in zip(rates["Mockling"], of_server, strict=True))
        print(f"{name:26}{spread(of_server)}{f'{ratio:.2f}x':>14}")


if __name__ == "__main__":
    main()
