"""Clauses of how wide an input must be: files are drawn, uploaded and named, at the limits and just beyond."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from mockling.contract.figures import at, first_of
from mockling.contract.inputs import InputFile
from mockling.contract.model import Model
from mockling.contract.verification.asking import Asking, Question
from mockling.contract.verification.clause import Clause
from mockling.contract.verification.drawing import MEDIA, drawn
from mockling.contract.verification.harmless import fails, lead, with_input
from mockling.contract.verification.probe import Cost, Need, Probe, Request, Sender

STEP = 2  # pixels; a video has an even number of them
SMALLEST = 32  # pixels of a limit that is tried


def width_clauses(asking: Asking) -> Iterator[Clause]:
    """Yield the clauses of inputs that must be of some width.

    Beside the uploaded file a request names another input that nobody can fetch, if the model has one, so that it buys
    nothing even if a width is taken; if the model has none, a width that must be taken is tried without credits.
    """
    for path in asking.model.input_paths:
        body = _request(asking, path)
        places = {place for place, _ in at(path, body)}
        for file in [file for file in asking.model.inputs(body) if file.place in places][:1]:
            for limit, width, is_taken in _widths(file.must.get("width", {})):
                verb, what = "takes" if is_taken else "refuses", "a video" if file.kind == "video" else "an image"
                name = f"{path.replace('[]', '.items')}.{verb}.{width}_wide"
                place = ("x-models", asking.model.slug, "inputs", path, "must", "width", limit)
                asked = Question(name, f"{path} {verb} {what} {width} pixels wide.", place, body)
                yield _clause(asking, asked, path, file, width)


def _widths(limits: Mapping[str, int]) -> Iterator[tuple[str, int, bool]]:
    """Yield the even widths at the limits and just beyond, with the limit that it is, and whether it is taken."""
    for limit, inward in (("minimum", 1), ("maximum", -1)):
        if limits.get(limit, 0) >= SMALLEST:
            edge = limits[limit] + inward * (limits[limit] % STEP)
            yield limit, edge, True
            yield limit, edge - inward * STEP, False


def _clause(asking: Asking, asked: Question, path: str, file: InputFile, width: int) -> Clause:
    model, is_taken = asking.model, ".takes." in asked.name
    key = Need.GOOD if not is_taken or _is_safe(model, path, asked.body) else Need.POOR
    price = model.price(asked.body)

    def run(sender: Sender) -> None:
        content = f"data:{MEDIA[file.kind]};base64,{b64encode(drawn(file.kind, width, file.should)).decode()}"
        uploaded: Any = sender.send(
            Request(operation="upload", json={"data_urls": [content]}), "upload"
        ).exchange.answer
        body = deepcopy(asked.body)
        lead(path, body, uploaded["file_urls"][0])
        sender.send(Request(operation="generate", values={"model": model.slug}, key=key, json=body, price=price))

    probe = Probe(f"{model.slug}.{asked.name}", Cost.FREE_IF_TRUE, run, frozenset({Need.GOOD, key}), 2, price)
    wanted = asking.status("unfit_width")
    oracle = asking.judge_taken(probe) if is_taken else asking.judge_refused(probe, asked.name, wanted)
    return asking.clause(asked, oracle, probe)


def _request(asking: Asking, path: str) -> dict[str, Any]:
    """Return a request that names an input at a path, and another one that cannot be fetched if there may be one."""
    model = asking.model
    body = asking.base if any(at(path, asking.base)) else with_input(model, asking.base, path)
    for other in model.input_paths:
        if first_of(other) != first_of(path):
            added = with_input(model, body, other)
            if _is_safe(model, path, added):
                return added
    return body


def _is_safe(model: Model, path: str, body: Mapping[str, Any]) -> bool:
    """Say whether a request still fails when what is at a path can be fetched."""
    named = deepcopy(dict(body))
    lead(path, named, "https://example.com/input.mp4")
    return fails(model, named)
