"""Exchanges, told in the log."""

from __future__ import annotations

import logging

from mockling.contract.exchange import Exchange

logger = logging.getLogger("mockling")
logger.addHandler(logging.NullHandler())  # a library is silent unless its user asks


def tell(exchange: Exchange) -> None:
    """Log an exchange, as a warning if there is one in it."""
    level = logging.WARNING if exchange.warnings else logging.INFO
    if logger.isEnabledFor(level):  # made by hand, for to look up who logs costs more than the rest
        logger.handle(logger.makeRecord(logger.name, level, __file__, 0, "%s", (exchange,), None, "tell"))
