"""Callers that send too much, too slowly, or what nobody expects: bounded, told why, and nobody else is held up."""

import fcntl
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from calling import GOOD_KEY, V1

from mockling.emulator import Emulator
from mockling.emulator.listening import protocol

ME = f"Host: x\r\nx-api-key: {GOOD_KEY}\r\n"
LAST = f"GET /v1/get-user-credits HTTP/1.1\r\n{ME}connection: close\r\n\r\n".encode()
CREDITS = f"GET /v1/get-user-credits HTTP/1.1\r\n{ME}\r\n".encode()


@pytest.fixture
def server(sample: dict[str, Any]) -> Iterator[Emulator]:  # noqa: ARG001 - the contract is loaded before
    """An emulator that answers at once, and still does so when the test is over."""
    with Emulator(speed="instant", requests_per_minute="off") as emulator:
        yield emulator
        assert requests.get(f"{emulator.url}/after", timeout=2).status_code == 404


def connect(server: Emulator, receives: int = 65536) -> socket.socket:
    """Return a connection."""
    caller = socket.socket()
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    caller.settimeout(20)
    caller.connect(("127.0.0.1", urlsplit(server.url).port or 0))
    return caller


def everything(caller: socket.socket) -> bytes:
    """Return all that is sent until the connection ends."""
    received = b""
    try:
        while block := caller.recv(65536):
            received += block
    except ConnectionResetError:
        pass
    return received


def flood(caller: socket.socket, block: bytes, most: int, patience: float = 1) -> int:
    """Send a block again and again, until it was sent so often or nobody takes any more; return the bytes sent."""
    caller.settimeout(patience)
    sent = 0
    try:
        while sent < most:
            sent += caller.send(block[sent % len(block) :])
    except (TimeoutError, OSError):
        pass
    caller.settimeout(20)
    return sent


def refused(answer: bytes) -> tuple[int, str]:
    """Return the status and the text of a response."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]


@pytest.mark.parametrize(
    ("begin", "block"),
    [
        *product([b"GET / HTTP/1.1\r\n", b"GET /"], [b"X-A: b\r\n", b"a", b"X-A: " + b"b" * 999 + b"\r\n"]),
        (b"", b"\r\n"),
        (b"", b"a"),
    ],
)
def test_a_head_has_an_end(server: Emulator, begin: bytes, block: bytes) -> None:
    """However a head goes on and on, it is refused with 431 (or as no HTTP), readable though 4 MB were sent."""
    with connect(server) as caller:
        caller.sendall(begin)
        assert flood(caller, block * 1000, 4_000_000) >= 4_000_000
        status, text = refused(everything(caller))
    assert (status, "too large" in text) == (431, True) or status == 400
    assert len(server.journal) == 0


@pytest.mark.parametrize(("lines", "status"), [(199, 404), (200, 431)])
def test_headers_are_counted(server: Emulator, lines: int, status: int) -> None:
    """With `Host` there may be 200 of them."""
    with connect(server) as caller:
        caller.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * lines + b"\r\n")
        assert refused(caller.recv(65536))[0] == status


@pytest.mark.parametrize("size", [protocol.MOST_HEAD - 200, protocol.MOST_HEAD])
@pytest.mark.parametrize("step", [1000, 10**6])
def test_a_head_has_a_size(server: Emulator, size: int, step: int) -> None:
    """A head of nearly 64 KiB is taken, and a larger one refused, in however many pieces it comes."""
    head = b"GET /a HTTP/1.1\r\nHost: x\r\nX-A: " + b"b" * size + b"\r\n\r\n"
    with connect(server) as caller:
        for start in range(0, len(head), step):
            caller.sendall(head[start : start + step])
        assert refused(caller.recv(65536))[0] == (404 if size < protocol.MOST_HEAD else 431)


CHUNKED = f"POST {V1} HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n"


def test_a_key_in_a_trailer_is_none(server: Emulator) -> None:
    """What follows a body is not what was asked at its head."""
    with connect(server) as caller:
        caller.sendall(f"{CHUNKED}\r\n2\r\n{{}}\r\n0\r\nx-api-key: {GOOD_KEY}\r\n\r\n".encode())
        assert refused(caller.recv(65536))[0] == 401


@pytest.mark.parametrize("block", [b"X-A: b\r\n", b"a" * 999])
@pytest.mark.parametrize("begin", [b"2\r\n{}\r\n0\r\n", b"2;"], ids=["trailers", "an extension of a chunk"])
def test_what_surrounds_a_body_has_an_end(server: Emulator, begin: bytes, block: bytes) -> None:
    """Endless trailers, or notes beside a chunk, are 431; the call is recorded as one that broke off."""
    with connect(server) as caller:
        caller.sendall(f"{CHUNKED}{ME[9:]}\r\n".encode() + begin)
        sent = flood(caller, block * 1000, 4_000_000)
        assert refused(everything(caller))[0] in (400, 431)
    assert sent >= 4_000_000
    requests.get(f"{server.url}/next", timeout=5)
    assert server.journal[0].status is None


@pytest.fixture
def held(sample: dict[str, Any]) -> Iterator[tuple[Emulator, socket.socket]]:
    """An emulator, and a connection on which it holds a call."""
    with Emulator(speed="manual", requests_per_minute="off") as server, connect(server) as caller:
        body = json.dumps(sample).encode()
        head = f"POST {V1} HTTP/1.1\r\n{ME}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        caller.sendall(head.encode() + body)
        yield server, caller


def test_a_pipeline_has_an_end(held: tuple[Emulator, socket.socket]) -> None:
    """What is sent behind a held call, on and on, is read up to a bound."""
    assert flood(held[1], CREDITS * 100, 60_000_000) < 20_000_000


def test_what_waits_in_a_pipeline_is_answered(held: tuple[Emulator, socket.socket]) -> None:
    """However many requests were sent behind a held call, each is answered, once, after it."""
    server, caller = held
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(caller.sendall, CREDITS * 2000 + LAST)
        server.clock.advance(10_000)
        while not server.journal:
            server.clock.advance(10_000)
        answers = everything(caller)
        sending.result()
    assert answers.count(b"HTTP/1.1 200 OK") == 2002
    assert answers.startswith(b"HTTP/1.1 200 OK")
    assert b"x-request-id" in answers.partition(b"HTTP/1.1 200 OK")[2].partition(b"HTTP/1.1")[0]


def test_answers_that_nobody_reads_have_an_end(server: Emulator) -> None:
    """Who sends on and on and never reads is not read from any more."""
    with connect(server, receives=4096) as caller:
        assert flood(caller, CREDITS * 100, 60_000_000) < 20_000_000


UPGRADE = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"


@pytest.mark.parametrize("step", [1, 7, 10**6])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("upgrade", [UPGRADE, "Connection: upgrade\r\nUpgrade: websocket\r\n"])
def test_a_wish_for_another_protocol_is_ignored(
    server: Emulator, sample: dict[str, Any], upgrade: str, chunked: bool, step: int
) -> None:
    """A request with `Upgrade` is answered over HTTP/1.1 as any other, body and all, and so is the one after it."""
    body = json.dumps(sample).encode()
    framing = "transfer-encoding: chunked" if chunked else f"content-length: {len(body)}"
    sent = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    head = f"POST {V1} HTTP/1.1\r\n{ME}{upgrade}content-type: application/json\r\n{framing}\r\n\r\n"
    whole = head.encode() + sent + f"GET /v1/get-user-credits HTTP/1.1\r\n{ME}{upgrade}\r\n".encode() + LAST
    with connect(server) as caller:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(whole), step):
            caller.sendall(whole[start : start + step])
        answers = everything(caller)
    assert answers.count(b"HTTP/1.1 200 OK") == 3
    assert [exchange.operation for exchange in server.journal] == ["generate", "credits", "credits"]
    assert server.journal[0].request.body == body


def test_a_refusal_of_a_large_body_can_be_read(server: Emulator) -> None:
    """urllib, which sends all before it reads, gets the 413 and its text, time and again."""
    headers = {"x-api-key": GOOD_KEY, "content-type": "application/json"}
    for _ in range(5):
        asked = urllib.request.Request(server.url + V1, b"x" * 30_000_000, headers)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(asked, timeout=20)
        assert caught.value.code == 413
        assert "too large" in json.loads(caught.value.read())["error"]


def test_who_waits_for_100_continue_is_refused_at_once(server: Emulator) -> None:
    """Nothing of a too large body is asked for where its caller first wants to know."""
    with connect(server) as caller:
        head = f"POST {V1} HTTP/1.1\r\n{ME}expect: 100-continue\r\ncontent-type: application/json\r\n"
        caller.sendall(f"{head}content-length: 99999999\r\n\r\n".encode())
        assert refused(caller.recv(65536))[0] == 413


def test_a_body_that_is_only_announced_takes_no_room(server: Emulator) -> None:
    """Who announces large bodies and sends none keeps nobody else from sending his."""
    head = f"POST {V1} HTTP/1.1\r\n{ME}content-type: application/json\r\ncontent-length: 26214400\r\n\r\n".encode()
    with ExitStack() as connections:
        for _ in range(8):
            connections.enter_context(connect(server)).sendall(head + b"{")
        body = json.dumps({"prompt": "x" * 20_000, "video_url": "https://e.com/a.mp4"}).encode()
        headers = {"x-api-key": GOOD_KEY, "content-type": "application/json"}
        assert requests.post(server.url + V1, data=body, headers=headers, timeout=5).status_code == 200


def test_bodies_without_end_are_bounded_together() -> None:
    """Twenty callers with 24 MB each, in chunks and without an end, are not all read; one who ends is answered."""
    with serving("--speed", "instant") as (process, url), ExitStack() as connections:
        port = urlsplit(url).port or 0
        for _ in range(20):
            caller = connections.enter_context(socket.create_connection(("127.0.0.1", port)))
            caller.sendall(CHUNKED.encode() + b"\r\n")
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            flood(caller, b"100000\r\n" + b"x" * 0x100000 + b"\r\n", 24_000_000, 0.2)
        assert requests.get(f"{url}/meanwhile", timeout=5).status_code == 404
        status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    assert int(status.partition("VmHWM:")[2].split()[0]) < 450_000  # KiB


def test_a_line_end_behind_a_call_ends_nothing(sample: dict[str, Any]) -> None:
    """A caller who sends an empty line while he waits, or the beginning of his next request, gets his video."""
    with Emulator(speed="manual", receive_timeout=0.05) as server:
        for behind in (b"\r\n", b"GET /a HT"):
            with connect(server) as caller:
                body = json.dumps(sample).encode()
                head = (
                    f"POST {V1} HTTP/1.1\r\n{ME}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
                )
                caller.sendall(head.encode() + body + behind)
                caller.settimeout(2.5)  # more than two looks at the clock
                with pytest.raises(TimeoutError):
                    caller.recv(1)
                server.clock.advance(1000)
                assert caller.recv(12) == b"HTTP/1.1 200"


def test_rubbish_behind_a_call_ends_the_connection_after_it(held: tuple[Emulator, socket.socket]) -> None:
    """What is no HTTP behind a held call does not take its response away."""
    server, caller = held
    caller.sendall(b"rubbish\r\n\r\n")
    while not server.held:
        requests.get(server.url, timeout=5)
    server.clock.advance(1000)
    answer = everything(caller)
    assert answer.startswith(b"HTTP/1.1 200") and answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "part",
    [
        b"--b\r\ncontent-disposition: form-data; name=a\r\n\r\nx\r\n",
        b"a: b\r\n",
        b"; a=b",
    ],
    ids=["parts", "headers of a part", "what a header says"],
)
def test_a_form_without_end_holds_nobody_up(server: Emulator, part: bytes) -> None:
    """A form of 20 MB of small parts is refused before it is taken apart."""
    body = b"--b\r\ncontent-disposition: form-data; name=b" + part * (20_000_000 // len(part)) + b"\r\n--b--\r\n"
    headers = {"x-api-key": GOOD_KEY, "content-type": "multipart/form-data; boundary=b"}
    answer = requests.post(server.url + V1, data=body, headers=headers, timeout=5)
    assert (answer.status_code, "holds too much" in answer.text) == (400, True)


def test_many_secrets_hold_nobody_up(server: Emulator) -> None:
    """A head full of what may be keys is looked through in no time."""
    words = ",".join(f"aaaaaaaa{number:04d}" for number in range(45))
    query = "&".join(f"key={words.replace('a0', f'a{number:02d}')}" for number in range(50))
    answer = requests.get(f"{server.url}/{'a' * 20_000}?{query}", headers={"cookie": words * 20}, timeout=2)
    assert answer.status_code == 404


def test_slow_callers_are_ended() -> None:
    """Half a head or half a body is 408, and a connection nobody speaks on is closed in silence."""
    with Emulator(receive_timeout=0.1) as server:
        for begin, told in ((b"GET /a HTTP/1.1\r\nX-A", 408), (b"", None), (CHUNKED.encode() + b"\r\n2\r\n{", 408)):
            with connect(server) as caller:
                caller.sendall(begin)
                answer = everything(caller)
            assert (refused(answer)[0] if answer else None) == told
        requests.get(f"{server.url}/next", timeout=5)
        assert server.journal[0].status is None


@contextmanager
def serving(*options: str, files: int | None = None) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Run `mockling serve` with at most so many open files, its output a pipe that nobody reads; give its address."""

    def limit() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mockling.cli", "serve", "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=limit)
    assert process.stdout
    os.set_blocking(process.stdout.fileno(), True)
    process.stdout.peek(1)  # type: ignore[attr-defined] # it is buffered; the address is there once it has begun
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_log_that_nobody_reads_holds_nothing_up() -> None:
    """With its output an unread pipe the emulator answers on, ends at a signal, and told what there was room for."""
    with serving("--speed", "instant") as (process, url), requests.Session() as caller:
        assert process.stdout
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        for _ in range(300):
            assert caller.get(f"{url}/a", timeout=5).status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert b"GET /a 404" in process.stdout.read()


def test_out_of_descriptors_callers_wait() -> None:
    """With 64 open files and 100 connections that is told once, without work, and those who waited are served later."""
    with serving("--speed", "instant", files=64) as (process, url), ExitStack() as connections:
        port = urlsplit(url).port or 0
        callers = [connections.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(100)]
        for caller in callers[:20]:
            caller.sendall(CREDITS)
            assert caller.recv(9) == b"HTTP/1.1 "
        used = os.times().children_user
        last = callers.pop()
        last.sendall(CREDITS)
        for caller in callers:
            caller.close()
        last.settimeout(20)
        assert last.recv(9) == b"HTTP/1.1 "
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert process.stdout
        told = process.stdout.read().decode()
        assert told.count("New connections have to wait: Too many open files") == 1
        assert "Traceback" not in told
        assert os.times().children_user - used < 5


def test_many_large_bodies_have_their_turn() -> None:
    """Eight callers with 24 MB each are all answered, in a tenth of the memory that all at once would take."""
    body = json.dumps({"prompt": "x" * 24_000_000, "video_url": "https://e.com/a.mp4"}).encode()
    headers = {"x-api-key": GOOD_KEY, "content-type": "application/json"}
    with serving("--speed", "instant") as (process, url), ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(requests.post, url + V1, data=body, headers=headers, timeout=60) for _ in range(8)]
        assert [one.result().status_code for one in sent] == [200] * 8
        status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    assert int(status.partition("VmHWM:")[2].split()[0]) < 700_000  # KiB


@pytest.mark.parametrize(
    "change",
    [
        {"video_url": "data:video/mp4;base64," + "A" * 20_000_000},
        {"video_url": "https://e.com/" + "a" * 20_000_000 + " "},
        {"video_url": "https://" + "a" * 20_000_000 + "/a.mp4"},
        {"prompt": "@image1 " * 2_500_000},
        {"image_urls": ["https://e.com/" + "a" * 5_000_000] * 4},
        {"image_urls": ["a"] * 4_000_000},
        {"elements": [{}] * 5_000_000},
        {"mode": "a" * 20_000_000},
        {f"{number}": 1 for number in range(1_500_000)},
    ],
    ids=["data URL", "broken URL", "host", "names", "long images", "many images", "elements", "mode", "unknown"],
)
def test_what_is_large_holds_nobody_up(server: Emulator, sample: dict[str, Any], change: dict[str, Any]) -> None:
    """A request of 20 MB is answered soon, whatever it holds, and others are answered meanwhile."""
    body = json.dumps({**sample, **change}).encode()
    headers = {"x-api-key": GOOD_KEY, "content-type": "application/json"}
    with ThreadPoolExecutor(1) as pool, requests.Session() as other:
        answer = pool.submit(requests.post, server.url + V1, data=body, headers=headers, timeout=20)
        while not answer.done():
            assert other.get(f"{server.url}/meanwhile", timeout=2).status_code == 404
        assert answer.result().status_code in (200, 400, 500)
        assert len(answer.result().content) < 2000


JAVA = """
import java.net.URI;
import java.net.http.*;
public class Call {
    public static void main(String[] given) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        for (int call = 0; call < 2; call++) {
            HttpRequest asked = HttpRequest.newBuilder(URI.create(given[0])).header("x-api-key", given[1])
                .header("content-type", "application/json").POST(HttpRequest.BodyPublishers.ofString(given[2])).build();
            HttpResponse<String> answer = client.send(asked, HttpResponse.BodyHandlers.ofString());
            System.out.println(answer.statusCode() + " " + answer.version());
        }
    }
}
"""


@pytest.mark.skipif(shutil.which("javac") is None, reason="there is no JDK")
def test_javas_client_is_served(server: Emulator, sample: dict[str, Any], tmp_path: Path) -> None:
    """Its default, which asks for HTTP/2 first, gets its video over HTTP/1.1."""
    (tmp_path / "Call.java").write_text(JAVA, "utf-8")
    command = ["java", str(tmp_path / "Call.java"), server.url + V1, GOOD_KEY, json.dumps(sample)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.split("\n")[:2] == ["200 HTTP_1_1"] * 2


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curls_http2_is_served(server: Emulator, sample: dict[str, Any]) -> None:
    """`curl --http2` gets its video over HTTP/1.1."""
    headers = ["-H", f"x-api-key: {GOOD_KEY}", "-H", "content-type: application/json"]
    command = ["curl", "-s", "--http2", "-d", json.dumps(sample), *headers, server.url + V1]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(ended.stdout)["status"] == "COMPLETED"
