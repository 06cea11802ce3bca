"""The journal: the exchanges that an emulator keeps, as a sequence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from mockling.contract.exchange import Exchange
from mockling.emulator.platform.platform import Platform


class Journal(Sequence[Exchange]):
    """The last exchanges, oldest first, as they are whenever they are looked at."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def clear(self) -> None:
        """Forget them all."""
        self._platform.store.forget_exchanges()

    def _now(self) -> list[Exchange]:
        return self._platform.store.exchanges(self._platform.clock.now())

    @overload
    def __getitem__(self, index: int) -> Exchange: ...
    @overload
    def __getitem__(self, index: slice) -> list[Exchange]: ...
    def __getitem__(self, index: int | slice) -> Exchange | list[Exchange]:
        return self._now()[index]

    def __len__(self) -> int:
        return len(self._now())

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._now())

    def __repr__(self) -> str:
        return f"<Journal of {len(self)} exchanges>"
