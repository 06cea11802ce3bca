"""Making requests: valid ones as cheap as there are, and ones with a flaw, of whatever a model takes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from typing import Any

from mockling.contract.document import Document
from mockling.contract.figures import values_of
from mockling.contract.model import Model
from mockling.contract.verification.drawing import MEDIA, drawn
from mockling.contract.verification.harmless import harmless
from mockling.contract.verification.probe import Request, Sender
from mockling.contract.verification.promises.promise import field

STEP = 2  # pixels; a video has an even number of them
NO_VALUE = {"mockling": [{"no": "such value"}]}  # of no type that a parameter is likely to have


def cheapest(model: Model) -> dict[str, Any]:
    """Return the cheapest valid request, without what has a default that is no dearer."""
    request = min(filter(lambda one: not model.violations(one), model.combinations()), key=model.price)
    needed = model.schema.get("required", ())
    for name in [name for name in model.defaults if name in request and name not in needed]:
        shorter = {other: value for other, value in request.items() if other != name}
        request = shorter if model.price(shorter) <= model.price(request) and not _fails(model, shorter) else request
    return deepcopy(request)


def unusual(model: Model) -> dict[str, Any]:
    """Return a request as cheap as the cheapest, with values other than the defaults wherever they cost nothing."""
    request = cheapest(model)
    for name, default in model.defaults.items():
        for value in values_of(model.parameters[name]):
            other = {**request, name: value}
            if value != default and not model.violations(other) and model.price(other) <= model.price(request):
                request = other
                break
    return request


def price_of(model: Model) -> Decimal:
    """Return what the cheapest generation costs, in US dollars."""
    return model.price(cheapest(model))


def flawed(model: Model) -> dict[str, Any] | None:
    """Return a request with an invalid parameter, whose inputs cannot be fetched; None: nothing would be invalid."""
    request = harmless(model)
    absent = (
        {other: value for other, value in request.items() if other != name} for name in model.schema.get("required", ())
    )
    wrong = ({**request, name: NO_VALUE} for name in model.parameters)
    return next((one for one in (*absent, *wrong) if model.violations(one)), None)


def unfit_request(model: Model) -> Callable[[Sender], dict[str, Any]] | None:
    """Return what uploads a video a little too narrow, and makes a request with it; None: no width is asked for."""
    found = [
        (file.place, file.must["width"]["minimum"], file.should)
        for file in model.inputs(model.example)
        if file.kind == "video" and file.must.get("width", {}).get("minimum", 0) > STEP and file.place in model.example
    ]
    if not found:
        return None
    place, least, should = found[0]

    def prepare(sender: Sender) -> dict[str, Any]:
        step = sender.send(upload_of(MEDIA["video"], drawn("video", least - least % STEP - STEP, should)), "upload")
        return {"json": {**harmless(model), place: field(step, "file_urls")[0]}}

    return prepare


def upload_of(media_type: str, content: bytes) -> Request:
    """Return the request that uploads a file (G20)."""
    body: Document = {"data_urls": [f"data:{media_type};base64,{b64encode(content).decode()}"]}
    return Request(operation="upload", json=body)


def _fails(model: Model, request: dict[str, Any]) -> bool:
    completed = model.completed(request)
    return model.failure(completed, model.inputs(completed)) is not None
