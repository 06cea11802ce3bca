"""Bodies: JSON and forms, malformed, too deep, too large, hostile, or with a parameter that breaks the contract."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from calling import GOOD_KEY, INPUTS, V1, V2, Local, post, text

from mockling.emulator import Emulator


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


@pytest.mark.parametrize("opening", ['{"a": ', "["])
def test_thirty_two_levels_are_taken_and_not_one_more(
    emulator: Emulator, key: str, sample: dict[str, Any], opening: str
) -> None:
    """The body itself is the first level; the thirty-third is refused (G22)."""
    closing = {"[": "]", "{": "}"}[opening[0]]

    def nested(levels: int) -> bytes:
        inner = opening * levels + "1" + closing * levels
        return json.dumps({**sample, "beside": [[]], "extra": "HERE"}).replace('"HERE"', inner).encode()

    assert post(emulator, nested(31), key).status_code == 200
    refused = post(emulator, nested(32), key)
    assert (refused.status_code, text(refused)) == (
        400,
        "Request body is nested too deeply. At most 32 levels are accepted.",
    )


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


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_another_content_type_is_refused(
    emulator: Emulator, key: str, sample: dict[str, Any], content_type: str
) -> None:
    """A POST that is neither JSON nor a form with parts is 406 "Invalid content type" (G7)."""
    response = post(emulator, json.dumps(sample).encode(), key, headers={"content-type": content_type})
    assert (response.status_code, text(response)) == (406, "Invalid content type")


def test_json_may_name_its_charset(emulator: Emulator, key: str, sample: dict[str, Any]) -> None:
    """A parameter of the content type does not matter."""
    headers = {"content-type": "application/json; charset=utf-8"}
    assert post(emulator, json.dumps(sample).encode(), key, headers=headers).status_code == 200


def test_a_form_may_be_as_large_as_json(emulator: Emulator, key: str, sample: dict[str, Any]) -> None:
    """A form's fields are limited by the body's limit alone."""
    parts = [(name, (None, str(value))) for name, value in sample.items() if name != "prompt"]
    parts += [("prompt", (None, "x" * 600_000)), *((f"extra {number}", (None, "1")) for number in range(1500))]
    assert requests.post(emulator.url + V1, headers={"x-api-key": key}, files=parts, timeout=30).status_code == 200


def test_a_form_with_parts_is_accepted(emulator: Emulator, key: str, sample: dict[str, Any]) -> None:
    """In multipart/form-data text stands for itself and everything else is JSON, or repeated (G7)."""
    fields = {**sample, "keep_audio": "false", "elements": '[{"frontal_image_url": "https://e.com/a.png"}]'}
    parts = [(name, (None, value)) for name, value in fields.items()]
    parts += [("image_urls", (None, f"https://e.com/{number}.png")) for number in range(2)]

    def send(extra: Any) -> requests.Response:
        return requests.post(emulator.url + V1, headers={"x-api-key": key}, files=[*parts, *extra], timeout=30)

    assert send([]).status_code == 200
    wrong = send([("keep_audio", (None, "perhaps"))])
    assert (wrong.status_code, text(wrong)) == (400, 'keep_audio must be a boolean, got the string "perhaps"')


def form(*parts: tuple[str | None, str]) -> dict[str, Any]:
    """Return a form's body and content type, written by hand, for no library leaves a part without a name."""
    lines = []
    for name, value in parts:
        named = "" if name is None else f'; name="{name}"'
        lines += ["--cut", f"content-disposition: form-data{named}", "", value]
    body = "\r\n".join([*lines, "--cut--", ""]).encode()
    return {"data": body, "content_type": "multipart/form-data; boundary=cut"}


@pytest.mark.parametrize(
    ("written", "sound"), [("True", True), ("true", True), ("False", False), ("false", False), ("0.0", None)]
)
def test_a_boolean_of_a_form_may_be_written_as_python_does(
    local: Local, key: str, sample: dict[str, Any], written: str, sound: bool | None
) -> None:
    """Clients in Python write True and False; both mean what they say, and what is no boolean is refused (M13)."""
    body = form(("prompt", "a"), ("video_url", sample["video_url"]), ("keep_audio", written))
    response = local.call("POST", V2, key, **body)
    local.advance(600)
    told = local.get(response.get_json()["response_url"], key).get_json()
    if sound is None:
        assert told["error"] == "keep_audio must be a boolean, got the number 0.0"
        return
    sizes = {}
    for keep in (True, False):
        again = local.submit(key, {"prompt": "a", "video_url": sample["video_url"], "keep_audio": keep})
        local.advance(600)
        sizes[keep] = local.get(again["response_url"], key).get_json()["video"]["file_size"]
    assert told["video"]["file_size"] == sizes[sound] != sizes[not sound]


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_field_of_a_form_is_its_text(local: Local, key: str, sample: dict[str, Any], blank: str) -> None:
    """A field that holds nothing is no JSON but a text, and refused as one where another is wanted (M13)."""
    body = form(("prompt", "a"), ("video_url", sample["video_url"]), ("keep_audio", blank))
    refused = local.call("POST", V1, key, **body)
    assert (refused.status_code, refused.get_json()["error"]) == (
        400,
        f'keep_audio must be a boolean, got the string "{blank}"',
    )


def test_a_part_without_a_name_is_refused(local: Local, key: str, sample: dict[str, Any]) -> None:
    """A form whose part has no name is 400 and says so (M13)."""
    refused = local.call("POST", V1, key, **form(("prompt", "a"), (None, "b"), ("video_url", sample["video_url"])))
    assert (refused.status_code, refused.get_json()) == (
        400,
        {"error": "Invalid form in request body: a part has no name"},
    )


def test_a_body_over_the_limit_is_refused_before_it_is_read(
    emulator: Emulator, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than 25 MiB is 413, whether the length is announced, or found out on the way (G22)."""
    most = emulator.contract.document["x-limits"]["body_bytes"]
    announced = post(emulator, b" " * (most + 1), key)
    assert (announced.status_code, text(announced)) == (
        413,
        f"Request body too large. At most {most} bytes are accepted.",
    )
    headers = {"x-api-key": key, "content-type": "application/json"}
    in_chunks = requests.post(emulator.url + V1, headers=headers, data=iter([b" " * most, b"  "]), timeout=30)
    assert in_chunks.status_code == 413
    monkeypatch.setattr("mockling.emulator.listening.bodies.LONGEST_DRAIN", 0.01)
    with socket.create_connection(("127.0.0.1", urlsplit(emulator.url).port or 0), timeout=30) as waiting:
        head = f"POST {V1} HTTP/1.1\r\nHost: x\r\nx-api-key: {key}\r\nContent-Type: application/json\r\n"
        waiting.sendall(f"{head}Content-Length: {10**12}\r\n\r\n".encode())
        assert waiting.recv(100).startswith(b"HTTP/1.1 413 ")


def test_hostile_text_comes_through(emulator: Emulator, key: str, sample: dict[str, Any]) -> None:
    """Lone surrogates, NUL, and every kind of script in a prompt neither break the answer nor the journal."""
    body = json.dumps({**sample, "prompt": "\ud800 \0 \U0001f600 \u202e <script>{}%s", "\ud800": 1}).encode()
    assert post(emulator, body, key).status_code == 200
    wrong = json.dumps({**sample, "mode": "\ud800{0}\u001b[31m"}).encode()
    assert 'got the string "\\ud800{0}\\u001b[31m"' in text(post(emulator, wrong, key))


def test_a_forms_files_need_no_disk(
    emulator: Emulator, key: str, sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A form may bring a large file where none can be written to the temporary folder; nothing is made of it."""
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in sample.items()}
    sent = {"data": form, "files": {"file": bytes(2**20)}, "headers": {"x-api-key": key}}
    response = requests.post(emulator.url + V2, timeout=30, **sent)
    assert response.status_code == 200


def test_a_form_that_ends_too_early_is_told(local: Local) -> None:
    """A caller who promised more than came is refused with that, not with something about JSON."""
    sent = {"data": b"--cut\r\n", "content_type": "multipart/form-data; boundary=cut"}
    response = local.call("POST", V2, GOOD_KEY, **sent, environ_overrides={"CONTENT_LENGTH": "100"})
    told = {"error": "Invalid request: its body is shorter than its content-length says"}
    assert (response.status_code, response.get_json()) == (400, told)


def test_a_content_type_without_end_is_none(local: Local) -> None:
    """Thousands of parameters of a content type are not taken apart."""
    endless = "multipart/form-data; boundary=b" + "; a=b" * 12_000
    response = local.call("POST", V1, GOOD_KEY, data=b"--b--", content_type=endless)
    assert (response.status_code, response.get_json()) == (406, {"error": "Invalid content type"})
