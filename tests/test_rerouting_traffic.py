"""Whatever a library can do with a live host it can do when it is rerouted: bodies, streams, redirects."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3
from calling import GOOD_KEY, SLUG, make_key
from requests.adapters import HTTPAdapter
from rerouted import ASKS, LIVE, Ask, in_session
from scripted import Scripted, http, scripted

from mockling.contract import Contract
from mockling.emulator import Emulator, Rerouting

PIECES = [b"one ", b"two ", b"three"]
WITH_KEY = {"x-api-key": GOOD_KEY}
CREDITS = f"{LIVE}/v1/get-user-credits"


@pytest.fixture
def live(emulator: Emulator) -> Iterator[Emulator]:
    """The emulator, in whose block the test is."""
    with emulator.intercept():
        yield emulator


def unchunked(request: bytes) -> bytes:
    """Return the body of a request that was sent in chunks."""
    return b"".join(request.partition(b"\r\n\r\n")[2].split(b"\r\n")[1::2])


# What is sent.


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_request_arrives_as_it_was_sent(ask: Ask, method: str, contract: Contract) -> None:
    """Method, query, headers and body are the caller's."""
    with scripted(http(201, b"here", "X-Told: yes")) as server, Rerouting(server.url, contract.live_origins):
        told = ask(method, f"{LIVE}/v2/x?q=1", headers={"X-Own": "mine", "content-type": "a/b"}, data=b"\x00\xff")
    assert (told.status, told.headers["x-told"], told.body) == (201, "yes", b"here")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(f"{method} /v2/x?q=1 HTTP/1.1\r\n".encode())
    assert b"x-own: mine" in head.lower() and b"content-type: a/b" in head.lower()
    assert body == b"\x00\xff"


def by_generator(server: Scripted) -> bytes:
    assert requests.post(LIVE, data=iter(PIECES), timeout=30).ok
    return unchunked(server.requests[0])


def by_file(server: Scripted) -> bytes:
    file = io.BytesIO(b"".join(PIECES))
    assert requests.post(LIVE, data=file, timeout=30).ok
    return server.requests[0].partition(b"\r\n\r\n")[2]


def by_httpx_generator(server: Scripted) -> bytes:
    assert httpx.post(LIVE, content=iter(PIECES)).is_success
    return unchunked(server.requests[0])


def by_async_generator(server: Scripted) -> bytes:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in PIECES:
            yield piece

    async def ask() -> None:
        async with httpx.AsyncClient() as client:
            assert (await client.post(LIVE, content=pieces())).is_success

    asyncio.run(ask())
    return unchunked(server.requests[0])


def by_aiohttp_file(server: Scripted) -> bytes:
    async def ask(session: aiohttp.ClientSession) -> None:
        async with session.post(LIVE, data=io.BytesIO(b"".join(PIECES))) as response:
            assert response.ok

    in_session(ask)
    return server.requests[0].partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("send", [by_generator, by_file, by_httpx_generator, by_async_generator, by_aiohttp_file])
def test_a_body_may_come_in_pieces(send: Any, contract: Contract) -> None:
    """Generators and files are sent as they are, in chunks where there is no length."""
    with scripted(http(200)) as server, Rerouting(server.url, contract.live_origins):
        assert send(server) == b"".join(PIECES)


def test_forms_arrive(live: Emulator, sample: dict[str, Any]) -> None:
    """A multipart form of requests and of httpx is read by the emulator as one."""
    form = {name: (None, str(value).lower() if value is False else str(value)) for name, value in sample.items()}
    for post in (requests.post, partial(httpx.post, timeout=30)):
        assert post(f"{LIVE}/v1/{SLUG}", headers={"x-api-key": make_key()}, files=form).status_code == 200
        assert b'form-data; name="video_url"' in live.journal[-1].request.body


def test_a_host_header_of_the_callers_is_the_emulators(contract: Contract) -> None:
    """Who writes the live host into the Host header himself still gets URLs of the emulator."""
    for ask in ASKS.values():
        with scripted(http(200)) as server, Rerouting(server.url, contract.live_origins):
            ask("GET", f"{LIVE}/", headers={"Host": "api.segmind.com"})
        head = server.requests[0].lower()
        assert head.count(b"\r\nhost: ") == 1
        assert b"segmind" not in head


# What comes back.


@pytest.mark.usefixtures("live")
def test_a_body_is_streamed_by_requests() -> None:
    """With `stream`, the bytes are had as they come, and the connection serves the next call."""
    with requests.Session() as session:
        for _ in range(2):
            with session.get(CREDITS, headers=WITH_KEY, stream=True, timeout=30) as response:
                pieces = list(response.iter_content(4))
            assert max(map(len, pieces)) == 4 and b"credits" in b"".join(pieces)


@pytest.mark.usefixtures("live")
def test_a_body_is_streamed_by_urllib3() -> None:
    """A response that is not preloaded is read by and by."""
    with urllib3.PoolManager() as pool:
        response = pool.request("GET", CREDITS, headers=WITH_KEY, preload_content=False)
        assert b"credits" in b"".join(response.stream(4))
        response.release_conn()


@pytest.mark.usefixtures("live")
def test_a_body_is_streamed_by_httpx() -> None:
    """`httpx.stream` gives the bytes as they come."""
    with httpx.stream("GET", CREDITS, headers=WITH_KEY) as response:
        assert b"credits" in b"".join(response.iter_bytes(4))


@pytest.mark.usefixtures("live")
def test_a_body_is_streamed_by_aiohttp() -> None:
    """A response's content can be iterated."""

    async def ask(session: aiohttp.ClientSession) -> bytes:
        async with session.get(CREDITS, headers=WITH_KEY) as response:
            return b"".join([piece async for piece in response.content.iter_chunked(4)])

    assert b"credits" in in_session(ask)


@pytest.mark.parametrize("place", ["/there", "{url}/there", f"{LIVE}/there"])
def test_a_redirect_is_followed(place: str, contract: Contract) -> None:
    """A redirect to a path, to the emulator's address and to a live host all lead to the emulator, with cookies."""
    asks = {"requests": requests.get, "httpx": partial(httpx.get, follow_redirects=True)}
    answers = [http(302, b"", f"Location: {place}", "Set-Cookie: a=b"), http(200, b"there")]
    for name, get in asks.items():
        with scripted(*answers) as server, Rerouting(server.url, contract.live_origins):
            response = get(f"{LIVE}/here", timeout=30)
        assert response.content == b"there", name
        assert [str(earlier.url) for earlier in response.history] == [f"{LIVE}/here"]
        assert (b"cookie: a=b" in server.requests[1].lower()) == (not place.startswith("{"))


def test_a_redirect_is_followed_by_urllib3_and_aiohttp(contract: Contract) -> None:
    """They end at the same place, and aiohttp keeps its cookies for the live host."""
    answers = [http(302, b"", "Location: /there", "Set-Cookie: a=b"), http(200, b"there")]
    with scripted(*answers) as server, Rerouting(server.url, contract.live_origins), urllib3.PoolManager() as pool:
        assert pool.request("GET", f"{LIVE}/here").data == b"there"

    async def ask(session: aiohttp.ClientSession) -> None:
        async with session.get(f"{LIVE}/here") as response:
            assert (str(response.url), await response.read()) == (f"{LIVE}/there", b"there")
        assert session.cookie_jar.filter_cookies(response.url)["a"].value == "b"

    with scripted(*answers) as server, Rerouting(server.url, contract.live_origins):
        in_session(ask)
    assert b"cookie: a=b" in server.requests[1].lower()


@pytest.mark.parametrize("place", [f"{LIVE}/there?a=%20b", "https://API.segmind.com:443/there?a=%20b"])
def test_a_redirect_to_its_own_host_is_followed_by_a_single_pool(place: str, contract: Contract) -> None:
    """A pool of urllib3 that has no manager follows a whole URL of its own host, as it would live, and no other."""
    answers = [
        http(307, b"", f"Location: {place}"),
        http(200, b"there"),
        http(302, b"", "Location: https://a.invalid/"),
    ]
    with (
        scripted(*answers) as server,
        Rerouting(server.url, contract.live_origins),
        urllib3.HTTPSConnectionPool("api.segmind.com") as pool,
    ):
        assert pool.request("POST", "/here", body=b"x").data == b"there"
        with pytest.raises(urllib3.exceptions.HostChangedError):
            pool.request("GET", "/here")
    assert server.requests[1].startswith(b"POST /there?a=%20b HTTP/1.1\r\n")


def test_retries_are_made_by_the_callers_rules(contract: Contract) -> None:
    """urllib3's Retry, as requests uses it, repeats what it is told to repeat, and tells what it met at last."""
    retry = urllib3.Retry(2, status_forcelist=[502], allowed_methods=None, backoff_factor=0)
    with requests.Session() as session:
        session.mount("https://", HTTPAdapter(max_retries=retry))
        answers = [http(502), http(502), http(200, b"at last"), *[http(502)] * 3]
        with scripted(*answers) as server, Rerouting(server.url, contract.live_origins):
            assert session.post(LIVE, timeout=30).content == b"at last"
            with pytest.raises(requests.exceptions.RetryError, match=r"host='api\.segmind\.com', port=443"):
                session.post(LIVE, timeout=30)
    assert len(server.requests) == 6


def test_a_connection_that_is_refused_is_told_as_ever(contract: Contract) -> None:
    """If nobody listens at the emulator's address, each library raises its own error."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    errors = (requests.ConnectionError, urllib3.exceptions.HTTPError, httpx.ConnectError, aiohttp.ClientConnectorError)
    with Rerouting(address, contract.live_origins):
        for ask in ASKS.values():
            with pytest.raises(errors):
                ask("GET", f"{LIVE}/")


@pytest.mark.usefixtures("live")
def test_hooks_are_called() -> None:
    """Event hooks of httpx and requests, and traces of aiohttp, see the live URL."""
    seen: list[str] = []

    async def traced(_session: Any, _context: Any, params: Any) -> None:
        seen.append(str(params.url))

    async def connected(_session: Any, _context: Any, params: Any) -> None:
        connections.append(params)

    async def ask(session: aiohttp.ClientSession) -> None:
        async with session.get(CREDITS, headers=WITH_KEY) as response:
            assert response.ok

    connections: list[Any] = []
    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(traced)
    trace.on_connection_create_end.append(connected)
    hooks = {"request": [lambda it: seen.append(str(it.url))], "response": [lambda it: seen.append(str(it.url))]}
    with httpx.Client(event_hooks=hooks) as client:
        client.get(CREDITS, headers=WITH_KEY)
    requests.get(CREDITS, headers=WITH_KEY, timeout=30, hooks={"response": lambda it, **_: seen.append(it.url)})
    in_session(ask, trace_configs=[trace])
    assert seen == [CREDITS] * 4
    assert len(connections) == 1
