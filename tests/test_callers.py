"""Callers of every kind that is known of the platform, each in a few lines of plain HTTP."""

import json
import re
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from calling import BAD_KEY, INPUTS, NOBODY, SLUG, make_key

from mockling import fixtures
from mockling.emulator import Emulator

FAILING = [{"video_url": f"{INPUTS}truncated.mp4"}, {"mode": "x"}, {"prompt": None}, {"video_url": "cat.mp4"}]


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """An emulator whose accounts start with ten dollars."""
    with Emulator(speed="instant", credits="10.00") as running:
        yield running


def submit(server: Emulator, key: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    """Submit a job and return the reply."""
    url = f"{server.url}/v2/{SLUG}"
    response = requests.post(url, json=body, headers={"x-api-key": key, **headers}, timeout=30)
    assert response.status_code == 200
    assert response.json()["status"] == "QUEUED"
    return dict(response.json())


def get(url: str, key: str | None, **headers: str) -> requests.Response:
    """Get a URL with a key, following no redirect."""
    sent = {**({"x-api-key": key} if key else {}), **headers}
    return requests.get(url, headers=sent, timeout=30, allow_redirects=False)


def follow(url: str, key: str, **headers: str) -> list[dict[str, Any]]:
    """Poll one URL until the job has ended and return every answer."""
    told: list[dict[str, Any]] = []
    while not told or told[-1]["status"] in ("QUEUED", "PROCESSING"):
        response = get(url, key, **headers)
        told.append(response.json())
        assert response.status_code == (422 if told[-1]["status"] == "FAILED" else 200)
        assert len(told) < 10
    return told


def balance(server: Emulator, key: str) -> float:
    """Return an account's money."""
    return float(get(f"{server.url}/v1/get-user-credits", key).json()["credits"])


@pytest.mark.parametrize(
    "polled",
    [
        "{response_url}",
        "{status_url}",
        "{poll_url}",
        "{server}/v2/requests/{request_id}",
        "{server}/v2/requests/{request_id}/status",
        "{server}/v1/requests/{request_id}",
    ],
)
def test_whatever_a_caller_polls_it_reaches_its_video(
    server: Emulator, key: str, sample: dict[str, Any], polled: str
) -> None:
    """Whoever polls one URL alone, told or built, sees every state once, in order, and then has the result."""
    reply = submit(server, key, sample)
    told = follow(polled.format(server=server.url, **reply), key)
    assert [one["status"] for one in told] == ["QUEUED", "PROCESSING", "COMPLETED"]
    result = get(reply["response_url"], key).json()
    if not polled.endswith(("status", "{status_url}")):
        assert told[-1] == result
    assert get(result["output"], None).content[4:8] == b"ftyp"


def test_a_caller_of_the_status_sees_what_is_documented(server: Emulator, key: str, sample: dict[str, Any]) -> None:
    """While a job runs its status has its URLs and empty metrics; once done, all five metrics (A3)."""
    reply = submit(server, key, sample)
    *running, done = follow(reply["status_url"], key)
    for told in running:
        links = {name: reply[name] for name in ("request_id", "status_url", "response_url")}
        assert told == {"status": told["status"], "metrics": {}, **links}
    assert {"inference_time", "queue_time", "total_time", "cost", "remaining_credits"} <= done["metrics"].keys()
    assert re.fullmatch(r"[A-Za-z0-9._-]+", reply["request_id"])


PROXY = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "api.test"}
SERVERS = [
    ({}, None),
    ({"Host": "emulator.test:9000"}, "http://emulator.test:9000"),
    ({**PROXY, "X-Forwarded-Port": "8443"}, "https://api.test:8443"),
    ({**PROXY, "X-Forwarded-Prefix": "/kling"}, "https://api.test/kling"),
]


@pytest.mark.parametrize(("headers", "root"), SERVERS)
def test_every_url_is_on_the_server_that_answered(
    server: Emulator, key: str, sample: dict[str, Any], headers: dict[str, str], root: str | None
) -> None:
    """The URLs of the reply, of the status and of the video begin as the caller's did, also behind a proxy."""
    reply, base = submit(server, key, sample, **headers), root or server.url
    record = f"requests/{reply['request_id']}"
    assert reply["poll_url"] == f"{base}/v1/{record}"
    assert reply["status_url"] == f"{base}/v2/{record}/status"
    assert reply["response_url"] == f"{base}/v2/{record}"
    told = follow(f"{server.url}/v2/{record}/status", key, **headers)
    assert {one["status_url"] for one in told if "status_url" in one} == {reply["status_url"]}
    result = get(f"{server.url}/v2/{record}", key, **headers).json()
    assert result["output"] == result["video"]["url"] == f"{base}/generations/{reply['request_id']}.mp4"


@pytest.mark.parametrize(("headers", "root"), SERVERS)
def test_an_upload_is_on_the_server_that_answered_and_is_looked_at(
    server: Emulator, key: str, sample: dict[str, Any], headers: dict[str, str], root: str | None
) -> None:
    """An upload's URL begins as the caller's did, and as an input it stands for the bytes that were sent."""
    data = b64encode(fixtures.input_clip("narrow").read_bytes()).decode()
    sent = {"x-api-key": key, **headers}
    told = requests.post(
        f"{server.url}/upload-asset", json={"data_urls": [f"data:video/mp4;base64,{data}"]}, headers=sent, timeout=30
    )
    (url,) = told.json()["file_urls"]
    assert url.startswith(f"{root or server.url}/assets/")
    refused = requests.post(f"{server.url}/v1/{SLUG}", json={**sample, "video_url": url}, headers=sent, timeout=30)
    assert (refused.status_code, "640 pixels" in refused.text) == (400, True)


def test_uploads_end_with_the_emulator_and_without_a_word() -> None:
    """A program that uploaded leaves no file behind and meets no warning, not even where warnings are shown."""
    program = """
import base64, requests
from mockling import fixtures
from mockling.emulator import Emulator
data = base64.b64encode(fixtures.input_clip("valid").read_bytes()).decode()
with Emulator(speed="instant") as emulator:
    body, key = {"data_urls": [f"data:video/mp4;base64,{data}"]}, {"x-api-key": emulator.api_key}
    print(requests.post(emulator.url + "/upload-asset", json=body, headers=key).status_code)
"""
    run = [sys.executable, "-W", "always::ResourceWarning", "-c", program]
    ended = subprocess.run(run, capture_output=True, text=True, timeout=60)
    assert (ended.stdout, ended.stderr) == ("200\n", "")


def test_the_video_is_under_both_names_and_open_to_all(server: Emulator, key: str, sample: dict[str, Any]) -> None:
    """`output` and `video.url` are one URL, and its file comes whole or in part, with any key or none."""
    *_, done = follow(submit(server, key, sample)["response_url"], key)
    assert isinstance(done["output"], str)
    assert done["output"] == done["video"]["url"]
    assert done["video"]["content_type"] == "video/mp4"
    assert done["output"].endswith(f"/{done['video']['file_name']}")
    whole = get(done["output"], None)
    assert len(whole.content) == int(whole.headers["content-length"]) == done["video"]["file_size"]
    for other in (key, make_key(), BAD_KEY, "nonsense"):
        assert get(done["output"], other).content == whole.content
        part = get(done["output"], other, Range="bytes=4-7")
        assert (part.status_code, part.content) == (206, b"ftyp")


@pytest.mark.parametrize("change", FAILING)
def test_a_failure_is_json_wherever_it_is_read(
    server: Emulator, key: str, sample: dict[str, Any], change: dict[str, Any]
) -> None:
    """A failed job is 422 with the same JSON text on the status and the result, with timings and no cost."""
    reply = submit(server, key, {**sample, **change})
    assert [told["status"] for told in follow(reply["status_url"], key)] == ["QUEUED", "PROCESSING", "FAILED"]
    answers = [get(reply[name], key) for name in ("status_url", "response_url")]
    for answer in answers:
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/json")
        assert answer.json()["status"] == "FAILED"
        assert "cost" not in answer.json()["metrics"]
        assert "output" not in answer.json()
    assert answers[0].json()["error"] == answers[1].json()["error"] != ""
    assert balance(server, key) == 10


@pytest.mark.parametrize("path", ["v1/requests/{}", "v2/requests/{}", "v2/requests/{}/status", "v1/get-user-credits"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "nonsense"])
def test_a_get_may_name_a_content_type(
    server: Emulator, key: str, sample: dict[str, Any], path: str, kind: str
) -> None:
    """Callers that send their POST's headers with every GET are answered as any other."""
    reply = submit(server, key, sample)
    assert get(f"{server.url}/{path.format(reply['request_id'])}", key, **{"Content-Type": kind}).status_code == 200


def test_two_equal_submissions_are_two_jobs_and_two_charges(server: Emulator, key: str, sample: dict[str, Any]) -> None:
    """Nothing makes a submission idempotent (G12), not even a header that elsewhere does."""
    replies = [submit(server, key, sample, **{"Idempotency-Key": "one"}) for _ in range(2)]
    assert replies[0]["request_id"] != replies[1]["request_id"]
    ends = [follow(reply["response_url"], key)[-1]["metrics"] for reply in replies]
    assert [end["cost"] for end in ends] == [2.1, 2.1]
    assert [end["remaining_credits"] for end in ends] == [pytest.approx(7.9), pytest.approx(5.8)]
    assert balance(server, key) == pytest.approx(5.8)


@pytest.mark.parametrize(
    ("change", "cost"), [({}, 2.1), ({"mode": "std", "duration": "3"}, 0.945), ({"duration": "15"}, 6.3)]
)
def test_success_has_a_cost(
    server: Emulator, key: str, sample: dict[str, Any], change: dict[str, str], cost: float
) -> None:
    """The cost is a number above 0, the same on the status and the result, and what the account lost."""
    reply = submit(server, key, {**sample, **change})
    told = [follow(reply[name], key)[-1]["metrics"] for name in ("status_url", "response_url")]
    assert [type(one["cost"]) for one in told] == [float, float]
    assert [one["cost"] for one in told] == [cost, cost]
    assert balance(server, key) == pytest.approx(10 - cost)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_rate_limit_says_when_it_ends(version: str, sample: dict[str, Any]) -> None:
    """429 has no Retry-After but a moment in UTC within the minute, for a planned one as for a real one."""
    with Emulator(speed="instant", requests_per_minute=1) as server:
        key, url = make_key(), f"{server.url}/{version}/{SLUG}"
        calls = [(key, 200), (key, 429), ("SG_0000000000000429", 429)]
        for caller, status in calls:
            response = requests.post(url, json=sample, headers={"x-api-key": caller}, timeout=30)
            assert response.status_code == status
            assert "retry-after" not in response.headers
        reset = datetime.fromisoformat(response.headers["x-rate-limit-reset-at-utc"])
        reset = reset.replace(tzinfo=reset.tzinfo or UTC)
        assert timedelta(seconds=-2) < reset - datetime.now(UTC) < timedelta(seconds=62)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        (f"/v1/{SLUG}", "POST"),
        (f"/v2/{SLUG}", "POST"),
        (f"/v2/requests/{NOBODY}", "GET"),
        (f"/v2/requests/{NOBODY}/status", "GET"),
        (f"/v1/requests/{NOBODY}", "GET"),
        ("/v1/get-user-credits", "GET"),
        ("/upload-asset", "POST"),
    ],
)
def test_a_page_of_another_origin_may_call(server: Emulator, path: str, method: str) -> None:
    """A browser's preflight succeeds without a key, and the answer's own headers let the page read it (G16)."""
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": method}
    headers["Access-Control-Request-Headers"] = "x-api-key, content-type"
    preflight = requests.options(server.url + path, headers=headers, timeout=30)
    assert preflight.status_code in (200, 204)
    assert preflight.headers["access-control-allow-origin"] in ("*", "https://app.example")
    assert {"x-api-key", "content-type"} <= set(preflight.headers["access-control-allow-headers"].split(", "))
    assert method in preflight.headers["access-control-allow-methods"]
    answer = requests.request(method, server.url + path, headers={"Origin": "https://app.example"}, timeout=30)
    assert answer.headers["access-control-allow-origin"] in ("*", "https://app.example")


def test_the_answer_of_v1_can_be_read_as_what_it_is(sample: dict[str, Any]) -> None:
    """Numbers are numbers, the metadata is JSON, and bytes are exactly video/mp4, begin with ftyp and have a length."""
    with Emulator(speed="instant", profile="observed") as server:
        answer = requests.post(f"{server.url}/v1/{SLUG}", json=sample, headers={"x-api-key": make_key()}, timeout=30)
    assert answer.headers["content-type"] == "video/mp4"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.content[4:8] == b"ftyp"
    assert float(answer.headers["x-generation-time"]) > 0
    assert float(answer.headers["x-remaining-credits"]) == pytest.approx(97.9)
    assert json.loads(answer.headers["x-output-metadata"])["fps"] == 24


def test_a_key_can_be_tried_for_nothing(server: Emulator, key: str) -> None:
    """The status of the all-zero id is 404 with a good key and 401 with a bad one or none (A9)."""
    url = f"{server.url}/v2/requests/{NOBODY}/status"
    assert [get(url, one).status_code for one in (key, BAD_KEY, "nonsense", None)] == [404, 401, 401, 401]
    assert get(url, key).json() == {"error": f"Request {NOBODY} not found"}
    assert balance(server, key) == 10


def test_what_does_not_exist_is_not_found(server: Emulator, key: str, sample: dict[str, Any]) -> None:
    """The singular path is none (A12), and to another account a job is as unknown as one that never was."""
    reply = submit(server, key, sample)
    assert get(f"{server.url}/v2/request/{reply['request_id']}", key).status_code == 404
    for name in ("poll_url", "status_url", "response_url"):
        theirs, unknown = (
            get(url, make_key()) for url in (reply[name], reply[name].replace(reply["request_id"], NOBODY))
        )
        assert theirs.status_code == unknown.status_code == 404
        assert theirs.json()["error"].replace(reply["request_id"], NOBODY) == unknown.json()["error"]
    poll = get(f"{server.url}/v1/requests/{NOBODY}", key).json()["error"]
    assert re.match("Output for this request ID .*Not Found", poll)


def read_and_drop(url: str, key: str, most: int) -> bytes:
    """Ask for a URL, read so many bytes of the answer's body, and break the connection."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as caller:
        caller.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nx-api-key: {key}\r\n\r\n".encode())
        got = b""
        while most and len(got.partition(b"\r\n\r\n")[2]) < most:
            got += caller.recv(1000)
    return got.partition(b"\r\n\r\n")[2]


def test_a_poller_that_dies_costs_and_loses_nothing(server: Emulator, key: str, sample: dict[str, Any]) -> None:
    """Killed in its polls and in its download, a caller goes on with nothing but the id and pays once."""
    request_id = submit(server, key, sample)["request_id"]
    record = f"{server.url}/v2/requests/{request_id}"
    for _ in range(5):
        read_and_drop(f"{record}/status", key, 0)
    first = follow(record, key)[-1]
    beginning = read_and_drop(first["output"], key, 5000)
    assert follow(f"{record}/status", key)[-1]["metrics"] == first["metrics"]
    assert get(record, key).json() == first
    rest = get(first["output"], None, Range=f"bytes={len(beginning)}-")
    assert rest.status_code == 206
    assert beginning + rest.content == get(first["output"], key).content
    assert len(beginning) + len(rest.content) == first["video"]["file_size"]
    assert balance(server, key) == pytest.approx(7.9)
