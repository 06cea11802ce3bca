"""The command's output: what is replaced, what is found out before, and videos on standard output."""

import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest
from calling import INPUTS, make_key
from test_cli import fails, run, started

from mockling import fixtures
from mockling.cli import naming
from mockling.cli.banner import reachable
from mockling.cli.money import dollars
from mockling.cli.output import Output
from mockling.cli.waiting import resumable
from mockling.client import Client
from mockling.emulator import Emulator


def arguments(url: str, output: object) -> list[object]:
    more = ["--video-url", f"{INPUTS}valid.mp4", "--base-url", url, "--api-key", make_key()]
    return ["generate", "p", "--mode", "std", "--duration", "3", *more, "-o", output]


@contextmanager
def on_terminal(*command: object, **pipes: Any) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start the command on a terminal, but for what `pipes` say; gives the process and the terminal's other end."""
    ours, theirs = pty.openpty()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    try:
        with started(*command, **{**streams, **pipes}) as process:
            os.close(theirs)
            yield process, ours
    finally:
        os.close(ours)


def read_until(terminal: int, wanted: bytes) -> bytes:
    """Return what a terminal shows up to some text, or to its end."""
    shown = b""
    while wanted not in shown:
        try:
            more = os.read(terminal, 65536)
        except OSError:  # the other end was closed
            break
        shown += more
    return shown


def test_a_file_is_replaced_only_by_force(emulator: Emulator, tmp_path: Path, key: str, sample: dict[str, Any]) -> None:
    """Without --force a file that exists stays, nothing is sent, and the line says what to do."""
    name = Client(key, emulator.url).submit(**sample).request_id
    output = tmp_path / "o.mp4"
    output.write_bytes(b"before")
    waiting = ["wait", name, "-o", output, "--base-url", emulator.url, "--api-key", key, "--poll-interval", 0.01]
    before = len(emulator.journal)
    for command in (arguments(emulator.url, output), waiting, ["demo", "-o", output]):
        fails(run(*command), f"{output} exists already; ", "--force", "Nothing was sent.")
    assert (output.read_bytes(), len(emulator.journal)) == (b"before", before)
    for command in (arguments(emulator.url, output), waiting, ["demo", "--speed", "instant", "-o", output]):
        output.write_bytes(b"before")
        result = run(*command, "--force")
        assert result.exit_code == 0, result.output
        assert fixtures.probe(output).frames
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize(("typed", "code"), [(b"y\n", 0), (b"n\n", 1), (b"\n", 1), (b"\x04", 130)])
def test_on_a_terminal_the_user_is_asked(emulator: Emulator, tmp_path: Path, typed: bytes, code: int) -> None:
    """A yes replaces the file; before any answer, with another, or with none (Ctrl-D), nothing is sent."""
    output = tmp_path / "o.mp4"
    output.write_bytes(b"before")
    before = len(emulator.journal)
    command = arguments(emulator.url, output)
    with on_terminal(*command, stdout=subprocess.DEVNULL) as (process, terminal):
        assert b"exists already. Replace it? [y/N]" in read_until(terminal, b"[y/N]")
        assert len(emulator.journal) == before
        os.write(terminal, typed)
        read_until(terminal, b"never")
        assert process.wait(30) == code
    assert (output.read_bytes() == b"before") == (code != 0)
    assert (len(emulator.journal) == before) == (code != 0)


def test_a_file_that_appears_meanwhile_is_not_replaced(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was paid for is saved under another name then, and told."""
    output = tmp_path / "o.mp4"
    generate = Client.generate_with

    def meanwhile(*args: Any, **more: Any) -> Any:
        output.write_bytes(b"another's")
        (tmp_path / "o-1.mp4").mkdir()
        return generate(*args, **more)

    monkeypatch.setattr(Client, "generate_with", meanwhile)
    result = run(*arguments(emulator.url, output))
    fails(result, f"{output} appeared meanwhile and was not replaced; the video is in {tmp_path / 'o-2.mp4'}.")
    assert output.read_bytes() == b"another's"
    assert fixtures.probe(tmp_path / "o-2.mp4").frames == 72


@pytest.mark.parametrize("output", ["/proc/x.mp4", "/dev/stdout/x.mp4", "a" * 300])
def test_what_cannot_be_written_is_found_before_anything_is_sent(emulator: Emulator, output: str) -> None:
    """Whatever keeps a file from being made is found by making one."""
    before = len(emulator.journal)
    fails(run(*arguments(emulator.url, output)), "Nothing was sent.")
    fails(run("wait", "a", "-o", output, "--base-url", emulator.url, "--api-key", make_key()), "Nothing was sent.")
    assert len(emulator.journal) == before


def test_a_video_goes_to_standard_output(
    emulator: Emulator, tmp_path: Path, key: str, sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `-o -` standard output has the video and nothing else; what is told goes to standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    name = Client(key, emulator.url).submit(**sample).request_id
    waiting = ["wait", name, "-o", "-", "--base-url", emulator.url, "--api-key", key, "--poll-interval", 0.01]
    demo = ["demo", "--speed", "instant", "-o", "-"]
    for command, told in (
        (arguments(emulator.url, "-"), " bytes to standard output. "),
        (waiting, " bytes to standard output. "),
        (demo, "saved     standard output"),
    ):
        result = run(*command)
        assert result.exit_code == 0, result.stderr
        assert told in result.stderr
        (tmp_path / "out.mp4").write_bytes(result.stdout_bytes)
        assert fixtures.probe(tmp_path / "out.mp4").frames
        assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_terminal_is_sent_no_video(emulator: Emulator) -> None:
    """`-o -` on a terminal is a wrong use, told before anything is sent."""
    before = len(emulator.journal)
    with on_terminal(*arguments(emulator.url, "-"), stderr=subprocess.PIPE) as (process, _):
        assert process.stderr
        assert "a terminal shows no video; name a file" in process.stderr.read()
        assert process.wait(30) == 2
    assert len(emulator.journal) == before


def test_a_reader_who_has_enough_ends_it_quietly(tmp_path: Path) -> None:
    """A pipe that is closed early is no error that is told, and leaves nothing behind."""
    with started("demo", "--speed", "instant", "-o", "-", text=False, env={"TMPDIR": str(tmp_path)}) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.read(8)[4:] == b"ftyp"
        process.stdout.close()
        told = process.stderr.read().decode()
        assert process.wait(30) == 1
    assert "Error" not in told
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []


def test_the_demo_runs_any_number_of_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own file the demo replaces without asking."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert run("demo", "--speed", "instant").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mockling-demo.mp4"]
    fails(run("demo", "-o", "mockling-demo.mp4"), "exists already")


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (Output(Path("o.mp4")), "-o o.mp4 --base-url"),
        (Output(Path("my o.mp4"), replace=True), "-o 'my o.mp4' --force --base-url"),
        (Output(None), "-o - --base-url"),
        (Output(Path("./-")), "-o ./- --base-url"),
    ],
)
def test_the_way_to_resume_goes_to_the_same_place(
    output: Output, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed to resume a job names the output as it was, and that it may be replaced."""
    job = Client("k", "http://h").job("a-1")
    with pytest.raises(click.exceptions.Exit), resumable(job, output, "http://h"):
        raise KeyboardInterrupt
    assert f"mockling wait a-1 {told} http://h\n" in capsys.readouterr().err


def test_a_suggested_command_works_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name alone is printed only if that finds this very command; else its path, as it works from here."""
    here = tmp_path / "my project"
    for folder in (here / "bin", tmp_path / "other"):
        folder.mkdir(parents=True)
        (folder / "mockling").touch(mode=0o755)
    (tmp_path / "link").symlink_to(here / "bin")
    program = here / "bin" / "mockling"
    monkeypatch.chdir(here)
    for path, folder, told in (
        (tmp_path / "other", here, "bin/mockling serve"),
        (tmp_path / "none", here, "bin/mockling serve"),
        (here / "bin", here, "mockling serve"),
        (tmp_path / "link", here, "mockling serve"),
        (tmp_path / "none", here / "bin", "./mockling serve"),
        (tmp_path / "none", tmp_path, "'my project/bin/mockling' serve"),
        (tmp_path / "none", tmp_path / "other", f"'{program}' serve"),
    ):
        monkeypatch.chdir(folder)
        monkeypatch.setenv("PATH", str(path))
        monkeypatch.setattr("sys.argv", [str(program)])
        assert naming.suggested("serve") == told
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    monkeypatch.setattr("sys.argv", [str(here / "none" / "mockling")])
    assert naming.suggested("serve") == "mockling serve"
    monkeypatch.setattr("sys.argv", ["-c"])
    assert naming.suggested("serve") == "mockling serve"


@pytest.mark.parametrize(
    ("amount", "told"),
    [("5", "$5.00"), ("2.1", "$2.10"), ("0.945", "$0.945"), ("6.3000", "$6.30"), ("0", "$0.00"), ("1E+3", "$1000.00")],
)
def test_money_is_written_in_one_way(amount: str, told: str) -> None:
    """Two decimals, or as many as it takes to be exact."""
    assert dollars(Decimal(amount)) == told
    assert len(dollars(Decimal("1E-999999"))) < 20
    assert dollars(Decimal("1E+20")) == "$100000000000000000000.00"
    assert dollars(Decimal("1E+21")) == "$1E+21"


@pytest.mark.parametrize(
    ("listening", "told"),
    [
        ("http://0.0.0.0:1", "http://127.0.0.1:1"),
        ("http://[::]:1", "http://[::1]:1"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://[::1]:1", "http://[::1]:1"),
        ("http://192.0.2.7:1", "http://192.0.2.7:1"),
    ],
)
def test_an_address_that_stands_for_all_is_printed_as_one_that_works(listening: str, told: str) -> None:
    """Nobody can be sent to 0.0.0.0."""
    assert reachable(listening) == told
