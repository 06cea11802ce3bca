"""Recorded: the steps that a HAR holds, our own or that of a browser or proxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.exchange import Exchange
from mockling.contract.verification.evidence import Evidence, Step
from mockling.contract.verification.reports.foreign import foreign_steps, secrets_of
from mockling.contract.verification.reports.reading import HAR, Unreadable, loaded, message_of
from mockling.contract.verification.target import LIVE

LARGEST = 256 * 1024**2  # bytes of a HAR: a browser's has whole videos in it


@dataclass(frozen=True, slots=True)
class Recording:
    """What a HAR holds: its `steps`, the `target` (its name) and `url` they were sent to, and why it was `stopped`.

    `own` says whether Mockling made it; of other programs' the exchanges with operations of the contract are kept, and
    `secrets` has the keys that were masked in them, so that no report is written with one of them.
    """

    steps: tuple[Step, ...]
    target: str
    url: str
    stopped: str | None
    own: bool
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def evidence(self) -> Evidence:
        """The steps, to be asked for."""
        return Evidence(self.steps)


def read_har(path: Path, contract: Contract) -> Recording:
    """Return what a HAR of at most 256 MiB holds, without the keys that another program left in it.

    Raises `Unreadable` if it cannot be read, is no HAR, or holds nothing that the contract speaks of.
    """
    log = loaded(path, HAR, LARGEST)["log"]
    if "_mockling" in log:
        about = log["_mockling"]
        try:
            return Recording(own_steps(log), about["target"], about["url"], about["stopped"], True)
        except (ValueError, KeyError) as error:
            raise Unreadable(f"{path} is no recording of Mockling's: {error}.") from error
    secrets = secrets_of(log["entries"])
    origin, steps = foreign_steps(log["entries"], contract, secrets)
    if not steps:
        raise Unreadable(f"{path} holds no call of an operation of the contract.")
    return Recording(steps, LIVE if origin in contract.live_origins else origin, origin, None, False, secrets)


def own_steps(log: Mapping[str, Any]) -> tuple[Step, ...]:
    """Return the steps of a log that Mockling wrote. Raises `ValueError` or `KeyError` if it is none."""
    return tuple(_own(entry, log["_mockling"]["url"]) for entry in log["entries"])


def _own(entry: Mapping[str, Any], url: str) -> Step:
    told, request, response = entry["_mockling"], entry["request"], entry["response"]
    body = request.get("postData", {})
    exchange = Exchange(
        number=told["number"],
        moment=told["moment"],
        at=told["at"],
        operation=told["operation"],
        method=request["method"],
        path=request["url"].removeprefix(url),
        key=told["key"],
        request=message_of(request["headers"], body, request.get("bodySize", 0)),
        status=response["status"] or None,
        response=message_of(response["headers"], response["content"], response["content"]["size"])
        if response["status"]
        else None,
        error=told["error"],
        fault=told["fault"],
        ended=told["ended"],
    )
    return Step(told["probe"], told["step"], exchange, told["video"])
