"""The suite of clauses for pytest: a test for each clause, properties of the client, and a guard over both."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import pytest
from calling import GOOD_KEY
from scripted import http, scripted

from mockling.emulator import Emulator

SUITE = "mockling.contract.suite"
FEW = "refuses and keep_audio"  # clauses of one parameter
pytest_plugins = ["pytester"]


@dataclass
class Ran:
    """What a run of the suite came to, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


class Suite(Protocol):
    """What runs the suite with arguments, where a key is at hand or none."""

    def __call__(self, *arguments: str, key: str | None = None) -> Ran: ...


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Suite]:
    """Run the suite as its users do, in a folder of theirs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(pytester.path))
    level = logging.getLogger("mockling").level

    def run(*arguments: str, key: str | None = None) -> Ran:
        with monkeypatch.context() as patched:
            if key:
                patched.setenv("SEGMIND_API_KEY", key)
            usual = ("--pyargs", SUITE, "-p", "no:cacheprovider", "-q", "-rs")
            done = pytester.runpytest_inprocess(*usual, *arguments)
        return Ran(int(done.ret), done.stdout.str(), done.stderr.str())

    yield run
    logging.getLogger("mockling").setLevel(level)


def test_the_emulator_passes_a_test_for_each_clause(suite: Suite) -> None:
    """Without a target it is the emulator, whose clauses are tests of their own that can be selected."""
    result = suite("-k", FEW)
    assert result.returncode == 0 and "passed" in result.stdout, result.stdout + result.stderr


def test_a_server_is_verified_under_the_budget(suite: Suite) -> None:
    """A server at an address is asked what may be billed only with a budget, and a broken clause is a failed test."""
    with Emulator(speed="instant", answers={"D4": "406"}) as server:
        free = suite("-k", FEW, "--target", server.url, key=GOOD_KEY)
        guarded = suite("-k", FEW, "--target", server.url, "--budget", "7", key=GOOD_KEY)
        billed = 100 - server.balance(GOOD_KEY)
    assert (free.returncode, "it needs --budget" in free.stdout) == (0, True), free.stdout + free.stderr
    assert (guarded.returncode, "406" in guarded.stdout) == (1, True), guarded.stdout + guarded.stderr
    assert billed == 0
    assert GOOD_KEY not in free.stdout + free.stderr + guarded.stdout + guarded.stderr


def test_the_client_keeps_its_promises_against_the_target(suite: Suite) -> None:
    """Properties run the client with drawn requests, a few against a server that may bill, and nobody pays."""
    with Emulator(speed="instant") as server:
        result = suite("-k", "not test_clause", "--target", server.url, "--budget", "40", key=GOOD_KEY)
        posts = [exchange for exchange in server.journal if exchange.operation == "generate"]
        billed = 100 - server.balance(GOOD_KEY)
    assert result.returncode == 0, result.stdout + result.stderr
    assert (0 < len(posts) <= 20, billed) == (True, 0)


def test_properties_that_no_budget_allows_are_skipped(suite: Suite) -> None:
    """A target that keeps the contract passes with any budget: what may be billed more is skipped."""
    with Emulator(speed="instant") as server:
        result = suite("-k", "not test_clause", "--target", server.url, "--budget", "2", key=GOOD_KEY)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "What it draws may be billed $6.30, and of the budget $2.00 is left." in " ".join(result.stdout.split())
    assert "what finding out cost" in result.stdout


def test_a_target_that_is_not_there_is_told_once(suite: Suite) -> None:
    """Where nothing answers the session ends with one sentence, not with an error for each clause."""
    result = suite("--target", "http://127.0.0.1:9")
    told = result.stdout + result.stderr
    assert (result.returncode, told.count("Nothing answers at http://127.0.0.1:9")) == (1, 1), told


def test_no_test_tells_a_key_that_a_server_said_again(suite: Suite) -> None:
    """Where a server's answer has the key, plain or in hexadecimal, what the test would tell of it is left out."""
    body = json.dumps({"error": f"{GOOD_KEY} and {GOOD_KEY.encode().hex()}"}).encode()
    answers = [http(200, b'{"credits": 10}'), *[http(418, body)] * 5000]
    with scripted(*answers) as server:
        result = suite("-k", "broken_request", "--target", server.url, "--budget", "40", key=GOOD_KEY)
    assert (result.returncode, "is left out" in result.stdout) == (1, True), result.stdout + result.stderr
    assert GOOD_KEY not in result.stdout + result.stderr
    assert GOOD_KEY.encode().hex() not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--target", "nonsense"], "The target must be emulator, live, or an address"),
        (["--target", "live", "--paid"], "needs a budget"),
        (["--target", "live", "--budget", "x"], "--budget must be US dollars"),
        (["--contract-answer", "D1"], "such as D1=video"),
        (["--contract-profile", "x"], "There is no profile"),
        (["-n", "2"], "leave pytest-xdist's -n out"),
    ],
)
def test_options_that_make_no_sense_are_told(suite: Suite, arguments: list[str], told: str) -> None:
    """They are usage errors in one sentence, before anything is sent."""
    result = suite(*arguments)
    assert (result.returncode, told in result.stderr) == (4, True), result.stdout + result.stderr
