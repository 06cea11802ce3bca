"""Targets: who is verified, and what it lets us do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import inet_aton
from urllib.parse import urlsplit

from mockling.contract.verification.probe import Need

LIVE, LOCALHOST = "live", "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server that should keep the contract.

    `name` is "emulator", "live" or its address; `url` its address, `storage_url` where uploads go; `keys` are the API
    keys that are at hand, by what they are; `advance` lets simulated seconds pass (None: time cannot be controlled);
    `fault_header` asks for a fault (None: faults cannot be controlled). `timeout` is how many seconds an answer is
    waited for, `patience` how many the end of a job, `poll_interval` how many pass between two polls.
    """

    name: str
    url: str
    storage_url: str
    keys: Mapping[Need, str] = field(default_factory=dict, repr=False)
    advance: Callable[[float], None] | None = None
    fault_header: str | None = None
    timeout: float = 900.0
    patience: float = 1800.0
    poll_interval: float = 5.0

    @property
    def offers(self) -> frozenset[Need]:
        """What it lets us do."""
        more = {Need.TIME} if self.advance else set()
        more |= {Need.FAULTS} if self.fault_header else set()
        return frozenset({*self.keys, *more})


def is_loopback(url: str) -> bool:
    """Say whether an address is on this machine."""
    address = _address(url)
    return address.is_loopback if address else _host(url) == LOCALHOST


def is_inner(url: str) -> bool:
    """Say whether an address is on this machine or in its own network, as far as the address itself tells."""
    address = _address(url)
    return not address.is_global if address else _host(url) == LOCALHOST


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".")


def _address(url: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address in a URL, in whatever form it is written (127.1, 0x7f000001); None: it has a name."""
    host = _host(url)
    for read in (ip_address, lambda text: IPv4Address(inet_aton(text))):
        with suppress(ValueError, OSError):
            return read(host)
    return None
