"""Pacing: no more requests a minute than the account's plan allows."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from mockling.contract.exchange import Exchange

MINUTE = 60.0  # seconds
LONGEST_WAIT = 120.0  # seconds, whatever an answer asks for
SAME_TIME = 2.0  # seconds by which clocks differ without being wrong
RESET, REMAINING = "x-rate-limit-reset-at-utc", "x-rate-limit-remaining"  # G10, G13


class Pacer:
    """Spreads requests over time; `per_minute` is how many may be sent. `now` and `sleep` are those of `time`."""

    def __init__(
        self,
        per_minute: float,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval = MINUTE / per_minute
        self._now = now
        self._sleep = sleep
        self._next = now()

    def wait(self) -> None:
        """Wait until the next request may be sent."""
        # However the clock was set meanwhile, nothing is waited for longer than that.
        self._wait_until(min(self._next, self._now() + max(LONGEST_WAIT, self._interval)))
        self._next = self._now() + self._interval

    def answered(self, exchange: Exchange) -> None:
        """Note what an answer says of the limit: once it is used up, the next request waits for its reset (G10)."""
        if exchange.response is None:
            return
        if exchange.status == 429 or exchange.response.header(REMAINING) == "0":
            self._next = max(self._next, min(self._reset(exchange), self._now() + LONGEST_WAIT))

    def _reset(self, exchange: Exchange) -> float:
        """Return when the limit is reset by our own clock, as far as the answer tells the server's."""
        told = exchange.response.header(RESET) if exchange.response else ""
        try:
            moment = datetime.fromisoformat(told)
        except (ValueError, OverflowError):
            return self._now() + MINUTE
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - self._ahead(exchange)

    def _ahead(self, exchange: Exchange) -> float:
        """Return how many seconds the server's clock is ahead of ours; 0 if it does not tell, or is about right."""
        try:
            sent = parsedate_to_datetime(exchange.response.header("date") if exchange.response else "")
        except (ValueError, OverflowError, TypeError):  # a day that is none, as a server may say
            return 0.0
        ahead = sent.replace(tzinfo=sent.tzinfo or UTC).timestamp() - self._now()
        return ahead if abs(ahead) > SAME_TIME else 0.0

    def _wait_until(self, moment: float) -> None:
        while (rest := moment - self._now()) > 0:
            self._sleep(rest)
