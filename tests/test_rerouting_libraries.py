"""Whatever a library can do with a live host it can do when it is rerouted: bodies, streams, pools, proxies."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
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
from segmind import SegmindClient

from mockling import fixtures
from mockling.contract import Contract
from mockling.emulator import Emulator, Rerouting

PIECES = [b"one ", b"two ", b"three"]
NOWHERE = "http://127.0.0.1:9"  # a proxy that nobody answers for
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
    assert live.journal[-1].request.headers


def test_a_host_header_of_the_callers_is_the_emulators(contract: Contract) -> None:
    """Who writes the live host into the Host header himself still gets URLs of the emulator."""
    for ask in ASKS.values():
        with scripted(http(200)) as server, Rerouting(server.url, contract.live_origins):
            ask("GET", f"{LIVE}/", headers={"Host": "api.segmind.com"})
        head = server.requests[0].lower()
        assert head.count(b"\r\nhost: ") == 1
        assert b"segmind" not in head


# What comes back.


def test_a_body_is_streamed_by_requests(live: Emulator) -> None:
    """With `stream`, the bytes are had as they come, and the connection serves the next call."""
    del live
    with requests.Session() as session:
        for _ in range(2):
            with session.get(CREDITS, headers=WITH_KEY, stream=True, timeout=30) as response:
                pieces = list(response.iter_content(4))
            assert max(map(len, pieces)) == 4 and b"credits" in b"".join(pieces)


def test_a_body_is_streamed_by_urllib3(live: Emulator) -> None:
    """A response that is not preloaded is read by and by."""
    del live
    with urllib3.PoolManager() as pool:
        response = pool.request("GET", CREDITS, headers=WITH_KEY, preload_content=False)
        assert b"credits" in b"".join(response.stream(4))
        response.release_conn()


def test_a_body_is_streamed_by_httpx(live: Emulator) -> None:
    """`httpx.stream` gives the bytes as they come."""
    del live
    with httpx.stream("GET", CREDITS, headers=WITH_KEY) as response:
        assert b"credits" in b"".join(response.iter_bytes(4))


def test_a_body_is_streamed_by_aiohttp(live: Emulator) -> None:
    """A response's content can be iterated."""
    del live

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


def test_hooks_are_called(live: Emulator) -> None:
    """Event hooks of httpx and requests, and traces of aiohttp, see the live URL."""
    del live
    seen: list[str] = []

    async def traced(_session: Any, _context: Any, params: Any) -> None:
        seen.append(str(params.url))

    async def ask(session: aiohttp.ClientSession) -> None:
        async with session.get(CREDITS, headers=WITH_KEY) as response:
            assert response.ok

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(traced)
    hooks = {"request": [lambda it: seen.append(str(it.url))], "response": [lambda it: seen.append(str(it.url))]}
    with httpx.Client(event_hooks=hooks) as client:
        client.get(CREDITS, headers=WITH_KEY)
    requests.get(CREDITS, headers=WITH_KEY, timeout=30, hooks={"response": lambda it, **_: seen.append(it.url)})
    in_session(ask, trace_configs=[trace])
    assert seen == [CREDITS] * 4


# Clients, pools, proxies.


class OwnAdapter(HTTPAdapter):
    """An adapter as users write them."""

    def send(self, *args: Any, **more: Any) -> Any:
        return super().send(*args, **more)


class OwnTransport(httpx.HTTPTransport):
    """A transport as users write them."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return super().handle_request(request)


class OwnConnector(aiohttp.TCPConnector):
    """A connector as users write them."""

    async def connect(self, *args: Any, **more: Any) -> Any:
        return await super().connect(*args, **more)


def test_clients_that_were_there_before_are_rerouted(emulator: Emulator) -> None:
    """Sessions and clients made before the block, with adapters, transports, mounts and connectors of their own."""

    async def ask(session: aiohttp.ClientSession) -> None:
        with emulator.intercept():
            async with session.get(CREDITS, headers=WITH_KEY) as response:
                assert response.ok

    async def run() -> None:
        async with aiohttp.ClientSession(connector=OwnConnector(limit=1, ssl=False)) as session:
            await ask(session)
        async with httpx.AsyncClient(mounts={"https://": httpx.AsyncHTTPTransport(retries=1)}) as client:
            with emulator.intercept():
                assert (await client.get(CREDITS, headers=WITH_KEY)).is_success

    with (
        requests.Session() as session,
        httpx.Client(transport=OwnTransport()) as owned,
        httpx.Client(mounts={"https://api.segmind.com": OwnTransport(verify=False)}, http1=True) as mounted,
        urllib3.HTTPSConnectionPool("api.segmind.com", maxsize=1, block=True) as pool,
    ):
        session.mount("https://", OwnAdapter())
        with emulator.intercept():
            assert session.get(CREDITS, headers=WITH_KEY, timeout=30).ok
            assert owned.get(CREDITS, headers=WITH_KEY).is_success
            assert mounted.get(CREDITS, headers=WITH_KEY).is_success
            assert [pool.request("GET", "/v1/get-user-credits", headers=WITH_KEY).status for _ in "123"] == [200] * 3
    asyncio.run(run())


def test_a_client_is_live_again_after_the_block(emulator: Emulator) -> None:
    """No connection to the emulator is left in a client for a live host."""
    with requests.Session() as session, httpx.Client() as client:
        with emulator.intercept():
            assert session.get(CREDITS, headers=WITH_KEY, timeout=30).ok
            assert client.get(CREDITS, headers=WITH_KEY).is_success
        for ask in (partial(session.get, timeout=30), client.get):
            with pytest.raises((OSError, httpx.ConnectError), match="stay on loopback"):
                ask(CREDITS)


def test_what_a_test_put_in_place_is_left_alone(live: Emulator) -> None:
    """A mock transport answers for the live host as before."""
    del live

    def mocked(_: httpx.Request) -> httpx.Response:
        return httpx.Response(418)

    with httpx.Client(transport=httpx.MockTransport(mocked)) as client:
        assert client.get(LIVE).status_code == 418


def test_a_unix_socket_is_left_alone(live: Emulator, tmp_path: Path) -> None:
    """What is sent through a UNIX socket is local, whatever host it is meant for."""
    del live
    path = str(tmp_path / "socket")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(418))
        await writer.drain()
        writer.close()

    async def run() -> list[int]:
        server = await asyncio.start_unix_server(answer, path)
        address = "http://api.segmind.com/"
        async with (
            server,
            httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=path)) as client,
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session,
            session.get(address) as response,
        ):
            return [response.status, (await client.get(address)).status_code]

    assert asyncio.run(run()) == [418, 418]


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_proxies_of_the_environment_do_not_disturb(
    ask: Ask, scheme: str, live: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the live host nor the emulator's own address is called through a proxy."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
        monkeypatch.setenv(name.lower(), NOWHERE)
    for origin in (f"{scheme}://api.segmind.com", live.url):
        assert ask("GET", f"{origin}/v1/get-user-credits", headers=WITH_KEY).status == 200


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_proxies_that_are_given_do_not_disturb(scheme: str, live: Emulator) -> None:
    """A proxy that a call or a client names is passed by."""
    del live
    url = f"{scheme}://api.segmind.com/v1/get-user-credits"

    async def ask(session: aiohttp.ClientSession) -> int:
        async with session.get(url, headers=WITH_KEY, proxy=NOWHERE) as response:
            return response.status

    async def asynchronous() -> int:
        async with httpx.AsyncClient(proxy=NOWHERE) as client:
            return (await client.get(url, headers=WITH_KEY)).status_code

    proxies = {"http": NOWHERE, "https": NOWHERE}
    assert requests.get(url, headers=WITH_KEY, proxies=proxies, timeout=30).ok
    assert httpx.get(url, headers=WITH_KEY, proxy=NOWHERE).is_success
    with urllib3.ProxyManager(NOWHERE, retries=False) as manager:
        assert manager.request("GET", url, headers=WITH_KEY).status == 200
    assert (in_session(ask), asyncio.run(asynchronous())) == (200, 200)


def test_tls_options_do_not_disturb(live: Emulator) -> None:
    """Whether and against what a certificate is verified makes no difference, for there is none."""
    del live
    pem = str(Path(__file__).parent / "hostile" / "loopback.pem")

    async def ask(session: aiohttp.ClientSession) -> bool:
        async with session.get(CREDITS, headers=WITH_KEY, ssl=False) as response:
            return response.ok

    for options in ({"verify": False}, {"verify": pem}, {"cert": pem}):
        assert requests.get(CREDITS, headers=WITH_KEY, timeout=30, **options).ok
    assert httpx.get(CREDITS, headers=WITH_KEY, verify=False).is_success
    assert in_session(ask)


def test_many_threads_share_a_session(live: Emulator) -> None:
    """A pool that is smaller than the number of threads that use it serves them all."""
    del live
    with requests.Session() as session, ThreadPoolExecutor(8) as threads:
        session.mount("https://", HTTPAdapter(pool_maxsize=2, pool_block=True))
        asks = [threads.submit(session.get, CREDITS, headers=WITH_KEY, timeout=30) for _ in range(40)]
        assert all(ask.result().ok for ask in asks)


# The official SDK.


def test_the_sdk_works_with_its_default_addresses(live: Emulator, sample: dict[str, Any]) -> None:
    """The SDK, given a key alone, generates by both versions, uploads, and what it is told can be fetched."""
    client = SegmindClient(api_key=make_key())
    with client._client:
        told = client.files.upload(fixtures.input_clip("valid"))
        (url,) = told["file_urls"]
        assert requests.get(url, timeout=30).content == fixtures.input_clip("valid").read_bytes()
        result = client.submit_async(SLUG, **{**sample, "video_url": url}).wait(interval=0.001)
        assert client.run_sync(SLUG, **sample).json()["status"] == result["status"] == "COMPLETED"
    path = result["output"].removeprefix(live.url)
    assert len(requests.get(f"https://images.segmind.com{path}", timeout=30).content) == result["video"]["file_size"]
