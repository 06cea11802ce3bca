"""Mutants of checks that are made less closely, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from flask import request

from mockling.emulator.http.recording import draft_of
from mockling.emulator.mutation.changing import Changing, Environ
from mockling.emulator.mutation.mutant import Mutant, refusal
from mockling.emulator.platform.keys import Account
from mockling.emulator.platform.refused import Refused

KEYED = ("generate", "submit", "status", "result", "poll", "credits", "upload")


def checking_mutants() -> Iterator[Mutant]:
    """Yield the mutants of checks."""
    yield from _keys()
    yield from _left_out()
    yield from _models()
    yield from _lenient()


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
            yield refusal(
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

    yield refusal(
        "key.404",
        "Without a good key the answer is 404.",
        swapped,
        "x-errors",
        "missing_key",
        touches=(("status", 401),),
    )


def _operation() -> str | None:
    return draft_of(request.environ).operation


def _left_out() -> Iterator[Mutant]:
    """Yield that a check of a generation is left out."""

    def without(*names: str) -> Callable[[Changing], object]:
        def change(changing: Changing) -> None:
            stages = changing.platform.stages
            changing.put(stages, "steps", [step for step in stages.steps if step[0] not in names])

        return change

    yield refusal(
        "no-permission",
        "A key may call what it may not.",
        without("permission"),
        "x-errors",
        "forbidden",
        touches=(("generate", 403),),
    )
    yield refusal(
        "no-content-type",
        "A body of any content type is taken.",
        without("content type"),
        "x-errors",
        "content_type",
        touches=(("generate", 406),),
    )
    yield refusal(
        "no-method",
        "A generation is started by any verb.",
        without("method"),
        "x-errors",
        "method_not_allowed",
        touches=(("generate", 405), ("submit", 405)),
    )


def _models() -> Iterator[Mutant]:
    """Yield that more is taken for a model, or for its input."""

    def any_width(changing: Changing) -> None:
        for model in changing.contract.models.values():
            changing.put(model, "unfit", lambda _: None)

    yield refusal("no-width", "A video of any width is taken.", any_width, "x-errors", "unfit_width")

    def any_model(changing: Changing) -> None:
        first = changing.contract.model
        known = _Any(changing.contract.models, first)
        changing.put(changing.contract, "models", known)

    yield refusal(
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

    yield refusal(
        "revived",
        "A retired model works.",
        revived,
        "x-errors",
        "retired_model",
        touches=(("generate", 410), ("submit", 410)),
    )


def _lenient() -> Iterator[Mutant]:
    """Yield that a body which is none is read all the same."""
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

        yield refusal(
            f"lenient.{name}",
            f"A body {told}.",
            lenient,
            "x-errors",
            "malformed" if name == "fragment" else "not_an_object",
            touches=(("generate", 400),),
        )


def _sent(environ: Environ, body: bytes) -> None:
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
