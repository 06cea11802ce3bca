"""A model: one endpoint of the platform, and every question about its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mockling.contract import warnings
from mockling.contract.document import ContractError, Document
from mockling.contract.figures import at, check_kind, check_top, first_of, kinds_of, schema_at, text_of
from mockling.contract.inputs import InputFile
from mockling.contract.terms import Output, Terms
from mockling.contract.validation import SchemaValidator, Violation


@dataclass(frozen=True, slots=True)
class Case:
    """An error of the contract's `x-errors` by its `name`, with the `values` that its text names."""

    name: str
    values: Mapping[str, Any]


class Model:
    """One endpoint, as its file says; nothing else knows what a parameter means.

    `slug` is its name in paths, `title` and `summary` are for people, `schema` is the JSON Schema of a request's body
    and `parameters` the schema of each parameter, `example` a valid request, `defaults` the value of each parameter
    that has one. Raises `ContractError` if its file does not fit together.
    """

    def __init__(self, document: Document, settled: Document) -> None:
        self.slug: str = document["slug"]
        self.title: str = document["title"]
        self.schema: Document = document["parameters"]
        self.parameters: dict[str, Document] = self.schema["properties"]
        self.example: dict[str, Any] = document["example"]
        self.defaults = {name: part["default"] for name, part in self.parameters.items() if "default" in part}
        self._nullable = any("null" in kinds_of(part) or not kinds_of(part) for part in self.parameters.values())
        self._texts = [name for name, part in self.parameters.items() if _takes_numbers(part)]
        self.spread: float = document["latency"]["spread"]
        self.queue_share: float = document["latency"]["queue_share"]
        inputs: dict[str, Document] = document["inputs"]
        self._inputs = [(first_of(path), path, limits) for path, limits in inputs.items()]
        self._enforced: bool = document["inputs_enforced"]
        self._failures: list[Document] = document["failures"]
        self._sites, self._nowhere = (tuple(settled["x-unreachable"][part]) for part in ("sites", "nowhere"))
        self._validator = SchemaValidator(self.schema, settled["x-messages"])
        self._warnings = [warnings.rule(row, self.schema) for row in document["warnings"]]
        videos = [path for path, limits in inputs.items() if limits["kind"] == "video"]
        self._terms = Terms(document, self.schema, videos)
        for path in inputs:
            check_kind(path, "string", self.schema, "inputs")
        for name in self.texts_needed:
            check_kind(name, "string", self.schema, "failures")
            check_top(name, self.schema, "failures")
        for name in self.schema.get("required", ()):
            schema_at(name, self.schema, "parameters.required")

    def violations(self, parameters: object) -> list[Violation]:
        """Return how a request's body breaks the contract, the platform's first complaint first; valid: empty."""
        found = self._validator.violations(parameters)
        if found or self._terms.tried or not isinstance(parameters, Mapping):
            return found
        try:
            self._terms.of(self.completed(parameters))
        except ContractError as error:
            told = f"No video can be made of these parameters. {error}"
            return [Violation("$", "parameters of which a video can be made", "others", told)]
        return []

    def completed(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return a valid request with its defaults, without unknown parameters, numbers taken for texts as texts.

        What is null counts as left out.
        """
        full = self._filled(parameters)
        if full.keys() != self.parameters.keys():
            full = {name: value for name, value in full.items() if name in self.parameters}
        for name in self._texts:
            if name in full:
                full[name] = _as_text(self.parameters[name], full[name])
        return full

    def inputs(self, parameters: Mapping[str, Any]) -> list[InputFile]:
        """Return the files that a valid request names, those of the first input parameter first."""
        return [
            InputFile(place, limits["kind"], url, limits.get("must", {}), limits.get("should", {}))
            for name, path, limits in self._inputs
            if name in parameters
            for place, url in at(path, parameters)
        ]

    @property
    def input_paths(self) -> list[str]:
        """The paths of the parameters that lead to files, such as `elements[].frontal_image_url`."""
        return [path for _, path, _ in self._inputs]

    @property
    def texts_needed(self) -> list[str]:
        """The parameters that fail a generation if they are blank."""
        return [row["blank"] for row in self._failures]

    def warnings(self, parameters: Mapping[str, Any], files: Iterable[InputFile] | None = None) -> Iterator[str]:
        """Yield what in a valid request is probably a mistake, one sentence each; never a reason to refuse it.

        `files` are its inputs, measured as far as they are at hand (None: none of them is).
        """
        yield from warnings.unknown(parameters, self.schema)
        for check in self._warnings:
            yield from check(parameters)
        for file in self.inputs(parameters) if files is None else files:
            if file.measures is None:
                yield from warnings.unreachable(file, self._sites)
            if not self._enforced:
                yield from file.misfits()

    def unfit(self, files: Iterable[InputFile]) -> Case | None:
        """Return the error that refuses a request because of what its files are like, or None (P5)."""
        for file in files:
            limits, width = file.must.get("width"), (file.measures or {}).get("width")
            if limits and width is not None and not limits["minimum"] <= width <= limits["maximum"]:
                return Case("unfit_width", {"field": file.place, "width": width, **limits})
        return None

    def failure(self, parameters: Mapping[str, Any], files: Iterable[InputFile]) -> Case | None:
        """Return the error with which the generation of a valid request fails, as far as that is known, or None."""
        for row in self._failures:
            if not str(parameters.get(row["blank"]) or "").strip():
                return Case("rejected_parameter", {"text": row["error"]})
        for file in files:
            if not file.is_web:
                return Case("rejected_reference", {})
            if self.leads_nowhere(file):
                return Case("unreadable_input", {"kind": file.kind, "reason": "Name or service not known"})
            if self._enforced:
                for warning in file.misfits():
                    return Case("unfit_input", {"warning": warning})
        return None

    def leads_nowhere(self, file: InputFile) -> bool:
        """Say whether an input can be fetched by nobody, wherever the platform is (M21)."""
        return file.is_below(self._nowhere)

    def price(self, parameters: Mapping[str, Any]) -> Decimal:
        """Return what a generation costs, in US dollars, exactly; what is left out has its default.

        Raises `ContractError` for a value that a parameter does not have.
        """
        return self._terms.of(self._filled(parameters))[0]

    def latency(self, parameters: Mapping[str, Any]) -> float:
        """Return the average seconds from request to response. Raises `ContractError` as `price` does."""
        return self._terms.of(self._filled(parameters))[1]

    def output(self, parameters: Mapping[str, Any]) -> Output:
        """Return what a generation delivers. Raises `ContractError` as `price` does."""
        return self._terms.of(self._filled(parameters))[2]

    def _filled(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if self._nullable and None in parameters.values():
            parameters = {name: value for name, value in parameters.items() if value is not None}
        return {**self.defaults, **parameters}

    def combinations(self) -> Iterator[dict[str, Any]]:
        """Yield the example with each value, or limit, of the parameters that decide on price, latency and output."""
        yield from self._terms.combinations(self.example)

    @property
    def fps(self) -> int:
        """The frames a second of its outputs."""
        return self._terms.fps

    def sizes(self) -> list[tuple[int, int]]:
        """Return the pixels that outputs can have, width and height, each once."""
        return list(self._terms.sizes)


def _takes_numbers(schema: Document) -> bool:
    """Say whether a parameter's values are texts beside which their numbers stand (D7)."""
    values = schema.get("enum", ())
    return any(isinstance(value, str) for value in values) and not all(isinstance(value, str) for value in values)


def _as_text(schema: Document, value: Any) -> Any:
    """Return a number that stands beside its text in an enum as the text."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    text = text_of(value) if is_number else None
    return text if text is not None and text in schema["enum"] else value
