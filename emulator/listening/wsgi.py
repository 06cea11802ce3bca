"""WSGI: a request as its environment, and what a WSGI application says of its response."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from werkzeug.wsgi import FileWrapper

from mockling.emulator.listening.bodies import Body

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from uvicorn._types import HTTPScope

FILE_BLOCK = 256 * 1024  # bytes of a file that are sent at a time


class Start:
    """WSGI's start_response: it keeps the status and headers until the body's first block is there."""

    status = 500
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def __call__(self, status: str, headers: list[tuple[str, str]], _exc_info: object = None, /) -> Callable[..., Any]:
        """Keep them."""
        self.status = int(status[:3])
        self.headers = tuple((_wire_name(name), value.encode("latin-1")) for name, value in headers)
        return lambda _: None


def _file_wrapper(file: IO[bytes], _wanted: int = 0) -> FileWrapper:
    return FileWrapper(file, FILE_BLOCK)


def environ_of(scope: HTTPScope, body: Body) -> WSGIEnvironment:
    """Return the environment of a request."""
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
