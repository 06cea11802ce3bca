"""Calls that wait: answered when they are due, freed when the caller leaves, told when the server stops."""

import json
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from calling import STEADY, V1, V2, make_key, post
from werkzeug.test import Client as WsgiClient

from mockling.emulator import Emulator, Settings, create_app
from mockling.emulator.platform import outputs


def open_call(emulator: Emulator, key: str, sample: dict[str, Any], path: str = V1) -> socket.socket:
    """Send a request and leave its answer unread."""
    body = json.dumps(sample).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nx-api-key: {key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    call = socket.create_connection(("127.0.0.1", urlsplit(emulator.url).port or 0), timeout=30)
    call.sendall(head.encode() + body)
    return call


def wait_until_held(emulator: Emulator, calls: int) -> None:
    """Ask the emulator other things until it holds so many calls."""
    for _ in range(2000):
        if emulator.held == calls:
            return
        requests.get(emulator.url, timeout=30)
    raise AssertionError(f"{emulator.held} calls are held instead of {calls}")


def still_held(emulator: Emulator, calls: int) -> bool:
    """Say whether so many calls are held when the emulator has done what it was told before."""
    requests.get(emulator.url, timeout=30)
    return emulator.held == calls


def answer_of(call: socket.socket) -> tuple[int, dict[str, Any]]:
    """Read the answer to an open call."""
    received = b""
    while block := call.recv(65536):
        received += block
        head, _, body = received.partition(b"\r\n\r\n")
        if body.endswith(b"}"):
            break
    return int(head.split(b" ")[1]), json.loads(body)


def test_a_call_is_answered_when_it_is_due(sample: dict[str, Any]) -> None:
    """The wait is the simulated latency divided by the speed: not less, and not without bound more."""
    with Emulator(speed=1000) as emulator:
        response = post(emulator, sample, make_key())
        waited = response.elapsed.total_seconds()
        assert waited >= float(response.headers["x-generation-time"]) / 1000
        assert waited < 10


def test_manual_time_passes_only_when_told(sample: dict[str, Any]) -> None:
    """At the speed "manual" a call is held until enough time was advanced, and then answered at once."""
    emulator = Emulator(speed="manual", contract=STEADY)
    with emulator, open_call(emulator, make_key(), sample) as call:
        wait_until_held(emulator, 1)
        emulator.clock.advance(213.3)
        requests.get(emulator.url, timeout=30)
        assert emulator.held == 1
        emulator.clock.advance(0.1)
        status, body = answer_of(call)
        assert (status, body["metrics"]["total_time"]) == (200, 213.36)
    with pytest.raises(ValueError, match="cannot be advanced by -1 seconds"):
        Emulator(speed="manual").clock.advance(-1)


def test_under_another_wsgi_server_manual_time_wakes_the_thread(sample: dict[str, Any]) -> None:
    """A thread that waits for manual time goes on when it was advanced."""
    app = create_app(Settings(speed="manual"))
    headers = {"x-api-key": make_key()}
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: WsgiClient(app).post(V1, json=sample, headers=headers))
        while not answer.done():
            app.platform.clock.advance(100)
        assert answer.result().status_code == 200


def test_a_slow_call_holds_nobody_else_up_and_takes_no_thread(sample: dict[str, Any]) -> None:
    """With a hundred calls held the emulator answers others, and has no more threads than before."""
    with Emulator(speed=1) as emulator:
        threads = threading.active_count()
        calls = [open_call(emulator, make_key(), sample) for _ in range(100)]
        wait_until_held(emulator, 100)
        assert post(emulator, {}, make_key()).status_code == 400
        assert threading.active_count() == threads
        for call in calls:
            call.close()
        wait_until_held(emulator, 0)


def test_a_caller_who_leaves_frees_the_call_and_pays(sample: dict[str, Any]) -> None:
    """A caller who hangs up is noticed at once, noted in the journal, and has still started a generation (M6)."""
    with Emulator(speed=1, credits="2.10") as emulator:
        key = make_key()
        call = open_call(emulator, key, sample)
        wait_until_held(emulator, 1)
        call.close()
        wait_until_held(emulator, 0)
        (left,) = [entry for entry in emulator.journal if entry.status is None]
        assert str(left).startswith(f"POST {V1} caller left")
        assert post(emulator, sample, key).status_code == 406


def test_calls_held_when_the_server_stops_are_told(sample: dict[str, Any]) -> None:
    """Stopping answers every held call with a JSON 503, which is not billed (G11), and leaves nothing open."""
    keys = [make_key() for _ in range(50)]
    emulator = Emulator(speed=1, credits="2.10")
    with emulator:
        calls = [open_call(emulator, key, sample) for key in keys]
        wait_until_held(emulator, 50)
    for call in calls:
        with call:
            status, body = answer_of(call)
            assert (status, body) == (503, {"error": "The emulator is stopping; the call was not finished."})
            assert call.recv(1) == b""
    assert sum(entry.status == 503 and not entry.cost for entry in emulator.journal) == 50
    emulator = emulator.start()
    try:
        with open_call(emulator, keys[0], sample):
            wait_until_held(emulator, 1)  # the money is there again
    finally:
        emulator.stop()


def test_stopping_is_quiet_and_bounded_whoever_is_still_connected(sample: dict[str, Any]) -> None:
    """A caller who never reads his download, and one who never ends his body, are cut off without a word."""
    program = f"""
import socket, time, requests
from mockling.emulator import Emulator
with Emulator(speed="instant") as emulator:
    port = int(emulator.url.rpartition(":")[2])
    body = {{**{sample!r}, "duration": "15"}}
    key = {{"x-api-key": emulator.api_key}}
    url = requests.post(emulator.url + {V1!r}, json=body, headers=key).json()["output"]
    calls = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
    calls[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    calls[0].sendall(f"GET {{url[len(emulator.url):]}} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n".encode())
    calls[1].sendall(b"POST /v1/x HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 9\\r\\n\\r\\nhalf")
    requests.get(emulator.url)
    started = time.monotonic()
print(time.monotonic() - started < 5)
for call in calls:
    call.close()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_an_emulator_can_be_started_again(sample: dict[str, Any]) -> None:
    """After a stop the address is free, and the same emulator can listen once more with its accounts as they were."""
    emulator = Emulator(speed="instant", credits="4.20")
    key = make_key()
    with emulator:
        first = post(emulator, sample, key)
    with emulator:
        second = post(emulator, sample, key)
    assert [one.headers["x-remaining-credits"] for one in (first, second)] == ["2.10", "0.00"]
    emulator.stop()


def test_an_emulator_that_is_not_running_says_so() -> None:
    """Asking for its address before it listens is answered with what to do."""
    with pytest.raises(OSError, match=r"not running; call start\(\) first"):
        _ = Emulator().url


def test_an_emulator_listens_once(emulator: Emulator) -> None:
    """Starting an emulator that runs is refused, and does not disturb it."""
    with pytest.raises(OSError, match="is running already, at http://127"):
        emulator.start()
    assert requests.get(emulator.url, timeout=30).status_code == 404


def test_a_body_sent_slowly_and_a_caller_who_gives_up_are_no_trouble(emulator: Emulator) -> None:
    """A caller who leaves in the middle of a body costs nothing and stops nothing."""
    port = urlsplit(emulator.url).port or 0
    with socket.create_connection(("127.0.0.1", port), timeout=30) as caller:
        caller.sendall(b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
    assert requests.get(emulator.url, timeout=30).status_code == 404


def test_under_another_wsgi_server_the_call_waits_too(sample: dict[str, Any]) -> None:
    """Run by any WSGI server the application waits in the thread that called, and answers the same."""
    app = create_app(Settings(speed=2000))
    started = time.monotonic()
    response = WsgiClient(app).post(V1, json=sample, headers={"x-api-key": make_key()})
    assert response.status_code == 200
    assert response.get_json()["status"] == "COMPLETED"
    assert time.monotonic() - started >= float(response.headers["x-generation-time"]) / 2000


def test_a_start_that_takes_too_long_can_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the server does not come up in time that is told, nothing stays bound, and the next start works."""

    def never_listens(_: Any) -> None:
        pass

    emulator = Emulator(speed="instant")
    with monkeypatch.context() as patch:
        patch.setattr("mockling.emulator.listening.server.START_LIMIT", 0.01)
        patch.setattr("mockling.emulator.listening.listener.Listener.run", never_listens)
        with pytest.raises(OSError, match="did not start within"):
            emulator.start()
    with emulator:
        assert requests.get(emulator.url, timeout=30).status_code == 404


@pytest.mark.parametrize("path", [V1, V2])
def test_while_a_video_is_cut_others_are_answered(
    monkeypatch: pytest.MonkeyPatch, sample: dict[str, Any], path: str
) -> None:
    """The call whose video is not there yet waits for it, and nobody else does."""
    goes_on, render = threading.Event(), outputs._render

    def slow(output: Any) -> Any:
        goes_on.wait(30)
        return render(output)

    monkeypatch.setattr(outputs, "_render", slow)
    with Emulator(speed="instant") as emulator, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, emulator, sample, make_key(), path)
        wait_until_held(emulator, 1)
        goes_on.set()
        assert answer.result().status_code == 200
        assert emulator.journal[-1].request_id == answer.result().json()["request_id"]


@pytest.mark.parametrize("path", [V1, V2])
def test_a_video_that_cannot_be_cut_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, sample: dict[str, Any], path: str
) -> None:
    """A full disk is told to the call itself, on v1 and v2, and its money stays."""

    def full(_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs, "_render", full)
    with Emulator(speed="instant") as emulator:
        key = make_key()
        answer = post(emulator, sample, key, path)
        told = "The emulator could not write the output video: No space left on device"
        assert (answer.status_code, answer.json()) == (500, {"error": told})
        balance = requests.get(f"{emulator.url}/v1/get-user-credits", headers={"x-api-key": key}, timeout=30)
        assert balance.json()["credits"] == 100
        assert emulator.journal[0].cost == 0


@pytest.mark.parametrize("path", [V1, V2])
@pytest.mark.parametrize("ending", ["stop", "leave"])
def test_who_waits_for_a_cut_is_told_or_recorded(
    monkeypatch: pytest.MonkeyPatch, sample: dict[str, Any], path: str, ending: str
) -> None:
    """A server that stops meanwhile answers 503, unpaid; a caller who leaves is recorded, and his job goes on."""
    goes_on, render = threading.Event(), outputs._render
    monkeypatch.setattr(outputs, "_render", lambda output: (goes_on.wait(30), render(output))[1])
    emulator, key = Emulator(speed="instant"), make_key()
    with emulator:
        call = open_call(emulator, key, sample, path)
        wait_until_held(emulator, 1)
        if ending == "leave":
            call.close()
            wait_until_held(emulator, 0)
        else:
            emulator.stop()
            assert answer_of(call)[0] == 503
            call.close()
        goes_on.set()
        told = [entry for entry in emulator.journal if entry.operation in ("generate", "submit")]
    assert [entry.status for entry in told] == [503 if ending == "stop" else None]
    assert told[0].cost == (emulator.contract.model.price(sample) if (ending, path) == ("leave", V1) else 0)


def test_stopping_waits_for_nobody() -> None:
    """With no call held, ten emulators are started, asked and stopped as fast as that goes: no second is waited."""
    spent: list[float] = []
    for _ in range(10):
        emulator = Emulator(speed="instant").start()
        requests.get(emulator.url, timeout=30)
        before = time.monotonic()
        emulator.stop()
        spent.append(time.monotonic() - before)
    assert min(spent) < 0.06  # what would be waited for each time, a busy machine does not add to all of them
    assert median(spent) < 0.5


def test_each_application_has_jobs_of_its_own(sample: dict[str, Any]) -> None:
    """As several workers of a WSGI server would: what one was given, the other does not know; the docs say so."""
    one, other = (WsgiClient(create_app(Settings(speed="instant"))) for _ in range(2))
    headers = {"x-api-key": make_key()}
    asked = one.post(V2, json=sample, headers=headers).get_json()["status_url"]
    assert [server.get(asked, headers=headers).status_code for server in (one, other)] == [200, 404]
    assert "workers" in str(create_app.__doc__)
