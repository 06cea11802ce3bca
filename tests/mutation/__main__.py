"""Mutation testing: change the code in small ways, and report the changes that no test detects."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

import yaml
from coverage import CoverageData

from .mutants import Mutant, sample

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / ".mutants"  # coverage data and durations of the tests, from the survey
DIGESTS = FOLDER / "digests.json"  # of the sources, as they were surveyed
EQUIVALENT = Path(__file__).with_name("equivalent.yaml")  # the key of a mutant: why nobody can observe it
GOAL = 0.9  # share of the mutants that are not equivalent
SOURCES = [
    "emulator/platform",
    "emulator/http",
    "emulator/rerouting",
    "contract/*.py",
    "client",
    *(f"contract/verification/{name}.py" for name in ("run", "running", "ledger", "compare", "observed")),
    *(f"contract/verification/{name}.py" for name in ("guard", "guarding", "charges", "spending")),
]
FIRST = 30  # quickest tests that cover the mutant, which are run before all others
SECONDS = 120.0  # duration of the further tests that are run at most
DATES = count(1)
PHASE = re.compile(r" \((?:setup|call|teardown)\)")
NOTHING_RAN = 5  # exit code of pytest
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "mutation.plugin", "-p", "no:cacheprovider", "-p", "no:randomly"]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("paths", nargs="*", help="files and folders to mutate (default: those that the goal covers)")
    parser.add_argument("--count", type=int, default=300, help="number of mutants (default: 300)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random sample (default: 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="mutants at a time (default: one a core)")
    parser.add_argument("--survey", action="store_true", help="run the suite under coverage again before")
    options = parser.parse_args()
    try:
        files = _files(options.paths or SOURCES)
    except FileNotFoundError as error:
        parser.error(str(error))
    if options.survey or not _is_current(files):
        survey(options.jobs)
    mutants = sample(ROOT, files, options.count, options.seed)
    began = time.monotonic()
    results = run(mutants, options.jobs)
    text, share = report(results, options.seed, time.monotonic() - began)
    print(text)
    sys.exit(share < GOAL)


def _files(paths: list[str]) -> list[Path]:
    files = set[Path]()
    for path in paths:
        found = [file for one in ROOT.glob(path) for file in (one.rglob("*.py") if one.is_dir() else [one])]
        if not found:
            raise FileNotFoundError(f"There is no Python file at {path}, seen from the project's folder.")
        files.update(found)
    return sorted(files)


def _is_current(files: list[Path]) -> bool:
    """Return whether there is a survey, and the files are as they were then."""
    if not DIGESTS.exists():
        return False
    digests = json.loads(DIGESTS.read_text())
    return all(digests.get(str(file.relative_to(ROOT))) == _digest(file) for file in files)


def _digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def survey(jobs: int) -> None:
    """Run the suite once under coverage; store which test covers which line and how long each takes."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    digests = {str(file.relative_to(ROOT)): _digest(file) for file in _files(["client", "contract", "emulator"])}
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "MUTANTS_FOLDER": str(FOLDER)}
    environment["TESTS_COSTS"] = str(FOLDER / "costs.json")
    config = f"--rcfile={Path(__file__).with_name('coverage.ini')}"
    coverage = [sys.executable, "-m", "coverage"]
    subprocess.run([*coverage, "run", config, *PYTEST[1:], "-n", str(jobs)], cwd=ROOT, env=environment, check=False)
    subprocess.run([*coverage, "combine", "-q", config], cwd=ROOT, env=environment, check=True)
    DIGESTS.write_text(json.dumps(digests))


class Tests:
    """The results of the survey; `names` are the tests that may be run."""

    def __init__(self) -> None:
        self._costs: dict[str, float] = json.loads((FOLDER / "costs.json").read_text())
        self._data = CoverageData(str(FOLDER / "coverage"))
        self._data.read()
        self.names = {name for name in self._costs if (ROOT / name.split("::")[0]).exists()}

    def of(self, mutant: Mutant) -> list[str]:
        """Return the tests that may kill a mutant: those that cover its lines, quickest first, then others.

        Others are those that cover lines of its file, or, where all of that runs at the import, of its folder. They
        matter for what runs once in a process, at an import or behind a cache: coverage credits that to one test.
        """
        lines = self._data.contexts_by_lineno(mutant.file)
        touched = range(mutant.lines[0], mutant.lines[1] + 1)
        direct = self._known(name for line in touched for name in lines.get(line, ()))
        folder = [file for file in self._data.measured_files() if Path(file).parent == Path(mutant.file).parent]
        others = self._covering([mutant.file]) or self._covering(folder)
        return [*direct, *(name for name in others if name not in set(direct))]

    def _covering(self, files: list[str]) -> list[str]:
        contexts = (self._data.contexts_by_lineno(file).values() for file in files)
        return self._known(name for lines in contexts for names in lines for name in names)

    def within(self, tests: list[str], seconds: float) -> list[str]:
        """Return the tests, in their order, that take at most so many seconds together."""
        chosen = []
        for name in tests:
            if self._costs[name] <= seconds:
                seconds -= self._costs[name]
                chosen.append(name)
        return chosen

    def quickest(self, number: int) -> list[str]:
        """Return so many of all tests."""
        return sorted(self.names, key=lambda name: self._costs[name])[:number]

    def seconds(self, tests: list[str]) -> float:
        """Return the duration of some tests in seconds."""
        return sum(self._costs[name] for name in tests)

    def _known(self, contexts: Iterable[str]) -> list[str]:
        """Return the tests of contexts; that of a process which a test started also names the phase of the test."""
        names = {name if name in self.names else PHASE.split(name)[0] for name in contexts}
        return sorted(names & self.names, key=lambda name: self._costs[name])


def run(mutants: list[Mutant], jobs: int) -> dict[Mutant, str]:
    """Return for each mutant what `killed` returns."""
    tests = Tests()
    with TemporaryDirectory() as folder:
        copies = [copied(Path(folder) / str(number)) for number in range(jobs)]
        if broken := failed(tests.quickest(FIRST), copies[0], 600):
            sys.exit(f"Tests fail in an unchanged copy: {', '.join(broken)}. Add new files to git, or pass --survey.")
        results = _tried(mutants, copies, tests)
        while unsound := set(failed(sorted({*results.values()} & tests.names), copies[0], 3600, "--maxfail=1000")):
            print(f"Excluded, for they fail on unchanged code too: {', '.join(sorted(unsound))}", flush=True)
            tests.names -= unsound
            results |= _tried([mutant for mutant, killer in results.items() if killer in unsound], copies, tests)
    return results


def _tried(mutants: list[Mutant], copies: list[Path], tests: Tests) -> dict[Mutant, str]:
    free: SimpleQueue[Path] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def tried(mutant: Mutant) -> str:
        copy = free.get()
        try:
            killer = killed(mutant, copy, tests)
        finally:
            free.put(copy)
        print(f"{'killed  ' if killer else 'SURVIVED'} {mutant.file}:{mutant.lines[0]} {killer}", flush=True)
        return killer

    with ThreadPoolExecutor(len(copies)) as pool:
        return dict(zip(mutants, pool.map(tried, mutants), strict=True))


def copied(folder: Path) -> Path:
    """Copy the project, its packages where an import finds them."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    for name in filter(None, names):
        if (ROOT / name).is_file() and not name.startswith(".links"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    packages = folder / ".packages" / "mockling"
    packages.parent.mkdir()
    shutil.copytree(folder / "cli" / "start", packages)
    for name in ("cli", "client", "contract", "emulator", "fixtures"):
        (packages / name).symlink_to(folder / name)
    return folder


def killed(mutant: Mutant, copy: Path, tests: Tests) -> str:
    """Return the test that kills a mutant, or how else pytest ended; "" if it survives."""
    chosen = tests.of(mutant)
    file = copy / mutant.file
    original = file.read_text("utf-8")
    write(file, mutant.source)
    try:
        for some in (chosen[:FIRST], tests.within(chosen[FIRST:], SECONDS)):
            if killers := failed(some, copy, 60 + 4 * tests.seconds(some), "-x"):
                return killers[0]
    finally:
        write(file, original)
    return ""


def write(file: Path, source: str) -> None:
    """Write a module with a new modification time, so that Python does not use an old .pyc file."""
    file.write_text(source, "utf-8")
    os.utime(file, (date := next(DATES), date))


def failed(some: list[str], copy: Path, seconds: float, *options: str) -> list[str]:
    """Return which of some tests fail in a copy, or how else pytest ended; an empty list if they pass."""
    if not some:
        return []
    chosen, failures = copy / "chosen.json", copy / "failures.json"
    chosen.write_text(json.dumps(some))
    failures.unlink(missing_ok=True)
    environment = {**os.environ, "TESTS_TO_RUN": str(chosen), "TESTS_FAILED": str(failures)}
    environment["PYTHONPATH"] = os.pathsep.join([str(copy / ".packages"), str(copy / "tests")])
    command = [*PYTEST, *options, "--no-header", "--tb=no", *sorted({name.split("::")[0] for name in some})]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    with subprocess.Popen(command, cwd=copy, env=environment, **quiet) as process:  # type: ignore[call-overload]
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return ["timed out"]
    if process.returncode in (0, NOTHING_RAN):
        return []
    names: list[str] = json.loads(failures.read_text()) if failures.exists() else []
    return names or [f"pytest exited with {process.returncode}"]


def report(results: dict[Mutant, str], seed: int, seconds: float) -> tuple[str, float]:
    """Return a text with each survivor and the counts by package, and the share that was killed."""
    reasons: dict[str, str] = yaml.safe_load(EQUIVALENT.read_text("utf-8")) or {}
    counts = {name: Counter[str]() for name in ("mutants", "killed", "equivalent", "survived")}
    lines = []
    for mutant, killer in results.items():
        end = "killed" if killer else "equivalent" if mutant.key in reasons else "survived"
        for name in ("mutants", end):
            counts[name].update([mutant.file.rpartition("/")[0], "all"])
        if not killer:
            lines.append(f"{end}, line {mutant.lines[0]}: {mutant.key}")
    rows = [f"| package | {' | '.join(counts)} |", f"|{' --- |' * (len(counts) + 1)}"]
    packages = sorted(counts["mutants"], key=lambda name: (name == "all", name))
    rows += [f"| {name} | {' | '.join(str(count[name]) for count in counts.values())} |" for name in packages]
    judged = len(results) - counts["equivalent"]["all"]
    share = counts["killed"]["all"] / judged if judged else 1.0
    ending = f"seed {seed}: {share:.1%} of {judged} killed, in {seconds / 60:.0f} minutes"
    return "\n".join(["", *lines, "", *rows, "", ending]), share


if __name__ == "__main__":
    main()
