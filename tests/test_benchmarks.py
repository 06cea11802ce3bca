"""The benchmarks: each runs to its end and prints its table. No time is asserted."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_docs import ROOT

BENCHMARKS = ROOT / "benchmarks"
PARTS = {"common", "fetching", "load"}  # what the scripts share
MOCKLING = Path(sys.executable).with_name("mockling")
ONCE = "--rounds 1 --warm-up 0"
TINY = {  # options for a minimal run, and texts that the output must have
    "against": (
        f"{MOCKLING} {ONCE} --seconds 0.1 --calls 3 --pause 0.1",
        ["this", "POSTs/s, 16 connections", "memory of a held call", "start to a video"],
    ),
    "cutting": ("--most 1", ["median", "720, cut, ms", "1080, from the cache, us", "master, ms", "640 x 360"]),
    "held": (
        "--calls 3 --speed 500 --opening 0.1 --pause 0.2",
        [
            "3 calls sent within",
            "answers              {200: 3}",
            "GET in hold",
            "3 callers leave",
            "SIGTERM with 3 calls held",
        ],
    ),
    "instant": ("--rounds 1 --generations 3", ["ms   ", "reset after a generation", "3 generations"]),
    "plugin": (f"{ONCE} --tests 2", ["s of 2 tests", "used adds "]),
    "polling": ("--jobs 12 --polls 24 --connections 4", ["memory of a job", "polls among     12 jobs", "states seen"]),
    "resetting": ("--calls 3 --rounds 1", ["1 resets with 3 calls held, ms", "{503: 3}"]),
    "spending": ("--runs 1 --seed 1 --budgets 2 --killed 1 --latest 3", ["seed 1; US dollars", "budget   billed"]),
    "startup": (ONCE, ["ms to the first answer", "bare Flask", "Mockling, a refusal"]),
    "throughput": (f"{ONCE} --seconds 0.1 --connections 2 --against", ["POSTs/s, 2 connections", "Mockling   "]),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the benchmarks, of which none has been run, and the tests."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(BENCHMARKS, folder / "benchmarks", ignore=shutil.ignore_patterns(".work", "__pycache__"))
    (folder / "tests").symlink_to(ROOT / "tests")
    return folder


def test_no_benchmark_is_left_out() -> None:
    """Every script of the folder is in `TINY` and in the README."""
    assert {script.stem for script in BENCHMARKS.glob("*.py")} == {*TINY, *PARTS}
    page = (BENCHMARKS / "README.md").read_text("utf-8")
    assert [name for name in TINY if f"benchmarks/{name}.py" not in page] == []


@pytest.mark.skipif(sys.platform != "linux", reason="they read /proc")
@pytest.mark.parametrize("name", TINY)
def test_a_benchmark_runs(checkout: Path, name: str) -> None:
    """It exits with 0, writes nothing to standard error and prints its table."""
    options, parts = TINY[name]
    command = [sys.executable, f"benchmarks/{name}.py", *options.split()]
    ended = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    assert [part for part in parts if part not in ended.stdout] == [], ended.stdout
