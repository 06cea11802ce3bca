"""What the control API refuses; nothing has changed then."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from calling import GOOD_KEY, make_key
from controlling import JSON, Control, generate, raw

from mockling.emulator import Emulator
from mockling.emulator.control.app import LARGEST_BODY, MOST_FAULTS
from mockling.emulator.control.reading import DEEPEST


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """An emulator whose time stands still."""
    with Emulator(speed="manual") as running:
        yield running


@pytest.fixture
def own(server: Emulator) -> Emulator:
    """The same one, as it was at the start."""
    server.reset()
    return server


def test_a_path_of_many_stars_is_looked_for_at_once(control: Control, own: Emulator) -> None:
    """However many stars a path has that calls are told by, the answer comes."""
    requests.get(f"{own.url}/{'a' * 150}", timeout=30)
    assert control.call("requests", params={"path": "*a" * 60 + "*b"})["requests"] == []
    assert len(control.call("requests", params={"path": "*a" * 60 + "*"})["requests"]) == 1


def test_faults_are_bounded(control: Control, own: Emulator) -> None:
    """Where very many faults are armed, another one is refused with advice."""
    for _ in range(MOST_FAULTS):
        own.fault(status=502)
    assert "forget some" in control.refused("arm", json={"status": 502})


@pytest.mark.parametrize(
    "body",
    [
        {}, {"seconds": -1}, {"seconds": "1"}, {"seconds": True}, {"seconds": 10**20}, {"speed": 0}, {"speed": "fast"},
        {"speed": True}, {"speed": None}, {"speed": 5, "seconds": -1}, {"speed": 5, "days": 31_536_000},
        {"speed": 0, "seconds": 5}, {"seconds": 1, "settle": 1}, {"until": 5}, {"speed": 5, "self": 1},
    ],
)  # fmt: skip
def test_time_that_cannot_be_changes_nothing(body: Any, control: Control) -> None:
    """A call that moves time is carried out as a whole or not at all."""
    before = control.call("clock")
    control.refused("set_clock", json=body)
    assert control.call("clock") == before


def test_asking_for_balances_cannot_fill_the_memory(own: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are as many accounts as are kept, asking for another one's balance makes none."""
    monkeypatch.setattr("mockling.emulator.platform.memory.MOST_ACCOUNTS", 1)
    known = Control(own, make_key())
    known.call("account")
    assert "too many accounts" in Control(own, make_key()).refused("account")
    assert known.call("account")


@pytest.mark.parametrize(
    "settings",
    [
        {"speed": "fast"}, {"seed": "x"}, {"seed": 1, "profile": "none"}, {"profile": []}, {"answers": {"D1": "x"}},
        {"answers": "x"}, {"answers": []}, {"contract": 5}, {"contract": {"x-limits": None}}, {"accounts": [{}]},
        {"accounts": {"key": "x"}}, {"faults": [{"on": "x"}]}, {"faults": 5}, {"strict": 1}, {"credits": "NaN"},
        {"port": 1}, {"host": "0.0.0.0"}, {"control_token": "x"}, {"receive_timeout": 5}, {"self": 1}, {"settings": {}},
        {"speeed": 1}, {"inputs": {"https://a.example/b": "/etc/passwd"}}, {"inputs": {}}, {"models": ["/etc/passwd"]},
        {"tls": True}, {"tls": {"cert": "/etc/passwd", "key": "/etc/passwd"}}, 5, None, [["seed", 1]],
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_be_change_nothing(settings: Any, control: Control, own: Emulator) -> None:
    """A reset with a setting that cannot be, stays while it listens, or names a file, is refused."""
    generate(own)
    control.call("arm", json={"status": 502})
    told = control.refused("reset", json={"settings": settings})
    assert "root:" not in told
    assert own.held == 0
    assert generate(own).status_code == 502


WORDS_FOR_NOTHING = [
    {}, {"status": 99}, {"status": "502"}, {"on": "x", "status": 502}, {"drop": 5}, {"self": 1, "status": 502},
    {"words": 1}, {"status": 502, "times": 0}, {"prompt": "(", "status": 502}, {"stage": "x", "status": 502},
    {"model": "x", "status": 502}, {"headers": {"a": "b\r\nc: d"}}, {"status": 502, "key": 5},
]  # fmt: skip


@pytest.mark.parametrize("words", WORDS_FOR_NOTHING, ids=str)
def test_a_fault_that_makes_no_sense_is_not_armed(words: Any, control: Control) -> None:
    """It is refused with the sentence that Python would raise."""
    assert control.refused("arm", json=words)


@pytest.mark.parametrize("prompt", ["[" * 100_000, "[[a]"])
def test_a_doubtful_pattern_is_told(prompt: str, control: Control) -> None:
    """A regular expression that Python warns of is refused where warnings are errors, as they are here."""
    assert "prompt is no regular expression: " in control.refused("arm", json={"prompt": prompt, "status": 502})
    faults = {"settings": {"faults": [{"prompt": prompt, "status": 502}]}}
    assert "prompt is no regular expression: " in control.refused("reset", json=faults)


BODIES = [
    b"", b"{", b"[]", b"1", b"null", b'"x"', b"\xff", b'{"seconds": NaN}', b'{"speed": 5, "seconds": NaN}',
    b'{"seconds": -Infinity}', b'{"seconds": 1e999}', b'{"seconds": ' + b"9" * 5000 + b"}", b"[" * 200_000,
    b'{"a": ' * 100_000, b'{"settings":' * (DEEPEST + 2) + b"1" + b"}" * (DEEPEST + 2), b'{"seconds": 1} x',
]  # fmt: skip


@pytest.mark.parametrize("name", ["arm", "set_clock", "credit", "reset"])
def test_what_is_no_body_is_refused(name: str, own: Emulator) -> None:
    """What is no JSON object, nests too deeply, is too large, or is of another type, is refused and changes nothing."""
    control = Control(own, GOOD_KEY if name == "credit" else None)
    good = {"arm": {"status": 502}, "set_clock": {"seconds": 5}, "credit": {"add": 5}, "reset": {}}[name]
    before = control.seen()
    for body in BODIES:
        if body or name != "reset":
            control.call(name, 400, data=body, headers=JSON)
    control.call(name, 413, data=b'{"a": "' + b"x" * LARGEST_BODY + b'"}', headers=JSON)
    control.call(name, 413, data=iter([b'{"a": "' + b"x" * LARGEST_BODY, b'"}']), headers=JSON)
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
        "text/json",
        "x",
    ):
        control.call(name, 415, data=json.dumps(good), headers={"content-type": kind})
        control.call(name, 415, data=b"", headers={"content-type": kind})
    assert control.seen() == before


def test_a_body_has_a_hundred_levels_at_most(control: Control) -> None:
    """What nests deeper than anything that makes sense is told as such; what does not is looked at."""
    for levels in (DEEPEST, DEEPEST + 1):
        told = control.refused("arm", data=b'{"a":' * levels + b"1" + b"}" * levels, headers=JSON)
        assert ("at most 100 levels" in told) == (levels > DEEPEST)


def test_other_methods_and_paths_are_refused(control: Control, own: Emulator) -> None:
    """A path there is not is 404 with those there are, another method 405 with those that may be; nothing redirects."""
    seen = control.seen()
    for path in ("/", "/x", "/state/", "//state", "/state/x", "/faults/1/2", "/../state", "/%2e%2e/v1", "/STATE"):
        for method in ("GET", "POST", "DELETE"):
            answer = raw(own, f"{method} /_mockling{path} HTTP/1.1\nhost: 127.0.0.1")
            assert (path, method, answer) == (path, method, 404)
    for method, path in [
        ("PUT", "/state"),
        ("OPTIONS", "/reset"),
        ("TRACE", "/state"),
        ("PATCH", "/clock"),
        ("POST", "/health"),
    ]:
        answer = requests.request(method, f"{own.url}/_mockling{path}", timeout=30)
        assert (method, answer.status_code) == (method, 405)
        assert answer.headers["allow"]
        assert answer.json()["error"].startswith(f"There is no {method} /_mockling{path}; there is /_mockling/health, ")
        assert "access-control-allow-origin" not in answer.headers
    assert control.seen() == seen


@pytest.mark.parametrize(
    ("target", "more", "status"),
    [
        ("/_mockling", "", 404), ("//_mockling/state", "", 404), ("/v1/../_mockling/state", "", 404),
        ("/v1/_mockling/state", "", 404), ("/_MOCKLING/state", "", 404), ("/_mockling;/state", "", 404),
        ("/state", "\nx-forwarded-prefix: /_mockling", 404), ("/_mockling%2fstate", "", 200),
        ("/%5Fmockling/state", "", 200),
        ("/_mockling/../v1/get-user-credits", "", 404), ("/_mockling/state?/v1/get-user-credits", "", 200),
        ("http://evil.example/_mockling/state", "", 200),
    ],
)  # fmt: skip
def test_no_path_is_both_the_platforms_and_control(target: str, more: str, status: int, own: Emulator) -> None:
    """Control answers what is below /_mockling/ once it is decoded, and no other path; its calls are not recorded."""
    assert raw(own, f"GET {target} HTTP/1.1\nhost: 127.0.0.1{more}") == status
    is_control = status == 200 or target.startswith("/_mockling/")
    assert len(own.journal) == (0 if is_control else 1)
    assert raw(own, f"GET {target} HTTP/1.1\nhost: evil.example{more}") == (403 if is_control else 404)
