"""Tests of the test suite itself."""

import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__)


def test_a_process_that_a_test_starts_can_be_interrupted() -> None:
    """A child process handles SIGINT by default."""
    program = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True, timeout=60) == "True\n"


def test_a_suite_in_the_background_can_interrupt_its_processes() -> None:
    """Processes that tests start handle SIGINT, though pytest itself started with it ignored."""
    test = f"{HERE}::{test_a_process_that_a_test_starts_can_be_interrupted.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ended = subprocess.run(command, cwd=HERE.parent.parent, capture_output=True, text=True, timeout=120)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.returncode == 0, ended.stdout
