"""What is bounded: rows that are told at once, what of a wrong name is told back, and keys that are remembered."""

import gc
import socket
import weakref

import pytest
import requests
from calling import CONTRACT, GOOD_KEY
from controlling import Control, raw

from mockling.emulator import Emulator, Settings
from mockling.emulator.control import app
from mockling.emulator.http import masking
from mockling.emulator.http.masking import sent_of
from mockling.emulator.platform.keys import LONGEST_REMEMBERED, Keys

LONG = "x" * 3000


def test_calls_are_told_a_number_at_a_time(own: Emulator, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest come first; who asks for those since the last one gets the next."""
    monkeypatch.setattr(app, "MOST_ROWS", 2)
    for _ in range(5):
        requests.get(f"{own.url}/nowhere", timeout=30)
    pages, last = [], 0
    for _ in range(3):
        rows = control.call("requests", params={"since": last})["requests"]
        pages.append([row["number"] for row in rows])
        last = rows[-1]["number"]
    assert pages == [[1, 2], [3, 4], [5]]
    assert control.call("state")["calls"] == 5


@pytest.mark.parametrize(
    ("name", "sent", "status", "most"),
    [
        ("requests", {"params": {LONG: "1"}}, 400, 40),
        ("requests", {"params": {"status": LONG}}, 400, 40),
        ("requests", {"params": {"since": "9" * 3000}}, 400, 40),
        ("reset", {"json": {"settings": {LONG: 1}}}, 400, 40),
        ("disarm", {"number": LONG}, 400, 40),
        ("state", {"headers": {"host": LONG}}, 403, 100),
        ("state", {"headers": {"origin": LONG}}, 403, 100),
    ],
)
def test_of_a_wrong_name_only_the_beginning_is_told(
    control: Control, name: str, sent: dict[str, object], status: int, most: int
) -> None:
    """However long a name, a number or a host is, the refusal shows no more of it than helps."""
    told = control.call(name, status, **sent)["error"]  # type: ignore[arg-type]
    shown = max(told.count("x"), told.count("9"))
    assert shown >= most and len(told) < most + 400


def test_of_a_wrong_path_only_the_beginning_is_told(own: Emulator) -> None:
    """A path that there is not is told in 100 characters, with those that there are."""
    told = requests.get(f"{own.url}/_mockling/{LONG}", timeout=30).json()["error"]
    assert told.startswith(f"There is no GET {f'/_mockling/{LONG}'[:100]}; there is /_mockling/health, ")


@pytest.mark.parametrize(("digits", "kept"), [("9" * 15, True), ("9" * 16, False), ("\xb2", False), ("\u0663", True)])
def test_a_number_has_fifteen_digits_at_most(control: Control, digits: str, kept: bool) -> None:
    """What `int` reads is a number, if it is no longer than any call's number will ever be."""
    if kept:
        assert control.call("requests", params={"since": digits})["requests"] == []
    else:
        assert "since must be a whole number" in control.refused("requests", params={"since": digits})


class Text(str):
    """A text of which can be seen whether anybody still has it."""

    __slots__ = ("__weakref__",)


def remembered(keys: Keys, *given: str) -> list[bool]:
    """Return of each key whether it is still there after all were looked for."""
    texts = [Text(key) for key in given]
    for text in texts:
        keys.find(text)
    watched = [weakref.ref(text) for text in texts]
    del texts, text
    gc.collect()
    return [one() is not None for one in watched]


def test_keys_that_are_remembered_are_bounded() -> None:
    """A thousand keys are remembered, the last ones, and none that is longer than any real one."""
    keys = Keys(Settings(), CONTRACT)
    assert remembered(keys, "x" * LONGEST_REMEMBERED, "x" * (LONGEST_REMEMBERED + 1)) == [True, False]
    there = remembered(keys, *(f"{number}" for number in range(3000)))
    assert there == [False] * (3000 - sum(there)) + [True] * sum(there)
    assert 1000 <= sum(there) <= 1100


def test_headers_whose_names_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of ordinary headers are remembered, but no long ones, and not more than a thousand."""
    monkeypatch.setattr(masking, "_NAMES", {})

    def kept(*names: str) -> list[bool]:
        given = [Text(f"HTTP_{name}") for name in names]
        assert sent_of(dict.fromkeys(given, "a"))[0] == tuple((name.lower(), "a") for name in names)
        watched = [weakref.ref(name) for name in given]
        del given
        gc.collect()
        return [one() is not None for one in watched]

    assert kept("ACCEPT", "X" * 90, "X" * 100) == [True, True, False]
    assert 1000 <= sum(kept(*(f"N{number}" for number in range(3000)))) <= 1024


def test_who_has_no_balance_is_told_so() -> None:
    """An account without a balance record has none to tell and none to top up; forgetting it is possible."""
    with Emulator(speed="manual", accounts=[{"key": "none", "credits": "none"}]) as emulator:
        mine = Control(emulator, "none")
        assert mine.refused("account") == mine.refused("credit", json={"add": 1}) == "It has no balance."
        assert mine.call("reset")["calls"] == 0
        assert "no account with that key" in Control(emulator, GOOD_KEY).refused("reset")


def test_a_key_is_looked_at_without_what_surrounds_it(own: Emulator) -> None:
    """Blanks before or behind it in the header, of a page it was copied from, too, are no part of it."""
    own.credit(GOOD_KEY, 1)
    with socket.create_connection(("127.0.0.1", int(own.url.rpartition(":")[2])), timeout=30) as connection:
        head = (
            "GET /_mockling/account HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nx-api-key: \xa0{}\xa0\r\n\r\n"
        )
        connection.sendall(head.format(GOOD_KEY).encode("latin-1"))
        with connection.makefile("rb") as response:
            assert b'"101.00"' in response.read()
    assert raw(own, "GET /_mockling/account HTTP/1.1\nhost: 127.0.0.1\nx-api-key: \xa0") == 400
