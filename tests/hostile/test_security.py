"""What the emulator protects whoever runs it against; SECURITY.md names these tests."""

import gzip
import json
import re
import socket
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mockling.contract import ContractError, load
from mockling.emulator import Emulator

from .odd import FRAMINGS, V1, V2
from .wire import raw, statuses

KEY = "SG_0123456789abcdef"
EXAMPLE = load().model.example
EVIL = "evil.example"
# These say where the body ends, or that it is long.
CLEAR = (b"transfer_encoding", b"transfer-encoding: identity, chunked", b"content-length: 9", b"content-length: 262")
UNDOUBTED = [
    framing for framing in FRAMINGS if framing.startswith(CLEAR)
]  # they say where the body ends, or that it is long


@pytest.fixture
def served() -> Iterator[Emulator]:
    """An emulator of its own, for what it holds afterwards is looked at."""
    with Emulator(speed="instant") as running:
        yield running


def post(emulator: Emulator, body: Any, path: bytes = V1, **headers: str) -> requests.Response:
    """Send a request with a good key."""
    sent = {"x-api-key": KEY, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return requests.post(emulator.url + path.decode(), json=body, headers=sent, timeout=30)


def answers(emulator: Emulator, data: bytes, count: int = 1) -> list[tuple[int, bytes]]:
    """Return the answers to bytes on a connection of their own."""
    return statuses(raw(("127.0.0.1", int(emulator.url.rpartition(":")[2])), data, answers=count, patience=1))


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    """Who listens for connections that must not come."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.mark.parametrize("path", [V1, V2])
@pytest.mark.parametrize("scheme", ["http", "https", "ftp", "file", "gopher"])
def test_no_url_of_a_request_is_ever_fetched(
    emulator: Emulator, canary: socket.socket, path: bytes, scheme: str
) -> None:
    """Whatever URL stands wherever in a request, nobody connects to it (SSRF), and no file of the machine is read."""
    address = f"127.0.0.1:{canary.getsockname()[1]}"
    urls = [f"{scheme}://{host}/a.png" for host in (address, f"a:b@{address}", "169.254.169.254")]
    for url in [*urls, f"{scheme}:///etc/passwd"]:
        elements = [{"frontal_image_url": url, "reference_image_urls": [url]}]
        for body in ({**EXAMPLE, "video_url": url}, {**EXAMPLE, "image_urls": [url], "elements": elements}):
            assert "defect of Mockling" not in post(emulator, body, path).text
    with pytest.raises(BlockingIOError):
        canary.accept()


@pytest.mark.parametrize("host", [EVIL, "localhost", "127.0.0.1.nip.example:80", "[::1]"])
def test_a_host_header_opens_nothing(emulator: Emulator, host: str) -> None:
    """A rebound name is told back in URLs, and is no more than that: without a key it gets what all get (401)."""
    told = post(emulator, EXAMPLE, host=host).json()
    assert told["output"].startswith(f"http://{host}/generations/")
    bare = requests.get(f"{emulator.url}/v1/get-user-credits", headers={"host": host}, timeout=30)
    assert bare.status_code == 401


@pytest.mark.parametrize("host", ["a b", "a/b", "a\\b", 'a"b', "a@b", "<script>", "a?b", "a#b"])
def test_a_host_that_is_none_is_not_told_back(emulator: Emulator, host: str) -> None:
    """URLs in answers then begin with the emulator's own address."""
    assert post(emulator, EXAMPLE, host=host).json()["output"].startswith(emulator.url)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a"])
def test_what_a_page_may_send_unasked_does_nothing(served: Emulator, kind: str) -> None:
    """A POST that a browser sends without a preflight has no key: it is 401, keeps nothing and costs nothing."""
    for path in (V1, V2, b"/upload-asset"):
        headers = {"content-type": kind, "origin": f"https://{EVIL}", "cookie": f"x-api-key={KEY}"}
        answer = requests.post(served.url + path.decode(), data=json.dumps(EXAMPLE), headers=headers, timeout=30)
        assert answer.status_code == 401
        assert "access-control-allow-credentials" not in answer.headers
    assert sum(exchange.cost for exchange in served.journal) == 0


# fmt: off
TRAVERSALS = [
    "../secret", "..%2fsecret", "%2e%2e/secret", "..%5csecret", "%2e%2e%2f%2e%2e%2fetc/passwd", "....//secret", "%00",
    "%252e%252e%252fsecret", "..%c0%afsecret", "/etc/passwd", "//etc/passwd", "C:%5csecret", "..;/secret",
]
CONTROLS = [
    "/__admin/mappings", "/__admin/requests", "/mockserver/retrieve", "/mockserver/reset", "/_localstack/health",
    "/_aws/ses", "/moto-api/reset", "/moto-api/data.json", "/console", "/?__debugger__=yes&cmd=resource&f=style.css",
    "/journal", "/metrics", "/debug/pprof/", "/actuator/env", "/log", "/shutdown", "/openapi.json", "/.git/config",
]
# fmt: on


@pytest.mark.parametrize("folder", ["assets", "generations"])
@pytest.mark.parametrize("name", TRAVERSALS)
def test_no_path_leads_out_of_the_files(emulator: Emulator, folder: str, name: str) -> None:
    """Files are looked up by names that were given out, so no writing of `..` opens another."""
    ((status, rest),) = answers(emulator, f"GET /{folder}/{name} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
    assert status == 404
    assert b"root:" not in rest


def test_the_name_of_an_upload_is_not_the_callers(emulator: Emulator) -> None:
    """Whatever type an upload names, its file has an id and a plain suffix."""
    urls = [f"data:{kind};base64,aGk=" for kind in ("text/html", "a/..", "a/b+c", "image/svg+xml")]
    told = post(emulator, {"data_urls": urls}, b"/upload-asset").json()["file_urls"]
    for url in told:
        assert re.fullmatch(r"[0-9a-f-]+\.[a-z0-9]+", url.removeprefix(f"{emulator.url}/assets/"))


@pytest.mark.parametrize(
    "evil",
    ["!!python/object/apply:os.system [touch {}]", "!!python/name:os.system", "!!python/object/new:open [{}, w]"],
)
def test_yaml_executes_nothing(tmp_path: Path, evil: str) -> None:
    """A model's file that names a function is refused as a file, and the function is not called."""
    trace, file = tmp_path / "trace", tmp_path / "model.yaml"
    file.write_text(f"slug: a\nsummary: {evil.format(trace)}\n")
    with pytest.raises(ContractError):
        load(models=[file])
    assert not trace.exists()


def test_only_the_control_api_controls_or_tells(served: Emulator) -> None:
    """No other address than the control API's resets it, changes it, or shows what others sent."""
    post(served, {**EXAMPLE, "prompt": "a secret of somebody"})
    for path in CONTROLS:
        for method in ("GET", "POST", "PUT", "DELETE"):
            answer = requests.request(method, served.url + path, headers={"x-api-key": KEY}, timeout=30)
            assert (path, answer.status_code) == (path, 404)
            assert "secret" not in answer.text
    assert served.journal[0].cost > 0


def test_a_job_is_its_keys_alone(emulator: Emulator) -> None:
    """To another key a job is as unknown as one that never was."""
    job = post(emulator, EXAMPLE, V2).json()["request_id"]
    asked = f"{emulator.url}/v2/requests/{job}"
    assert requests.get(asked, headers={"x-api-key": "SG_fedcba9876543210"}, timeout=30).status_code == 404


def test_no_request_hides_in_another(served: Emulator) -> None:
    """Where a body's end is in doubt the connection ends with a refusal, and what came behind is not answered."""
    hidden = b"0\r\n\r\nGET /hidden HTTP/1.1\r\nhost: a\r\n\r\n"
    for framing in [one for one in FRAMINGS if not one.startswith(CLEAR)]:
        told = answers(served, b"POST /seen HTTP/1.1\r\nhost: a\r\n" + framing + b"\r\n\r\n" + hidden, 2)
        assert (framing, [status for status, _ in told]) == (framing, [400])
    assert "/hidden" not in [exchange.path for exchange in served.journal]


@pytest.mark.parametrize(
    "line", [b"GET /a%0d%0aset-cookie:%20a=b", b"GET /?%0d%0aset-cookie:%20a=b", b"POST /v1/a%0d%0aset-cookie:%20a=b"]
)
@pytest.mark.parametrize("header", [b"x-a: b", b"x-forwarded-host: a%0d%0aset-cookie: a", b"range: a\x0bset-cookie: a"])
def test_no_header_of_an_answer_is_the_callers(emulator: Emulator, line: bytes, header: bytes) -> None:
    """A line end in a request, however it is written, begins no line of an answer."""
    sent = line + b" HTTP/1.1\r\nhost: a\r\nx-api-key: " + KEY.encode() + b"\r\n" + header + b"\r\n\r\n"
    for _, rest in answers(emulator, sent):
        assert b"\nset-cookie" not in rest.lower()


def test_no_body_is_inflated(emulator: Emulator) -> None:
    """A compressed body is what it is, bytes that are no JSON: nothing small becomes large."""
    headers = {"x-api-key": KEY, "content-type": "application/json", "content-encoding": "gzip"}
    bomb = gzip.compress(b" " * 20_000_000)
    answer = requests.post(emulator.url + V1.decode(), data=bomb, headers=headers, timeout=30)
    assert answer.status_code == 400


def test_a_picture_is_not_unpacked(emulator: Emulator) -> None:
    """An image of four billion pixels in a few bytes is measured by its head, and takes no memory."""
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (65535).to_bytes(4) * 2
    body = {"data_urls": [f"data:image/png;base64,{b64encode(png).decode()}"]}
    urls = post(emulator, body, b"/upload-asset").json()["file_urls"]
    assert post(emulator, {**EXAMPLE, "image_urls": urls}).status_code == 200


def test_the_tests_that_the_document_names_exist() -> None:
    """Each row of SECURITY.md names a test that there is."""
    tests = Path(__file__).parent.parent
    named = re.findall(r"`(test_\w+\.py)::(\w+)`", (tests.parent / "SECURITY.md").read_text("utf-8"))
    assert named
    for file, name in named:
        (path,) = tests.rglob(file)
        assert f"def {name}(" in path.read_text("utf-8"), (file, name)
