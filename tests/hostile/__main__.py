"""The long attack: `python -m tests.hostile --requests 1000000`. Exits 1 if something did not hold."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys

from .fuzz import Attack
from .target import Died


def main() -> int:
    """Attack as the arguments say, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="the same attack again")
    parser.add_argument("--connections", type=int, default=8, help="callers at once")
    parser.add_argument("--raw", type=float, default=0.25, help="the share of volleys that are hostile as HTTP")
    chosen = parser.parse_args()
    attack = Attack(chosen.requests, chosen.seed, chosen.connections, chosen.raw)
    signal.signal(signal.SIGINT, lambda *_: attack.stopped.set())
    print(f"seed {chosen.seed}; Ctrl-C ends it early", file=sys.stderr)  # noqa: T201 - a command prints
    try:
        report = attack.run()
    except Died as died:
        print(f"seed {chosen.seed}: the emulator died\n{died}")  # noqa: T201 - as above
        return 1
    print(report.table())  # noqa: T201 - as above
    return 1 if report.broken else 130 if attack.stopped.is_set() else 0


if __name__ == "__main__":
    sys.exit(main())
