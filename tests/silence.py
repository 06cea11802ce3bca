"""Calls that are over when their server has fallen silent, however long a busy machine took until then.

A real time-out of a part of a second may pass before anything was sent. Here it passes for a caller who is in `silent`,
by the address of his end of the connection, once he has read all that had come before.
"""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from urllib3.util.wait import wait_for_read

from mockling.client.deadline import Deadline
from mockling.emulator.listening.pauses import Pauses

LOOK = 0.001  # real seconds between two looks whether the server is silent
CUTTING = 0.01  # real seconds up to which an emulator's pause is no planned one: it looks whether a video is cut

Silent = set[tuple[str, int]]


def end_calls(monkeypatch: pytest.MonkeyPatch, silent: Silent) -> None:
    """Have the time-outs of this process's calls pass when their servers fall silent; else they are what they were.

    That of our client is its deadline, that of every other caller what his socket has.
    """
    deadlines: dict[tuple[str, int], Deadline] = {}
    watch = Deadline.watch

    def noted(deadline: Deadline, connection: socket.socket) -> None:
        deadlines[connection.getsockname()] = deadline
        watch(deadline, connection)

    def patient(read: Callable[..., Any]) -> Callable[..., Any]:
        def wait_and_read(caller: socket.socket, *args: Any) -> Any:
            while caller.gettimeout():  # a server has none
                address = caller.getsockname()
                over = address in silent  # asked first, so that what came before it is read
                if wait_for_read(caller, LOOK):
                    break
                if over and address in deadlines:
                    deadlines[address]._shut_down()
                elif over:
                    raise TimeoutError("timed out")
            return read(caller, *args)

        return wait_and_read

    monkeypatch.setattr(Deadline, "watch", noted)
    for name in ("recv", "recv_into"):
        monkeypatch.setattr(socket.socket, name, patient(getattr(socket.socket, name)))


def of_emulators(monkeypatch: pytest.MonkeyPatch) -> Silent:
    """Return the callers, by their addresses, whom an emulator keeps waiting, or has kept, as was planned."""
    silent, wait = Silent(), Pauses.wait

    async def noted(pauses: Pauses, pause: Any, receive: Any) -> bool:
        if pause.seconds() > CUTTING:
            silent.add(receive.__self__.scope["client"])
        return await wait(pauses, pause, receive)

    monkeypatch.setattr(Pauses, "wait", noted)
    return silent
