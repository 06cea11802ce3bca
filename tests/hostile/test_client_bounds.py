"""The client's bounds: nothing that a server sends fills the memory, the disk's names or a caller's screen."""

import json
import signal
import subprocess
import sys
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from scripted import http, scripted

from hostile.servers import OK, flooding, hostile
from mockling import fixtures
from mockling.client import BrokenAnswer, Client, GenerationFailed, ServerError, Video

KEY = "SG_0123456789abcdef"
MP4 = fixtures.input_clip("narrow").read_bytes()
BLOCK = bytes(1024**2)
LONG = "a" * 900_000
URL = "https://e.com/a.mp4"


def box(kind: bytes, size: int = 8) -> bytes:
    return size.to_bytes(4) + kind


def link(url: str) -> Video:
    return Video(url=url, request_id=None, seconds=None, cost=None, remaining_credits=None)


def record(**fields: Any) -> bytes:
    return http(200, json.dumps(fields).encode())


def peak(megabytes: int) -> None:
    """Make sure that memory was never above so much since `tracemalloc.start`, and stop it."""
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < megabytes * 1024**2


@pytest.mark.parametrize("how", ["answer", "link"])
def test_a_video_is_never_in_memory(tmp_path: Path, how: str) -> None:
    """A video of 48 MB goes from the connection to its file piece by piece, whichever way it comes (D1)."""
    size = 48 * len(BLOCK) + 8
    beginning = OK + b"Connection: close\r\n\r\n" + box(b"ftyp") + box(b"moov") + box(b"mdat", size)
    with hostile(flooding(beginning, BLOCK, 48)) as server:
        tracemalloc.start()
        video = link(server.url) if how == "link" else Client(KEY, server.url).generate("a", "b")
        video.save(tmp_path / "a.mp4")
        peak(8)
    assert (tmp_path / "a.mp4").stat().st_size == size + 16
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("status", [200, 500])
def test_what_is_no_video_is_read_no_further_than_it_can_be(status: int) -> None:
    """An answer of JSON has at most 1 MB, an error less; the rest of a flood is not waited for."""
    head = f"HTTP/1.1 {status} Said\r\nConnection: close\r\n\r\n{{".encode()
    with hostile(flooding(head, b" " * len(BLOCK), 48)) as server:
        tracemalloc.start()
        with pytest.raises((BrokenAnswer, ServerError)) as caught:
            Client(KEY, server.url).generate("a", "b")
        peak(8)
    assert ("has more than 1048576 bytes" in str(caught.value)) == (status == 200)


def test_a_video_of_nothing_but_boxes_is_broken() -> None:
    """A file of a million empty boxes is no video, and is not walked through to its end."""
    body = box(b"ftyp") + box(b"moov") + box(b"mdat") + box(b"free") * 200_000
    with scripted(http(200, body)) as server, pytest.raises(BrokenAnswer, match="not whole"):
        Client(KEY, server.url).generate("a", "b")


@pytest.mark.parametrize("number", [-1, "-0.01", 1e13, "1e300", 10**30, "0." + "1" * 900])
@pytest.mark.parametrize("name", ["cost", "remaining_credits", "total_time"])
def test_numbers_that_cannot_be_are_broken(monkeypatch: pytest.MonkeyPatch, name: str, number: object) -> None:
    """A negative or absurd cost, balance or time is `BrokenAnswer`, in the headers as in a job's record."""
    monkeypatch.setattr("mockling.client.patience.Patience.left", 0)
    header = {"total_time": "x-generation-time", "cost": "x-cost"}.get(name, "x-remaining-credits")
    done = record(status="COMPLETED", output=URL, metrics={name: number})
    with scripted(http(200, record(output=URL), f"{header}: {number}"), done, done) as server:
        api = Client(KEY, server.url)
        for call in (lambda: api.generate("a", "b"), api.job("a").wait):
            with pytest.raises(BrokenAnswer, match="names a number that cannot be"):
                call()


@pytest.mark.parametrize("body", [{"credits": -1}, {"credits": 1e13}, {"credits": 1, "free-credits": -0.5}])
def test_a_balance_that_cannot_be_is_broken(body: dict[str, float]) -> None:
    """A negative or absurd balance is `BrokenAnswer`."""
    with scripted(record(**body)) as server, pytest.raises(BrokenAnswer, match=r"cannot be.*ask again"):
        Client(KEY, server.url).credits()


def test_the_largest_numbers_that_can_be_are_told() -> None:
    """Nothing and a billion dollars are numbers like others, told to the last digit."""
    headers = "x-cost: 0", "x-remaining-credits: 1000000000.0184921035"
    with scripted(http(200, json.dumps({"output": URL}).encode(), *headers)) as server:
        video = Client(KEY, server.url).generate("a", "b")
    assert (video.cost, video.remaining_credits) == (Decimal(0), Decimal("1000000000.0184921035"))


@pytest.mark.parametrize("name", [LONG, "a\nb", "a\r", "a\x1b[31m", "a\0", "a\u2028b"])
def test_ids_that_can_be_none_are_broken(name: str) -> None:
    """An id without end, or with line ends or control characters, is `BrokenAnswer`, and a `ValueError` to ask for."""
    with scripted(record(request_id=name), record(output=URL, request_id=name)) as server:
        api = Client(KEY, server.url)
        for call in (api.submit, api.generate):
            with pytest.raises(BrokenAnswer, match="request id") as caught:
                call("a", "b")
            assert caught.value.request_id is None
        with pytest.raises(ValueError, match="no request id") as told:
            api.job(name)
    assert len(str(told.value)) < 500


@pytest.mark.parametrize("name", ["a" * 900, "a\x1b[31m"])
def test_ids_in_a_head_that_can_be_none_are_broken(name: str) -> None:
    """The same goes for the id in a header; beside an error it is left out."""
    head = f"x-request-id: {name}"
    with scripted(http(200, json.dumps({"output": URL}).encode(), head), http(500, b"", head)) as server:
        with pytest.raises(BrokenAnswer, match="request id"):
            Client(KEY, server.url).generate("a", "b")
        with pytest.raises(ServerError) as caught:
            Client(KEY, server.url).generate("a", "b")
    assert caught.value.request_id is None


@pytest.mark.parametrize("url", [f"{URL}?{LONG}", f"{URL}\n", "https://e.\r\ncom/a", f"{URL}\x1b", f"{URL}\0"])
def test_addresses_that_can_be_none_are_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """An address without end, or with line ends or control characters, is `BrokenAnswer` wherever one is named."""
    monkeypatch.setattr("mockling.client.patience.Patience.left", 0)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    completed = record(status="COMPLETED", output=url)
    with scripted(record(output=url), completed, completed, record(file_urls=[url])) as server:
        api = Client(KEY, server.url)
        for call in (lambda: api.generate("a", "b"), api.job("a").wait, lambda: api.upload(tmp_path / "a.png")):
            with pytest.raises(BrokenAnswer, match="names no"):
                call()


@pytest.mark.parametrize("status", [LONG, "DONE\n", "\x1b[31m", ""])
def test_a_status_that_can_be_none_is_broken(status: str) -> None:
    """A status is a word; what else is named so never reaches `on_progress`."""
    with scripted(record(status=status)) as server, pytest.raises(BrokenAnswer, match="names no status"):
        Client(KEY, server.url).job("a").status()


def test_the_reason_of_a_failed_job_is_short() -> None:
    """A server's words are told, but not a megabyte of them."""
    failed = record(status="FAILED", error=LONG)
    with scripted(failed) as server, pytest.raises(GenerationFailed) as caught:
        Client(KEY, server.url).job("a").wait()
    assert len(caught.value.message) == 500


SAVING = """
import sys
from mockling.client import Video
Video(url=sys.argv[1], request_id=None, seconds=None, cost=None, remaining_credits=None).save(sys.argv[2])
"""
ENDING = """
import os, signal
link = os.link
os.link = lambda *given, **more: (link(*given, **more), os.kill(os.getpid(), getattr(signal, NAME)))
"""


def saving(url: str, target: Path, before: str = "") -> "subprocess.Popen[bytes]":
    program = [sys.executable, "-c", before + SAVING, url, str(target)]
    return subprocess.Popen(program, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_download_that_is_ended_leaves_nothing(tmp_path: Path, name: str) -> None:
    """A program that is ended while it downloads leaves no file of any name, and what was there before."""
    (tmp_path / "a.mp4").write_bytes(b"before")
    half = http(200, MP4[: len(MP4) // 2], length=len(MP4)).replace(b"Connection: close\r\n", b"")

    def stalling(server: Any, connection: Any) -> None:
        connection.recv(65536)
        connection.sendall(half)
        server.requests.append(b"")
        connection.recv(1)  # until the other side is gone

    with hostile(stalling) as server, saving(server.url, tmp_path / "a.mp4") as process:
        written = Path("/proc", str(process.pid), "fd")
        while not (server.requests and any(tmp_path.name in str(link.readlink()) for link in written.iterdir())):
            assert process.poll() is None
        process.send_signal(getattr(signal, name))
        assert process.wait(10) != 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.mp4": b"before"}


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_waits_until_the_file_has_its_name(tmp_path: Path, name: str) -> None:
    """A program that is ended in the moment in which the file gets its name ends after it, and the file is whole."""
    before = ENDING.replace("NAME", repr(name))
    with scripted(http(200, MP4)) as server, saving(server.url, tmp_path / "a.mp4", before) as process:
        assert process.wait(10) != 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.mp4": MP4}
