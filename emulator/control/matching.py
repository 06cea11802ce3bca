"""Matching: which calls are meant, and why another one is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, TypedDict, Unpack

from mockling.contract.exchange import Exchange
from mockling.emulator.platform.faults import OPERATIONS
from mockling.emulator.platform.keys import masked
from mockling.emulator.platform.sense import meant

KNOWN = (*OPERATIONS["any"], "preflight")
LONGEST_SHOWN = 80  # characters of a value in a reason


class Wanted(TypedDict, total=False):
    """What a call must be like; whatever is left out may be anything.

    A value is what it must equal (None: there is none), a compiled regular expression that must be found in it, a
    function that says whether it fits, or a set, tuple or range of which it must be one. Beyond that:

    - `method`, `operation` (an operationId of the contract), `status` (None: the caller left), `model` (a slug);
    - `path`: `*` stands for anything; the query counts only if there is a `?` in what is wanted;
    - `key`: an API key in plain text;
    - `job`: a request id, or an object with `request_id` or `id`;
    - `json`: of the request's body, the fields that must be there; each value again anything of these, at any depth;
    - `fault`, `error`: a part of the text.
    """

    method: Any
    operation: Any
    path: Any
    status: Any
    key: Any
    model: Any
    job: Any
    json: Any
    fault: Any
    error: Any


class Matcher:
    """Says of a call whether it is wanted.

    `digest` tells what stands in exchanges for an API key. Raises `TypeError` for a keyword that is not in `Wanted`,
    and for a job that is none, `ValueError` for an operation that there is not.
    """

    def __init__(self, digest: Callable[[str], str], **wanted: Unpack[Wanted]) -> None:
        unknown = [name for name in wanted if name not in Wanted.__annotations__]
        if unknown:
            raise TypeError(f"Calls have no {unknown[0]!r} to match; there is {', '.join(Wanted.__annotations__)}.")
        operation = wanted.get("operation")
        if isinstance(operation, str) and operation not in KNOWN:
            raise ValueError(f"No call has the operation {operation!r}{meant(operation, KNOWN)}")
        self._wanted: dict[str, Any] = dict(wanted)
        if wanted.get("job") is not None:
            self._wanted["job"] = job_id(wanted["job"])
        self._digest = digest

    def __str__(self) -> str:
        shown = {**self._wanted, "key": masked(self._wanted.get("key") or "")}
        return ", ".join(f"{name}={_shown(shown[name])}" for name in self._wanted)

    def matches(self, exchange: Exchange) -> bool:
        """Say whether a call is wanted."""
        return next(self.misses(exchange), None) is None

    def misses(self, exchange: Exchange) -> Iterator[str]:
        """Yield why a call is not wanted, one reason for each thing that is otherwise; none: it is."""
        for name, wanted in self._wanted.items():
            match name:
                case "key":
                    if exchange.caller != self._digest(wanted or ""):
                        yield f"key is {exchange.key}, expected {masked(wanted or '')}"
                case "method" if isinstance(wanted, str):
                    yield from _misses(name, exchange.method, wanted.upper())
                case "path" if isinstance(wanted, str):
                    yield from _misses_path(exchange.path, wanted)
                case "fault" | "error" if isinstance(wanted, str):
                    yield from _misses_part(name, getattr(exchange, name), wanted)
                case "job":
                    yield from _misses(name, exchange.request_id, wanted)
                case _:
                    yield from _misses(name, getattr(exchange, name), wanted)


def job_id(job: object) -> str:
    """Return the request id of a job: the text itself, or its `request_id` or `id`. Raises `TypeError` without one."""
    found = job if isinstance(job, str) else getattr(job, "request_id", None) or getattr(job, "id", None)
    if not isinstance(found, str):
        raise TypeError(f"job must be a request id, or have one as request_id or id, got {_shown(job)}.")
    return found


def _misses_path(path: str, wanted: str) -> Iterator[str]:
    told = path if "?" in wanted else path.partition("?")[0]
    if not re.fullmatch(_pattern(wanted), told, re.DOTALL):
        yield f"path is {_shown(told)}, expected {_shown(wanted)}"


def _pattern(wanted: str) -> str:
    """Return the regular expression of a path with `*`, which goes back over nothing: that could take for ever."""
    first, *others = map(re.escape, wanted.split("*"))
    if not others:
        return first
    return first + "".join(f"(?>.*?{part})" for part in others[:-1]) + f".*{others[-1]}"


def _misses_part(name: str, actual: str | None, wanted: str) -> Iterator[str]:
    if actual is None or wanted not in actual:
        yield f"{name} is {_shown(actual)}, expected {_shown(wanted)} in it"


def _misses(place: str, actual: Any, wanted: Any) -> Iterator[str]:
    """Yield how a value is not what is wanted of it."""
    if isinstance(wanted, Mapping):
        yield from _misses_fields(place, actual, wanted)
    elif isinstance(wanted, list):
        yield from _misses_items(place, actual, wanted)
    elif isinstance(wanted, re.Pattern):
        if not (isinstance(actual, str) and wanted.search(actual)):
            yield f"{place} is {_shown(actual)}, expected it to match {wanted.pattern!r}"
    elif callable(wanted):
        yield from _misses_predicate(place, actual, wanted)
    elif isinstance(wanted, set | frozenset | tuple | range):
        if not _is_one_of(actual, wanted):
            yield f"{place} is {_shown(actual)}, expected one of {_shown(wanted)}"
    elif actual != wanted or isinstance(actual, bool) != isinstance(wanted, bool):
        yield f"{place} is {_shown(actual)}, expected {_shown(wanted)}"


def _misses_fields(place: str, actual: Any, wanted: Mapping[Any, Any]) -> Iterator[str]:
    if not isinstance(actual, Mapping):
        yield f"{place} is {_shown(actual)}, expected an object"
        return
    for name, value in wanted.items():
        if name in actual:
            yield from _misses(f"{place}.{name}", actual[name], value)
        else:
            yield f"{place}.{name} is missing, expected {_shown(value)}"


def _misses_items(place: str, actual: Any, wanted: list[Any]) -> Iterator[str]:
    if not isinstance(actual, list) or len(actual) != len(wanted):
        yield f"{place} is {_shown(actual)}, expected {_shown(wanted)}"
        return
    for number, (item, value) in enumerate(zip(actual, wanted, strict=True)):
        yield from _misses(f"{place}[{number}]", item, value)


def _misses_predicate(place: str, actual: Any, fits: Callable[[Any], object]) -> Iterator[str]:
    name = getattr(fits, "__name__", repr(fits))
    try:
        if not fits(actual):
            yield f"{place} is {_shown(actual)}, which {name} does not take"
    except Exception as error:  # of a value that the predicate was not made for
        yield f"{place} is {_shown(actual)}, at which {name} raised {error!r}"


def _is_one_of(actual: Any, wanted: Container[Any]) -> bool:
    try:
        return actual in wanted
    except TypeError:  # a list or an object, which cannot be in a set
        return False


def _shown(value: object) -> str:
    text = value.pattern if isinstance(value, re.Pattern) else getattr(value, "__name__", None) or repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."
