"""Sessions as a whole: side by side, interrupted, with other options of pytest, or without the fixture."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from sessions import outcomes, run, told, write

pytest_plugins = ["pytester"]

MANY = """
        import os

        @pytest.mark.parametrize("number", range(10))
        @pytest.mark.mockling(credits="10.00")
        def test_many(mockling, number):
            assert (balance(), len(mockling.calls)) == (10, 1)
            assert generate().json()["status"] == "COMPLETED"
            assert (len(mockling.calls), mockling.billed > 0) == (2, True)

        def test_fails(mockling):
            generate()
            assert os.environ.get("PYTEST_XDIST_WORKER") == ""
"""


@contextmanager
def started(*options: str) -> Iterator["subprocess.Popen[str]"]:
    """Start pytest in a group of processes of its own, of which none is left when the block ends."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=20)


def test_sessions_at_once_do_not_meet(pytester: pytest.Pytester) -> None:
    """Each worker of pytest-xdist, a process, has an emulator of its own; reports come home with their section."""
    write(pytester, MANY)
    result = run(pytester, "-n", "2", "--dist", "each", alone=True)
    result.assert_outcomes(passed=20, failed=2)
    assert "$2.10 billed" in told(result, "test_fails")


@pytest.mark.skipif(sys.platform == "win32", reason="an interrupt is a signal here")
def test_an_interrupt_ends_the_session_at_once(pytester: pytest.Pytester) -> None:
    """Ctrl-C while a test waits for a held call ends the session as pytest does, and no process remains."""
    write(
        pytester,
        """
        import threading

        def tell(mockling):
            while not mockling.held:
                threading.Event().wait(0.001)
            print("waiting", flush=True)

        def test_waits(mockling):
            threading.Thread(target=tell, args=[mockling]).start()
            generate()
        """,
    )
    with started("-s", "--mockling-speed=manual") as process:
        assert process.stdout and any("waiting" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=15)
        assert process.returncode == pytest.ExitCode.INTERRUPTED
        assert "KeyboardInterrupt" in rest and "no tests ran" in rest
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)


def test_the_plugin_can_be_left_out(pytester: pytest.Pytester) -> None:
    """With `-p no:mockling` there is no fixture, no option and no marker."""
    write(pytester, "def test_it(mockling): pass\ndef test_other(): pass")
    result = run(pytester, "-p", "no:mockling")
    assert outcomes(result) == {"test_it": "ERROR", "test_other": "PASSED"}
    assert "fixture 'mockling' not found" in result.stdout.str()
    refused = run(pytester, "-p", "no:mockling", "--mockling-strict").stderr.str()
    assert "unrecognized arguments: --mockling-strict" in refused


def test_a_session_that_does_not_use_the_fixture_loads_nothing(pytester: pytest.Pytester) -> None:
    """Who has Mockling installed and does not use its fixtures loads none of its libraries, nor its emulator."""
    pytester.makepyfile(
        """
        import sys

        def test_it():
            heavy = {"flask", "werkzeug", "uvicorn", "av", "requests", "urllib3", "jsonschema", "yaml", "asyncio"}
            assert not heavy & set(sys.modules)
            ours = {name for name in sys.modules if name.startswith("mockling.")}
            assert ours == {"mockling.emulator", "mockling.emulator.testing", "mockling.emulator.testing.plugin"}
        """
    )
    run(pytester, "-p", "no:anyio", "-p", "no:hypothesispytest", "-p", "no:xdist", alone=True).assert_outcomes(passed=1)


def test_ways_to_run_a_session_do_not_matter(pytester: pytest.Pytester) -> None:
    """The fixture works under `--import-mode=importlib`, with strict markers, and in doctests."""
    write(pytester, "@pytest.mark.mockling(seed=1)\ndef test_it(mockling): assert generate().status_code == 200")
    pytester.maketxtfile(test_text=">>> getfixture('mockling').settings.speed\n'instant'\n")
    run(pytester, "--import-mode=importlib", "--strict-markers", alone=True).assert_outcomes(passed=2)
