"""Routes: which calls lead to which emulator, and which are refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from mockling.emulator.rerouting.errors import LiveCallError, NetworkBlocked


class Address(NamedTuple):
    """Where an emulator listens; `netloc` is that as URLs and the Host header write it."""

    host: str
    port: int

    @property
    def netloc(self) -> str:
        """The host and the port, such as `127.0.0.1:8787`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call that was refused: the `host` that was meant and the `way`, such as `socket.getaddrinfo`."""

    host: str
    way: str

    def __str__(self) -> str:
        return f"{self.host} by {self.way}"


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """From live hosts to an emulator: `target` gives the emulator's URL, `hosts` are names in lower case.

    `refuses` says why calls of the hosts are refused instead, and what to do (None: they are not).
    """

    target: Callable[[], str]
    hosts: frozenset[str]
    block_network: bool
    refuses: str | None = None
    live_calls: list[Attempt] = field(default_factory=list)
    blocked_calls: list[Attempt] = field(default_factory=list)

    @property
    def address(self) -> Address:
        """Where its emulator listens now. Raises `ValueError` if it has no plain HTTP address."""
        return address_of(self.target())

    def claims(self, host: str, port: int | None) -> bool:
        """Say whether a call of that address is led to the emulator: of a live host, or of the emulator itself."""
        return host in self.hosts or (host, port or 80) == self.running

    @property
    def running(self) -> Address | None:
        """Where its emulator listens now; None: it does not."""
        try:
            return self.address
        except OSError:
            return None


# One for the whole process, as the functions are that are replaced; the innermost route is the last.
_routes: tuple[Route, ...] = ()


def enter(route: Route) -> bool:
    """Make a route the innermost one; say whether it is the only one."""
    global _routes
    _routes = (*_routes, route)
    return len(_routes) == 1


def leave(route: Route) -> bool:
    """Take a route away, once if it is there more often; say whether none is left."""
    global _routes
    index = len(_routes) - 1 - _routes[::-1].index(route)
    _routes = _routes[:index] + _routes[index + 1 :]
    return not _routes


def rerouted(host: object, port: int | None, way: str) -> Address | None:
    """Return the address of the emulator to which a library's call is led; None: it goes where it wants to.

    A call of an emulator's own address is led there too, past any proxy. Raises `NetworkBlocked` for another host
    that must not be called.
    """
    name = host_name(host)
    for route in reversed(_routes):
        if route.claims(name, port) and not (route.refuses and name in route.hosts):
            return route.address
        if name in route.hosts:
            break
    check(host, way)
    return None


def check(host: object, way: str) -> None:
    """Raise `LiveCallError` or `NetworkBlocked`, and keep the attempt, if a host must not be called."""
    name = host_name(host)
    for route in reversed(_routes):
        if name in route.hosts:
            route.live_calls.append(Attempt(name, way))
            why = route.refuses or f"and cannot be rerouted; set the base URL to {route.target()}."
            raise LiveCallError(f"{way} would have called {name} live, {why}", name)
    if is_local(name) or name in {route.running.host for route in _routes if route.running}:
        return
    for route in reversed(_routes):
        if route.block_network:
            route.blocked_calls.append(Attempt(name, way))
            raise NetworkBlocked(
                f"{way} would have left this machine for {name}, which block_network=True refuses; "
                f"call the emulator at {route.target()}, or leave block_network out.",
                name,
            )


@lru_cache(maxsize=16)
def address_of(url: str) -> Address:
    """Return the address in an emulator's URL. Raises `ValueError` if it is no plain HTTP."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"Calls cannot be rerouted to {url!r}; give an address such as http://127.0.0.1:8787.")
    return Address(parts.hostname, parts.port or 80)


def host_name(host: object) -> str:
    """Return a host that a library or a socket was given, as a name server would be asked for it; "" if it is none."""
    text = bytes(host).decode("latin-1") if isinstance(host, bytes | bytearray) else str(host or "")
    if not text.isascii():
        with suppress(UnicodeError):  # it is no name then, as the socket will say
            text = text.encode("idna").decode()
    return text.strip("[]").rstrip(".").lower()


def is_local(name: str) -> bool:
    """Say whether a host is this machine for certain: no name but localhost is."""
    try:
        address = ip_address(name)
    except ValueError:
        return name in ("", "localhost")
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any(one.is_loopback or one.is_unspecified for one in (address, inner) if one)
