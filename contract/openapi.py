"""OpenAPI: a settled document as one that any other tool can read, each model with paths of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from mockling.contract.document import Document

# OpenAPI cannot say how the fields of a form are read.
FORMS = "The parameters; multipart/form-data is accepted too, each field a text or JSON (G7, M13)."


def composed(document: Document) -> Document:
    """Return a settled document as OpenAPI 3.1: `{model}` in a path gives one path for each model.

    The operations of a model are named after it: `generate_kling_o3_video2video_reference`.
    """
    models: dict[str, Document] = document["x-models"]
    whole = deepcopy(document)
    schemas = whole["components"]["schemas"]
    del schemas["Parameters"]
    for slug, model in models.items():
        schemas[_name(slug)] = {"title": model["title"], **whole["x-models"][slug].pop("parameters")}
    whole["paths"] = dict(_paths(document["paths"], models))
    return whole


def _paths(paths: Document, models: dict[str, Document]) -> Iterator[tuple[str, Document]]:
    for path, item in paths.items():
        if "{model}" not in path:
            yield path, deepcopy(item)
        else:
            yield from ((path.replace("{model}", slug), _of_model(item, model)) for slug, model in models.items())


def _of_model(item: Document, model: Document) -> Document:
    slug, own = model["slug"], deepcopy(item)
    for operation in own.values():
        operation["operationId"] += "_" + re.sub(r"\W", "_", slug)
        operation["tags"] = [slug]
        if "requestBody" in operation:
            schema = {"$ref": f"#/components/schemas/{_name(slug)}"}
            body = {"schema": schema, "examples": {"example": {"value": deepcopy(model["example"])}}}
            operation["requestBody"] = {"required": True, "description": FORMS, "content": {"application/json": body}}
    return own


def _name(slug: str) -> str:
    """Return a slug as the name of a schema: KlingO3Video2videoReference."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"\W|_", slug))


def without_sources(node: Any) -> Any:
    """Return a part of a document without the ids of its facts, for people to read."""
    if isinstance(node, list):
        return [without_sources(item) for item in node]
    if isinstance(node, dict):
        return {name: without_sources(value) for name, value in node.items() if name != "x-source"}
    return node
