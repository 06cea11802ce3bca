"""The page's sample against the contract: what it calls, what it sends, and how it reads the answer."""

from __future__ import annotations

from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.document import Document
from mockling.contract.model import Model
from mockling.contract.page.points import Points, operation_at, told
from mockling.contract.page.sample import Sample

_JSON = "application/json"


def compare_sample(points: Points, sample: Sample | None, model: Model, contract: Contract) -> None:
    """Note in which points the sample agrees with the model's operation, its example and the answer."""
    if sample is None:
        points.skip("sample", "the page has none that could be read")
        return
    for part in sample.unread:
        points.skip(f"sample.{part}", "it is no plain value that could be read")
    _compare_call(points, sample, model, contract)
    if sample.headers is not None:
        _compare_headers(points, sample.headers, contract)
    _compare_answer(points, sample, contract)
    if sample.data is not None:
        _compare_data(points, sample.data, model)


def _compare_call(points: Points, sample: Sample, model: Model, contract: Contract) -> None:
    steps, method, path = operation_at(contract, "generate")
    if sample.slug is not None:
        points.check("sample.slug", ("x-models", model.slug, "slug"), sample.slug, model.slug)
    if sample.url is not None:
        points.check("sample.method", steps, sample.method, method)
        points.check("sample.url", steps, sample.url, contract.live_origins[0] + path.format(model=model.slug))


def _compare_headers(points: Points, sent: dict[str, Any], contract: Contract) -> None:
    """Note whether the headers are those of the contract; the key itself is a placeholder."""
    key = contract.document["components"]["securitySchemes"]["apiKey"]["name"]
    body = next(iter(contract.operations["generate"]["requestBody"]["content"]))
    said = {name.lower(): "sent" if name.lower() == key else str(value) for name, value in sent.items()}
    operation, _, _ = operation_at(contract, "generate")
    places = {key: ("components", "securitySchemes", "apiKey", "name"), "content-type": (*operation, "requestBody")}
    wanted = {key: "sent", "content-type": body}
    for name in sorted(said.keys() | wanted.keys()):
        if said.get(name) == wanted.get(name):
            points.check(f"sample.headers.{name}", places[name], said[name], wanted[name])
        else:
            points.differ(f"sample.headers.{name}", places.get(name, operation), said.get(name), wanted.get(name))


def _compare_answer(points: Points, sample: Sample, contract: Contract) -> None:
    steps, _, _ = operation_at(contract, "generate")
    success = next(status for status in contract.operations["generate"]["responses"] if status.startswith("2"))
    if sample.status is not None:
        points.check("sample.status", (*steps, "responses", success), str(sample.status), success)
    if len(sample.reads) == 1:
        read, answer = sample.reads[0], contract.success_type
        same = (read == "json") == (answer == _JSON)
        page = _JSON if read == "json" else answer if same else "the bytes of a file"
        points.check("sample.answer", (*steps, "responses", success, "content"), page, answer)
    elif sample.url is not None:
        points.skip("sample.answer", "the sample does not tell how it reads the answer")


def _compare_data(points: Points, sent: dict[str, Any], model: Model) -> None:
    """Note whether what is sent is valid, and has the values of the example; a free text is everybody's own."""
    steps = ("x-models", model.slug)
    violations = model.violations(sent)
    complaint = violations[0].message if violations else "valid"
    points.check("sample.data", (*steps, "parameters"), complaint, "valid")
    for name in {**model.example, **sent}:
        place = (*steps, "parameters", "properties", name)
        page, contract = (told(values[name]) if name in values else None for values in (sent, model.example))
        if page is None or contract is None:
            points.differ(f"sample.data.{name}", place, page, contract)
        elif not _is_free(model.parameters.get(name, {})):
            points.check(f"sample.data.{name}", place, page, contract)


def _is_free(schema: Document) -> bool:
    """Say whether a parameter is a text of which nothing is fixed."""
    return schema.get("type") == "string" and not schema.keys() & {"enum", "const", "default", "format"}
