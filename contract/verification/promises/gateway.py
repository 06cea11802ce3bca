"""The gateway: keys, addresses, verbs, content types and models, and browsers that ask whether they may call."""

from __future__ import annotations

import json
from collections.abc import Iterator

from mockling.contract.contract import Contract
from mockling.contract.verification.clause import Clause, Finding, broken
from mockling.contract.verification.evidence import Step
from mockling.contract.verification.probe import BAD_KEY, GENERATIONS, Cost, Need, Request, single
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
from mockling.contract.verification.promises.refusing import NOBODYS_ID, Refusing


def gateway_clauses(contract: Contract) -> Iterator[Clause]:
    """Yield the clauses of the gateway."""
    gateway = Gateway(contract)
    yield from gateway.keys()
    yield from gateway.missing()
    yield from gateway.verbs()
    yield from gateway.content_types()
    yield from gateway.models()
    yield from gateway.browsers()


class Gateway(Refusing):
    """What is asked of the gateway of a contract."""

    def keys(self) -> Iterator[Clause]:
        """Yield the clauses of keys: without one, with a bad one, or elsewhere than in its header there is a 401."""
        text = self.errors["invalid_key"]["error"]
        # Its first two sentences are quoted; what follows them is Mockling's.
        texts = {None: self.errors["missing_key"]["error"], BAD_KEY: ". ".join(text.split(". ")[:2])}
        for name in self.guarded:
            rests = ["G2", "A9"] if name == "status" else ["G2"]
            yield self.refused(
                f"{name}.refuses.no-key", "without a key", "missing_key", self.request(name, key=None), *rests
            )
            yield self.refused(
                f"{name}.refuses.a-bad-key", "with a key of nobody", "invalid_key", self.request(name, key=BAD_KEY)
            )
        yield self.text("generate.refuses.no-key", "missing_key", texts[None])
        yield self.text("generate.refuses.a-bad-key", "invalid_key", texts[BAD_KEY])
        shapeless = self.request("credits", key="no-key-at-all")
        yield self.refused(
            "credits.refuses.a-shapeless-key", "with a text that is no key", "invalid_key", shapeless, "G4"
        )
        for name in self.guarded:
            bearer = self.request(name, key=None, headers={"authorization": "Bearer $KEY"})
            told = "with a good key as a bearer token"
            cost = Cost.FREE_IF_TRUE if name in GENERATIONS else Cost.FREE
            yield self.refused(f"{name}.refuses.a-bearer", told, "invalid_key", bearer, "G3", cost=cost, need=Need.GOOD)

    def missing(self) -> Iterator[Clause]:
        """Yield the clauses of what does not exist."""
        for name in GENERATIONS:
            request = self.request(name, values={"model": UNKNOWN_MODEL})
            told = "of an unknown model"
            yield self.refused(
                f"{name}.unknown-model", told, "unknown_model", request, "G5", "P17", cost=Cost.FREE_IF_TRUE
            )
        for name, case in {"status": "unknown_request", "result": "unknown_request", "poll": "unknown_output"}.items():
            rests = ["G5", "A9"] if name == "status" else ["G5"]
            yield self.refused(f"{name}.unknown", "of nobody's id", case, self.request(name), *rests)
            words = [word for word in ("Request", "Not Found") if word.lower() in self.errors[case]["error"].lower()]
            yield self.text(f"{name}.unknown", case, *words)
        singular = self.contract.path("result", id=NOBODYS_ID).replace("requests", "request")
        yield self.refused("result.singular", f"{singular}", "unknown_path", self.at(singular), "A12")
        nowhere = "/mockling/no-such-endpoint"
        yield self.refused("path.unknown", f"{nowhere}", "unknown_path", self.at(nowhere), "P17")

    def verbs(self) -> Iterator[Clause]:
        """Yield the clauses of other verbs: 405, a page in HTML, and no request can be cancelled."""
        for name, (_, verb) in self.paths.items():
            # What is asked with GET or nobody's key cannot be billed.
            other = "GET" if verb == "post" else "DELETE"
            request = self.request(name, method=other, json=None, key=Need.GOOD if name in self.guarded else None)
            probe = single(f"{name}.another-verb", Cost.FREE, request)
            place: Place = ("components", "responses", "MethodNotAllowed")
            sentence = f"{other} {self.path(name)} is answered with 405 and a page in HTML."
            yield promise(
                self.contract, probe.id, sentence, place, answered(probe.id, "", [405], _is_html), probe=probe
            )
            sentence = f"The 405 of {self.path(name)} names {verb.upper()} as allowed."
            oracle = observed(probe.id, "", _allows(verb.upper()), 405)
            yield promise(self.contract, f"{probe.id}.allow", sentence, (*place, "headers", "allow"), oracle)
            if name in ("status", "result", "poll"):
                oracle = answered(probe.id, "", [404, 405])
                told = f"A request cannot be cancelled: DELETE {self.path(name)} is refused."
                yield promise(
                    self.contract, f"{name}.no-cancel", told, self.place("submit"), oracle, facts=["A10"], probe=probe
                )

    def content_types(self) -> Iterator[Clause]:
        """Yield the clauses of the content type, by which a POST is judged and a GET is not (G7)."""
        for what, headers in {"another": {"content-type": "text/plain"}, "no": {}}.items():
            body = {"body": json.dumps(self.body).encode(), "json": None} if not headers else {}
            request = self.request("generate", headers=headers, **body)
            told = f"with {what} content type"
            yield self.refused(
                f"generate.refuses.{what}-content-type", told, "content_type", request, cost=Cost.FREE_IF_TRUE
            )
        yield self.text("generate.refuses.another-content-type", "content_type", self.errors["content_type"]["error"])
        for name, status in {"credits": 200, "status": 404}.items():
            request = self.request(name, headers={"content-type": "text/plain"})
            probe = single(f"{name}.any-content-type", Cost.FREE, request)
            told = f"GET {self.path(name)} is not judged by its Content-Type."
            oracle = answered(probe.id, "", [status])
            yield promise(self.contract, probe.id, told, self.place(name), oracle, facts=["G7"], probe=probe)

    def models(self) -> Iterator[Clause]:
        """Yield the clauses of models that may not, or can no longer, be called."""
        for name in GENERATIONS:
            request = self.request(name, key=Need.FORBIDDEN)
            told = "with a key that may not call the model"
            yield self.refused(f"{name}.forbidden", told, "forbidden", request, "P16", cost=Cost.FREE_IF_TRUE)
            for slug in self.contract.document["x-retired"]["models"]:  # made-up: only a Mockling has it
                request = self.request(name, values={"model": slug})
                told = "of a retired model"
                yield self.refused(
                    f"{name}.retired.{slug}", told, "retired_model", request, "G9", "M4", need=Need.FAULTS
                )

    def browsers(self) -> Iterator[Clause]:
        """Yield the clauses of a browser's preflight (G16)."""
        for name in self.guarded:
            verb = self.paths[name][1].upper()
            asked = {
                "origin": "https://mockling.example",
                "access-control-request-method": verb,
                "access-control-request-headers": "x-api-key, content-type",
            }
            path = self.contract.path(name, id=NOBODYS_ID)
            request = Request(operation="preflight", path=path, method="OPTIONS", key=None, headers=asked)
            probe = single(f"{name}.preflight", Cost.FREE, request)
            sentence = (
                f"A page of another origin may {verb} {self.path(name)} with the headers x-api-key and content-type."
            )
            oracle = answered(probe.id, "", [200, 204], _lets(asked))
            place = ("paths", self.paths["generate"][0], "options", "responses", "204")
            yield promise(self.contract, probe.id, sentence, place, oracle, probe=probe)


def _is_html(step: Step) -> Finding | None:
    if media_type(step) == "text/html" and message(step).body.lstrip()[:1] == b"<":
        return None
    return broken("405 with a page in HTML", f"405 with {header(step, 'content-type') or 'no content type'}", step)


def _allows(verb: str) -> Check:
    def check(step: Step) -> Finding | None:
        allowed = [name.strip() for name in header(step, "allow").upper().split(",")]
        return None if verb in allowed else broken(f"allow with {verb}", header(step, "allow") or "no allow", step)

    return check


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
            return broken(
                f"access-control-allow-headers with {', '.join(sorted(wanted))}", told["headers"] or "none", step
            )
        return None

    return check
