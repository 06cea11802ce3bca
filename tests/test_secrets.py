"""What the journal and the log keep to themselves: keys, and whatever could break a line."""

from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest
import requests
from calling import V1, V2, Local

from mockling.emulator import Emulator

SECRET = "SG_fedcba9876543210"
LEAKS: list[Callable[[Local], Any]] = [
    lambda local: local.get(f"/{SECRET}", SECRET),
    lambda local: local.get(f"/v2/requests/{SECRET}", SECRET),
    lambda local: local.get(f"/assets/{SECRET}", SECRET),
    lambda local: local.get(f"/v1/get-user-credits?api_key={SECRET}", SECRET),
    lambda local: local.post(V1, SECRET, {"prompt": SECRET, "video_url": "https://e.com/a.mp4"}),
    lambda local: local.post(V1, SECRET, {"prompt": "a", "video_url": f"https://e.com/a.mp4?key={SECRET}"}),
    lambda local: local.post(V1, SECRET, {"mode": SECRET, SECRET: 1}),
    lambda local: local.post(V1, SECRET, {"prompt": "a", "video_url": "https://e.com/a.mp4", SECRET: 1}),
    lambda local: local.post(f"/v1/{SECRET}", SECRET, {}),
    lambda local: local.post(V2, SECRET, {"mode": SECRET}),
    lambda local: local.get("/elsewhere", SECRET, headers={"authorization": f"Bearer {SECRET}", "cookie": SECRET}),
    lambda local: local.get("/elsewhere", SECRET, headers={"referer": f"https://e.com/{SECRET}"}),
    lambda local: local.get("/elsewhere", f" {SECRET} "),
]


@pytest.mark.parametrize("leak", LEAKS, ids=range(len(LEAKS)))
def test_a_key_is_nowhere(local: Local, log: "SimpleQueue[str]", leak: Callable[[Local], Any]) -> None:
    """Wherever in a call its key stands, neither the journal nor the log has it."""
    local = Local(speed="instant")
    leak(local)
    assert SECRET not in repr(list(local.journal)) + log.get(timeout=5)
    assert log.empty()


def test_a_short_key_takes_nothing_else_with_it(local: Local, log: "SimpleQueue[str]") -> None:
    """A key of a letter is masked whole, and the letter is left where it is no key."""
    local = Local(accounts=[{"key": "e"}])
    local.get("/elsewhere", "e")
    assert local.journal[-1].key == "..."
    assert log.get(timeout=5).startswith("GET /elsewhere 404")


def test_the_log_keeps_to_its_lines(emulator: Emulator, log: "SimpleQueue[str]") -> None:
    """Nothing in a path can break the log's lines or colour a terminal."""
    requests.get(f"{emulator.url}/a%0aPOST%20/v1/forged%20200%1b[31m", timeout=30)
    assert log.get(timeout=5) == (
        "GET /a?POST /v1/forged 200?[31m 404, No endpoint at /a?POST /v1/forged 200?[31m. "
        "Models are at POST /v1/<model>., key none"
    )
