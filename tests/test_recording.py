"""Recording: every call is an exchange in the journal, once, as its caller saw it, and without a secret."""

import json
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, dataclass, replace
from decimal import Decimal
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from calling import GOOD_KEY, NOBODY, PRICE, SLUG, V1, V2, Local, data_url, post

from mockling.emulator import Emulator, Exchange, Message

MASKED = f"...{GOOD_KEY[-4:]}"


@dataclass(frozen=True)
class Kind:
    """A kind of call: its verb and path (where `{id}` is a job that is done), what is sent, and what becomes of it."""

    method: str
    path: str
    status: int
    operation: str | None
    key: str | None = GOOD_KEY
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


SAMPLE = json.dumps({"prompt": "a", "video_url": "https://e.com/a.mp4"}).encode()
JSON = (("content-type", "application/json"),)
UPLOAD = json.dumps({"data_urls": [data_url("text/plain", b"hi")]}).encode()
FILE = "/generations/{id}.mp4"
AGENT = (("user-agent", "tests"), ("accept-encoding", "identity"), ("accept", "*/*"), ("connection", "keep-alive"))
KINDS = [
    Kind("POST", V1, 200, "generate", body=SAMPLE, headers=JSON),
    Kind("POST", V2, 200, "submit", body=SAMPLE, headers=JSON),
    Kind("POST", V1, 400, "generate", body=b"{", headers=JSON),
    Kind("POST", V1, 400, "generate", body=b"{}", headers=JSON),
    Kind("POST", V2, 200, "submit", body=b"{}", headers=JSON),
    Kind("POST", V1, 401, "generate", key=None, body=SAMPLE, headers=JSON),
    Kind("POST", V1, 401, "generate", key="SG_0000000000000401", body=SAMPLE, headers=JSON),
    Kind("POST", V1, 403, "generate", key="SG_0000000000000403", body=SAMPLE, headers=JSON),
    Kind("POST", "/v1/unknown", 404, "generate", body=SAMPLE, headers=JSON),
    Kind("PUT", V1, 405, "generate", body=SAMPLE, headers=JSON),
    Kind("POST", V1, 406, "generate", body=SAMPLE, headers=(("content-type", "text/plain"),)),
    Kind("POST", V1, 406, "generate", key="SG_0000000000000406", body=SAMPLE, headers=JSON),
    Kind("POST", "/v1/mockling-retired-model", 410, "generate", body=SAMPLE, headers=JSON),
    Kind("POST", V1, 413, "generate", body=b" " * (25 * 1024**2 + 1), headers=JSON),
    Kind("POST", V1, 429, "generate", key="SG_0000000000000429", body=SAMPLE, headers=JSON),
    *(Kind("POST", V1, of, "generate", f"SG_0000000000000{of}", SAMPLE, JSON) for of in (500, 502, 504)),
    Kind("GET", "/v2/requests/{id}/status", 200, "status"),
    Kind("GET", "/v2/requests/{id}/status?a=b", 200, "status"),
    Kind("GET", "/v2/requests/{id}", 200, "result"),
    Kind("HEAD", "/v2/requests/{id}", 200, "result"),
    Kind("GET", "/v1/requests/{id}", 200, "poll"),
    Kind("GET", f"/v1/requests/{NOBODY}", 404, "poll"),
    Kind("GET", "/v1/get-user-credits", 200, "credits"),
    Kind("POST", "/v1/get-user-credits", 405, "credits"),
    Kind("POST", "/upload-asset", 200, "upload", body=UPLOAD, headers=JSON),
    Kind("POST", "/upload-asset", 400, "upload", body=b"{}", headers=JSON),
    Kind("GET", "/assets/none.mp4", 404, "asset", key=None),
    Kind("GET", FILE, 200, "download", key=None),
    Kind("GET", FILE, 206, "download", headers=(("range", "bytes=100-70000"),)),
    Kind("GET", FILE, 416, "download", headers=(("range", "bytes=99999999-"),)),
    Kind("GET", FILE, 304, "download", headers=(("if-none-match", '"{id}"'),)),
    Kind("HEAD", FILE, 200, "download"),
    Kind("GET", f"/generations/{NOBODY}.mp4", 404, "download"),
    Kind("OPTIONS", V1, 204, "preflight", key=None),
    Kind("OPTIONS", FILE, 204, "preflight", key=None),
    Kind("GET", "/elsewhere", 404, None, key=None),
    Kind("PURGE", "/elsewhere/%C3%A9?x=1", 404, None),
    Kind("GET", f"//v1/{SLUG}", 404, None),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """An emulator of this file alone, so that nobody else's calls are in its journal."""
    with Emulator(speed="instant") as running:
        yield running


@pytest.fixture(scope="module")
def job(server: Emulator) -> str:
    """The id of a job that is done."""
    return str(post(server, json.loads(SAMPLE), GOOD_KEY, V2).json()["request_id"])


@pytest.fixture
def done(server: Emulator, job: str) -> str:
    """The same, when it is done, and the journal empty."""
    for _ in range(3):
        requests.get(f"{server.url}/v2/requests/{job}", headers={"x-api-key": GOOD_KEY}, timeout=30)
    server.journal.clear()
    return job


def headers_of(message: Message) -> dict[str, str]:
    """Return a message's headers; each name is there once."""
    assert len(dict(message.headers)) == len(message.headers)
    return {name.lower(): value for name, value in message.headers}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.method} {kind.path} {kind.status}")
def test_every_call_is_recorded_once_as_its_caller_saw_it(server: Emulator, done: str, kind: Kind) -> None:
    """When the caller has the last byte there is one exchange, with what was sent and what came back."""
    path = kind.path.replace("{id}", done)
    sent = {name: value.replace("{id}", done) for name, value in (*AGENT, *kind.headers)}
    sent |= {"x-api-key": kind.key} if kind.key else {}
    prepared = requests.Request(kind.method, server.url, headers=sent, data=kind.body or None).prepare()
    prepared.url = server.url + path
    with requests.Session() as session:
        response = session.send(prepared, timeout=30)
    (exchange,) = server.journal
    assert response.status_code == kind.status == exchange.status
    assert (exchange.operation, exchange.method, exchange.path) == (kind.operation, kind.method, unquote(path))
    assert exchange.key == ("none" if kind.key is None else f"...{kind.key[-4:]}")
    noted = headers_of(exchange.request)
    seen = {name.lower(): value for name, value in prepared.headers.items()} | {"host": server.url[7:]}
    assert noted == seen | ({"x-api-key": exchange.key} if kind.key else {})
    assert exchange.request.size == len(kind.body)
    assert exchange.request.body == (b"" if kind.status == 413 else kind.body)
    told = exchange.response
    assert told is not None
    assert headers_of(told) == {
        name.lower(): value for name, value in response.headers.items() if name.lower() != "date"
    }
    is_file = kind.operation == "download" and kind.status in (200, 206) and kind.method == "GET"
    assert told.size == len(response.content)
    assert told.body == (b"" if is_file else response.content)
    assert told.sha256 == (sha256(response.content).hexdigest() if is_file else None)
    assert (kind.key or "SG_none") not in repr(exchange) + str(exchange)
    assert exchange.error == response.json().get("error") if kind.status >= 400 and kind.status != 405 else True


def test_an_uploaded_file_is_recorded_by_its_digest(server: Emulator, done: str) -> None:
    """The upload's file, when it is fetched, is size and digest as a video is."""
    del done
    url = requests.post(f"{server.url}/upload-asset", UPLOAD, headers={"x-api-key": GOOD_KEY, **dict(JSON)}, timeout=30)
    requests.get(url.json()["file_urls"][0], timeout=30)
    told = server.journal[-1].response
    assert told is not None
    assert (told.size, told.body, told.sha256) == (2, b"", sha256(b"hi").hexdigest())


def test_a_video_of_v1_is_recorded_by_its_digest(sample: dict[str, Any]) -> None:
    """A response that is the video itself is no body in the journal, but its size and digest."""
    local = Local(speed="instant", answers={"D1": "video"})
    video = local.post(V1, GOOD_KEY, sample).data
    told = local.journal[-1].response
    assert told is not None
    assert (told.size, told.body, told.sha256) == (len(video), b"", sha256(video).hexdigest())


def test_an_exchange_is_a_value(local: Local) -> None:
    """It cannot be changed, nor what is in it."""
    local.get("/elsewhere")
    exchange = local.journal[-1]
    for what, name in ((exchange, "status"), (exchange.request, "body"), (exchange.response, "size")):
        with pytest.raises(FrozenInstanceError):
            setattr(what, name, 1)
    assert isinstance(hash(exchange), int)


def test_a_submission_costs_nothing_until_its_job_is_done(local: Local, sample: dict[str, Any]) -> None:
    """The exchange that submitted it is told its cost the moment it completes, though nobody asks for it."""
    local.submit(GOOD_KEY, sample)
    before = local.journal[0]
    local.advance(213.3)
    assert (before.cost, local.journal[0].cost) == (0, 0)
    local.advance(0.1)
    assert (before.cost, local.journal[0].cost) == (Decimal(0), PRICE)
    assert local.journal[0] == replace(before, cost=PRICE)


def test_the_journal_is_a_view_that_can_be_cleared(sample: dict[str, Any]) -> None:
    """It shows what there is whenever it is looked at, can be sliced, and goes on after it was cleared."""
    local = Local(speed="instant")
    journal = local.journal
    assert (len(journal), list(journal), journal[:]) == (0, [], [])
    told = local.submit(GOOD_KEY, sample)
    local.get("/a")
    assert [one.path for one in journal] == [V2, "/a"] == [journal[0].path, journal[-1].path]
    assert [one.path for one in journal[1:]] == ["/a"]
    assert repr(journal) == "<Journal of 2 exchanges>"
    journal.clear()  # type: ignore[attr-defined]
    assert len(journal) == 0
    for _ in range(3):
        local.get(told["status_url"], GOOD_KEY)
    assert [one.number for one in journal] == [3, 4, 5]


@pytest.mark.parametrize(("bound", "most", "kept"), [("MOST_EXCHANGES", 3, 3), ("MOST_EXCHANGE_BYTES", 200_000, 2)])
def test_the_journal_is_bounded(
    local: Local, monkeypatch: pytest.MonkeyPatch, bound: str, most: int, kept: int
) -> None:
    """By the number of exchanges and by the bytes they take the oldest go first."""
    monkeypatch.setattr(f"mockling.emulator.platform.exchanges.{bound}", most)
    for number in range(6):
        local.post(V1, GOOD_KEY, {"prompt": "x" * 70_000, "number": number})
    assert [one.number for one in local.journal] == list(range(7 - kept, 7))
    assert {len(one.request.body) for one in local.journal} == {64 * 1024}
    assert all(one.request.size > 70_000 for one in local.journal)


def test_every_violation_is_told(local: Local) -> None:
    """The answer names the first violation, the journal the first twenty of them."""
    local.post(V1, GOOD_KEY, {"prompt": "a", "mode": 1, "duration": 2, "image_urls": [1] * 500})
    exchange = local.journal[-1]
    assert (exchange.status, exchange.violations[0]) == (400, exchange.error)
    assert len(exchange.violations) == 20


def test_an_exchange_names_what_it_was_about(local: Local, sample: dict[str, Any]) -> None:
    """Model, request id and duration are those of the generation; the moments are the clock's."""
    local.advance(5)
    told = local.submit(GOOD_KEY, sample)
    local.advance(600)
    local.get(told["status_url"], GOOD_KEY)
    local.get(f"/generations/{told['request_id']}.mp4")
    exchanges: list[Exchange] = list(local.journal)
    assert {one.request_id for one in exchanges} == {told["request_id"]}
    assert [one.moment for one in exchanges] == [5, 605, 605]
    assert [one.model for one in exchanges][:2] == [SLUG, SLUG]
    assert [one.seconds for one in exchanges] == [pytest.approx(213.36), None, None]


def test_the_body_of_a_request_refused_before_it_was_read_is_recorded(emulator: Emulator) -> None:
    """What was sent is in the journal also when the key, the model or the content type was refused first."""
    for key, path, kind in (("nonsense", V1, "application/json"), (GOOD_KEY, "/v1/none", "a/b"), (GOOD_KEY, V1, "a/b")):
        headers = {"x-api-key": key, "content-type": kind}
        assert requests.post(emulator.url + path, data=b"what was sent", headers=headers, timeout=30).status_code >= 400
        exchange = emulator.journal[-1]
        assert (exchange.request.body, exchange.request.size) == (b"what was sent", 13)


def test_a_path_that_is_no_text_is_recorded_with_marks_in_it(local: Local) -> None:
    """Bytes that are no UTF-8 stand there as U+FFFD."""
    assert local.get("/", environ_overrides={"PATH_INFO": "/\xff"}).status_code == 404
    assert local.journal[-1].path == "/\ufffd"
