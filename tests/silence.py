"""Calls of our client that are over when their server has fallen silent, however long a busy machine took until then.

A real deadline of a part of a second may pass before anything was sent. Here it passes for a caller who is in `silent`,
by the address of his end of the connection, once he has read all that had come before.
"""

import socket
from typing import Any

import pytest
from urllib3.util.wait import wait_for_read

from mockling.client.connections import _Watched
from mockling.client.deadline import Deadline
from mockling.emulator.listening.pauses import Pauses

LOOK = 0.001  # real seconds between two looks whether the server is silent
CUTTING = 0.01  # real seconds up to which an emulator's pause is no planned one: it looks whether a video is cut

Silent = set[tuple[str, int]]


class _Socket(socket.socket):
    """A connection of a call, whose deadline passes when there is nothing to read from a silent server."""

    deadline: Deadline
    silent: Silent

    def recv_into(self, *args: Any) -> int:
        while True:
            silent = self.getsockname() in self.silent  # asked first, so that what came before it is read
            if wait_for_read(self, LOOK):
                return super().recv_into(*args)
            if silent:
                self.deadline._shut_down()


def end_calls(monkeypatch: pytest.MonkeyPatch, silent: Silent) -> None:
    """Have the deadlines of the client's calls pass when their servers fall silent; else they are what they were."""
    connect = _Watched._new_conn

    def watched(connection: _Watched) -> _Socket:
        made = connect(connection)
        seconds = made.gettimeout()
        call = _Socket(fileno=made.detach())
        call.settimeout(seconds)
        call.deadline, call.silent = connection.deadline, silent
        return call

    monkeypatch.setattr(_Watched, "_new_conn", watched)


def of_emulators(monkeypatch: pytest.MonkeyPatch) -> Silent:
    """Return the callers, by their addresses, whom an emulator keeps waiting, or has kept, as was planned."""
    silent, wait = Silent(), Pauses.wait

    async def noted(pauses: Pauses, pause: Any, receive: Any) -> bool:
        if pause.seconds() > CUTTING:
            silent.add(receive.__self__.scope["client"])
        return await wait(pauses, pause, receive)

    monkeypatch.setattr(Pauses, "wait", noted)
    return silent
