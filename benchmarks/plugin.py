"""What the pytest plugin adds to a session: 500 tests that each use the fixture and generate a video.

Against the same number of tests that do nothing, in turns, each session a process; and what the plugin that is
installed but not used adds, against `-p no:mockling`.

    python benchmarks/plugin.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from statistics import median
from typing import NamedTuple

from common import CONTRACT, WORK, options_of, spread

USED = """
import pytest
import requests

BODY = {body!r}


@pytest.mark.parametrize("number", range({tests}))
def test_generate(mockling, number):
    headers = dict([("x-api-key", mockling.api_key)])
    answer = requests.post("https://api.segmind.com{path}", headers=headers, json=BODY)
    assert answer.status_code == 200
"""
BODY = {**CONTRACT.model.example, "video_url": "https://inputs.mockling.example/valid.mp4"}
EMPTY = """
import pytest


@pytest.mark.parametrize("number", range({tests}))
def test_nothing(number):
    pass
"""


class Cost(NamedTuple):
    """What a session took, of the clock and of the CPU."""

    seconds: float
    cpu: float


def main() -> None:
    """Measure and print."""
    parser = options_of(__doc__, rounds=5)
    parser.add_argument("--tests", type=int, default=500)
    options = parser.parse_args()
    folder = WORK / "plugin"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pytest.ini").write_text("[pytest]\n")  # so that the options of this repository do not count
    used, empty = folder / "test_used.py", folder / "test_empty.py"
    used.write_text(USED.format(body=BODY, path=CONTRACT.path("generate"), tests=options.tests))
    empty.write_text(EMPTY.format(tests=options.tests))
    sessions = {
        "left out": (str(empty), "-p", "no:mockling"),
        "not used": (str(empty),),
        "used": (str(used),),
    }
    times: dict[str, list[Cost]] = {name: [] for name in sessions}
    for number in range(options.warm_up + options.rounds):
        for name, arguments in sessions.items():
            cost = _session(*arguments)
            if number >= options.warm_up:  # the rounds before only compile and fill the system's caches
                times[name].append(cost)
    print(f"{f's of {options.tests} tests':28}{'median':>10}{'min':>10}{'max':>10}{'CPU':>10}")
    for name, costs in times.items():
        cpu = median(cost.cpu for cost in costs)
        print(f"{name:28}{spread([cost.seconds for cost in costs], 2)}{cpu:>10.2f}")
    for name, base in (("not used", "left out"), ("used", "not used")):
        pairs = list(zip(times[name], times[base], strict=True))
        seconds = median(ours.seconds - theirs.seconds for ours, theirs in pairs)
        cpu = median(ours.cpu - theirs.cpu for ours, theirs in pairs)
        print(f"{name} adds {seconds:.2f} s to {base}, {cpu:.2f} s of CPU")


def _session(*arguments: str) -> Cost:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, start = _cpu(), time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments],
        cwd=WORK / "plugin", env=environment, capture_output=True, text=True,
    )  # fmt: skip
    cost = Cost(time.perf_counter() - start, _cpu() - before)
    if ended.returncode:
        sys.exit(ended.stdout[-2000:] + ended.stderr)
    return cost


def _cpu() -> float:
    """Return the seconds of CPU that the processes took that were started and have ended."""
    of_children = os.times()
    return of_children.children_user + of_children.children_system


if __name__ == "__main__":
    main()
