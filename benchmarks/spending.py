"""Verification of an unreliable stand-in of the live API, again and again, with random faults, budgets and SIGKILLs.

After each run the ledger must hold at least what the stand-in has billed, and no more than the budget; of a run that
was not killed the report must tell it to the cent, if no request's outcome is unknown.

    python benchmarks/spending.py
"""

from __future__ import annotations

import random
import secrets
import sys
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from common import options_of

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from standing import UNRELIABLE, standing

BUDGETS = (2, 12, 30, 60)  # US dollars
KILLED = 0.75  # share of the runs
LATEST = 60  # writes of the ledger after which one is killed


def main() -> None:
    """Verify, and print what each run came to."""
    parser = options_of(__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="the same faults and moments again")
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS, help="US dollars, one of which a run has")
    parser.add_argument("--killed", type=float, default=KILLED, help="share of the runs that are killed, 0 to 1")
    parser.add_argument("--latest", type=int, default=LATEST, help="highest ledger write at which a run is killed")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    print(f"seed {options.seed}; US dollars")
    print("".join(f"{name:>9}" for name in ("run", "ended", "budget", "billed", "ledger", "counted", "unknown")))
    with standing() as stand_in:
        for number in range(options.runs):
            stand_in.renew(chance.randrange(10**6), [fault for fault in UNRELIABLE if chance.random() < 0.7])
            budget = Decimal(chance.choice(options.budgets))
            moment = f"{chance.choice(['before', 'in', 'after'])} {chance.randint(1, options.latest)}"
            killed = moment if chance.random() < options.killed else None
            with TemporaryDirectory() as folder:
                outcome = stand_in.verified(Path(folder), budget, killed=killed)
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
