"""Mutants of files: what a video is like, what is sent of it, and to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO

from mockling.contract import Contract, Output
from mockling.contract.verification.clause import Severity
from mockling.contract.verification.places import pointer
from mockling.emulator.mutation.changing import Answer, Changing, Environ
from mockling.emulator.mutation.mutant import Kind, Mutant, Touched

BOUGHT: tuple[Touched, ...] = (("generate", 200), ("submit", 200))
FETCHED: tuple[Touched, ...] = (*BOUGHT, ("download", 200))
GENERATED = ("components", "responses", "Generated")
VIDEO = ("components", "schemas", "Generation", "properties", "video", "properties")
FILES = {"download": "/generations/{file}", "asset": "/assets/{file}"}


def file_mutants(contract: Contract) -> Iterator[Mutant]:
    """Yield the mutants of files."""
    yield from _videos(contract)
    yield from _bodies()
    for operation in FILES:
        yield from _fetching(operation)
    yield from _told(contract)


def _mutant(
    name: str, sentence: str, change: Callable[[Changing], object], *place: str,
    touches: tuple[Touched, ...] = FETCHED, worth: Severity = Severity.BREAK,
) -> Mutant:  # fmt: skip
    where = pointer(*(place or GENERATED))
    return Mutant(
        id=f"files.{name}", kind=Kind.FILES, sentence=sentence, place=where, change=change, touches=touches, worth=worth
    )


def _videos(contract: Contract) -> Iterator[Mutant]:
    """Yield videos that are not as was asked for."""

    def delivered(edit: Callable[[Output, Changing], Output]) -> Callable[[Changing], object]:
        def change(changing: Changing) -> None:
            for model in changing.contract.models.values():
                changing.wrap(model, "output", lambda ask, parameters: edit(ask(parameters), changing))

        return change

    def other_size(output: Output, changing: Changing) -> Output:
        sizes = [size for model in changing.contract.models.values() for size in model.sizes()]
        shape = output.width * 9 // output.height
        width, height = next((one for one in sizes if one[0] * 9 // one[1] != shape), (output.height, output.width))
        return replace(output, width=width, height=height)

    slug = contract.model.slug
    output = ("x-models", slug, "output")
    for name, told, part, edit, worth in (
        ("longer", "is a second longer than asked for", "seconds", lambda out, _: replace(out, seconds=out.seconds + 1), Severity.BREAK),
        ("shorter", "is a second shorter than asked for", "seconds", lambda out, _: replace(out, seconds=out.seconds - 1), Severity.BREAK),
        ("shape", "has another shape than asked for", "pixels", other_size, Severity.BREAK),
        ("pixels", "has half the pixels", "pixels", lambda out, _: replace(out, width=out.width // 2, height=out.height // 2), Severity.NOTICE),
        ("pace", "has 25 pictures a second", "frames_per_second", lambda out, _: replace(out, fps=out.fps + 1), Severity.NOTICE),
        ("silent", "never has sound", "audio", lambda out, _: replace(out, audio=False), Severity.BREAK),
        ("loud", "has sound, asked for or not", "audio", lambda out, _: replace(out, audio=True), Severity.BREAK),
    ):  # fmt: skip
        yield _mutant(f"video.{name}", f"A video {told}.", delivered(edit), *output, part, worth=worth)


def _bodies() -> Iterator[Mutant]:
    """Yield files that are not those of the job."""

    def opened(
        edit: Callable[[Callable[..., BinaryIO], Output, str, list[str]], BinaryIO],
    ) -> Callable[[Changing], object]:
        def change(changing: Changing) -> None:
            ids = list[str]()
            changing.wrap(
                changing.platform.outputs, "file", lambda ask, output, request_id: edit(ask, output, request_id, ids)
            )

        return change

    def first(ask: Callable[..., BinaryIO], output: Output, request_id: str, ids: list[str]) -> BinaryIO:
        ids.append(request_id)
        return ask(output, ids[0])

    yield _mutant("of-another-job", "Every video is that of the first job.", opened(first), worth=Severity.NOTICE)
    for operation in FILES:
        for what, told, edit in (
            ("truncated", "its last bytes", lambda body: body[:-20]),
            ("empty", "all of its bytes", lambda _: b""),
            (
                "garbled",
                "its first bytes, in place of which are others",
                lambda body: bytes(len(body[:64])) + body[64:],
            ),
        ):
            change = _edited(operation, edit)
            yield _mutant(
                f"{operation}.{what}",
                f"A file of {operation} lacks {told}.",
                change,
                "paths",
                FILES[operation],
                "get",
                "responses",
                "200",
                touches=((operation, 200), *BOUGHT),
            )
    garbled = _edited(
        "download", lambda body: body[: len(body) // 2] + bytes(64) + body[len(body) // 2 + 64 :], "keyed"
    )
    yield _mutant(
        "download.keyed-apart",
        "A download with a key gives other bytes than one without.",
        garbled,
        touches=(("download", 200), *BOUGHT),
    )


def _edited(operation: str, edit: Callable[[bytes], bytes], only: str = "") -> Callable[[Changing], object]:
    def change(answer: Answer) -> None:
        if not only or answer.environ.get("HTTP_X_API_KEY"):
            answer.body = edit(answer.body)

    return lambda changing: changing.answer(operation, 200, change)


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


def _told(contract: Contract) -> Iterator[Mutant]:
    """Yield answers that tell of a video what is not so."""
    for operation in ("generate", "result", "poll"):
        for what, told, path, edit in (
            ("size", "a byte too much as its size", "file_size", lambda value: value + 1),
            (
                "url",
                "an address elsewhere",
                "url",
                lambda value: "https://elsewhere.invalid/" + value.rpartition("/")[2],
            ),
        ):
            change = _video_with(operation, path, edit)
            touches = ((operation, 200), *BOUGHT)
            yield _mutant(
                f"{operation}.{what}",
                f"{operation} tells {told}.",
                change,
                *VIDEO,
                path,
                touches=touches,
                worth=_worth(operation),
            )

        def moved(answer: Answer) -> None:
            body = answer.json
            if isinstance(body, dict) and "video" in body:
                url = "https://elsewhere.invalid/generations/" + body["output"].rpartition("/")[2]
                answer.json = {**body, "output": url, "video": {**body["video"], "url": url}}

        told = f"What {operation} delivers is at another server."
        change = lambda changing, operation=operation, moved=moved: changing.answer(operation, 200, moved)  # noqa: E731
        yield _mutant(
            f"{operation}.elsewhere",
            told,
            change,
            *VIDEO,
            "url",
            touches=((operation, 200), *BOUGHT),
            worth=_worth(operation),
        )
    place = (*GENERATED, "headers", "x-output-metadata")
    for name in contract.document["components"]["schemas"]["OutputMetadata"]["required"]:

        def changed(answer: Answer, name: str = name) -> None:
            import json

            told = json.loads(answer.headers["x-output-metadata"])
            told[name] = told[name] * 2 if not isinstance(told[name], str) else "1x1"
            answer.headers["x-output-metadata"] = json.dumps(told)

        yield _mutant(
            f"metadata.{name}", f"The metadata of a video tell another {name} than it has.",
            lambda changing, changed=changed: changing.answer("generate", 200, changed), *place, touches=BOUGHT[:1],
        )  # fmt: skip

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


def _worth(operation: str) -> Severity:
    """Return what a file deserves that is told of: nobody has shown what JSON of v1 looks like (M8)."""
    return Severity.NOTICE if operation == "generate" else Severity.BREAK


def _unkept(_: Callable[[list[str]], list[str]], data_urls: list[str]) -> list[str]:
    return [f"{number}.png" for number, _ in enumerate(data_urls)]


def _video_with(operation: str, name: str, edit: Callable[[Any], Any]) -> Callable[[Changing], object]:
    def change(answer: Answer) -> None:
        body = answer.json
        if isinstance(body, dict) and "video" in body:
            answer.json = {**body, "video": {**body["video"], name: edit(body["video"][name])}}

    return lambda changing: changing.answer(operation, 200, change)
