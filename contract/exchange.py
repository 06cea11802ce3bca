"""Exchanges: a call that came in and what was answered, as a value, without any secret."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

LONGEST_BODY = 64 * 1024  # bytes of a body that are kept
BREAKING = {"drop", "reset", "cut", "stall", "truncate_json", "length"}  # words of faults that leave no whole answer

LARGEST, SMALLEST = 12, -24  # powers of ten of an amount that can be reckoned with

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """A request or response as it was on the wire.

    `headers` as sent, keys masked; `body` its first 64 KiB, empty for a file; `size` the bytes of all of it; `sha256`
    of a file's bytes as they were sent, in hexadecimal (None: no file).
    """

    headers: Headers
    body: bytes
    size: int
    sha256: str | None = None

    def header(self, name: str) -> str:
        """Return a header by its name in small letters, "" if there is none of that name."""
        return next((value for called, value in self.headers if called.lower() == name), "")

    @property
    def json(self) -> Any:
        """The body parsed as JSON; None if it is none, or was cut, for no more than 64 KiB of a body are kept."""
        try:
            return None if self.size > LONGEST_BODY or not self.body else json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def bytes_kept(self) -> int:
        """About how much memory this takes."""
        return 200 + len(self.body) + 200 * len(self.headers) + len("".join(map("".join, self.headers)))


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call, however it ended.

    `number` counts from 1 as calls end; `moment` is when the call came, in simulated seconds since the clock's epoch,
    `at` the same in real seconds since 1970. `operation` is an operationId of the contract (None: no address of it),
    `path` has its query. `key` is masked. `status` and `response` are None if the caller left before the response.
    `model` and `request_id` name what it was about, `error` is the text of a refusal or failure, `violations` every way
    in which the request broke the contract, `warnings` what in it is probably a mistake; `seconds` is the simulated
    duration of the generation, `cost` what was billed for this call in US dollars (of a job that nobody waits for: once
    it has completed). `ended` is the moment at which the response was made, or the caller left; `caller` stands for the
    key, the same for the same key and emulator, and tells nothing of it ("": there was none; of a download without one
    it is that of its job); `fault` is the planned fault that struck the call (None: none did; where it kept the answer
    back, there is no response); `exposed` says where a key stood beside its header: "URL", "body"; `pace` is the number
    of simulated seconds in a real one when the call came (None: nothing took any time), `resets` the moment at which
    the rate limit is reset that it exceeded (None: it did not).
    """

    number: int
    moment: float
    at: float
    operation: str | None
    method: str
    path: str
    key: str
    request: Message
    status: int | None
    response: Message | None
    model: str | None = None
    request_id: str | None = None
    error: str | None = None
    violations: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float | None = None
    cost: Decimal = Decimal(0)
    ended: float = 0.0
    caller: str = ""
    fault: str | None = None
    exposed: tuple[str, ...] = ()
    pace: float | None = 1.0
    resets: float | None = None

    @property
    def json(self) -> Any:
        """The request's body parsed as JSON; None if it is none, or is not kept whole."""
        return self.request.json

    @property
    def answer(self) -> Any:
        """The response's body parsed as JSON; None if it is none, is not kept whole, or there was no response."""
        return self.response.json if self.response else None

    @property
    def unanswered(self) -> bool:
        """Whether a planned fault kept the answer from the caller."""
        return bool({"drop", "reset", "stall"} & self._struck)

    @property
    def lost(self) -> bool:
        """Whether the caller got no whole answer: he left, or a planned fault broke it or kept it from him."""
        return self.status is None or not BREAKING.isdisjoint(word.partition("=")[0] for word in self._struck)

    @property
    def _struck(self) -> set[str]:
        """The words of the faults that struck the call, with those of their values that need no quotes."""
        return {word.removesuffix(",") for word in re.sub("'[^']*'", "", self.fault or "").split()}

    @property
    def bytes_kept(self) -> int:
        """About how much memory this takes."""
        told = sum(map(len, (*self.violations, *self.warnings, self.error or "", self.fault or "")))
        return 1000 + told + self.request.bytes_kept + (self.response.bytes_kept if self.response else 0)

    def __str__(self) -> str:
        outcome = str(self.status or ("no answer" if self.unanswered else "caller left"))
        parts = [f"{self.method} {self.path} {outcome}"]
        if self.seconds is not None:
            cost = [f"${money(self.cost)}"] if self.cost else []
            parts += [f"{self.seconds:.1f} s simulated", *cost, str(self.request_id)]
        parts += [self.error] if self.error else []
        parts += [f"fault {self.fault}"] if self.fault else []
        return printable(", ".join([*parts, f"key {self.key}", *(f"warning: {warning}" for warning in self.warnings)]))


def printable(line: str) -> str:
    """Return a line without control characters, which a path or a parameter may hold."""
    return line if line.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in line)


def amount(value: object) -> Decimal | None:
    """Return a number, or a text that says one; None for anything else, and for what is beyond all reckoning."""
    try:
        found = None if isinstance(value, bool) or value is None else Decimal(str(value))
    except (InvalidOperation, ValueError):  # the latter for a whole number of thousands of digits
        return None
    if found is None or not found.is_finite() or not SMALLEST <= found.adjusted() <= LARGEST:
        return None
    return found


def money(amount: Decimal) -> str:
    """Return US dollars as they are written everywhere: two decimals, more only where they are needed."""
    text = f"{amount:f}"
    if text[-3:-2] == ".":
        return text
    cents = amount.quantize(Decimal("0.01"))
    return f"{cents if cents == amount else amount.normalize():f}"
