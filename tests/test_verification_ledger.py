"""The ledger of verification: what may have been spent is on the disk, whatever happens to its writer."""

import json
import os
import resource
import stat
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from mockling.contract.verification import ledger as module
from mockling.contract.verification.ledger import RELEASED, RESERVED, SPENT, Ledger, LedgerError, digest

KEY = "SG_fedcba9876543210"


def row(number: int, state: str = RESERVED, amount: str = "0.945", run: str = "one") -> dict[str, object]:
    return {"run": run, "key": digest(KEY), "state": state, "number": number, "amount": Decimal(amount)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


def test_what_was_not_released_is_spent(path: Path) -> None:
    """What is reserved counts until it is released, of one run or of all, also for a program that comes later."""
    ledger = Ledger(path)
    ledger.write(row(1), row(2), row(1, RELEASED), row(1, run="two"))
    ledger.write(row(2, SPENT, "0.5"))
    assert (ledger.spent(), ledger.spent("one"), Ledger(path).spent("two")) == (
        Decimal("1.445"),
        Decimal("0.5"),
        Decimal("0.945"),
    )


def test_the_file_is_its_owners_alone_and_tells_no_key(path: Path) -> None:
    """Nobody else may read the file, and what it holds of a key is a digest."""
    Ledger(path).write(row(1))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert digest(KEY) in path.read_text() and KEY not in path.read_text() and KEY[3:] not in path.read_text()


def test_it_is_in_the_state_folder_unless_another_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a name it is where the system keeps the state of programs, in a folder that is made."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    ledger = Ledger()
    ledger.write(row(1))
    assert ledger.path.is_relative_to(tmp_path) and ledger.spent() == Decimal("0.945")


@settings(max_examples=30)
@given(cut=st.integers(0, 10**6), states=st.lists(st.sampled_from([RESERVED, SPENT, RELEASED]), max_size=4))
def test_a_write_that_was_cut_off_anywhere_is_as_none(
    tmp_path_factory: pytest.TempPathFactory, cut: int, states: list[str]
) -> None:
    """Of a writer that was killed in the middle of a line everything before it counts, and others go on after it."""
    path = tmp_path_factory.mktemp("cut") / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.write(*(row(number, state) for number, state in enumerate(states)))
    before, whole = ledger.spent(), path.read_bytes()
    ledger.write(row(99))
    line = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + line[: cut % len(line)])
    assert ledger.spent() == before
    ledger.write(row(100, amount="1"))
    assert Ledger(path).spent() == before + 1
    assert [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    "content",
    [
        b"my diary",
        b"my diary\n",
        b'{"at": "2026"}\n',
        b"[]\n",
        b'{"at": "x", "state": "reserved", "run": "a", "number": 1, "amount": "NaN"}\n',
        b'{"at": "x", "state": "reserved", "run": "a", "number": 1, "amount": "-1"}\n',
        b'{"at": "x", "state": "reserved", "run": "a", "number": 1, "amount": "inf"}\n',
        b'{"at": "x", "state": "gone", "run": "a", "number": 1, "amount": "1"}\n',
        b'{"at": "x", "state": "spent", "run": "a", "number": [1], "amount": "1"}\n',
        b'{"at": "x", "state": "spent", "run": [], "number": 1, "amount": "1"}\n',
        b'{"at": "x", "state": "spent", "number": 1, "amount": "1"}\n',
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
    ],
)
def test_a_file_that_is_no_ledger_is_refused_and_left_as_it_is(path: Path, content: bytes) -> None:
    """Where nobody knows what was spent, nothing is spent, and a file named by mistake does not change."""
    path.write_bytes(content)
    with pytest.raises(LedgerError, match="no line of a ledger; put the file away"):
        Ledger(path)
    assert path.read_bytes() == content


def test_a_line_that_is_none_is_named(path: Path) -> None:
    """Whoever looks into the file finds the line by its number."""
    Ledger(path).write(row(1))
    path.write_bytes(path.read_bytes() + b"x\n")
    with pytest.raises(LedgerError, match=r"ledger\.jsonl, line 2 is no line"):
        Ledger(path)


def test_lines_are_on_the_disk_before_a_writing_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is synchronised once its lines are in it, and its folder once the name is."""
    synchronised = list[tuple[int, int]]()

    def fsync(number: int) -> None:
        told = os.fstat(number)
        synchronised.append((told.st_ino, told.st_size))

    monkeypatch.setattr(os, "fsync", fsync)
    ledger = Ledger(path)
    assert path.parent.stat().st_ino in [inode for inode, _ in synchronised]
    ledger.write(row(1))
    assert synchronised[-1] == (path.stat().st_ino, path.stat().st_size)


def test_a_ledger_may_be_as_large_as_its_bound_and_no_larger(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would take too long to read is put away; until then nothing is lost of it."""
    ledger = Ledger(path)
    ledger.write(*map(row, range(5)))
    monkeypatch.setattr(module, "LARGEST", path.stat().st_size)
    assert ledger.spent() == 5 * Decimal("0.945")
    monkeypatch.setattr(module, "LARGEST", path.stat().st_size - 1)
    with pytest.raises(LedgerError, match="larger than 0 MiB; put it away"):
        Ledger(path)
    assert len(path.read_bytes().splitlines()) == 5


@pytest.mark.parametrize("rest", [b"\0" * 30, b"\0", b'{"at": "2026', b"{", b'{"at": "\0\0'])
def test_what_a_loss_of_power_leaves_at_the_end_is_no_line(path: Path, rest: bytes) -> None:
    """Zeros, or the beginning of a line, count for nothing and are cut off by the next writer."""
    Ledger(path).write(row(1))
    whole = path.read_bytes()
    path.write_bytes(whole + rest)
    ledger = Ledger(path)
    assert (ledger.spent(), path.read_bytes()) == (Decimal("0.945"), whole)


@pytest.mark.parametrize(("beyond", "good"), [(-1, True), (0, False), (1, False)])
def test_a_last_line_without_end_is_cut_off_if_it_can_be_one(
    path: Path, monkeypatch: pytest.MonkeyPatch, beyond: int, good: bool
) -> None:
    """What is longer than any line was not begun by a ledger, and stays."""
    monkeypatch.setattr(module, "LONGEST_LINE", 400)
    ledger = Ledger(path)
    ledger.write(*map(row, range(9)))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"at": "'.ljust(400 + beyond, b"x"))
    if good:
        ledger.write()
    else:
        with pytest.raises(LedgerError, match=": its last line is no line of a ledger\\."):
            ledger.write()
    assert (path.read_bytes() == whole) == good


def test_a_ledger_that_another_program_holds_is_told_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it without end, and a file system that has no locks is told as well."""
    monkeypatch.setattr(module, "LOCK_TIMEOUT", 0.0)
    with FileLock(f"{path}.lock"), pytest.raises(LedgerError, match="is locked by another program; try again"):
        Ledger(path)

    def unable(*_: object, **__: object) -> None:
        raise NotImplementedError("no locks here")

    monkeypatch.setattr(FileLock, "acquire", unable)
    with pytest.raises(LedgerError, match="cannot be kept: no locks here"):
        Ledger(path)


def test_the_digest_of_a_key_is_the_same_for_all_programs() -> None:
    """It names the lock of a key, so that versions must agree in it."""
    assert digest(KEY) == "a3d20d2beb34e5e2"


def test_a_full_disk_is_told_and_leaves_no_half_line(path: Path) -> None:
    """What cannot be written raises, and is not there in part when there is room again."""
    ledger = Ledger(path)
    ledger.write(row(1))
    size, limits = path.stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in (0, 20):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, limits[1]))
        try:
            with pytest.raises(LedgerError, match="Nothing is sent without one"):
                ledger.write(row(2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.stat().st_size == size
    ledger.write(row(3))
    assert ledger.spent() == Decimal("1.890")


def test_what_can_be_no_ledger_is_told(tmp_path: Path) -> None:
    """A folder, a link, a pipe, a device and a place that does not exist are refused in one sentence; nothing hangs."""
    (tmp_path / "target").touch()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "link", tmp_path / "pipe", tmp_path / "none" / "ledger", Path("/dev/null")):
        with pytest.raises(LedgerError, match=r"^The ledger .* cannot be kept: .*--ledger\.$"):
            Ledger(path)
    assert (tmp_path / "target").read_bytes() == b"" and not (tmp_path / "none").exists()


def test_many_writers_lose_no_line(path: Path) -> None:
    """Lines of programs that write at once are all there, and whole."""
    program = """if True:
        import sys
        from pathlib import Path
        from mockling.contract.verification.ledger import Ledger
        ledger = Ledger(Path(sys.argv[1]))
        for number in range(20):
            ledger.write({"run": sys.argv[2], "state": "reserved", "number": number, "amount": "0.5"})
    """
    writers = [subprocess.Popen([sys.executable, "-c", program, str(path), str(number)]) for number in range(4)]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    assert (Ledger(path).spent(), Ledger(path).spent("3")) == (40, 10)


def test_only_one_run_has_a_key(path: Path) -> None:
    """A second run with a key is refused while the first goes on; one with another key is not, nor a later one."""
    with Ledger(path).alone(KEY):
        with pytest.raises(LedgerError, match="Another run with this key is under way"), Ledger(path).alone(KEY):
            pytest.fail("Two runs had the same key.")
        with Ledger(path).alone("SG_0123456789abcdef"):
            pass
    with Ledger(path).alone(KEY):
        pass


def test_a_killed_run_keeps_no_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed leaves neither the file nor its key locked."""
    monkeypatch.setattr(module, "LOCK_TIMEOUT", 0.0)
    program = """if True:
        import sys
        from pathlib import Path
        from mockling.contract.verification.ledger import Ledger
        ledger = Ledger(Path(sys.argv[1]))
        with ledger.alone(sys.argv[2]), ledger._lock:
            print("locked", flush=True)
            sys.stdin.read()
    """
    command = [sys.executable, "-c", program, str(path), KEY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"locked\n"
        with pytest.raises(LedgerError), Ledger(path).alone(KEY):
            pass
        process.kill()
        process.wait(20)
    with Ledger(path).alone(KEY):
        Ledger(path).write(row(1))
