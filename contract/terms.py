"""Terms: what a generation costs, how long it takes and what it delivers, as its parameters say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import islice, product
from math import prod
from typing import Any

from mockling.contract.document import ContractError, Document
from mockling.contract.figures import LARGEST, choice, first_of, names, number, values_of

MOST_COMBINATIONS = 2000  # of parameters that are tried when a file is read
LONGEST_OUTPUT = 600  # seconds of a video that can be made


@dataclass(frozen=True, slots=True)
class Output:
    """What a generation delivers: `width` and `height` in pixels, `fps` frames a second, its length in `seconds`.

    `audio` says whether it has a sound track; or names the input, by its place, whose sound it keeps if there is any.
    """

    width: int
    height: int
    fps: int
    seconds: float
    audio: bool | str


class Terms:
    """The figures of one model; `schema` is that of its parameters, `videos` are the paths of its input videos.

    `fps` are the frames a second of its outputs, and `sizes` the pixels that these can have. Raises `ContractError` if
    the figures in the model's `document` do not fit the schema.
    """

    def __init__(self, document: Document, schema: Document, videos: list[str]) -> None:
        output: Document = document["output"]
        self.fps: int = output["frames_per_second"]
        self.sizes: dict[tuple[int, int], None] = {}
        self._schema = schema
        self._videos = videos
        self._price = number(_figure(document["price"]), schema, "price")
        self._latency = number(_figure(document["latency"]), schema, "latency")
        self._seconds = number(output["seconds"], schema, "output.seconds")
        self._pixels = choice(output["pixels"], schema, "output.pixels", self._size)
        self._audio = choice(output["audio"], schema, "output.audio", self._sound)
        figures = [document["price"], document["latency"], *output.values()]
        self._decisive = sorted({first_of(path) for figure in figures for path in names(figure)})
        parts = [schema["properties"][name] for name in self._decisive]
        # All combinations were tried when the file was read: those of the values, of nothing, and of the example.
        self.tried = (
            all(map(values_of, parts)) and prod(len(values_of(part)) + 2 for part in parts) <= MOST_COMBINATIONS
        )
        # Plain values, which are no long texts, are worked out once; 1, 1.0 and true are not the same.
        self._plain = all(values_of(part) or part.get("type") in ("integer", "number") for part in parts)
        self._remembered = lru_cache(maxsize=4096, typed=True)(
            lambda *values: self._work_out(dict(zip(self._decisive, values, strict=True)))
        )

    def of(self, parameters: Mapping[str, Any]) -> tuple[Decimal, float, Output]:
        """Return price (US dollars), average latency (seconds) and output; `parameters` have their defaults.

        Raises `ContractError` for parameters of which no video can be made.
        """
        return self._remembered(*map(parameters.get, self._decisive)) if self._plain else self._work_out(parameters)

    def combinations(self, example: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield an example with each value, or limit, of the parameters that the terms follow from."""
        choices = {name: self._candidates(name, example) for name in self._decisive}
        for values in islice(product(*choices.values()), MOST_COMBINATIONS):
            combined = {**example, **dict(zip(choices, values, strict=True))}
            yield {name: value for name, value in combined.items() if value is not None}

    def _candidates(self, name: str, example: Mapping[str, Any]) -> list[Any]:
        part = self._schema["properties"][name]
        bounds = [part[bound] for bound in ("minimum", "maximum") if bound in part]
        needed = name in self._schema.get("required", ())
        return [
            *(values_of(part) or bounds),
            *([] if needed else [None]),
            *([example[name]] if name in example else []),
        ]

    def _work_out(self, parameters: Mapping[str, Any]) -> tuple[Decimal, float, Output]:
        try:
            output = self._output(parameters)
            price, latency = self._price(parameters), self._latency(parameters)
        except ArithmeticError as error:
            raise ContractError("The numbers among them are too large to reckon with.") from error
        for what, amount in (("price", price), ("latency", latency)):
            if not 0 <= amount < LARGEST:
                raise ContractError(f"{what} must be from 0 to below 10^12, not {amount:.6g}.")
        return price, float(latency), output

    def _output(self, parameters: Mapping[str, Any]) -> Output:
        width, height = self._pixels(parameters)
        seconds = float(self._seconds(parameters))
        if not 0 < seconds <= LONGEST_OUTPUT:
            raise ContractError(f"An output lasts above 0 and up to {LONGEST_OUTPUT} seconds, not {seconds:g}.")
        if round(seconds * self.fps) < 1:
            raise ContractError(f"An output has at least one frame; {seconds:g} s at {self.fps} a second have none.")
        return Output(width, height, self.fps, seconds, self._audio(parameters))

    def _size(self, leaf: Any, what: str) -> Any:
        pair = tuple(leaf) if isinstance(leaf, list) else ()
        if len(pair) != 2 or not all(isinstance(side, int) and 16 <= side <= 4096 and side % 2 == 0 for side in pair):
            raise ContractError(f"{what} must be [width, height], even numbers from 16 to 4096, got {leaf!r}.")
        self.sizes[pair] = None
        return lambda _: pair

    def _sound(self, leaf: Any, what: str) -> Any:
        if not (isinstance(leaf, bool) or leaf in self._videos):
            choices = ", ".join(["true", "false", *self._videos])
            raise ContractError(f"{what} must be one of {choices} (an input whose sound is kept), got {leaf!r}.")
        return lambda _: leaf


def _figure(part: Document) -> Any:
    """Return the figure in a part of the document that says more than that."""
    return {name: value for name, value in part.items() if name in ("base", "per", "by", "values", "otherwise")}
