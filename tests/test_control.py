"""The control API: what Python can do to an emulator, over HTTP."""

import json
from copy import deepcopy
from pathlib import Path

import pytest
import requests
from calling import GOOD_KEY, PRICE, SLUG, V2, make_key
from controlling import EXAMPLE, OPERATIONS, Control, Holding, generate
from openapi_spec_validator import validate

from mockling.emulator import Emulator
from mockling.emulator.control.reading import document


def test_its_document_is_valid() -> None:
    """control.json is an OpenAPI document, and each operation has a name, a sentence and its refusals."""
    validate(deepcopy(document()))  # type: ignore[arg-type] # it wants its own kind of mapping
    for name, (_, _, operation) in OPERATIONS.items():
        assert operation["summary"].endswith(".")
        assert "403" in operation["responses"], name


def test_health_and_state(control: Control, own: Emulator) -> None:
    """An emulator that has just begun tells that it is well, where it is, and that nothing has happened."""
    assert control.call("health")["status"] == "ok"
    state = control.call("state")
    assert state.pop("clock") == {"now": 0.0, "speed": "manual"}
    assert state == {
        "url": own.url, "api_key": own.api_key, "profile": "documented", "seed": 0, "models": [SLUG], "held": 0,
        "calls": 0, "billed": "0.00", "warnings": [], "faults": [],
    }  # fmt: skip


def test_calls_are_told(control: Control, own: Emulator) -> None:
    """Calls, their messages and their bill are told, all or those that are asked for, oldest first; keys are masked."""
    job = generate(own).json()["request_id"]
    requests.get(own.url + "/nowhere?a=b", timeout=30)
    own.advance(days=1)
    told = control.call("requests")
    first, second = told["requests"]
    assert (first["operation"], first["request_id"], first["status"]) == ("submit", job, 200)
    assert json.loads(first["request"]["body"]) == EXAMPLE
    assert json.loads(first["response"]["body"])["request_id"] == job
    assert (second["path"], second["operation"]) == ("/nowhere?a=b", None)
    assert told["billed"] == first["cost"] == control.call("state")["billed"] == f"{PRICE:.2f}"
    assert GOOD_KEY not in json.dumps(told)
    for wanted, numbers in [
        ({"since": 1}, [2]), ({"since": 2}, []), ({"operation": "submit"}, [1]), ({"method": "get"}, [2]),
        ({"path": "/nowhere"}, [2]), ({"path": "/v*/kling*"}, [1]), ({"status": 404}, [2]), ({"job": job}, [1]),
        ({"model": SLUG}, [1]), ({"model": "other"}, []), ({"path": "*e*r*?a=*"}, [2]),
    ]:  # fmt: skip
        assert [row["number"] for row in control.call("requests", params=wanted)["requests"]] == numbers, wanted
    for wrong in ({"since": "-1"}, {"since": "9" * 5000}, {"status": "ok"}, {"until": "1"}):
        assert next(iter(wrong)) in control.refused("requests", params=wrong)


def test_a_call_is_told_from_its_beginning_to_its_end(control: Control, own: Emulator) -> None:
    """When it came and when it was answered, how it was sent, and what of it is no text as far as it can be read."""
    holding = Holding(own, [GOOD_KEY])
    own.settle()
    assert holding.statuses() == [200]
    sent = {"x-api-key": GOOD_KEY, "content-type": "application/json", "x-odd": "a"}
    requests.post(own.url + V2, data=b'\xff{"', headers=sent, timeout=30)
    held, odd = control.call("requests")["requests"]
    assert (held["moment"], held["ended"], held["seconds"]) == (0.0, round(own.calls[0].ended, 6), own.calls[0].seconds)
    assert held["ended"] > 100
    assert (odd["request"]["body"], odd["request"]["size"], odd["status"]) == ('\ufffd{"', 3, 400)
    assert ["x-odd", "a"] in odd["request"]["headers"]
    assert odd["error"] == "Invalid JSON in request body: byte 0 is not UTF-8"


def test_calls_are_forgotten(control: Control, own: Emulator) -> None:
    """The journal is emptied; what was billed stays billed."""
    generate(own)
    own.advance(days=1)
    assert control.call("forget_requests") == {"requests": []}
    assert control.call("requests")["requests"] == []
    assert control.call("state")["billed"] != "0.00"


def test_warnings_are_told(control: Control, own: Emulator) -> None:
    """What is probably a mistake is told with the calls and with the state."""
    requests.post(own.url + V2, json={**EXAMPLE, "odd": 1}, headers={"x-api-key": GOOD_KEY}, timeout=30)
    (told,) = [warning for warning in control.call("state")["warnings"] if "odd" in warning]
    assert told in control.call("requests")["warnings"]


def test_a_fault_is_armed_strikes_and_is_disarmed(control: Control, own: Emulator) -> None:
    """A fault that is armed over HTTP strikes as one of Python's, tells how often, and is forgotten by its number."""
    armed = control.call("arm", json={"on": "post", "status": 502, "times": 2})
    assert armed == {
        "number": 1,
        "fault": {"on": "post", "status": 502, "times": 2},
        "met": 0,
        "fired": 0,
        "spent": False,
    }
    assert generate(own).status_code == 502
    (told,) = control.call("faults")["faults"]
    assert (told["met"], told["fired"], told["spent"]) == (1, 1, False)
    assert control.call("state")["faults"] == [told]
    other = control.call("arm", json={"on": "download", "cut": 0.5})
    assert [one["number"] for one in control.call("disarm", number=1)["faults"]] == [other["number"]]
    assert generate(own).status_code == 200
    assert "no fault 1" in control.refused("disarm", 404, number=1)
    assert control.call("disarm_all") == {"faults": []}


def test_time_is_read_moved_and_settled(control: Control, own: Emulator) -> None:
    """Time passes as is said, the speed is set, and settling lets all that is under way end."""
    assert control.call("clock") == {"now": 0.0, "speed": "manual"}
    told = control.call("set_clock", json={"seconds": 1, "minutes": 1, "hours": 1, "days": 1})
    assert told == {"now": 90061.0, "speed": "manual"}
    generate(own)
    assert control.call("state")["billed"] == "0.00"
    assert control.call("set_clock", json={"settle": True})["now"] > 90061
    assert control.call("state")["billed"] != "0.00"
    assert control.call("set_clock", json={"speed": 1000, "seconds": 5})["speed"] == 1000
    assert own.speed == 1000


def test_time_is_told_to_the_microsecond(control: Control, own: Emulator) -> None:
    """Moments are told with six decimals, of the clock and of each call."""
    assert control.call("set_clock", json={"seconds": 1 / 3})["now"] == 0.333333
    requests.get(own.url + "/nowhere", timeout=30)
    (row,) = control.call("requests")["requests"]
    assert (row["moment"], row["ended"]) == (0.333333, 0.333333)


def test_an_account_is_told_and_topped_up(control: Control, own: Emulator) -> None:
    """The balance of a key is told, and money is added to it or taken away."""
    mine = Control(own, make_key())
    assert mine.call("account") == {"credits": "100.00"}
    assert mine.call("credit", json={"add": 2.5}) == {"credits": "102.50"}
    assert mine.call("credit", json={"add": "-102.5"}) == {"credits": "0.00"}
    for wrong in (
        {},
        {"add": None},
        {"add": True},
        {"add": "NaN"},
        {"add": 1e300},
        {"add": "1e-9"},
        {"add": 1, "to": 2},
    ):
        mine.refused("credit", json=wrong)
    assert mine.call("account") == {"credits": "0.00"}
    assert "x-api-key" in control.refused("account")
    assert "x-api-key" in control.refused("credit", json={"add": 1})
    assert "no account" in Control(own, "nobody").refused("account")


def test_it_is_reset_with_other_settings(control: Control, own: Emulator) -> None:
    """A reset forgets everything; settings replace those of the start, and are gone with the next reset."""
    control.call("arm", json={"status": 502})
    generate(own)
    accounts = [{"key": "SG_00000000000000aa", "credits": "5.00"}]
    settings = {"seed": 7, "profile": "observed", "speed": "instant", "accounts": accounts, "faults": [{"status": 504}]}
    state = control.call("reset", json={"settings": settings})
    assert (state["seed"], state["profile"], state["clock"]["speed"]) == (7, "observed", "instant")
    assert (state["api_key"], state["calls"], len(state["faults"])) == ("SG_00000000000000aa", 0, 1)
    assert Control(own, "SG_00000000000000aa").call("account") == {"credits": "5.00"}
    state = control.call("reset", json={})
    assert (state["seed"], state["profile"], state["clock"]["speed"]) == (0, "documented", "manual")
    assert control.call("reset")["faults"] == []


@pytest.mark.parametrize("profile", ["documented", "observed"])
def test_the_contract_is_served(profile: str, tmp_path: Path) -> None:
    """openapi.json and openapi.yaml are the settled contract, valid, with this server's address and all its models."""
    page = (Path(__file__).parent.parent / "docs" / "models.md").read_text("utf-8")
    (tmp_path / "other.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    with Emulator(profile=profile, models=[tmp_path / "other.yaml"]) as emulator:
        control = Control(emulator)
        served = control.call("openapi_json")
        assert served == {**emulator.contract.openapi, "servers": [{"url": emulator.url}]}
        assert control.call("openapi_yaml") == served
        assert all(
            emulator.contract.path("generate", model=slug) in served["paths"] for slug in emulator.contract.models
        )
        assert len(emulator.contract.models) == 2
        validate(served)
        own = control.call("control")
        assert own == {**document(), "servers": [{"url": f"{emulator.url}/_mockling"}]}


def test_the_address_that_is_told_is_the_callers(control: Control) -> None:
    """Who came by another name, or through a forwarded port, is told that; what a proxy adds changes nothing."""
    headers = {"host": "localhost:9999", "x-forwarded-host": "evil.example", "x-forwarded-prefix": "/evil"}
    headers |= {"x-forwarded-proto": "https"}
    assert control.call("state", headers=headers)["url"] == "http://localhost:9999"
    assert control.call("openapi_json", headers=headers)["servers"] == [{"url": "http://localhost:9999"}]
