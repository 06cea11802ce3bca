"""Tables: calls as lines of text, for people who look why a test failed."""

from __future__ import annotations

from collections.abc import Sequence

from mockling.contract.exchange import Exchange, money, printable

MOST_LINES = 50  # of a table


def count(number: int, noun: str) -> str:
    """Return a number of things: 1 call, 2 calls."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def times(number: int) -> str:
    """Return how often something was."""
    return "once" if number == 1 else f"{number} times"


def named(numbers: Sequence[int]) -> str:
    """Return calls by their numbers."""
    return f"call{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def table(calls: Sequence[Exchange]) -> list[str]:
    """Return a line for each call, of many for the first ones."""
    lines = [line(call) for call in calls[:MOST_LINES]]
    return lines if len(calls) <= MOST_LINES else [*lines, f"      and {len(calls) - MOST_LINES} more"]


def line(call: Exchange) -> str:
    """Return a call as a line: its number, moment, status, cost, address, error, and the fault that struck it."""
    status = "left" if call.status is None else str(call.status)
    cost = f"${money(call.cost)}" if call.cost else ""
    told = f"{call.number:>5} {call.moment:>9.1f} s  {status:<4} {cost:>7}  {call.method} {call.path}"
    struck = f" [fault {call.fault}]" if call.fault else ""
    return printable(f"{told}: {call.error}{struck}" if call.error else f"{told}{struck}")
