"""Who may use the control API: no page of another origin, nobody by a strange name or, elsewhere, without the token."""

import hmac
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import pytest
import requests
from calling import GOOD_KEY, V1, V2
from controlling import OPERATIONS, Control, generate, raw

from mockling.emulator import Emulator
from mockling.emulator.control import guard
from mockling.emulator.listening import server
from mockling.emulator.listening.sockets import listen

FOREIGN_HOSTS = [
    "evil.example", "evil.example:{port}", "EVIL.EXAMPLE", "127.0.0.1.nip.io", "127.0.0.1.nip.io:{port}",
    "localhost.evil.example", "evil.example:127.0.0.1", "127.0.0.1@evil.example", "evil.example@127.0.0.1",
    "user:pass@127.0.0.1:{port}", "127.0.0.1#.evil.example", "127.0.0.1/.evil.example",
    "127.0.0.1?evil.example", "127.0.0.1\\evil.example", "127.0.0.1.", "localhost.", "localhost.:{port}",
    "127.0.0.2", "127.1", "2130706433", "0x7f.0.0.1", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "::1", "[::1",
    "127.0.0.1:x", "127.0.0.1:80:80", "127.0.0.1 evil.example", "evil.example, 127.0.0.1", "",
    "api.segmind.com", "\xe9", "x" * 5000,
]  # fmt: skip
OWN_HOSTS = ["127.0.0.1:{port}", "127.0.0.1", "localhost:{port}", "LocalHost", "[::1]:{port}", "[::1]", "127.0.0.1:1"]
FOREIGN_PAGES = [
    {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": ""}, {"origin": "http://127.0.0.1:1"},
    {"origin": "http://localhost"}, {"origin": "file://"},
    {"origin": "http://[", "sec-fetch-site": "same-origin"}, {"origin": "{url}.evil.example"},
    {"origin": "{url}/"}, {"origin": "http://evil.example@{host}"}, {"origin": "{url}@evil.example"},
    {"origin": "ftp://{host}"}, {"origin": "{host}"}, {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "none, cross-site"}, {"sec-fetch-site": ""},
    {"origin": "{url}", "sec-fetch-site": "cross-site"},
    {"origin": "http://evil.example", "host": "evil.example"},
]  # fmt: skip
BODIES = {"arm": {"status": 502}, "set_clock": {"seconds": 5}, "credit": {"add": 5}, "reset": {}}


@pytest.fixture(scope="module")
def own() -> Iterator[Emulator]:
    """An emulator with something in it that could leak or be lost; nobody here may change it."""
    with Emulator(speed="manual") as emulator:
        emulator.fault(on="download", cut=0.5)
        generate(emulator)
        yield emulator


@pytest.fixture
def exposed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator that is told to be reached from other machines, though here it is on loopback, as all tests are."""
    monkeypatch.setattr(server, "listen", lambda _, port: listen("127.0.0.1", port))
    with Emulator(host="0.0.0.0", speed="manual") as emulator:
        yield emulator


def port(emulator: Emulator) -> str:
    return emulator.url.rpartition(":")[2]


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_strange_name_opens_nothing(host: str, own: Emulator) -> None:
    """A Host that is not this machine's own name or address is refused by every operation (DNS rebinding)."""
    seen, named = Control(own).seen(), host.format(port=port(own))
    for verb, path, _ in OPERATIONS.values():
        head = f"{verb} /_mockling{path.format(number=1)} HTTP/1.1\nhost: {named}\norigin: http://{named}"
        assert (path, raw(own, f"{head}\ncontent-length: 0")) in ((path, 403), (path, 400))
        assert raw(own, f"{verb} /_mockling{path.format(number=1)} HTTP/1.0\nhost: {named}") in (403, 400)
    assert Control(own).seen() == seen


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_this_machines_names_are_taken(host: str, own: Emulator) -> None:
    """By its own names and addresses, at whatever port is forwarded to it, it can be used."""
    assert raw(own, f"GET /_mockling/state HTTP/1.1\nhost: {host.format(port=port(own))}") == 200


def test_no_host_opens_nothing(own: Emulator) -> None:
    """A call without a Host, or with two Hosts, is refused; a target's or a proxy's host counts for nothing."""
    assert raw(own, "GET /_mockling/state HTTP/1.0") == 403
    assert raw(own, "GET /_mockling/state HTTP/1.1\nhost: 127.0.0.1\nhost: evil.example") in (400, 403)
    for line in ("x-forwarded-host: 127.0.0.1", "forwarded: host=127.0.0.1", "x-host: 127.0.0.1", "host_: 127.0.0.1"):
        assert raw(own, f"GET /_mockling/state HTTP/1.1\nhost: evil.example\n{line}") == 403
    assert raw(own, "GET http://127.0.0.1/_mockling/state HTTP/1.1\nhost: evil.example") == 403


def test_an_address_that_is_listened_at_is_a_name_of_its_own() -> None:
    """Another address of loopback can be listened at without a token, and then used by that address."""
    with Emulator(host="127.0.0.5") as emulator:
        assert emulator.control_token is None
        assert Control(emulator).call("state")["url"] == emulator.url


@pytest.mark.parametrize("headers", FOREIGN_PAGES, ids=str)
def test_a_page_of_another_origin_is_refused(headers: dict[str, str], own: Emulator) -> None:
    """Whatever a foreign page's browser sends of where it comes from, no operation obeys or tells anything."""
    host = own.url.removeprefix("http://")
    sent = {name: value.format(url=own.url, host=host) for name, value in headers.items()}
    control = Control(own)
    seen = control.seen()
    for name in OPERATIONS:
        told = control.call(name, 403, number=1, headers={**sent, "x-api-key": GOOD_KEY}, json=BODIES.get(name))
        assert list(told) == ["error"]
        assert GOOD_KEY not in told["error"]
    assert control.seen() == seen


def test_its_own_pages_may_use_it(own: Emulator) -> None:
    """A page that the emulator itself served may use it, as may what a user types into a browser."""
    for sent in (
        {"origin": own.url, "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"origin": own.url.upper()},
    ):
        Control(own).call("set_clock", headers=sent, json={"seconds": 1})
    host = own.url.replace("127.0.0.1", "localhost")
    Control(own).call("state", headers={"host": host.removeprefix("http://"), "origin": host})


@pytest.mark.parametrize("path", ["/state", "/faults", "/clock", "/reset", "/requests", "/faults/1", "/nowhere", ""])
def test_a_preflight_allows_nothing(path: str, own: Emulator) -> None:
    """No preflight of a foreign page is answered with leave to use the control API."""
    asked = {"origin": "http://evil.example", "access-control-request-method": "DELETE"}
    asked |= {
        "access-control-request-headers": "content-type, x-mockling-token",
        "access-control-request-private-network": "true",
    }
    answer = requests.options(f"{own.url}/_mockling/{path.lstrip('/')}", headers=asked, timeout=30)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", [V1, V2, "/v2/requests/x", "/upload-asset"])
def test_the_platforms_preflight_does_not_allow_our_headers(path: str, own: Emulator) -> None:
    """A foreign page may call the platform, but may send it neither a fault nor a patience nor the token."""
    ours = ["x-mockling-fault", "x-mockling-patience", guard.TOKEN]
    asked = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    answer = requests.options(
        own.url + path, headers={**asked, "access-control-request-headers": ",".join(ours)}, timeout=30
    )
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert "*" not in allowed
    assert not [name for name in ours if name in allowed]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("name", BODIES)
def test_what_a_form_can_send_changes_nothing(name: str, own: Emulator) -> None:
    """Even where a browser tells nothing of the page, a form's types are no JSON, and its empty body is no reset."""
    control = Control(own, GOOD_KEY if name == "credit" else None)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a"):
        for body in (b"", b'{"settings": {}}', b'{"status": 502}', b"settings=x"):
            control.refused(name, 415, data=body, headers={"content-type": kind})


def test_no_answer_is_for_other_pages(own: Emulator) -> None:
    """Every answer tells browsers to give it to no foreign page, whatever tag asks, and to keep nothing."""
    for path in ("/state", "/health", "/nowhere", "/reset"):
        headers = requests.get(f"{own.url}/_mockling{path}", timeout=30).headers
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
        assert "set-cookie" not in headers


def test_elsewhere_than_on_loopback_a_token_is_needed(exposed: Emulator) -> None:
    """Without the right token nothing but its health is told or changed; with it, everything works by whatever name."""
    token, url = exposed.control_token, exposed.url
    assert token
    assert len(token) > 20
    wrong: list[dict[str, str]] = [
        {}, {guard.TOKEN: ""}, {guard.TOKEN: "x"}, {guard.TOKEN: token[:-1]}, {guard.TOKEN: token + "x"},
        {guard.TOKEN: token.swapcase()}, {guard.TOKEN: "\xe9"}, {"authorization": f"Basic {token}"},
        {"authorization": "Bearer"}, {"cookie": f"{guard.TOKEN}={token}"}, {"x_mockling_token": token},
        {"x-api-key": token},
    ]  # fmt: skip
    for headers in wrong:
        for name, (verb, path, _) in OPERATIONS.items():
            sent = {name: value.encode("latin-1") for name, value in headers.items()}
            answer = requests.request(
                verb, f"{url}/_mockling{path.format(number=1)}", headers=sent, json=BODIES.get(name), timeout=30
            )  # type: ignore[arg-type]
            assert (name, headers, answer.status_code) == (name, headers, 200 if name == "health" else 401)
    assert requests.get(f"{url}/_mockling/state?{guard.TOKEN}={token}", timeout=30).status_code == 401
    for right in ({guard.TOKEN: token}, {"authorization": f"Bearer {token}"}):
        state = requests.get(f"{url}/_mockling/state", headers={**right, "host": "mockling.test:80"}, timeout=30).json()
        assert (state["clock"]["now"], state["url"], state["faults"]) == (0.0, "http://mockling.test:80", [])
        page = {**right, "origin": "http://evil.example"}
        assert requests.get(f"{url}/_mockling/state", headers=page, timeout=30).status_code == 403


def test_a_token_can_be_asked_for_on_loopback() -> None:
    """With the setting control_token, a caller of this machine needs that token."""
    with Emulator(control_token="a secret") as emulator:
        assert requests.get(f"{emulator.url}/_mockling/state", timeout=30).status_code == 401
        Control(emulator).call("state", headers={guard.TOKEN: "a secret"})


def test_each_emulator_has_a_token_of_its_own() -> None:
    """Two emulators that are reached from elsewhere have different tokens; one on loopback has none."""
    tokens = [
        Emulator(host=host).control_token for host in ("0.0.0.0", "0.0.0.0", "::", "127.0.0.1", "localhost", "::1")
    ]
    assert len(set(tokens[:3])) == 3
    assert tokens[3:] == [None, None, None]


def test_the_token_is_compared_in_constant_time(exposed: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a caller sent and the token meet only in `hmac.compare_digest`."""
    compared: list[tuple[Any, Any]] = []

    def compare(given: Any, wanted: Any) -> bool:
        compared.append((given, wanted))
        return hmac.compare_digest(given, wanted)

    monkeypatch.setattr(guard, "compare_digest", compare)
    requests.get(f"{exposed.url}/_mockling/state", headers={guard.TOKEN: "guess"}, timeout=30)
    assert compared == [(b"guess", str(exposed.control_token).encode())]


def test_the_token_is_kept_nowhere(
    exposed: Emulator, log: "SimpleQueue[str]", capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A token that is sent with control calls, or by mistake with the platform's, is in no log and in no journal."""
    token, url = str(exposed.control_token), exposed.url
    sent = {guard.TOKEN: token, "x-api-key": GOOD_KEY}
    for path in (
        "/_mockling/state",
        "/_mockling/nowhere",
        "/_mockling/requests?since=x",
        "/v1/get-user-credits",
        "/nowhere",
    ):
        requests.get(url + path, headers=sent, timeout=30)
        requests.get(url + path, headers={**sent, "x-again": f"{token} {token}"}, timeout=30)
    requests.get(f"{url}/v1/get-user-credits", headers={"authorization": f"Bearer {token}"}, timeout=30)
    told = requests.get(f"{url}/_mockling/requests", headers={guard.TOKEN: token}, timeout=30)
    assert len(told.json()["requests"]) == 5
    lines = [log.get(timeout=10) for _ in range(5)]
    seen = [told.text, repr(list(exposed.journal)), *lines, *capfd.readouterr(), caplog.text]
    assert not [text for text in seen if token in text]
