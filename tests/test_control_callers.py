"""Several callers of the control API, and calls that wait meanwhile."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from threading import Barrier, BrokenBarrierError, Event, Thread
from typing import Any

import pytest
import requests
from calling import GOOD_KEY, make_key
from controlling import Control, Holding, generate

from mockling.emulator import Emulator


def test_control_calls_leave_no_trace() -> None:
    """They are not in the journal, not logged as calls and count for no rate, whatever becomes of them."""
    with Emulator(speed="manual", requests_per_minute=1) as emulator:
        mine = Control(emulator, make_key())
        for _ in range(5):
            mine.call("state")
            mine.refused("set_clock", json={"seconds": 1})
        with socket.create_connection(("127.0.0.1", int(emulator.url.rpartition(":")[2])), timeout=30) as left:
            left.sendall(b"POST /_mockling/clock HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 50\r\n\r\n{")
        assert generate(emulator, make_key()).status_code == 200
        emulator.settle()
        assert [call.operation for call in emulator.calls] == ["submit"]


def test_a_key_sees_and_changes_only_what_is_its_own(control: Control, own: Emulator) -> None:
    """Of two keys, whatever one does leaves the other's calls, faults, money and jobs as they were."""
    keys = make_key(), make_key()
    one, other = (Control(own, key) for key in keys)
    jobs = [generate(own, key).json()["request_id"] for key in keys]
    own.advance(days=0.01)
    numbers = [mine.call("arm", json={"on": "submit", "status": 502})["number"] for mine in (one, other)]
    shared = control.call("arm", json={"on": "download", "cut": 0.5})["number"]
    assert [fault["number"] for fault in one.call("faults")["faults"]] == [numbers[0], shared]
    assert [call["request_id"] for call in one.call("requests")["requests"]] == [jobs[0]]
    assert one.call("state")["calls"] == 1
    before = other.call("state"), other.call("requests"), other.call("account")

    assert "another" in one.refused("arm", json={"status": 502, "key": keys[1]})
    assert "another" in one.refused("arm", json={"status": 502, "key": None})
    assert "no fault" in one.refused("disarm", 404, number=numbers[1])
    assert "no fault" in one.refused("disarm", 404, number=shared)
    for name, body in [("forget_requests", None), ("set_clock", {"seconds": 1}), ("reset", {"settings": {"seed": 1}})]:
        assert "x-api-key" in one.refused(name, json=body)
    one.call("credit", json={"add": 5})
    assert [fault["number"] for fault in one.call("disarm_all")["faults"]] == [shared]
    one.call("arm", json={"on": "submit", "status": 504})
    state = one.call("reset")
    assert (state["calls"], state["billed"], len(state["faults"])) == (0, "0.00", 1)
    assert one.call("account") == {"credits": "100.00"}

    assert (other.call("state"), other.call("requests"), other.call("account")) == before
    assert generate(own, keys[0]).status_code == 200
    assert generate(own, keys[1]).status_code == 502
    assert (
        requests.get(f"{own.url}/v2/requests/{jobs[0]}", headers={"x-api-key": keys[0]}, timeout=30).status_code == 404
    )
    assert (
        requests.get(f"{own.url}/v2/requests/{jobs[1]}", headers={"x-api-key": keys[1]}, timeout=30).status_code == 200
    )


def test_forgetting_a_key_ends_its_held_calls_alone(own: Emulator) -> None:
    """A reset with a key answers that key's held calls with 503; another's go on."""
    keys = [make_key(), make_key()]
    holding = Holding(own, keys)
    Control(own, keys[0]).call("reset")
    assert own.held == 1
    own.settle()
    assert holding.statuses() == [503, 200]


def test_a_key_is_told_of_its_own_held_calls_alone(own: Emulator) -> None:
    """With a key the state counts the calls of that key that wait; without one, all of them."""
    keys = [make_key(), make_key(), make_key()]
    holding = Holding(own, [keys[0], keys[0], keys[1]])
    assert [Control(own, key).call("state")["held"] for key in (*keys, None)] == [2, 1, 0, 3]
    own.settle()
    assert holding.statuses() == [200, 200, 200]


def test_control_answers_while_many_calls_are_held(control: Control, own: Emulator) -> None:
    """With a hundred calls that wait, it tells so, and settling answers them all."""
    holding = Holding(own, [make_key() for _ in range(100)])
    assert control.call("state")["held"] == 100
    control.call("set_clock", json={"settle": True})
    assert holding.statuses() == [200] * 100
    assert (control.call("state")["held"], control.call("state")["calls"]) == (0, 100)


def test_a_reset_ends_held_calls(control: Control, own: Emulator) -> None:
    """What waits when everything is reset is answered with 503, and is not in the new journal."""
    holding = Holding(own, [make_key() for _ in range(10)])
    assert control.call("reset")["held"] == 0
    assert holding.statuses() == [503] * 10
    assert control.call("requests")["requests"] == []


def test_resets_at_once_take_turns(control: Control, own: Emulator) -> None:
    """Many callers may reset at the same time, to whatever contract: each is answered, and it works afterwards."""
    bodies = [{"settings": {"profile": ("documented", "observed")[turn % 2]}} for turn in range(12)]
    with ThreadPoolExecutor(6) as pool:
        states = list(pool.map(lambda body: control.call("reset", json=body), bodies))
    assert len(states) == 12
    control.call("reset")
    job = generate(own).json()["request_id"]
    control.call("set_clock", json={"settle": True})
    assert requests.get(f"{own.url}/v2/requests/{job}", headers={"x-api-key": GOOD_KEY}, timeout=30).status_code == 200


def test_no_reset_begins_within_another(own: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one reset waits for what was held, another one waits for that reset."""
    both, met = Barrier(2), list[bool]()

    def wait_idle(_emulator: Emulator, _within: float) -> bool:
        with suppress(BrokenBarrierError):  # nobody else came
            both.wait(0.5)
            met.append(True)
        return True

    monkeypatch.setattr(Emulator, "_wait_idle", wait_idle)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: Control(own).call("reset"), range(2)))
    assert met == []


def test_workers_that_share_a_server_do_not_disturb_each_other() -> None:
    """Callers in parallel, each with a key of its own, meet their own faults and see their own calls alone."""
    turns = count(1)

    def work(key: str) -> None:
        mine = Control(emulator, key)
        for turn in range(5):
            status = (502, 503, 504, 500, 429)[(next(turns) + turn) % 5]
            mine.call("arm", json={"on": "submit", "status": status})
            assert generate(emulator, key).status_code == status
            assert generate(emulator, key).status_code == 200
            assert [call["status"] for call in mine.call("requests")["requests"]] == [status, 200]
            assert len(mine.call("faults")["faults"]) == 1
            mine.call("credit", json={"add": 1})
            assert mine.call("reset")["calls"] == 0

    with Emulator(speed="instant") as emulator, ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [make_key() for _ in range(8)]))


@pytest.mark.parametrize("body", [{"settle": True}, {"seconds": 1}])
def test_control_calls_when_it_stops(body: Any) -> None:
    """A control call that meets the end is answered or cut off, and the emulator ends."""
    with Emulator(speed="manual") as emulator:
        holding = Holding(emulator, [make_key()])
        emulator.fault(on="submit", stall=True)
        ends, url = Event(), f"{emulator.url}/_mockling/clock"

        def ask() -> None:
            while not ends.is_set():
                try:
                    assert requests.post(url, json=body, timeout=30).status_code == 200
                except requests.ConnectionError:
                    return

        asking = [Thread(target=ask) for _ in range(4)]
        for thread in asking:
            thread.start()
        statuses = holding.statuses() if body == {"settle": True} else None
        emulator.stop()
        ends.set()
        for thread in asking:
            thread.join(30)
            assert not thread.is_alive()
        assert statuses in ([200], None)
        if statuses is None:
            assert holding.statuses() in ([200], [503])
