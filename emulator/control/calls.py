"""Calls: what was asked of an emulator, for tests to read and to assert on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from functools import cached_property
from heapq import nsmallest
from itertools import pairwise
from math import inf
from typing import Unpack, overload

from mockling.contract.exchange import Exchange, money, printable
from mockling.emulator.control.conduct import PAID, POLLS, ConductWarning, conduct, end_of
from mockling.emulator.control.matching import Matcher, Wanted, job_id
from mockling.emulator.control.tables import count, line, named, table
from mockling.emulator.platform.platform import Platform
from mockling.emulator.platform.stages import is_note

MOST_NEAR = 5  # calls that are named because they nearly were what was expected

Times = int | range | None


@dataclass(frozen=True, repr=False)
class Calls(Sequence[Exchange]):
    """Some calls, in the order in which they ended; a slice of them, or those that match something, are `Calls` again.

    `exchanges` are these calls, `digest` tells what stands in them for an API key, and `judge` how they were made.
    Warnings are those of the calls in this view alone, as if there had been no others.
    """

    exchanges: tuple[Exchange, ...]
    digest: Callable[[str], str] = field(compare=False)
    judge: Callable[[Sequence[Exchange]], tuple[ConductWarning, ...]] = field(compare=False)

    @overload
    def __getitem__(self, index: int) -> Exchange: ...
    @overload
    def __getitem__(self, index: slice) -> Calls: ...
    def __getitem__(self, index: int | slice) -> Exchange | Calls:
        return self.exchanges[index] if isinstance(index, int) else replace(self, exchanges=self.exchanges[index])

    def __len__(self) -> int:
        return len(self.exchanges)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self.exchanges)

    def __repr__(self) -> str:
        return "\n".join([f"<{count(len(self), 'call')}>", *table(self)])

    @property
    def posts(self) -> Calls:
        """The requests for generations: `generations` and `submissions`."""
        return self._of(*PAID, method="POST")

    @property
    def generations(self) -> Calls:
        """The requests for generations that wait for the answer (POST /v1/...)."""
        return self._of("generate", method="POST")

    @property
    def submissions(self) -> Calls:
        """The requests for generations that do not wait (POST /v2/...)."""
        return self._of("submit", method="POST")

    @property
    def downloads(self) -> Calls:
        """The downloads of generated videos."""
        return self._of("download")

    @property
    def uploads(self) -> Calls:
        """The uploads."""
        return self._of("upload")

    def polls(self, job: object = None) -> Calls:
        """Return the calls that ask how a job goes, or for its result.

        `job` is a request id, or an object with `request_id` or `id` (None: of all jobs), else `TypeError` is raised.
        """
        polls = self._of(*POLLS)
        return polls if job is None else polls.matching(job=job_id(job))

    def of(self, key: str) -> Calls:
        """Return the calls that were sent with an API key ("": with none)."""
        return self.matching(key=key)

    def matching(self, **wanted: Unpack[Wanted]) -> Calls:
        """Return the calls that are as `Wanted` says. Raises `TypeError` for a keyword that is not there."""
        return replace(self, exchanges=tuple(filter(Matcher(self.digest, **wanted).matches, self)))

    @property
    def charged(self) -> Calls:
        """The calls that were billed."""
        return replace(self, exchanges=tuple(call for call in self if call.cost > 0))

    @property
    def cost(self) -> Decimal:
        """What was billed for these calls, in US dollars."""
        return sum((call.cost for call in self), Decimal(0))

    @property
    def statuses(self) -> list[int | None]:
        """The status of each call (None: its caller left)."""
        return [call.status for call in self]

    @property
    def min_interval(self) -> float:
        """The fewest simulated seconds between the beginnings of two successive calls; infinity if there are no two.

        What follows a poll that told a job's end does not count, for the result may be fetched at once then.
        """
        calls = sorted(self, key=lambda call: (call.moment, call.number))
        pairs = [(one, other) for one, other in pairwise(calls) if not end_of(one)]
        return min((other.moment - one.moment for one, other in pairs), default=inf)

    @property
    def last(self) -> Exchange:
        """The call that ended last. Raises `IndexError` if there is none."""
        if not self:
            raise IndexError("There is no last call, for there was none; look at emulator.calls for what there was.")
        return self[-1]

    @cached_property
    def conduct(self) -> tuple[ConductWarning, ...]:
        """What is wrong with how these calls were made."""
        return self.judge(self)

    @property
    def warnings(self) -> list[str]:
        """What in these requests is probably a mistake, and what is wrong with how they were made; each text once.

        That a URL stands for no file here, and was taken on trust, is a note and no warning.
        """
        return list(self._warned())

    def assert_called(self, times: Times = None, **wanted: Unpack[Wanted]) -> Calls:
        """Return the calls that are as `Wanted` says, of which there must be so many.

        `times` is a number or a range (None: at least one). Raises `AssertionError` if there are fewer or more, which
        tells what there was, `TypeError` for a keyword that is not there, and `ValueError` for an empty range.
        """
        __tracebackhide__ = True
        matcher = Matcher(self.digest, **wanted)
        found = self.matching(**wanted)
        if not _fits(len(found), times):
            what = f" with {matcher}" if wanted else ""
            told = f"Expected {_expected(times)}{what}, got {len(found) or 'none'} (of {len(self)} in all)."
            raise AssertionError("\n".join([told, *self._instead(found, matcher, times)]))
        return found

    def assert_charged(self, times: Times = None, total: Decimal | float | str | None = None) -> Calls:
        """Return the calls that were billed, of which there must be so many, at this price in all.

        `times` is a number or a range (None: at least one, unless there is a `total`), `total` US dollars. Raises
        `AssertionError` if it was otherwise, and `ValueError` for an empty range and for what is no amount.
        """
        __tracebackhide__ = True
        charged, exact = self.charged, None if total is None else _amount(total)
        misses = []
        if not _fits(len(charged), times) and (times is not None or exact is None):
            misses.append(f"Expected {_expected(times, 'billed call')}, got {len(charged) or 'none'}.")
        if exact is not None and charged.cost != exact:
            misses.append(f"Expected ${money(exact)} billed in all, got ${money(charged.cost)}.")
        if misses:
            raise AssertionError("\n".join([*misses, *table(charged), *self._unbilled()]))
        return charged

    def assert_no_warnings(self) -> None:
        """Raise `AssertionError` if there are `warnings`; it tells all of them, and the calls that they are about."""
        __tracebackhide__ = True
        warned = self._warned()
        if warned:
            lines = [printable(f"  {text} ({named(numbers)})") for text, numbers in warned.items()]
            raise AssertionError("\n".join([f"Expected no warnings, got {len(warned)}:", *lines]))

    def _of(self, *operations: str, method: str | None = None) -> Calls:
        chosen = (call for call in self if call.operation in operations and method in (None, call.method))
        return replace(self, exchanges=tuple(chosen))

    def _warned(self) -> dict[str, list[int]]:
        """Return the numbers of the calls that each warning is about."""
        warned: dict[str, list[int]] = defaultdict(list)
        for call in self:
            for text in call.warnings:
                if not is_note(text):
                    warned[text].append(call.number)
        for warning in self.conduct:
            warned[warning.text] += [call.number for call in warning.exchanges]
        return warned

    def _instead(self, found: Calls, matcher: Matcher, times: Times) -> list[str]:
        """Return the lines that tell what there was instead of what was expected."""
        if len(found) > _most(times):
            return table(found)
        others = [(misses, call) for call in self if (misses := list(matcher.misses(call)))]
        near = nsmallest(MOST_NEAR, others, key=lambda other: len(other[0]))
        lines = [*table(found), *(["The nearest of the others:" if found else "The nearest:"] if near else [])]
        for misses, call in near:
            lines += [line(call), *(printable(f"        {miss}") for miss in misses)]
        return lines

    def _unbilled(self) -> list[str]:
        waiting = [call for call in self.posts if not call.cost and call.seconds is not None and call.error is None]
        told = f"{count(len(waiting), 'accepted call')} not billed (yet): a job is billed once it has completed."
        return [told] if waiting else []


def calls_of(platform: Platform) -> Calls:
    """Return the calls that a platform has kept, as they are now."""

    def judge(exchanges: Sequence[Exchange]) -> tuple[ConductWarning, ...]:
        return conduct(exchanges, platform.contract)

    return Calls(tuple(platform.store.exchanges(platform.clock.now())), platform.keys.digest, judge)


def _amount(total: object) -> Decimal:
    """Return an amount of US dollars. Raises `ValueError` for what is none."""
    try:
        amount = Decimal(str(total))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ValueError(f"total must be an amount of US dollars, such as '0.945', got {total!r}.")
    return amount


def _fits(number: int, times: Times) -> bool:
    if isinstance(times, range):
        if not times:
            raise ValueError(f"times is {times!r}, in which there is no number; for no call say 0.")
        return number in times
    if not isinstance(times, int | None) or isinstance(times, bool):
        raise TypeError(f"times must be a number, a range or None, got {times!r}.")
    return number >= 1 if times is None else number == times


def _most(times: Times) -> float:
    """Return how many calls are not too many."""
    return inf if times is None else max(times) if isinstance(times, range) else times


def _expected(times: Times, noun: str = "call") -> str:
    if times is None:
        return f"at least 1 {noun}"
    if isinstance(times, range):
        return f"{times.start} to {times.stop - 1} {noun}s" if times.step == 1 else f"{list(times)} {noun}s"
    return count(times, noun)
