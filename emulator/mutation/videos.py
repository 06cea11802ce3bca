"""Mutants of videos: what they are like, whose they are, and what is told of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, BinaryIO

from mockling.contract import Contract, Output
from mockling.contract.verification.clause import Severity
from mockling.contract.verification.places import pointer
from mockling.emulator.mutation.changing import Answer, Changing, editing
from mockling.emulator.mutation.mutant import Kind, Mutant, Touched

BOUGHT: tuple[Touched, ...] = (("generate", 200), ("submit", 200))
FETCHED: tuple[Touched, ...] = (*BOUGHT, ("download", 200))
GENERATED = ("components", "responses", "Generated")
ELSEWHERE = "https://elsewhere.invalid/generations/"
VIDEO = ("components", "schemas", "Generation", "properties", "video", "properties")
FILES = {"download": "/generations/{file}", "asset": "/assets/{file}"}


def video_mutants(contract: Contract) -> Iterator[Mutant]:
    """Yield the mutants of videos."""
    yield from _videos(contract)
    yield from _bodies()
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
    weak = Severity.NOTICE  # what only upstream tells
    rows: tuple[tuple[str, str, str, Callable[[Output, Changing], Output], Severity], ...] = (
        ("longer", "is a second longer than asked for", "seconds", _longer(1), Severity.BREAK),
        ("shorter", "is a second shorter than asked for", "seconds", _longer(-1), Severity.BREAK),
        ("shape", "has another shape than asked for", "pixels", other_size, Severity.BREAK),
        ("pixels", "has half as many pixels each way", "pixels", _halved, weak),
        ("pace", "has 25 pictures a second", "frames_per_second", lambda out, _: replace(out, fps=out.fps + 1), weak),
        ("silent", "never has sound", "audio", lambda out, _: replace(out, audio=False), Severity.BREAK),
        ("loud", "has sound, asked for or not", "audio", lambda out, _: replace(out, audio=True), Severity.BREAK),
    )
    for name, told, part, edit, worth in rows:
        yield _mutant(f"video.{name}", f"A video {told}.", delivered(edit), *output, part, worth=worth)


def _longer(seconds: float) -> Callable[[Output, Changing], Output]:
    return lambda output, _: replace(output, seconds=output.seconds + seconds)


def _halved(output: Output, _: Changing) -> Output:
    return replace(output, width=output.width // 2, height=output.height // 2)


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


def _told(contract: Contract) -> Iterator[Mutant]:
    """Yield answers that tell of a video what is not so."""
    json_of_v1 = ("generate",) if contract.success_type != "video/mp4" else ()
    for operation in (*json_of_v1, "result", "poll"):
        for what, told, path, edit in (
            ("size", "a byte too much as its size", "file_size", lambda value: value + 1),
            (
                "url",
                "an address elsewhere",
                "url",
                lambda value: ELSEWHERE + value.rpartition("/")[2],
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

        told = f"What {operation} delivers is at another server."
        change = editing(operation, 200, _moved)
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
        yield _mutant(
            f"metadata.{name}",
            f"The metadata of a video tell another {name} than it has.",
            editing("generate", 200, partial(_misdescribed, name=name)),
            *place,
            touches=BOUGHT[:1],
        )


def _moved(answer: Answer) -> None:
    body = answer.json
    if isinstance(body, dict) and "video" in body:
        url = ELSEWHERE + body["output"].rpartition("/")[2]
        answer.json = {**body, "output": url, "video": {**body["video"], "url": url}}


def _misdescribed(answer: Answer, name: str) -> None:
    told = json.loads(answer.headers["x-output-metadata"])
    told[name] = told[name] * 2 if not isinstance(told[name], str) else "1x1"
    answer.headers["x-output-metadata"] = json.dumps(told)


def _worth(operation: str) -> Severity:
    """Return what a file deserves that is told of: nobody has shown what JSON of v1 looks like (M8)."""
    return Severity.NOTICE if operation == "generate" else Severity.BREAK


def _video_with(operation: str, name: str, edit: Callable[[Any], Any]) -> Callable[[Changing], object]:
    def change(answer: Answer) -> None:
        body = answer.json
        if isinstance(body, dict) and "video" in body:
            answer.json = {**body, "video": {**body["video"], name: edit(body["video"][name])}}

    return lambda changing: changing.answer(operation, 200, change)
