"""The options of the suite, and what its tests share; a plugin of pytest that is loaded when the suite is run."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NoReturn

import pytest

from mockling.contract import Contract, ContractError
from mockling.contract.verification.asked import Asked, AskedError, keys_of
from mockling.contract.verification.catalogue import clauses
from mockling.contract.verification.clause import Clause
from mockling.contract.verification.guard import Guard
from mockling.contract.verification.ledger import LedgerError
from mockling.contract.verification.reports.telling import spent
from mockling.contract.verification.running import INTERRUPTED, Result, gather, judged, planned
from mockling.contract.verification.secrets import SecretFound, search
from mockling.contract.verification.sending import KeyRefused, Unreachable
from mockling.contract.verification.target import Target
from mockling.emulator.testing.emulated import emulated

CLAUSE = "clause"  # the parameter of the test that there is for each clause


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that say whom to verify."""
    group = parser.getgroup("mockling-contract", "the contract of mockling")
    group.addoption("--target", default="emulator", help="emulator (the default), live, or an address")
    group.addoption("--budget", default=None, help="US dollars that may be spent (none: nothing that may be billed)")
    group.addoption("--paid", action="store_true", help="buy generations with the budget")
    group.addoption("--contract-profile", default="documented", help="how disputed facts are answered")
    group.addoption("--contract-answer", action="append", default=[], help="such as D1=video; repeatable")
    group.addoption("--contract-model", action="append", default=[], type=Path, help="YAML file of a further model")


@dataclass(frozen=True)
class Verified:
    """Who is verified, and under which guard."""

    asked: Asked
    contract: Contract
    target: Target
    guard: Guard


_ASKED = pytest.StashKey[Asked]()
_CLAUSES = pytest.StashKey[dict[str, Clause]]()
_GUARD = pytest.StashKey[Guard]()


def pytest_configure(config: pytest.Config) -> None:
    """Understand the options. Raises `UsageError` for what makes no sense."""
    if hasattr(config, "workerinput") or getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("The suite is one run with one budget: leave pytest-xdist's -n out.")
    option = config.option
    try:
        config.stash[_ASKED] = asked = Asked(
            target=option.target,
            keys=keys_of(os.environ, {}),
            budget=None if option.budget is None else Decimal(option.budget),
            paid=option.paid,
            profile=option.contract_profile,
            answers=dict(pair.split("=", 1) for pair in option.contract_answer),
            models=tuple(option.contract_model),
        )
        config.stash[_CLAUSES] = {clause.id: clause for clause in clauses(asked.contract())}
    except (AskedError, ContractError) as error:
        raise pytest.UsageError(str(error)) from error
    except InvalidOperation as error:
        raise pytest.UsageError(f"--budget must be US dollars, such as 2.00, got {option.budget!r}.") from error
    except ValueError as error:
        raise pytest.UsageError("--contract-answer must be a dispute and its answer, such as D1=video.") from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test for each clause."""
    if CLAUSE in metafunc.fixturenames:
        known = metafunc.config.stash[_CLAUSES].values()
        metafunc.parametrize(CLAUSE, known, ids=[clause.id for clause in known])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Leave out what a test tells if a key stands in it, for a server may say again what it was sent."""
    report = yield
    texts = [report.longreprtext, *(text for _, text in report.sections)]
    try:
        search({item.nodeid: "\n".join(texts)}, item.config.stash[_ASKED].keys.values())
    except SecretFound as error:
        told = f"{error} What this test tells is left out."
        report.longrepr = (str(item.path), 0, told) if report.skipped else told
        report.sections = []
    return report


@pytest.fixture(scope="session")
def verified(pytestconfig: pytest.Config) -> Iterator[Verified]:
    """Who is verified."""
    asked = pytestconfig.stash[_ASKED]
    contract = asked.contract()
    logging.getLogger("mockling").setLevel(logging.ERROR)  # a failure is told with its exchange, not with all of them
    with ExitStack() as opened:
        target = opened.enter_context(asked.opened(contract, emulated))
        try:
            guard = opened.enter_context(asked.guard(contract, target))
        except LedgerError as error:
            _end(error)
        pytestconfig.stash[_GUARD] = guard
        yield Verified(asked, contract, target, guard)


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest, verified: Verified) -> dict[str, Result]:
    """Return what was found of the clauses whose tests were selected, by their ids; each probe is sent once for all."""
    drawn = [getattr(item, "callspec", None) for item in request.session.items]
    chosen = [callspec.params[CLAUSE] for callspec in drawn if callspec and CLAUSE in callspec.params]
    plan = planned(chosen, verified.target, verified.asked.costs, verified.asked.budget)
    try:
        gathered = gather(plan, verified.contract, verified.target, verified.guard)
    except (LedgerError, Unreachable, KeyRefused) as error:
        _end(error)
    if gathered.stopped == INTERRUPTED:
        raise KeyboardInterrupt
    return {result.clause.id: result for result in judged(plan, gathered)}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what finding out cost."""
    if (guard := config.stash.get(_GUARD, None)) is not None:
        terminalreporter.write_sep("=", "what finding out cost")
        terminalreporter.write_line(spent(guard.spending, config.stash[_ASKED].target))


def _end(error: Exception) -> NoReturn:
    """End the session with one sentence instead of a failure of each test."""
    pytest.exit(str(error), returncode=pytest.ExitCode.TESTS_FAILED)
