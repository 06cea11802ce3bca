"""Rows: exchanges and faults as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mockling.contract.exchange import Exchange, Message, money


def row(exchange: Exchange) -> dict[str, Any]:
    """Return an exchange without its messages."""
    return {
        "number": exchange.number,
        "time": utc(exchange.at),
        "moment": round(exchange.moment, 6),
        "ended": round(exchange.ended, 6),
        "method": exchange.method,
        "path": exchange.path,
        "operation": exchange.operation,
        "status": exchange.status,
        "seconds": exchange.seconds,
        "cost": money(exchange.cost),
        "request_id": exchange.request_id,
        "model": exchange.model,
        "key": exchange.key,
        "error": exchange.error,
        "fault": exchange.fault,
        "violations": exchange.violations,
        "warnings": exchange.warnings,
    }


def whole_row(exchange: Exchange) -> dict[str, Any]:
    """Return an exchange with its messages, bodies as texts."""
    response = exchange.response and _message(exchange.response)
    return {**row(exchange), "request": _message(exchange.request), "response": response}


def utc(at: float) -> str:
    """Return a real time, in seconds since 1970, as ISO 8601 writes it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(message: Message) -> dict[str, Any]:
    return {
        "headers": [list(header) for header in message.headers],
        "body": message.body.decode("utf-8", "replace"),
        "size": message.size,
        "sha256": message.sha256,
    }
