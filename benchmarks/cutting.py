"""How long a video takes: cut when first asked for, given again from the cache, and encoded where no clip fits.

Renders 156 videos of the bundled sizes, 3 to 15 s with and without sound, once and then once more; then makes
masters of other sizes, and cuts from each.

    python benchmarks/cutting.py
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from functools import partial
from itertools import islice, product

from common import options_of, spread

from mockling.fixtures import prepare, render

SIZES = {"720": ((1280, 720), (720, 1280), (960, 960)), "1080": ((1920, 1080), (1080, 1920), (1440, 1440))}
OTHERS = ((640, 360, 24), (1024, 576, 24), (1024, 576, 60), (2560, 1440, 24), (4096, 2160, 24))


def main() -> None:
    """Measure and print."""
    parser = options_of(__doc__)
    parser.add_argument("--most", type=int, help="videos of each row, and other sizes (default: all)")
    most = parser.parse_args().most
    for module in ("cutting", "mastering"):  # they load PyAV, once in a process; not what is measured here
        importlib.import_module(f"mockling.fixtures.{module}")
    print(f"{'':24}{'median':>10}{'min':>10}{'max':>10}")
    for what, units in (("cut, ms", 1e3), ("from the cache, us", 1e6)):
        for name, sizes in SIZES.items():
            videos = islice(product(sizes, range(3, 16), (True, False)), most)
            times = [units * _rendering(*given) for given in videos]
            print(f"{f'{name}, {what}':24}{spread(times, 1)}")
    for size in SIZES["720"][:most]:
        print(f"{'{} x {}, 10 min, ms'.format(*size):24}{1e3 * _rendering(size, 600, True):>10,.0f}")
    print(f"\n{'':24}{'master, ms':>12}{'cut of 5 s, ms':>16}")
    for width, height, fps in OTHERS[:most]:
        master = 1e3 * _seconds(partial(prepare, width, height, fps))
        cut = 1e3 * _rendering((width, height), 5, True, fps)
        print(f"{f'{width} x {height}, {fps} fps':24}{master:>12,.0f}{cut:>16,.1f}")


def _rendering(size: tuple[int, int], seconds: float, audio: bool, fps: int = 24) -> float:
    return _seconds(lambda: render(*size, seconds, audio=audio, fps=fps))


def _seconds(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
