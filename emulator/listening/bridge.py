"""The bridge: the Flask application on an asyncio server, a held call being one timer and no thread."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache, partial
from io import BytesIO
from math import inf
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, TypeVar

from werkzeug.wsgi import FileWrapper

from mockling.emulator.http.held import Held
from mockling.emulator.listening.bodies import LARGE, Bodies, Body

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

Result = TypeVar("Result")

FILE_BLOCK = 256 * 1024  # bytes of a file that are sent at a time


class Bridge:
    """An ASGI application that runs a WSGI one.

    `limit` is the number of bytes of a body that the application takes; of a larger one it is told the size alone.
    `abandoned` is told the environment of a call whose caller left before all of it had come.
    """

    def __init__(
        self, application: WSGIApplication, limit: int, abandoned: Callable[[WSGIEnvironment], object]
    ) -> None:
        self._application = application
        self._bodies = Bodies(limit)
        self._one_at_a_time = asyncio.Lock()
        self._abandoned = abandoned
        self._stopping = False
        self._held: dict[asyncio.Timeout, Held] = {}

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = await self._bodies.read(scope, receive)
        if body is None:
            self._abandoned(_environ(scope, Body()))
            return
        start = _Start()
        try:
            result = await self._call(_environ(scope, body), start)
        finally:
            self._bodies.free(body)
        del body
        try:
            blocks: Iterable[bytes] = result
            if isinstance(result, Held):
                if not await self._wait(result, receive):
                    return
                blocks = result.stop() if self._stopping else result.answer()
            await _send(start, blocks, receive, send)
        finally:
            if hasattr(result, "close"):
                result.close()

    @property
    def held(self) -> int:
        """The number of calls that wait for their answer."""
        return len(self._held)

    def release(self) -> None:
        """Answer every held call now, and every later one at once. Call it in the event loop's thread."""
        self._stopping = True
        self.wake()

    def wake(self) -> None:
        """Answer the held calls that are due by now. Call it in the event loop's thread."""
        for timer, held in self._held.items():
            if self._stopping or not held.seconds:
                with suppress(RuntimeError):  # it has just run out by itself
                    timer.reschedule(0)

    async def _call(self, environ: WSGIEnvironment, start: _Start) -> Iterable[bytes]:
        """Return what the application returns for a request, whose body is then forgotten."""
        call = partial(self._application, environ, start)
        if environ["wsgi.input"].getbuffer().nbytes < LARGE:
            result = call()
        else:
            async with self._one_at_a_time:  # what is made of a body may be ten times as large
                result = await _in_thread(call)
        environ["wsgi.input"] = BytesIO()
        return result

    async def _wait(self, held: Held, receive: ASGIReceiveCallable) -> bool:
        """Wait until a held call is due; False if its caller left."""
        while (seconds := held.seconds) and not self._stopping:
            try:
                async with asyncio.timeout(None if seconds == inf else seconds) as timer:
                    self._held[timer] = held
                    while (await receive())["type"] != "http.disconnect":
                        pass
            except TimeoutError:
                continue
            finally:
                self._held.pop(timer, None)
            held.leave()
            return False
        return True


async def _in_thread(call: Callable[[], Result]) -> Result:
    """Return what a call returns, made in a thread that nobody waits for when the process ends."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    results: list[Result] = []

    def run() -> None:
        try:
            results.append(call())
        finally:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(done.set)

    Thread(target=run, daemon=True, name="mockling-body").start()
    await done.wait()
    return results[0]


class _Start:
    """WSGI's start_response: it keeps the status and headers until the body's first block is there."""

    status = 500
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def __call__(self, status: str, headers: list[tuple[str, str]], _exc_info: object = None, /) -> Callable[..., Any]:
        self.status = int(status[:3])
        self.headers = tuple((_wire_name(name), value.encode("latin-1")) for name, value in headers)
        return lambda _: None


async def _send(start: _Start, blocks: Iterable[bytes], receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Send a response, or as much of it as its caller stays for."""
    iterator = iter(blocks)
    block, following = next(iterator, b""), next(iterator, None)
    await send({"type": "http.response.start", "status": start.status, "headers": start.headers, "trailers": False})
    gone = asyncio.ensure_future(receive()) if following is not None else None
    try:
        while following is not None:
            await send({"type": "http.response.body", "body": block, "more_body": True})
            await asyncio.sleep(0)  # a caller who left is noticed by the event loop, which must have its turn
            if gone and gone.done():
                return
            block, following = following, next(iterator, None)
        await send({"type": "http.response.body", "body": block, "more_body": False})
    finally:
        if gone:
            gone.cancel()


def _file_wrapper(file: IO[bytes], _wanted: int = 0) -> FileWrapper:
    return FileWrapper(file, FILE_BLOCK)


def _environ(scope: HTTPScope, body: Body) -> WSGIEnvironment:
    server, client = scope["server"] or ("127.0.0.1", None), scope["client"] or ("", 0)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "RAW_URI": scope["raw_path"].decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": BytesIO(body.content),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": _file_wrapper,
    }
    for raw_name, raw_value in scope["headers"]:
        # x_api_key would be taken for x-api-key, and a body that came in chunks is whole by now.
        if b"_" in raw_name or raw_name == b"transfer-encoding":
            continue
        variable = _variable(raw_name) if len(raw_name) < 100 else _variable.__wrapped__(raw_name)
        value = raw_value.decode("latin-1")
        environ[variable] = f"{environ[variable]},{value}" if variable in environ else value
    if body.size:
        environ.setdefault("CONTENT_LENGTH", str(body.size))
    return environ


@lru_cache(maxsize=1024)
def _wire_name(name: str) -> bytes:
    """Return a response's header as it is sent."""
    return name.lower().encode("latin-1")


@lru_cache(maxsize=1024)
def _variable(name: bytes) -> str:
    """Return what a header is called in a WSGI environment."""
    variable = name.decode("latin-1").upper().replace("-", "_")
    return variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{variable}"
