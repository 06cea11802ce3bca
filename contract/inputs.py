"""Inputs: the parameters that lead to files, and what those files must and should be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from mockling.contract.document import cited

LONGEST_URL = 8192  # characters; no server is known to take more
Measures = Mapping[str, float]  # of a file: width, height (pixels), seconds, fps, bytes, ratio (width to height)

_SUFFIX = re.compile(r"/[^/?#]*(\.[A-Za-z][A-Za-z0-9]{1,4})(?:[?#]|$)")
_WEB = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_WORDS = {  # how a measure is told: its unit and what the file is then
    "width": ("pixels", "wide"),
    "height": ("pixels", "high"),
    "seconds": ("seconds", "long"),
    "fps": ("frames a second", "fast"),
    "bytes": ("bytes", "large"),
    "ratio": ("times its height", "wide"),
}


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that a request names.

    `place` is where in the request (`elements[0].frontal_image_url`), `kind` what it is to be ("video" or "image"),
    `url` where it is, `must` and `should` the limits of the model's file, `measures` what it is like (None: it is not
    at hand).
    """

    place: str
    kind: str
    url: str
    must: Mapping[str, Any]
    should: Mapping[str, Any]
    measures: Measures | None = None

    @property
    def is_web(self) -> bool:
        """Whether the URL is one of http or https, which alone can be downloaded (A5)."""
        return bool(_WEB.match(self.url))

    @property
    def address(self) -> SplitResult:
        """The URL taken apart; one of no parts if that cannot be done, or it is longer than any that leads anywhere."""
        try:
            return urlsplit(self.url if len(self.url) <= LONGEST_URL else "")
        except ValueError:
            return urlsplit("")

    @property
    def host(self) -> str:
        """The name or address in the URL, in small letters; "" if there is none."""
        return (self.address.hostname or "").rstrip(".").lower()

    def is_below(self, names: tuple[str, ...]) -> bool:
        """Say whether the URL's host is one of these names, or below it."""
        return any(self.host == name or self.host.endswith(f".{name}") for name in names)

    def misfits(self) -> Iterator[str]:
        """Yield a sentence for each way in which the file is not what the model takes, as far as it was measured."""
        suffixes, told = self.should.get("suffixes"), cited(self.should)
        suffix = _SUFFIX.search(self.url) if len(self.url) <= LONGEST_URL else None
        if suffixes and suffix and suffix[1].lower() not in suffixes:
            yield f"{self.place} names a {suffix[1]} file; the model takes {_listed(suffixes)}{told}."
        for name, measure in (self.measures or {}).items():
            limits = self.should.get(name)
            if limits and not limits.get("minimum", measure) <= measure <= limits.get("maximum", measure):
                unit, how = _WORDS[name]
                yield f"{self.place} is {round(measure, 3):,.15g} {unit} {how}; the model takes {_span(limits)}{told}."


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _span(limits: Mapping[str, Any]) -> str:
    if "minimum" not in limits:
        return f"at most {limits['maximum']:,}"
    return (
        f"{limits['minimum']:,} to {limits['maximum']:,}" if "maximum" in limits else f"at least {limits['minimum']:,}"
    )
