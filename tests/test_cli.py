"""The command: what a user types and sees."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
from calling import INPUTS, make_key
from click.testing import CliRunner, Result

from mockling import fixtures
from mockling.cli import main
from mockling.contract import facts, load
from mockling.contract.verification.matrix import matrix
from mockling.emulator import Emulator


def run(*arguments: object, **more: Any) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], **more)


def fails(result: Result, *told: str, code: int = 1) -> None:
    """Check that a command failed with one line that says why."""
    lines = result.stderr.strip().splitlines()
    assert (result.exit_code, lines[-1][:7]) == (code, "Error: ")
    assert [part for part in told if part not in lines[-1]] == []
    assert "Traceback" not in result.output


@contextmanager
def started(*arguments: object, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """Start the command in a process."""
    command = [sys.executable, "-m", "mockling.cli", *map(str, arguments)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **more.pop("env", {})}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **{**pipes, **more}) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def serving(*options: object, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """Run `mockling serve` as a user does; gives the process, the address and the first lines it printed."""
    with started("serve", "--port", 0, *options, env=environment) as process:
        try:
            assert process.stdout
            banner = []
            for line in process.stdout:
                banner.append(line.rstrip())
                if line.startswith("Stop with"):
                    break
            assert banner, process.stderr and process.stderr.read()
            yield process, banner[0].rpartition(" ")[2], banner
        finally:
            process.terminate()
            process.communicate(timeout=10)


def test_the_demo_does_the_main_job(tmp_path: Path) -> None:
    """`mockling demo` makes a video and tells what was asked, what came, what live would have cost, and where it is."""
    output = tmp_path / "demo.mp4"
    result = run("demo", "--speed", 10_000, "-o", output)
    assert result.exit_code == 0, result.output
    for told in (
        "input     valid.mp4: 1280x720 pixels, 5.00 s, 120 frames, with sound",
        "mode 'pro'",
        "output    1920x1080 pixels, 5.00 s, 120 frames, with sound",
        "live      would have cost $2.10",
        f"saved     {output}",
    ):
        assert told in result.output
    assert fixtures.probe(output).frames == 120


def test_the_demo_takes_a_video_and_parameters_of_ones_own(tmp_path: Path) -> None:
    """The user's own file is really looked at, and the parameters are honoured."""
    own = tmp_path / "my clip.mp4"
    own.write_bytes(fixtures.input_clip("silent").read_bytes())
    output = tmp_path / "out.mp4"
    arguments = [
        "--mode",
        "std",
        "--duration",
        "3",
        "--aspect-ratio",
        "9:16",
        "--speed",
        10_000,
        "-o",
        output,
        "--force",
    ]
    result = run("demo", "--video", own, *arguments)
    assert "output    720x1280 pixels, 3.00 s, 72 frames, no sound" in result.output
    own.write_bytes(fixtures.input_clip("narrow").read_bytes())
    fails(run("demo", "--video", own, *arguments), "400", "got one of 640 pixels")
    own.write_bytes(b"no video")
    fails(run("demo", "--video", own, *arguments), "not an MP4 or QuickTime video")
    fails(run("demo", "--speed", 10_000, "--mode", "max", "-o", output, "--force"), "400: mode must be")
    fails(run("demo", "--video", tmp_path / "none.mp4"), "does not exist", code=2)


def test_generate_saves_the_video(emulator: Emulator, tmp_path: Path) -> None:
    """`mockling generate` asks any server and says what was paid."""
    output = tmp_path / "out.mp4"
    arguments = ["--base-url", emulator.url, "--video-url", f"{INPUTS}valid.mp4", "-o", output]
    result = run(
        "generate", "a prompt", *arguments, "--mode", "std", "--duration", "3", env={"SEGMIND_API_KEY": make_key()}
    )
    assert result.exit_code == 0, result.output
    assert f"Asking {emulator.url}; live this is $0.945 and about 72 s" in result.stderr
    assert re.search(rf"Saved {output} \(\d+,\d+ bytes\)\. \d+\.\d s, \$0\.945, \$999999999\.055 left", result.output)
    found = fixtures.probe(output)
    assert (found.width, found.frames, found.audio) == (1280, 72, True)


def test_generate_passes_every_parameter_on(emulator: Emulator, tmp_path: Path) -> None:
    """Each option reaches the server under the page's name, unchecked, for the server is the judge."""
    key = make_key()
    arguments = ["generate", "p", "--video-url", f"{INPUTS}valid.mp4", "-o", tmp_path / "o.mp4"]
    arguments += ["--base-url", emulator.url, "--api-key", key]
    for option, field in (
        (("--mode", "max"), "mode"),
        (("--duration", "99"), "duration"),
        (("--aspect-ratio", "4:3"), "aspect_ratio"),
        (("--elements", '[{"frontal_image_url": 1}]'), "elements[0].frontal_image_url"),
    ):
        fails(run(*arguments, *option), f"400: {field} must be")
    more = [
        "--no-audio",
        "--image-url",
        "https://e.com/1.png",
        "--image-url",
        "https://e.com/2.png",
        "--shot-type",
        "x",
    ]
    assert run(*arguments, *more).exit_code == 0
    assert fixtures.probe(tmp_path / "o.mp4").audio is False
    assert [one for one in emulator.journal if one.cost][-1].warnings[-1].startswith("shot_type has no effect")


def test_generate_tells_what_is_wrong_in_one_line(emulator: Emulator, tmp_path: Path) -> None:
    """No key, a bad key, no server, no folder, bad JSON: one line each, an exit code, and nothing written."""
    base = ["generate", "p", "--video-url", f"{INPUTS}valid.mp4", "-o", tmp_path / "o.mp4", "--base-url", emulator.url]
    fails(run(*base), "There is no API key", "SEGMIND_API_KEY")
    fails(run(*base, "--api-key", "YOUR_API_KEY"), "401: Unauthorized. API key is invalid")
    fails(run(*base, "--api-key", "SG_0000000000000406"), "406: Insufficient credits. You have 0.00 credits")
    fails(
        run(*base, "--api-key", make_key(), "-o", tmp_path / "none" / "o.mp4"), "There is no folder", "Nothing was sent"
    )
    fails(run(*base, "--api-key", make_key(), "--base-url", "nowhere"), "'--base-url'", "'nowhere'", code=2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"
    fails(run(*base, "--api-key", make_key(), "--base-url", nobody), "Nothing answers at")
    fails(run(*base, "--elements", "[{"), "it must be JSON, got '[{'", code=2)
    fails(run(*base, "-o", tmp_path), "is a directory", code=2)
    fails(run("generate", "p", "-o", "x.mp4"), "Missing option '--video-url'", code=2)
    assert list(tmp_path.iterdir()) == []


def test_generate_replaces_nothing_but_ordinary_files(emulator: Emulator, tmp_path: Path) -> None:
    """A device, pipe or folder is refused before anything is sent; with --force a link is followed, a file replaced."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file.mp4").write_bytes(b"before")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "file.mp4")
    base = [
        "generate",
        "p",
        "--video-url",
        f"{INPUTS}valid.mp4",
        "--base-url",
        emulator.url,
        "--api-key",
        make_key(),
        "-o",
    ]
    before = len(emulator.journal)
    fails(run(*base, tmp_path / "pipe"), "is no ordinary file; choose another name. Nothing was sent")
    fails(run(*base, "/dev/null"), "/dev/null is no ordinary file")
    assert run(*base, "").exit_code != 0
    assert len(emulator.journal) == before
    assert run(*base, tmp_path / "link.mp4", "--force").exit_code == 0
    assert (tmp_path / "link.mp4").is_symlink()
    assert fixtures.probe(tmp_path / "file.mp4").frames == 120


def test_generate_warns_of_probable_mistakes(emulator: Emulator, tmp_path: Path) -> None:
    """What the emulator would note in its log is told to who types, before the money is spent."""
    result = run(
        *("generate", "see @Image2", "--video-url", f"{INPUTS}valid.mp4", "-o", tmp_path / "o.mp4"),
        *("--base-url", emulator.url, "--api-key", make_key()),
    )
    assert "Warning: prompt names @Image2, but image_urls has 0 (P4).\n" in result.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_command_leaves_nothing_behind(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """Ctrl-C and SIGTERM end the demo with the exit codes shells expect, without output or temporary files."""
    (tmp_path / "tmp").mkdir()
    environment = {"TMPDIR": str(tmp_path / "tmp")}
    with started("demo", "--speed", 1, "-o", tmp_path / "o.mp4", env=environment) as process:
        assert process.stdout
        assert any(line.startswith("emulator") for line in process.stdout)
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, "Traceback" in errors) == (code, False)
    assert [path.name for path in tmp_path.rglob("*")] == ["tmp"]


def test_a_video_that_was_paid_for_but_not_saved_is_not_lost(
    emulator: Emulator, tmp_path: Path, monkeypatch: Any
) -> None:
    """If saving fails after the generation, the line says where the video still is."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mockling.client.video.check_mp4", full)
    base = ["generate", "p", "--video-url", f"{INPUTS}valid.mp4", "-o", tmp_path / "o.mp4", "--base-url", emulator.url]
    result = run(*base, "--api-key", make_key())
    fails(result, "was generated (request ", "No space left on device", f"It is at {emulator.url}/generations/")
    assert list(tmp_path.iterdir()) == []


@cache
def clauses_of_facts() -> dict[str, list[str] | str]:
    return matrix(load())


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which clauses check a fact is found out once for all tests, for that takes a while."""
    monkeypatch.setattr("mockling.cli.contract._matrix", lambda _: clauses_of_facts())


def test_contract_prints_every_fact() -> None:
    """`mockling contract` lists each fact with its standing, and says that none was verified live."""
    output = run("contract").output
    rows = [tuple(line.split("\t")[:2]) for line in output.splitlines() if "\t" in line]
    assert rows == [(fact.id, ", ".join(fact.standing)) for fact in facts()]
    checked = {line.split("\t")[0]: line.split("\t")[3] for line in output.splitlines() if "\t" in line}
    clauses = clauses_of_facts()
    assert checked == {name: f"({ids})" if isinstance(ids, str) else " ".join(ids) for name, ids in clauses.items()}
    assert "No fact has been verified against the live API" in output


@pytest.mark.usefixtures("known")
def test_contract_prints_a_table_to_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the facts are a table, with what the standings mean below."""
    for name, value in {"FORCE_COLOR": "1", "COLUMNS": "100"}.items():
        monkeypatch.setenv(name, value)
    output = re.sub(r"\x1b\[[\d;]*m", "", run("contract").output)
    assert {line.split()[0] for line in output.splitlines() if re.match(r"[A-Z]\d+ ", line)} == {
        fact.id for fact in facts()
    }
    assert "in the [contract] table of a configuration file" in " ".join(output.split())


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("fact_id", "told"),
    [
        ("P7", ['duration is a string, "3" to "15"', "page: the endpoint's own API page", "default: '5'"]),
        (
            "d1",
            ["D1: What is the body", "json: JSON, as the page's sample", "(profile documented)", "(profile observed)"],
        ),
        ("M1", ["assumed: Mockling's own choice"]),
    ],
)
def test_contract_prints_one_fact_whole(fact_id: str, told: list[str]) -> None:
    """`mockling contract ID` shows the sentence, the standing and the part of the document, for any case of the id."""
    output = run("contract", fact_id).output
    assert [part for part in told if part not in output] == []
    fails(run("contract", "P99"), "There is no fact 'P99'; there are P1, P2", code=2)


def test_serve_tells_what_to_change_and_answers() -> None:
    """`mockling serve` prints its address, a key that works, speed, profile and answers calls; Ctrl-C ends it."""
    with serving("--speed", "instant", "--v1-body", "video", "--credits", "5", "--seed", "7") as (process, url, banner):
        told = "\n".join(banner)
        for part in (
            "SG_0123456789abcdef",
            "instant",
            "documented (D1 video",
            "$5.00 for each key",
            "seed        7",
            "api.segmind.com/v1/",
        ):
            assert part in told
        headers = {"x-api-key": "SG_0123456789abcdef"}
        body = {"prompt": "a", "video_url": f"{INPUTS}valid.mp4", "extra": 1}
        response = requests.post(f"{url}/v1/kling-o3-video2video-reference", json=body, headers=headers, timeout=30)
        assert response.headers["content-type"] == "video/mp4"
        process.send_signal(signal.SIGINT)
        output, log = process.communicate(timeout=10)
        assert (process.returncode, output) == (0, "Stopped.\n")
        assert "POST /v1/kling-o3-video2video-reference 200" in log
        assert "The endpoint has no such parameter and ignores it: 'extra'." in log
        assert "SG_0123456789abcdef" not in log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_at_once_though_calls_are_held(number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end it cleanly with calls held, which are told."""
    with serving("--speed", 1) as (process, url, _):
        host, port = url.removeprefix("http://").split(":")
        body = json.dumps({"prompt": "a", "video_url": f"{INPUTS}valid.mp4"})
        head = "POST /v1/kling-o3-video2video-reference HTTP/1.1\r\nHost: x\r\nx-api-key: SG_0123456789abcdef\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((host, int(port)), timeout=30) as call:
            call.sendall((head + body).encode())
            requests.get(url, timeout=30)
            process.send_signal(number)
            assert process.wait(timeout=10) == 0
            assert call.recv(1000).startswith(b"HTTP/1.1 503 ")


def test_serve_tells_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    """A busy port or an address that is not there is a failure; a wrong setting, here or in a file, is a wrong use."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        fails(run("serve", "--port", port), f"Port {port} of 127.0.0.1 is in use", "choose another")
    fails(run("serve", "--speed", "0"), "'--speed'", "it must be a number from 0.001", "got '0'", code=2)
    fails(run("serve", "--host", "a..b"), "There is no address 'a..b' on this machine")
    fails(run("serve", "--speed", "fast"), 'such as 100 or 1, or "instant"', "got 'fast'", code=2)
    fails(run("serve", "--requests-per-minute", "x"), 'it must be a whole number above 0, or "off"', code=2)
    fails(run("serve", "--profile", "live"), "'--profile'", "no profile 'live'; there is documented, observed", code=2)
    fails(run("serve", "--credits", "x"), "'--credits'", "an amount of US dollars", "got 'x'", code=2)
    fails(run("serve", "--port", 99999), "'--port'", "from 0 (any free one) to 65535, got 99999", code=2)
    (tmp_path / "m.toml").write_text("[[accounts]]\nkey = 'k'\nplan = 'gold'")
    fails(run("serve", "--config", tmp_path / "m.toml"), "m.toml: ", "no plan 'gold'", code=2)
    (tmp_path / "m.toml").write_text("speed = 0")
    fails(run("serve", "--config", tmp_path / "m.toml"), "m.toml: ", "speed must be a number from 0.001", code=2)


def test_help_and_version_are_there() -> None:
    """Every command explains itself."""
    assert run("--version").output.startswith("mockling, version 0.")
    for command in ("demo", "serve", "generate", "contract"):
        assert run(command, "--help").exit_code == 0
        assert command in run("--help").output
    assert "No such command 'serv'" in run("serv").stderr
