import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from unittest import mock

import av
import flask
import pytest
from av.stream import Disposition
from calling import Local
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mockling import fixtures
from mockling.fixtures import (
    MARK_LENGTH,
    Picture,
    Rendered,
    UnreadableImage,
    UnreadableVideo,
    clips,
    cutting,
    input_clip,
    marked,
    marking,
    mastering,
    prepare,
    probe,
    probe_image,
    probing,
    render,
    rendering,
)

BUNDLED = [(1280, 720), (720, 1280), (960, 960), (1920, 1080), (1080, 1920), (1440, 1440)]
# Each length with and without sound, each size with both and with several lengths.
LENGTHS = [
    (BUNDLED[(seconds + 3 * (not audio)) % 6], seconds, audio) for seconds in range(3, 16) for audio in (True, False)
]
REQUEST = "0b4f6c1e-52f3-4c43-9d0a-6a3f0e7b9c21"
INPUTS = {
    "valid": (1280, 720, 5, True),
    "silent": (1280, 720, 4, False),
    "narrow": (640, 360, 3, True),
    "wide": (2304, 1296, 3, True),
}
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{}\n#EXT-X-ENDLIST\n"


def run(script: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def boxes(data: bytes) -> list[tuple[bytes, int, int]]:
    found, position = [], 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4])
        found.append((data[position + 4 : position + 8], position, size))
        position += size
    return found


@pytest.fixture
def no_cache(monkeypatch, tmp_path):
    """A cache of the test's own, in `tmp_path`."""
    monkeypatch.setattr(rendering, "_rooms", {})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    for room in rendering._rooms.values():
        room.folder.remove()


def cut(width: int, height: int, seconds: float, audio: bool = True, fps: int = 24) -> Path:
    return render(width, height, seconds, audio=audio, fps=fps).path


def check(path: Path, width: int, height: int, frames: int, audio: bool, fps: int = 24) -> None:
    """All pictures are there, on time, a keyframe each second; the sound has no gap and ends within a packet."""
    with av.open(str(path)) as video:
        (picture,) = video.streams.video
        assert (picture.width, picture.height, picture.pix_fmt) == (width, height, "yuv420p")
        assert len(video.streams) == 1 + audio
        packets = [
            (packet.stream.type, packet.pts * packet.time_base, packet.duration * packet.time_base, packet.is_keyframe)
            for packet in video.demux()
            if packet.pts is not None
        ]
    pictures = [(start, keyframe) for kind, start, _, keyframe in packets if kind == "video"]
    assert pictures == [(Fraction(n, fps), n % fps == 0) for n in range(frames)]
    sounds = [(start, start + length) for kind, start, length, _ in packets if kind == "audio"]
    assert [start for start, _ in sounds[:1]] == [Fraction(-1024, 48_000)] * audio  # what a decoder warms up with
    assert all(end == start for (_, end), (start, _) in pairwise(sounds))
    assert not sounds or Fraction(frames, fps) - Fraction(25, 1000) < sounds[-1][1] <= max(Fraction(frames, fps), 0.022)


@pytest.mark.parametrize(("size", "seconds", "audio"), LENGTHS)
def test_render_has_exactly_what_was_asked_for(size, seconds, audio):
    """Every size and length has 24 frames a second, its pixels, keyframes each second and sound only if asked."""
    check(cut(*size, seconds, audio), *size, 24 * seconds, audio)


@pytest.mark.parametrize(
    ("width", "height", "seconds", "fps", "frames", "audio"),
    [
        (1280, 720, 1 / 24, 24, 1, True),
        (1280, 720, 0.5, 24, 12, False),
        (1440, 1440, 3.3, 24, 79, True),
        (720, 1280, 15.02, 24, 360, False),
        (720, 1280, 15.03, 24, 361, True),
        (960, 960, 61.5, 24, 1476, True),
        (1280, 720, 5, 30, 150, False),
        (512, 288, 5, 24, 120, True),
        (320, 180, 2.5, 60, 150, False),
        (322, 562, 7.77, 25, 194, True),
        (16, 16, 9, 1, 9, True),
        (4096, 16, 1, 1, 1, False),
        (256, 108, 0.01, 60, 1, True),
        (256, 108, 0.01, 60, 1, False),
    ],
)
def test_render_takes_any_length_size_and_pace(width, height, seconds, fps, frames, audio):
    """A clip is repeated where it is too short, and encoded anew where its pixels or pace are others."""
    rendered = render(width, height, seconds, audio=audio, fps=fps)
    check(rendered.path, width, height, frames, audio, fps)
    seen = probe(rendered.path)
    assert (seen.frames, seen.fps, seen.seconds, seen.audio) == (frames, fps, pytest.approx(frames / fps), audio)


@pytest.mark.parametrize(("size", "fps"), [((720, 1280), 24), ((64, 114), 1)])
def test_render_lasts_up_to_ten_minutes(size, fps):
    """The longest video has all its pictures, bundled size or not."""
    audio = fps == 24
    assert probe(cut(*size, 600, audio, fps)) == fixtures.Probe(*size, 600 * fps, fps, 600, audio)


@pytest.mark.parametrize(
    ("width", "height", "seconds", "audio", "fps"),
    [
        (1280, 720, 3, True, 24),
        (960, 960, 16.5, False, 24),
        (256, 144, 5, True, 30),
        (480, 482, 3.5, False, 7),
    ],
)
def test_rendered_video_decodes_to_its_last_frame(width, height, seconds, audio, fps):
    """All frames of a cut decode, each at its time, starting with a keyframe."""
    with av.open(str(cut(width, height, seconds, audio, fps))) as video:
        frames = [(frame.time, frame.key_frame, frame.is_corrupt) for frame in video.decode(video=0)]
    assert [time for time, *_ in frames] == pytest.approx([n / fps for n in range(round(fps * seconds))])
    assert frames[0][1]
    assert not any(corrupt for *_, corrupt in frames)


@pytest.mark.parametrize(("seconds", "width"), [(3, 960), (33, 960), (33, 480)])
def test_rendered_sound_is_heard(seconds, width):
    """The sound of a cut decodes to samples that are no silence, for as long as the picture lasts."""
    with av.open(str(cut(width, width, seconds))) as video:
        sound = [bytes(frame.planes[0])[: 4 * frame.samples] for frame in video.decode(audio=0)]
    assert seconds - 0.05 < sum(map(len, sound)) / 4 / 48_000 <= seconds
    assert all(any(samples) for samples in sound[1:])


@cache
def thumbnails(path: Path) -> list[bytes]:
    with av.open(str(path)) as video:
        small = [frame.reformat(64, 64, "yuv420p", interpolation="AREA") for frame in video.decode(video=0)]
    return [b"".join(bytes(plane) for plane in frame.planes) for frame in small]


@pytest.mark.parametrize(
    ("source", "size", "fps"),
    [((1280, 720), (640, 360), 12), ((1280, 720), (214, 120), 48), ((1080, 1920), (738, 1312), 24),
     ((1080, 1920), (1082, 1924), 6)],
)  # fmt: skip # the smallest clip of the shape, the smallest that need not be enlarged, and the largest
def test_an_encoded_picture_shows_what_its_clip_shows(source, size, fps):
    """At every moment of its first two seconds, a size of its own shows what the clip of that shape shows."""
    clip, encoded = thumbnails(cut(*source, 2, False)), thumbnails(cut(*size, 2, False, fps))
    for number, picture in enumerate(encoded):
        shown = clip[number * 24 // fps]
        assert sum(abs(a - b) for a, b in zip(picture, shown, strict=True)) / len(shown) < 2


def test_rendered_files_have_their_index_first():
    """A player can start before it has the whole file: moov stands before mdat, and the mark is in it."""
    for size in [*BUNDLED, (320, 240)]:
        rendered = render(*size, 3, audio=True)
        found = {name: (start, start + length) for name, start, length in boxes(rendered.path.read_bytes())}
        assert found[b"moov"][0] < rendered.mark < found[b"moov"][1] <= found[b"mdat"][0]


def test_render_gives_the_same_bytes_in_every_process():
    """Another process cuts the very bytes that this one does, encoded or not."""
    script = (
        "import hashlib; from mockling.fixtures import render\n"
        "for audio in (True, False):\n"
        "    for size in ((1280, 720), (1080, 1920), (640, 362)):\n"
        "        print(hashlib.sha256(render(*size, 7, audio=audio).path.read_bytes()).hexdigest())\n"
    )
    sizes = ((1280, 720), (1080, 1920), (640, 362))
    mine = [digest(cut(*size, 7, audio)) for audio in (True, False) for size in sizes]
    assert run(script).split() == mine
    assert len(set(mine)) == 6


@pytest.mark.usefixtures("no_cache")
def test_render_cuts_once(monkeypatch):
    """The second call for the same video gives the same file without cutting anything."""
    first = render(1280, 720, 3, audio=False)
    monkeypatch.setattr(cutting, "cut", None)
    assert render(1280, 720, 3.0, audio=False) == render(1280, 720, 3.01, audio=False) == first
    assert first.bytes == first.path.stat().st_size


@pytest.mark.usefixtures("no_cache")
@pytest.mark.parametrize("size", [(960, 960), (64, 48)])
def test_render_makes_up_for_what_was_deleted(size):
    """A cut or the whole folder deleted behind our back is made again."""
    path = cut(*size, 3)
    before = digest(path)
    path.unlink()
    assert digest(cut(*size, 3)) == before
    shutil.rmtree(path.parent)
    assert digest(cut(*size, 3)) == before


@pytest.mark.usefixtures("no_cache")
@pytest.mark.parametrize("left", [0, -1])
def test_render_makes_up_for_what_was_damaged(left):
    """A cut, or what it is cut from, that has lost bytes behind our back is made again."""
    path = cut(64, 48, 3)
    before = digest(path)
    for file in list(path.parent.iterdir()):
        file.write_bytes(file.read_bytes()[:left])
    again = render(64, 48, 3, audio=True)
    assert (again.path, again.bytes, digest(again.path)) == (path, path.stat().st_size, before)


@pytest.mark.usefixtures("no_cache")
def test_render_makes_up_for_what_was_overwritten():
    """A cut, or what it is cut from, whose bytes are others behind our back is made again, even if none is missing."""
    path = cut(64, 48, 3)
    before = digest(path)
    for file in list(path.parent.iterdir()):
        file.write_bytes(bytes(file.stat().st_size))
    assert digest(cut(64, 48, 3)) == before


@pytest.mark.parametrize(("most_files", "most_bytes"), [(3, 10**9), (1000, 250_000)])
def test_what_is_kept_is_bounded(no_cache, monkeypatch, most_files, most_bytes):
    """Beyond a number of files or bytes the oldest go; one that is being read survives, and one gone is cut again."""
    assert (rendering.MOST_FILES, rendering.MOST_BYTES) == (2000, 10**9)
    monkeypatch.setattr(rendering, "MOST_FILES", most_files)
    monkeypatch.setattr(rendering, "MOST_BYTES", most_bytes)
    first = render(64, 48, 1, audio=False)
    before = first.path.read_bytes()
    with marked(first, REQUEST) as served:
        for seconds in range(2, 12):
            render(64, 48, seconds, audio=True)
            files = list(no_cache.glob("*/*"))
            assert len(files) <= most_files
            assert sum(file.stat().st_size for file in files) <= most_bytes
        assert not first.path.exists()
        assert len(served.read()) == len(before)
    assert len(rendering._room().cuts) <= most_files
    assert cut(64, 48, 1, False).read_bytes() == before


def test_prepare_leaves_only_the_cutting_to_render(no_cache, monkeypatch):
    """What was prepared is not encoded again; for a bundled size there is nothing to prepare."""
    prepare(1920, 1080)
    assert not list(no_cache.iterdir())
    prepare(64, 48, 30)
    monkeypatch.setattr(mastering, "encode", None)
    prepare(64, 48, 30)
    check(cut(64, 48, 5, True, 30), 64, 48, 150, True, 30)


def test_the_folder_is_private_and_goes_with_the_process():
    """The cuts lie in a folder only the user may enter, and it is gone once the process has ended."""
    script = (
        "import stat; from mockling.fixtures import render\n"
        "folder = render(64, 48, 3, audio=False).path.parent; print(folder, stat.filemode(folder.stat().st_mode))"
    )
    folder, mode = run(script).split()
    assert mode == "drwx------"
    assert not Path(folder).exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
@pytest.mark.parametrize("held", [True, False])
def test_a_forked_child_leaves_the_folder_of_its_parent_alone(held):
    """A forked child cuts into a folder of its own, even if born amid a cut, and takes nothing from its parent."""
    script = (
        "import os, sys; from mockling.fixtures import render, rendering\n"
        "mine = render(960, 960, 3, audio=False).path\n"
        "if sys.argv[1] == 'True': rendering._room().lock.acquire()\n"
        "if not os.fork():\n"
        "    assert render(960, 960, 3, audio=False).path.parent != mine.parent; sys.exit()\n"
        "status = os.wait()[1]\n"
        "print(status, mine.exists())"
    )
    assert run(script, str(held)).split() == ["0", "True"]


@pytest.mark.parametrize(("size", "made"), [((1440, 1440), 1), ((160, 90), 2)])
def test_threads_asking_at_once_get_the_same_whole_file(no_cache, monkeypatch, size, made):
    """Eight threads that ask for the same video at the same moment all get one complete file, cut once."""
    start, cuts = Barrier(8), []
    monkeypatch.setattr(cutting, "cut", lambda *given, cut=cutting.cut: (cuts.append(given), cut(*given)))

    def ask(_: int) -> tuple[Rendered, str]:
        start.wait(timeout=30)
        rendered = render(*size, 15, audio=True)
        return rendered, digest(rendered.path)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    assert len(cuts) == 1
    assert len(list(no_cache.glob("*/*"))) == made


def test_threads_preparing_at_once_encode_once(no_cache, monkeypatch):
    """Eight threads that prepare the same size at the same moment wait for one of them."""
    start, encoded = Barrier(8), []
    monkeypatch.setattr(
        mastering, "encode", lambda *given, made=mastering.encode: (encoded.append(given), made(*given))
    )

    def ask(_: int) -> None:
        start.wait(timeout=30)
        prepare(160, 90)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    assert len(encoded) == 1
    assert [path.name for path in no_cache.glob("*/*")] == ["160x90-24fps.mp4"]


@pytest.mark.parametrize("call", ["render(1280, 720, 3, audio=True)", "prepare(320, 180)"])
def test_a_full_disk_leaves_nothing_behind(call):
    """When a file cannot be written in full, OSError comes out and no part of it stays; with room it is written."""
    pytest.importorskip("resource", reason="only where a process can limit the size of its files")
    size = render(1280, 720, 3, audio=True).bytes
    if call.startswith("prepare"):
        prepare(320, 180)
        size = (cut(320, 180, 3).parent / "320x180-24fps.mp4").stat().st_size
    limits = [0, size // 10, size // 2, size - 1]
    script = (
        "import resource, sys; from mockling import fixtures; from mockling.fixtures import cutting, rendering\n"
        "folders = lambda: [room.folder.path for room in rendering._rooms.values() if room.folder.path]\n"
        "for limit in map(int, sys.argv[1:]):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))\n"
        f"    try: fixtures.{call}\n"
        "    except OSError: print('OSError', end=' ')\n"
        "    print(len([file for folder in folders() for file in folder.iterdir()]))"
    )
    assert run(script, *map(str, [*limits, 10**9])).splitlines() == ["OSError 0"] * 4 + ["1"]


@pytest.mark.parametrize(
    ("width", "height", "seconds", "fps", "advice"),
    [
        (1281, 720, 5, 24, "even numbers from 16 to 4096"),
        (1280, 721, 5, 24, "even numbers from 16 to 4096"),
        (14, 720, 5, 24, "even numbers from 16 to 4096"),
        (1280, 4098, 5, 24, "even numbers from 16 to 4096"),
        (-1280, 720, 5, 24, "even numbers from 16 to 4096"),
        (1280.5, 720, 5, 24, "even numbers from 16 to 4096"),
        ("../1280", 720, 5, 24, "even numbers from 16 to 4096"),
        (1280, 720, 5, 0, "a whole number from 1 to 60"),
        (1280, 720, 5, 61, "a whole number from 1 to 60"),
        (1280, 720, 5, 29.97, "a whole number from 1 to 60"),
        (1280, 720, 0, 24, "choose one picture to 600 s"),
        (1280, 720, -1, 24, "choose one picture to 600 s"),
        (1280, 720, 0.02, 24, "choose one picture to 600 s"),
        (1280, 720, 600.1, 24, "choose one picture to 600 s"),
        (1280, 720, float("nan"), 24, "choose one picture to 600 s"),
        (1280, 720, float("inf"), 24, "choose one picture to 600 s"),
    ],
)
def test_render_refuses_what_it_cannot_make(width, height, seconds, fps, advice):
    """A parameter out of range is refused with the values there are; `prepare` refuses the same."""
    with pytest.raises(ValueError, match=advice):
        render(width, height, seconds, audio=True, fps=fps)
    if "picture to" not in advice:
        with pytest.raises(ValueError, match=advice):
            prepare(width, height, fps)


@pytest.mark.parametrize(("size", "text"), [((1280, 720), REQUEST), ((320, 240), "short"), ((320, 240), "")])
def test_a_marked_video_tells_its_text(tmp_path, size, text):
    """The comment of a marked video is its text, all else is as it was cut, and two marks make two videos."""
    rendered = render(*size, 3, audio=True)
    with marked(rendered, text) as file:
        data = file.read()
    whole = rendered.path.read_bytes()
    assert data == whole[: rendered.mark] + text.ljust(36).encode() + whole[rendered.mark + 36 :]
    (tmp_path / "marked.mp4").write_bytes(data)
    with av.open(str(tmp_path / "marked.mp4")) as video:
        assert video.metadata["comment"].rstrip() == text
        assert len(list(video.decode(video=0))) == 72
    if ffprobe := shutil.which("ffprobe"):
        tags = subprocess.check_output([ffprobe, "-v", "error", "-show_format", tmp_path / "marked.mp4"], text=True)
        assert f"TAG:comment={text}" in tags


@pytest.mark.parametrize("text", ["x" * 37, "é", REQUEST + " "])
def test_a_mark_that_does_not_fit_is_refused(text):
    """A text that is longer than the mark, or not ASCII, is refused in one sentence."""
    with pytest.raises(ValueError, match="at most 36 ASCII characters"):
        marked(render(1280, 720, 3, audio=True), text)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_marked_file_reads_as_if_the_text_were_in_it(data):
    """Whatever is read and sought, by blocks of any size, a marked file does what the replaced bytes would."""
    before, after = data.draw(st.binary(max_size=90)), data.draw(st.binary(max_size=90))
    text = data.draw(st.text(st.characters(max_codepoint=127), max_size=MARK_LENGTH))
    steps = st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 250)),
        st.tuples(st.just("readinto"), st.integers(0, 250).map(bytearray)),
        st.tuples(st.just("readline"), st.integers(-1, 50)),
        st.tuples(st.just("seek"), st.integers(0, 250)),
        st.tuples(st.just("seek"), st.integers(-30, 0), st.just(os.SEEK_END)),
        st.tuples(st.just("seek"), st.integers(0, 30), st.just(os.SEEK_CUR)),
        st.tuples(st.just("tell")),
    )
    expected = io.BytesIO(before + text.ljust(MARK_LENGTH).encode() + after)
    block = data.draw(st.integers(1, 100))
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(marking, "BLOCK", block):
        path = Path(folder) / "video"
        path.write_bytes(before + marking.PLACEHOLDER + after)
        with marked(Rendered(path, len(expected.getvalue()), len(before)), text) as file:
            for name, *given_ in data.draw(st.lists(steps, max_size=20)):
                assert getattr(file, name)(*given_) == getattr(expected, name)(*given_)
                assert file.tell() == expected.tell()
            file.seek(0)
            assert file.read() == expected.getvalue()
    with pytest.raises(ValueError, match="closed"):
        file.read()


def test_a_marked_file_is_not_held_in_memory(tmp_path):
    """Reading a little of a large video, from either side of the mark, takes memory for that little only."""
    path = tmp_path / "large"
    with path.open("wb") as large:
        large.truncate(100_000_000)
    tracemalloc.start()
    with marked(Rendered(path, 100_000_000, 50_000_000), REQUEST) as file:
        file.seek(49_999_990)
        assert file.read(56) == bytes(10) + REQUEST.encode() + bytes(10)
        while file.read(1 << 16):
            pass
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.fixture
def download():
    """A Flask client whose /video is a marked video, sent as `marked` says."""
    application, rendered = flask.Flask("sending"), render(1280, 720, 3, audio=True)

    @application.get("/video")
    def video() -> flask.Response:
        response = flask.send_file(marked(rendered, REQUEST), "video/mp4", conditional=False, etag=REQUEST)
        response.content_length = rendered.bytes
        return response.make_conditional(flask.request.environ, accept_ranges=True, complete_length=rendered.bytes)

    with marked(rendered, REQUEST) as file:
        return application.test_client(), file.read(), rendered.mark


@pytest.mark.parametrize(("low", "high"), [(0, 10), (-5, 40), (3, 30), (-1, 1), (20, 60), (36, 40)])
def test_flask_sends_any_range_of_a_marked_file(download, low, high):
    """A range around, across or within the mark has the marked bytes and tells of which it is."""
    client, whole, mark = download
    first, last = mark + low, mark + high
    part = client.get("/video", headers={"Range": f"bytes={first}-{last - 1}"})
    assert (part.status_code, part.data, part.content_length) == (206, whole[first:last], last - first)
    assert part.headers["Content-Range"] == f"bytes {first}-{last - 1}/{len(whole)}"


def test_flask_sends_a_marked_file_with_its_length_and_tag(download):
    """A whole marked file is sent with its length and ETag, not again to who has it, and never beyond its end."""
    client, whole, _ = download
    answer = client.get("/video")
    assert (answer.status_code, answer.data, answer.content_length) == (200, whole, len(whole))
    assert (answer.headers["ETag"], answer.headers["Accept-Ranges"]) == (f'"{REQUEST}"', "bytes")
    assert client.head("/video").content_length == len(whole)
    assert client.get("/video", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert client.get("/video", headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
    assert client.get("/video", headers={"Range": "bytes=-7"}).data == whole[-7:]


def test_importing_is_light():
    """Importing the package and asking for a path loads neither PyAV nor numpy nor Pillow."""
    script = (
        "import sys; from mockling.fixtures import input_clip\n"
        "input_clip('valid'); print(sorted({'av', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    assert run(script).strip() == "[]"


def test_the_manifest_is_true():
    """The manifest lists every bundled file with its true hash, size and contents."""
    home = Path(str(files("mockling.fixtures")))
    bundled = {path for folder in ("videos", "inputs") for path in (home / folder).iterdir()}
    assert {clip.path for clip in clips().values()} == bundled
    assert len(json.loads((home / "manifest.json").read_text(encoding="utf-8"))) == len(bundled)
    for clip in clips().values():
        assert (clip.sha256, clip.bytes) == (digest(clip.path), clip.path.stat().st_size)
        assert clip.purpose.endswith(".")
        if clip.width:
            seen = probe(clip.path)
            assert seen == fixtures.Probe(*(getattr(clip, name) for name in vars(seen)))


def test_the_bundled_files_are_small():
    """All bundled videos together take at most 8 MB."""
    assert sum(clip.bytes for clip in clips().values()) <= 8_000_000


@pytest.mark.parametrize("name", INPUTS)
def test_readable_inputs_are_what_their_names_say(name):
    """Each readable input has its size, length and sound."""
    seen = probe(input_clip(name))
    width, height, seconds, audio = INPUTS[name]
    assert (seen.width, seen.height, seen.audio) == (width, height, audio)
    assert (seen.frames, seen.fps, seen.seconds) == (24 * seconds, 24, seconds)


@pytest.mark.parametrize("name", ["audio-only", "truncated", "not-a-video"])
def test_unreadable_inputs_are_refused(name):
    """The inputs made to be refused are refused in one sentence."""
    with pytest.raises(UnreadableVideo, match=r"^The file [^.]*\.$"):
        probe(input_clip(name))


def test_the_input_without_picture_holds_sound():
    """The input with sound only is a sound file that plays for three seconds."""
    with av.open(str(input_clip("audio-only"))) as sound:
        assert [stream.type for stream in sound.streams] == ["audio"]
        assert 2.9 < float(sum(frame.samples for frame in sound.decode(audio=0))) / 48_000 < 3.1
    assert (clips()["audio-only"].seconds, clips()["audio-only"].audio) == (3, True)


def test_an_unknown_input_is_refused_with_those_there_are():
    """Asking for an input that does not exist names those that do, and the outputs are no inputs."""
    for name in ("nothing", "std-16x9", "../videos/std-16x9"):
        with pytest.raises(ValueError, match=r"choose one of valid, silent, .*not-a-video\."):
            input_clip(name)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 4096,
        b"\0\0\0\x08ftyp" * 500,
        b"\0\0\0\x01mdat" + b"\xff" * 8,
        PLAYLIST.format(input_clip("valid")).encode(),
        f"ffconcat version 1.0\nfile '{input_clip('valid')}'\n".encode(),
        cut(1280, 720, 3).read_bytes()[:-1],
        bytes(1000) + input_clip("valid").read_bytes()[1000:],
    ],
    ids=["empty", "zeros", "ftyp only", "endless box", "playlist", "concat", "last byte lost", "start wiped"],
)
def test_probe_refuses_what_is_no_video(tmp_path, content):
    """Broken files are refused, and a playlist or script is never followed to the video it names."""
    path = tmp_path / "hostile.mp4"
    path.write_bytes(content)
    with pytest.raises(UnreadableVideo):
        probe(path)


def test_probe_lets_a_missing_file_be_missing(tmp_path):
    """A file that does not exist is no unreadable video but a missing file; an empty one is called empty."""
    with pytest.raises(FileNotFoundError):
        probe(tmp_path / "none.mp4")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(UnreadableVideo, match="is empty"):
        probe(tmp_path / "empty.mp4")


@pytest.mark.parametrize("first", [b"skip", b"free", b"wide", b"ftyp"])
def test_probe_takes_quicktime_files_whatever_comes_first(tmp_path, first):
    """An old QuickTime file has no ftyp; one that begins with an empty box instead is a video as well."""
    path = tmp_path / "old.mov"
    with av.open(str(input_clip("silent"))) as given_, av.open(str(path), "w", format="mov") as film:
        track = film.add_stream_from_template(given_.streams.video[0])
        for packet in given_.demux(given_.streams.video[0]):
            if packet.pts is not None:
                packet.stream = track
                film.mux(packet)
    data = path.read_bytes()
    assert data[4:12] == b"ftypqt  "
    path.write_bytes(data[:4] + first + data[8:])
    seen = probe(path)
    assert (seen.width, seen.height, seen.frames, seen.fps, seen.seconds, seen.audio) == (1280, 720, 96, 24, 4, False)


def fragmented(path: Path, kind: str = "mp4") -> Path:
    """The picture of the valid input again, in fragments whose headers count no frames."""
    flags = {"movflags": "+frag_keyframe+empty_moov+default_base_moof"} if kind == "mp4" else {}
    with av.open(str(input_clip("valid"))) as whole, av.open(str(path), "w", format=kind, options=flags) as parts:
        track = parts.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(whole.streams.video[0]):
            if packet.pts is not None:
                packet.stream = track
                parts.mux(packet)
    return path


def test_probe_counts_where_the_header_does_not(tmp_path):
    """A fragmented file, whose header counts no frames, is counted packet by packet."""
    seen = probe(fragmented(tmp_path / "parts.mp4"))
    assert (seen.width, seen.height, seen.frames, seen.audio) == (1280, 720, 120, False)
    assert (seen.fps, seen.seconds) == pytest.approx((24, 5))


def test_probe_refuses_a_track_without_frames(tmp_path):
    """A fragmented file that ends before its first fragment has a picture track with nothing in it."""
    path = fragmented(tmp_path / "parts.mp4")
    data = path.read_bytes()
    path.write_bytes(data[: next(start for name, start, _ in boxes(data) if name == b"moof")] + b"\0\0\0\x08mdat")
    with pytest.raises(UnreadableVideo, match="picture track is empty"):
        probe(path)


def test_probe_opens_nothing_but_mp4(tmp_path, monkeypatch):
    """Even past the first check, neither another kind of video nor a script naming a video is opened."""
    monkeypatch.setattr("mockling.fixtures.probing.check_boxes", lambda _: None)
    other = tmp_path / "other.mp4"
    fragmented(other, "matroska")
    with pytest.raises(UnreadableVideo):
        probe(other)
    (tmp_path / "valid.mp4").write_bytes(input_clip("valid").read_bytes())
    other.write_text("ffconcat version 1.0\nfile valid.mp4\n")
    with pytest.raises(UnreadableVideo):
        probe(other)


def test_probe_stops_counting(tmp_path, monkeypatch):
    """A file with more packets than anyone needs is refused rather than counted to its end."""
    path = fragmented(tmp_path / "parts.mp4")
    monkeypatch.setattr("mockling.fixtures.probing.MAX_PACKETS", 121)  # with the end of the track
    assert probe(path).frames == 120
    monkeypatch.setattr("mockling.fixtures.probing.MAX_PACKETS", 120)
    with pytest.raises(UnreadableVideo, match="too many"):
        probe(path)


def test_probe_adds_up_what_an_index_claims(monkeypatch):
    """The pictures and the sounds of all tracks together may be as many as the bound, and not one more."""
    with av.open(str(input_clip("valid"))) as video:
        claimed = sum(stream.frames for stream in video.streams)
    monkeypatch.setattr("mockling.fixtures.probing.MAX_SAMPLES", claimed)
    assert probe(input_clip("valid")).frames == 120
    monkeypatch.setattr("mockling.fixtures.probing.MAX_SAMPLES", claimed - 1)
    with pytest.raises(UnreadableVideo, match="claims more"):
        probe(input_clip("valid"))


def test_probe_takes_the_picture_track_and_not_the_cover():
    """A still picture that is attached to a film is none of its pictures."""
    film = SimpleNamespace(
        disposition=Disposition(0), frames=48, duration=2, time_base=Fraction(1), average_rate=Fraction(24),
        codec_context=SimpleNamespace(width=64, height=48),
    )  # fmt: skip
    cover = SimpleNamespace(**{**vars(film), "disposition": Disposition.attached_pic, "frames": 1})
    read = probing.read
    assert read(SimpleNamespace(streams=SimpleNamespace(video=[cover, film], audio=[]))) == fixtures.Probe(
        64, 48, 48, 24, 2, False
    )
    with pytest.raises(UnreadableVideo, match="no picture track"):
        read(SimpleNamespace(streams=SimpleNamespace(video=[cover], audio=[film])))


@pytest.mark.parametrize(("end", "good"), [(b"\0\0\0\x08free", True), (b"\0\0\0\x07fre", False),
                                           (b"\0\0\0\0free", True), (b"\0\0\0\x09free", False)])  # fmt: skip
def test_probe_takes_boxes_that_end_where_the_file_does(end, good):
    """The last one has at least its own head, and no more than there is; without a size it lasts to the end."""
    assert (attempt(input_clip("valid").read_bytes() + end) is not None) == good


@pytest.mark.parametrize("claimed", [1 << 26, 0xFFFFFFFF])
def test_probe_refuses_an_index_that_would_fill_the_memory(tmp_path, claimed):
    """A small file whose index claims millions of frames of one byte each is refused at once."""
    data = bytearray(input_clip("valid").read_bytes())
    sizes = data.index(b"stsz")
    data[sizes + 8 : sizes + 16] = (1).to_bytes(4) + claimed.to_bytes(4)
    path = tmp_path / "bomb.mp4"
    path.write_bytes(data)
    with pytest.raises(UnreadableVideo, match="claims more"):
        probe(path)


def attempt(data: bytes) -> fixtures.Probe | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.mp4"
        path.write_bytes(data)
        try:
            seen = probe(path)
        except UnreadableVideo:
            return None
    assert seen.frames > 0
    assert seen.seconds > 0
    return seen


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2mp41"]))
def test_probe_survives_random_bytes(noise, head):
    """Random bytes, with or without the beginning of an MP4 file, raise nothing but UnreadableVideo."""
    attempt(head + noise)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1, exclude_max=True))
def test_probe_refuses_a_video_cut_anywhere(share):
    """The valid input cut off anywhere is no video, and raises nothing but UnreadableVideo."""
    valid = input_clip("valid").read_bytes()
    assert attempt(valid[: int(share * len(valid))]) is None


@pytest.mark.parametrize("beyond", range(-1, 18))
def test_probe_refuses_a_video_cut_at_its_index(beyond):
    """A file whose index is whole and whose pictures are missing is no video, wherever near the index it ends."""
    valid = input_clip("valid").read_bytes()
    end = next(start + size for name, start, size in boxes(valid) if name == b"moov")
    assert attempt(valid[: end + beyond]) is None


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_probe_survives_random_damage_to_the_index(data):
    """The valid input with bytes of its index changed raises nothing but UnreadableVideo, or is a video."""
    valid = bytearray(input_clip("valid").read_bytes())
    (start, size) = next((start, size) for name, start, size in boxes(valid) if name == b"moov")
    for _ in range(data.draw(st.integers(1, 6))):
        valid[start + data.draw(st.integers(0, size - 1))] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    attempt(bytes(valid))


IMAGES = {
    "gray.png": ("L", {}),
    "palette.png": ("P", {}),
    "colour.png": ("RGBA", {}),
    "baseline.jpeg": ("RGB", {}),
    "progressive.jpeg": ("RGB", {"progressive": True}),
    "gray.jpeg": ("L", {"comment": b"\xff\xc0 in a comment is no header"}),
    "print.jpeg": ("CMYK", {"icc_profile": bytes(200_000), "exif": b"Exif\0\0" + bytes(5000)}),
}


def image(name: str, size: tuple[int, int] = (123, 45)) -> bytes:
    mode, options = IMAGES[name]
    file = io.BytesIO()
    Image.new(mode, size).save(file, name.split(".")[1], **options)
    return file.getvalue()


def picture(data: bytes) -> Picture | None:
    """What is read from these bytes, if anything."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image"
        path.write_bytes(data)
        try:
            return probe_image(path)
        except UnreadableImage:
            return None


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("size", [(123, 45), (1, 1), (1000, 3)])
def test_probe_image_tells_format_and_size(name, size):
    """PNG and JPEG files of every kind are told with their pixels."""
    assert picture(image(name, size)) == Picture(name.split(".")[1], *size)


def test_probe_image_takes_filling_and_markers_without_length():
    """Bytes of filling before a JPEG marker and markers that stand alone are passed over."""
    data = image("baseline.jpeg")
    assert picture(data[:2] + b"\xff\xff\xff\x01\xff\xd0" + data[2:]) == Picture("jpeg", 123, 45)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "neither"),
        (b"GIF89a\1\0\1\0", "neither"),
        (b"\x89PNG\r\n\x1a", "neither"),
        (image("gray.png")[:20], "cut off"),
        (image("gray.png").replace(b"IHDR", b"IDAT"), "begin with its size"),
        (image("gray.png")[:16] + bytes(8), "no pixels"),
        (image("gray.png")[:16] + (5).to_bytes(4) + bytes(4), "no pixels"),
        (image("gray.png")[:16] + bytes(4) + (5).to_bytes(4), "no pixels"),
        (b"\xff\xd8", "cut off"),
        (b"\xff\xd8\xff\xe0\xff\xff", "cut off"),
        (b"\xff\xd8\xff\xe0\0\1" + bytes(100), "broken"),
        (b"\xff\xd8" + bytes(100), "broken"),
        (b"\xff\xd8\xff\xda\0\2", "does not tell"),
        (b"\xff\xd8\xff\xd9", "does not tell"),
        (b"\xff\xd8" + b"\xff" * 1_000_000, "broken"),
        (b"\xff\xd8" + b"\xff\xd0" * 1_000_000, "does not tell"),
        (b"\xff\xd8\xff\xc0\0\x0b\x08" + bytes(10), "no pixels"),
    ],
)
def test_probe_image_refuses_what_has_no_size(tmp_path, content, reason):
    """What is no image, or is cut off or broken before its size, is refused in one sentence."""
    path = tmp_path / "image.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableImage, match=rf"^The [^.]*{reason}[^.]*\.$"):
        probe_image(path)


def test_probe_image_lets_a_missing_file_be_missing(tmp_path):
    """A file that does not exist is no unreadable image but a missing file."""
    with pytest.raises(FileNotFoundError):
        probe_image(tmp_path / "none.png")


@pytest.mark.parametrize("name", IMAGES)
@settings(max_examples=20, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_probe_image_never_guesses_from_a_part(name, share):
    """An image cut off anywhere has its size or is refused; the first bytes never do for it."""
    whole = image(name)
    seen = picture(whole[: int(share * len(whole))])
    assert seen in (None, Picture(name.split(".")[1], 123, 45))
    assert picture(whole[: random.Random(share).randrange(20)]) is None


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([b"", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", image("gray.png")[:16]]), st.binary())
def test_probe_image_survives_random_bytes(head, noise):
    """Random bytes, with or without the beginning of an image, raise nothing but UnreadableImage."""
    picture(head + noise)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(IMAGES)), st.data())
def test_probe_image_survives_random_damage(name, data):
    """An image with bytes of its beginning changed raises nothing but UnreadableImage, or is an image."""
    damaged = bytearray(image(name))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, min(700, len(damaged) - 1)))] = data.draw(st.integers(0, 255))
    seen = picture(bytes(damaged))
    assert seen is None or (seen.width > 0 and seen.height > 0)


def test_an_emulator_has_what_its_models_videos_are_cut_from(monkeypatch):
    """When it is made, the masters of every size of every model are, so that its first callers do not wait for them."""
    prepared = []
    monkeypatch.setattr(fixtures, "prepare", lambda *given: prepared.append(given))
    models = Local(models=[Path(__file__).parent / "data" / "sketch.yaml"]).contract.models.values()
    wanted = [(*size, model.fps) for model in models for size in model.sizes()]
    assert prepared == wanted
    assert not set(wanted) <= {(*size, 24) for size in BUNDLED}
