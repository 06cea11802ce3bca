"""A caller's time-out is told to the emulator in the platform's seconds, and passes when the emulator says so."""

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3
from rerouted import ASKS, LIVE, ORIGINS, Ask, in_session
from scripted import http, scripted

from mockling.emulator import Emulator, Rerouting

TIMED_OUT = http(499, b"", "x-mockling-timed-out: 120")
STALLED = http(200, b"as far as this", "x-mockling-stalls: 1", length=1000)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Mockling-Stalls: 1\r\n\r\n"  # a server may write it so
    b"e\r\nas far as this\r\n"
)
UNREAD: dict[str, tuple[type[BaseException], ...]] = {
    "requests": (requests.exceptions.ReadTimeout, requests.ConnectionError),
    "urllib3": (urllib3.exceptions.ReadTimeoutError,),
    "httpx": (httpx.ReadTimeout,),
    "async httpx": (httpx.ReadTimeout,),
    "aiohttp": (aiohttp.SocketTimeoutError,),
}


def patience(call: Callable[[], Any]) -> str | None:
    """Return the time-out that a rerouted call tells the emulator."""
    with scripted(http(200)) as server, Rerouting(server.url, ORIGINS):
        call()
    found = re.findall(rb"(?i)\r\nx-mockling-patience: (.*)\r\n", server.requests[0])
    assert len(found) <= 1
    return found[0].decode() if found else None


def aiohttp_with(**limits: float | None) -> Callable[[], Any]:
    async def ask(session: aiohttp.ClientSession) -> None:
        async with session.get(LIVE) as response:
            await response.read()

    return lambda: in_session(ask, timeout=aiohttp.ClientTimeout(**limits))


def urllib3_with(timeout: Any) -> Callable[[], Any]:
    def ask() -> None:
        with urllib3.PoolManager(timeout=timeout, retries=False) as pool:
            pool.request("GET", LIVE)

    return ask


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (partial(requests.get, LIVE, timeout=120), "120"),
        (partial(requests.get, LIVE, timeout=(103, 120.5)), "120.5"),
        (partial(requests.get, LIVE, timeout=(103, None)), "inf"),
        (partial(requests.get, LIVE), "inf"),
        (urllib3_with(107), "107"),
        (urllib3_with(urllib3.Timeout(connect=103, read=108)), "108"),
        (urllib3_with(urllib3.Timeout(total=109)), "109"),
        (urllib3_with(urllib3.Timeout(total=109, read=110)), "109"),
        (urllib3_with(urllib3.Timeout(total=None)), "inf"),
        (partial(httpx.get, LIVE, timeout=111), "111"),
        (partial(httpx.get, LIVE, timeout=httpx.Timeout(105, read=112)), "112"),
        (partial(httpx.get, LIVE), "5.0"),
        (partial(httpx.get, LIVE, timeout=113, headers={"X-Mockling-Patience": "1"}), "113"),
        (partial(requests.get, LIVE, timeout=114, headers={"X-Mockling-Patience": "1"}), "114"),
        (partial(httpx.get, LIVE, timeout=None), "inf"),
        (aiohttp_with(total=113), "113"),
        (aiohttp_with(total=113, sock_read=114), "113"),
        (aiohttp_with(total=115, sock_read=114), "114"),
        (aiohttp_with(total=None, sock_read=116), "116"),
        (aiohttp_with(total=None), "inf"),
    ],
)
def test_a_call_tells_how_long_it_waits(call: Callable[[], Any], told: str) -> None:
    """The read time-out, or the total one where that is smaller, is sent along; infinity if there is none."""
    assert patience(call) == told


def test_a_retry_tells_it_again() -> None:
    """What is sent again says the same."""
    retry = urllib3.Retry(1, status_forcelist=[502], backoff_factor=0)
    with scripted(http(502), http(200)) as server, Rerouting(server.url, ORIGINS), urllib3.PoolManager() as pool:
        pool.request("GET", LIVE, timeout=103, retries=retry)
    assert [request.count(b"x-mockling-patience: 103\r\n") for request in server.requests] == [1, 1]


def test_the_callers_own_request_does_not_show_it() -> None:
    """The header is the wire's; the request that the library shows has none of it."""
    with scripted(http(200), http(200)) as server, Rerouting(server.url, ORIGINS):
        for response in (requests.get(LIVE, timeout=103), httpx.get(LIVE, timeout=103)):
            assert "x-mockling-patience" not in response.request.headers


@pytest.mark.parametrize("name", ASKS)
def test_a_time_out_that_would_have_passed_is_raised(name: str) -> None:
    """Each library raises its own read time-out at once when the emulator says that the call had waited in vain."""
    with scripted(TIMED_OUT) as server, Rerouting(server.url, ORIGINS), pytest.raises(UNREAD[name][0]):
        ASKS[name]("POST", f"{LIVE}/v1/x", timeout=120)


def test_the_error_is_the_one_of_reality() -> None:
    """requests and urllib3 name the live host and the time-out, as if both had been real."""
    told = r"HTTPSConnectionPool\(host='api\.segmind\.com', port=443\): Read timed out\. \(read timeout=120\)"
    error = pytest.raises(requests.exceptions.ReadTimeout, match=told)
    with scripted(TIMED_OUT) as server, Rerouting(server.url, ORIGINS), error:
        requests.post(LIVE, timeout=120)


def test_a_time_out_is_retried_by_the_callers_rules() -> None:
    """A Retry that reads again does so, and then raises what it would have raised."""
    answers = [TIMED_OUT, http(200, b"at last"), TIMED_OUT, TIMED_OUT]
    pool = urllib3.PoolManager(timeout=120, retries=urllib3.Retry(1, backoff_factor=0))
    with scripted(*answers) as server, Rerouting(server.url, ORIGINS), pool:
        assert pool.request("GET", LIVE).data == b"at last"
        with pytest.raises(urllib3.exceptions.MaxRetryError) as caught:
            pool.request("GET", LIVE)
    assert isinstance(caught.value.reason, urllib3.exceptions.ReadTimeoutError)
    assert len(server.requests) == 4


def test_aiohttps_smaller_time_out_is_the_one_that_passes() -> None:
    """A total that is smaller raises asyncio's TimeoutError and no socket's; else it is the socket's."""
    expected = {(120.0, None): TimeoutError, (120.0, 130.0): TimeoutError, (130.0, 120.0): aiohttp.SocketTimeoutError}
    for (total, read), error in expected.items():
        with scripted(TIMED_OUT) as server, Rerouting(server.url, ORIGINS), pytest.raises(TimeoutError) as caught:
            aiohttp_with(total=total, sock_read=read)()
        assert type(caught.value) is error


@pytest.mark.parametrize("answer", [STALLED, CHUNKED], ids=["length", "chunks"])
@pytest.mark.parametrize("name", ASKS)
def test_a_body_that_stalls_is_a_time_out(name: str, answer: bytes) -> None:
    """Who reads beyond what came of a stalling body meets his library's read time-out."""
    with scripted(answer) as server, Rerouting(server.url, ORIGINS), pytest.raises(UNREAD[name]) as caught:
        ASKS[name]("GET", f"{LIVE}/", timeout=105)
    if name == "requests":  # which says no more than this of a body's time-out
        assert "Read timed out" in str(caught.value)


@pytest.mark.parametrize("answer", [STALLED, CHUNKED], ids=["length", "chunks"])
def test_what_came_before_a_stall_can_be_read(answer: bytes) -> None:
    """A stalling body gives what there is, then the time-out; its headers have no sign of ours."""
    with scripted(answer, answer, answer) as server, Rerouting(server.url, ORIGINS):
        with requests.get(LIVE, timeout=105, stream=True) as response:
            assert "x-mockling-stalls" not in response.headers
            assert until(response.iter_content(1), requests.ConnectionError) == b"as far as this"
        with httpx.stream("GET", LIVE, timeout=105) as streamed:
            assert "x-mockling-stalls" not in streamed.headers
            assert until(streamed.iter_bytes(), httpx.ReadTimeout) == b"as far as this"
        assert in_session(first_of) == b"as far as this"


def until(pieces: Iterator[bytes], error: type[BaseException]) -> bytes:
    """Return what comes of a body before an error of time."""
    found: list[bytes] = []
    with pytest.raises(error, match=r"(?i)timed out"):
        found.extend(pieces)
    return b"".join(found)


async def first_of(session: aiohttp.ClientSession) -> bytes:
    """Return what comes first of a body that stalls then."""
    async with session.get(LIVE) as response:
        assert "x-mockling-stalls" not in response.headers
        assert b"x-mockling-stalls" not in [name.lower() for name, _ in response.raw_headers]
        found = await response.content.readexactly(14)
        with pytest.raises(TimeoutError):
            await response.content.readany()
        return found


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_a_body_that_is_whole_does_not_stall(ask: Ask) -> None:
    """The sign on a body of which nothing is missing changes nothing, and is not seen."""
    answer = http(200, b"whole", "x-mockling-stalls: 1")
    with scripted(answer) as server, Rerouting(server.url, ORIGINS):
        told = ask("GET", f"{LIVE}/")
    assert (told.status, told.body) == (200, b"whole")
    assert "x-mockling-stalls" not in told.headers


@pytest.mark.parametrize("name", ASKS)
def test_without_the_sign_a_body_that_breaks_off_is_broken(name: str) -> None:
    """A connection that closes early is still an incomplete read and no time-out."""
    errors = (
        requests.exceptions.ChunkedEncodingError,
        urllib3.exceptions.ProtocolError,
        httpx.RemoteProtocolError,
        aiohttp.ClientPayloadError,
    )
    with scripted(http(200, b"as far", length=1000)) as server, Rerouting(server.url, ORIGINS), pytest.raises(errors):
        ASKS[name]("GET", f"{LIVE}/")


@pytest.mark.parametrize("name", ASKS)
def test_what_is_silent_in_real_time_is_a_time_out_too(name: str) -> None:
    """Where not even the emulator answers, a time-out passes in real seconds, as it would live."""
    with ThreadPoolExecutor(1) as other, socket.create_server(("127.0.0.1", 0)) as silent:
        with Rerouting(f"http://127.0.0.1:{silent.getsockname()[1]}", ORIGINS):
            asked = other.submit(ASKS[name], "GET", f"{LIVE}/", timeout=0.05)
            error = asked.exception(30)
        assert isinstance(error, UNREAD[name])


def test_a_total_that_stalls_is_asyncios_time_out() -> None:
    """A body that stalls under a total time-out alone ends with the error of that."""
    with scripted(STALLED) as server, Rerouting(server.url, ORIGINS), pytest.raises(TimeoutError) as caught:
        aiohttp_with(total=105)()
    assert type(caught.value) is TimeoutError


class Late(aiohttp.ClientResponse):
    """A response that is looked at when its connection is closed already."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        async with asyncio.timeout(30):
            while connection.protocol.transport:
                await asyncio.sleep(0)
        return await super().start(connection)


def test_a_stall_that_is_over_before_one_looks_is_a_stall() -> None:
    """It makes no difference whether the connection closed before or after the response's head was read."""

    async def ask(session: aiohttp.ClientSession) -> None:
        async with session.get(LIVE) as response:
            await response.read()

    with scripted(STALLED) as server, Rerouting(server.url, ORIGINS), pytest.raises(TimeoutError):
        in_session(ask, response_class=Late)


def test_an_emulators_own_address_is_told_too(emulator: Emulator) -> None:
    """Where a reply's URL leads, time-outs are in the platform's seconds as well; elsewhere nobody is told."""
    with scripted(http(200)) as server, Rerouting(server.url, ORIGINS):
        requests.get(f"{server.url}/generations/x.mp4", timeout=103)
    assert b"x-mockling-patience: 103\r\n" in server.requests[0]
    with scripted(http(200), http(200), http(200)) as server, emulator.intercept():
        for get in (partial(requests.get, timeout=103), partial(httpx.get, timeout=103)):
            get(server.url)
        in_session(partial(_get, url=server.url))
    assert not any(b"x-mockling" in request.lower() for request in server.requests)


async def _get(session: aiohttp.ClientSession, url: str) -> None:
    async with session.get(url) as response:
        await response.read()


def test_a_stall_does_not_outlive_its_loop() -> None:
    """A response that is dropped while it stalls closes as any other does."""

    async def ask(session: aiohttp.ClientSession) -> int:
        async with session.get(LIVE) as response:
            return response.status

    with scripted(STALLED, STALLED) as server, Rerouting(server.url, ORIGINS):
        assert in_session(ask) == 200
        with httpx.stream("GET", LIVE) as response:
            assert response.status_code == 200

        async def streamed() -> None:
            async with httpx.AsyncClient() as client, client.stream("GET", LIVE):
                return

        with scripted(STALLED) as other, Rerouting(other.url, ORIGINS):
            asyncio.run(streamed())


def by_pool(url: str) -> Callable[[], Any]:
    pool = urllib3.HTTPSConnectionPool("api.segmind.com", maxsize=1, block=True, retries=False)
    return lambda: pool.request("GET", url, pool_timeout=20).status


def by_client(url: str) -> Callable[[], Any]:
    client = httpx.Client(limits=httpx.Limits(max_connections=1), timeout=httpx.Timeout(20))
    return lambda: client.get(url).status_code


@pytest.mark.parametrize("client", [by_pool, by_client])
def test_a_time_out_gives_its_connection_back(client: Callable[[str], Callable[[], Any]]) -> None:
    """A client of one connection that has timed out calls again, for that is closed or free."""
    ask = client(f"{LIVE}/" if client is by_client else "/")
    with scripted(TIMED_OUT, TIMED_OUT, http(200)) as server, Rerouting(server.url, ORIGINS):
        for _ in range(2):
            with pytest.raises((httpx.ReadTimeout, urllib3.exceptions.ReadTimeoutError)):
                ask()
        assert ask() == 200


def test_a_time_out_gives_its_connection_back_where_it_is_waited_for() -> None:
    """Likewise in asynchronous code."""
    one = httpx.Limits(max_connections=1)

    async def by_httpx() -> int:
        async with httpx.AsyncClient(limits=one, timeout=httpx.Timeout(20)) as client:
            for _ in range(2):
                with pytest.raises(httpx.ReadTimeout):
                    await client.get(LIVE)
            return (await client.get(LIVE)).status_code

    async def by_aiohttp() -> int:
        limits = aiohttp.ClientTimeout(total=None, sock_read=20, connect=20)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1), timeout=limits) as session:
            for _ in range(2):
                with pytest.raises(aiohttp.SocketTimeoutError):
                    await _get(session, LIVE)
            async with session.get(LIVE) as response:
                return response.status

    for ask in (by_httpx, by_aiohttp):
        with scripted(TIMED_OUT, TIMED_OUT, http(200)) as server, Rerouting(server.url, ORIGINS):
            assert asyncio.run(ask()) == 200
