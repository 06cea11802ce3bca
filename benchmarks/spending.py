"""Verification of an unreliable stand-in of the live API, again and again, with random faults, budgets and SIGKILLs.

After each run the ledger must hold at least what the stand-in has billed, and no more than the budget; of a run that
was not killed the report must tell it to the cent, if no request's outcome is unknown.

    python benchmarks/spending.py
"""

from __future__ import annotations

import argparse
import random
import secrets
import sys
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from standing import UNRELIABLE, standing

BUDGETS = (2, 12, 30, 60)  # US dollars
KILLED = 0.75  # share of the runs
SOONEST, LATEST = 0.5, 12.0  # seconds after which one is killed


def main() -> None:
    """Verify, and print what each run came to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="the same faults and moments again")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    print(f"seed {options.seed}; US dollars")
    print("".join(f"{name:>9}" for name in ("run", "ended", "budget", "billed", "ledger", "counted", "unknown")))
    with standing() as stand_in:
        for number in range(options.runs):
            stand_in.renew(chance.randrange(10**6), [fault for fault in UNRELIABLE if chance.random() < 0.7])
            budget = Decimal(chance.choice(BUDGETS))
            kill = chance.uniform(SOONEST, LATEST) if chance.random() < KILLED else None
            with TemporaryDirectory() as folder:
                outcome = stand_in.verified(Path(folder), budget, kill_after=kill)
            told = outcome.report["spending"] if outcome.report else {"counted": "-", "unknown": ()}
            cells = (
                number,
                outcome.code,
                budget,
                outcome.billed,
                outcome.ledger,
                told["counted"],
                len(told["unknown"]),
            )
            print("".join(f"{cell!s:>9}" for cell in cells), flush=True)
            outcome.check()


if __name__ == "__main__":
    main()
