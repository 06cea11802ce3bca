"""Clauses of forms: multipart/form-data carries the same parameters as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from urllib3.filepost import encode_multipart_formdata

from mockling.contract.contract import Contract
from mockling.contract.model import Model
from mockling.contract.verification.asking import Asking, Question, Sent
from mockling.contract.verification.clause import Clause
from mockling.contract.verification.harmless import fails
from mockling.contract.verification.places import facts_at
from mockling.contract.verification.trials import Trial

MEDIA = "multipart/form-data"
PLACE = ("paths", "/v1/{model}", "post", "requestBody", "content", MEDIA)
BOUNDARY = "mockling-form-of-parameters"


def form_clauses(contract: Contract, asking: Asking, tried: Iterable[Trial]) -> Iterator[Clause]:
    """Yield the clauses of requests that are forms, made of what was tried as JSON; none if v1 takes no forms (G7)."""
    if MEDIA not in contract.operations["generate"]["requestBody"]["content"]:
        return
    model = asking.model
    facts = [
        fact for case in ("content_type", "malformed_form") for fact in facts_at(asking.document, "x-errors", case)
    ]

    def asked(name: str, sentence: str, body: Any, fields: Iterable[tuple[str, str]]) -> Question:
        return Question(f"form.{name}", sentence, PLACE, body, _encoded(fields), facts)

    carried = [trial for trial in tried if _carries(model, trial.body)]
    for trial in [trial for trial in carried if trial.name in ("takes.least", "takes.all")]:
        told = trial.told.replace("A request", "A form")
        yield asking.taken(asked(trial.name, told, trial.body, _fields(model, trial.body)))
    refused = [trial for trial in carried if not trial.takes]
    refused.sort(key=lambda trial: trial.place[-1] != "enum")  # one that is a text in any case
    for trial in refused[:1]:
        told = f"In a form, too: {trial.told}"
        yield asking.refused(asked("refuses.invalid", told, trial.body, _fields(model, trial.body)))
    whole = next((trial.body for trial in carried if trial.name == "takes.all" and fails(model, trial.body)), None)
    for name, told, body, fields in _ways(model, whole) if whole else ():
        yield asking.taken(asked(name, told, body, fields))
    nameless = asked("refuses.nameless", "A form with a part that has no name is refused.", None, [("", "text")])
    yield asking.refused(nameless, asking.status("malformed_form"))


def _ways(model: Model, whole: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], list[tuple[str, str]]]]:
    """Yield how else a field may be written than as JSON (M13): name, sentence, what it stands for, and the fields."""
    boolean = next((name for name in whole if _kind(model, name) == "boolean"), None)
    if boolean:
        fields = [(name, str(whole[name]) if name == boolean else text) for name, text in _fields(model, whole)]
        told = f"In a form a boolean may be written as Python does: {boolean}={whole[boolean]}."
        yield "takes.python_boolean", told, whole, fields
    several = next((name for name, value in whole.items() if _is_texts(value) and _kind(model, name) == "array"), None)
    if several:
        twice = {**whole, several: [*whole[several], *whole[several]][:2]}
        fields = [(name, text) for name, text in _fields(model, twice) if name != several]
        fields += [(several, text) for text in twice[several]]
        if not model.violations(twice):
            yield "takes.repeated", f"In a form a list of texts may be a repeated field: {several}.", twice, fields


def _kind(model: Model, name: str) -> Any:
    return model.parameters.get(name, {}).get("type")


def _is_texts(value: Any) -> bool:
    """Say whether a value is a list of texts that are no JSON, as a repeated field holds them."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) and _is_bare(item) for item in value)


def _is_bare(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return bool(text.strip())
    return False


def _carries(model: Model, body: Any) -> bool:
    """Say whether a form can carry a request: a field of a text holds text, and any other says that it is none."""
    if not isinstance(body, Mapping):
        return False
    kinds = {name: _kind(model, name) for name in body}
    return all(kind and (kind != "string" or isinstance(body[name], str)) for name, kind in kinds.items())


def _fields(model: Model, body: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    return [(name, str(value) if _kind(model, name) == "string" else json.dumps(value)) for name, value in body.items()]


def _encoded(fields: Iterable[tuple[str, str]]) -> Sent:
    content, media = encode_multipart_formdata(list(fields), BOUNDARY)
    return Sent(content.replace(b'; name=""', b""), {"content-type": media})
