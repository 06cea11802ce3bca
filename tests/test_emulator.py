"""The endpoint as a caller meets it: every status, in its order, through real HTTP."""

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from calling import INPUTS, make_key, post, text

from mockling import fixtures
from mockling.contract import Contract
from mockling.emulator import AccountSettings, Emulator

BAD_KEY = "SG_0000000000000401"


def test_a_valid_request_is_answered_with_a_playable_video(
    emulator: Emulator, key: str, sample: dict[str, Any]
) -> None:
    """The page's sample gets JSON with a URL on this server, behind which is an MP4 of the size that was told."""
    response = post(emulator, sample, key)
    answer = response.json()
    assert response.status_code == 200
    assert answer["output"] == answer["video"]["url"]
    assert answer["output"] == f"{emulator.url}/generations/{answer['request_id']}.mp4"
    assert answer["request_id"] == response.headers["x-request-id"]
    assert answer["metrics"]["cost"] == 2.1
    assert answer["metrics"]["total_time"] == float(response.headers["x-generation-time"])
    assert json.loads(response.headers["x-output-metadata"]) == {
        "height": 1080,
        "width": 1920,
        "frames": 120,
        "fps": 24,
        "resolution": "1920x1080",
    }
    video = requests.get(answer["output"], timeout=30)
    assert video.headers["content-type"] == "video/mp4"
    assert len(video.content) == answer["video"]["file_size"]
    assert video.content[4:8] == b"ftyp"


@pytest.mark.parametrize(
    ("ending", "status"),
    [("0401", 401), ("0403", 403), ("0406", 406), ("0429", 429), ("0500", 500), ("0502", 502), ("0504", 504)],
)
def test_a_key_can_always_meet_an_error(emulator: Emulator, sample: dict[str, Any], ending: str, status: int) -> None:
    """A key that ends in an error's status meets it, every time, and nothing else needs to be set up."""
    for _ in range(2):
        assert post(emulator, sample, f"SG_000000000000{ending}").status_code == status


def test_an_error_key_meets_its_error_whatever_the_settings(sample: dict[str, Any]) -> None:
    """No lack of credits and no rate limit comes before a planned failure, and it costs nothing (G11)."""
    with Emulator(speed="instant", credits="0.5", requests_per_minute=1) as emulator:
        for _ in range(3):
            for status in (500, 502, 504):
                assert post(emulator, sample, f"SG_0000000000000{status}").status_code == status
        assert sum(entry.cost for entry in emulator.journal) == 0


def test_the_planned_errors_are_there_beside_configured_accounts(sample: dict[str, Any]) -> None:
    """With accounts of one's own the error keys still work, and other keys of the shape do not."""
    account = AccountSettings(key="an older key", credits="3")
    with Emulator(speed="instant", accounts=(account,)) as emulator:
        assert emulator.api_key == "an older key"
        assert post(emulator, sample, "an older key").status_code == 200
        assert post(emulator, sample, "SG_0000000000000502").status_code == 502
        assert post(emulator, sample, make_key()).status_code == 401


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, "Missing Authorization or x-api-key in header"),
        ({"x-api-key": ""}, "Missing Authorization or x-api-key in header"),
        ({"x-api-key": "YOUR_API_KEY"}, "Unauthorized. API key is invalid or may have expired"),
        ({"x-api-key": "SG_123"}, "Unauthorized. API key is invalid or may have expired"),
        ({"x-api-key": "SG_0123456789abcdefX"}, "Unauthorized. API key is invalid or may have expired"),
        ({"Authorization": "Bearer SG_0123456789abcdef"}, "Unauthorized. API key is invalid or may have expired"),
        ({"x_api_key": "SG_0123456789abcdef"}, "Missing Authorization or x-api-key in header"),
    ],
)
def test_a_missing_or_bad_key_is_refused(
    emulator: Emulator, sample: dict[str, Any], headers: dict[str, str], told: str
) -> None:
    """The key must be in x-api-key and good; a bearer token is not taken (G2, G3)."""
    response = post(emulator, sample, None, headers=headers)
    assert response.status_code == 401
    assert text(response).startswith(told)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "the body is empty"),
        (b"{", "Expecting property name"),
        (b'{"prompt": "a",}', "at line 1 column"),
        (b'{"prompt": NaN}', "NaN is no JSON value"),
        (b'{"prompt": "\xff"}', "byte 12 is not UTF-8"),
        (b"1" * 5000, "Exceeds the limit"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' * 33 + b"1" + b"}" * 33, "At most 32 levels"),
        (b"[]", "must be a JSON object, got an array of 0 items"),
        (b'"text"', 'must be a JSON object, got the string "text"'),
        (b"null", "must be a JSON object, got null"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(emulator: Emulator, key: str, body: bytes, told: str) -> None:
    """Malformed JSON, too deep JSON, and JSON that is no object are 400, and the text says what is wrong."""
    response = post(emulator, body, key)
    assert response.status_code == 400
    assert told in text(response)


def test_depth_is_what_counts_not_brackets(emulator: Emulator, key: str, sample: dict[str, Any]) -> None:
    """A request may hold many objects side by side, and brackets in its text."""
    body = {**sample, "prompt": "[{" * 100, "elements": [{"reference_image_urls": []}] * 10, "extra": [[]] * 50}
    assert post(emulator, body, key).status_code == 200


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"duration": 5}, "duration must be a string"),
        ({"mode": "turbo"}, "mode must be"),
        ({"video_url": "cat.mp4"}, "video_url must be a valid http or https URL"),
        ({"video_url": f"{INPUTS}narrow.mp4"}, "720 to 2160 pixels wide, got one of 640 pixels"),
        ({"video_url": f"{INPUTS}wide.mp4"}, "720 to 2160 pixels wide, got one of 2304 pixels"),
    ],
)
def test_a_bad_parameter_is_refused(
    emulator: Emulator, key: str, sample: dict[str, Any], change: dict[str, Any], told: str
) -> None:
    """A parameter that breaks the contract is 400 and costs nothing (P14, P5, G11)."""
    response = post(emulator, {**sample, **change}, key)
    assert response.status_code == 400
    assert told in text(response)
    assert post(emulator, sample, key).headers["x-remaining-credits"] == f"{10**9 - 2.1:.2f}"


@pytest.mark.parametrize("clip", ["audio-only", "truncated", "not-a-video"])
def test_an_input_that_is_no_video_fails_the_generation(
    emulator: Emulator, key: str, sample: dict[str, Any], clip: str
) -> None:
    """What cannot be read as a video is found out during generation, as a 500 (G18), with the reason."""
    response = post(emulator, {**sample, "video_url": f"{INPUTS}{clip}.mp4"}, key)
    assert response.status_code == 500
    assert text(response).startswith("Invalid video URL or path. Please provide a valid video. Error: The file")


@pytest.mark.parametrize(("clip", "sound"), [("valid", True), ("silent", False)])
def test_the_output_has_sound_if_the_input_has(
    emulator: Emulator, key: str, sample: dict[str, Any], clip: str, sound: bool
) -> None:
    """keep_audio keeps the input's sound, and makes none where there is none (P10, U3)."""
    request = {**sample, "video_url": f"{INPUTS}{clip}.mp4", "keep_audio": True}
    sizes = {
        keep: post(emulator, {**request, "keep_audio": keep}, key).json()["video"]["file_size"]
        for keep in (True, False)
    }
    assert (sizes[True] > sizes[False]) == sound


@pytest.mark.parametrize(
    ("path", "key", "status", "told"),
    [
        ("/v1/kling-o9", "SG_0123456789abcdef", 404, "Model 'kling-o9' not found"),
        ("/v1/kling-o9", BAD_KEY, 401, "Unauthorized"),
        ("/v1/mockling-retired-model", "SG_0123456789abcdef", 410, "has been retired"),
        ("/v1/mockling-retired-model", "SG_0000000000000403", 410, "has been retired"),
        ("/elsewhere", None, 404, "No endpoint at /elsewhere"),
        ("/v1/a/b", None, 404, "No endpoint at /v1/a/b"),
        ("/v1//kling-o3-video2video-reference", None, 404, "No endpoint at /v1//kling"),
        ("/generations/none.mp4", None, 405, None),
    ],
)
def test_an_unknown_or_retired_model_or_path_is_refused(
    emulator: Emulator, sample: dict[str, Any], path: str, key: str | None, status: int, told: str | None
) -> None:
    """Unknown models and paths are 404, a retired model is 410 (P17, G5, G9)."""
    response = post(emulator, sample, key, path)
    assert response.status_code == status
    assert told is None or told in text(response)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "TRACE"])
def test_another_verb_is_answered_with_an_html_page(emulator: Emulator, method: str) -> None:
    """405 is the one error that is HTML, and it says which verbs there are (G6); it comes before the key (M5)."""
    response = requests.request(method, emulator.url + emulator.contract.path, timeout=30)
    assert response.status_code == 405
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["allow"] == "OPTIONS, POST"
    assert (method == "HEAD") == (response.text == "")
    assert method == "HEAD" or "Method Not Allowed" in response.text


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_another_content_type_is_refused(
    emulator: Emulator, key: str, sample: dict[str, Any], content_type: str
) -> None:
    """A POST that is neither JSON nor a form with parts is 406 "Invalid content type" (G7)."""
    response = post(emulator, json.dumps(sample).encode(), key, headers={"content-type": content_type})
    assert (response.status_code, text(response)) == (406, "Invalid content type")


def test_a_form_may_be_as_large_as_json(emulator: Emulator, key: str, sample: dict[str, Any]) -> None:
    """A form's fields are limited by the body's limit alone."""
    parts = [(name, (None, str(value))) for name, value in sample.items() if name not in ("prompt", "keep_audio")]
    parts += [("prompt", (None, "x" * 600_000)), *((f"extra {number}", (None, "1")) for number in range(1500))]
    url = emulator.url + emulator.contract.path
    assert requests.post(url, headers={"x-api-key": key}, files=parts, timeout=30).status_code == 200


def test_json_may_name_its_charset(emulator: Emulator, key: str, sample: dict[str, Any]) -> None:
    """A parameter of the content type does not matter."""
    headers = {"content-type": "application/json; charset=utf-8"}
    assert post(emulator, json.dumps(sample).encode(), key, headers=headers).status_code == 200


def test_a_form_with_parts_is_accepted(emulator: Emulator, key: str, sample: dict[str, Any]) -> None:
    """In multipart/form-data text stands for itself and everything else is JSON, or repeated (G7)."""
    fields = {**sample, "keep_audio": "false", "elements": '[{"frontal_image_url": "https://e.com/a.png"}]'}
    parts = [(name, (None, value)) for name, value in fields.items()]
    parts += [("image_urls", (None, f"https://e.com/{number}.png")) for number in range(2)]

    def send(extra: Any) -> requests.Response:
        url = emulator.url + emulator.contract.path
        return requests.post(url, headers={"x-api-key": key}, files=[*parts, *extra], timeout=30)

    assert send([]).status_code == 200
    wrong = send([("keep_audio", (None, "perhaps"))])
    assert (wrong.status_code, text(wrong)) == (400, 'keep_audio must be a boolean, got the string "perhaps"')


def test_a_low_balance_is_refused_with_balance_and_need(sample: dict[str, Any]) -> None:
    """When the credits do not cover the price the call is 406, names both, and bills nothing (P18, G8)."""
    with Emulator(speed="instant", credits="5.00") as emulator:
        key = make_key()
        left = [post(emulator, sample, key).headers.get("x-remaining-credits") for _ in range(2)]
        assert left == ["2.90", "0.80"]
        response = post(emulator, sample, key)
        assert response.status_code == 406
        assert text(response) == "Insufficient credits. You have 0.80 credits and this request needs 2.10 credits."
        last = post(emulator, {**sample, "mode": "std", "duration": "3"}, make_key())
        assert last.headers["x-remaining-credits"] == "4.055"


def test_the_rate_limit_refuses_and_says_when_it_ends(sample: dict[str, Any]) -> None:
    """Beyond the limit a call is 429 with the time of its end and no Retry-After; other keys are not touched (G10)."""
    with Emulator(speed="instant", requests_per_minute=2) as emulator:
        key = make_key()
        allowed = [post(emulator, sample, key) for _ in range(2)]
        assert [one.headers["x-rate-limit-remaining"] for one in allowed] == ["1", "0"]
        refused = post(emulator, sample, key)
        assert refused.status_code == 429
        assert "retry-after" not in refused.headers
        assert refused.headers["x-rate-limit-reset-at-utc"] in text(refused)
        assert post(emulator, sample, make_key()).status_code == 200


def test_each_stage_comes_before_the_next(sample: dict[str, Any]) -> None:
    """A request that fails at every stage meets the errors in the contract's order as they are mended (M5)."""
    limited = AccountSettings(key="limited", plan="free", models=())
    accounts = [limited, *(AccountSettings(key=f"poor {number}", credits=0) for number in range(9))]
    with Emulator(speed="instant", accounts=tuple(accounts)) as emulator:
        bad_json, path = b"{", emulator.contract.path
        steps = [
            (requests.get(emulator.url + path, timeout=30), 405, ""),
            (post(emulator, bad_json, BAD_KEY, "/v1/unknown"), 401, "Unauthorized"),
            (post(emulator, bad_json, "limited", "/v1/unknown"), 404, "Model"),
            *[(post(emulator, bad_json, "limited"), 403, "permission") for _ in range(9)][-1:],
            (post(emulator, bad_json, "SG_0000000000000429", headers={"content-type": "x/y"}), 429, "Rate limit"),
            (post(emulator, bad_json, "poor 1", headers={"content-type": "x/y"}), 406, "Invalid content type"),
            (post(emulator, bad_json, "poor 1"), 400, "Invalid JSON"),
            (post(emulator, {**sample, "mode": "x", "video_url": f"{INPUTS}narrow.mp4"}, "poor 1"), 400, "mode"),
            (post(emulator, {**sample, "video_url": f"{INPUTS}narrow.mp4"}, "poor 1"), 400, "640 pixels"),
            (post(emulator, sample, "poor 1"), 406, "credits"),
            (post(emulator, sample, "SG_0000000000000500"), 500, "Internal server error"),
        ]
        for response, status, told in steps:
            assert (response.status_code, told) == (status, told if told in response.text else response.text)
        order = "method key model permission rate content-type JSON parameters input-video credits generation"
        assert [
            step.replace(" ", "-") for step in emulator.contract.document["x-behaviour"]["check_order"]
        ] == order.split()
        assert len(steps) == len(order.split())


def test_a_body_over_the_limit_is_refused_before_it_is_read(emulator: Emulator, key: str) -> None:
    """More than 25 MiB is 413, whether the length is announced, or found out on the way (G22)."""
    most = emulator.contract.document["x-limits"]["body_bytes"]
    announced = post(emulator, b" " * (most + 1), key)
    assert (announced.status_code, text(announced)) == (
        413,
        f"Request body too large. At most {most} bytes are accepted.",
    )
    url, headers = emulator.url + emulator.contract.path, {"x-api-key": key, "content-type": "application/json"}
    in_chunks = requests.post(url, headers=headers, data=iter([b" " * most, b"  "]), timeout=30)
    assert in_chunks.status_code == 413
    with socket.create_connection(("127.0.0.1", urlsplit(emulator.url).port or 0), timeout=30) as waiting:
        head = f"POST {emulator.contract.path} HTTP/1.1\r\nHost: x\r\nx-api-key: {key}\r\n"
        head += "Content-Type: application/json\r\n"
        waiting.sendall(f"{head}Content-Length: {10**12}\r\n\r\n".encode())
        assert waiting.recv(100).startswith(b"HTTP/1.1 413 ")


def test_browsers_may_call_from_any_page(emulator: Emulator) -> None:
    """A preflight for the key's header succeeds without a key, and an answer's headers can be read (G16)."""
    headers = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key, content-type",
    }
    preflight = requests.options(emulator.url + emulator.contract.path, headers=headers, timeout=30)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-headers"] == "x-api-key, content-type"
    assert "POST" in preflight.headers["access-control-allow-methods"]


def test_an_output_can_be_fetched_in_parts_and_asked_about(
    emulator: Emulator, key: str, sample: dict[str, Any]
) -> None:
    """Range, ETag and HEAD work on an output, and no key is needed (G21)."""
    url = post(emulator, sample, key).json()["output"]
    whole = requests.get(url, timeout=30)
    part = requests.get(url, headers={"Range": "bytes=4-7"}, timeout=30)
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert part.headers["content-range"] == f"bytes 4-7/{len(whole.content)}"
    assert requests.get(url, headers={"If-None-Match": whole.headers["etag"]}, timeout=30).status_code == 304
    beyond = requests.get(url, headers={"Range": f"bytes={len(whole.content)}-"}, timeout=30)
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole.content)}")
    assert text(beyond) == "The file has no such range of bytes"
    for ignored in ("bytes=abc", "items=0-1", "bytes=0-1,4-5"):
        assert requests.get(url, headers={"Range": ignored}, timeout=30).content == whole.content
    assert whole.headers["content-disposition"].endswith(f"filename={url.rpartition('/')[2]}")
    assert requests.options(url, timeout=30).headers["access-control-allow-headers"] == "x-api-key, content-type"
    assert part.headers["access-control-allow-origin"] == "*"
    head = requests.head(url, timeout=30)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(whole.content)
    assert requests.get(url, headers={"x-api-key": key, "Content-Type": "x/y"}, timeout=30).content == whole.content


@pytest.mark.parametrize("name", ["none.mp4", "..%2f..%2fetc%2fpasswd", "%2e%2e/manifest.json", "a\x00b", "%0d%0aX: 1"])
def test_a_file_that_was_never_made_is_not_found(emulator: Emulator, name: str) -> None:
    """Only names that were handed out lead to files."""
    with socket.create_connection(("127.0.0.1", urlsplit(emulator.url).port or 0), timeout=30) as caller:
        caller.sendall(f"GET /generations/{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        status = caller.recv(100).split(b" ")[1]
    assert status in (b"404", b"400")


@pytest.mark.parametrize(
    ("headers", "root"),
    [
        ({"Host": "emulator.test:9000"}, "http://emulator.test:9000/"),
        ({"Host": "[::1]:9000"}, "http://[::1]:9000/"),
        ({"Host": "a b<>"}, "http://127.0.0.1:"),
        ({"X-Forwarded-Port": "abc"}, "http://127.0.0.1:"),
        ({"X-Forwarded-Host": "a b"}, "http://127.0.0.1:"),
        ({"X-Forwarded-Proto": "javascript"}, "http://127.0.0.1:"),
        (
            {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "api.test", "X-Forwarded-Port": "8443"},
            "https://api.test:8443/",
        ),
        (
            {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "api.test", "X-Forwarded-Prefix": "/kling"},
            "https://api.test/kling/",
        ),
    ],
)
def test_an_output_is_on_the_server_that_answered(
    emulator: Emulator, key: str, sample: dict[str, Any], headers: dict[str, str], root: str
) -> None:
    """The output's URL begins as the caller's did, also behind a proxy that says so."""
    assert post(emulator, sample, key, headers=headers).json()["output"].startswith(root)


def test_two_equal_requests_are_two_jobs_and_two_charges(emulator: Emulator, key: str, sample: dict[str, Any]) -> None:
    """Nothing makes a POST idempotent (G12), and both give the same bytes."""
    first, second = (post(emulator, sample, key) for _ in range(2))
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert second.headers["x-remaining-credits"] == f"{10**9 - 4.2:.2f}"
    videos = {requests.get(one.json()["output"], timeout=30).content for one in (first, second)}
    assert len(videos) == 1


def test_the_same_seed_and_requests_give_the_same_ids_and_latencies(sample: dict[str, Any]) -> None:
    """A run can be repeated exactly; another seed is another run."""

    def run(seed: int) -> list[tuple[str, str]]:
        with Emulator(speed="instant", seed=seed) as emulator:
            answers = [post(emulator, sample, make_key()) for _ in range(3)]
        return [(one.headers["x-request-id"], one.headers["x-generation-time"]) for one in answers]

    assert run(7) == run(7) != run(8)


def test_the_observed_profile_answers_with_the_video_itself(sample: dict[str, Any]) -> None:
    """With D1 answered `video` the body is the MP4, its type exactly video/mp4, its length announced."""
    with Emulator(speed="instant", profile="observed") as emulator:
        response = post(emulator, sample, make_key())
        assert response.headers["content-type"] == "video/mp4"
        assert int(response.headers["content-length"]) == len(response.content)
        assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])
    with Emulator(speed="instant", answers={"D1": "video"}) as emulator:
        assert post(emulator, sample, make_key()).content == response.content


@pytest.mark.parametrize(("answers", "status"), [({"D4": "406"}, 406), ({"D4": "400"}, 400), ({"D7": "coerced"}, 200)])
def test_disputes_about_a_numeric_duration_can_be_answered_otherwise(
    sample: dict[str, Any], answers: dict[str, str], status: int
) -> None:
    """The status of an invalid parameter (D4), and whether a number is one (D7), follow the settings."""
    with Emulator(speed="instant", answers=answers) as emulator:
        assert post(emulator, {**sample, "duration": 5}, make_key()).status_code == status


def test_what_was_ignored_or_doubtful_is_in_the_journal(emulator: Emulator, sample: dict[str, Any]) -> None:
    """Unknown parameters and findings are warnings in the journal; the caller gets the video all the same."""
    response = post(emulator, {**sample, "seed": 1, "prompt": "see @Image2"}, make_key())
    (entry,) = [one for one in emulator.journal if one.request_id == response.headers.get("x-request-id")]
    assert entry.status == 200
    assert entry.warnings == [
        "The endpoint has no such parameter and ignores it: 'seed'.",
        "prompt names @Image2, but image_urls has 0 (P4).",
    ]


def test_the_journal_tells_every_violation_and_no_key(emulator: Emulator, sample: dict[str, Any], log: Any) -> None:
    """The answer names the first violation, the journal all of them; a key is shown by its last digits alone."""
    key = make_key()
    post(emulator, {**sample, "mode": 1, "duration": 2, "elements": [1] * 500}, key)
    entry = emulator.journal[-1]
    assert entry.status == 400
    assert entry.violations[0] == entry.error
    assert len(entry.violations) == 20
    assert key not in repr(entry) + log.get(timeout=5)
    assert entry.key == f"...{key[-4:]}"


def test_the_log_keeps_to_its_lines(emulator: Emulator, log: Any) -> None:
    """Nothing in a path can break the log's lines or colour a terminal."""
    requests.get(f"{emulator.url}/a%0aPOST%20/v1/forged%20200%1b[31m", timeout=30)
    assert log.get(timeout=5) == (
        "GET /a?POST /v1/forged 200?[31m 404, No endpoint at /a?POST /v1/forged 200?[31m. "
        "Models are at POST /v1/<model>., key none"
    )


def test_hostile_text_comes_through(emulator: Emulator, key: str, sample: dict[str, Any]) -> None:
    """Lone surrogates, NUL, and every kind of script in a prompt neither break the answer nor the journal."""
    body = json.dumps({**sample, "prompt": "\ud800 \0 \U0001f600 \u202e <script>{}%s", "\ud800": 1}).encode()
    assert post(emulator, body, key).status_code == 200
    wrong = json.dumps({**sample, "mode": "\ud800{0}\u001b[31m"}).encode()
    assert 'got the string "\\ud800{0}\\u001b[31m"' in text(post(emulator, wrong, key))


def test_many_callers_at_once_are_all_billed_exactly(sample: dict[str, Any]) -> None:
    """Twenty calls at once for money that covers ten: ten succeed, ten are 406, and the balance is exact."""
    with Emulator(speed=2000, credits="21.00") as emulator, ThreadPoolExecutor(20) as pool:
        key = make_key()
        answers = list(pool.map(lambda _: post(emulator, sample, key), range(20)))
        assert sorted(one.status_code for one in answers) == [200] * 10 + [406] * 10
        left = {one.headers["x-remaining-credits"] for one in answers if one.status_code == 200}
        assert "0.00" in left <= {f"{2.1 * step:.2f}" for step in range(10)}
        assert "You have 0.00 credits" in text(post(emulator, sample, key))


def test_the_contract_of_an_emulator_can_be_changed(sample: dict[str, Any]) -> None:
    """Whatever is only assumed can be set: another status for an unreadable input, no spread in the latency."""
    changes = {"x-errors": {"unreadable_input": {"status": 400}}, "x-latency": {"spread": 0}}
    with Emulator(speed="instant", contract=changes) as emulator:
        assert post(emulator, {**sample, "video_url": f"{INPUTS}truncated.mp4"}, make_key()).status_code == 400
        assert post(emulator, sample, make_key()).headers["x-generation-time"] == "213.36"


def test_a_defect_of_the_emulator_is_told_as_one(
    sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch, contract: Contract
) -> None:
    """If the emulator itself fails, the answer is JSON that says it is no behaviour of the live API."""
    monkeypatch.setattr(type(contract), "findings", lambda *_: 1 / 0)
    with Emulator(speed="instant") as emulator:
        response = post(emulator, sample, make_key())
    assert response.status_code == 500
    assert "a defect of Mockling" in text(response)


def test_a_defect_while_a_call_is_held_is_told_and_free(
    sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure when the answer is made is the same JSON, in the journal, and nothing is billed."""
    with Emulator(speed=5000, credits="2.10") as emulator:
        key = make_key()
        with monkeypatch.context() as patch:
            patch.setattr("mockling.emulator.answers.Answers.generation", lambda *_: 1 / 0)
            response = post(emulator, sample, key)
        assert "a defect of Mockling" in text(response)
        assert emulator.journal[-1].status == 500
        assert post(emulator, sample, key).status_code == 200


@pytest.mark.parametrize("fails", [True, False])
def test_an_output_that_vanished_is_made_again_or_told(
    sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """A video removed from the temporary folder is cut again when it is fetched; if it cannot be, that is told."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with Emulator(speed="instant") as emulator:
        url = post(emulator, sample, make_key()).json()["output"]
        fixtures.render("pro", "16:9", 5, False).unlink()
        if fails:
            monkeypatch.setattr("mockling.fixtures.render", full)
        response = requests.get(url, timeout=30)
        assert response.status_code == (500 if fails else 200)
        assert not fails or "No space left on device" in text(response)


def test_a_full_disk_is_told(sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """If the output cannot be written the call is a 500 that says why, and nothing is billed."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with Emulator(speed="instant", credits="2.10") as emulator:
        key = make_key()
        with monkeypatch.context() as patch:
            patch.setattr("mockling.fixtures.render", full)
            response = post(emulator, sample, key)
        assert (response.status_code, text(response)) == (
            500,
            "The emulator could not write the output video: No space left on device",
        )
        assert post(emulator, sample, key).status_code == 200


def test_outputs_that_can_be_fetched_are_bounded(sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a great number of outputs the oldest can no longer be fetched."""
    monkeypatch.setattr("mockling.emulator.outputs.MOST_FILES", 2)
    with Emulator(speed="instant") as emulator:
        urls = [post(emulator, sample, make_key()).json()["output"] for _ in range(3)]
        assert [requests.get(url, timeout=30).status_code for url in urls] == [404, 200, 200]
