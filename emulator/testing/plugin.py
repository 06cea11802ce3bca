"""The pytest plugin: the fixture `mockling` is an emulator, fresh for each test, that unchanged code talks to.

Nothing of the emulator is imported before a test asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from mockling.emulator import Emulator
    from mockling.emulator.testing.trial import Trial

MARKER = (
    "mockling(speed, profile, seed, credits, faults, strict, block_network, models, ...): what the fixture mockling is "
    "like in this test: fields of mockling.emulator.Settings, faults=[...], strict=True, block_network=True."
)
OPTIONS = {  # what each means, for the command line and the configuration file
    "speed": 'speed of emulators in tests: "instant" (the default), "manual", or simulated seconds in a real one',
    "profile": 'how disputed facts are answered: "documented" (the default) or "observed"',
    "seed": "what ids and latencies are drawn from (default: 0)",
    "credits": "US dollars that each key starts with (default: 100.00)",
}
SWITCHES = {
    "strict": "any warning about a call fails its test",
    "block-network": "every call beyond this machine is refused in tests that use the fixture mockling",
}
OUTSIDE = "outside of a test with the fixture mockling, which has to ask for it."
SUITE = "mockling.contract.suite"  # run with --pyargs, so that no conftest.py of it is read in time
TWICE = (
    "mockling and mockling_fresh are one emulator, which is in use: take one of them in a test, and one block of "
    "mockling_fresh at a time."
)
FRESH = (
    "The fixture mockling is fresh for each test, not for each example of hypothesis. Use the fixture mockling_fresh: "
    "`with mockling_fresh() as mockling:` in the test's body."
)
_TRIAL = pytest.StashKey["Trial"]()
_PASSED = pytest.StashKey[bool]()  # whether a test has passed before its fixtures end
_BUSY = pytest.StashKey[bool]()  # whether the session's emulator is in use


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the names for the configuration file."""
    group = parser.getgroup("mockling")
    for name, meaning in OPTIONS.items():
        group.addoption(f"--mockling-{name}", default=None, help=meaning)
        parser.addini(f"mockling_{name}", meaning, default=None)
    for name, meaning in SWITCHES.items():
        group.addoption(f"--mockling-{name}", action="store_true", default=None, help=meaning)
        parser.addini(f"mockling_{name.replace('-', '_')}", meaning, type="bool", default=False)


def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Load the options of the suite that verifies a target, where that is what is run."""
    if any(arg.startswith(SUITE) for arg in args):
        early_config.pluginmanager.import_plugin(f"{SUITE}.options")


def pytest_configure(config: pytest.Config) -> None:
    """Tell of the marker."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture(scope="session")
def mockling_server(pytestconfig: pytest.Config) -> Iterator[Emulator]:
    """Give an emulator that runs for the whole session; `mockling` is the same one, reset before each test.

    As long as it runs, calls of the live platform that no test reroutes are refused: those of a test that has forgotten
    the fixture, and of a thread that a test has left behind.
    """
    from mockling.emulator import Emulator, Rerouting

    with ExitStack() as stack:
        with _told_in_a_sentence():
            emulator = stack.enter_context(Emulator(**_chosen(pytestconfig)[0]))
        origins = emulator.contract.live_origins
        stack.enter_context(Rerouting(lambda: emulator.url, origins, refuses=OUTSIDE))
        yield emulator


@pytest.fixture(scope="session")
def mockling_fresh(
    mockling_server: Emulator, pytestconfig: pytest.Config
) -> Callable[..., AbstractContextManager[Emulator]]:
    """Return a context manager that gives a fresh emulator, as `mockling` is, for each example of one test.

    It takes what the marker takes, and raises what would have failed the test.
    """

    @contextmanager
    def fresh(**wanted: Any) -> Iterator[Emulator]:
        with _trial(mockling_server, pytestconfig, wanted) as trial:
            try:
                yield trial.emulator
            except Exception as error:
                error.add_note(trial.report())
                raise
            _fail_for(trial)

    return fresh


@pytest.fixture
def mockling(mockling_server: Emulator, request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """Give an emulator, fresh for each test, instant, that this process's calls of the live platform reach.

    The marker `mockling` says what it is like. A fault that never fired, and a live call that could not be rerouted,
    fail the test.
    """
    wanted: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("mockling"))):
        if marker.args:
            _refuse(f"it takes keywords only, such as speed='manual', got {marker.args[0]!r}")
        wanted |= marker.kwargs
    with _trial(mockling_server, request.config, wanted) as trial:
        request.node.stash[_TRIAL] = trial
        yield trial.emulator
        del request.node.stash[_TRIAL]
        if request.node.stash.get(_PASSED, False):
            _fail_for(trial)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that passed, for what its emulator saw."""
    result = yield
    trial = item.stash.get(_TRIAL, None)
    if trial:
        _fail_for(trial)
        item.stash[_PASSED] = True
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Add to the report of a test that failed what its emulator saw."""
    report: pytest.TestReport = yield
    if report.failed:
        trial = item.stash.get(_TRIAL, None)
        report.sections += [("mockling", trial.report())] if trial else []
        if call.excinfo and call.excinfo.typename == "FailedHealthCheck" and "'mockling'" in str(call.excinfo.value):
            report.sections.append(("mockling", FRESH))
    return report


@contextmanager
def _trial(emulator: Emulator, config: pytest.Config, wanted: dict[str, Any]) -> Iterator[Trial]:
    from mockling.emulator.testing.trial import trial

    if config.stash.get(_BUSY, False):
        raise pytest.fail.Exception(TWICE, pytrace=False)
    with ExitStack() as stack:
        with _told_in_a_sentence():
            settings, switches = _chosen(config)
            begun = stack.enter_context(trial(emulator, **{**settings, **switches, **wanted}))
        config.stash[_BUSY] = True
        stack.callback(config.stash.__delitem__, _BUSY)
        yield begun


@contextmanager
def _told_in_a_sentence() -> Iterator[None]:
    """Fail without a traceback for a setting, a fault or a model that cannot be."""
    try:
        yield
    except (ValueError, pytest.UsageError) as error:
        wrong = str(error)
    else:
        return
    _refuse(wrong)


def _refuse(wrong: str) -> NoReturn:
    told = f"The marker or an option of mockling makes no sense: {wrong.rstrip('.')}."
    raise pytest.fail.Exception(told, pytrace=False) from None


def _chosen(config: pytest.Config) -> tuple[dict[str, Any], dict[str, bool]]:
    """Return the settings and the switches that the command line, or else the configuration file, says."""
    settings: dict[str, Any] = {"speed": "instant"}
    for name in OPTIONS:
        value = config.getoption(f"--mockling-{name}") or config.getini(f"mockling_{name}")
        if value not in (None, ""):
            settings[name] = _number(value) if name in ("speed", "seed") else value
    names = {name: name.replace("-", "_") for name in SWITCHES}
    return settings, {
        ini: bool(config.getoption(f"--mockling-{name}") or config.getini(f"mockling_{ini}"))
        for name, ini in names.items()
    }


def _number(text: Any) -> Any:
    """Return the number in a text, or the text if it is none; whether it may be one is for the settings to say."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _fail_for(trial: Trial) -> None:
    """Fail for what is wrong with a trial, if anything is."""
    __tracebackhide__ = True
    problems = trial.problems()
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)
