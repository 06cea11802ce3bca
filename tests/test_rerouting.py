"""What is written for the live platform reaches the emulator within a with block, and only there."""

import _socket
import asyncio
import json
import pickle
import re
import socket
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from traceback import format_exception
from typing import Any

import aiohttp
import httpcore
import pytest
import requests
import urllib3
from calling import GOOD_KEY, make_key
from rerouted import ASKS, LIVE, ORIGINS, Ask
from scripted import http, scripted

from mockling.contract import Contract
from mockling.emulator import Emulator, LiveCallError, Rerouting

SAMPLE = """\
import requests
import json

url = "https://api.segmind.com/v1/kling-o3-video2video-reference"
headers = {
    "x-api-key": "YOUR_API_KEY",
    "Content-Type": "application/json"
}

data = {
    "prompt": "Transform the scene into a magical winter wonderland with snow falling, frosted trees, and a dreamy \
cinematic atmosphere",
    "video_url": "https://segmind-resources.s3.amazonaws.com/input/kling-o3-v2v-input-video.mp4",
    "mode": "pro",
    "duration": "5",
    "aspect_ratio": "16:9",
    "keep_audio": false,
    "shot_type": "customize"
}

response = requests.post(url, headers=headers, json=data)

if response.status_code == 200:
    result = response.json()
    print(json.dumps(result, indent=2))
else:
    print(f"Error: {response.status_code}")
    print(response.text)
"""
PLACES = [
    (socket.socket, "connect"), (socket.socket, "connect_ex"), (socket.socket, "sendto"), (socket.socket, "sendmsg"),
    (socket, "getaddrinfo"), (socket, "gethostbyname"), (_socket, "getaddrinfo"), (_socket, "gethostbyname"),
    (socket, "getnameinfo"), (_socket, "getnameinfo"),
    (HTTPConnection, "set_tunnel"), (HTTPConnection, "putrequest"),
    (urllib3.HTTPConnectionPool, "urlopen"), (urllib3.HTTPSConnectionPool, "urlopen"),
    (httpcore.ConnectionPool, "handle_request"), (httpcore.AsyncConnectionPool, "handle_async_request"),
    (httpcore.HTTPProxy, "create_connection"), (aiohttp.TCPConnector, "connect"), (aiohttp.ClientResponse, "start"),
]  # fmt: skip


def state() -> list[Any]:
    """Return what is replaced within a block, and whether it stands in the class itself."""
    return [(getattr(owner, name), name in vars(owner)) for owner, name in PLACES]


CLEAN = state()  # before any test has run


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """After each test everything is as it was before all of them, and the finders of modules as before it."""
    finders = list(sys.meta_path)
    yield
    assert state() == CLEAN
    assert sys.meta_path == finders


def test_the_pages_sample_runs_unchanged(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """The sample of the page, with a good key and a meaning for its `false`, gets its video."""
    with emulator.intercept():
        exec(SAMPLE.replace("YOUR_API_KEY", GOOD_KEY), {"false": False})
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == "COMPLETED"
    assert told["output"].startswith(f"{emulator.url}/generations/")


def test_the_pages_own_key_is_refused(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """With the key that the page's sample has written in it, the emulator answers as the platform would."""
    with emulator.intercept():
        exec(SAMPLE, {"false": False})
    assert capsys.readouterr().out.startswith("Error: 401\n")


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_a_call_outside_of_the_block_is_as_ever(ask: Ask, emulator: Emulator) -> None:
    """After the block a live host is live again, which here means that the guard of the tests refuses it."""
    with emulator.intercept():
        assert ask("GET", f"{LIVE}/v1/get-user-credits", headers={"x-api-key": make_key()}).status == 200
    with pytest.raises(Exception, match=r"segmind|loopback") as caught:
        ask("GET", f"{LIVE}/v1/get-user-credits")
    assert "stay on loopback" in "".join(format_exception(caught.value))


def test_the_innermost_emulator_is_called(emulator: Emulator) -> None:
    """Of two nested blocks the inner one wins, and after it the outer one again."""
    key = make_key()
    with Emulator(speed="instant", credits="7") as inner, emulator.intercept():
        with inner.intercept():
            assert balance(key) == 7
        assert balance(key) > 7


def test_an_emulator_can_be_called_by_its_address_within_anothers_block(emulator: Emulator) -> None:
    """Nothing but the live hosts leads to the innermost emulator."""
    with Emulator(speed="instant", credits="7") as inner, emulator.intercept(), inner.intercept():
        assert balance(make_key(), emulator.url) > 7
        assert balance(make_key(), inner.url) == 7


def test_a_block_entered_again_within_another_is_left_once(emulator: Emulator) -> None:
    """Of A, B and A again, B wins after the inner A, and A after B; all is put back at the last end, not before."""
    with Emulator(speed="instant", credits="7") as other:
        outer, middle = emulator.intercept(), other.intercept()
        with outer:
            replaced = state()
            with middle:
                with outer:
                    assert (balance(make_key()), state()) == (10**9, replaced)
                assert (balance(make_key()), state()) == (7, replaced)
            assert (balance(make_key()), state()) == (10**9, replaced)
        assert state() == CLEAN
    assert replaced != CLEAN


def test_a_block_that_cannot_begin_leaves_nothing_behind(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed on entry is no block, and the next one is as ever."""

    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mockling.emulator.rerouting.of_httpcore.install", fail)
        with pytest.raises(KeyboardInterrupt), emulator.intercept():
            pass
    assert state() == CLEAN
    with pytest.raises(requests.ConnectionError, match="stay on loopback"):
        balance(make_key())
    with emulator.intercept():
        assert balance(make_key()) == 10**9
        assert state() != CLEAN


def test_a_block_can_be_entered_again(emulator: Emulator) -> None:
    """The same context manager may be entered twice at once, and once more later."""
    rerouting = emulator.intercept()
    with rerouting as first, rerouting as second:
        assert first is second is rerouting
    with rerouting:
        assert balance(make_key()) > 0


def test_blocks_may_overlap(emulator: Emulator) -> None:
    """Of blocks that are left in another order than that of a nest, the one entered last wins as long as it lasts."""
    with Emulator(speed="instant", credits="7") as other:
        first, last = other.intercept(), emulator.intercept()
        first.__enter__()
        last.__enter__()
        first.__exit__(None, None, None)
        assert balance(make_key()) > 7
        last.__exit__(None, None, None)


def test_an_error_ends_the_block(emulator: Emulator) -> None:
    """An exception leaves the block as it would any other, and everything is put back."""
    during: list[Any] = []

    def fail() -> None:
        with emulator.intercept():
            during.append(state())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert state() == CLEAN != during[0]


def test_what_is_put_back_late_does_no_harm(emulator: Emulator) -> None:
    """What a patch made in a block puts back after it passes all on, until the next block puts back what was there."""
    places = [(socket, "gethostbyname"), (socket.socket, "connect"), (urllib3.HTTPConnectionPool, "urlopen")]
    originals = [getattr(owner, name) for owner, name in places]
    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch, emulator.intercept() as rerouting:
            for owner, name in places:
                patch.setattr(owner, name, getattr(owner, name))
            assert balance(make_key()) > 0
            with pytest.raises(LiveCallError):
                socket.gethostbyname("api.segmind.com")
        with pytest.raises(PermissionError, match="stay on loopback"):
            socket.gethostbyname("api.segmind.com")
        assert balance(make_key(), emulator.url) > 0
        assert len(rerouting.live_calls) == 1
        assert [getattr(owner, name).__wrapped__ for owner, name in places] == originals
    with emulator.intercept():
        pass
    assert [getattr(owner, name) for owner, name in places] == originals


def test_a_thread_is_rerouted(emulator: Emulator) -> None:
    """Threads that run while a block is entered are rerouted as well, many at once."""
    found: list[float] = []
    with emulator.intercept():
        threads = [threading.Thread(target=lambda: found.append(balance(make_key()))) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len(found) == 20 and all(found)


def test_blocks_of_many_threads_leave_nothing_behind(emulator: Emulator) -> None:
    """Blocks that are entered and left by many threads at once reroute in each, until the last is left."""
    failed: list[BaseException] = []

    def often() -> None:
        try:
            for _ in range(20):
                with emulator.intercept():
                    assert balance(make_key()) > 0
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=often) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []


def test_a_block_holds_around_asynchronous_code(emulator: Emulator) -> None:
    """A plain with statement inside a coroutine reroutes what is awaited in it, and the tasks it starts."""

    async def ask(session: aiohttp.ClientSession) -> float:
        async with session.get(f"{LIVE}/v1/get-user-credits", headers={"x-api-key": make_key()}) as response:
            return float((await response.json())["credits"])

    async def run() -> list[float]:
        with emulator.intercept():
            async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
                tasks = [group.create_task(ask(session)) for _ in range(5)]
            return [task.result() for task in tasks]

    assert all(asyncio.run(run()))


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
@pytest.mark.parametrize("origin", [*ORIGINS, "http://api.segmind.com"])
def test_every_live_host_is_rerouted(ask: Ask, origin: str, contract: Contract) -> None:
    """API, storage and files, by https and http, lead to the same path of the emulator."""
    url = f"{origin}/some/path?a=1&b=%20c"
    if "API" in origin and ask is not ASKS["urllib3"]:
        url = (
            url.replace("API", "api").replace(":443", "") if ask is not ASKS["requests"] else url.replace("API", "api")
        )
    with scripted(http(200, b"here")) as server, Rerouting(server.url, contract.live_origins):
        assert ask("GET", url).body == b"here"
    head = server.requests[0].decode("latin-1")
    assert head.startswith("GET /some/path?a=1&b=%20c HTTP/1.1\r\n")
    assert re.findall(r"(?i)^host: (.*)\r$", head, re.MULTILINE) == [server.url.removeprefix("http://")]


@pytest.mark.parametrize(
    "origin", ["https://API.Segmind.com", "https://api.segmind.com:443", "https://api.segmind.com."]
)
def test_a_host_may_be_written_in_other_ways(origin: str, emulator: Emulator) -> None:
    """Capitals, a port and a final dot make no other host."""
    with emulator.intercept():
        assert balance(make_key(), origin) > 0


def test_the_contract_says_what_is_live(emulator: Emulator, contract: Contract) -> None:
    """The emulator reroutes the hosts that stand in its contract."""
    assert contract.live_origins == ORIGINS
    with emulator.intercept():
        for origin in contract.live_origins:
            assert balance(make_key(), origin) > 0


def test_a_target_may_move(contract: Contract) -> None:
    """An address that is given by a function is asked for at every call."""
    with scripted(http(200, b"1")) as first, scripted(http(200, b"2")) as second, requests.Session() as session:
        places = [first.url]
        with Rerouting(lambda: places[-1], contract.live_origins):
            assert session.get(LIVE, timeout=30).content == b"1"
            places.append(second.url)
            assert session.get(LIVE, timeout=30).content == b"2"


@pytest.mark.parametrize(
    ("target", "origins", "told"),
    [
        ("https://127.0.0.1:8787", [LIVE], "'https://127.0.0.1:8787'; give an address such as http://127.0.0.1:8787"),
        ("127.0.0.1:8787", [LIVE], "cannot be rerouted to '127.0.0.1:8787'"),
        ("http://127.0.0.1:8787", ["api.segmind.com"], "'api.segmind.com' is no origin; write one as https://"),
    ],
)
def test_what_cannot_be_is_told(target: str, origins: list[str], told: str) -> None:
    """An address that is none of an emulator, and an origin without a host, are refused before anything is replaced."""
    with pytest.raises(ValueError, match=told), Rerouting(target, origins):
        pass


def test_an_emulator_must_run() -> None:
    """A block of an emulator that was not started is not entered."""
    with pytest.raises(OSError, match="not running; call start"), Emulator(speed="instant").intercept():
        pass


def test_an_emulator_that_stopped_is_told() -> None:
    """Within the block of a stopped emulator a live call says so, and other calls are as ever."""
    emulator = Emulator(speed="instant").start()
    with emulator.intercept() as rerouting, scripted(http(200, b"here")) as server:
        emulator.stop()
        with pytest.raises(requests.ConnectionError, match="not running"):
            requests.get(LIVE, timeout=30)
        assert ASKS["requests"]("GET", f"{server.url}/").body == b"here"
        with pytest.raises(OSError, match="not running"):
            socket.getaddrinfo("api.segmind.com", 443)
    assert [attempt.host for attempt in rerouting.live_calls] == ["api.segmind.com"]


def test_a_live_call_error_can_be_pickled() -> None:
    """The error of another process or of a pool's worker arrives as it was."""
    error = pickle.loads(pickle.dumps(LiveCallError("Told.", "api.segmind.com")))
    assert (type(error), str(error), error.host) == (LiveCallError, "Told.", "api.segmind.com")


def balance(key: str, origin: str = LIVE) -> float:
    """Return what an account has, asked by requests."""
    response = requests.get(f"{origin}/v1/get-user-credits", headers={"x-api-key": key}, timeout=30)
    return float(response.json()["credits"])
