"""Faults: failures that a test plans, each one flat table with the same words everywhere."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

from mockling.contract.document import Document
from mockling.emulator.platform.sense import FaultError, check_sense, check_words, exact, is_off, meant, words

GENERATIONS = ("generate", "submit")
POLLS = ("status", "result", "poll")
DOWNLOADS = ("download", "asset")
OPERATIONS = {  # which operations of the contract an `on` means
    "post": GENERATIONS,
    "generate": ("generate",),
    "submit": ("submit",),
    "poll": POLLS,
    "download": DOWNLOADS,
    "upload": ("upload",),
    "credits": ("credits",),
    "job": ("job",),
    "any": (*GENERATIONS, *POLLS, *DOWNLOADS, "upload", "credits"),
}
LONGEST_TEXT = 4096  # characters of a fault that is written as text


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A planned failure: where and when it strikes, and what happens; fault.schema.yaml says what each word means."""

    on: str = "post"
    key: str | None = None
    model: str | None = None
    prompt: str | None = None
    stage: str | None = None
    times: int | Literal["always"] = 1
    skip: int = 0
    every: int = 1
    probability: float = 1.0
    since: float = 0.0
    until: float | None = None
    status: int | None = None
    error: str | None = None
    body: str | Document | list[Any] | None = field(default=None, hash=False)
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    timeout: bool = False
    billed: bool | None = None
    latency: float | None = None
    latency_is: float | None = None
    drop: bool = False
    reset: float | None = None  # True counts as 1: see `silent`
    cut: float | None = None
    stall: float | None = None
    rate: float | None = None
    length: int | None = None
    truncate_json: bool = False
    corrupt: float | None = None
    fail: str | None = None
    after: float | None = None
    stuck: str | None = None
    expired: bool = False
    missing: bool = False

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Self:
        """Return the fault of a table. Raises `FaultError` for a word or value there is not, or that makes no sense."""
        for name in table:
            if name not in words():
                raise FaultError(f"A fault has no {name!r}{meant(str(name), words())}")
        given = {name: value for name, value in table.items() if value is not None and not is_off(name, value)}
        check_words(given)
        given = {name: exact(name, value) for name, value in given.items()}
        job = [name for name in given if words()[name].get("x-strikes") == "job"]
        check_sense({**({"on": "job"} if job else {}), **given})
        return cls(**{**({"on": "job"} if job else {}), **given})

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the fault that a text such as `on=download cut=0.5` or `drop` says. Raises `FaultError`."""
        if len(text) > LONGEST_TEXT:
            raise FaultError(f"A fault has at most {LONGEST_TEXT} characters.")
        try:
            words = [word.partition("=") for word in shlex.split(text)]
        except ValueError as error:
            raise FaultError(f"The fault {text!r} cannot be read: {error}.") from error
        names = [name for name, _, _ in words]
        if twice := [name for name in names if names.count(name) > 1]:
            raise FaultError(f"{twice[0]} stands there twice; leave one of them out.")
        return cls.of({name: _value(name, value) if equals else True for name, equals, value in words})

    def table(self) -> dict[str, Any]:
        """Return it as a table, without what is left out."""
        usual = Fault()
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        told = {name: value for name, value in given.items() if value != getattr(usual, name)}
        return {"on": self.on, **told}

    def __str__(self) -> str:
        return " ".join(_said(name, value) for name, value in self.table().items())

    @property
    def silent(self) -> bool:
        """Whether no byte of an answer is sent."""
        return self.drop or self.reset is True or self.stall is True

    @property
    def instead(self) -> bool:
        """Whether it strikes before what was asked for is done."""
        answers = self.status is not None or self.timeout
        return (answers and not self.billed) or (self.silent and self.billed is False)


def _value(name: str, text: str) -> Any:
    """Return what a text stands for as the value of a word: JSON, unless only a text can stand there."""
    if words().get(name, {}).get("type") == "string":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _said(name: str, value: Any) -> str:
    """Return a word and its value as text, of which `Fault.read` makes the same."""
    if value is True:
        return name
    plain = isinstance(value, str) and _value(name, value) == value
    return f"{name}={shlex.quote(value if plain else json.dumps(value))}"
