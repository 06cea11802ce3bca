"""What would reach a live host by another way is refused before anything leaves, and is not forgotten."""

import _socket
import asyncio
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPConnection, HTTPSConnection
from socket import getaddrinfo, gethostbyname, socketpair
from traceback import format_exception
from typing import Any
from urllib.error import URLError

import aiohttp
import httpcore
import httpx
import pytest
import requests
from calling import GOOD_KEY
from rerouted import ASKS, LIVE, Ask, in_session
from scripted import http, scripted

from mockling.emulator import Attempt, Emulator, LiveCallError, NetworkBlocked, Rerouting
from mockling.emulator.rerouting.routes import rerouted

HOST = "api.segmind.com"
BEYOND = "cdn.example.com"
WIDE = HOST.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})  # the letters of East Asian type


@pytest.fixture
def rerouting(emulator: Emulator) -> Iterator[Rerouting]:
    """The block of the emulator, in which the test is."""
    with emulator.intercept() as entered:
        yield entered


@pytest.fixture
def blocked(emulator: Emulator) -> Iterator[Rerouting]:
    """The same, and nothing else can be called."""
    with emulator.intercept(block_network=True) as entered:
        yield entered


def by_socket(method: str, kind: int, *arguments: Any) -> None:
    with socket.socket(socket.AF_INET, kind) as sender:
        getattr(sender, method)(*arguments)


def by_http_client(connection: HTTPConnection, path: str = "/", tunnel: str | None = None) -> None:
    try:
        if tunnel:
            connection.set_tunnel(tunnel, 443)
        connection.request("GET", path)
    finally:
        connection.close()


async def by_streams(host: str) -> None:
    await asyncio.open_connection(host, 443)


def ways(host: str) -> dict[str, Callable[[], Any]]:
    """Return the ways to a host that no library goes which can be rerouted."""
    tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
    return {
        "getaddrinfo": lambda: socket.getaddrinfo(host, 443),
        "getaddrinfo by name": lambda: socket.getaddrinfo(port=443, host=host),
        "_socket.getaddrinfo by name": lambda: _socket.getaddrinfo(host=host, port=443),
        "getaddrinfo of before": lambda: getaddrinfo(host, 443),
        "getaddrinfo of bytes": lambda: socket.getaddrinfo(host.upper().encode() + b".", 443),
        "gethostbyname": lambda: socket.gethostbyname(host),
        "gethostbyname_ex": lambda: socket.gethostbyname_ex(host),
        "gethostbyaddr": lambda: socket.gethostbyaddr(host),
        "create_connection": lambda: socket.create_connection((host, 443)),
        "connect": lambda: by_socket("connect", tcp, (host, 443)),
        "connect_ex": lambda: by_socket("connect_ex", tcp, (host, 443)),
        "sendto": lambda: by_socket("sendto", udp, b"x", (host, 443)),
        "sendto with flags": lambda: by_socket("sendto", udp, b"x", 0, (host, 443)),
        "sendmsg": lambda: by_socket("sendmsg", udp, [b"x"], [], 0, (host, 443)),
        "http.client": lambda: by_http_client(HTTPSConnection(host)),
        "http.client, tunnel": lambda: by_http_client(HTTPSConnection("127.0.0.1", 9), tunnel=host),
        "http.client, proxy": lambda: by_http_client(HTTPConnection("127.0.0.1", 9), f"http://{host}/"),
        "streams": lambda: asyncio.run(by_streams(host)),
    }


@pytest.mark.parametrize("way", ways(HOST))
def test_another_way_to_a_live_host_is_refused(way: str, rerouting: Rerouting, emulator: Emulator) -> None:
    """The error is one of connecting, and says which host was meant and what to set instead."""
    with pytest.raises(LiveCallError) as caught:
        ways(HOST)[way]()
    assert isinstance(caught.value, ConnectionError)
    assert caught.value.host == HOST
    assert str(caught.value).endswith(f"cannot be rerouted; set the base URL to {emulator.url}.")
    assert [attempt.host for attempt in rerouting.live_calls] == [HOST]
    assert rerouting.blocked_calls == []


@pytest.mark.parametrize("way", ways(BEYOND))
def test_a_blocked_network_refuses_every_way(way: str, blocked: Rerouting) -> None:
    """With `block_network`, the same ways to any other host are refused, each with the same kind of sentence."""
    with pytest.raises(NetworkBlocked, match=r"for cdn\.example\.com, which block_network=True refuses") as caught:
        ways(BEYOND)[way]()
    assert type(caught.value) is NetworkBlocked
    assert [attempt.host for attempt in blocked.blocked_calls] == [BEYOND]
    assert blocked.live_calls == []


def test_without_it_other_hosts_are_nobodys_business(rerouting: Rerouting) -> None:
    """Unless the network is blocked, what is no live host is called, which here the guard of the tests refuses."""
    with pytest.raises(PermissionError, match="stay on loopback"):
        socket.getaddrinfo(BEYOND, 443)
    assert rerouting.blocked_calls == rerouting.live_calls == []


@pytest.mark.parametrize("host", ["api。segmind。com", WIDE, "ap\u00adi.segmind.com。"])
def test_a_host_in_other_letters_is_refused(host: str, rerouting: Rerouting) -> None:
    """What a socket turns into the name of a live host counts as that."""
    with pytest.raises(LiveCallError):
        socket.create_connection((host, 443))
    assert rerouting.live_calls == [Attempt(HOST, "socket.getaddrinfo")]


@pytest.mark.parametrize("host", ["a" * 64 + "é", "\ud800.example.com", "é..com"])
def test_a_host_that_is_no_name_in_any_letters_is_told_as_ever(host: str, rerouting: Rerouting) -> None:
    """Python's own error says that a name cannot be looked up."""
    with pytest.raises(UnicodeError):
        gethostbyname(host)
    assert rerouting.live_calls == []


def test_a_name_is_not_asked_for_an_address(blocked: Rerouting) -> None:
    """With `block_network`, no name server is asked for the name of an address beyond; its number may be written."""
    with pytest.raises(NetworkBlocked):
        socket.getnameinfo(("192.0.2.1", 53), 0)
    assert blocked.blocked_calls == [Attempt("192.0.2.1", "socket.getnameinfo")]
    numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    assert socket.getnameinfo(("192.0.2.1", 53), numeric) == ("192.0.2.1", "53")
    with pytest.raises(TypeError):
        socket.getnameinfo("192.0.2.1", numeric)  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:9"])
def test_urllib_is_refused(scheme: str, proxy: str | None, rerouting: Rerouting) -> None:
    """urllib.request wraps the error as it wraps all, with a proxy too."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({scheme: proxy} if proxy else {}))
    with pytest.raises((URLError, LiveCallError), match=HOST):
        opener.open(f"{scheme}://{HOST}/", timeout=30)
    assert {attempt.host for attempt in rerouting.live_calls} == {HOST}


def test_an_attempt_is_kept_whatever_became_of_the_error(rerouting: Rerouting) -> None:
    """Code that swallows the error, in a thread even, is found out."""

    def careless() -> None:
        try:
            urllib.request.urlopen(LIVE)
        except OSError:
            return

    thread = threading.Thread(target=careless)
    thread.start()
    thread.join(30)
    (attempt,) = rerouting.live_calls
    assert attempt == Attempt(HOST, "socket.getaddrinfo")
    assert str(attempt) == "api.segmind.com by socket.getaddrinfo"


def test_the_innermost_block_keeps_the_attempt(rerouting: Rerouting, emulator: Emulator) -> None:
    """Of nested blocks, the one that would have been called is told."""
    with emulator.intercept() as inner, pytest.raises(LiveCallError):
        socket.gethostbyname(HOST)
    assert (len(inner.live_calls), rerouting.live_calls) == (1, [])


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_a_blocked_network_refuses_the_libraries(ask: Ask, blocked: Rerouting) -> None:
    """A library's call of another host is refused before it looks for a proxy, and not tried again."""
    with pytest.raises(Exception, match="block_network") as caught:
        ask("GET", f"https://{BEYOND}/")
    assert "NetworkBlocked" in "".join(format_exception(caught.value))
    assert [attempt.host for attempt in blocked.blocked_calls] == [BEYOND]


def test_a_proxy_does_not_open_a_blocked_network(blocked: Rerouting) -> None:
    """A proxy on this machine leads no library beyond it."""
    proxy = "http://127.0.0.1:9"

    async def ask(session: aiohttp.ClientSession) -> None:
        async with session.get(f"https://{BEYOND}", proxy=proxy):
            pass

    calls: list[Callable[[], Any]] = [
        lambda: requests.get(f"https://{BEYOND}", proxies={"https": proxy}, timeout=30),
        lambda: httpx.get(f"http://{BEYOND}", proxy=proxy),
        lambda: httpcore.HTTPProxy(proxy).request("GET", f"https://{BEYOND}"),
        lambda: in_session(ask),
    ]
    for call in calls:
        with pytest.raises((OSError, aiohttp.ClientError), match="block_network"):
            call()
    assert len(blocked.blocked_calls) == len(calls)


def test_a_blocked_network_leaves_this_machine_alone(blocked: Rerouting, emulator: Emulator) -> None:
    """Loopback by number and name, the rerouted hosts, UNIX sockets and listening are as ever."""
    with scripted(http(200), http(200)) as server:
        port = server.url.rpartition(":")[2]
        for host in ("localhost", "127.0.0.1"):
            assert requests.get(f"http://{host}:{port}/", timeout=30).ok
    credits_of = partial(requests.get, headers={"x-api-key": GOOD_KEY}, timeout=30)
    assert credits_of(f"{LIVE}/v1/get-user-credits").ok
    assert credits_of(f"{emulator.url}/v1/get-user-credits").ok
    assert socket.getaddrinfo(None, 0) and gethostbyname("localhost")
    assert socket.getaddrinfo("::1", 1, family=socket.AF_INET6)[0][4][0] == "::1"
    for address in ("::ffff:127.0.0.1", "::", "0.0.0.0"):
        with pytest.raises(PermissionError, match="the tests stay on loopback"):  # theirs is the stricter guard
            socket.getaddrinfo(address, 1)
    one, other = socketpair()
    with one, other, socket.create_server(("127.0.0.1", 0)):
        one.sendall(b"x")
        assert other.recv(1) == b"x"
    assert blocked.blocked_calls == []


@pytest.mark.parametrize("address", ["93.184.216.34", "::ffff:8.8.8.8", "2001:db8::1", "10.0.0.1", "169.254.169.254"])
def test_addresses_beyond_this_machine_are_blocked(address: str, blocked: Rerouting) -> None:
    """A number is no way around."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as sender, pytest.raises(NetworkBlocked):
        sender.connect((address, 80))
    assert len(blocked.blocked_calls) == 1


def test_an_outer_block_keeps_the_network_blocked(blocked: Rerouting, emulator: Emulator) -> None:
    """A block within that does not ask for it does not open the network again."""
    with emulator.intercept() as inner, pytest.raises(NetworkBlocked):
        socket.gethostbyname(BEYOND)
    assert (len(blocked.blocked_calls), inner.blocked_calls) == (1, [])


def test_of_blocks_that_block_the_network_the_innermost_keeps_the_attempt(blocked: Rerouting) -> None:
    """What both refuse is told of the one entered last, and names its emulator."""
    with Emulator(speed="instant") as other, other.intercept(block_network=True) as inner:
        with pytest.raises(NetworkBlocked, match=f"at {other.url}, or"):
            socket.gethostbyname(BEYOND)
        assert (len(inner.blocked_calls), blocked.blocked_calls) == (1, [])


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_a_block_that_refuses_within_one_that_reroutes_refuses(ask: Ask, emulator: Emulator) -> None:
    """The one entered last wins, whichever it is; the emulator's own address is called all the same."""
    refusing = Rerouting(emulator.url, [LIVE], refuses="because this test says so.")
    with emulator.intercept() as outer, refusing:
        with pytest.raises(Exception, match="because this test says so") as caught:
            ask("GET", f"{LIVE}/v1/get-user-credits", headers={"x-api-key": GOOD_KEY})
        assert "LiveCallError" in "".join(format_exception(caught.value))
        assert (len(refusing.live_calls), outer.live_calls) == (1, [])
        with emulator.intercept():
            assert ask("GET", f"{LIVE}/v1/get-user-credits", headers={"x-api-key": GOOD_KEY}).status == 200
        assert ask("GET", f"{emulator.url}/v1/get-user-credits", headers={"x-api-key": GOOD_KEY}).status == 200


def test_an_emulator_on_another_machine_can_be_reached_in_a_blocked_network() -> None:
    """Its own host is called, though it is not this machine's, and no other; without a port, it is at 80."""
    with Rerouting("http://emulator.internal", [LIVE], block_network=True) as entered:
        with pytest.raises(PermissionError, match="stay on loopback"):  # the guard of the tests, and not ours
            socket.getaddrinfo("emulator.internal", 80)
        with pytest.raises(NetworkBlocked):
            socket.getaddrinfo("emulator.example", 80)
        assert (
            rerouted(HOST, 443, "urllib3")
            == rerouted("emulator.internal", None, "httpcore")
            == ("emulator.internal", 80)
        )
        assert rerouted("emulator.internal", 8080, "httpcore") is None
    assert len(entered.blocked_calls) == 1


def test_an_emulator_at_a_number_of_ipv6_is_known_in_brackets_too() -> None:
    """Libraries write the host of a URL with them, sockets without; neither has left this machine."""
    with Rerouting("http://[::1]:8787", [LIVE], block_network=True) as entered:
        for host in ("[::1]", "::1"):
            address = rerouted(host, 8787, "urllib3")
            assert (address, address and address.netloc) == (("::1", 8787), "[::1]:8787")
            assert rerouted(host, 80, "urllib3") is None
    assert entered.blocked_calls == []
