"""Refuses every connection beyond loopback, in this process and, through PYTHONPATH, in those the tests start."""

import sys
from ipaddress import ip_address


def _is_loopback(host: object) -> bool:
    try:
        return ip_address(str(host)).is_loopback
    except ValueError:
        return host in ("localhost", None, "")


def _guard(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.bind", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple) and (not _is_loopback(address[0]) or address[0] == ""):
            raise PermissionError(f"the tests stay on loopback; {event} {address[0]!r} does not")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname") and not _is_loopback(arguments[0]):
        raise PermissionError(f"the tests stay on loopback; {event} {arguments[0]!r} does not")


sys.addaudithook(_guard)
