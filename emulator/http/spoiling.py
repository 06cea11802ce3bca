"""Spoiling: what a fault does to the body of a response."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flask import Response
from werkzeug.wsgi import ClosingIterator

from mockling.emulator.platform.faults import Fault


def spoil(fault: Fault, response: Response) -> None:
    """Change the body of a response, or what its head says of it, as a fault plans; it is then what is sent of it."""
    if fault.truncate_json:
        _shorten(response, _size(response) // 2)
    size = _size(response)
    if fault.corrupt is not None and size:
        place = size // 2 if fault.corrupt is True else _place(fault.corrupt, size)
        _pass(response, lambda blocks: _corrupted(blocks, place))
    end = next((place for place in (fault.cut, fault.reset, fault.stall) if place is not None), None)
    if fault.length is not None:
        response.headers["content-length"] = str(fault.length)
        _pass(response, lambda blocks: _trimmed(blocks, fault.length or 0))
    elif end is not None and not fault.silent:
        _pass(response, lambda blocks: _trimmed(blocks, _place(end, size)))


def _size(response: Response) -> int:
    return int(response.content_length or 0) if response.direct_passthrough else len(response.get_data())


def _place(place: float, size: int) -> int:
    """Return the place of a body that is a share of it, or a number of bytes, but never its end."""
    return max(0, min(int(place * size) if place < 1 else int(place), size - 1))


def _shorten(response: Response, size: int) -> None:
    """Leave the beginning of a body, and tell its length."""
    _pass(response, lambda blocks: _trimmed(blocks, size))
    response.headers["content-length"] = str(size)


def _pass(response: Response, change: Callable[[Any], Iterator[bytes]]) -> None:
    """Pass the blocks of a body through a function, and leave its headers alone."""
    blocks: Any = response.response
    changed = change(iter(blocks))
    if response.direct_passthrough:
        close = getattr(blocks, "close", None)
        response.response = ClosingIterator(changed, [close] if close else [])
    else:
        response.response = list(changed)


def _trimmed(blocks: Iterator[bytes], end: int) -> Iterator[bytes]:
    for block in blocks:
        if len(block) >= end:
            yield block[:end]
            return
        yield block
        end -= len(block)


def _corrupted(blocks: Iterator[bytes], place: int) -> Iterator[bytes]:
    for block in blocks:
        if 0 <= place < len(block):
            changed = bytearray(block)
            changed[place] ^= 0xFF
            block = bytes(changed)
        place -= len(block)
        yield block
