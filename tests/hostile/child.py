"""The emulator that is attacked, in a process of its own: `python child.py SEED`.

It prints its address. Then each line of standard input makes it collect its garbage and print what it counted; at the
end of the input it stops, so it never outlives whoever started it. Whatever goes wrong is on its standard error.
"""

import ctypes
import gc
import json
import logging
import sys
from pathlib import Path

from mockling.emulator import Emulator
from mockling.emulator.platform import exchanges, memory

LOOSE = Path(__file__).parent.parent / "data" / "loose.yaml"
KEPT = {
    memory: {"MOST_JOBS": 4000},
    exchanges: {"MOST_EXCHANGES": 1000, "MOST_EXCHANGE_BYTES": 8 * 1024**2},
}


def keep_less() -> None:
    """Lower the bounds of what is kept, so that it is soon at them and whatever grows then is a leak."""
    for module, bounds in KEPT.items():
        for name, most in bounds.items():
            assert hasattr(module, name), f"the store has no bound {name} any more"
            setattr(module, name, most)


def trim() -> None:
    """Give back to the system whatever is free."""
    gc.collect()
    if sys.platform == "linux":
        getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)(0)  # musl has none


def main() -> None:
    """Serve until the input ends."""
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("mockling").setLevel(logging.ERROR)  # its warnings are about requests, and odd ones are meant
    keep_less()
    seed = int(sys.argv[1])
    with Emulator(speed="instant", credits=10**9, requests_per_minute="off", models=[LOOSE], seed=seed) as emulator:
        print(emulator.url, flush=True)  # noqa: T201 - its standard output is how it is asked
        for _ in sys.stdin:
            trim()
            last = emulator.journal[-1:]
            told = {"calls": last[0].number if last else 0, "held": emulator.held}
            print(json.dumps(told), flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main()
