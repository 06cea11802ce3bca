"""Files: outputs with their marks and parts, and uploads."""

import gc
import io
import json
import re
import shutil
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import pytest
import requests
from calling import GOOD_KEY, V1, Local, data_url, post, text

from mockling import fixtures
from mockling.emulator import Emulator


def comment_of(video: bytes) -> str:
    """Return the comment in a video's metadata."""
    with av.open(io.BytesIO(video)) as container:
        return container.metadata["comment"].strip()


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


@pytest.mark.parametrize("answers", [{}, {"D1": "video", "D3": "hex"}])
def test_every_video_names_its_request(sample: dict[str, Any], answers: dict[str, str]) -> None:
    """Equal requests get videos of one length, each with its own request id as its comment, in every part of it."""
    local = Local(speed="instant", answers=answers)
    made = [local.post(V1, GOOD_KEY, sample) for _ in range(2)]
    ids = [one.headers["x-request-id"] for one in made]
    videos = [local.get(f"/generations/{one}.mp4") for one in ids]
    assert [comment_of(video.data) for video in videos] == ids
    assert len(videos[0].data) == len(videos[1].data)
    assert videos[0].headers["etag"] != videos[1].headers["etag"]
    if answers:
        assert [one.data for one in made] == [video.data for video in videos]
    differing = [place for place, (a, b) in enumerate(zip(*(one.data for one in videos), strict=True)) if a != b]
    first, last = differing[0] - 50, differing[-1] + 50
    for one, video in zip(ids, videos, strict=True):
        part = local.get(f"/generations/{one}.mp4", headers={"range": f"bytes={first}-{last}"})
        assert (part.status_code, part.data) == (206, video.data[first : last + 1])
    others = local.get(f"/generations/{ids[0]}.mp4", headers={"if-none-match": videos[1].headers["etag"]})
    assert others.status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-9"}])
def test_a_download_has_one_date(emulator: Emulator, key: str, sample: dict[str, Any], headers: dict[str, str]) -> None:
    """Each header that there can be only one of is there once."""
    path = urlsplit(post(emulator, sample, key).json()["output"]).path
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", urlsplit(emulator.url).port or 0), timeout=30) as caller:
        caller.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{lines}Connection: close\r\n\r\n".encode())
        with caller.makefile("rb") as answer:
            head = answer.read().partition(b"\r\n\r\n")[0].decode().lower()
    names = re.findall(r"^([\w-]+):", head, re.MULTILINE)
    assert {"date", "content-length", "etag"} <= set(names)
    assert len(names) == len(set(names))


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


MP4 = fixtures.input_clip("valid").read_bytes()


@pytest.mark.parametrize(
    ("kind", "content", "ending"),
    [
        ("video/mp4", MP4, ".mp4"),
        ("VIDEO/MP4", MP4, ".mp4"),
        ("video/mp4", b"\0\0\0\x18moov", None),
        ("video/mp4", b"ftyp", None),
        ("video/quicktime", b"\0\0\0\x18moov", ".mov"),
        ("video/quicktime", b"\0\0\0\x08wide", ".mov"),
        ("video/quicktime", b"\0\0\0\x18RIFF", None),
        ("image/jpeg", b"\xff\xd8\xff\xe0", ".jpg"),
        ("image/jpg", b"\xff\xd8\xff\xe0", ".jpg"),
        ("image/jpeg", b"\x89PNG\r\n\x1a\n", None),
        ("image/png", b"\x89PNG\r\n\x1a\n", ".png"),
        ("image/png", b"\xff\xd8\xff\xe0", None),
        ("image/png", b"\0\x89PNG\r\n\x1a\n", None),
        ("image/png", b"", None),
        ("text/plain", b"whatever", ".txt"),
        ("application/x-unheard-of", b"whatever", ".bin"),
    ],
)
def test_an_upload_begins_as_its_kind_does(local: Local, kind: str, content: bytes, ending: str | None) -> None:
    """A file of a kind that inputs have must begin as that kind does, or is 400; of others nothing is known (M14)."""
    response = local.post("/upload-asset", GOOD_KEY, {"data_urls": [data_url(kind, content)]})
    if ending is None:
        told = f"The file is not of the media type {kind} that its data URL names"
        assert (response.status_code, response.get_json()) == (400, {"error": told})
        return
    (url,) = response.get_json()["file_urls"]
    assert re.fullmatch(rf"http://localhost/assets/[0-9a-f]{{32}}\{ending}", url)
    assert local.get(url).data == content


@pytest.mark.parametrize("payload", ["a", "####", "YQ=", "YQ==YQ=="])
def test_an_upload_that_is_no_base64_is_refused_and_nothing_is_kept(local: Local, payload: str) -> None:
    """One bad file among good ones and none of them is kept."""
    urls = [data_url("text/plain", b"good"), f"data:text/plain;base64,{payload}"]
    response = local.post("/upload-asset", GOOD_KEY, {"data_urls": urls})
    assert response.status_code == 400
    assert response.get_json()["error"].startswith("The data URL is no valid base64: ")
    (url,) = local.post("/upload-asset", GOOD_KEY, {"data_urls": urls[:1]}).get_json()["file_urls"]
    assert url == Local().post("/upload-asset", GOOD_KEY, {"data_urls": urls[:1]}).get_json()["file_urls"][0]


def fetched(local: Local, url: str, **headers: str) -> dict[str, str | None]:
    """Return what a browser is told about how to take a file."""
    told = local.get(url, headers=headers).headers
    names = ("content-type", "content-disposition", "x-content-type-options", "content-security-policy")
    return {name: told.get(name, "").partition("; filename")[0] for name in names}


@pytest.mark.parametrize("headers", [{}, {"range": "bytes=0-3"}])
@pytest.mark.parametrize(
    "kind",
    ["text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "text/javascript", "text/plain", "x/unknown"],
)
def test_an_upload_that_is_neither_video_nor_image_never_runs(local: Local, kind: str, headers: dict[str, str]) -> None:
    """A page, or a picture with scripts, is saved by a browser and not opened as a page of this server (M18)."""
    url = local.upload(kind, b"<script>alert(document.domain)</script>")
    assert fetched(local, url, **headers) == {
        "content-type": "application/octet-stream",
        "content-disposition": "attachment",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
    }


@pytest.mark.parametrize("headers", [{}, {"range": "bytes=0-3"}])
@pytest.mark.parametrize(
    ("kind", "content"),
    [("video/mp4", MP4), ("image/png", b"\x89PNG\r\n\x1a\n"), ("image/gif", b"<script>"), ("video/webm", b"<script>")],
)
def test_a_video_or_image_is_shown_as_what_it_is_called(
    local: Local, kind: str, content: bytes, headers: dict[str, str]
) -> None:
    """A browser shows it, and guesses nothing else from its content (M18)."""
    assert fetched(local, local.upload(kind, content), **headers) == {
        "content-type": kind,
        "content-disposition": "inline",
        "x-content-type-options": "nosniff",
        "content-security-policy": "",
    }


def test_an_output_is_shown_as_a_video(sample: dict[str, Any]) -> None:
    """What was generated is guessed no more than what was uploaded (M18)."""
    local = Local(speed="instant")
    told = fetched(local, local.post(V1, GOOD_KEY, sample).get_json()["output"])
    assert (told["content-type"], told["x-content-type-options"]) == ("video/mp4", "nosniff")


def test_an_empty_upload_can_be_fetched(local: Local) -> None:
    """A file of no bytes is sent whole, and recorded as that."""
    assert local.get(local.upload("text/plain", b"")).data == b""
    exchange = local.journal[-1]
    assert (exchange.status, exchange.response and exchange.response.size) == (200, 0)


@pytest.mark.parametrize("name", ["if-match", "if-none-match", "range"])
def test_no_file_stays_open(local: Local, name: str) -> None:
    """A condition or range that is not met is refused in JSON, or told in the head alone, and the file is closed."""
    url = local.upload("text/plain", b"whatever")
    etag = local.get(url).headers["etag"]
    told = {"if-match": ('"zz"', 412), "if-none-match": (etag, 304), "range": ("bytes=99-", 416)}[name]
    response = local.get(url, headers={name: told[0]})
    assert response.status_code == told[1]
    assert b"whatever" not in response.data
    assert local.get(url, headers={"if-match": etag}).data == b"whatever"
    gc.collect()
    assert not [
        link for link in Path("/proc/self/fd").iterdir() if link.is_file() and "mockling-kept" in str(link.readlink())
    ]


@pytest.mark.parametrize(
    ("headers", "status", "content"),
    [
        ({"if-match": "*"}, 200, b"0123456789"),
        ({"if-match": '"zz", {etag}'}, 200, b"0123456789"),
        ({"if-match": '"zz"', "range": "bytes=0-1"}, 412, None),
        ({"if-match": "{etag}", "range": "bytes=0-1"}, 206, b"01"),
        ({"if-none-match": "{etag}", "range": "bytes=0-1"}, 304, b""),
        ({"if-none-match": "W/{etag}"}, 304, b""),
        ({"if-match": "{etag}", "if-none-match": "{etag}"}, 304, b""),
        ({"if-none-match": '"zz"', "range": "bytes=0-1"}, 206, b"01"),
        ({"range": "bytes=-11"}, 206, b"0123456789"),
        ({"range": "bytes=-10"}, 206, b"0123456789"),
        ({"range": "bytes=-1"}, 206, b"9"),
        ({"range": "bytes=0-1,3-4"}, 200, b"0123456789"),
        ({"range": "bytes=9-5"}, 200, b"0123456789"),
        ({"range": "bytes=10-"}, 416, None),
        ({"range": "bytes=0-1", "if-range": "{etag}"}, 206, b"01"),
        ({"range": "bytes=0-1", "if-range": '"zz"'}, 200, b"0123456789"),
        ({"range": "bytes=0-1", "if-range": "Sat, 01 Jan 2033 00:00:00 GMT"}, 200, b"0123456789"),
        ({"if-modified-since": "Sat, 01 Jan 2033 00:00:00 GMT"}, 200, b"0123456789"),
        ({"if-modified-since": "Sat, 01 Jan 20000000000000 00:00:00 GMT"}, 200, b"0123456789"),
    ],
)
def test_conditions_are_settled_as_http_says(
    local: Local, headers: dict[str, str], status: int, content: bytes | None
) -> None:
    """If-Match comes first, then If-None-Match, then the range; a file has an ETag and no date (RFC 9110)."""
    url = local.upload("text/plain", b"0123456789")
    etag = local.get(url).headers["etag"]
    told = local.get(url, headers={name: value.replace("{etag}", etag) for name, value in headers.items()})
    assert (told.status_code, told.data if content is not None else None) == (status, content)
    head = local.call("HEAD", url, headers={"range": "bytes=0-1"})
    assert (head.status_code, head.headers["content-length"]) == (200, "10")


def test_a_file_removed_from_outside_is_not_found(local: Local) -> None:
    """Whoever cleans the temporary folder is no defect."""
    url = local.upload("text/plain", b"whatever")
    name = url.rpartition("/")[2]
    path = local.platform.store.uploaded(name)
    assert path
    path.unlink()
    assert local.get(url).status_code == 404


def test_uploads_are_bounded() -> None:
    """Beyond the bound the oldest is gone, whether they come in one call or in several (G22)."""
    local = Local(contract={"x-limits": {"upload_files": 2}})
    files = [data_url("text/plain", name) for name in (b"a", b"b", b"c")]
    sent = [local.post("/upload-asset", GOOD_KEY, {"data_urls": some}) for some in (files[:1], files[1:])]
    urls = [url for one in sent for url in one.get_json()["file_urls"]]
    assert [local.get(url).status_code for url in urls] == [404, 200, 200]


def test_uploads_are_bounded_in_bytes() -> None:
    """Beyond the bound the oldest are gone, as many as must be; the newest is kept whatever its size (M14)."""
    local = Local(contract={"x-limits": {"upload_bytes": 10}})

    def kept() -> list[int]:
        return [local.get(url).status_code for url in urls]

    urls = [local.upload("text/plain", content) for content in (b"12345", b"1234", b"12", b"1")]
    assert kept() == [404, 200, 200, 200]
    urls.append(local.upload("text/plain", b"12345678"))
    assert kept() == [404, 404, 404, 200, 200]
    urls.append(local.upload("text/plain", b"much more than ten bytes"))
    assert kept() == [404] * 5 + [200]


def test_uploads_go_on_when_their_folder_was_removed(local: Local) -> None:
    """What was in it is not found, and what comes then is kept again."""
    gone = local.upload("text/plain", b"gone")
    path = local.platform.store.uploaded(gone.rpartition("/")[2])
    assert path
    shutil.rmtree(path.parent)
    assert local.get(gone).status_code == 404
    assert local.get(local.upload("text/plain", b"kept")).data == b"kept"
    assert local.get(gone).status_code == 404
