"""The exchanges that are kept: the last ones, within bounds. Only the store has a lock."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from decimal import Decimal

from mockling.contract.exchange import Exchange

MOST_EXCHANGES = 10_000
MOST_EXCHANGE_BYTES = 64 * 1024**2


class Exchanges:
    """The last exchanges, oldest first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Exchange] = OrderedDict()
        self._bytes = 0

    def add(self, exchange: Exchange) -> None:
        """Keep an exchange; the oldest go where there are too many."""
        self._kept[exchange.number] = exchange
        self._bytes += exchange.bytes_kept
        while len(self._kept) > MOST_EXCHANGES or self._bytes > MOST_EXCHANGE_BYTES:
            self._bytes -= self._kept.popitem(last=False)[1].bytes_kept

    def charge(self, number: int | None, price: Decimal) -> None:
        """Note what the exchange of a number has cost in the end, if it is still kept."""
        if number is not None and number in self._kept:
            self._kept[number] = replace(self._kept[number], cost=price)

    def all(self) -> list[Exchange]:
        """Return them."""
        return list(self._kept.values())

    def forget(self, caller: str) -> None:
        """Forget those of a caller."""
        for number in [one.number for one in self._kept.values() if one.caller == caller]:
            self._bytes -= self._kept.pop(number).bytes_kept

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._bytes = 0
