import hashlib
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from importlib.resources import files
from itertools import product
from pathlib import Path
from threading import Barrier

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockling import fixtures
from mockling.fixtures import DURATIONS, MODES, RATIOS, UnreadableVideo, clips, cutting, input_clip, probe, render

PIXELS = {
    ("std", "16:9"): (1280, 720),
    ("std", "9:16"): (720, 1280),
    ("std", "1:1"): (960, 960),
    ("pro", "16:9"): (1920, 1080),
    ("pro", "9:16"): (1080, 1920),
    ("pro", "1:1"): (1440, 1440),
}
EVERY = list(product(MODES, RATIOS, DURATIONS, (True, False)))
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
    monkeypatch.setattr(fixtures, "_folders", {})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    fixtures._remove_folder()


@pytest.mark.parametrize(("mode", "ratio", "duration", "audio"), EVERY)
def test_render_has_exactly_what_was_asked_for(mode, ratio, duration, audio):
    """Every combination has 24 frames a second, its pixels, keyframes each second and sound only if asked."""
    with av.open(str(render(mode, ratio, duration, audio))) as video:
        (picture,) = video.streams.video
        assert (picture.width, picture.height) == PIXELS[mode, ratio]
        assert len(video.streams) == 1 + audio
        packets = [
            (packet.stream.type, packet.pts * packet.time_base, packet.duration * packet.time_base, packet.is_keyframe)
            for packet in video.demux()
            if packet.pts is not None
        ]
    frames = [(start, keyframe) for kind, start, _, keyframe in packets if kind == "video"]
    assert frames == [(Fraction(n, 24), n % 24 == 0) for n in range(24 * duration)]
    ends = [start + length for kind, start, length, _ in packets if kind == "audio"]
    assert bool(ends) == audio
    assert not ends or duration - 0.025 < max(ends) <= duration


@pytest.mark.parametrize(
    ("mode", "ratio", "duration", "audio"),
    [("std", "16:9", 3, True), ("std", "9:16", 4, False), ("pro", "1:1", 3, False), ("pro", "16:9", 3, True)],
)
def test_rendered_video_decodes_to_its_last_frame(mode, ratio, duration, audio):
    """All frames of a cut decode, at 0..n-1 twenty-fourths of a second, starting with a keyframe."""
    with av.open(str(render(mode, ratio, duration, audio))) as video:
        frames = [(frame.time, frame.key_frame, frame.is_corrupt) for frame in video.decode(video=0)]
    assert [time for time, *_ in frames] == pytest.approx([n / 24 for n in range(24 * duration)])
    assert frames[0][1]
    assert not any(corrupt for *_, corrupt in frames)


def test_rendered_sound_is_heard():
    """The sound of a cut decodes to samples that are no silence, for as long as the picture lasts."""
    with av.open(str(render("std", "1:1", 3, True))) as video:
        sound = [bytes(frame.planes[0])[: 4 * frame.samples] for frame in video.decode(audio=0)]
    assert 2.95 < sum(map(len, sound)) / 4 / 48_000 <= 3
    assert all(any(samples) for samples in sound[1:])


def test_rendered_files_have_their_index_first():
    """A player can start before it has the whole file: moov stands before mdat."""
    for mode, ratio in PIXELS:
        names = [name for name, *_ in boxes(render(mode, ratio, 3, True).read_bytes())]
        assert names.index(b"moov") < names.index(b"mdat")


def test_render_gives_the_same_bytes_in_every_process():
    """Two other processes cut the very bytes that this one does."""
    script = (
        "import hashlib; from mockling.fixtures import render\n"
        "for audio in (True, False):\n"
        "    for mode, ratio in (('std', '16:9'), ('pro', '9:16')):\n"
        "        print(hashlib.sha256(render(mode, ratio, 7, audio).read_bytes()).hexdigest())\n"
    )
    mine = [digest(render(*pair, 7, audio)) for audio in (True, False) for pair in (("std", "16:9"), ("pro", "9:16"))]
    assert run(script).split() == run(script).split() == mine
    assert len(set(mine)) == 4


@pytest.mark.usefixtures("no_cache")
def test_render_cuts_once(monkeypatch):
    """The second call for the same video gives the same file without cutting anything."""
    first = render("std", "16:9", 3, False)
    monkeypatch.setattr(cutting, "cut", None)
    assert render("std", "16:9", 3, False) == first


@pytest.mark.usefixtures("no_cache")
def test_render_makes_up_for_what_was_deleted():
    """A cut or the whole folder deleted behind our back is made again."""
    path = render("std", "1:1", 3, True)
    before = digest(path)
    path.unlink()
    assert digest(render("std", "1:1", 3, True)) == before
    path.unlink()
    path.parent.rmdir()
    assert digest(render("std", "1:1", 3, True)) == before


def test_the_folder_is_private_and_goes_with_the_process():
    """The cuts lie in a folder only the user may enter, and it is gone once the process has ended."""
    script = (
        "import stat; from mockling.fixtures import render\n"
        "folder = render('std', '1:1', 3, False).parent; print(folder, stat.filemode(folder.stat().st_mode))"
    )
    folder, mode = run(script).split()
    assert mode == "drwx------"
    assert not Path(folder).exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
def test_a_forked_child_leaves_the_folder_of_its_parent_alone():
    """A forked child cuts into a folder of its own, and its end takes nothing from its parent."""
    script = (
        "import os, sys; from mockling.fixtures import render\n"
        "mine = render('std', '1:1', 3, False)\n"
        "if not os.fork():\n"
        "    assert render('std', '1:1', 3, False).parent != mine.parent; sys.exit()\n"
        "status = os.wait()[1]\n"
        "print(status, mine.exists())"
    )
    assert run(script).split() == ["0", "True"]


def test_threads_asking_at_once_get_the_same_whole_file(no_cache, monkeypatch):
    """Eight threads that ask for the same video at the same moment all get one complete file, cut once."""
    start, cuts = Barrier(8), []
    monkeypatch.setattr(cutting, "cut", lambda *given, cut=cutting.cut: (cuts.append(given), cut(*given)))

    def ask(_: int) -> tuple[Path, str]:
        start.wait(timeout=30)
        path = render("pro", "1:1", 15, True)
        return path, digest(path)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    assert len(list(no_cache.glob("*/*"))) == len(cuts) == 1


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99, "all but a byte"])
def test_a_full_disk_leaves_nothing_behind(share):
    """When the file cannot be written in full, OSError comes out and no part of it stays."""
    pytest.importorskip("resource", reason="only where a process can limit the size of its files")
    size = render("std", "16:9", 3, True).stat().st_size
    limit = size - 1 if isinstance(share, str) else int(size * share)
    script = (
        "import resource, sys; from mockling import fixtures; from mockling.fixtures import cutting\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)\n"
        "try: print(fixtures.render('std', '16:9', 3, True))\n"
        "except OSError: print('OSError', [f for d in fixtures._folders.values() for f in d.iterdir()])"
    )
    assert run(script, str(limit)).strip() == "OSError []"


@pytest.mark.parametrize(
    ("mode", "ratio", "duration", "advice"),
    [
        ("ultra", "16:9", 5, "choose one of std, pro"),
        ("../std", "16:9", 5, "choose one of std, pro"),
        ("std", "4:3", 5, "choose one of 16:9, 9:16, 1:1"),
        ("std", "16x9", 5, "choose one of 16:9, 9:16, 1:1"),
        ("std", "16:9", 2, "choose 3 to 15 whole seconds"),
        ("std", "16:9", 16, "choose 3 to 15 whole seconds"),
        ("std", "16:9", 3.5, "choose 3 to 15 whole seconds"),
    ],
)
def test_render_refuses_what_it_does_not_have(mode, ratio, duration, advice):
    """A parameter out of range is refused with the values there are."""
    with pytest.raises(ValueError, match=advice):
        render(mode, ratio, duration, True)


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
        render("std", "16:9", 3, True).read_bytes()[:-1],
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
    monkeypatch.setattr("mockling.fixtures.probing.MAX_PACKETS", 100)
    with pytest.raises(UnreadableVideo, match="too many"):
        probe(fragmented(tmp_path / "parts.mp4"))


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


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_probe_survives_random_damage_to_the_index(data):
    """The valid input with bytes of its index changed raises nothing but UnreadableVideo, or is a video."""
    valid = bytearray(input_clip("valid").read_bytes())
    (start, size) = next((start, size) for name, start, size in boxes(valid) if name == b"moov")
    for _ in range(data.draw(st.integers(1, 6))):
        valid[start + data.draw(st.integers(0, size - 1))] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    attempt(bytes(valid))
