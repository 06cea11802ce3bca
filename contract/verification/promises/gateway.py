"""The gateway: keys, addresses, verbs, content types, limits, browsers, and the form of every error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.verification.clause import Clause, Finding, Severity, broken, holds, unseen
from mockling.contract.verification.evidence import Evidence, Step
from mockling.contract.verification.parameters import harmless
from mockling.contract.verification.places import facts_at
from mockling.contract.verification.probe import BAD_KEY, Cost, Need, Probe, Request, Sender, single
from mockling.contract.verification.promises.making import flawed
from mockling.contract.verification.promises.precedence import UNKNOWN_MODEL
from mockling.contract.verification.promises.promise import (
    Check,
    Place,
    answered,
    header,
    media_type,
    message,
    observed,
    promise,
)

NOBODYS_ID = "00000000-0000-0000-0000-000000000000"
GENERATIONS = ("generate", "submit")
ERRORS_WITHOUT_JSON = 405
WINDOW = 60.0  # simulated seconds of a rate limit (M11)


def gateway_clauses(contract: Contract) -> Iterator[Clause]:
    """Yield the clauses of the gateway."""
    gateway = Gateway(contract)
    yield from gateway.keys()
    yield from gateway.missing()
    yield from gateway.verbs()
    yield from gateway.content_types()
    yield from gateway.models()
    yield from gateway.rate()
    yield from gateway.sizes()
    yield from gateway.browsers()
    yield from gateway.everywhere()


class Gateway:
    """What is asked of the gateway of a contract, with its first model."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._model = contract.model
        self._errors: dict[str, Any] = contract.document["x-errors"]
        self._body = harmless(contract.model)
        self._price = contract.model.price(self._body)
        self._paths = {
            operation["operationId"]: (path, verb)
            for path, item in contract.document["paths"].items()
            for verb, operation in item.items()
            if verb != "options"
        }
        self._guarded = [name for name in self._paths if contract.operations[name].get("security") != []]

    def keys(self) -> Iterator[Clause]:
        """Yield the clauses of keys: without one, with a bad one, or elsewhere than in its header there is a 401."""
        text = self._errors["invalid_key"]["error"]
        # Its first two sentences are quoted; what follows them is Mockling's.
        texts = {None: self._errors["missing_key"]["error"], BAD_KEY: ". ".join(text.split(". ")[:2])}
        for name in self._guarded:
            yield self._refused(f"{name}.refuses.no-key", "without a key", "missing_key", self._request(name, key=None))
            yield self._refused(
                f"{name}.refuses.a-bad-key", "with a key of nobody", "invalid_key", self._request(name, key=BAD_KEY)
            )
        yield self._text("generate.refuses.no-key", "missing_key", texts[None])
        yield self._text("generate.refuses.a-bad-key", "invalid_key", texts[BAD_KEY])
        shapeless = self._request("credits", key="no-key-at-all")
        yield self._refused("credits.refuses.a-shapeless-key", "with a text that is no key", "invalid_key", shapeless, "G4")
        for name in ("credits", "generate"):
            bearer = self._request(name, key=None, headers={"authorization": "Bearer $KEY"})
            told = "with a good key as a bearer token"
            cost = Cost.FREE if name == "credits" else Cost.FREE_IF_TRUE
            yield self._refused(f"{name}.refuses.a-bearer", told, "invalid_key", bearer, "G3", cost=cost, need=Need.GOOD)

    def missing(self) -> Iterator[Clause]:
        """Yield the clauses of what does not exist."""
        for name in GENERATIONS:
            request = self._request(name, values={"model": UNKNOWN_MODEL})
            yield self._refused(f"{name}.unknown-model", "of an unknown model", "unknown_model", request, "G5", "P17")
        for name, case in {"status": "unknown_request", "result": "unknown_request", "poll": "unknown_output"}.items():
            rests = ["G5", "A9"] if name == "status" else ["G5"]
            yield self._refused(f"{name}.unknown", "of nobody's id", case, self._request(name), *rests)
            words = [word for word in ("Request", "Not Found") if word.lower() in self._errors[case]["error"].lower()]
            yield self._text(f"{name}.unknown", case, *words)
        singular = self._contract.path("result", id=NOBODYS_ID).replace("requests", "request")
        yield self._refused("result.singular", f"{singular}", "unknown_path", self._at(singular), "A12")
        nowhere = "/mockling/no-such-endpoint"
        yield self._refused("path.unknown", f"{nowhere}", "unknown_path", self._at(nowhere), "P17")

    def verbs(self) -> Iterator[Clause]:
        """Yield the clauses of other verbs: 405, a page in HTML, and no request can be cancelled."""
        for name, (_, verb) in self._paths.items():
            # What is asked with GET or nobody's key cannot be billed.
            other = "GET" if verb == "post" else "DELETE"
            request = self._request(name, method=other, json=None, key=Need.GOOD if name in self._guarded else None)
            probe = single(f"{name}.another-verb", Cost.FREE, request)
            place: Place = ("components", "responses", "MethodNotAllowed")
            sentence = f"{other} {self._path(name)} is answered with 405 and a page in HTML."
            yield promise(self._contract, probe.id, sentence, place, answered(probe.id, "", [405], _is_html), probe=probe)
            sentence = f"The 405 of {self._path(name)} names {verb.upper()} as allowed."
            oracle = observed(probe.id, "", _allows(verb.upper()), 405)
            yield promise(self._contract, f"{probe.id}.allow", sentence, (*place, "headers", "allow"), oracle)
            if name in ("status", "result", "poll"):
                oracle = answered(probe.id, "", [404, 405])
                told = f"A request cannot be cancelled: DELETE {self._path(name)} is refused."
                yield promise(self._contract, f"{name}.no-cancel", told, self._place("submit"), oracle, facts=["A10"], probe=probe)

    def content_types(self) -> Iterator[Clause]:
        """Yield the clauses of the content type, by which a POST is judged and a GET is not (G7)."""
        for what, headers in {"another": {"content-type": "text/plain"}, "no": {}}.items():
            body = {"body": b"{}", "json": None} if not headers else {}
            request = self._request("generate", headers=headers, **body)
            told = f"with {what} content type"
            yield self._refused(
                f"generate.refuses.{what}-content-type", told, "content_type", request, cost=Cost.FREE_IF_TRUE
            )
        yield self._text("generate.refuses.another-content-type", "content_type", self._errors["content_type"]["error"])
        for name, status in {"credits": 200, "status": 404}.items():
            request = self._request(name, headers={"content-type": "text/plain"})
            probe = single(f"{name}.any-content-type", Cost.FREE, request)
            told = f"GET {self._path(name)} is not judged by its Content-Type."
            oracle = answered(probe.id, "", [status])
            yield promise(self._contract, probe.id, told, self._place(name), oracle, facts=["G7"], probe=probe)

    def models(self) -> Iterator[Clause]:
        """Yield the clauses of models that may not, or can no longer, be called."""
        for name in GENERATIONS:
            request = self._request(name, key=Need.FORBIDDEN)
            told = "with a key that may not call the model"
            yield self._refused(f"{name}.forbidden", told, "forbidden", request, "P16", cost=Cost.FREE_IF_TRUE)
            for slug in self._contract.document["x-retired"]["models"]:  # made-up: only a Mockling has it
                request = self._request(name, values={"model": slug})
                told = "of a retired model"
                yield self._refused(
                    f"{name}.retired.{slug}", told, "retired_model", request, "G9", "M4", need=Need.FAULTS
                )

    def rate(self) -> Iterator[Clause]:
        """Yield the clauses of the rate limit (P19, G10, G14)."""
        limit = min(self._contract.document["x-plans"]["requests_per_minute"].values())
        order: list[str] = self._contract.document["x-behaviour"]["check_order"]
        counted = order.index("rate") < order.index("parameters")
        body = (flawed(self._model) if counted else None) or self._body
        request = self._request("generate", key=Need.LIMITED, json=body)

        def exceed(sender: Sender) -> None:
            for _ in range(limit + 1):
                if sender.send(request).status == 429:
                    return

        def outlast(sender: Sender) -> None:
            exceed(sender)
            sender.advance(WINDOW)
            sender.send(request, "later")

        needs, worst = frozenset({Need.LIMITED}), (limit + 1) * self._price
        probe = Probe("rate.limited", Cost.FREE_IF_TRUE, exceed, needs, limit + 1, worst)
        answer: Place = ("components", "responses", "RateLimited")
        told = f"More than {limit} requests a minute of the smallest plan are answered with 429."
        place = ("x-plans", "requests_per_minute")
        yield promise(
            self._contract, probe.id, told, place, answered(probe.id, "", [429]), facts=["P19", "G14", "D6"], probe=probe
        )
        reset = answered(probe.id, "", [429], _has("x-rate-limit-reset-at-utc"))
        told = "A 429 says in x-rate-limit-reset-at-utc when the next request may be made."
        yield promise(self._contract, f"{probe.id}.reset", told, (*answer, "headers", "x-rate-limit-reset-at-utc"), reset, facts=["G10"])
        told = "A 429 has no Retry-After."
        oracle = observed(probe.id, "", _lacks("retry-after"), 429)
        yield promise(self._contract, f"{probe.id}.no-retry-after", told, (*answer, "x-absent-headers"), oracle, facts=["G10"])
        later = Probe("rate.resets", Cost.FREE_IF_TRUE, outlast, needs | {Need.TIME}, limit + 2, worst + self._price)
        told = f"After {WINDOW:g} seconds a limited key may call again."
        oracle = answered(later.id, "later", [400, 406, 500])
        yield promise(self._contract, later.id, told, place, oracle, facts=["G14", "M11"], probe=later)

    def sizes(self) -> Iterator[Clause]:
        """Yield the clauses of bodies that are too large, or nested too deeply (G22)."""
        limits = self._contract.document["x-limits"]
        large = limits["body_bytes"] + 1
        headers = {"content-type": "application/json"}
        empty = self._request("generate", json=None, headers=headers, price=self._price)

        def send(sender: Sender) -> None:
            sender.send(replace(empty, body=b" " * large))

        needs = frozenset({Need.GOOD, Need.FAULTS})  # so much is not sent to others
        probe = Probe("generate.refuses.a-large-body", Cost.FREE_IF_TRUE, send, needs, 1, self._price)
        told = f"A body of {large:,} bytes is refused with {self._errors['too_large']['status']}."
        oracle = answered(probe.id, "", [self._errors["too_large"]["status"]])
        yield promise(self._contract, probe.id, told, ("x-limits", "body_bytes"), oracle, facts=["G22"], probe=probe)
        deep: Any = None
        for _ in range(limits["json_depth"]):
            deep = [deep]
        request = self._request("generate", json={**self._body, "mockling": deep})
        told = f"with JSON that is nested more than {limits['json_depth']} deep"
        yield self._refused("generate.refuses.deep-json", told, "too_deep", request, "G22", cost=Cost.FREE_IF_TRUE)

    def browsers(self) -> Iterator[Clause]:
        """Yield the clauses of a browser's preflight (G16)."""
        for name in self._guarded:
            verb = self._paths[name][1].upper()
            asked = {
                "origin": "https://mockling.example",
                "access-control-request-method": verb,
                "access-control-request-headers": "x-api-key, content-type",
            }
            request = self._request(name, method="OPTIONS", key=None, json=None, headers=asked)
            probe = single(f"{name}.preflight", Cost.FREE, request)
            sentence = f"A page of another origin may {verb} {self._path(name)} with the headers x-api-key and content-type."
            oracle = answered(probe.id, "", [200, 204], _lets(asked))
            place = ("paths", self._paths["generate"][0], "options", "responses", "204")
            yield promise(self._contract, probe.id, sentence, place, oracle, probe=probe)

    def everywhere(self) -> Iterator[Clause]:
        """Yield the clauses that every answer of a run is judged by."""
        told = "No answer is a redirect."
        yield promise(self._contract, "answers.no-redirect", told, ("paths",), _no_redirect, facts=["G15"])
        told = 'Every error is JSON {"error": "<text>"} that says in words what was wrong; only 405 is not.'
        place = ("components", "schemas", "Error")
        yield promise(self._contract, "answers.errors-are-json", told, place, _errors_are_json, facts=["G1", "P23"])

    def _request(self, name: str, **changes: Any) -> Request:
        """Return a request of an operation with what it needs, and with changes."""
        fields: dict[str, Any] = {"values": {"id": NOBODYS_ID, "file": "mockling-no-such-file"}}
        if name in GENERATIONS:
            fields = {"values": {"model": self._model.slug}, "json": self._body}
        elif name == "upload":
            fields = {"json": {"data_urls": ["data:text/plain;base64,TW9ja2xpbmc="]}}
        return Request(operation=name, **{**fields, **changes})

    def _at(self, path: str) -> Request:
        return Request(operation=None, path=path)

    def _path(self, name: str) -> str:
        return self._contract.path(name, id="<id>", file="<file>")

    def _place(self, name: str) -> Place:
        path, verb = self._paths[name]
        return ("paths", path, verb)

    def _refused(
        self,
        name: str,
        how: str,
        case: str,
        request: Request,
        *facts: str,
        cost: Cost = Cost.FREE,
        need: Need | None = None,
    ) -> Clause:
        """Return the clause that a request is answered with an error of the contract."""
        if cost is not Cost.FREE:
            request = replace(request, price=self._price)
        status = self._errors[case]["status"]
        probe = single(name, cost, request, *([need] if need else []))
        verb = request.method or (self._paths[request.operation][1].upper() if request.operation else "GET")
        what = f"{verb} {self._path(request.operation)} {how}" if request.operation else f"GET {how}"
        rests = facts or facts_at(self._contract.document, "x-errors", case)
        rests = (*rests, *(fact for fact in ("P15",) if status == 401))
        return promise(
            self._contract,
            name,
            f"{what} is answered with {status}.",
            ("x-errors", case, "status"),
            answered(name, "", [status]),
            facts=rests,
            probe=probe,
        )

    def _text(self, probe: str, case: str, *words: str) -> Clause:
        """Return the clause that a refusal is told as it was read; other words are only worth a notice."""
        sentence = f"The refusal {probe} says {' and '.join(map(repr, words))}."
        oracle = observed(probe, "", _says(words), self._errors[case]["status"])
        place = ("x-errors", case, "error")
        return promise(self._contract, f"{probe}.text", sentence, place, oracle, severity=Severity.NOTICE)


def _is_html(step: Step) -> Finding | None:
    if media_type(step) == "text/html" and message(step).body.lstrip()[:1] == b"<":
        return None
    return broken("405 with a page in HTML", f"405 with {header(step, 'content-type') or 'no content type'}", step)


def _allows(verb: str) -> Check:
    def check(step: Step) -> Finding | None:
        allowed = [name.strip() for name in header(step, "allow").upper().split(",")]
        return None if verb in allowed else broken(f"allow with {verb}", header(step, "allow") or "no allow", step)

    return check


def _has(name: str) -> Check:
    return lambda step: None if header(step, name) else broken(f"the header {name}", "none", step)


def _lacks(name: str) -> Check:
    return lambda step: broken(f"no {name}", header(step, name), step) if header(step, name) else None


def _lets(asked: dict[str, str]) -> Check:
    """Return the check that a preflight allows what was asked."""
    wanted = {name.strip() for name in asked["access-control-request-headers"].split(",")}

    def check(step: Step) -> Finding | None:
        # GET and POST need not be named: a browser allows them everywhere.
        told = {what: header(step, f"access-control-allow-{what}") for what in ("origin", "headers")}
        if told["origin"] not in ("*", asked["origin"]):
            return broken("access-control-allow-origin for every page", told["origin"] or "none", step)
        headers = {name.strip().lower() for name in told["headers"].split(",")}
        if "*" not in headers and not wanted <= headers:
            return broken(f"access-control-allow-headers with {', '.join(sorted(wanted))}", told["headers"] or "none", step)
        return None

    return check


def _says(words: tuple[str, ...]) -> Check:
    def check(step: Step) -> Finding | None:
        text = (step.exchange.error or "").lower()
        if all(word.lower() in text for word in words):
            return None
        return broken(f"a text with {' and '.join(map(repr, words))}", repr(step.exchange.error), step)

    return check


def _no_redirect(evidence: Evidence) -> Finding:
    """Judge every answer: none sends its caller elsewhere."""
    for step in evidence:
        if step.status is not None and (step.status in (301, 302, 303, 307, 308) or header(step, "location")):
            return broken("no redirect", f"{step.status} to {header(step, 'location')[:100]}", step)
    return holds() if len(evidence) else unseen()


def _errors_are_json(evidence: Evidence) -> Finding:
    """Judge every error that the platform itself made; a gateway's own are no promise."""
    seen = [
        step
        for step in evidence
        if step.status is not None
        and step.status >= 400
        and step.exchange.method != "HEAD"
        and step.status not in (ERRORS_WITHOUT_JSON, 502, 503, 504)
    ]
    for step in seen:
        answer = step.exchange.answer
        text = answer.get("error") if isinstance(answer, dict) else None
        if media_type(step) != "application/json" or not (isinstance(text, str) and text.strip()):
            begins = message(step).body[:80].decode(errors="replace")
            return broken('JSON {"error": "<text>"}', f"{step.status} with {begins!r}", step)
    return holds(*seen[:1]) if seen else unseen()
