"""A deadline: the moment at which a call is over, whatever its server does."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from threading import Timer
from types import TracebackType

from mockling.client.signals import signals_waiting


class Deadline:
    """So many seconds from now, at the end of which the connections that it watches are shut down.

    A socket's own time-out starts anew with each byte, so that a server which sends one now and then holds a call for
    ever. Here a thread ends the connections: whoever reads or writes finds them broken, and `over` says why. It must be
    asked after reading, too, for the end of a connection can pass for the end of an answer. `sent` tells whether any of
    the request may have left by then.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.sent = False
        self._end = time.monotonic() + seconds
        self._shut = False
        self._watched: list[socket.socket] = []
        self._timer = Timer(seconds, self._shut_down)
        self._timer.daemon = True  # a program that ends does not wait for it

    def __enter__(self) -> Deadline:
        with signals_waiting():  # they are for the program's own threads
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._timer.join()
        for watched in self._watched:
            watched.close()

    @property
    def left(self) -> float:
        """Return the seconds that are left, 0 if none."""
        return max(0.0, self._end - time.monotonic())

    @property
    def over(self) -> bool:
        """Say whether the time is over."""
        return self._shut or not self.left

    def watch(self, connection: socket.socket) -> None:
        """Shut a connection down at the end, or now if that has been.

        What is kept is a duplicate: it stays valid when TLS takes the socket over, and names no other file once that is
        closed.
        """
        self._watched.append(connection.dup())  # first: what is over by now may have passed the list before
        if self.over:
            self._shut_down()

    def _shut_down(self) -> None:
        self._shut = True
        for watched in self._watched:
            with suppress(OSError):  # the other side was faster
                watched.shutdown(socket.SHUT_RDWR)
