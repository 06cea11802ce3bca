"""An emulator in this process, at instant speed: its start, its reset, its stop, and generations through requests.

Started anew in each round, after the imports and the first video, which are paid once.

    python benchmarks/instant.py
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import requests
from common import CONTRACT, options_of, spread

from mockling.emulator import Emulator

BODY = {**CONTRACT.model.example, "video_url": "https://example.com/input.mp4"}
RESETS = 50  # in each round


def main() -> None:
    """Measure and print."""
    parser = options_of(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--generations", type=int, default=1000, help="in each round, one after the other")
    options = parser.parse_args()
    with Emulator(speed="instant") as emulator:
        _generate(emulator, 1)
    rounds = [_round(options.generations) for _ in range(options.rounds)]
    print(f"{'ms':28}{'median':>10}{'min':>10}{'max':>10}")
    for name in rounds[0]:
        print(f"{name:28}{spread([of_round[name] for of_round in rounds], 2)}")


def _round(generations: int) -> dict[str, float]:
    """Return the ms that each thing took."""
    begun = time.perf_counter()
    emulator = Emulator(speed="instant", credits=10**9).start()
    took = {"start": 1000 * (time.perf_counter() - begun)}
    took["reset"] = _ms(lambda: [emulator.reset() for _ in range(RESETS)]) / RESETS
    _generate(emulator, 1)
    took["reset after a generation"] = _ms(emulator.reset)
    cpu = time.process_time()
    took[f"{generations} generations"] = _ms(lambda: _generate(emulator, generations))
    took["... of CPU"] = 1000 * (time.process_time() - cpu)
    took["stop"] = _ms(emulator.stop)
    return took


def _generate(emulator: Emulator, times: int) -> None:
    with requests.Session() as session:
        session.headers["x-api-key"] = emulator.api_key
        for _ in range(times):
            answer = session.post(emulator.url + CONTRACT.path("generate"), json=BODY)
            if answer.status_code != 200:
                sys.exit(f"It answered {answer.status_code}.")


def _ms(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    main()
