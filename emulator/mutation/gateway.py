"""Mutants of the gateway: verbs, redirects, addresses, content types, and what browsers are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mockling.contract import Contract
from mockling.contract.verification.places import pointer
from mockling.emulator.mutation.changing import Answer, Changing, Environ
from mockling.emulator.mutation.mutant import Kind, Mutant, Touched

REDIRECTS = {"generate": 307, "submit": 308, "status": 302, "result": 303, "poll": 301, "credits": 302}
FORM = "multipart/form-data"


def gateway_mutants(contract: Contract) -> Iterator[Mutant]:
    """Yield the mutants of the gateway."""
    yield from _redirects()
    yield from _browsers(contract)
    yield from _verbs(contract)
    yield from _content_types(contract)
    yield from _addresses()


def _mutant(
    name: str, sentence: str, change: Callable[[Changing], object], *place: str, touches: tuple[Touched, ...] = ()
) -> Mutant:
    where = pointer(*place)
    return Mutant(
        id=f"gateway.{name}", kind=Kind.GATEWAY, sentence=sentence, place=where, change=change, touches=touches
    )


def _redirects() -> Iterator[Mutant]:
    """Yield answers that send the caller elsewhere."""
    for operation, status in REDIRECTS.items():

        def redirect(answer: Answer, operation: str = operation, status: int = status) -> None:
            if answer.operation == operation and answer.status < 400:
                answer.status = status
                answer.headers["location"] = "/elsewhere"

        change = lambda changing, redirect=redirect: changing.answers(redirect)  # noqa: E731
        yield _mutant(f"redirect.{operation}", f"{operation} redirects.", change, "paths", touches=((operation, 200),))

    def elsewhere(answer: Answer) -> None:
        if answer.status == 404 and not answer.operation:
            answer.status = 302
            answer.headers["location"] = "/"

    yield _mutant(
        "redirect.unknown",
        "An unknown address redirects.",
        lambda changing: changing.answers(elsewhere),
        "x-errors",
        "unknown_path",
    )


def _browsers(contract: Contract) -> Iterator[Mutant]:
    path = contract.path("preflight", model="{model}")
    place = ("paths", path, "options", "responses", "204")
    touches: tuple[Touched, ...] = (("preflight", 204),)

    def edited(edit: Callable[[Answer], object]) -> Callable[[Changing], object]:
        return lambda changing: changing.answer("preflight", 204, edit)

    for name in contract.operations["preflight"]["responses"]["204"]["headers"]:
        inner = (*place, "headers", name)
        for what, told, edit in (
            ("dropped", "has no", lambda answer, name=name: answer.headers.pop(name, None)),
            ("empty", "has an empty", lambda answer, name=name: answer.headers.__setitem__(name, "")),
            (
                "narrow",
                "has a narrow",
                lambda answer, name=name: answer.headers.__setitem__(name, "https://segmind.com"),
            ),
        ):
            sentence = f"A preflight {told} {name}."
            yield _mutant(f"{name}.{what}", sentence, edited(edit), *inner, touches=touches)
    keyed = edited(lambda answer: answer.refuse(401, "Missing Authorization or x-api-key in header"))
    yield _mutant("preflight.keyed", "A preflight needs a key.", keyed, *place, touches=touches)
    refused = edited(lambda answer: answer.refuse(405, "Method Not Allowed"))
    yield _mutant("preflight.405", "A preflight is answered with 405.", refused, *place, touches=touches)


def _verbs(contract: Contract) -> Iterator[Mutant]:
    place = ("components", "responses", "MethodNotAllowed")
    for operation in contract.operations:
        touches: tuple[Touched, ...] = ((operation, 405),)
        for what, told, edit in (
            ("404", "with 404", lambda answer: answer.refuse(404, "Not Found")),
            ("200", "with 200", lambda answer: setattr(answer, "status", 200)),
            ("json", "with JSON", lambda answer: answer.refuse(405, "Method Not Allowed")),
        ):
            if operation != "preflight":
                change = lambda changing, operation=operation, edit=edit: changing.answer(operation, 405, edit)  # noqa: E731
                yield _mutant(
                    f"verb.{operation}.{what}",
                    f"Another verb of {operation} is answered {told}.",
                    change,
                    *place,
                    touches=touches,
                )


def _content_types(contract: Contract) -> Iterator[Mutant]:
    place = ("x-errors", "content_type")
    for operation, item in contract.operations.items():
        accepted = item.get("requestBody", {}).get("content", {})
        if FORM in accepted:

            def formless(environ: Environ) -> None:
                if environ.get("CONTENT_TYPE", "").startswith(FORM):
                    environ["CONTENT_TYPE"] = "text/plain"

            yield _mutant(
                f"form.{operation}", f"{operation} takes no forms.",
                _of_path(contract, operation, formless), *place, touches=((operation, 406),),
            )  # fmt: skip

    def judged(answer: Answer) -> None:
        if answer.environ["REQUEST_METHOD"] == "GET" and answer.environ.get("CONTENT_TYPE"):
            answer.refuse(406, "Invalid content type")

    told = "A GET with a Content-Type is refused."
    yield _mutant("get-content-type", told, lambda changing: changing.answers(judged), *place)
    for operation in ("generate", "submit"):

        def typeless(environ: Environ) -> None:
            environ["CONTENT_TYPE"] = environ.get("CONTENT_TYPE") or "application/json"

        sentence = f"{operation} takes a body without a content type for JSON."
        yield _mutant(
            f"no-content-type.{operation}",
            sentence,
            _of_path(contract, operation, typeless),
            *place,
            touches=((operation, 406),),
        )


def _of_path(contract: Contract, operation: str, change: Callable[[Environ], object]) -> Callable[[Changing], object]:
    """Return the change of the requests that begin as an operation's path does."""
    begin = contract.path(operation, model="{model}", id="{id}", file="{file}").partition("{")[0]
    return lambda changing: changing.requests(
        lambda environ: environ["PATH_INFO"].startswith(begin) and change(environ)
    )


def _addresses() -> Iterator[Mutant]:
    def singular(environ: Environ) -> None:
        environ["PATH_INFO"] = environ["PATH_INFO"].replace("/v2/request/", "/v2/requests/")

    told = "The address of a result may be written in the singular."
    yield _mutant("singular", told, lambda changing: changing.requests(singular), "x-errors", "unknown_path")

    def unknown(answer: Answer) -> None:
        if answer.status == 404 and not answer.operation:
            answer.status, answer.json = 200, {}

    told = "An unknown address is answered with 200."
    yield _mutant("any-address", told, lambda changing: changing.answers(unknown), "x-errors", "unknown_path")

    def cancelled(answer: Answer) -> None:
        if answer.environ["REQUEST_METHOD"] == "DELETE" and answer.operation in ("status", "result", "poll"):
            answer.status, answer.json = 200, {"status": "CANCELLED"}

    told = "A request can be cancelled."
    yield _mutant(
        "cancel",
        told,
        lambda changing: changing.answers(cancelled),
        "paths",
        "/v2/{model}",
        "post",
        touches=(("result", 405),),
    )
