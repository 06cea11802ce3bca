"""Patience: what may be asked again, when, and until when."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

from mockling.client.errors import ApiError, BrokenAnswer, NoAnswer, NotSent, RateLimited

FIRST_DELAY = 1.0  # seconds; each further one is twice as long
LONGEST_DELAY = 30.0  # seconds
LAST = 1.0  # seconds in which what is asked at the very end can be answered
SHORTEST = 0.001  # seconds
PASSING = {408, 425, 429}  # statuses that may be another the next time, as all from 500 on

Result = TypeVar("Result")
_chance = random.Random()  # noqa: S311 - it spreads callers, it keeps no secret


class Patience:
    """A span of so many seconds, from now, for which something is waited for."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Return the seconds that are left, 0 if none."""
        return max(0.0, self._deadline - time.monotonic())

    @property
    def rest(self) -> float:
        """Return the seconds for which an answer is still waited for: a little longer than for asking again."""
        return max(SHORTEST, self._deadline + LAST - time.monotonic())

    def pause(self, seconds: float) -> None:
        """Wait so many seconds, but not past the end."""
        time.sleep(min(seconds, self.left))

    def insist(self, ask: Callable[[], Result]) -> Result:
        """Return what `ask` returns, asking again after failures that may pass; at the end, raise the last one.

        Only for what can be asked twice without a second charge. The delays grow, and differ from caller to caller; a
        rate limit (G10) is waited for until it resets.
        """
        delay = FIRST_DELAY
        while True:
            try:
                return ask()
            except ApiError as error:
                if not _may_pass(error) or not self.left:
                    raise
                self.pause(_until_reset(error) + delay * _chance.uniform(0.5, 1.0))
            delay = min(2 * delay, LONGEST_DELAY)


def _may_pass(error: ApiError) -> bool:
    if isinstance(error, NotSent | NoAnswer | BrokenAnswer):
        return True
    return error.status is not None and (error.status in PASSING or error.status >= 500)


def _until_reset(error: ApiError) -> float:
    """Return the seconds until a rate limit resets; 0 if it is none, or does not say when in a way that is known."""
    if isinstance(error, RateLimited) and error.resets_at:
        with suppress(ValueError):
            moment = datetime.fromisoformat(error.resets_at)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return max(0.0, (moment - datetime.fromtimestamp(time.time(), UTC)).total_seconds())
    return 0.0
