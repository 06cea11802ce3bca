"""Clauses of how wide an input must be: files are drawn, uploaded and named, at the limits and just beyond."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from mockling.contract.figures import at, first_of
from mockling.contract.inputs import InputFile
from mockling.contract.model import Model
from mockling.contract.verification.asking import Asking
from mockling.contract.verification.clause import Clause
from mockling.contract.verification.drawing import MEDIA, drawn
from mockling.contract.verification.harmless import cheapest, disarmed, fails, lead, with_input
from mockling.contract.verification.probe import Cost, Need, Probe, Request, Sender

STEP = 2  # pixels; a video has an even number of them


def width_clauses(model: Model, asking: Asking) -> Iterator[Clause]:
    """Yield the clauses of inputs that must be of some width.

    Beside the uploaded file a request names another input that nobody can fetch, if the model has one, so that it buys
    nothing even if a width is taken; if the model has none, a width that must be taken is tried without credits.
    """
    for path in model.input_paths:
        body = _request(model, path)
        for file in [file for file in model.inputs(body) if _is_at(file, path, body)][:1]:
            limits = file.must.get("width")
            for limit, inward in (("minimum", 1), ("maximum", -1)) if limits else ():
                edge = limits[limit] + inward * (limits[limit] % STEP)
                for width, is_taken in ((edge, True), (edge - inward * STEP, False)):
                    yield _clause(model, asking, (path, limit), file, body, width, is_taken=is_taken)


def _clause(
    model: Model, asking: Asking, where: tuple[str, str], file: InputFile, body: Any, width: int, *, is_taken: bool
) -> Clause:
    path, limit = where
    name = f"{path.replace('[]', '.items')}.{'takes' if is_taken else 'refuses'}.{width}_wide"
    verb = "takes" if is_taken else "refuses"
    sentence = f"{path} {verb} {'a video' if file.kind == 'video' else 'an image'} {width} pixels wide."
    place = ("x-models", model.slug, "inputs", path, "must", "width", limit)
    key = Need.GOOD if not is_taken or _is_safe(model, path, body) else Need.POOR
    price = model.price(body)

    def run(sender: Sender) -> None:
        content = f"data:{MEDIA[file.kind]};base64,{b64encode(drawn(file.kind, width, file.should)).decode()}"
        uploaded = sender.send(Request(operation="upload", json={"data_urls": [content]}), "upload")
        named = deepcopy(body)
        lead(path, named, uploaded.exchange.answer["file_urls"][0])
        sender.send(Request(operation="generate", values={"model": model.slug}, key=key, json=named, price=price))

    probe = Probe(f"{model.slug}.{name}", Cost.FREE_IF_TRUE, run, frozenset({Need.GOOD, key}), 2, price)
    oracle = asking.judge_taken(probe) if is_taken else asking.judge_refused(probe, name, _status(asking))
    return asking.clause(name, sentence, place, oracle, probe)


def _status(asking: Asking) -> int:
    return int(asking.document["x-errors"]["unfit_width"]["status"])


def _request(model: Model, path: str) -> dict[str, Any]:
    """Return a request that names an input at a path, and another one that cannot be fetched if there may be one."""
    body = disarmed(model, cheapest(model))
    body = body if any(at(path, body)) else with_input(model, body, path)
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


def _is_at(file: InputFile, path: str, body: Mapping[str, Any]) -> bool:
    return file.place in {place for place, _ in at(path, body)}
