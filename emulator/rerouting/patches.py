"""Patches: functions of other modules that are replaced for a while, of modules that come later too."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial, wraps
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from threading import RLock
from types import ModuleType
from typing import Any

Install = Callable[["Patches"], None]


class Patches:
    """What was replaced; `undo` puts back exactly what was there."""

    def __init__(self) -> None:
        self._undo = ExitStack()
        self._lock = RLock()
        self._awaited: dict[str, Install] = {}
        self._last: dict[tuple[Any, str], tuple[Any, Callable[[], None]]] = {}

    def wrap(self, owner: Any, name: str, wrapper: Callable[[Any], Any]) -> None:
        """Replace a function of a class or module by what `wrapper` makes of it."""
        last, put_back = self._last.get((owner, name), (None, None))
        if put_back and vars(owner).get(name) is last:  # someone's own patch of our last block ended after it
            put_back()
        original = getattr(owner, name)
        if name in vars(owner):
            put_back = partial(setattr, owner, name, vars(owner)[name])
        else:  # a class has it from another one
            put_back = partial(delattr, owner, name)
        replacement = wraps(original)(wrapper(original))
        self._undo.callback(put_back)
        self._last[owner, name] = replacement, put_back
        setattr(owner, name, replacement)

    def when_imported(self, installs: dict[str, Install]) -> None:
        """Install the patches of each module: at once if it is imported already, else as soon as it is."""
        self._awaited = {name: install for name, install in installs.items() if name not in sys.modules}
        finder = _Finder(self._awaited, self._imported)
        sys.meta_path.insert(0, finder)
        self._undo.callback(sys.meta_path.remove, finder)
        for name in installs.keys() - self._awaited.keys():
            import_module(name)  # it may be under way in another thread
            installs[name](self)

    def _imported(self, name: str) -> None:
        with self._lock:
            if install := self._awaited.pop(name, None):
                install(self)

    def undo(self) -> None:
        """Put everything back."""
        with self._lock:
            self._awaited.clear()
            self._undo.close()


class _Finder(MetaPathFinder):
    """Finds modules that are awaited as the other finders do, and has `imported` called when they are there."""

    def __init__(self, awaited: dict[str, Install], imported: Callable[[str], None]) -> None:
        self._awaited = awaited
        self._imported = imported

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._awaited:
            return None
        others = (finder.find_spec(fullname, path, target) for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, others), None)
        if spec and spec.loader:
            spec.loader = _Loader(spec.loader, partial(self._imported, fullname))
        return spec


class _Loader(Loader):
    """Loads a module as its own loader does, which it then has, and calls `then`."""

    def __init__(self, loader: Loader, then: Callable[[], None]) -> None:
        self._loader = loader
        self._then = then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._then()
