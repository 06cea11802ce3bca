"""A stand-in for the live API, which meters credits, limits requests and is unreliable, and runs against it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from mockling.contract import load
from mockling.contract.verification.ledger import Ledger

KEY = "SG_00000000000057a4"
CREDITS = Decimal(100)  # US dollars that the account has before each run
SPEED = 1000  # a minute, and its limit of requests, takes 60 ms
PLAN = "free"
PACE = SPEED * load().document["x-plans"]["requests_per_minute"][PLAN]
START = 60  # seconds
LONGEST = 120  # seconds of a run
COMMAND = [sys.executable, "-m", "mockling.cli"]
UNRELIABLE = [
    {"on": "post", "latency": 60, "times": "always", "probability": 0.2},
    {"on": "any", "status": 502, "times": "always", "probability": 0.02},
    {"on": "generate", "status": 502, "billed": True, "times": "always", "probability": 0.02},
    {"on": "submit", "status": 504, "billed": True, "times": "always", "probability": 0.1},
    {"on": "any", "drop": True, "times": "always", "probability": 0.01},
    {"on": "generate", "cut": 0.5, "times": "always", "probability": 0.05},
]


@dataclass(frozen=True)
class Outcome:
    """What a run came to: `billed` is what the stand-in billed, `ledger` what the ledger counts, in US dollars.

    `code` is how the process ended, `report` its JSON (None: it was killed), `told` what it printed.
    """

    budget: Decimal
    billed: Decimal
    ledger: Decimal
    code: int
    report: dict[str, Any] | None
    told: str

    def check(self) -> None:
        """Assert that nothing was spent that was not told, and nothing beyond the budget."""
        assert self.billed <= self.ledger <= self.budget, self
        if self.report is None:
            return
        assert "Traceback" not in self.told, self.told
        spending = self.report["spending"]
        counted = Decimal(spending["counted"])
        if spending["after"] is not None:
            assert Decimal(spending["before"]) - Decimal(spending["after"]) == self.billed <= counted, self
            assert self.ledger == counted, self
            assert spending["unknown"] or counted == self.billed, self


class StandIn:
    """A stand-in that runs in a process of its own, at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def control(self, path: str, body: Any = None) -> Any:
        """Call its control API, with a body or to read."""
        own = {"x-api-key": KEY} if path == "account" else {}
        verb, headers = "GET" if body is None else "POST", {"content-type": "application/json", **own}
        answer = requests.request(verb, f"{self.url}/_mockling/{path}", json=body, headers=headers, timeout=START)
        assert answer.ok, answer.text
        return answer.json()

    def renew(self, seed: int, faults: list[dict[str, Any]]) -> None:
        """Begin again, with all credits."""
        settings = {"speed": SPEED, "seed": seed, "faults": faults}
        account = {"key": KEY, "credits": str(CREDITS), "plan": PLAN}
        self.control("reset", {"settings": {**settings, "accounts": [account]}})

    def billed(self) -> Decimal:
        """Return what it has billed since then, once all that is under way has ended."""
        self.control("clock", {"settle": True})
        return CREDITS - Decimal(str(self.control("account")["credits"]))

    def verified(self, folder: Path, budget: Decimal, *more: str, killed: str | None = None) -> Outcome:
        """Verify it with the command, in a process that is `killed` at a moment of its own (None: it is not).

        See `KILLED` for the moments.
        """
        ledger, report = folder / "ledger.jsonl", folder / "report.json"
        money = ["--paid", "--budget", str(budget), "--ledger", str(ledger), "--requests-per-minute", str(PACE)]
        begun = COMMAND if killed is None else [sys.executable, "-c", KILLED, killed]
        command = [*begun, "verify", self.url, "--timeout", "20", "--json", str(report), *money, *more]
        done = subprocess.run(
            command,
            env={**os.environ, "SEGMIND_API_KEY": KEY},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
        )
        read = json.loads(report.read_text()) if report.exists() else None
        return Outcome(budget, self.billed(), Ledger(ledger).spent(), done.returncode, read, done.stdout)


# The command, in a process that kills itself "before", "in" or "after" the nth writing of its ledger.
KILLED = """if True:
    import os, signal, sys
    from mockling.cli import main
    from mockling.contract.verification import ledger
    moment, _, count = sys.argv.pop(1).partition(" ")
    writing, left = ledger.Ledger.write, int(count)

    def write(self, *rows):
        global left
        left -= 1
        size = self.path.stat().st_size if self.path.exists() else 0
        if left == 0 and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        writing(self, *rows)
        if left == 0:
            if moment == "in":
                os.truncate(self.path, (size + self.path.stat().st_size) // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    ledger.Ledger.write = write
    main()
"""


@contextmanager
def standing() -> Iterator[StandIn]:
    """Give a stand-in, which listens."""
    with TemporaryDirectory() as folder:
        ready, log = Path(folder) / "ready.json", Path(folder) / "log"
        command = [*COMMAND, "serve", "--port", "0", "--speed", str(SPEED), "--ready-file", str(ready), "--log", "json"]
        with (
            log.open("w") as file,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True) as process,
        ):
            try:
                assert process.stdout
                yield StandIn(json.loads(process.stdout.readline())["url"])
            finally:
                process.terminate()
