"""Recordings: evidence as HAR, and HARs, our own and others', that are judged again."""

import json
from base64 import b64encode
from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reported import CONTRACT, KEY, emulator_run, message, run, step, texts

from mockling.contract.verification.probe import BAD_KEY
from mockling.contract.verification.recording import judged_again
from mockling.contract.verification.reports.har import as_har
from mockling.contract.verification.reports.reading import Unreadable
from mockling.contract.verification.reports.recorded import read_har
from mockling.contract.verification.run import exit_code
from mockling.contract.verification.secrets import search

GENERATE = f"https://api.segmind.com{CONTRACT.path('generate')}"
# What HAR 1.2 requires of each part, and the types that it has.
ENTRY = {
    "startedDateTime": str,
    "time": (int, float),
    "request": dict,
    "response": dict,
    "cache": dict,
    "timings": dict,
}
REQUEST = {"method": str, "url": str, "httpVersion": str, "cookies": list, "headers": list, "queryString": list}
RESPONSE = {"status": int, "statusText": str, "httpVersion": str, "cookies": list, "headers": list, "content": dict}
SIZES = {"headersSize": int, "bodySize": int}


def check_har(document: Any) -> None:
    """Assert that a document is HAR 1.2."""
    log = document["log"]
    assert log["version"] == "1.2" and {"name", "version"} <= set(log["creator"])
    for entry in log["entries"]:
        for part, required in (
            (entry, ENTRY),
            (entry["request"], REQUEST | SIZES),
            (entry["response"], RESPONSE | SIZES),
        ):
            assert not [name for name, kind in required.items() if not isinstance(part[name], kind)]
        assert datetime.fromisoformat(entry["startedDateTime"]).tzinfo
        assert isinstance(entry["response"]["redirectURL"], str)
        assert isinstance(entry["response"]["content"]["size"], int) and entry["response"]["content"]["mimeType"]
        assert all(entry["timings"][name] >= 0 for name in ("send", "wait", "receive"))
        assert entry["time"] == sum(spent for spent in entry["timings"].values() if spent != -1)
        pairs = [*entry["request"]["headers"], *entry["response"]["headers"], *entry["request"]["queryString"]]
        assert all(set(pair) == {"name", "value"} and isinstance(pair["value"], str) for pair in pairs)
        if "postData" in entry["request"]:
            assert {"mimeType", "text"} <= set(entry["request"]["postData"])


def saved(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document), "utf-8")
    return path


def test_the_evidence_of_a_run_is_judged_again_alike(tmp_path: Path) -> None:
    """A recording of a run has its very exchanges, and today's clauses say of them what they said."""
    path = tmp_path / "run.har"
    path.write_text(as_har(emulator_run()), "utf-8")
    check_har(json.loads(path.read_text("utf-8")))
    again, recording = judged_again(path, CONTRACT)
    assert recording.own and again.steps == emulator_run().steps
    assert again.outcomes == emulator_run().outcomes
    assert (again.recording, again.target, again.calls, exit_code(again)) == ("run.har", "emulator", 0, 0)


@given(texts, st.binary(max_size=60), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_exchange_survives_being_recorded(tmp_path: Path, text: str, body: bytes, answered: bool) -> None:
    """Whatever was sent and answered, the recording is HAR 1.2 and is read as it was, but for what is no Unicode."""
    text = text.encode("utf-8", "replace").decode()
    sent = step(text, body) if answered else step(text, body, status=None, response=None)
    path = tmp_path / "run.har"
    path.write_text(as_har(run(steps=(sent,))), "utf-8")
    check_har(json.loads(path.read_text("utf-8")))
    assert read_har(path, CONTRACT).steps == (sent,)


def test_a_call_without_an_answer_has_status_0() -> None:
    """A call that nobody answered has the status that browsers give it, and says why."""
    sent = step(status=None, response=None, error="the connection broke")
    entry = json.loads(as_har(run(steps=(sent,))))["log"]["entries"][0]
    assert (entry["response"]["status"], entry["response"]["_error"]) == (0, "the connection broke")


def test_a_video_is_its_size_its_digest_and_how_it_begins() -> None:
    """Of a video no more than its first bytes is recorded."""
    sent = step(response=message("", b"\x00\x00\x00\x18ftyp" * 4, file=True))
    content = json.loads(as_har(run(steps=(sent,))))["log"]["entries"][0]["response"]["content"]
    assert content["_sha256"] == sha256(b"\x00\x00\x00\x18ftyp" * 4).hexdigest()
    assert content["size"] == 32


def foreign(url: str = GENERATE, status: int = 401, method: str = "POST", **changes: Any) -> dict[str, Any]:
    """Return an entry as a browser records it, with its key wherever one can be."""
    headers = [{"name": ":authority", "value": "api.segmind.com"}, {"name": "X-Api-Key", "value": KEY}]
    cookies = [{"name": "Cookie", "value": "session=abcdefgh"}, {"name": "Authorization", "value": f"Bearer {KEY}1"}]
    posted = {"text": f'{{"a": "{KEY}"}}'}
    typed = [{"name": "Content-Type", "value": "application/json"}]
    content = {"size": 40, "mimeType": "application/json", "text": json.dumps({"error": f"Invalid API Key {KEY}"})}
    return {
        "startedDateTime": "2026-01-02T03:04:05.678Z",
        "time": 12.5,
        "request": {
            "method": method,
            "url": url,
            "headers": headers + cookies,
            "postData": posted,
        },
        "response": {
            "status": status,
            "headers": typed,
            "content": content,
        },
        **changes,
    }


def har(*entries: Any) -> dict[str, Any]:
    return {"log": {"version": "1.2", "creator": {"name": "a browser", "version": "1"}, "entries": list(entries)}}


def test_a_recording_may_begin_with_a_mark_of_its_encoding(tmp_path: Path) -> None:
    """Programs that write a byte order mark before their JSON are read, too."""
    path = tmp_path / "a.har"
    path.write_text(json.dumps(har(foreign())), "utf-8-sig")
    assert len(read_har(path, CONTRACT).steps) == 1


def test_what_a_browser_recorded_is_judged(tmp_path: Path) -> None:
    """Calls of operations of the contract are found by method and path; others are left where they are."""
    entries = [
        foreign(),
        foreign("https://api.segmind.com/v1/get-user-credits?a=1", 200, "GET"),
        foreign(f"https://api.segmind.com{CONTRACT.path('status', id='abc')}", 200, "GET"),
        foreign("https://example.com/private"),
        foreign("https://api.segmind.com/v1/another-model"),
        foreign("http://[broken"),
    ]
    again, recording = judged_again(saved(tmp_path / "browser.har", har(*entries)), CONTRACT)
    assert not recording.own
    assert [told.exchange.operation for told in again.steps] == ["generate", "credits", "status"]
    assert (again.target, again.url) == ("live", "https://api.segmind.com")
    assert [told.exchange.path for told in again.steps][1] == "/v1/get-user-credits?a=1"
    assert [told.exchange.status for told in again.steps] == [401, 200, 200]
    assert again.steps[0].exchange.ended == pytest.approx(0.0125)


@pytest.mark.parametrize(
    ("where", "form"),
    [
        ("url", lambda key: "".join(f"%{ord(sign):02X}" for sign in key)),
        ("postData", lambda key: "".join(f"\\u{ord(sign):04x}" for sign in key)),
        ("header", lambda key: b64encode(f"a{key}".encode()).decode()),
        ("content", lambda key: key.encode().hex()),
        ("content", str),
        ("base64", lambda key: b64encode(key.encode()).decode()),
    ],
    ids=["url", "postData", "header", "hex", "plain", "base64"],
)
def test_no_key_of_a_foreign_recording_is_kept(tmp_path: Path, where: str, form: Any) -> None:
    """Keys, bearers and cookies that another program recorded are masked, wherever in the entry they are repeated."""
    entry, told = foreign(f"{GENERATE}?api_key=another-secret"), form(KEY)
    if where == "url":
        entry["request"]["url"] += f"&b={told}"
    elif where == "postData":
        entry["request"]["postData"]["text"] = told
    elif where == "header":
        entry["response"]["headers"].append({"name": "x-told", "value": told})
    elif where == "content":
        entry["response"]["content"]["text"] = told
    else:
        encoded = b64encode(f"told {told}".encode()).decode()
        entry["response"]["content"] |= {"text": encoded, "encoding": "base64"}
    recording = read_har(saved(tmp_path / "browser.har", har(entry)), CONTRACT)
    assert recording.steps[0].exchange.request.header("cookie") == "(masked)"
    text = repr(recording) + as_har(run(steps=recording.steps))
    search({"a recording": text}, recording.secrets)
    assert not [secret for secret in (KEY, told, "another-secret", "session=abcdefgh") if secret in text]
    assert {KEY, "another-secret", "session=abcdefgh"} <= recording.secrets
    assert recording.steps[0].exchange.key == "SEGMIND_API_KEY"


def test_a_video_in_a_foreign_recording_is_measured(tmp_path: Path) -> None:
    """A browser keeps the whole video, of which is told what it is like."""
    video = next((files("mockling.fixtures") / "videos").iterdir()).read_bytes()
    content = {"size": len(video), "mimeType": "video/mp4", "text": b64encode(video).decode(), "encoding": "base64"}
    response = {"status": 200, "headers": [], "content": content}
    [told] = read_har(saved(tmp_path / "a.har", har(foreign(status=200, response=response))), CONTRACT).steps
    assert told.video and told.video["frames"] > 0
    assert told.exchange.response and told.exchange.response.sha256 == sha256(video).hexdigest()
    assert len(told.exchange.response.body) < len(video) == told.exchange.response.size


def test_an_answer_that_a_browser_forgot_says_nothing(tmp_path: Path) -> None:
    """An entry without the body that was answered is left out: it would look like an empty answer."""
    forgotten = {"status": 200, "headers": [], "content": {"size": 500, "mimeType": "application/json"}}
    path = saved(tmp_path / "a.har", har(foreign(), foreign(response=forgotten)))
    assert [told.status for told in read_har(path, CONTRACT).steps] == [401]


def test_a_bad_key_of_ours_stays_what_it_is(tmp_path: Path) -> None:
    """The key that is nobody's is told as it is in our own recordings, for clauses are about it."""
    sent = step(key=BAD_KEY)
    assert read_har(saved(tmp_path / "a.har", json.loads(as_har(run(steps=(sent,))))), CONTRACT).steps == (sent,)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"log": {}},
        har(),
        har({}),
        har(foreign("https://example.com/")),
        {"log": {**har(foreign())["log"], "_mockling": {"target": "live", "url": "a", "stopped": None}}},
        har(foreign(status="401")),
    ],
)
def test_what_is_no_recording_is_refused_in_a_sentence(tmp_path: Path, document: Any) -> None:
    """A file that is no HAR, or has nothing of the contract in it, says so in one sentence."""
    with pytest.raises(Unreadable, match=r"^\S*a\.har [^\n]+\.$"):
        judged_again(saved(tmp_path / "a.har", document), CONTRACT)
