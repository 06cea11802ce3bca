"""POSTs per second of one process, against two general mock servers, under the same load in turns.

Mockling runs its whole pipeline: key, rate, validation, job, money, journal, answer. Prism (`@stoplight/prism-cli`)
mocks and validates Mockling's own contract, settled for JSON; it runs twice, as started (it logs each request, as
Mockling does) and silent. pytest-httpserver answers the same JSON from one handler, without looking at the body. Those
that --against names are installed into benchmarks/.work on their first run (needs npm and network); with none of them
Mockling runs alone. The load generator is load.py, for autocannon cannot measure a server that closes each connection
after its answer, as pytest-httpserver does.

    python benchmarks/throughput.py
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median

from common import CONTRACT, WORK, ask, free_port, options_of, post, running, serve, spread
from load import generate

PRISM = "@stoplight/prism-cli@5.16.0"
HTTPSERVER = "pytest-httpserver==1.2.0"
PRISM_PROGRAM = WORK / "node_modules" / ".bin" / "prism"
PYTHON = WORK / "venv" / "bin" / "python"
PEERS = ("prism", "pytest-httpserver")
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
    parser = options_of(__doc__, rounds=5)
    parser.add_argument("--seconds", type=float, default=5, help="of load on each server in a round")
    parser.add_argument("--warm-up-seconds", type=float, default=2, help="of load in a round that does not count")
    parser.add_argument("--connections", type=int, nargs="+", default=[16])
    parser.add_argument("--against", nargs="*", choices=PEERS, default=PEERS, help="the others (default: all)")
    options = parser.parse_args()
    _install(options.against)
    with ExitStack() as stack:
        ports = _start(stack, options.against)
        for connections in options.connections:
            _loaded(ports, connections, options.warm_up, options.warm_up_seconds)
            rates = _loaded(ports, connections, options.rounds, options.seconds)
            _tell(rates, connections)


def _install(against: Sequence[str]) -> None:
    WORK.mkdir(exist_ok=True)
    if "prism" in against and not PRISM_PROGRAM.exists():
        subprocess.run(["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", WORK, PRISM], check=True)
    if "pytest-httpserver" in against and not (WORK / "venv" / ".ready").exists():
        subprocess.run([sys.executable, "-m", "venv", WORK / "venv"], check=True)
        subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", HTTPSERVER], check=True)
        (WORK / "venv" / ".ready").touch()


def _start(stack: ExitStack, against: Sequence[str]) -> dict[str, int]:
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
        if name.lower().partition(",")[0] not in against:
            continue
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


def _loaded(ports: dict[str, int], connections: int, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return the POSTs per second of each server in each round."""
    rates: dict[str, list[float]] = {name: [] for name in ports}
    for _ in range(rounds):
        for name, port in ports.items():
            rates[name].append(generate(port, post(port), connections, seconds))
    return rates


def _tell(rates: dict[str, list[float]], connections: int) -> None:
    print(f"{f'POSTs/s, {connections} connections':26}{'median':>10}{'min':>10}{'max':>10}{'Mockling is':>14}")
    for name, of_server in rates.items():
        ratio = median(ours / theirs for ours, theirs in zip(rates["Mockling"], of_server, strict=True))
        print(f"{name:26}{spread(of_server)}{f'{ratio:.2f}x':>14}")


if __name__ == "__main__":
    main()
