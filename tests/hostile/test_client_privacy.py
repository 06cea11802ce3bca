"""What the client sends: its own headers and nothing of the user's, whoever asks."""

import json
from email import message_from_bytes
from pathlib import Path

import pytest
from scripted import Scripted, http, scripted

from hostile.servers import CERTIFICATE, Hostile, hostile
from mockling import fixtures
from mockling.client import Client, NotDownloaded, NotSent

KEY = "SG_0123456789abcdef"
MP4 = fixtures.input_clip("narrow").read_bytes()
COMMON = {"host", "user-agent", "accept", "accept-encoding", "connection"}

pytestmark = pytest.mark.usefixtures("names", "_netrc")


@pytest.fixture(params=["HOME", "NETRC"])
def _netrc(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the user a .netrc with a password for whoever asks."""
    file = tmp_path / ".netrc"
    file.write_text("default login somebody password secret\n")
    file.chmod(0o600)
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv(request.param, str(tmp_path if request.param == "HOME" else file))


def headers(request: bytes) -> dict[str, str]:
    """Return the headers of a request, their names in small letters."""
    message = message_from_bytes(request.split(b"\r\n", 1)[1])
    return {name.lower(): value for name, value in message.items()}


def named(server: Scripted | Hostile, name: str) -> str:
    """Return a server's address under a name that is not of this machine."""
    return server.url.replace("127.0.0.1", name)


def generated(api: str, target: Path) -> None:
    Client(KEY, api).generate("a", "b").save(target)


def test_no_password_of_the_user_goes_out(tmp_path: Path) -> None:
    """What a .netrc holds goes neither to the API nor to the host of a video, and the key goes to the API alone."""
    with scripted(http(200, MP4)) as files:
        output = json.dumps({"output": f"{named(files, 'files.example')}/a.mp4"}).encode()
        with scripted(http(200, output)) as api:
            generated(named(api, "api.example"), tmp_path / "a.mp4")
    assert set(headers(api.requests[0])) == COMMON | {"x-api-key", "content-type", "content-length"}
    assert set(headers(files.requests[0])) == COMMON


def test_no_password_of_an_address_goes_out(tmp_path: Path) -> None:
    """What a server writes into a video's address is not made a header."""
    with scripted(http(404)) as files:
        output = json.dumps({"output": f"{named(files, 'me:too@files.example')}/a.mp4"}).encode()
        with scripted(http(200, output)) as api, pytest.raises(NotDownloaded):
            generated(named(api, "api.example"), tmp_path / "a.mp4")
    assert set(headers(files.requests[0])) == COMMON


def test_a_proxy_gets_its_own_password_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's proxy is asked, with the user and password in its address and no others."""
    output = http(200, b'{"output": "http://files.example/a.mp4"}')
    with scripted(output, http(200, MP4)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//me:too@"))
        generated("http://api.example", tmp_path / "a.mp4")
    asked, fetched = (headers(request) for request in proxy.requests)
    assert asked["proxy-authorization"] == fetched["proxy-authorization"] == "Basic bWU6dG9v"
    assert "x-api-key" not in fetched
    assert not {"authorization"} & (set(asked) | set(fetched))


def test_the_environments_certificates_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """REQUESTS_CA_BUNDLE says whose certificates are good, and nothing else of the user goes out over TLS."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))

    def answers(server: Hostile, connection: object) -> None:
        server.requests.append(connection.recv(65536))  # type: ignore[attr-defined]
        connection.sendall(http(200, b'{"credits": 7}'))  # type: ignore[attr-defined]

    with hostile(answers, tls=True) as server:
        assert Client(KEY, named(server, "api.example")).credits() == 7
    assert set(headers(server.requests[0])) == COMMON | {"x-api-key"}


def test_a_certificate_that_nobody_vouches_for_is_told() -> None:
    """A server that only claims a name gets nothing, neither the key nor a request, and that is `NotSent`."""

    def keeps(server: Hostile, connection: object) -> None:
        server.requests.append(connection.recv(65536))  # type: ignore[attr-defined]

    with hostile(keeps, tls=True) as server:
        with pytest.raises(NotSent, match=rf"The certificate of https://api\.example:{server.port} is not trusted"):
            Client(KEY, named(server, "api.example")).generate("a", "b")
        assert server.requests == []
