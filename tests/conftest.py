"""What the tests share: the guard against the network, a running emulator, and keys nobody else uses."""

import logging
import os
import runpy
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from calling import STEADY, Local, make_key
from controlling import Control
from hypothesis import HealthCheck, settings

from mockling.contract import Contract
from mockling.emulator import Emulator

GUARD = Path(__file__).parent / "guard"
runpy.run_path(str(GUARD / "sitecustomize.py"))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH")]))
for variable in [name for name in os.environ if name == "SEGMIND_API_KEY" or name.startswith("MOCKLING_")]:
    if variable != "MOCKLING_SEED":  # which attack the suite makes
        del os.environ[variable]

# Keep .pyc files: otherwise every process that a test starts compiles the project again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell starts background jobs with SIGINT ignored, and child processes inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Examples differ from run to run, so that what has passed once goes on being tested; a failure prints its seed.
settings.register_profile("mockling", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("mockling")


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """An emulator with the default answers, at once, rich enough for the whole suite."""
    with Emulator(speed="instant", credits=10**9) as running:
        yield running


@pytest.fixture(scope="session")
def contract(emulator: Emulator) -> Contract:
    """The contract with its default answers."""
    return emulator.contract


@pytest.fixture
def local() -> Local:
    """An emulator that does not listen, whose time stands still and whose latencies are the mean."""
    return Local(contract=STEADY)


@pytest.fixture
def own() -> Iterator[Emulator]:
    """An emulator of this test's own, whose time stands still."""
    with Emulator(speed="manual") as running:
        yield running


@pytest.fixture
def control(own: Emulator) -> Control:
    """Its control API, for all keys."""
    return Control(own)


@pytest.fixture
def key() -> str:
    """A key of the documented shape, used by this test alone."""
    return make_key()


@pytest.fixture
def sample(contract: Contract) -> dict[str, Any]:
    """A valid request."""
    return contract.model.example


@pytest.fixture
def log() -> Iterator["SimpleQueue[str]"]:
    """The lines that the emulators log during the test; `get(timeout=...)` waits for the next."""
    lines: SimpleQueue[str] = SimpleQueue()

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.put(record.getMessage())

    logger, handler = logging.getLogger("mockling"), Lines()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
