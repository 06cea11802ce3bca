"""Responses: whether one keeps what the document says of its operation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mockling.contract.document import Document
from mockling.contract.validation import SchemaValidator, Violation


class ResponseChecker:
    """Checks responses of operations against the document; what was compiled once is kept."""

    def __init__(self, operations: Mapping[str, Document], messages: Mapping[str, str]) -> None:
        self._operations = operations
        self._messages = messages
        self._validators: dict[int, SchemaValidator] = {}

    def violations(self, operation: str, status: int, headers: Mapping[str, str], body: bytes) -> list[Violation]:
        """Return how a response breaks the contract; one that keeps it: empty."""
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
        absent = [name for name in response.get("x-absent-headers", []) if name in lower]
        found += [_simple(name, "no header", lower[name]) for name in absent]
        if "content" in response:
            found += self._body_violations(response["content"], status, lower.get("content-type", "nothing"), body)
        return found

    def _header_violations(self, name: str, header: Document, value: str | None) -> Iterator[Violation]:
        if value is None:
            if header.get("required"):
                yield _simple(name, "a header", "nothing")
            return
        schema = header["schema"].get("contentSchema", header["schema"])
        is_text = schema.get("type", "string") == "string"
        try:
            parsed = value if is_text else strict_json(value)
        except (ValueError, RecursionError):
            yield _simple(name, "a header whose value is JSON", value)
            return
        for violation in self._validator(schema).violations(parsed):
            yield _simple(name, violation.expected, violation.actual)

    def _body_violations(self, content: Document, status: int, content_type: str, body: bytes) -> list[Violation]:
        media = content_type.partition(";")[0].strip().lower()
        if media not in content and "*/*" not in content:
            return [_simple("content-type", " or ".join(content), content_type)]
        if media == "video/mp4" and content_type != media:
            return [_simple("content-type", "video/mp4 exactly", content_type)]
        if media == "video/mp4" and status == 200 and body[4:8] != b"ftyp":  # a 206 is any part of one
            return [_simple("the body", "an MP4, which begins with its ftyp box", repr(body[:60]))]
        schema = content.get(media, {}).get("schema")
        if media != "application/json" or schema is None:
            return []
        try:
            parsed = strict_json(body)
        except (ValueError, RecursionError):
            return [_simple("the body", "JSON", repr(body[:60]))]
        return self._validator(schema).violations(parsed)

    def _validator(self, schema: Document) -> SchemaValidator:
        if id(schema) not in self._validators:  # the document, and so its schemas, lives as long as this does
            self._validators[id(schema)] = SchemaValidator(schema, self._messages)
        return self._validators[id(schema)]


def strict_json(text: str | bytes) -> Any:
    """Return what JSON holds. Raises `ValueError` if it is none; NaN and Infinity are none."""
    return json.loads(text, parse_constant=lambda name: json.loads(f"{name} is no JSON"))


def _simple(place: str, wanted: str, actual: str) -> Violation:
    return Violation(place, wanted, actual, f"{place} must be {wanted}, got {actual}")
