"""TLS: the certificates that an emulator shows, and which connections get them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Collection
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol as Typed
from urllib.parse import urlsplit

from mockling.contract import Contract
from mockling.emulator.listening.protocol import Protocol
from mockling.emulator.settings import Settings, SettingsError

HERE = ("localhost", "127.0.0.1", "::1")
HANDSHAKE = 10.0  # real seconds within which a TLS handshake must be over
_TLS_RECORD = b"\x16"  # the first byte of whoever speaks TLS
_MISLED = "This port speaks HTTPS alone; write https:// in place of http://"


class Identity(Typed):
    """Who an emulator is to callers over TLS.

    `ca` is the certificate of the authority they must trust, as PEM text (None: one that they know already).
    """

    @property
    def ca(self) -> str | None: ...  # noqa: D102 - told above

    def context(self, hosts: Collection[str]) -> ssl.SSLContext:
        """Return what serves these hosts, names or addresses."""
        ...


class OwnCertificate:
    """A certificate of the user's, in PEM files. Raises `SettingsError` if they cannot be used."""

    ca = None

    def __init__(self, cert: Path, key: Path) -> None:
        self._context = _server_context()
        try:
            self._context.load_cert_chain(cert, key, password="")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise SettingsError(f"tls must name a PEM certificate and its key: {cert}, {key}: {why}.") from error

    def context(self, _hosts: Collection[str]) -> ssl.SSLContext:
        """Return what serves any host, for the certificate is as it is."""
        return self._context


class Authority:
    """A certificate authority made on the spot, whose key never leaves this process.

    Raises `SettingsError` if the library that makes it is not installed.
    """

    def __init__(self) -> None:
        try:
            import trustme
        except ImportError as error:
            raise SettingsError("tls needs the library trustme; install it with: pip install trustme.") from error
        self._authority = trustme.CA(organization_name="Mockling, for tests alone")

    @property
    def ca(self) -> str:
        """The certificate, as PEM text."""
        return self._authority.cert_pem.bytes().decode("ascii")

    def context(self, hosts: Collection[str]) -> ssl.SSLContext:
        """Return what serves these hosts."""
        context = _server_context()
        self._authority.issue_cert(*hosts).configure_cert(context)
        return context


def identity(settings: Settings) -> Identity | None:
    """Return who an emulator is over TLS; None if it speaks plain HTTP. Raises what the identities raise."""
    if isinstance(settings.tls, bool):
        return Authority() if settings.tls else None
    return OwnCertificate(settings.tls["cert"], settings.tls["key"])


def served_hosts(contract: Contract, address: str) -> list[str]:
    """Return the hosts to be served at an address: this machine, and the platform's for whoever has hosts entries."""
    platform = [str(urlsplit(origin).hostname) for origin in contract.live_origins]
    own = [] if ip_address(address).is_unspecified else [address]
    return list(dict.fromkeys([*HERE, *platform, *own]))


class Misled(Protocol):
    """A connection on which plain HTTP is spoken where TLS is due, which is told in words that can be read."""

    def data_received(self, data: bytes) -> None:
        """Refuse whatever comes."""
        if self._ignored is None:
            self._sent_something = True
            self.refuse(400, _MISLED)
        else:
            super().data_received(data)


async def speaks_tls(connection: socket.socket) -> bool:
    """Wait for the first byte on a connection, leave it there, and return whether TLS begins with it.

    Raises `ConnectionError` if the caller leaves without a word, `TimeoutError` if nothing comes in time.
    """
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(connection, came.set)
    try:
        async with asyncio.timeout(HANDSHAKE):
            await came.wait()
    finally:
        loop.remove_reader(connection)
    first = connection.recv(1, socket.MSG_PEEK)
    if not first:
        raise ConnectionResetError
    return first == _TLS_RECORD


def advice(error: ssl.SSLError) -> str:
    """Return what a caller should do whose handshake failed, if that is known."""
    reason = error.reason or ""
    distrusts = "CERTIFICATE" in reason or "UNKNOWN_CA" in reason
    return " It must trust this emulator's authority and call it by a host it serves." if distrusts else ""


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])  # whoever would rather speak HTTP/2 is told so
    return context
