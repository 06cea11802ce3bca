"""Observed: what answers were like, without any value that differs by chance, so that two runs can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from mockling.contract.verification.evidence import Evidence, Step

DEEPEST = 12  # levels of an answer that are looked at
LONGEST = 200  # characters of a skeleton or a name
# Headers of the transport and of whoever stands in between; they come and go, and promise nothing.
NOISE = re.compile(
    r"(age|alt-svc|connection|content-(encoding|length|type)|cf-.*|date|etag|keep-alive|last-modified|nel|report-to|"
    r"server.*|set-cookie|strict-transport-security|transfer-encoding|vary|via|x-(amz|amzn|cache|cloud|envoy|served).*)"
)
FORMS = {
    "UUID": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "hexadecimal": re.compile(r"[0-9a-f]{32}"),
    "number": re.compile(r"-?[0-9]{1,30}([.][0-9]{1,30})?"),
    "URL": re.compile(r"https?://.*", re.DOTALL),
    "time": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ].*"),
}
# What a text names that another text of the same kind names otherwise, and what stands in its place.
NAMED = (
    (re.compile(r"https?://[^\s'\"]+"), "<URL>"),
    (re.compile("\"[^\"]*\"|(?<!\\w)'[^']*'(?!\\w)"), "<text>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{32}\b"), "<id>"),
    (re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?"), "<time>"),
    (re.compile(r"[0-9][0-9,.]*(?<![,.])"), "<number>"),
)


def observed(evidence: Iterable[Step]) -> dict[str, Any]:
    """Return what answers were like, as plain JSON.

    `answers` has, for each operation and status ("generate 200"), its `media_types`, the `headers` and the `fields` of
    its JSON (`video.url`, `items[].name`) with their kinds, and the skeletons of its error `texts`; `states` the
    orders in which jobs went through their states; `requests_per_minute` after how many requests a caller was held
    back (None: nobody was).
    """
    steps = list(evidence)
    answers: dict[str, dict[str, Any]] = {}
    for step in steps:
        if step.exchange.response and step.exchange.operation:
            _add(answers.setdefault(named(step), {}), step)
    return {
        "answers": {name: _plain(answers[name]) for name in sorted(answers)},
        "states": [list(order) for order in sorted(set(_orders(steps)))],
        "requests_per_minute": requests_per_minute(steps),
    }


def named(step: Step) -> str:
    """Return the name of the answers that a step's is one of: "generate 200"."""
    return f"{step.exchange.operation} {step.status}"


def requests_per_minute(evidence: Iterable[Step]) -> int | None:
    """Return how many requests a probe sent before it was held back with a 429; None if none was, or only at once."""
    passed: dict[str, int] = {}
    for step in evidence:
        if step.status == 429 and step.exchange.fault is None and passed.get(step.probe, 0) > 1:
            return passed[step.probe]
        passed[step.probe] = passed.get(step.probe, 0) + (step.status != 429)
    return None


def skeleton(text: str) -> str:
    """Return a text with what it names blanked: numbers, ids, times, addresses and whatever stands in quotes."""
    for pattern, blank in NAMED:
        text = pattern.sub(blank, text[:1000])
    return text[:LONGEST]


def media_type(step: Step) -> str:
    """Return the answer's media type without its parameters, in small letters; "" if it names none."""
    response = step.exchange.response
    return response.header("content-type").partition(";")[0].strip().lower() if response else ""


def _add(facts: dict[str, Any], step: Step) -> None:
    response = step.exchange.response
    assert response
    facts.setdefault("media_types", set()).add(media_type(step))
    for name, value in response.headers:
        if not NOISE.fullmatch(name.lower()):
            facts.setdefault("headers", {}).setdefault(name.lower()[:LONGEST], set()).add(_form(value))
    for path, kind in fields(response.json):
        facts.setdefault("fields", {}).setdefault(path[:LONGEST], set()).add(kind)
    if step.exchange.error and (step.status or 0) >= 400:
        facts.setdefault("texts", set()).add(skeleton(step.exchange.error))


def fields(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield the path of each field in an answer, and its kind; "" is the answer itself, of any but an empty one."""
    if path or value is not None:
        yield path, _kind(value)
    if depth < DEEPEST:
        if isinstance(value, dict):
            for name, part in value.items():
                yield from fields(part, f"{path}.{name}" if path else name, depth + 1)
        elif isinstance(value, list):
            for part in value:
                yield from fields(part, f"{path}[]", depth + 1)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        form = _form(value)
        return "text" if form == "number" else form  # a name may be a number by chance
    kinds = {bool: "true or false", int: "number", float: "number", dict: "object", list: "array"}
    return kinds.get(type(value), "null")


def _form(text: str) -> str:
    return next((name for name, pattern in FORMS.items() if pattern.fullmatch(text)), "text")


def _orders(steps: Iterable[Step]) -> Iterator[tuple[str, ...]]:
    """Yield the states of each job in the order in which they were seen, each once in a row."""
    jobs: dict[tuple[str, str], list[str]] = {}
    for step in steps:
        answer = step.exchange.answer
        state = answer.get("status") if isinstance(answer, dict) else None
        if not isinstance(state, str) or step.exchange.fault:
            continue
        asked = re.search(r"/requests/([^/?]+)", step.exchange.path)
        seen = jobs.setdefault((step.probe, asked[1] if asked else str(answer.get("request_id"))), [])
        if seen[-1:] != [state]:
            seen.append(state[:LONGEST])
    yield from map(tuple, jobs.values())


def _plain(facts: Any) -> Any:
    if isinstance(facts, dict):
        return {name: _plain(facts[name]) for name in sorted(facts)}
    return sorted(facts)


def evidence_of(steps: Iterable[Step], keep: set[tuple[str, str]]) -> Evidence:
    """Return those steps that are among these, each the id of its probe and its name."""
    return Evidence(step for step in steps if (step.probe, step.name) in keep)


def within(short: list[str], long: list[str]) -> bool:
    """Say whether states are some of others, in their order: who asks seldom sees fewer."""
    left = iter(long)
    return all(state in left for state in short)


def documented(schema: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of all fields that a schema documents."""
    yield path
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from documented(part, path)
    for name, part in schema.get("properties", {}).items():
        yield from documented(part, f"{path}.{name}" if path else name)
    if isinstance(schema.get("items"), dict):
        yield from documented(schema["items"], f"{path}[]")
