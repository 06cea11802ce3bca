"""Buying: the probes that pay for a generation, and those that only may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.model import Model
from mockling.contract.states import ENDED
from mockling.contract.verification.evidence import Step
from mockling.contract.verification.harmless import fails, harmless
from mockling.contract.verification.probe import Cost, Need, Probe, Request, Sender
from mockling.contract.verification.promises.making import cheapest, flawed, price_of, unusual
from mockling.contract.verification.promises.promise import field

ASKING = ("status", "result", "poll")  # the operations that tell of a request, in turn
MOST_POLLS = 400  # of one request; patience ends sooner where a poll has its time
PART = (4, 11)  # the first and last byte that a Range asks for
# How a file is fetched, by the name of the step: the verb and the headers.
WAYS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "download": ("GET", {}),
    "download with a key": ("GET", {}),
    "part": ("GET", {"range": f"bytes={PART[0]}-{PART[1]}"}),
    "head": ("HEAD", {}),
    "what is known": ("GET", {"if-none-match": "*"}),
    "another": ("GET", {"if-match": '"another"'}),
    "beyond its end": ("GET", {"range": "bytes=99999999999-"}),
}
BALANCE = Request(operation="credits")


class Buying:
    """The probes of one model that may be billed.

    `prefix` begins their ids: "" for the contract's first model. `waited` is what `generate.delivers` sends, `queued`
    what `submit.delivers` does.
    """

    def __init__(self, contract: Contract, model: Model) -> None:
        self.contract = contract
        self.model = model
        self.prefix = "" if model is contract.model else f"{model.slug}."
        self.waited, self.queued = cheapest(model), unusual(model)
        self.price = price_of(model)
        self._values = {"model": model.slug}

    @property
    def generate(self) -> Probe:
        """The probe that buys a generation and waits for it."""
        return self._probe("generate.delivers", self._generate, 3 + len(WAYS))

    @property
    def submit(self) -> Probe:
        """The probe that buys a generation and asks how it goes."""
        return self._probe("submit.delivers", self._submit, 8 + len(WAYS))

    @property
    def fails(self) -> Probe:
        """The probe that submits what is invalid, and what cannot be fetched, neither of which is billed."""
        return self._probe("submit.fails", self._fails, 12, times=len(self.failing))

    @property
    def again(self) -> Probe:
        """The probe that submits the same twice, and outlives what came of it."""
        return self._probe("submit.again", self._again, 16, Need.TIME, times=2)

    @property
    def failing(self) -> dict[str, dict[str, Any]]:
        """The requests that fail, by what is wrong with them."""
        unfetchable = harmless(self.model)
        found = {
            "invalid": flawed(self.model),
            "unfetchable": unfetchable if fails(self.model, unfetchable) else None,
        }
        return {name: body for name, body in found.items() if body is not None}

    def _probe(self, name: str, run: Any, calls: int, *needs: Need, times: int = 1) -> Probe:
        return Probe(self.prefix + name, Cost.PAID, run, frozenset({Need.GOOD, *needs}), calls, times * self.price)

    def _generate(self, sender: Sender) -> None:
        sender.send(BALANCE, "before")
        step = sender.send(self._bought("generate", self.waited), "generate")
        if step.status == 200:
            self._fetch(sender, field(step, "output"))
        sender.send(BALANCE, "after")

    def _submit(self, sender: Sender) -> None:
        sender.send(BALANCE, "before")
        step = sender.send(self._bought("submit", self.queued), "submit")
        if step.status == 200 and self._ended(sender, field(step, "request_id")):
            for name, url in zip(ASKING, ("status_url", "response_url", "poll_url"), strict=True):
                sender.send(Request(operation=name, path=field(step, url)), f"{name} at its end")
            last = sender.send(Request(operation="result", values={"id": field(step, "request_id")}), "ended")
            self._fetch(sender, field(last, "output"))
            singular = self.contract.path("result", id=field(step, "request_id")).replace("/requests/", "/request/")
            sender.send(Request(operation=None, path=singular), "in the singular")
        sender.send(BALANCE, "after")

    def _fails(self, sender: Sender) -> None:
        for number, (what, body) in enumerate(self.failing.items()):
            sender.send(BALANCE, f"{what}, before")
            step = sender.send(self._bought("submit", body), what)
            if step.status == 200 and self._ended(sender, field(step, "request_id"), f"{what}, ", 2 - number):
                for name in ASKING:
                    values = {"id": field(step, "request_id")}
                    sender.send(Request(operation=name, values=values), f"{what}, {name} at its end")
            sender.send(BALANCE, f"{what}, after")

    def _again(self, sender: Sender) -> None:
        lifetimes = self.contract.document["x-lifetimes"]
        sender.send(BALANCE, "before")
        steps = [sender.send(self._bought("submit", self.queued), name) for name in ("first", "second")]
        ids = [field(step, "request_id") for step in steps]
        for request_id in ids:
            self._ended(sender, request_id)
        sender.send(BALANCE, "after")
        file = field(sender.send(Request(operation="result", values={"id": ids[0]}), "ended"), "output")
        other = field(sender.send(Request(operation="result", values={"id": ids[1]}), "ended too"), "output")
        for name, url in {"first": file, "second": other}.items():
            sender.send(Request(operation="download", path=url, key=None), f"file of the {name}")
        sender.advance(lifetimes["record_seconds"] - 60)
        sender.send(Request(operation="result", values={"id": ids[0]}), "late")
        sender.advance(60)
        for name in ASKING:
            sender.send(Request(operation=name, values={"id": ids[0]}), f"{name}, expired")
        sender.send(Request(operation="download", path=file, key=None), "file, late")
        sender.advance(lifetimes["file_seconds"])
        sender.send(Request(operation="download", path=file, key=None), "file, expired")

    def _bought(self, operation: str, body: dict[str, Any]) -> Request:
        return Request(operation=operation, values=self._values, json=body, price=self.price, bought=True)

    def _ended(self, sender: Sender, request_id: str, prefix: str = "", first: int = 0) -> bool:
        """Ask until a request has ended, at each of its addresses in turn; False: it was waited for long enough.

        `first` is the place among them of that which is asked first, so that each is asked while something runs.
        """
        for count in range(first, MOST_POLLS):
            name = ASKING[count % len(ASKING)]
            step = sender.send(Request(operation=name, values={"id": request_id}), prefix + name)
            if field(step, "status") in ENDED:
                return True
            if step.status not in (200, 429, 502, 503, 504) or not sender.pause():
                return False
        return False

    def _fetch(self, sender: Sender, url: object) -> None:
        """Fetch a video in every way that clients do."""
        if not isinstance(url, str):
            return
        for name, (method, headers) in WAYS.items():
            key = Need.GOOD if name == "download with a key" else None
            sender.send(Request(operation="download", path=url, key=key, method=method, headers=headers), name)


def states(steps: Iterable[Step]) -> list[str]:
    """Return the states that answers tell, in their order, those told once more left out."""
    found: list[str] = []
    for step in steps:
        state = field(step, "status")
        if isinstance(state, str) and found[-1:] != [state]:
            found.append(state)
    return found
