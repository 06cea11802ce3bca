"""Inputs: what is known of the files a request names, what in them is doubtful, and what fails the generation."""

import io
import os
from pathlib import Path
from typing import Any

import av
import pytest
from calling import CONTRACT, GOOD_KEY, INPUTS, NOBODY, PRICE, SLUG, V1, V2, Local, post, text
from drawn import clip, png

from mockling import fixtures
from mockling.emulator import Emulator

NOT_FOUND = "Invalid video URL or path. Please provide a valid video. Error: 404 Not Found"
ON_TRUST = "video_url stands for no file here and was taken for a good video with sound."
LATENCY = 213.36


@pytest.fixture(scope="session")
def odd_clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Videos that the platform takes and the model behind it should not be given."""
    measures = {"short": (720, 720, 2, 1), "slow": (720, 720, 40, 10), "high": (720, 2162, 72, 24)}
    folder = tmp_path_factory.mktemp("odd")
    for name, of in measures.items():
        (folder / f"{name}.mp4").write_bytes(clip(*of))
    return {f"https://odd.example/{name}.mp4": folder / f"{name}.mp4" for name in measures}


@pytest.mark.parametrize(("name", "sound"), [("valid", True), ("silent", False)])
def test_the_output_has_sound_if_the_input_has(
    emulator: Emulator, key: str, sample: dict[str, Any], name: str, sound: bool
) -> None:
    """keep_audio keeps the input's sound, and makes none where there is none (P10, U3)."""
    request = {**sample, "video_url": f"{INPUTS}{name}.mp4", "keep_audio": True}
    sizes = {
        keep: post(emulator, {**request, "keep_audio": keep}, key).json()["video"]["file_size"]
        for keep in (True, False)
    }
    assert (sizes[True] > sizes[False]) == sound


@pytest.mark.parametrize("name", ["audio-only", "truncated", "not-a-video"])
def test_an_input_that_is_no_video_fails_the_generation(
    emulator: Emulator, key: str, sample: dict[str, Any], name: str
) -> None:
    """What cannot be read as a video is found out during generation, as a 500 (G18), with the reason."""
    response = post(emulator, {**sample, "video_url": f"{INPUTS}{name}.mp4"}, key)
    assert response.status_code == 500
    assert text(response).startswith("Invalid video URL or path. Please provide a valid video. Error: The file")


def video_of(local: Local, path: str, body: dict[str, Any]) -> str:
    """Generate a video in an emulator without waiting, and return its URL."""
    reply = local.post(path, GOOD_KEY, body)
    assert reply.status_code == 200, reply.text
    if path == V1:
        return str(reply.get_json()["output"])
    for _ in range(3):
        told = local.get(reply.get_json()["response_url"], GOOD_KEY).get_json()
    return str(told["output"])


@pytest.mark.parametrize(("path", "name", "sound"), [(V1, "valid", True), (V2, "silent", False)])
def test_an_output_can_be_the_next_input(sample: dict[str, Any], path: str, name: str, sound: bool) -> None:
    """What the emulator made is known to it: with sound it is kept in the next one, a silent one stays silent."""
    local, keep = Local(speed="instant"), {**sample, "keep_audio": True}
    first = video_of(local, path, {**keep, "video_url": f"{INPUTS}{name}.mp4"})
    second = video_of(local, path, {**keep, "video_url": first})
    with av.open(io.BytesIO(local.get(second).data)) as container:
        assert bool(container.streams.audio) == sound
    assert not any(exchange.warnings for exchange in local.journal)


@pytest.mark.parametrize("name", [f"generations/{NOBODY}.mp4", "assets/none.mp4", "generations/none", "assets/"])
def test_a_file_that_never_was_is_an_unreadable_input(sample: dict[str, Any], name: str) -> None:
    """A URL of this server behind which there is nothing fails the generation."""
    response = Local(speed="instant").post(V1, GOOD_KEY, {**sample, "video_url": f"http://localhost/{name}"})
    assert (response.status_code, response.get_json()) == (500, {"error": NOT_FOUND})


@pytest.mark.parametrize(
    ("moment", "state"),
    [
        (LATENCY - 0.001, "FAILED"),
        (LATENCY, "COMPLETED"),
        (LATENCY + 7 * 86400 - 0.001, "COMPLETED"),
        (LATENCY + 7 * 86400, "FAILED"),
    ],
)
def test_an_output_is_an_input_while_it_can_be_fetched(
    local: Local, sample: dict[str, Any], moment: float, state: str
) -> None:
    """Before its job is done, and after its seven days, nothing is behind an output's URL."""
    url = f"http://localhost/generations/{local.submit(GOOD_KEY, sample)['request_id']}.mp4"
    local.advance(moment)
    reply = local.submit(GOOD_KEY, {**sample, "video_url": url})
    local.advance(300)
    told = local.get(reply["status_url"], GOOD_KEY).get_json()
    assert (told["status"], told.get("error")) == (state, NOT_FOUND if state == "FAILED" else None)


def test_an_upload_that_gave_way_to_others_is_an_unreadable_input(sample: dict[str, Any]) -> None:
    """An uploaded file is an input while it is there."""
    local = Local(speed="instant", contract={"x-limits": {"upload_files": 1}})
    body = {**sample, "video_url": local.upload("video/mp4", fixtures.input_clip("valid").read_bytes())}
    assert local.post(V1, GOOD_KEY, body).status_code == 200
    local.upload("text/plain", b"")
    assert local.post(V1, GOOD_KEY, body).get_json() == {"error": NOT_FOUND}


WARNINGS = [
    ({"seed": 1}, "The endpoint has no such parameter and ignores it: 'seed'."),
    ({"prompt": "see @Image2"}, "prompt names @Image2, but image_urls has 0 (P4)."),
    ({"prompt": "x" * 2501}, "prompt has 2501 characters; the model reads 2500 (U7)."),
    ({"shot_type": "close"}, "shot_type has no effect unless it is 'customize' (U8)."),
    *(
        (
            {"image_urls": [f"http://{host}/a.png"]},
            f"image_urls[0] is at {host}, which the platform cannot reach; live the generation would fail (M17).",
        )
        for host in ("localhost", "192.168.0.7", "127.0.0.1", "files.internal", "10.1.2.3")
    ),
    *(
        (
            {"image_urls": [f"https://{host}/watch"]},
            f"image_urls[0] is a page of {site} and no image file; live the generation would fail (M17).",
        )
        for host, site in (("www.youtube.com", "youtube.com"), ("youtu.be", "youtu.be"), ("VIMEO.com", "vimeo.com"))
    ),
    (
        {"image_urls": ["https://e.com/a.webm?b#c"]},
        "image_urls[0] names a .webm file; the model takes .jpg, .jpeg and .png (U6).",
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def lax_and_strict() -> list[Local]:
    """Two emulators, of which the second fails what is doubtful."""
    return [Local(speed="instant", strict=strict) for strict in (False, True)]


@pytest.mark.parametrize(("change", "told"), WARNINGS)
def test_what_is_doubtful_is_a_warning_of_one_sentence(
    lax_and_strict: list[Local], key: str, sample: dict[str, Any], change: Any, told: str
) -> None:
    """The caller gets the video all the same; a strict emulator fails the generation with the warning, at no cost."""
    local, strict = lax_and_strict
    assert local.post(V1, key, {**sample, **change}).status_code == 200
    assert local.journal[-1].warnings == (told,)
    failed = strict.post(V1, key, {**sample, **change})
    assert (failed.status_code, failed.get_json()) == (
        500,
        {"error": f"Strict, so that this warning fails the generation: {told}"},
    )
    assert strict.balance(key) == 100


@pytest.mark.parametrize("suffix", [".jpg", ".webm", ".mp3"])
def test_a_url_that_names_another_kind_of_file_is_doubtful(
    lax_and_strict: list[Local], sample: dict[str, Any], suffix: str
) -> None:
    """Beside that nothing is known of a file that is not at hand, its name says that it is no video (U4)."""
    _, local = lax_and_strict
    told = f"video_url names a {suffix} file; the model takes .mp4 and .mov (U4)."
    assert told in local.post(V1, GOOD_KEY, {**sample, "video_url": f"https://e.com/a{suffix}"}).get_json()["error"]
    assert local.journal[-1].warnings == (ON_TRUST, told)


@pytest.mark.parametrize("settings", [{}, {"strict": True}, {"answers": {"D8": "enforced"}}])
@pytest.mark.parametrize("path", [V1, V2])
def test_that_a_file_is_not_at_hand_fails_nothing(sample: dict[str, Any], settings: dict[str, Any], path: str) -> None:
    """The note that a URL stands for no file here is in the journal, however strict the emulator is."""
    local = Local(speed="instant", **settings)
    video_of(local, path, {**sample, "video_url": "https://e.com/cat.mp4"})
    (exchange,) = [one for one in local.journal if one.method == "POST"]
    assert exchange.warnings == (ON_TRUST,)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("short", ["video_url is 2 seconds long; the model takes 3 to 15 (U4).",
                   "video_url is 1 frames a second fast; the model takes 24 to 60 (U4)."]),
        ("slow", ["video_url is 10 frames a second fast; the model takes 24 to 60 (U4)."]),
        ("high", ["video_url is 2,162 pixels high; the model takes 720 to 2,160 (U4)."]),
    ],
)  # fmt: skip
def test_a_video_at_hand_is_measured(
    odd_clips: dict[str, Path], sample: dict[str, Any], name: str, told: list[str]
) -> None:
    """What in it the model should not be given is a warning; where that is enforced (D8) it fails the generation."""
    body = {**sample, "video_url": f"https://odd.example/{name}.mp4"}
    local, enforced = (Local(speed="instant", inputs=odd_clips, answers={"D8": d8}) for d8 in ("warned", "enforced"))
    assert local.post(V1, GOOD_KEY, body).status_code == 200
    assert list(local.journal[-1].warnings) == told
    failed = enforced.post(V1, GOOD_KEY, body)
    assert (failed.status_code, failed.get_json()) == (500, {"error": told[0]})
    assert (enforced.journal[-1].warnings, enforced.journal[-1].cost) == ((), 0)
    assert (local.journal[-1].cost, enforced.journal[-1].model) == (PRICE, SLUG)


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ((299, 300), "is 299 pixels wide; the model takes at least 300 (U6)."),
        ((300, 299), "is 299 pixels high; the model takes at least 300 (U6)."),
        ((752, 300), "is 2.507 times its height wide; the model takes 0.4 to 2.5 (U6)."),
        ((750, 300), None),
    ],
)
def test_an_image_at_hand_is_measured(sample: dict[str, Any], size: tuple[int, int], told: str | None) -> None:
    """An uploaded image is measured wherever in the request it is named, and told by its place."""
    local = Local(speed="instant")
    url = local.upload("image/png", png(*size))
    body = {**sample, "image_urls": [url], "elements": [{}, {"reference_image_urls": ["https://e.com/a.png", url]}]}
    assert local.post(V1, GOOD_KEY, body).status_code == 200
    places = ["image_urls[0]", "elements[1].reference_image_urls[1]"]
    assert local.journal[-1].warnings == (() if told is None else tuple(f"{place} {told}" for place in places))


def test_an_image_that_is_none_fails_the_generation(sample: dict[str, Any]) -> None:
    """An uploaded file that is no image is an unreadable input, told as an image."""
    local = Local(speed="instant")
    response = local.post(V1, GOOD_KEY, {**sample, "image_urls": [local.upload("text/plain", b"no image")]})
    told = "Invalid image URL or path. Please provide a valid image. Error: The file is neither a PNG nor a JPEG image."
    assert (response.status_code, response.get_json()) == (500, {"error": told})


@pytest.mark.parametrize("url", ["http://[::1/a.png", "https://[/a.png", "http://[v1.a/generations/b.mp4"])
@pytest.mark.parametrize("path", ["/v1/", "/v2/"])
def test_an_image_url_that_cannot_be_taken_apart_is_no_defect(path: str, url: str) -> None:
    """A text that begins as a URL and is none stands for no file here, and the request is answered as any other."""
    local = Local(speed="instant")
    body = {**local.contract.model.example, "image_urls": [url]}
    assert local.post(f"{path}{local.contract.model.slug}", "SG_0123456789abcdef", body).status_code == 200


@pytest.mark.parametrize("good", [True, False])
def test_an_upload_is_looked_into_once(monkeypatch: pytest.MonkeyPatch, good: bool) -> None:
    """Good or not, a video is measured when it is uploaded, and no more when it is named."""
    local = Local(speed="instant")
    content = fixtures.input_clip("valid").read_bytes() if good else b"\0\0\0\x18ftyp" + b"\0" * 99
    url = local.upload("video/mp4", content)
    monkeypatch.setattr(fixtures, "probe", None)
    request = {**local.contract.model.example, "video_url": url}
    for _ in range(2):
        assert local.post(V1, GOOD_KEY, request).text.startswith(
            '{"status"' if good else '{"error": "Invalid video URL'
        )


@pytest.mark.parametrize("url", [CONTRACT.model.example["video_url"], f"{INPUTS}valid.mp4", "https://e.com/a.mp4"])
def test_a_file_of_ones_own_stands_behind_its_url(sample: dict[str, Any], url: str) -> None:
    """It outweighs the file that is bundled for that URL, and is no longer taken on trust."""
    local = Local(speed="instant", inputs={url: fixtures.input_clip("truncated")})
    response = local.post(V1, GOOD_KEY, {**sample, "video_url": url})
    assert (response.status_code, response.get_json()["error"][:17]) == (500, "Invalid video URL")
    assert local.journal[-1].warnings == ()


def test_an_input_that_is_removed_is_unreadable_until_it_is_there_again(sample: dict[str, Any], tmp_path: Path) -> None:
    """A generation then fails with the reason; that is not remembered."""
    file = tmp_path / "a.png"
    file.write_bytes(png(300, 300))
    local = Local(speed="instant", inputs={"https://e.com/a.png": file})
    statuses = []
    for there in (True, False, True):
        file.unlink(missing_ok=True)
        if there:
            file.write_bytes(png(300, 300))
        response = local.post(V1, GOOD_KEY, {**sample, "image_urls": ["https://e.com/a.png"]})
        statuses.append(response.status_code)
        assert there or response.get_json()["error"].endswith("Error: No such file or directory")
    assert statuses == [200, 500, 200]


def test_a_file_is_what_its_place_in_the_request_says(sample: dict[str, Any], tmp_path: Path) -> None:
    """One file that is named as a video and as an image is looked into as either."""
    file = tmp_path / "a.png"
    file.write_bytes(png(300, 300))
    local = Local(speed="instant", inputs={"https://e.com/a.png": file})
    for _ in range(2):
        as_image = local.post(V1, GOOD_KEY, {**sample, "image_urls": ["https://e.com/a.png"]})
        as_video = local.post(V1, GOOD_KEY, {**sample, "video_url": "https://e.com/a.png"})
        assert [as_image.status_code, as_video.status_code] == [200, 500]


def test_a_file_elsewhere_that_has_an_uploads_name_is_another(sample: dict[str, Any]) -> None:
    """Only below the folders of uploads and of videos are their names what they are here."""
    local = Local(speed="instant")
    url = local.upload("image/png", png(299, 300))
    elsewhere = f"https://e.com/other/{url.rpartition('/')[2]}"
    for named, known in ((url, True), (elsewhere, False)):
        assert local.post(V1, GOOD_KEY, {**sample, "image_urls": [named]}).status_code == 200
        assert bool(local.journal[-1].warnings) == known
    made = local.post(V1, GOOD_KEY, sample).get_json()["output"].rpartition("/")[2]
    assert local.post(V1, GOOD_KEY, {**sample, "video_url": f"https://e.com/other/{made}"}).status_code == 200
    assert local.journal[-1].warnings == (ON_TRUST,)


@pytest.mark.parametrize(("video", "told"), [("truncated", "Invalid video URL"), ("valid", "Invalid image URL"),
                                             ("narrow", "video_url")])  # fmt: skip
def test_of_several_inputs_that_cannot_be_the_first_is_told(sample: dict[str, Any], video: str, told: str) -> None:
    """What must not be comes before what cannot be read, and of that the first in the request."""
    local = Local(speed="instant", answers={"D5": "queued"})
    image = local.upload("text/plain", b"no image")
    body = {**sample, "video_url": f"{INPUTS}{video}.mp4", "image_urls": [image]}
    job = local.submit(GOOD_KEY, body)
    error = [local.get(job["status_url"], GOOD_KEY).get_json() for _ in range(3)][-1]["error"]
    assert error.startswith(told)


@pytest.mark.parametrize("seconds", [1, -1, 1e-6])
def test_an_input_that_is_replaced_is_measured_again(sample: dict[str, Any], tmp_path: Path, seconds: float) -> None:
    """Another file of the same size, newer or older, is another input: what is known of the first holds no more."""
    file, content = tmp_path / "a.png", png(299, 300)
    file.write_bytes(content)
    local = Local(speed="instant", inputs={"https://e.com/a.png": file})
    body = {**sample, "image_urls": ["https://e.com/a.png"]}

    def warnings() -> tuple[str, ...]:
        assert local.post(V1, GOOD_KEY, body).status_code == 200
        return local.journal[-1].warnings

    assert warnings() == ("image_urls[0] is 299 pixels wide; the model takes at least 300 (U6).",)
    before = file.stat()
    other = content.replace((299).to_bytes(4), (300).to_bytes(4))
    file.write_bytes(other)
    date = before.st_mtime_ns + round(seconds * 10**9)
    os.utime(file, ns=(date, date))
    assert (file.stat().st_size, other == content) == (before.st_size, False)
    assert warnings() == ()


@pytest.mark.parametrize("host", ["nowhere.invalid", "NOWHERE.Invalid.", "invalid"])
def test_an_input_that_nobody_can_fetch_fails_the_generation(
    emulator: Emulator, key: str, sample: dict[str, Any], host: str
) -> None:
    """A name below .invalid leads nowhere: the call is a 500, costs nothing, and takes no input on trust (M21)."""
    answer = post(emulator, {**sample, "video_url": f"https://{host}/a.mp4"}, key)
    assert (answer.status_code, text(answer)[:20]) == (500, NOT_FOUND[:20])
    assert (emulator.journal[-1].warnings, emulator.journal[-1].cost) == ((), 0)
