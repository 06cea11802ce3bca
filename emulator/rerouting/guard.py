"""The guard: what reaches for a host below the libraries that can be rerouted is refused before anything is sent.

It replaces functions and can so be undone; an audit hook would see even more, but stays for the life of the process.
`_socket` is where the functions of `socket`, and whoever imported them by name before, look names up.
"""

from __future__ import annotations

import _socket
import socket
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from mockling.emulator.rerouting.patches import Patches
from mockling.emulator.rerouting.routes import check

LOOKUPS = ("gethostbyname", "gethostbyname_ex", "gethostbyaddr")
CONNECTS = {"connect": 0, "connect_ex": 0, "sendto": -1, "sendmsg": 3}  # and where the address is among the arguments
INTERNET = (socket.AF_INET, socket.AF_INET6)


def install(patches: Patches) -> None:
    """Guard the sockets, and what `http.client` says to a proxy."""
    patches.wrap(_socket, "getaddrinfo", _lookup("socket.getaddrinfo"))
    for module in (_socket, socket):  # the latter has them from the former, as they are
        for name in LOOKUPS:
            patches.wrap(module, name, _lookup(f"socket.{name}"))
        patches.wrap(module, "getnameinfo", _name)
    for name, place in CONNECTS.items():
        if hasattr(socket.socket, name):  # Windows has no sendmsg
            patches.wrap(socket.socket, name, _connect(f"socket.{name}", place))
    patches.wrap(HTTPConnection, "set_tunnel", _tunnel)
    patches.wrap(HTTPConnection, "putrequest", _request)


def _lookup(way: str) -> Callable[[Any], Any]:
    def wrapper(original: Any) -> Any:
        def lookup(*args: Any, **more: Any) -> Any:
            check(args[0] if args else more.get("host"), way)
            return original(*args, **more)

        return lookup

    return wrapper


def _name(original: Any) -> Any:
    def getnameinfo(address: Any, flags: int) -> Any:
        if isinstance(address, tuple) and address and not flags & socket.NI_NUMERICHOST:
            check(address[0], "socket.getnameinfo")
        return original(address, flags)

    return getnameinfo


def _connect(way: str, place: int) -> Callable[[Any], Any]:
    def wrapper(original: Any) -> Any:
        def connect(self: socket.socket, *args: Any) -> Any:
            address = args[place] if place < len(args) else None
            if self.family in INTERNET and isinstance(address, tuple):
                check(address[0], way)
            return original(self, *args)

        return connect

    return wrapper


def _tunnel(original: Any) -> Any:
    def set_tunnel(self: HTTPConnection, host: str, *args: Any, **more: Any) -> Any:
        check(urlsplit(f"//{host}").hostname, "http.client through a proxy")
        return original(self, host, *args, **more)

    return set_tunnel


def _request(original: Any) -> Any:
    def putrequest(self: HTTPConnection, method: str, url: str, *args: Any, **more: Any) -> Any:
        if "://" in url and not url.startswith("/"):
            check(urlsplit(url).hostname, "http.client through a proxy")
        return original(self, method, url, *args, **more)

    return putrequest
