"""The pytest plugin of mutation testing: it runs chosen tests, and records failures, durations and covered lines.

Files that variables of the environment name, all JSON: `TESTS_TO_RUN` has the ids of the tests to run, in their order;
`TESTS_COSTS` gets the seconds of each, `TESTS_FAILED` the ids of those that failed. Under coverage, each line is
recorded with the test that runs it.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

_costs: dict[str, float] = defaultdict(float)
_failed: dict[str, None] = {}


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """Keep the chosen tests, in their order."""
    if "TESTS_TO_RUN" in os.environ:
        order = {name: place for place, name in enumerate(json.loads(Path(os.environ["TESTS_TO_RUN"]).read_text()))}
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in order])
        items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Record the lines that run from here on as this test's."""
    try:
        from coverage import Coverage
    except ImportError:
        return (yield)
    if current := Coverage.current():
        current.switch_context(item.nodeid)
    return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up the seconds of a test, and note whether it failed."""
    _costs[report.nodeid] += report.duration
    if report.failed:
        _failed[report.nodeid] = None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the results; of the processes of xdist only the controller has all of them."""
    for name, value in (("TESTS_COSTS", _costs), ("TESTS_FAILED", list(_failed))):
        if name in os.environ and not hasattr(session.config, "workerinput"):
            Path(os.environ[name]).write_text(json.dumps(value))
