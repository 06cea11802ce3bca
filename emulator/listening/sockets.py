"""Sockets: the address that an emulator listens at."""

from __future__ import annotations

import errno
import os
import socket


class StartError(OSError):
    """The emulator cannot listen at its address; the message says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address: bound here and now, so that a busy port is told at once.

    Raises `StartError` if it cannot be.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise StartError(f"There is no address {host!r} on this machine; 127.0.0.1 is the usual one.") from error
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere this option lets two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise StartError(_why_not(error, host, port)) from error
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} of {host} is in use; stop what uses it, or choose another port (0 takes any free one)."
        case errno.EACCES:
            return f"Port {port} needs more rights than you have; choose one above 1023."
        case errno.EADDRNOTAVAIL:
            return f"This machine has no address {host}; 127.0.0.1 is the usual one."
    return f"Cannot listen at {host} port {port}: {error.strerror}."
