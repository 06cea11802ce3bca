"""The command's jobs: submitted with `generate --async`, picked up with `wait`."""

import json
import re
import shlex
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from calling import INPUTS, make_key
from rich.progress import Progress
from scripted import http, scripted
from test_cli import fails, run, started

from mockling import fixtures
from mockling.cli.waiting import with_progress
from mockling.client import Client
from mockling.emulator import Emulator

KEY = {"SEGMIND_API_KEY": "SG_0123456789abcdef"}
QUEUED, PROCESSING, COMPLETED = (
    http(200, json.dumps({"status": status, "request_id": "a-1", "output": "http://127.0.0.1:9/a.mp4"}).encode())
    for status in ("QUEUED", "PROCESSING", "COMPLETED")
)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the client's patience would have slept; they pass at once."""
    slept: list[float] = []

    class Time:
        sleep = slept.append
        monotonic = staticmethod(lambda: sum(slept))

    monkeypatch.setattr("mockling.client.patience.time", Time)
    return slept


def arguments(url: str, output: Path) -> list[object]:
    return ["generate", "p", "--async", "--video-url", f"{INPUTS}valid.mp4", "-o", output, "--base-url", url]


def test_generate_async_saves_the_video(emulator: Emulator, tmp_path: Path, naps: list[float]) -> None:
    """`generate --async` submits, tells the id at once, polls a server on this machine often, and saves."""
    output = tmp_path / "out.mp4"
    result = run(
        *arguments(emulator.url, output), "--mode", "std", "--duration", "3", env={"SEGMIND_API_KEY": make_key()}
    )
    assert result.exit_code == 0, result.output
    name = re.search(r"^Submitted as request ([\w-]+)\.$", result.stderr, re.MULTILINE)
    assert name
    assert re.search(rf"Saved {output} \(\d+,\d+ bytes\)\. \d+\.\d s, \$0\.945, .*request {name[1]}$", result.output)
    assert fixtures.probe(output).frames == 72
    assert naps == [0.5, 0.5]


def test_the_bar_shows_the_states(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal the bar's description follows the state."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    states, seen = ["queued", "processing", "completed"], threading.Event()

    def state() -> str:
        if len(states) == 1:
            seen.set()
            return states[0]
        return states.pop(0)

    assert with_progress(state, 10.0, lambda: seen.wait(10))
    assert "completed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("expected", "during", "ended"), [(10.0, 9.8, (10.0, 10.0)), (200.0, 100.0, (200.0, 200.0)), (None, 100.0, (1, 1))]
)
def test_the_bar_waits_just_before_its_end(
    expected: float | None, during: float, ended: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fills in the usual time, is full when the work is done, and stays as it is when that fails."""
    updates: list[dict[str, Any]] = []
    moments, moved = iter([0.0]), threading.Event()

    class Bar(Progress):
        def update(self, *_: Any, **changes: Any) -> None:
            updates.append(changes)
            moved.set()

    class Time:
        monotonic = staticmethod(lambda: next(moments, 100.0))

    monkeypatch.setattr("mockling.cli.waiting.Progress", Bar)
    monkeypatch.setattr("mockling.cli.waiting.time", Time)
    assert with_progress("working", expected, lambda: moved.wait(20))
    *some, last = updates
    assert {update["completed"] for update in some} == {during}
    assert (last["total"], last["completed"]) == ended
    moments, updates = iter([0.0]), []

    def failing() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        with_progress("working", expected, failing)
    assert "total" not in str(updates)


def test_the_bar_ends_with_the_last_state(
    emulator: Emulator, tmp_path: Path, naps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal `generate --async` shows how the job stands."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = run(*arguments(emulator.url, tmp_path / "o.mp4"), env={"SEGMIND_API_KEY": make_key()})
    assert "submitting" in result.stderr
    assert "completed" in result.stderr
    assert naps


def test_wait_picks_a_job_up(emulator: Emulator, tmp_path: Path, key: str, sample: dict[str, Any]) -> None:
    """`wait` saves the video of a job that other code submitted; again, if need be."""
    name = Client(key, emulator.url).submit(**sample).request_id
    more = ["--base-url", emulator.url, "--api-key", key, "--poll-interval", 0.01]
    for file in ("a.mp4", "b.mp4"):
        result = run("wait", name, "-o", tmp_path / file, *more)
        assert result.exit_code == 0, result.output
        assert f"request {name}" in result.output
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_wait_polls_as_often_as_it_is_told(tmp_path: Path, naps: list[float]) -> None:
    """`--poll-interval` is the time between polls, and an error after which the job goes on tells how to resume."""
    with scripted(*[PROCESSING] * 5) as server:
        base = ["wait", "a-1", "-o", tmp_path / "o.mp4", "--base-url", server.url, "--timeout", 7]
        result = run(*base, "--poll-interval", 3, env=KEY)
    resume = f"mockling wait a-1 -o {tmp_path / 'o.mp4'} --base-url {server.url}"
    fails(result, "The job is PROCESSING after 7 seconds. The job goes on", f"To resume, with the same key: {resume}")
    assert naps == [3, 3, 1]


def test_generate_async_waits_as_long_as_it_is_told(tmp_path: Path, naps: list[float]) -> None:
    """`--timeout` is for the whole wait; a server elsewhere would be asked less often than this one."""
    with scripted(QUEUED, *[PROCESSING] * 20) as server:
        result = run(*arguments(server.url, tmp_path / "o.mp4"), "--timeout", 3, env=KEY)
    fails(
        result,
        "The job is PROCESSING after 3 seconds. The job goes on",
        "To resume, with the same key: mockling wait a-1",
    )
    assert sum(naps) == 3 and set(naps) == {0.5}


def test_wait_tells_what_is_wrong_in_one_line(emulator: Emulator, tmp_path: Path, key: str) -> None:
    """No key, a bad key, an id that is none or unknown, no server, no folder: one line each, and nothing written."""
    base = ["wait", "0" * 32, "-o", tmp_path / "o.mp4", "--base-url", emulator.url]
    fails(run(*base), "There is no API key")
    fails(run(*base, "--api-key", "YOUR_API_KEY"), "401: Unauthorized")
    fails(run(*base, "--api-key", key), f"404: Request {'0' * 32} not found. Its record is gone")
    fails(run("wait", "a/b", *base[2:], "--api-key", key), "'ID'", "'a/b' is no request id", code=2)
    fails(run(*base, "--api-key", key, "--base-url", "http://127.0.0.1:9"), "Nothing answers at http://127.0.0.1:9")
    fails(run(*base, "--api-key", key, "-o", tmp_path / "none" / "o.mp4"), "There is no folder", "Nothing was sent")
    fails(run(*base, "--api-key", key, "--poll-interval", 0), "--poll-interval", code=2)
    fails(run("wait", "-o", "x.mp4"), "Missing argument 'ID'", code=2)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_job_is_told_in_one_line(emulator: Emulator, tmp_path: Path, key: str, naps: list[float]) -> None:
    """A job that fails says why, and offers no way to resume it."""
    base = [*arguments(emulator.url, tmp_path / "o.mp4"), "--api-key", key]
    result = run(*base, "--video-url", f"{INPUTS}truncated.mp4")
    fails(result, "422: ", "Please provide a valid video", "Nothing was billed")
    assert "resume" not in result.stderr
    assert naps
    fails(run(*base[:-1], "SG_0000000000000406"), "406: ")


@pytest.mark.parametrize("state", [PROCESSING, None])
def test_ctrl_c_tells_how_to_resume(tmp_path: Path, state: bytes | None) -> None:
    """Ctrl-C while a job runs prints its id and a command that, typed as it stands, saves the video."""
    output = tmp_path / "my video.mp4"
    with scripted(QUEUED, *[state] * 1000) as server, started(*arguments(server.url, output), env=KEY) as process:
        assert process.stderr
        assert any(line == "Submitted as request a-1.\n" for line in process.stderr)
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
        assert process.wait(10) == 130
    assert told.startswith("Interrupted. The job goes on as request a-1")
    resume = told.strip().rpartition("with the same key: ")[2]
    this = [sys.executable, "-m", "mockling.cli"]
    assert shlex.split(resume) == [*this, "wait", "a-1", "-o", str(output), "--base-url", server.url]
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_submitting_says_that_the_id_is_not_known(tmp_path: Path) -> None:
    """Ctrl-C before the answer says what may have happened."""
    with scripted(None) as server, started(*arguments(server.url, tmp_path / "o.mp4"), env=KEY) as process:
        assert process.stderr
        assert server.asked.acquire(timeout=30)
        process.send_signal(signal.SIGINT)
        assert "The job may have been submitted, and be billed" in process.stderr.read()
        assert process.wait(10) == 130


def test_ctrl_c_during_the_download_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that is broken off tells how to resume too."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mockling.client.video.check_mp4", interrupted)
    monkeypatch.setattr("mockling.client.video._download", lambda *_: [b"half"])
    with scripted(COMPLETED, COMPLETED, COMPLETED) as server:
        result = run("wait", "a-1", "-o", tmp_path / "o.mp4", "--base-url", server.url, env=KEY)
    assert result.exit_code == 130
    assert "To resume within the hour (of the server's time), with the same key: " in result.stderr
    assert f"mockling wait a-1 -o {tmp_path / 'o.mp4'}" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_wait_explains_itself() -> None:
    """`wait` is among the commands, with its options."""
    assert "wait" in run("--help").output
    told = run("wait", "--help").output
    assert "[default: 900.0]" in told and "[default: 5, or 0.5 on this machine]" in " ".join(told.split())
    assert [
        one for one in ("--output", "--base-url", "--api-key", "--timeout", "--poll-interval") if one not in told
    ] == []
