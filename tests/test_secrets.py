"""What the journal and the log keep to themselves: keys, and whatever could break a line."""

from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest
import requests
from calling import CONTRACT, GOOD_KEY, V1, V2, Local

from mockling.emulator import Emulator

SECRET = "SG_fedcba9876543210"
VALID = CONTRACT.model.example
ESCAPED = "SG\\u005f%66edcba\\u00398%376543210"
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
    lambda local: local.call("GET", f"/{SECRET}", headers={"x-api-key": f"{SECRET},{SECRET}"}),
    lambda local: local.get(f"/{SECRET}", headers={"authorization": f"Bearer {SECRET}"}),
    lambda local: local.get(f"/{SECRET}", headers={"api-key": SECRET}),
    lambda local: local.get(f"/v1/get-user-credits?api_key={SECRET}"),
    lambda local: local.get(f"/elsewhere?{ESCAPED}", SECRET),
    lambda local: local.get(f"/{'x' * 85}{SECRET}", SECRET),
    lambda local: local.get(f"/v2/requests/{'x' * 85}{SECRET}", SECRET),
    lambda local: local.get(f"/generations/{'x' * 85}{SECRET}", SECRET),
    lambda local: local.get(f"/elsewhere?{'x' * 185}{SECRET}", SECRET),
    lambda local: local.post(f"/v1/{'x' * 85}{SECRET}", SECRET, {}),
    lambda local: local.post(V1, SECRET, {"mode": "x" * 45 + SECRET}),
    lambda local: local.post(V1, None, {"mode": "x" * 45 + SECRET}),
    lambda local: local.post(V1, SECRET, {**VALID, "x" * 45 + SECRET: 1}),
    lambda local: local.call("POST", V1, SECRET, data=f'{{"mode": "{ESCAPED}"}}', content_type="application/json"),
    lambda local: local.post(V1, SECRET, {**VALID, "prompt": "x" * 65450 + SECRET}),
    *(
        lambda local, cut=cut: local.call("POST", V1, data="x" * (64 * 1024 - cut) + SECRET, content_type="text/plain")
        for cut in range(1, len(SECRET))
    ),
    lambda local: local.post(V1, SECRET, {**VALID, "prompt": " ".join(f"SG_{n:016x}" for n in range(99)) + SECRET}),
]


@pytest.mark.parametrize("leak", LEAKS, ids=range(len(LEAKS)))
def test_a_key_is_nowhere(local: Local, log: "SimpleQueue[str]", leak: Callable[[Local], Any]) -> None:
    """Wherever in a call its key stands, neither the journal nor the log has it."""
    local = Local(speed="instant")
    leak(local)
    told = repr(list(local.journal)) + log.get(timeout=5)
    assert not [part for part in (SECRET[:8], SECRET[8:], ESCAPED) if part in told]
    assert log.empty()


def test_a_configured_key_is_nowhere_whatever_it_is_like(log: "SimpleQueue[str]") -> None:
    """A key of another shape is masked in the calls of others too, and in what answers them."""
    local = Local(accounts=[{"key": "open sesame"}, {"key": "of-another"}])
    local.post("/v1/open%20sesame", "of-another", {"of-another": 1})
    told = repr(list(local.journal)) + log.get(timeout=5)
    assert not [part for part in ("sesame", "another") if part in told]


ALICE, BOB, CAROL = "sk_live_alice0123456789", "sk_live_bob/9876543210xyz", "bob98765430123456789"
OF_OTHERS: list[Callable[[Local], Any]] = [
    lambda local: local.get(f"/v2/requests/{BOB}", BOB),
    lambda local: local.get(f"/elsewhere?{BOB}", BOB),
    lambda local: local.get(f"/elsewhere?{BOB}", ALICE),
    lambda local: local.get("/elsewhere?next=%2573k%255flive_bob%252F9876543210xyz", ALICE),
    lambda local: local.post(V1, ALICE, {"mode": BOB}),
    lambda local: local.post(V1, ALICE, {"mode": BOB.replace("/", "\\/")}),
    lambda local: local.post(V1, ALICE, {"mode": BOB.upper()}),
    lambda local: local.post(V1, ALICE, {**VALID, "video_url": f"https://{BOB.upper()}.localhost/a.mp4"}),
    lambda local: local.post(V1, ALICE, {"mode": "x" * 45 + BOB}),
    lambda local: local.post(V1, ALICE, {"mode": "sk_live_" + BOB}),
    lambda local: local.call("GET", "/elsewhere", ALICE, headers={CAROL: "x"}),
    lambda local: local.call("POST", V1, data=ALICE * 40 + "y" * 70000 + BOB, content_type="text/plain"),
    lambda local: local.call("POST", V1, data=(ALICE * 40 + "y" * 70000)[: 65536 + 241] + BOB, content_type="a/b"),
]


@pytest.mark.parametrize("leak", OF_OTHERS, ids=range(len(OF_OTHERS)))
def test_the_configured_keys_are_nowhere(log: "SimpleQueue[str]", leak: Callable[[Local], Any]) -> None:
    """Keys that begin alike, and those of others, are masked wherever they stand, in small letters too."""
    local = Local(speed="instant", accounts=[{"key": ALICE}, {"key": BOB}, {"key": CAROL}])
    leak(local)
    told = (repr(list(local.journal)) + log.get(timeout=5)).lower()
    assert not [part for part in ("bob", "9876543", "alice", "0123456789") if part in told]


@pytest.mark.parametrize(
    "sent",
    [
        lambda local: local.post(V1, None, {**VALID, "prompt": "x" * 70000, "mode": "x" * 45 + SECRET}),
        lambda local: local.post(V1, GOOD_KEY, {"mode": "SG_01234fffffffffff"}),
        lambda local: local.post(V1, GOOD_KEY, {"prompt": " ".join(f"SG_{n:016x}" for n in range(99)), "mode": SECRET}),
        lambda local: local.get("/elsewhere?token=fedcbafedcba%2Ffffffffffff%2B"),
        lambda local: local.get("/elsewhere?api%5Fkey=fedcbafedcba%2Ffffffffffff%2B"),
        lambda local: local.get("/elsewhere?next=%2553G_fedcba9876543210"),
        lambda local: local.get("/fedcbafedcba", headers={"authorization": f"Bearer fedcbafedcba,{SECRET}"}),
        lambda local: local.post(V1, GOOD_KEY, {**VALID, "video_url": f"http://{SECRET}.localhost/a.mp4"}),
    ],
)
def test_what_else_is_secret_is_nowhere(log: "SimpleQueue[str]", sent: Callable[[Local], Any]) -> None:
    """Keys without an account, and what a query calls a key or a token, are masked too."""
    local = Local(speed="instant")
    sent(local)
    told = (repr(list(local.journal)) + log.get(timeout=5)).lower()
    assert not [part for part in ("fedcba", "fffff") if part in told]


@pytest.mark.parametrize("pattern", ["^.*$", "^(SG_.*)?$", "^[A-Za-z0-9_-]*$", "^.+$", "", "^[a-z]+$"])
def test_where_anything_may_be_a_key_nothing_is_taken_for_one(pattern: str) -> None:
    """A shape that ordinary texts have masks none of them; the key that was sent is masked all the same."""
    local = Local(contract={"components": {"securitySchemes": {"apiKey": {"x-pattern": pattern}}}})
    local.get("/v1/get-user-credits?a=some-other-text", "anything-else")
    assert local.journal[-1].path == "/v1/get-user-credits?a=some-other-text"
    local.get("/anything-else/here", "anything-else")
    assert local.journal[-1].path == "/...else/here"


def test_a_request_id_is_no_secret() -> None:
    """A job is told by its id, whatever else that id was sent as; the ordinary words of a header are no secrets."""
    local = Local(speed="instant")
    reply = local.submit(GOOD_KEY, VALID)
    sent = {"authorization": f"Bearer {reply['request_id']}", "x-auth-scope": "shot=customize"}
    local.get(reply["status_url"], GOOD_KEY, headers=sent)
    assert local.journal[-1].request_id == reply["request_id"]
    local.post(V1, GOOD_KEY, VALID, headers=sent)
    assert b"customize" in local.journal[-1].request.body


def test_what_holds_no_secret_is_kept_as_it_was_sent() -> None:
    """Escapes stay, and so does whatever stands beside a key."""
    local = Local(speed="instant")
    body = b'{"prompt": "\\u0041 %41 SG_", "mode": 1}'
    local.call("POST", V1, SECRET, data=body, content_type="application/json")
    assert local.journal[-1].request.body == body
    local.get(f"/a/{SECRET}/b", SECRET)
    assert local.journal[-1].path == "/a/...3210/b"


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
