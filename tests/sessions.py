"""Real pytest sessions of tests that call the live platform by its address."""

import re
import sys
from textwrap import dedent
from types import ModuleType

import pytest

KEY = "SG_0123456789abcdef"  # the one that the worker has
WORKER = '''
"""What is tested: code with the live address written into it."""
import requests

LIVE = "https://api.segmind.com"
MODEL = "kling-o3-video2video-reference"
KEY = "SG_0123456789abcdef"
BODY = {"prompt": "Let it snow", "video_url": "https://inputs.mockling.example/valid.mp4"}


def generate(**more):
    return ask("POST", f"/v1/{MODEL}", json={**BODY, **more})


def submit(**more):
    return ask("POST", f"/v2/{MODEL}", json={**BODY, **more}).json()["request_id"]


def balance():
    return ask("GET", "/v1/get-user-credits").json()["credits"]


def ask(method, path, **more):
    return requests.request(method, LIVE + path, headers={"x-api-key": KEY}, timeout=30, **more)
'''
HEAD = "import pytest\nfrom worker import *\n"


def write(pytester: pytest.Pytester, source: str, name: str = "test_it") -> None:
    """Write a module of tests, which has pytest and all of the worker, and the worker beside it."""
    pytester.makepyfile(**{"worker": WORKER, name: HEAD + dedent(source)})


class _Modules:
    """Remembers what was imported when a session in this process is over."""

    def __init__(self) -> None:
        self.last: dict[str, ModuleType] = {}

    def pytest_unconfigure(self) -> None:
        self.last = dict(sys.modules)


def run(pytester: pytest.Pytester, *options: str, alone: bool = False) -> pytest.RunResult:
    """Run the tests that were written; a warning fails its test.

    The session is one in this process, or `alone` in a process of its own.
    """
    usual = ("-rA", "-W", "error", "-p", "no:cacheprovider", "-p", "no:randomly")
    if alone:
        return pytester.runpytest_subprocess(*usual, *options, timeout=120)
    pytester.syspathinsert()
    modules = _Modules()
    result = pytester.runpytest_inprocess(*usual, *options, plugins=[modules])
    # pytester forgets what was imported meanwhile; of libraries there would be two then, one of them rerouted.
    for name, module in modules.last.items():
        if not str(getattr(module, "__file__", "")).startswith(str(pytester.path)):
            sys.modules.setdefault(name, module)
    return result


def outcomes(result: pytest.RunResult) -> dict[str, str]:
    """Return how each test ended, as the summary tells: PASSED, FAILED, ERROR, XFAIL."""
    lines = re.findall(r"(?m)^([A-Z]+) \S+?::(\S+)", result.stdout.str())
    return {name: outcome for outcome, name in lines}


def told(result: pytest.RunResult, name: str) -> str:
    """Return what the session tells of one test that did not pass."""
    found = re.search(rf"(?ms)^_+ [^\n]*\b{re.escape(name)} _+$(.*?)(?=^[_=]{{3,}} )", result.stdout.str())
    assert found, result.stdout.str()
    return found[1]
