"""Clients are rerouted however they are made: before the block, by users' own classes, with proxies, by the SDK."""

import asyncio
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import httpcore
import httpx
import pytest
import requests
import urllib3
from calling import GOOD_KEY, SLUG, make_key
from requests.adapters import HTTPAdapter
from rerouted import ASKS, LIVE, ORIGINS, Ask, in_session
from scripted import http, scripted
from segmind import SegmindClient

from mockling import fixtures
from mockling.emulator import Emulator, Rerouting

NOWHERE = "http://127.0.0.1:9"  # a proxy that nobody answers for
WITH_KEY = {"x-api-key": GOOD_KEY}
CREDITS = f"{LIVE}/v1/get-user-credits"


@pytest.fixture
def live(emulator: Emulator) -> Iterator[Emulator]:
    """The emulator, in whose block the test is."""
    with emulator.intercept():
        yield emulator


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


@pytest.mark.usefixtures("live")
def test_what_a_test_put_in_place_is_left_alone() -> None:
    """A mock transport answers for the live host as before."""

    def mocked(_: httpx.Request) -> httpx.Response:
        return httpx.Response(418)

    with httpx.Client(transport=httpx.MockTransport(mocked)) as client:
        assert client.get(LIVE).status_code == 418


@pytest.mark.usefixtures("live")
def test_connections_that_answer_from_a_recording_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that are put into the pools of urllib3, as vcrpy does it, are used, in sessions of before too."""

    class Recorded(urllib3.connection.HTTPSConnection):
        is_verified = True

        def connect(self) -> None:
            pass

        def request(self, *_: Any, **__: Any) -> None:
            pass

        def getresponse(self) -> urllib3.HTTPResponse:
            return urllib3.HTTPResponse(io.BytesIO(b"recorded"), status=200, preload_content=False)

    with requests.Session() as session, urllib3.PoolManager() as pools:
        assert session.get(CREDITS, headers=WITH_KEY, timeout=30).json()["credits"]
        monkeypatch.setattr(urllib3.HTTPSConnectionPool, "ConnectionCls", Recorded)
        assert session.get(CREDITS, timeout=30).content == b"recorded"
        assert pools.request("GET", CREDITS).data == b"recorded"


@pytest.mark.usefixtures("live")
def test_connections_that_only_connect_in_another_way_are_rerouted() -> None:
    """A connection class that differs in how it reaches its server, as the client's does, is no obstacle."""

    class Other(urllib3.connection.HTTPSConnection):
        def connect(self) -> None:
            raise AssertionError

    with urllib3.HTTPSConnectionPool("api.segmind.com") as pool:
        pool.ConnectionCls = Other
        assert pool.request("GET", "/v1/get-user-credits", headers=WITH_KEY).status == 200


def test_a_unix_socket_is_left_alone(live: Emulator, tmp_path: Path) -> None:
    """What is sent through a UNIX socket is local, whatever host it is meant for, the emulator's own address too."""
    path, heads = str(tmp_path / "socket"), list[bytes]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(http(418))
        await writer.drain()
        writer.close()

    async def run(address: str) -> list[int]:
        server = await asyncio.start_unix_server(answer, path)
        async with (
            server,
            httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=path)) as client,
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session,
            session.get(address) as response,
        ):
            return [response.status, (await client.get(address)).status_code]

    for address in ("http://api.segmind.com", live.url):
        heads.clear()
        assert asyncio.run(run(f"{address}/")) == [418, 418]
        host = b"\r\nhost: " + address.partition("//")[2].encode() + b"\r\n"
        assert all(host in head.lower() and b"mockling" not in head for head in heads)


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
@pytest.mark.usefixtures("live")
def test_proxies_that_are_given_do_not_disturb(scheme: str) -> None:
    """A proxy that a call or a client names is passed by."""
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


def test_a_request_past_a_proxy_is_no_proxys() -> None:
    """What a proxy would have been asked with the whole URL, the emulator is asked with the path."""

    async def ask(session: aiohttp.ClientSession) -> None:
        async with session.get("http://api.segmind.com/x", proxy=NOWHERE) as response:
            assert response.ok

    with scripted(http(200), http(200), http(200)) as server, Rerouting(server.url, ORIGINS):
        requests.get("http://api.segmind.com/x", proxies={"http": NOWHERE}, timeout=30)
        httpx.get("http://api.segmind.com/x", proxy=NOWHERE)
        in_session(ask)
    assert [request.partition(b"\r\n")[0] for request in server.requests] == [b"GET /x HTTP/1.1"] * 3


@pytest.mark.parametrize(("expiry", "connections"), [(None, 1), (0, 2)])
def test_a_pool_past_its_proxy_keeps_its_ways(emulator: Emulator, expiry: float | None, connections: int) -> None:
    """It connects as it was told to, and keeps a connection as long as it was told to."""
    places: list[tuple[str, int]] = []

    class Counting(httpcore.SyncBackend):
        def connect_tcp(self, host: str, port: int, *rest: Any, **more: Any) -> httpcore.NetworkStream:
            places.append((host, port))
            return super().connect_tcp(host, port, *rest, **more)

    pool = httpcore.HTTPProxy(NOWHERE, keepalive_expiry=expiry, network_backend=Counting())
    with emulator.intercept(), pool:
        assert [pool.request("GET", CREDITS, headers=WITH_KEY).status for _ in "12"] == [200, 200]
    assert places == [("127.0.0.1", int(emulator.url.rpartition(":")[2]))] * connections


@pytest.mark.usefixtures("live")
def test_tls_options_do_not_disturb() -> None:
    """Whether and against what a certificate is verified makes no difference, for there is none."""
    pem = str(Path(__file__).parent / "hostile" / "loopback.pem")

    async def ask(session: aiohttp.ClientSession) -> bool:
        async with session.get(CREDITS, headers=WITH_KEY, ssl=False) as response:
            return response.ok

    for options in ({"verify": False}, {"verify": pem}, {"cert": pem}):
        assert requests.get(CREDITS, headers=WITH_KEY, timeout=30, **options).ok
    assert httpx.get(CREDITS, headers=WITH_KEY, verify=False).is_success
    assert in_session(ask)


@pytest.mark.usefixtures("live")
def test_a_pool_has_as_many_connections_as_it_would() -> None:
    """A pool that waits for its one connection waits for it, and says so as ever."""
    with urllib3.HTTPSConnectionPool("api.segmind.com", maxsize=1, block=True) as pool:
        held = pool.request("GET", "/v1/get-user-credits", headers=WITH_KEY, preload_content=False)
        with pytest.raises(urllib3.exceptions.EmptyPoolError):
            pool.request("GET", "/v1/get-user-credits", headers=WITH_KEY, pool_timeout=0.001)
        held.drain_conn()
        held.release_conn()


@pytest.mark.usefixtures("live")
def test_a_pool_that_is_closed_is_closed() -> None:
    """It says so, as it would live, and calls nobody."""
    pool = urllib3.HTTPSConnectionPool("api.segmind.com")
    pool.close()
    with pytest.raises(urllib3.exceptions.ClosedPoolError):
        pool.request("GET", "/v1/get-user-credits", headers=WITH_KEY)


def test_a_pools_own_retries_and_headers_are_kept() -> None:
    """What was set for a pool holds for what is rerouted."""
    retry = urllib3.Retry(1, status_forcelist=[502], backoff_factor=0)
    pool = urllib3.HTTPSConnectionPool("api.segmind.com", retries=retry, headers={"X-Own": "mine"})
    with scripted(http(502), http(200), http(200)) as server, Rerouting(server.url, ORIGINS), pool:
        assert pool.request("GET", "/").status == 200
        assert pool.urlopen("GET", "/").status == 200
    assert [b"X-Own: mine" in request for request in server.requests] == [True] * 3


@pytest.mark.usefixtures("live")
def test_many_threads_share_a_session() -> None:
    """A pool that is smaller than the number of threads that use it serves them all."""
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
