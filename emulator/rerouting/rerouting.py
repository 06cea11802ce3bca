"""Rerouting: the with block in which calls of live hosts reach an emulator."""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from threading import RLock
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from mockling.emulator.rerouting import guard
from mockling.emulator.rerouting.patches import Install, Patches
from mockling.emulator.rerouting.routes import Attempt, Route, enter, host_name, leave

LIBRARIES = ("urllib3", "httpcore", "aiohttp")  # requests stands on the first, httpx on the second

_lock = RLock()  # over the blocks of all threads, for they share what is replaced
_patches = Patches()


class Rerouting:
    """While it is entered, what this process calls of the hosts of `origins` reaches the emulator at `target`.

        with Rerouting("http://127.0.0.1:8787", ["https://api.segmind.com"]):
            requests.post("https://api.segmind.com/v1/...", ...)

    `target` is the emulator's URL, or gives it whenever it is needed; `origins` are URLs whose hosts are rerouted, at
    any port, by https and http. Calls by urllib3, requests, httpcore, httpx and aiohttp are led there, in all threads,
    whether the library, the session or the client was there before or comes later; so are those of the emulator's own
    address, past any proxy. A time-out for reading then means simulated seconds. Any other way to these hosts
    (http.client, urllib.request, sockets) raises `LiveCallError` before anything is sent. With `block_network`, so does
    every call beyond this machine, as `NetworkBlocked`. With `refuses`, the end of a sentence that says why, every call
    of these hosts is a `LiveCallError`, unless a block within leads it elsewhere. UNIX sockets are left alone. Other
    processes, subprocesses too, are out of reach, and so is C code that has its own sockets.

    Blocks can be nested, and overlap in threads: the one entered last wins. One may be entered again. Raises
    `ValueError` at once if an origin has no host, and on entry if `target` is no http:// address.
    """

    def __init__(
        self,
        target: Callable[[], str] | str,
        origins: Collection[str],
        *,
        block_network: bool = False,
        refuses: str | None = None,
    ) -> None:
        hosts = frozenset(map(_host, origins))
        self._route = Route((lambda: target) if isinstance(target, str) else target, hosts, block_network, refuses)

    @property
    def live_calls(self) -> list[Attempt]:
        """The calls of live hosts that were refused, oldest first, whatever became of the error."""
        return self._route.live_calls

    @property
    def blocked_calls(self) -> list[Attempt]:
        """The calls beyond this machine that `block_network` refused, oldest first."""
        return self._route.blocked_calls

    def __enter__(self) -> Self:
        _ = self._route.address  # is there one?
        with _lock:
            if enter(self._route):
                _install(self._route)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _lock:
            if leave(self._route):
                _patches.undo()


def _install(route: Route) -> None:
    try:
        guard.install(_patches)
        _patches.when_imported({library: _installer(library) for library in LIBRARIES})
    except BaseException:
        leave(route)
        _patches.undo()
        raise


def _host(origin: str) -> str:
    host = host_name(urlsplit(origin).hostname)
    if not host:
        raise ValueError(f"{origin!r} is no origin; write one as https://api.segmind.com is.")
    return host


def _installer(library: str) -> Install:
    def install(patches: Patches) -> None:
        import_module(f"mockling.emulator.rerouting.of_{library}").install(patches)

    return install
