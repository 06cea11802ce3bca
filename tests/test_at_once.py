"""Calls from several threads to one emulator and its rerouting are serialised."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import ModuleType
from typing import Any

import pytest
import requests
import urllib3
from calling import GOOD_KEY, make_key

from mockling.emulator import Emulator
from mockling.emulator.rerouting import of_urllib3
from mockling.emulator.rerouting.patches import Patches

SOON = 0.2  # seconds in which another thread would have done what it must not do yet
CREDITS = "https://api.segmind.com/v1/get-user-credits"


@pytest.fixture
def other() -> Iterator[ThreadPoolExecutor]:
    """Another thread."""
    with ThreadPoolExecutor(1) as threads:
        yield threads


class Meanwhile:
    """Has another thread do something while a function is under way, and says whether it was done before that ended.

    It is done the first time alone that the function is called.
    """

    def __init__(self, other: ThreadPoolExecutor, function: Callable[..., Any], act: Callable[[], Any]) -> None:
        self.function = function
        self._other, self._act, self._begun = other, act, False
        self.future: Future[Any] | None = None
        self.done = Event()
        self.early: bool | None = None

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        if not self._begun:
            self._begun = True
            self.future = self._other.submit(self._do)
            self.early = self.done.wait(SOON)
        else:
            self.done.set()  # both are in it at once, or the first has left it
        return self.function(*arguments, **more)

    def _do(self) -> Any:
        done = self._act()
        self.done.set()
        return done

    def result(self) -> Any:
        """Return what the other thread did, which waited for this one."""
        assert self.future
        assert self.early is False
        return self.future.result(30)

    def method(self) -> Callable[..., Any]:
        """Return it as a function that a class can have."""
        return lambda *arguments, **more: self(*arguments, **more)


def test_a_block_is_entered_when_all_is_replaced(
    emulator: Emulator, other: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that enters a block while another does so is rerouted from its first call on."""

    def enter() -> int:
        with emulator.intercept():
            meanwhile.done.set()
            return requests.get(CREDITS, headers={"x-api-key": make_key()}, timeout=30).status_code

    meanwhile = Meanwhile(other, of_urllib3.install, enter)
    monkeypatch.setattr(of_urllib3, "install", meanwhile)
    with emulator.intercept():
        assert meanwhile.result() == 200


def test_a_block_is_entered_when_the_last_one_is_over(
    emulator: Emulator, other: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that enters a block while another leaves the last one is rerouted all the same."""

    def enter() -> int:
        with emulator.intercept():
            meanwhile.done.set()
            return requests.get(CREDITS, headers={"x-api-key": make_key()}, timeout=30).status_code

    meanwhile = Meanwhile(other, Patches.undo, enter)
    monkeypatch.setattr(Patches, "undo", meanwhile.method())
    with emulator.intercept():
        pass
    assert meanwhile.result() == 200


def test_what_is_replaced_late_is_put_back_with_the_rest(
    other: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A block that ends while a library is being replaced, for it was imported just now, waits for that."""
    (tmp_path / "imported_late.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "imported_late", raising=False)
    patches, place = Patches(), ModuleType("place")
    place.name = original = lambda: None  # type: ignore[attr-defined]
    meanwhile = Meanwhile(other, lambda late: late.wrap(place, "name", lambda _: lambda: None), patches.undo)
    patches.when_imported({"imported_late": meanwhile})
    import imported_late  # type: ignore[import-not-found]

    assert imported_late
    meanwhile.result()
    assert place.name is original


def test_a_pool_has_one_twin(emulator: Emulator, other: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads whose first calls by one pool come at once share its connections."""
    made: list[Any] = []

    class Twin(of_urllib3._Twin):
        def __init__(self, *arguments: Any) -> None:
            made.append(self)
            Meanwhile.__call__(meanwhile)
            super().__init__(*arguments)

    def ask() -> int:
        return pool.request("GET", "/v1/get-user-credits", headers={"x-api-key": GOOD_KEY}).status

    meanwhile = Meanwhile(other, lambda: None, ask)
    monkeypatch.setattr(of_urllib3, "_Twin", Twin)
    with emulator.intercept(), urllib3.HTTPSConnectionPool("api.segmind.com") as pool:
        assert ask() == meanwhile.result() == 200
    assert len(made) == 1


@pytest.mark.parametrize("act", ["reset", "stop", "start"])
def test_an_emulator_is_reset_stopped_and_started_by_one_at_a_time(
    own: Emulator, other: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """`reset()`, `stop()` and `start()` wait while another thread resets the emulator."""
    platform = type(own.platform)
    meanwhile = Meanwhile(other, platform.reset, getattr(own, act))
    monkeypatch.setattr(platform, "reset", meanwhile.method())
    own.reset()
    if act == "start":
        with pytest.raises(OSError, match="running already"):
            meanwhile.result()
        return
    meanwhile.result()
    assert own.running == (act == "reset")


def test_an_emulator_is_started_once(own: Emulator, other: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """If two threads start an emulator, the second gets an error: it runs already."""
    own.stop()
    from mockling.emulator.listening import server

    meanwhile = Meanwhile(other, server.listen, own.start)
    monkeypatch.setattr(server, "listen", meanwhile)
    own.start()
    with pytest.raises(OSError, match="running already"):
        meanwhile.result()
