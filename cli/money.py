"""Money, written in one way."""

from __future__ import annotations

from decimal import Decimal

SANE = 20  # digits; beyond that a server wrote nonsense, which is shown as it is


def dollars(amount: Decimal) -> str:
    """Return an amount of US dollars as it is written everywhere: exactly, with two decimals or as many as it needs."""
    if abs(amount.adjusted()) > SANE:
        return f"${amount}"
    whole, _, part = format(amount, "f").partition(".")
    return f"${whole}.{part.rstrip('0').ljust(2, '0')}"
