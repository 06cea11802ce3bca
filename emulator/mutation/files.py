"""Mutants of files: what is sent of them, and to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mockling.contract.verification.clause import Severity
from mockling.contract.verification.places import pointer
from mockling.emulator.mutation.changing import Answer, Changing, Environ
from mockling.emulator.mutation.mutant import Kind, Mutant, Touched

BOUGHT: tuple[Touched, ...] = (("generate", 200), ("submit", 200))
FILES = {"download": "/generations/{file}", "asset": "/assets/{file}"}


def file_mutants() -> Iterator[Mutant]:
    """Yield the mutants of files."""
    for operation in FILES:
        yield from _fetching(operation)
    yield from _uploads()


def _mutant(
    name: str, sentence: str, change: Callable[[Changing], object], *place: str,
    touches: tuple[Touched, ...], worth: Severity = Severity.BREAK,
) -> Mutant:  # fmt: skip
    where = pointer(*place)
    return Mutant(
        id=f"files.{name}", kind=Kind.FILES, sentence=sentence, place=where, change=change, touches=touches, worth=worth
    )


def _fetching(operation: str) -> Iterator[Mutant]:
    """Yield files that are not served as files are."""
    whole, part, path = (operation, 200), (operation, 206), ("paths", FILES[operation], "get", "responses")

    def of_path(change: Callable[[Environ], object]) -> Callable[[Changing], object]:
        begin = FILES[operation].partition("{")[0]
        return lambda changing: changing.requests(lambda asked: asked["PATH_INFO"].startswith(begin) and change(asked))

    def shifted(asked: Environ) -> None:
        first, _, last = asked.get("HTTP_RANGE", "").removeprefix("bytes=").partition("-")
        if first and last:
            asked["HTTP_RANGE"] = f"bytes={int(first) + 1}-{int(last) + 1}"

    def keyed(answer: Answer) -> None:
        if answer.operation == operation and answer.status < 400 and not answer.environ.get("HTTP_X_API_KEY"):
            answer.refuse(401, "Missing Authorization or x-api-key in header")

    def headless(answer: Answer) -> None:
        if answer.operation == operation and answer.environ["REQUEST_METHOD"] == "HEAD":
            answer.status = 405

    told = f"{operation} ignores Range."
    yield _mutant(
        f"{operation}.no-range",
        told,
        of_path(lambda asked: asked.pop("HTTP_RANGE", None)),
        *path,
        "206",
        touches=(part, *BOUGHT),
    )
    yield _mutant(
        f"{operation}.shifted",
        f"{operation} gives a range that begins a byte later.",
        of_path(shifted),
        *path,
        "206",
        touches=(part, *BOUGHT),
        worth=Severity.NOTICE if operation == "asset" else Severity.BREAK,  # M18: assumed
    )
    yield _mutant(
        f"{operation}.keyed",
        f"{operation} needs a key.",
        lambda changing: changing.answers(keyed),
        *path,
        "200",
        touches=(whole, *BOUGHT),
    )
    yield _mutant(
        f"{operation}.gone",
        f"A file of {operation} is never there.",
        lambda changing: changing.answer(operation, 200, lambda answer: answer.refuse(404, "gone")),
        *path,
        "200",
        touches=(whole, *BOUGHT),
    )
    if operation == "download":
        yield _mutant(
            "download.no-head",
            "A HEAD of a video is refused.",
            lambda changing: changing.answers(headless),
            *path,
            "200",
            touches=(whole, *BOUGHT),
        )


def _uploads() -> Iterator[Mutant]:
    """Yield uploads that are not kept as they should be."""

    def other_asset(changing: Changing) -> None:
        def upload(answer: Answer) -> None:
            body = answer.json
            answer.json = {**body, "file_urls": body["file_urls"] * 2}

        changing.answer("upload", 200, upload)

    yield _mutant(
        "upload.twice",
        "An upload names its file twice.",
        other_asset,
        "paths",
        "/upload-asset",
        "post",
        touches=(("upload", 200),),
    )
    gone = lambda changing: changing.wrap(changing.platform, "upload", _unkept)  # noqa: E731
    yield _mutant(
        "upload.unkept",
        "What is uploaded is not kept.",
        gone,
        "paths",
        "/upload-asset",
        "post",
        touches=(("upload", 200),),
    )


def _unkept(_: Callable[[list[str]], list[str]], data_urls: list[str]) -> list[str]:
    return [f"{number}.png" for number, _ in enumerate(data_urls)]
