"""docs/testing.md: each of its examples runs as it stands."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from calling import GOOD_KEY
from sessions import run
from test_docs import README, ROOT, blocks

from mockling.emulator import Emulator

pytest_plugins = ["pytester"]

DOCS = ROOT / "docs"
COOKBOOK = (DOCS / "testing.md").read_text("utf-8")
CONFTEST, FIRST, *_ = PROGRAMS = blocks(COOKBOOK, "python")
*PASSING, FAILING = PROGRAMS[1:]


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A reader's project: the code that is tested, the fixture, the configuration, a model."""
    shutil.copy(DOCS / "examples" / "worker.py", pytester.path)
    (model, *_) = blocks((DOCS / "models.md").read_text("utf-8"), "yaml")
    (configuration,) = blocks(COOKBOOK, "toml")
    for name, text in {"conftest.py": CONFTEST, "my-model.yaml": model, "pyproject.toml": configuration}.items():
        (pytester.path / name).write_text(text)
    return pytester


def written(project: pytest.Pytester, *programs: str) -> None:
    """Write tests into one file, as their readers would."""
    (project.path / "test_worker.py").write_text("\n\n".join(programs))


def test_the_tests_of_the_cookbook_and_of_the_readme_pass(project: pytest.Pytester) -> None:
    """All Python examples, one after another in one file, and the README's test pass without a warning."""
    (readme,) = [program for program in blocks(README, "python") if "def test_" in program]
    (project.path / "test_readme.py").write_text(readme)
    written(project, *PASSING)
    tests = re.findall(r"^ *def (test_\w+)", "\n".join([*PASSING, readme]), re.MULTILINE)
    told = run(project, "-v")
    assert set(told.parseoutcomes()) == {"passed"}
    assert [name for name in tests if f"::{name}" not in told.stdout.str()] == []


def test_a_failed_test_reports_what_the_cookbook_shows(project: pytest.Pytester) -> None:
    """The last example fails with the text that stands below it, whatever moments its machine took."""
    shown = blocks(COOKBOOK, "text")[0]
    written(project, FIRST.partition("def test_")[0], FAILING)
    told = run(project, "-v")
    assert told.parseoutcomes() == {"failed": 1}
    assert timeless(shown) in timeless(told.stdout.str())


def timeless(report: str) -> str:
    """Return a report without its moments, and without the signs that fill a line."""
    return re.sub(r"-{3,}", "---", re.sub(r" +\d+\.\d s", " T", report))


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_the_cookbooks_commands_do_what_they_say(tmp_path: Path) -> None:
    """Each command is answered, and what it is for has happened."""
    (commands,) = blocks(COOKBOOK, "sh")
    with Emulator(speed="instant") as emulator:
        environment = {
            **os.environ,
            "NO_PROXY": "127.0.0.1",
            "SEGMIND_BASE_URL": emulator.url,
            "SEGMIND_API_KEY": GOOD_KEY,
        }
        *first, reset = commands.splitlines()
        for command in first:
            subprocess.run(["sh", "-ec", command], env=environment, check=True, timeout=60, cwd=tmp_path)
        assert str(emulator.faults[0].fault) == "on=post status=502"
        assert emulator.clock.now() >= 3600
        assert emulator.balance(GOOD_KEY) == 105
        subprocess.run(["sh", "-ec", reset], env=environment, check=True, timeout=60, cwd=tmp_path)
        assert (emulator.settings.profile, emulator.faults) == ("observed", [])
