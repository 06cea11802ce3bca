"""Mutants of what is refused: the order of the checks, the status of each error, and checks that are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

from mockling.contract import Contract
from mockling.contract.verification.clause import Severity
from mockling.emulator.mutation.changing import Changing
from mockling.emulator.mutation.mutant import Mutant, Touched, refusal
from mockling.emulator.platform.keys import Account
from mockling.emulator.platform.ledger import Admission
from mockling.emulator.platform.stages import NEEDS

KEYED = ("generate", "submit", "status", "result", "poll", "credits", "upload")
CASES = ("x-errors",)
KEY = ("components", "securitySchemes", "apiKey")
GENERATIONS = ("generate", "submit")


def refusing_mutants(contract: Contract) -> Iterator[Mutant]:
    """Yield the mutants of refusals."""
    yield from _order(contract)
    yield from _cases(contract)
    yield from _rates(contract)
    yield from _limits(contract)


def _order(contract: Contract) -> Iterator[Mutant]:
    """Yield that two checks which follow one another come the other way round, where neither needs the other."""
    order: list[str] = contract.document["x-behaviour"]["check_order"]
    for index, (first, second) in enumerate(pairwise(order)):
        if first in NEEDS.get(second, ()):
            continue

        def swap(changing: Changing, index: int = index) -> None:
            steps = list(changing.platform.stages.steps)
            steps[index], steps[index + 1] = steps[index + 1], steps[index]
            changing.put(changing.platform.stages, "steps", steps)

        name = f"order.{first}.{second}".replace(" ", "-")
        yield refusal(
            name,
            f"The {second} is looked at before the {first}.",
            swap,
            "x-behaviour",
            "check_order",
            index,
            worth=Severity.NOTICE,
        )  # M5: assumed


def _cases(contract: Contract) -> Iterator[Mutant]:
    """Yield that an error has another status, or no text."""
    for case, error in contract.document["x-errors"].items():
        if not isinstance(error, dict):
            continue
        status = error["status"]
        other = 422 if status == 400 else 400
        for what, told, changed in (
            ("status", f"the status {other} instead of {status}", {"status": other}),
            ("text", "no text", {"error": ""}),
        ):

            def change(changing: Changing, case: str = case, changed: dict[str, Any] = changed) -> None:
                for name, value in changed.items():
                    changing.item(changing.contract.document["x-errors"][case], name, value)

            touches = tuple((operation, status) for operation in contract.operations)
            if what == "status" or "html" not in error:
                yield refusal(
                    f"{case}.{what}",
                    f"The error {case} has {told}.",
                    change,
                    "x-errors",
                    case,
                    what.replace("text", "error"),
                    touches=touches,
                    case=case,
                )


def _rates(contract: Contract) -> Iterator[Mutant]:
    """Yield other rate limits than that of the plan."""
    place = ("x-plans", "requests_per_minute")

    def limited(limit: Callable[[int], int | None]) -> Callable[[Changing], object]:
        def change(changing: Changing) -> None:
            def find(ask: Callable[[str], Account | None], key: str) -> Account | None:
                account = ask(key)
                if account is None or account.requests_per_minute is None:
                    return account
                return replace(account, requests_per_minute=limit(account.requests_per_minute))

            changing.wrap(changing.platform.keys, "find", find)

        return change

    touches: tuple[Touched, ...] = (("generate", 429), ("submit", 429))
    yield refusal("rate.none", "There is no rate limit.", limited(lambda _: None), *place, touches=touches)
    yield refusal(
        "rate.more", "A plan allows one request more.", limited(lambda limit: limit + 1), *place, touches=touches
    )
    yield refusal(
        "rate.less", "A plan allows one request less.", limited(lambda limit: limit - 1), *place, touches=touches
    )
    yield refusal(
        "rate.all-limited", "A key without a limit has the plan's.", _all_limited(contract), *place, touches=touches
    )

    def forever(changing: Changing) -> None:
        def admit(ask: Callable[..., Admission], account: Account, now: float) -> Admission:  # noqa: ARG001
            return ask(account, 0.0)

        changing.wrap(changing.platform.store, "admit", admit)

    yield refusal("rate.for-ever", "A rate limit that is exceeded stays so.", forever, *place, touches=touches)
    reset = ("components", "responses", "RateLimited", "headers", "x-rate-limit-reset-at-utc")
    for operation in GENERATIONS:

        def nameless(changing: Changing, operation: str = operation) -> None:
            changing.answer(operation, 429, lambda answer: answer.headers.pop("x-rate-limit-reset-at-utc", None))

        yield refusal(
            f"rate.{operation}.no-reset",
            f"The 429 of {operation} does not say when the limit is reset.",
            nameless,
            *reset,
            touches=((operation, 429),),
        )


def _all_limited(contract: Contract) -> Callable[[Changing], object]:
    least = min(contract.document["x-plans"]["requests_per_minute"].values())

    def change(changing: Changing) -> None:
        changing.wrap(
            changing.platform.keys,
            "find",
            lambda ask, key: (account := ask(key)) and replace(account, requests_per_minute=least),
        )

    return change


def _limits(contract: Contract) -> Iterator[Mutant]:
    """Yield limits of a body that are twice or half as large."""
    for name, limit in contract.document["x-limits"].items():
        if name not in ("json_depth", "json_parts", "body_bytes"):
            continue
        for what, other in (("twice", limit * 2), ("half", limit // 2)):

            def change(changing: Changing, name: str = name, other: int = other) -> None:
                changing.item(changing.contract.document["x-limits"], name, other)
                if name == "body_bytes":
                    changing.item(changing.application.config, "MAX_CONTENT_LENGTH", other)

            yield refusal(
                f"limits.{name}.{what}",
                f"{name} is {what} as large.",
                change,
                "x-limits",
                name,
                touches=(("generate", 413),),
            )
