"""Lint: what in a valid request is probably a mistake. A finding is a warning, never a refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

MOST_NAMED = 10  # unknown parameters that are told by name
_IMAGE = re.compile(r"@image(\d+)", re.IGNORECASE)
_ELEMENT = re.compile(r"(?:@|\()element(\d+)", re.IGNORECASE)


def findings(request: Mapping[str, Any], schema: Mapping[str, Any], limits: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence for each doubtful thing in a valid request.

    `schema` is the request's schema, `limits` the contract's `x-lint`.
    """
    prompt = request["prompt"]
    images, elements = request.get("image_urls", []), request.get("elements", [])
    unknown = [name for name in request if name not in schema["properties"]]
    if unknown:
        named = ", ".join(repr(name[:60]) for name in unknown[:MOST_NAMED]) + ", ..." * (len(unknown) > MOST_NAMED)
        yield f"The endpoint has no such parameter and ignores it: {named}."
    yield from _dangling(_IMAGE, prompt, "Image", len(images), "image_urls")
    yield from _dangling(_ELEMENT, prompt, "Element", len(elements), "elements")
    if not prompt.strip():
        yield "prompt is empty."
    if len(prompt) > limits["prompt_characters"]:
        yield f"prompt has {len(prompt)} characters; the model reads {limits['prompt_characters']} (U7)."
    if len(images) + len(elements) > limits["images_and_elements"]:
        yield (
            f"{len(images)} images and {len(elements)} elements were given; with a video the model takes "
            f"{limits['images_and_elements']} together (U5)."
        )
    if request.get("shot_type", limits["effective_shot_type"]) != limits["effective_shot_type"]:
        yield f"shot_type has no effect unless it is {limits['effective_shot_type']!r} (U8)."
    for index, url in enumerate(images):
        if not re.match(schema["properties"]["video_url"]["pattern"], url):
            yield f"image_urls[{index}] is no http or https URL."


def _dangling(pattern: re.Pattern[str], prompt: str, kind: str, given: int, parameter: str) -> Iterator[str]:
    named = {digits.lstrip("0") or "0" for digits in pattern.findall(prompt)}
    for digits in sorted(named, key=lambda digits: (len(digits), digits)):
        if digits == "0" or len(digits) > 6 or int(digits) > given:
            yield f"prompt names @{kind}{digits[:20]}, but {parameter} has {given} (P4)."
