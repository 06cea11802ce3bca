"""The contract: the settled document and the questions one asks it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from mockling.contract import lint
from mockling.contract.document import ContractError, Document, settle
from mockling.contract.validation import SchemaValidator, Violation


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer: its HTTP `status`, its `text`, and its `body`: JSON `{"error": text}` but for a 405 (G1)."""

    status: int
    text: str
    body: str
    content_type: str


class Contract:
    """What the endpoint promises, with every dispute answered.

    `document` is the OpenAPI document, its references replaced by what they refer to; `answers` the answer taken to
    each dispute.
    """

    def __init__(self, document: Document, answers: Mapping[str, str]) -> None:
        self.document = document
        self.answers = dict(answers)
        self._request = SchemaValidator(self.request_schema, document["x-messages"])

    @cached_property
    def path(self) -> str:
        """The endpoint's path (P1)."""
        paths: Document = self.document["paths"]
        return next(path for path, item in paths.items() if "post" in item)

    @cached_property
    def slug(self) -> str:
        """The model's name in the path (P1)."""
        return str(self.path.rpartition("/")[2])

    @property
    def request_schema(self) -> Document:
        """The JSON Schema of a request's body (P4-P12)."""
        schema: Document = self.document["components"]["schemas"]["Request"]
        return schema

    @cached_property
    def parameters(self) -> dict[str, Document]:
        """The schema of each parameter, in the page's order."""
        return dict(self.request_schema["properties"])

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The value of each parameter that has a default (P6, P7, P10-P12)."""
        return {name: schema["default"] for name, schema in self.parameters.items() if "default" in schema}

    @cached_property
    def sample(self) -> dict[str, Any]:
        """A valid request: the values of the page's sample, with a prompt of our own."""
        content = self.document["paths"][self.path]["post"]["requestBody"]["content"]
        return dict(content["application/json"]["examples"]["sample"]["value"])

    @cached_property
    def answer_type(self) -> str:
        """The content type of a successful answer (D1): `application/json` or `video/mp4`."""
        return str(next(iter(self.document["components"]["responses"]["Generated"]["content"])))

    def violations(self, request: object) -> list[Violation]:
        """Return how a request's body breaks the contract, the platform's first complaint first; valid: empty."""
        return self._request.violations(request)

    def findings(self, request: Mapping[str, Any]) -> Iterator[str]:
        """Yield what in a valid request is probably a mistake, one sentence each; never a reason to refuse it."""
        return lint.findings(request, self.request_schema, self.document["x-lint"])

    def completed(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return a valid request with its defaults filled in, unknown parameters left out, the duration a string."""
        known = {name: value for name, value in request.items() if name in self.parameters}
        full = {**self.defaults, **known}
        if not isinstance(full["duration"], str):  # where D7 lets a number pass
            full["duration"] = str(int(full["duration"]))
        return full

    def refusal(self, case: str, **values: object) -> Refusal:
        """Return the error answer named `case` in `x-errors`, `values` put into its text."""
        error = self.document["x-errors"][case]
        text = error["error"].format(**values)
        if "html" in error:
            return Refusal(error["status"], text, error["html"], "text/html; charset=utf-8")
        return Refusal(error["status"], text, json.dumps({"error": text}), "application/json")

    def price(self, mode: str, duration: str | int) -> Decimal:
        """Return what a generation costs, in US dollars, exactly (P3).

        Raises `ContractError` for an unknown mode or duration.
        """
        seconds = self._seconds(mode, duration)
        return seconds * Decimal(self.document["x-price"]["per_second"][mode])

    def latency(self, mode: str, duration: str | int) -> float:
        """Return the average seconds from request to answer (P2, U10, M3). Raises `ContractError` as `price` does."""
        seconds = self._seconds(mode, duration)
        latency = self.document["x-latency"]
        return float(latency["base"][mode] + latency["per_second"][mode] * seconds)

    def pixels(self, mode: str, aspect_ratio: str) -> tuple[int, int]:
        """Return the output's width and height in pixels (U2)."""
        width, height = self.document["x-output"]["pixels"][mode][aspect_ratio]
        return width, height

    def answer_violations(
        self, status: int, headers: Mapping[str, str], body: bytes, operation: str = "generate"
    ) -> list[Violation]:
        """Return how an answer to an operation (by its operationId) breaks the contract; one that keeps it: empty.

        Checks that the status is documented, the headers are there and of their form, and the body is of the
        content type and, if JSON, of the schema documented for it. Header names may be in any case.
        """
        responses = self._operations[operation]["responses"]
        if str(status) not in responses:
            return [_simple("status", f"one of {', '.join(responses)}", str(status))]
        response = responses[str(status)]
        lower = {name.lower(): value for name, value in headers.items()}
        found = [
            violation
            for name, header in response.get("headers", {}).items()
            for violation in self._header_violations(name, header, lower.get(name))
        ]
        found += [
            _simple(name, "no header", lower[name]) for name in response.get("x-absent-headers", []) if name in lower
        ]
        return found + self._body_violations(response["content"], lower.get("content-type", "nothing"), body)

    @cached_property
    def _operations(self) -> dict[str, Document]:
        items = (item for path in self.document["paths"].values() for item in path.values())
        return {item["operationId"]: item for item in items}

    def _header_violations(self, name: str, header: Document, value: str | None) -> list[Violation]:
        if value is None:
            return [_simple(name, "a header", "nothing")] if header.get("required") else []
        schema = header["schema"] if "schema" in header else header["content"]["application/json"]["schema"]
        is_text = schema.get("type", "string") == "string"
        try:
            parsed = value if is_text else _strict_json(value)
        except (ValueError, RecursionError):
            return [_simple(name, "a header whose value is JSON", value)]
        found = self._validator(schema).violations(parsed)
        return [_simple(name, violation.expected, violation.actual) for violation in found]

    def _body_violations(self, content: Document, content_type: str, body: bytes) -> list[Violation]:
        media = content_type.partition(";")[0].strip().lower()
        if media not in content:
            return [_simple("content-type", " or ".join(content), content_type)]
        if media == "video/mp4" and (content_type != media or body[4:8] != b"ftyp"):
            return [_simple("the body", "an MP4 of the content type video/mp4 exactly", content_type)]
        if media != "application/json":
            return []
        try:
            parsed = _strict_json(body)
        except (ValueError, RecursionError):
            return [_simple("the body", "JSON", repr(body[:60]))]
        return self._validator(content[media]["schema"]).violations(parsed)

    def _validator(self, schema: Document) -> SchemaValidator:
        return SchemaValidator(schema, self.document["x-messages"])

    def _seconds(self, mode: str, duration: str | int) -> int:
        modes, durations = self.parameters["mode"]["enum"], self.parameters["duration"]["enum"]
        if mode not in modes:
            raise ContractError(f"There is no mode {mode!r}; there is {', '.join(modes)}.")
        if str(duration) not in durations:
            raise ContractError(
                f"There is no duration {duration!r}; it is from {durations[0]} to {durations[-1]} seconds."
            )
        return int(duration)


def _strict_json(text: str | bytes) -> Any:
    """Return what JSON holds. Raises `ValueError` if it is none; NaN and Infinity are none."""
    return json.loads(text, parse_constant=lambda name: json.loads(f"{name} is no JSON"))


def _simple(place: str, wanted: str, actual: str) -> Violation:
    return Violation(place, wanted, actual, f"{place} must be {wanted}, got {actual}")


def load(
    profile: str = "documented",
    answers: Mapping[str, str] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Contract:
    """Return the contract with its disputes answered.

    `profile` ("documented" or "observed") answers all of them, `answers` (such as `{"D1": "video"}`) overrides single
    ones, `changes` is a JSON merge patch on the document, for any other choice that was only assumed. Raises
    `ContractError` for a profile, dispute, answer or place the contract does not have.
    """
    return Contract(*settle(profile, answers or {}, changes or {}))
