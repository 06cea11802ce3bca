"""What the command does not understand, and models of which it has no options."""

import json
from pathlib import Path
from typing import Any

import pytest
from calling import INPUTS, make_key
from scripted import http, scripted
from test_cli import fails, run

from mockling import cli, fixtures
from mockling.client import Client
from mockling.emulator import Emulator

MP4 = fixtures.input_clip("narrow").read_bytes()
GENERATE = ["generate", "p", "--video-url", f"{INPUTS}valid.mp4", "-o", "o.mp4", "--api-key", "k"]
WAIT = ["wait", "a-1", "-o", "o.mp4", "--api-key", "k"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        *((command, "--base-url", value) for command in (GENERATE, WAIT) for value in ("nowhere", "http://h:99999")),
        *((command, "--base-url", value) for command in (GENERATE, WAIT) for value in ("http://a b", "http://h/?a=1")),
        *(
            (command, "--timeout", value)
            for command in (GENERATE, WAIT)
            for value in ("nan", "inf", "0", "9999999", "x")
        ),
        *((WAIT, "--poll-interval", value) for value in ("nan", "inf", "-1", "9999999", "x")),
        (GENERATE, "--model", "a/b"),
        (GENERATE, "--parameter", "=1"),
        (GENERATE, "--parameter", "seed"),
        (GENERATE, "--elements", "[NaN]"),
        (GENERATE, "--elements", "[" * 100_000),
        (GENERATE, "--elements", "1e999"),
        (["demo"], "--speed", "0"),
        (["demo"], "--speed", "nan"),
        (["demo"], "--speed", "manual"),
        (["serve"], "--speed", "1e9"),
        (["serve"], "--port", "-1"),
        (["serve"], "--port", "x"),
        (["serve"], "--credits", "-1"),
        (["serve"], "--credits", "nan"),
        (["serve"], "--requests-per-minute", "0"),
        (["serve"], "--seed", "x"),
        (["serve"], "--v1-body", "x"),
        (["serve"], "--profile", ""),
        (["serve"], "--config", "none.toml"),
        (["serve"], "--model", "none.yaml"),
    ],
)
def test_a_value_that_is_not_understood_is_a_wrong_use(command: list[str], option: str, value: str) -> None:
    """Whatever the option, one line names it, and the exit code is 2; nothing is written."""
    result = run(*command, option, value)
    fails(result, option, code=2)
    assert len(value) > 20 or value in result.stderr.splitlines()[-1]
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("key", ["a\nb", "ключ"])
def test_a_key_that_cannot_be_one_is_a_wrong_use(key: str) -> None:
    """It is told without showing it; one that is missing is a failure."""
    for command in (GENERATE, WAIT):
        result = run(*command, "--api-key", key)
        fails(result, "'--api-key'", "visible ASCII", code=2)
        assert key not in result.stderr
        for none in ("", "  "):
            fails(run(*command, "--api-key", none), "There is no API key", code=1)


def test_an_output_that_is_none_is_a_wrong_use() -> None:
    """A name must be one."""
    for command in (GENERATE, WAIT, ["demo"]):
        fails(run(*command, "-o", ""), "'-o'", code=2)


def test_the_codes_are_explained() -> None:
    """The command's help and its module tell the exit codes."""
    told = " ".join(run("--help").output.split())
    for part in ("0 done", "1 failed", "2 the command, the value of an option or a settings file", "130 interrupted"):
        assert part in told
    assert "130 interrupted" in str(cli.__doc__)


@pytest.mark.parametrize("more", [[], ["--async"]])
def test_any_model_can_be_asked(more: list[str]) -> None:
    """`--model` with `-p` sends any parameters to any model: JSON where it is that, else text; options count too."""
    submitted = [http(200, b'{"request_id": "a-1"}'), http(200, b'{"status": "COMPLETED"}')] if more else []
    given = ["-p", "seed=7", "--parameter", "style=noir=dark", "-p", 'a={"b": [true]}', "-p", "n=NaN", "--mode", "x"]
    with scripted(http(200, MP4, "Content-Type: video/mp4")) as files:
        done = http(200, json.dumps({"output": f"{files.url}/a.mp4"}).encode())
        with scripted(*submitted, done) as server:
            base = ["generate", "--model", "another-v1.5", "-o", "o.mp4", "--base-url", server.url, "--api-key", "k"]
            result = run(*base, *given, *more)
    assert result.exit_code == 0, result.output
    assert f"Asking {server.url} for another-v1.5\n" in result.stderr
    head, body = server.requests[0].split(b"\r\n\r\n")
    assert head.startswith(b"POST /%s/another-v1.5 " % (b"v2" if more else b"v1"))
    assert json.loads(body) == {"seed": 7, "style": "noir=dark", "a": {"b": [True]}, "n": "NaN", "mode": "x"}
    assert Path("o.mp4").read_bytes() == MP4


def test_another_models_prompt_is_sent_if_there_is_one() -> None:
    """PROMPT is optional there, and nothing is filled in."""
    with scripted(http(400, b'{"error": "no"}')) as server:
        base = ["generate", "a prompt", "--model", "another", "-o", "o.mp4", "--base-url", server.url]
        fails(run(*base, "--api-key", "k"), "400: no")
    assert json.loads(server.requests[0].split(b"\r\n\r\n")[1]) == {"prompt": "a prompt"}


def test_the_default_model_needs_its_parameters(emulator: Emulator) -> None:
    """Its prompt and video are asked for, however they are given."""
    base = ["generate", "-o", "o.mp4", "--base-url", emulator.url, "--api-key", make_key()]
    fails(run(*base), "Missing argument 'PROMPT'", code=2)
    fails(run(*base, "p"), "Missing option '--video-url'", code=2)
    fails(run(*base, "-p", "video_url=null", "p"), "Missing option '--video-url'", code=2)
    result = run(*base, "-p", "prompt=p", "-p", f"video_url={INPUTS}valid.mp4", "-p", "mode=std", "--duration", 3)
    assert "live this is $0.945 and about 72 s" in result.stderr
    assert result.exit_code == 0


@pytest.mark.parametrize(("length", "shown"), [(60, "x" * 60), (61, "x" * 60 + "...")])
def test_what_was_given_is_shown_up_to_sixty_characters(length: int, shown: str) -> None:
    """A complaint shows what it is about, but not all of it."""
    fails(run(*GENERATE, "-p", "x" * length), f"it must be NAME=VALUE, got '{shown}'.", code=2)


def test_a_parameter_is_given_once() -> None:
    """By an option or by --parameter, not both, and not twice."""
    fails(run(*GENERATE, "-p", "prompt=x"), "'--parameter'", "prompt is given by an option or argument too", code=2)
    fails(run(*GENERATE, "--mode", "std", "-p", "mode=pro"), "mode is given by an option or argument too", code=2)
    fails(run(*GENERATE, "-p", "a=1", "-p", "a=2"), "a is given twice", code=2)


def test_generate_goes_through_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command sends nothing that a program could not send by `Client.generate_with`."""
    seen: list[Any] = []

    def generate_with(_: Client, slug: str, /, **parameters: Any) -> None:
        seen.append((slug, parameters))
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "generate_with", generate_with)
    assert run(*GENERATE, "--no-audio").exit_code == 130
    given = {"prompt": "p", "video_url": f"{INPUTS}valid.mp4", "keep_audio": False}
    assert seen == [("kling-o3-video2video-reference", given)]


def test_serve_passes_models_and_strictness_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--model` and `--strict` are the settings `models` and `strict`, and are named only if given."""
    seen: list[dict[str, Any]] = []

    def read(_config: object, overrides: dict[str, Any], _defaults: object) -> None:
        seen.append(overrides)
        raise cli.NotUnderstood("enough")

    monkeypatch.setattr("mockling.cli.serve.read_settings", read)
    for name in ("a.yaml", "b.yaml"):
        Path(name).touch()
    fails(run("serve", "--model", "a.yaml", "--model", "b.yaml", "--strict"), "enough", code=2)
    fails(run("serve"), "enough", code=2)
    assert (seen[0]["models"], seen[0]["strict"]) == ((Path("a.yaml"), Path("b.yaml")), True)
    assert not {"models", "strict"} & {name for name, value in seen[1].items() if value is not None}
