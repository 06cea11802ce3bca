"""Clauses of forms: multipart/form-data carries the same parameters as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from urllib3.filepost import encode_multipart_formdata

from mockling.contract.contract import Contract
from mockling.contract.model import Model
from mockling.contract.verification.asking import Asking, Sent
from mockling.contract.verification.clause import Clause
from mockling.contract.verification.harmless import fails
from mockling.contract.verification.trials import Trial

MEDIA = "multipart/form-data"
BOUNDARY = "mockling-form-of-parameters"


def form_clauses(contract: Contract, model: Model, asking: Asking, tried: Iterable[Trial]) -> Iterator[Clause]:
    """Yield the clauses of requests that are forms, made of what was tried as JSON; none if v1 takes no forms (G7)."""
    if MEDIA not in contract.operations["generate"]["requestBody"]["content"]:
        return
    place = ("paths", "/v1/{model}", "post", "requestBody", "content", MEDIA)
    errors = contract.document["x-errors"]
    facts = [fact for case in ("content_type", "malformed_form") for fact in _listed(errors[case]["x-source"])]
    carried = [trial for trial in tried if _carries(model, trial.body)]
    for name in ("takes.least", "takes.all"):
        trial = next((trial for trial in carried if trial.name == name), None)
        if trial:
            sentence = trial.told.replace("A request", "A form")
            yield asking.taken(f"form.{name}", sentence, place, trial.body, _form(model, trial.body), facts)
    refused = [trial for trial in carried if not trial.takes]
    refused.sort(key=lambda trial: trial.place[-1] != "enum")  # one that is a text in any case
    for trial in refused[:1]:
        sentence = f"In a form, too: {trial.told}"
        yield asking.refused("form.refuses.invalid", sentence, place, trial.body, _form(model, trial.body), facts=facts)
    yield from _ways(model, asking, place, carried, facts)
    yield asking.refused(
        "form.refuses.nameless", "A form with a part that has no name is refused.", place, None,
        _encoded([("", "text")]), int(errors["malformed_form"]["status"]), facts,
    )  # fmt: skip


def _ways(
    model: Model, asking: Asking, place: tuple[str | int, ...], carried: Iterable[Trial], facts: list[str]
) -> Iterator[Clause]:
    """Yield the clauses of how a field may be written beside as JSON (M13)."""
    whole = next((trial.body for trial in carried if trial.name == "takes.all" and fails(model, trial.body)), {})
    boolean = next((name for name, value in whole.items() if isinstance(value, bool)), None)
    if boolean:
        fields = [(name, str(value) if name == boolean else text) for name, value, text in _fields(model, whole)]
        sentence = f"In a form a boolean may be written as Python does: {boolean}={whole[boolean]}."
        yield asking.taken("form.takes.python_boolean", sentence, place, whole, _encoded(fields), facts)
    texts = next((name for name, value in whole.items() if _is_texts(value) and _kind(model, name) == "array"), None)
    if texts:
        twice = {**whole, texts: [*whole[texts], *whole[texts]][:2]}
        fields = [(name, text) for name, _, text in _fields(model, twice) if name != texts]
        fields += [(texts, text) for text in twice[texts]]
        if not model.violations(twice):
            sentence = f"In a form a list of texts may be repeated fields: {texts}."
            yield asking.taken("form.takes.repeated", sentence, place, twice, _encoded(fields), facts)


def _kind(model: Model, name: str) -> Any:
    return model.parameters.get(name, {}).get("type")


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _carries(model: Model, body: Any) -> bool:
    """Say whether a form can carry a request: a field of a text holds text, and any other says that it is none."""
    if not isinstance(body, Mapping):
        return False
    return all(
        _kind(model, name) is not None and (isinstance(value, str) or _kind(model, name) != "string")
        for name, value in body.items()
    )


def _fields(model: Model, body: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    return [
        (name, value, str(value) if _kind(model, name) == "string" else json.dumps(value))
        for name, value in body.items()
    ]


def _form(model: Model, body: Mapping[str, Any]) -> Sent:
    return _encoded([(name, text) for name, _, text in _fields(model, body)])


def _encoded(fields: Iterable[tuple[str, str]]) -> Sent:
    content, media = encode_multipart_formdata(list(fields), BOUNDARY)
    return Sent(content.replace(b'; name=""', b""), {"content-type": media})


def _listed(source: str | list[str]) -> list[str]:
    return [source] if isinstance(source, str) else source
