"""What docs/control.md says of the control API is so."""

import json
import re
import shlex
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
import requests
from calling import PRICE
from controlling import CHECKER, OPERATIONS, generate

from mockling.emulator import Emulator

PAGE = (Path(__file__).parent.parent / "docs" / "control.md").read_text("utf-8")
FIRST, SECOND = (block.splitlines() for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
ADDRESS = "http://127.0.0.1:8787"
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")


def run(command: str, emulator: Emulator) -> tuple[int, bytes]:
    """Run a command of the page for an emulator, and return the status and the body of the answer."""
    words = shlex.split(command.replace(ADDRESS, emulator.url))
    done = subprocess.run(
        [*words, "--noproxy", "*", "-w", "\n%{http_code}"], capture_output=True, timeout=60, check=True
    )
    body, _, status = done.stdout.rpartition(b"\n")
    return int(status), body


def operation_of(command: str) -> str:
    """Return the operation that a command calls."""
    path = re.findall(rf"{ADDRESS}/_mockling([^' ?]*)", command)[0]
    verb = "DELETE" if "DELETE" in command else "POST" if "POST" in command or "--json" in command else "GET"
    return next(
        name
        for name, (method, known, _) in OPERATIONS.items()
        if method == verb and re.fullmatch(known.replace("{number}", r"\d+"), path)
    )


def test_the_table_is_that_of_its_document() -> None:
    """The page has a row for each operation, in the document's words and order, and no other."""
    rows = re.findall(r"^\| `([A-Z]+) (/\S+)` \| (.+) \|$", PAGE, re.MULTILINE)
    assert rows == [(verb, path, operation["summary"]) for verb, path, operation in OPERATIONS.values()]


@needs_curl
def test_its_examples_work() -> None:
    """Each command of the page, one after the other, is answered with 200 as its document says, and does its part."""
    with Emulator(speed="manual") as emulator:
        answers = {}
        for command in FIRST:
            status, body = run(command, emulator)
            name = operation_of(command)
            assert (command, status) == (command, 200)
            assert CHECKER.violations(name, status, {"content-type": "application/json"}, body) == []
            answers[command] = json.loads(body)
            if name == "arm":
                assert [generate(emulator).status_code for _ in range(3)] == [502, 502, 200]
        armed, moved, settled, calls, account, disarmed, _, reset = answers.values()
        assert armed["fault"] == {"on": "submit", "status": 502, "times": 2}
        assert (moved["now"], moved["speed"], settled["speed"]) == (300.0, "manual", 1000)
        assert [call["status"] for call in calls["requests"]] == [502, 502, 200]
        assert account == {"credits": f"{100 - PRICE + Decimal('2.50'):.2f}"}
        assert disarmed == {"faults": []}
        assert (reset["profile"], reset["seed"]) == ("observed", 7)


@needs_curl
def test_its_example_with_a_token_works() -> None:
    """With the token, the last command of the page is answered; without it, it is not."""
    with Emulator(control_token="a secret") as emulator:
        assert run(SECOND[0], emulator)[0] == 200
        assert requests.get(f"{emulator.url}/_mockling/state", timeout=30).status_code == 401
