"""How long a video takes: cut when first asked for, and given again from the cache.

Renders all 156 combinations of mode, aspect ratio, duration and sound, once and then once more.

    python benchmarks/cutting.py
"""

from __future__ import annotations

import argparse
import importlib
import time
from itertools import product

from common import spread

from mockling.fixtures import DURATIONS, MODES, RATIOS, render


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    importlib.import_module("mockling.fixtures.cutting")  # loads PyAV, once in a process; not what is measured here
    print(f"{'':24}{'median':>10}{'min':>10}{'max':>10}")
    for what, units in (("cut, ms", 1e3), ("from the cache, us", 1e6)):
        for mode in MODES:
            times = [units * _seconds(mode, *rest) for rest in product(RATIOS, DURATIONS, (True, False))]
            print(f"{f'{mode}, {what}':24}{spread(times, 1)}")


def _seconds(mode: str, ratio: str, duration: int, audio: bool) -> float:
    start = time.perf_counter()
    render(mode, ratio, duration, audio)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
