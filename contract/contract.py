"""The contract: the settled document and the questions one asks it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mockling.contract.document import ContractError, Document, inlined, pick, settle, source, together
from mockling.contract.model import Case, Model
from mockling.contract.validation import Violation

if TYPE_CHECKING:
    from mockling.contract.responses import ResponseChecker

# What was asked of the contract when it had one model, and where it is asked now.
_MOVED = {
    "path": 'path("generate")',
    "slug": "model.slug",
    "sample": "model.example",
    "parameters": "model.parameters",
    "defaults": "model.defaults",
    "request_schema": "model.schema",
    "violations": "model.violations(parameters)",
    "completed": "model.completed(parameters)",
    "findings": "model.warnings(parameters)",
    "price": 'model.price({"mode": "std", "duration": "3"})',
    "latency": 'model.latency({"mode": "std", "duration": "3"})',
    "pixels": 'model.output({"mode": "std", "aspect_ratio": "16:9"})',
    "answer_type": "success_type",
    "answer_violations": 'response_violations("generate", status, headers, body)',
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error response: its HTTP `status`, its `text`, and its `body`: JSON `{"error": text}` but for a 405 (G1)."""

    status: int
    text: str
    body: str
    content_type: str


class Contract:
    """What the platform and its models promise, with every dispute answered.

    `document` is the settled document, its references replaced by what they refer to; `answers` the answer taken to
    each dispute; `models` every model by its slug; `model` the first of them.
    """

    def __init__(self, settled: Document, answers: Mapping[str, str], files: Mapping[str, str]) -> None:
        self.document: Document = inlined(settled, settled)
        self.answers = dict(answers)
        self.models = {slug: _model(slug, self.document, files.get(slug, slug)) for slug in self.document["x-models"]}
        self.model = next(iter(self.models.values()))
        self.settled = settled

    @cached_property
    def openapi(self) -> Document:
        """The contract as one OpenAPI 3.1 document for other tools, each model with paths of its own."""
        from mockling.contract.openapi import composed

        return composed(self.settled)

    @property
    def live_origins(self) -> tuple[str, ...]:
        """Where the platform really is, such as `https://api.segmind.com`: the API first, then storage and files."""
        return tuple(str(place["origin"]) for place in self.document["x-live-origins"])

    @cached_property
    def operations(self) -> dict[str, Document]:
        """Every operation by its operationId."""
        return {item["operationId"]: item for path in self.document["paths"].values() for item in path.values()}

    def path(self, operation: str, **values: str) -> str:
        """Return the path of an operation, `values` put in its place; `model` is the first one's slug if left out.

        Raises `ContractError` for an operation that is not there.
        """
        path, _ = pick(self.places, operation, "operation")
        return str(path).format(**{"model": self.model.slug, **values})

    @cached_property
    def places(self) -> dict[str, tuple[str, str]]:
        """Where each operation stands in the document: its path, with what is in braces, and its verb ("get")."""
        paths: dict[str, Document] = self.document["paths"]
        return {part["operationId"]: (path, verb) for path, item in paths.items() for verb, part in item.items()}

    @cached_property
    def success_type(self) -> str:
        """The content type of a successful response of v1 (D1): `application/json` or `video/mp4`."""
        return str(next(iter(self.document["components"]["responses"]["Generated"]["content"])))

    def refusal(self, case: str, **values: object) -> Refusal:
        """Return the error response named `case` in `x-errors`, `values` put into its text."""
        error = self.document["x-errors"][case]
        text = error["error"].format(**values)
        if "html" in error:
            return Refusal(error["status"], text, error["html"], "text/html; charset=utf-8")
        return Refusal(error["status"], text, json.dumps({"error": text}), "application/json")

    def failure_after(self, case: Case, latency: float) -> float:
        """Return the seconds after which a generation of that latency fails with a case (M3, M12)."""
        error = self.document["x-errors"][case.name]
        return float(error["seconds"]) if "seconds" in error else float(error["share"]) * latency

    def response_violations(
        self, operation: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> list[Violation]:
        """Return how a response of an operation (by its operationId) breaks the contract; one that keeps it: empty.

        Checks that the status is documented, the headers are there and of their form, and the body is of the
        content type and, if JSON, of the schema documented for it. Header names may be in any case.
        """
        pick(self.operations, operation, "operation")
        return self._responses.violations(operation, status, headers, body)

    @cached_property
    def _responses(self) -> ResponseChecker:
        from mockling.contract.responses import ResponseChecker

        return ResponseChecker(self.operations, self.document["x-messages"])

    def __getattr__(self, name: str) -> NoReturn:
        if name in _MOVED:
            raise AttributeError(f"Contract.{name} moved; it is contract.{_MOVED[name]} now.", name=name, obj=self)
        raise AttributeError(f"A contract has no {name!r}.", name=name, obj=self)


def _model(slug: str, document: Document, told: str) -> Model:
    """Return a model. Raises `ContractError`, which begins with what is `told` of its origin, if it makes no sense."""
    try:
        model = Model(document["x-models"][slug], document)
        for what, request in (("example", model.example), ("default", {**model.example, **model.defaults})):
            violations = model.violations(request)
            if violations:
                raise ContractError(f"its {what} breaks its own parameters: {violations[0].message.rstrip('.')}.")
        for request in model.combinations() if told != slug else [model.example]:
            try:
                model.price(request)
            except ContractError as error:
                raise ContractError(f"{str(error)[:-1]}, of {json.dumps(request)[:300]}.") from error
    except ContractError as error:
        raise ContractError(f"{told}: {error}") from error
    return model


def load(
    profile: str = "documented",
    answers: Mapping[str, str] | None = None,
    changes: Mapping[str, Any] | None = None,
    models: Iterable[str | Path] = (),
) -> Contract:
    """Return the contract with its disputes answered.

    `profile` ("documented" or "observed") answers all of them, `answers` (such as `{"D1": "video"}`) overrides single
    ones, `changes` is a JSON merge patch on the document, for any other choice that was only assumed; `models` are
    files with further models. Raises `ContractError` for a profile, dispute, answer or place that the contract does
    not have, and for a model's file that is none.
    """
    from mockling.contract.modelfile import read_model

    document, files = source(), dict[str, str]()
    for path in models:
        model = read_model(Path(path))
        try:
            document = together(document, [model])
        except ContractError as error:
            raise ContractError(f"{path}: {error}") from error
        files[model["slug"]] = str(path)
    settled, taken = settle(document, profile, answers or {}, changes or {})
    return Contract(settled, taken, files)
