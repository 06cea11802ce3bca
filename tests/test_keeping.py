"""Kept files: bounded, private to a process, and gone with it however it ends."""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from mockling.emulator import create_app
from mockling.fixtures import Folder, sweep

posix = pytest.mark.skipif(sys.platform == "win32", reason="only where folders can be locked and processes fork")


@pytest.fixture
def folder() -> Iterator[Folder]:
    """A folder of at most three files and ten bytes."""
    kept = Folder(3, 10)
    yield kept
    kept.remove()


@pytest.fixture
def tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own, for this process and those that it starts."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def keep(folder: Folder, *contents: bytes) -> list[Path]:
    """Keep files whose names are their contents, and return where they are."""
    return [folder.keep(one.decode(), lambda part, one=one: part.write_bytes(one)).path for one in contents]


def names(folder: Folder) -> set[str]:
    """Return the names of the files that are there."""
    assert folder.path
    return {path.name for path in folder.path.iterdir()}


def test_the_oldest_files_make_room(folder: Folder) -> None:
    """Beyond the number or the bytes the oldest go, but never the newest; an open one can be read to its end."""
    first, *_ = keep(folder, b"a", b"b", b"c")
    with first.open("rb") as opened:
        keep(folder, b"d")
        assert (names(folder), opened.read()) == ({"b", "c", "d"}, b"a")
    keep(folder, b"12345678")
    assert names(folder) == {"c", "d", "12345678"}
    keep(folder, b"123456789")
    assert names(folder) == {"123456789"}
    keep(folder, b"more than ten")
    assert names(folder) == {"more than ten"}


def test_a_file_of_the_same_name_is_replaced(folder: Folder) -> None:
    """It counts once, and is then the newest."""
    for content in (b"12345678", b"1", b"12"):
        folder.keep("a", lambda part, content=content: part.write_bytes(content))
    keep(folder, b"b", b"1234567")
    assert names(folder) == {"a", "b", "1234567"}


@pytest.mark.parametrize("damage", ["unlink", "empty", "cut", "overwrite"])
def test_a_file_is_found_as_it_was_written_or_not_at_all(folder: Folder, damage: str) -> None:
    """One that was removed, emptied, cut or overwritten from outside is none, even if it has its size."""
    (path,) = keep(folder, b"abc")
    file = folder.find("abc")
    assert file and file.path == path
    if damage == "unlink":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "cut": b"ab", "overwrite": b"xyz"}[damage])
    assert folder.find("abc") is None
    assert not file.whole


def test_what_cannot_be_written_leaves_nothing(folder: Folder) -> None:
    """If writing fails midway the error comes out, and neither a part of the file nor its name remains."""

    def half(part: Path) -> None:
        part.write_bytes(b"a")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        folder.keep("a", half)
    assert names(folder) == set()
    assert folder.find("a") is None


def test_a_removed_folder_is_made_again(folder: Folder) -> None:
    """It begins empty, with a path of its own."""
    (before,) = keep(folder, b"a")
    folder.remove()
    assert not before.parent.exists()
    assert folder.find("a") is None
    (after,) = keep(folder, b"a")
    assert after.parent != before.parent


def test_a_folder_goes_with_its_last_holder(tmp: Path) -> None:
    """Whoever forgets to remove it leaves nothing either."""
    folder = Folder(1, 1)
    keep(folder, b"a")
    assert list(tmp.iterdir())
    del folder
    assert not list(tmp.iterdir())


@posix
def test_a_forked_child_takes_nothing_along(tmp: Path) -> None:
    """A child that ends, or removes its copy, leaves its parent's files; what it keeps is its own and goes with it."""
    script = """
import os, sys
from mockling.fixtures import Folder
write = lambda part: part.write_bytes(b"a")
folder = Folder(1, 100)
mine = folder.keep("a", write)
for work in (sys.exit, folder.remove, lambda: folder.keep("b", write) and sys.exit()):
    if not os.fork():
        work()
        sys.exit()
    os.wait()
    print(mine.whole, len(os.listdir(sys.argv[1])), flush=True)
"""
    told = subprocess.run([sys.executable, "-c", script, tmp], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.split() == ["True", "1"] * 3
    assert not list(tmp.iterdir())


@posix
def test_what_a_killed_process_left_is_swept_by_the_next_emulator(tmp: Path) -> None:
    """Uploads and cuts of a process that was killed go when an emulator is made; those of a living one stay."""
    script = """
import sys
from calling import Local
from mockling.fixtures import render
local = Local()
local.upload("text/plain", b"whatever")
render(64, 48, 1, audio=False)
print("ready", flush=True)
sys.stdin.read()
"""
    program = partial(subprocess.Popen, [sys.executable, "-c", script], cwd=Path(__file__).parent)
    with (
        program(stdin=subprocess.PIPE, stdout=subprocess.PIPE) as killed,
        program(stdin=subprocess.PIPE, stdout=subprocess.PIPE) as living,
    ):
        assert [one.stdout and one.stdout.readline() for one in (killed, living)] == [b"ready\n"] * 2
        assert len(list(tmp.iterdir())) == 4
        killed.kill()
        killed.wait(timeout=30)
        create_app()
        assert len(list(tmp.iterdir())) == 2
        living.communicate(timeout=30)
    assert not list(tmp.iterdir())


@posix
def test_only_folders_of_our_own_kind_are_swept(tmp: Path, folder: Folder) -> None:
    """A folder in use, a link, a file, and what others call in a similar way are left alone."""
    (mine,) = keep(folder, b"a")
    for name in ("mockling-notes", ".mockling-kept-being-made", "elsewhere", "mockling-kept-left"):
        (tmp / name).mkdir()
        (tmp / name / "file").touch()
    (tmp / "mockling-kept-link").symlink_to(tmp / "elsewhere")
    (tmp / "mockling-kept-file").touch()
    sweep()
    assert mine.exists()
    others = {"mockling-notes", ".mockling-kept-being-made", "elsewhere", "mockling-kept-link", "mockling-kept-file"}
    assert {path.name for path in tmp.iterdir()} == {mine.parent.name, *others}
    assert (tmp / "elsewhere" / "file").exists()


def test_where_folders_cannot_be_locked_none_is_swept(
    tmp: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There everything else is the same: files are kept, and go with their folder."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    (mine,) = keep(folder, b"a")
    (tmp / "mockling-kept-left").mkdir()
    sweep()
    assert mine.exists() and (tmp / "mockling-kept-left").exists()
    folder.remove()
    assert not mine.parent.exists()
