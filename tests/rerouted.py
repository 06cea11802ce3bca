"""The libraries whose calls are rerouted, each asked in the same way."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import aiohttp
import httpx
import requests
import urllib3

LIVE = "https://api.segmind.com"
ORIGINS = (LIVE, "https://workflows-api.segmind.com", "https://images.segmind.com")


class Told(NamedTuple):
    """What a library told of a response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Ask = Callable[..., Told]


def by_requests(method: str, url: str, timeout: float | None = 30, **more: Any) -> Told:
    response = requests.request(method, url, timeout=timeout, **more)
    assert response.url == url
    return Told(response.status_code, response.headers, response.content)


def by_urllib3(method: str, url: str, timeout: float | None = 30, **more: Any) -> Told:
    more["body"] = more.pop("data", None)
    with urllib3.PoolManager(timeout=timeout, retries=False) as pool:
        response = pool.request(method, url, **more)
        return Told(response.status, response.headers, response.data)


def by_httpx(method: str, url: str, timeout: float | None = 30, **more: Any) -> Told:
    response = httpx.request(method, url, timeout=timeout, content=more.pop("data", None), **more)
    assert str(response.url) == url
    return Told(response.status_code, response.headers, response.content)


def by_async_httpx(method: str, url: str, timeout: float | None = 30, **more: Any) -> Told:
    async def ask() -> Told:
        async with httpx.AsyncClient(timeout=timeout) as client:
            response = await client.request(method, url, content=more.pop("data", None), **more)
            assert str(response.url) == url
            return Told(response.status_code, response.headers, response.content)

    return asyncio.run(ask())


def by_aiohttp(method: str, url: str, timeout: float | None = 30, **more: Any) -> Told:
    async def ask(session: aiohttp.ClientSession) -> Told:
        limits = aiohttp.ClientTimeout(total=None, sock_read=timeout)
        async with session.request(method, url, timeout=limits, **more) as response:
            assert str(response.url) == url
            return Told(response.status, response.headers, await response.read())

    return in_session(ask)


def in_session(ask: Callable[[aiohttp.ClientSession], Awaitable[Any]], **settings: Any) -> Any:
    """Return what is asked within an aiohttp session of its own."""

    async def run() -> Any:
        async with aiohttp.ClientSession(**settings) as session:
            return await ask(session)

    return asyncio.run(run())


ASKS: dict[str, Ask] = {
    "requests": by_requests,
    "urllib3": by_urllib3,
    "httpx": by_httpx,
    "async httpx": by_async_httpx,
    "aiohttp": by_aiohttp,
}
