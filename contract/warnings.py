"""Warnings: what in a valid request is probably a mistake. A warning is never a refusal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from mockling.contract.document import ContractError, cited
from mockling.contract.figures import check_kind, check_top
from mockling.contract.inputs import InputFile

MOST_READ = 100_000  # characters of a text in which names are looked for
MOST_NAMED = 10  # unknown parameters that are told by name
Rule = Callable[[Mapping[str, Any]], Iterator[str]]


def rule(row: Mapping[str, Any], schema: Mapping[str, Any]) -> Rule:
    """Return the function that a row of a model's `warnings` is: parameters to sentences.

    Raises `ContractError` if it names a parameter that is not there.
    """
    told = cited(row)
    lists = [row["of"]] if isinstance(row.get("of"), str) else row.get("of", [])
    for name in [row["in"], *lists] if "in" in row else lists:
        check_top(name, schema, "warnings")
    if "in" in row and "only" not in row:
        check_kind(row["in"], "string", schema, "warnings")
    for name in lists:
        check_kind(name, "array", schema, "warnings")
    if "names" in row:
        try:
            pattern = re.compile(row["names"], re.IGNORECASE)
        except re.error as error:
            raise ContractError(
                f"warnings: names must be a regular expression, got {row['names']!r}: {error}."
            ) from error
        if pattern.groups != 1:
            raise ContractError(f"warnings: names must have one group, that of the number, got {row['names']!r}.")
        return _names(pattern, row["in"], row["as"], str(row["of"]), told)
    if "characters" in row:
        return _characters(row["in"], row["characters"], told)
    if "together" in row:
        return _together(lists, row["together"], told)
    return _only(row["in"], row["only"], told)


def unknown(parameters: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence if there are parameters that the model does not know (M7)."""
    if parameters.keys() - schema["properties"].keys():
        names = [str(name) for name in parameters if name not in schema["properties"]]
        named = ", ".join(repr(name[:60]) for name in names[:MOST_NAMED]) + ", ..." * (len(names) > MOST_NAMED)
        yield f"The endpoint has no such parameter and ignores it: {named}."


def unreachable(file: InputFile, sites: tuple[str, ...]) -> Iterator[str]:
    """Yield a sentence if the platform could not download an input from where it is (M17)."""
    host = file.host
    if _is_private(host):
        yield f"{file.place} is at {host[:60]}, which the platform cannot reach; live the generation would fail (M17)."
    site = _site(host, sites)
    if site:
        yield f"{file.place} is a page of {site} and no {file.kind} file; live the generation would fail (M17)."


@lru_cache(maxsize=256)
def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


@lru_cache(maxsize=256)
def _site(host: str, sites: tuple[str, ...]) -> str | None:
    return next((site for site in sites if host == site or host.endswith(f".{site}")), None)


def _names(pattern: re.Pattern[str], where: str, called: str, what: str, told: str) -> Rule:
    def check(parameters: Mapping[str, Any]) -> Iterator[str]:
        given = len(parameters.get(what) or ())
        found = pattern.findall((parameters.get(where) or "")[:MOST_READ])
        named = {digits.lstrip("0") or "0" for digits in found if digits.isdecimal()}
        for digits in sorted(named, key=lambda digits: (len(digits), digits)):
            if digits == "0" or len(digits) > 6 or int(digits) > given:
                yield f"{where} names {called}{digits[:20]}, but {what} has {given}{told}."

    return check


def _characters(where: str, most: int, told: str) -> Rule:
    def check(parameters: Mapping[str, Any]) -> Iterator[str]:
        count = len(parameters.get(where) or "")
        if count > most:
            yield f"{where} has {count} characters; the model reads {most}{told}."

    return check


def _together(lists: list[str], most: int, told: str) -> Rule:
    def check(parameters: Mapping[str, Any]) -> Iterator[str]:
        counts = {name: len(parameters.get(name) or ()) for name in lists}
        if sum(counts.values()) > most:
            given = " and ".join(f"{count} of {name}" for name, count in counts.items())
            yield f"{given} were given; the model takes {most} together{told}."

    return check


def _only(where: str, value: object, told: str) -> Rule:
    def check(parameters: Mapping[str, Any]) -> Iterator[str]:
        if parameters.get(where) not in (None, value):
            yield f"{where} has no effect unless it is {value!r}{told}."

    return check
