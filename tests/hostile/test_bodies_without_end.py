"""Bodies that are large, many, endless or odd: bounded together, refused in a sentence, and nobody else waits."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from calling import GOOD_KEY, V1

from hostile.callers import CHUNKED, ME, connect, flood, refused, serving
from mockling.emulator import Emulator
from mockling.emulator.http.reading import read_body


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
    """Twelve callers with 24 MB each, in chunks and without an end, are not all read; others are answered meanwhile."""
    with serving("--speed", "instant") as (process, url), ExitStack() as connections:
        port = urlsplit(url).port or 0
        for _ in range(12):
            caller = connections.enter_context(socket.create_connection(("127.0.0.1", port)))
            caller.sendall(CHUNKED.encode() + b"\r\n")
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            flood(caller, b"100000\r\n" + b"x" * 0x100000 + b"\r\n", 24_000_000, 0.05)
        assert requests.get(f"{url}/meanwhile", timeout=30).status_code == 404
        status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    assert int(status.partition("VmHWM:")[2].split()[0]) < 250_000  # KiB


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


def test_large_bodies_are_read_one_at_a_time(
    server: Emulator, sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large bodies are parsed one at a time, while small requests are served."""
    body = json.dumps({**sample, "prompt": "x" * 20_000}).encode()
    headers = {"x-api-key": GOOD_KEY, "content-type": "application/json"}
    entered: list[bool] = []
    begun, go_on = Event(), Event()

    def read(*arguments: Any) -> Any:
        entered.append(go_on.is_set())
        begun.set()
        go_on.wait(30)
        return read_body(*arguments)

    monkeypatch.setattr("mockling.emulator.http.generations.read_body", read)
    with ThreadPoolExecutor(1) as pool, connect(server) as other, requests.Session() as small:
        first = pool.submit(requests.post, server.url + V1, data=body, headers=headers, timeout=30)
        assert begun.wait(30)
        other.sendall(f"POST {V1} HTTP/1.1\r\n{ME}content-type: application/json\r\n".encode())
        other.sendall(f"content-length: {len(body)}\r\n\r\n".encode() + body)
        for _ in range(20):
            assert small.get(f"{server.url}/meanwhile", timeout=30).status_code == 404
        go_on.set()
        assert first.result().status_code == 200
        assert other.recv(12) == b"HTTP/1.1 200"
    assert entered == [False, True]


LARGE: dict[str, Callable[[], dict[str, Any]]] = {
    "data URL": lambda: {"video_url": "data:video/mp4;base64," + "A" * 20_000_000},
    "broken URL": lambda: {"video_url": "https://e.com/" + "a" * 20_000_000 + " "},
    "host": lambda: {"video_url": "https://" + "a" * 20_000_000 + "/a.mp4"},
    "names": lambda: {"prompt": "@image1 " * 2_500_000},
    "long images": lambda: {"image_urls": ["https://e.com/" + "a" * 5_000_000] * 4},
    "many images": lambda: {"image_urls": ["a" * 600] * 33_000},
    "elements": lambda: {"elements": [{"a" * 1200: 1}] * 16_000},
    "mode": lambda: {"mode": "a" * 20_000_000},
    "unknown": lambda: {f"{number:01000}": 1 for number in range(20_000)},
    "more than is taken": lambda: {"image_urls": ["a"] * 1_000_000},
}


@pytest.mark.parametrize("change", LARGE.values(), ids=LARGE)
def test_what_is_large_holds_nobody_up(
    server: Emulator, sample: dict[str, Any], change: Callable[[], dict[str, Any]]
) -> None:
    """A request of 20 MB is answered soon, whatever it holds, and others are answered meanwhile."""
    body = json.dumps({**sample, **change()}).encode()
    headers = {"x-api-key": GOOD_KEY, "content-type": "application/json"}
    with ThreadPoolExecutor(1) as pool, requests.Session() as other:
        answer = pool.submit(requests.post, server.url + V1, data=body, headers=headers, timeout=20)
        while not answer.done():
            assert other.get(f"{server.url}/meanwhile", timeout=5).status_code == 404
        assert answer.result().status_code in (200, 400, 500)
        assert len(answer.result().content) < 2000
