"""Mutants of what is refused: the order of the checks, the status of each error, and checks that are left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from flask import request

from mockling.contract import Contract
from mockling.contract.verification.clause import Severity
from mockling.contract.verification.places import pointer
from mockling.emulator.mutation.changing import Changing, Environ
from mockling.emulator.mutation.mutant import Kind, Mutant, Touched
from mockling.emulator.platform.keys import Account
from mockling.emulator.platform.ledger import Admission
from mockling.emulator.platform.refused import Refused
from mockling.emulator.platform.stages import NEEDS

KEYED = ("generate", "submit", "status", "result", "poll", "credits", "upload")
CASES = ("x-errors",)
KEY = ("components", "securitySchemes", "apiKey")
GENERATIONS = ("generate", "submit")


def refusing_mutants(contract: Contract) -> Iterator[Mutant]:
    """Yield the mutants of refusals."""
    yield from _order(contract)
    yield from _cases(contract)
    yield from _keys()
    yield from _left_out()
    yield from _rates(contract)
    yield from _limits(contract)


def _mutant(
    name: str,
    sentence: str,
    change: Callable[[Changing], object],
    *place: str | int,
    touches: tuple[Touched, ...] = (),
    worth: Severity = Severity.BREAK,
) -> Mutant:
    return Mutant(
        id=f"refusals.{name}",
        kind=Kind.REFUSALS,
        sentence=sentence,
        place=pointer(*place),
        change=change,
        touches=touches,
        worth=worth,
    )


def _order(contract: Contract) -> Iterator[Mutant]:
    """Yield that two checks which follow one another come the other way round, where neither needs the other."""
    order: list[str] = contract.document["x-behaviour"]["check_order"]
    for index, (first, second) in enumerate(zip(order, order[1:], strict=False)):
        if first in NEEDS.get(second, ()):
            continue

        def swap(changing: Changing, index: int = index) -> None:
            steps = list(changing.platform.stages.steps)
            steps[index], steps[index + 1] = steps[index + 1], steps[index]
            changing.put(changing.platform.stages, "steps", steps)

        name = f"order.{first}.{second}".replace(" ", "-")
        yield _mutant(
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
                yield _mutant(
                    f"{case}.{what}",
                    f"The error {case} has {told}.",
                    change,
                    "x-errors",
                    case,
                    what.replace("text", "error"),
                    touches=touches,
                )


Authenticate = Callable[[str | None, bool], Account]


def _keys() -> Iterator[Mutant]:
    """Yield that keys are looked at less closely, by one operation."""
    for operation in KEYED:
        for what, told in (
            ("none", "asks for no key"),
            ("any", "takes any key"),
            ("bearer", "takes a key as a bearer token"),
        ):

            def change(changing: Changing, operation: str = operation, what: str = what) -> None:
                usable = changing.platform.keys.usable

                def authenticate(ask: Authenticate, key: str | None, authorization: bool) -> Account:
                    token = request.environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
                    if _operation() == operation:
                        lenient = {"none": key or usable, "any": key and usable, "bearer": key or token or None}[what]
                        return ask(lenient, authorization)
                    return ask(key, authorization)

                changing.wrap(changing.platform, "authenticate", authenticate)

            name = f"key.{operation}.{what}"
            yield _mutant(
                name,
                f"{operation} {told}.",
                change,
                "x-errors",
                "missing_key" if what == "none" else "invalid_key",
                touches=((operation, 401),),
            )

    def swapped(changing: Changing) -> None:
        def authenticate(ask: Authenticate, key: str | None, authorization: bool) -> Account:
            try:
                return ask(key, authorization)
            except Refused:
                raise Refused("unknown_request", id="") from None

        changing.wrap(changing.platform, "authenticate", authenticate)

    yield _mutant(
        "key.404",
        "Without a good key the answer is 404.",
        swapped,
        "x-errors",
        "missing_key",
        touches=(("status", 401),),
    )


def _operation() -> str | None:
    from mockling.emulator.http.recording import draft_of

    return draft_of(request.environ).operation


def _left_out() -> Iterator[Mutant]:
    """Yield that a check of a generation is left out."""

    def without(*names: str) -> Callable[[Changing], object]:
        def change(changing: Changing) -> None:
            stages = changing.platform.stages
            changing.put(stages, "steps", [step for step in stages.steps if step[0] not in names])

        return change

    yield _mutant(
        "no-permission",
        "A key may call what it may not.",
        without("permission"),
        "x-errors",
        "forbidden",
        touches=(("generate", 403),),
    )
    yield _mutant(
        "no-content-type",
        "A body of any content type is taken.",
        without("content type"),
        "x-errors",
        "content_type",
        touches=(("generate", 406),),
    )
    yield _mutant(
        "no-method",
        "A generation is started by any verb.",
        without("method"),
        "x-errors",
        "method_not_allowed",
        touches=(("generate", 405), ("submit", 405)),
    )

    def any_width(changing: Changing) -> None:
        for model in changing.contract.models.values():
            changing.put(model, "unfit", lambda _: None)

    yield _mutant("no-width", "A video of any width is taken.", any_width, "x-errors", "unfit_width")

    def any_model(changing: Changing) -> None:
        first = changing.contract.model
        known = _Any(changing.contract.models, first)
        changing.put(changing.contract, "models", known)

    yield _mutant(
        "any-model",
        "A model that is not known is taken for the first one.",
        any_model,
        "x-errors",
        "unknown_model",
        touches=(("generate", 404), ("submit", 404)),
    )

    def revived(changing: Changing) -> None:
        def ask(environ: Environ) -> None:
            for slug in changing.contract.document["x-retired"]["models"]:
                environ["PATH_INFO"] = environ["PATH_INFO"].replace(slug, changing.contract.model.slug)

        changing.requests(ask)

    yield _mutant(
        "revived",
        "A retired model works.",
        revived,
        "x-errors",
        "retired_model",
        touches=(("generate", 410), ("submit", 410)),
    )
    for name, told in (
        ("fragment", "that is cut short is taken for a valid one"),
        ("list", "that is no object is taken for a valid one"),
    ):

        def lenient(changing: Changing, name: str = name) -> None:
            def ask(environ: Environ) -> None:
                body = environ["wsgi.input"].getvalue().strip()
                broken = (
                    body in (b"", b"{")
                    if name == "fragment"
                    else body[:1] not in (b"{", b"") and b"boundary" not in environ.get("CONTENT_TYPE", "").encode()
                )
                if environ["REQUEST_METHOD"] == "POST" and broken:
                    _sent(environ, json.dumps(changing.contract.model.example).encode())

            changing.requests(ask)

        yield _mutant(
            f"lenient.{name}",
            f"A body {told}.",
            lenient,
            "x-errors",
            "malformed" if name == "fragment" else "not_an_object",
            touches=(("generate", 400),),
        )


def _sent(environ: Environ, body: bytes) -> None:
    from io import BytesIO

    environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))


class _Any(dict[str, Any]):
    """Models by their slugs, of which every slug is one."""

    def __init__(self, known: dict[str, Any], first: Any) -> None:
        super().__init__(known)
        self._first = first

    def __contains__(self, slug: object) -> bool:
        return True

    def __missing__(self, slug: str) -> Any:
        return self._first


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
    yield _mutant("rate.none", "There is no rate limit.", limited(lambda _: None), *place, touches=touches)
    yield _mutant(
        "rate.more", "A plan allows one request more.", limited(lambda limit: limit + 1), *place, touches=touches
    )
    yield _mutant(
        "rate.less", "A plan allows one request less.", limited(lambda limit: limit - 1), *place, touches=touches
    )
    yield _mutant(
        "rate.all-limited", "A key without a limit has the plan's.", _all_limited(contract), *place, touches=touches
    )

    def forever(changing: Changing) -> None:
        def admit(ask: Callable[..., Admission], account: Account, now: float) -> Admission:  # noqa: ARG001
            return ask(account, 0.0)

        changing.wrap(changing.platform.store, "admit", admit)

    yield _mutant("rate.for-ever", "A rate limit that is exceeded stays so.", forever, *place, touches=touches)
    reset = ("components", "responses", "RateLimited", "headers", "x-rate-limit-reset-at-utc")
    for operation in GENERATIONS:

        def nameless(changing: Changing, operation: str = operation) -> None:
            changing.answer(operation, 429, lambda answer: answer.headers.pop("x-rate-limit-reset-at-utc", None))

        yield _mutant(
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

            yield _mutant(
                f"limits.{name}.{what}",
                f"{name} is {what} as large.",
                change,
                "x-limits",
                name,
                touches=(("generate", 413),),
            )
