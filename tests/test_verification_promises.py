"""The promises that are written by hand hold of the emulator, and each of them has been seen to fail."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from edited import recorded_promises
from verified import alarms, results

from mockling.contract import Contract, load
from mockling.contract.document import source
from mockling.contract.verification.clause import Clause, Severity, Verdict
from mockling.contract.verification.evidence import Step
from mockling.contract.verification.probe import Cost, Need, Request
from mockling.contract.verification.promises import promise_clauses
from mockling.contract.verification.promises.buying import Buying
from mockling.contract.verification.promises.promise import severity_of
from mockling.contract.verification.running import judged
from mockling.contract.verification.sending import Wire

DATA = Path(__file__).parent / "data"
MODELS = [DATA / "loose.yaml", DATA / "sketch.yaml"]
TIMED = {"generate.generation-time"}  # is judged only where time is real
UNOBSERVED = {  # the other answers to those disputes that the observed profile answers as documented
    dispute: next(answer for answer in row["answers"] if answer != row["profiles"]["documented"])
    for dispute, row in source()["x-disputes"].items()
    if row["profiles"]["documented"] == row["profiles"]["observed"]
}
ORDERS = [
    "key, method, model, content type, permission, JSON, parameters, rate, inputs, credits, generation",
    "method, model, key, JSON, rate, parameters, inputs, credits, content type, permission, generation",
]


def promises(contract: Contract) -> list[Clause]:
    return list(promise_clauses(contract))


@pytest.mark.parametrize("settings", [{}, {"profile": "observed"}, {"answers": UNOBSERVED}])
def test_every_promise_holds_of_the_emulator(settings: dict[str, Any]) -> None:
    """On both profiles, and with the disputes that they agree in answered the other way, nothing is left unnoticed."""
    contract = load(**settings)
    found = results(contract, promises(contract), **settings) if settings else judged(*recorded_promises())
    assert {one.clause.id: one.finding for one in found if one.verdict is not Verdict.HOLDS}.keys() == TIMED


def test_further_models_keep_their_promises() -> None:
    """A model that a user adds as a file is bought and judged as the first is, without code."""
    contract = load(models=MODELS)
    found = results(contract, promises(contract), models=MODELS)
    assert alarms(found) == {}
    judged = {one.clause.id for one in found if one.verdict is Verdict.HOLDS}
    assert {f"{slug}.{name}" for slug in contract.models if slug != contract.model.slug for name in OF_EACH} <= judged


OF_EACH = ["generate.delivers", "submit.delivers", "submit.fails", "generate.charged", "submit.video.pixels"]


@pytest.mark.parametrize("order", ORDERS)
def test_another_order_of_checks_is_checked_too(order: str) -> None:
    """A contract with another check_order asks for that one, and an emulator with the usual one fails it."""
    changes = {"x-behaviour": {"check_order": order.split(", ")}}
    contract = load(changes=changes)
    checks = [clause for clause in promises(contract) if ".checks." in clause.id]
    assert alarms(results(contract, checks, contract=changes)) == {}
    late = alarms(results(contract, checks))
    assert [name for name in late if name.startswith("generate.checks.")]


def test_no_more_is_bought_than_must_be() -> None:
    """Four clauses are paid for, at the cheapest price there is; nothing else asks for a video on purpose."""
    contract = load()
    paid = [clause for clause in promises(contract) if clause.cost is Cost.PAID]
    assert [clause.id for clause in paid] == ["generate.delivers", "submit.delivers", "submit.fails", "submit.again"]
    buying, model = Buying(contract, contract.model), contract.model
    assert buying.price == min(map(model.price, model.combinations())) == Decimal("0.945")
    assert model.price(buying.waited) == model.price(buying.queued) == buying.price
    assert model.violations(buying.waited) == model.violations(buying.queued) == []
    # What is left out shows the defaults, and what is not is none of them.
    dear = {"mode", "duration"}
    assert not (model.defaults.keys() - dear) & buying.waited.keys()
    assert all(buying.queued[name] != model.defaults[name] for name in ("aspect_ratio", "keep_audio"))


def test_nothing_is_sent_that_could_be_billed_unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A POST that could buy a video has its price, and what v2 takes with a good key is paid for on purpose."""
    contract, sent = load(), list[tuple[str, Request]]()
    send = Wire.send

    def noted(self: Wire, probe: str, name: str, request: Request) -> Step:
        sent.append((probe, request))
        return send(self, probe, name, request)

    monkeypatch.setattr(Wire, "send", noted)
    clauses = promises(contract)
    results(contract, clauses)
    probes = {clause.probe.id: clause.probe for clause in clauses if clause.probe}
    for probe, request in sent:
        if request.fault:  # which only a Mockling is asked for
            continue
        holder = isinstance(request.key, Need) or "$KEY" in str(request.headers)
        buys = holder and request.operation in ("generate", "submit") and request.method is None
        known = request.values.get("model") in contract.models
        assert (request.price > 0) or not (buys and known), probe
        assert request.price == 0 or probes[probe].cost in (Cost.FREE_IF_TRUE, Cost.PAID)
        assert request.bought == (probes[probe].cost is Cost.PAID and buys)
        if buys and known and request.operation == "submit" and request.key is Need.GOOD:
            assert probes[probe].cost is Cost.PAID
    for name, probe in probes.items():
        mine = [request for sender, request in sent if sender == name]
        assert sum(request.price for request in mine) <= probe.worst
        assert {request.key for request in mine if isinstance(request.key, Need)} <= probe.needs
        polls = [request for request in mine if request.operation in ("status", "result", "poll")]
        assert len(mine) <= probe.calls or len(mine) - len(polls) <= probe.calls


def test_what_nobody_promised_is_worth_a_notice() -> None:
    """Facts that rest on upstream's word or an assumption alone are worth a notice, all others a break."""
    contract = load()
    assert severity_of(contract, ["U1", "M5"]) is Severity.NOTICE
    assert severity_of(contract, ["U1", "P7"]) is Severity.BREAK
    assert severity_of(contract, []) is Severity.BREAK
    assert severity_of(load(answers={"D5": "at-once"}), ["D5"]) is Severity.NOTICE
    assert severity_of(contract, ["D5"]) is Severity.BREAK
