"""Servers that mean no good: they drip, flood, stall, and never come to an end of themselves within a test."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scripted import received

CERTIFICATE = Path(__file__).with_name("loopback.pem")  # of localhost, api.example and files.example, with its key
PACE = 0.02  # seconds between two drops
SOON = 3  # drops after which a call may end
END = 4.0  # seconds after which a server gives up, so that a client without a deadline fails instead of hanging

Behaviour = Callable[["Hostile", socket.socket], None]
End = Callable[[tuple[str, int]], None]  # ends a call, by the address of its end of the connection
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

# What comes at once, and what is dripped after it.
HEADS = {
    "nothing": (b"", b""),
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "header": (OK + b"X-Long: ", b"a"),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}
BODIES = {
    "body": (OK + b"Content-Length: 1000000\r\n\r\n", b" "),
    "body without a length": (OK + b"\r\n", b" "),
    "chunks": (CHUNKED, b"1\r\n \r\n"),
    "the size of a chunk": (CHUNKED, b"0"),
    "trailers": (CHUNKED + b"0\r\n", b"X: y\r\n"),
}


class Hostile:
    """A server that treats each connection as its behaviour says, in a thread of its own."""

    def __init__(self, behaviour: Behaviour, tls: bool = False) -> None:
        self.requests: list[bytes] = []
        self.ended = threading.Event()
        self._behaviour = behaviour
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(CERTIFICATE)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def wait(self) -> bool:
        """Wait a little, and say whether to go on."""
        return not self.ended.wait(PACE)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._treat, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _treat(self, connection: socket.socket) -> None:
        connection.settimeout(END)
        with suppress(OSError), connection:
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                self._behaviour(self, connection)

    def close(self) -> None:
        self.ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)


def dripping(beginning: bytes, drop: bytes, end: End | None = None) -> Behaviour:
    """Send a beginning at once, then drop after drop; `end` is called after some of them."""

    def drip(server: Hostile, connection: socket.socket) -> None:
        server.requests.append(received(connection))
        connection.sendall(beginning)
        for count in range(int(END / PACE)):
            if not server.wait():
                return
            connection.sendall(drop)
            if end and count == SOON:
                end(connection.getpeername())

    return drip


def flooding(beginning: bytes, block: bytes, times: int) -> Behaviour:
    """Send a beginning, and then the same block so many times, as fast as it is taken."""

    def flood(server: Hostile, connection: socket.socket) -> None:
        server.requests.append(received(connection))
        connection.sendall(beginning)
        for _ in range(times):
            connection.sendall(block)

    return flood


def sipping(size: int, answer: bytes, end: End | None = None) -> Behaviour:
    """Read a request little by little, at most `size` bytes at a time, and answer when it is whole.

    `end` is called after some of it.
    """

    def sip(server: Hostile, connection: socket.socket) -> None:
        head = connection.recv(1024)
        missing = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]) - len(head.split(b"\r\n\r\n")[1])
        sips = 0
        while missing > 0 and server.wait() and (more := connection.recv(size)):
            missing -= len(more)
            sips += 1
            if end and sips == SOON:
                end(connection.getpeername())
        if missing <= 0:
            connection.sendall(answer)

    return sip


@contextmanager
def hostile(behaviour: Behaviour, tls: bool = False) -> Iterator[Hostile]:
    """Run such a server."""
    server = Hostile(behaviour, tls)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def deaf() -> Iterator[int]:
    """Give a port of loopback at which connections are neither accepted nor refused."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(4)]  # they fill the queue
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        try:
            yield listener.getsockname()[1]
        finally:
            for one in waiting:
                one.close()
