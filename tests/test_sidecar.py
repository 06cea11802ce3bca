"""`mockling serve` beside programs in any language: what it writes for them, and how it is told what to do."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest
import requests
import yaml
from calling import GOOD_KEY, INPUTS, V1
from test_cli import fails, run, serving, started
from test_docs import blocks

from mockling import cli
from mockling.cli import main, naming
from mockling.cli.announcing import announced
from mockling.contract import load
from mockling.emulator import Emulator
from mockling.emulator.listening.tls import served_hosts

FIELDS = ["number", "time", "moment", "ended", "method", "path", "operation", "status", "seconds", "cost"]
FIELDS += ["request_id", "model", "key", "error", "fault", "violations", "warnings"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def overrides(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The settings that each `serve` of the test names, which goes no further."""
    seen: list[dict[str, Any]] = []

    def read(config: object, named: dict[str, Any], _defaults: object) -> None:
        seen.append({"config": config, **named})
        raise cli.NotUnderstood("enough")

    monkeypatch.setattr("mockling.cli.serve.read_settings", read)
    return seen


def test_programs_learn_all_they_need(tmp_path: Path) -> None:
    """The ready file and one line on stdout have address, key, process and authority; both files go at the end."""
    environment = {"MOCKLING_TLS": "yes", "MOCKLING_LOG": "json", "MOCKLING_READY_FILE": "ready.json"}
    (tmp_path / "ready.json").write_text('{"url": "http://127.0.0.1:1"}')  # what one that was killed left
    (tmp_path / "mockling-ca.pem").touch()  # what mktemp makes
    with started("serve", "--port", 0, "--speed", "instant", env=environment) as process:
        assert process.stdout
        banner = json.loads(process.stdout.readline())
        ready = json.loads((tmp_path / "ready.json").read_text())
        assert list(ready) == ["url", "api_key", "pid", "ca", "control_token"]
        assert ready.items() <= banner.items()
        assert (ready["api_key"], ready["pid"]) == (GOOD_KEY, process.pid)
        assert ready["ca"] == str(tmp_path / "mockling-ca.pem")
        assert "PRIVATE" not in Path(ready["ca"]).read_text()
        with requests.Session() as session:  # its connection is open at the end
            answer = session.get(f"{ready['url']}/v1/none", verify=ready["ca"], timeout=20)
            assert answer.status_code == 405
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=10)
    assert (process.returncode, json.loads(output)) == (0, {"stopped": True})
    assert json.loads(errors)["path"] == "/v1/none"
    assert list(tmp_path.iterdir()) == []


def test_a_log_for_programs_tells_each_call() -> None:
    """Each line is a JSON object with what is worth having of an exchange, its key masked and no body."""
    with started("serve", "--port", 0, "--log", "json", "--speed", "instant") as process:
        assert process.stdout
        url = json.loads(process.stdout.readline())["url"]
        body = {"prompt": "a\n\u2028b", "video_url": f"{INPUTS}valid.mp4", "extra": 1}
        requests.post(url + V1, json=body, headers={"x-api-key": GOOD_KEY}, timeout=20)
        requests.get(f"{url}/%0A%ff?a=%00", timeout=20)
        process.terminate()
        _, errors = process.communicate(timeout=10)
    made, lost = map(json.loads, errors.splitlines())
    assert list(made) == list(lost) == FIELDS
    assert datetime.fromisoformat(made["time"]).utcoffset() is not None
    assert made["time"].endswith("Z")
    assert (made["method"], made["operation"], made["status"], made["cost"]) == ("POST", "generate", 200, "2.10")
    assert made["seconds"] > 100 > made["moment"]
    assert [text for text in made["warnings"] if "'extra'" in text]
    assert GOOD_KEY not in errors
    assert (lost["operation"], lost["status"], lost["cost"]) == (None, 404, "0.00")


def test_a_log_can_be_off() -> None:
    """With `--log off` nothing is told of calls, also not of doubtful ones."""
    with serving("--speed", "instant", MOCKLING_LOG="off") as (process, url, _):
        body = {"prompt": "a", "video_url": f"{INPUTS}valid.mp4", "extra": 1}
        assert requests.post(url + V1, json=body, headers={"x-api-key": GOOD_KEY}, timeout=20).status_code == 200
        process.terminate()
        assert process.communicate(timeout=10)[1] == ""


def options() -> list[click.Option]:
    """Return the options of `serve`."""
    command = main.get_command(click.Context(main), "serve")
    assert command
    return [one for one in command.params if isinstance(one, click.Option)]


VALUES = {"port": 1, "speed": 2.0, "profile": "observed", "credits": "3", "seed": 4, "requests_per_minute": 5}
VALUES |= {"host": "::1", "strict": False, "models": (Path("a.yaml"), Path("b.yaml")), "answers": {"D1": "video"}}
VALUES |= {"control_token": "a secret"}
VARIABLES = {"MODEL": f"a.yaml{os.pathsep}b.yaml", "V1_BODY": "video", "STRICT": "0", "CONFIG": "m.toml"}
VALUES |= {"faults": ({"on": "post", "status": 502}, {"on": "download", "cut": 0.5})}
VARIABLES |= {"FAULT": "status=502; on=download cut=0.5"}
VARIABLES |= {
    name.upper(): str(VALUES[name]) for name in VALUES if name not in ("models", "answers", "strict", "faults")
}


def test_every_option_has_a_variable(overrides: list[dict[str, Any]]) -> None:
    """The variable is named as the option is, a list has the separator of paths, and a switch may be turned off."""
    for name in ("a.yaml", "b.yaml", "m.toml"):
        Path(name).touch()
    environment = {f"MOCKLING_{name}": value for name, value in VARIABLES.items()}
    fails(run("serve", env=environment), "enough", code=2)
    assert overrides == [{"config": Path("m.toml"), "tls": None, **VALUES}]
    for one in options():
        assert one.envvar == "MOCKLING_" + one.opts[0].removeprefix("--").upper().replace("-", "_")
    assert "--ready-file as MOCKLING_READY_FILE" in " ".join(run("serve", "--help").output.split())


def test_the_command_line_outweighs_the_environment_and_that_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting is taken from the command line, else from its variable, else from --config."""
    Path("m.toml").write_text("port = 1\nseed = 1\nstrict = true\ncredits = '1'")
    seen: list[Emulator] = []

    def start(emulator: Emulator) -> None:
        seen.append(emulator)
        raise OSError("enough")

    monkeypatch.setattr(Emulator, "start", start)
    environment = {"MOCKLING_PORT": "2", "MOCKLING_SEED": "2", "MOCKLING_STRICT": "off", "MOCKLING_CREDITS": ""}
    monkeypatch.setattr("signal.signal", lambda *_: None)
    fails(run("serve", "--config", "m.toml", "--port", 3, "--log", "off", env=environment), "enough")
    settings = seen[0].settings
    assert (settings.port, settings.seed, settings.strict, str(settings.credits)) == (3, 2, False, "1")


def test_a_quoted_semicolon_ends_no_fault(overrides: list[dict[str, Any]]) -> None:
    """In MOCKLING_FAULT semicolons are between faults unless they stand in quotes or behind a backslash."""
    given = """status=500 error='Out; of luck'; status=502 error="a\\";b"; prompt=a\\;b cut=1;"""
    fails(run("serve", env={"MOCKLING_FAULT": given}), "enough", code=2)
    assert [list(fault.values())[1:] for fault in overrides[0]["faults"]] == [
        [500, "Out; of luck"],
        [502, 'a";b'],
        ["a;b", 1],
    ]
    fails(run("serve", env={"MOCKLING_FAULT": "status=500 error='Out; cut=1"}), "'MOCKLING_FAULT'", "quotation", code=2)


@pytest.mark.parametrize("link", ["tcp://10.96.0.7:8787", "udp://10.96.0.7:8787", "sctp://10.96.0.7:8787"])
def test_the_address_of_a_service_is_no_port(link: str, overrides: list[dict[str, Any]]) -> None:
    """What Kubernetes and Docker put into MOCKLING_PORT for a service that is called mockling is passed over."""
    fails(run("serve", env={"MOCKLING_PORT": link}), "enough", code=2)
    assert overrides[0]["port"] is None
    fails(run("serve", "--port", link), "'--port'", code=2)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "x"),
        ("PORT", "99999"),
        ("SPEED", "0"),
        ("REQUESTS_PER_MINUTE", "none"),
        ("PROFILE", "live"),
        ("V1_BODY", "x"),
        ("CREDITS", "-1"),
        ("CONTROL_TOKEN", "schlüssel"),
        ("MODEL", "none.yaml"),
        ("CONFIG", "none.toml"),
        ("LOG", "loud"),
        ("READY_FILE", "none/ready.json"),
    ],
)
def test_a_wrong_variable_is_told_by_its_name(variable: str, value: str) -> None:
    """One line names the variable and the value, and the exit code is 2; an option is told by its own name."""
    fails(run("serve", env={f"MOCKLING_{variable}": value}), f"'MOCKLING_{variable}'", code=2)
    option = "--" + variable.lower().replace("_", "-")
    result = run("serve", option, value)
    fails(result, f"'{option}'", code=2)
    assert "MOCKLING_" not in result.stderr
    fails(run("serve", env={"MOCKLING_STRICT": "maybe"}), "'MOCKLING_STRICT'", "'maybe'", code=2)


def test_a_file_that_cannot_be_written_is_told_before_anything_starts(tmp_path: Path) -> None:
    """A folder that is not there or takes no file, and a file of somebody else's, which is left as it is."""
    (tmp_path / "notes.txt").write_text("mine")
    for option in (["--ready-file"], ["--tls", "--ca-file"]):
        fails(run("serve", *option, "none/a"), "there is no folder none; make it", code=2)
        fails(run("serve", *option, "/proc/a"), "/proc/a cannot be written", "choose another folder", code=2)
        for taken in ("notes.txt", tmp_path, "/dev/null"):
            fails(run("serve", *option, taken), f"{taken} is something else, which is not replaced", code=2)
    fails(run("serve", "--ca-file", "a.pem"), "'--ca-file'", "there is an authority only with --tls", code=2)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_certificates_of_ones_own_are_named_in_pairs(overrides: list[dict[str, Any]]) -> None:
    """`--tls-cert` and `--tls-key` are the setting `tls`; one alone is a wrong use, and so are files that are none."""
    for name in ("c.pem", "k.pem"):
        Path(name).touch()
    fails(run("serve", "--tls-cert", "c.pem", "--tls-key", "k.pem"), "enough", code=2)
    assert overrides[0]["tls"] == {"cert": Path("c.pem"), "key": Path("k.pem")}
    fails(run("serve", "--tls-cert", "c.pem"), "'--tls-cert'", "--tls-cert and --tls-key go together", code=2)
    fails(run("serve", env={"MOCKLING_TLS_KEY": "k.pem"}), "'MOCKLING_TLS_KEY'", "go together", code=2)


def test_a_file_that_others_wait_for_is_whole_and_goes(tmp_path: Path) -> None:
    """It is renamed into its place, leaves nothing else, and stays only if somebody else has replaced it."""
    place = tmp_path / "ready.json"
    with announced(place, "mine"):
        assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
        assert place.stat().st_mode & 0o444 == 0o444 & ~_umask()
    assert not place.exists()
    with announced(place, "mine"):
        place.write_text("another's")
    assert place.read_text() == "another's"
    place.unlink()
    with announced(place, "mine"):
        place.unlink()


def test_a_file_for_which_there_is_no_room_is_named(tmp_path: Path) -> None:
    """Where the text cannot be written, the error has the file's name, and nothing is left."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # what is longer than that is refused
    try:
        with pytest.raises(OSError, match=r"ready\.json") as told, announced(tmp_path / "ready.json", "mine"):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert told.value.filename == str(tmp_path / "ready.json")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_one_left_half_written_is_replaced(tmp_path: Path) -> None:
    """The next process may have the same number, as in a container."""
    (tmp_path / f".ready.json.{os.getpid()}").write_text("half")
    with announced(tmp_path / "ready.json", "mine"):
        assert [path.name for path in tmp_path.iterdir()] == ["ready.json"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_package_is_the_command() -> None:
    """`python -m mockling` is `mockling`; the package holds nothing else, and the rooms are parts of it."""
    program = "import mockling, mockling.cli; assert not [n for n in vars(mockling) if n[0] != '_' and n != 'cli']"
    assert subprocess.run([sys.executable, "-c", program], check=True, timeout=60).returncode == 0
    command = [sys.executable, "-m", "mockling"]
    ended = subprocess.run([*command, "wait", "a", "-o", "x.mp4"], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, "Error: There is no API key" in ended.stderr) == (1, True)
    told = subprocess.run([*command, "serve", "--help"], capture_output=True, text=True, timeout=60, check=True)
    assert re.match(r"Usage: python -m mockling serve \[OPTIONS\]", told.stdout)


@pytest.mark.parametrize("module", ["mockling", "mockling.cli"])
def test_a_suggested_command_is_run_in_the_same_way(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever started it by `python -m` is told commands that begin so."""
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", find_spec(f"{module}.__main__"))
    assert naming.suggested("serve") == shlex.join([sys.executable, "-m", module, "serve"])


PAGE = (Path(__file__).parent.parent / "docs" / "sidecar.md").read_text("utf-8")


def test_the_page_tells_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """What docs/sidecar.md shows of variables, options, files and log lines is so, and its program runs."""
    variables = {str(one.envvar) for one in options()}
    assert set(re.findall(r"(?<!_)MOCKLING_[A-Z0-9_]+", PAGE)) <= variables
    shown = set(re.findall(r"mockling serve(.*)", PAGE))
    assert {option for line in shown for option in re.findall(r"--[a-z-]+", line)} <= {
        name for one in options() for name in one.opts
    }
    ready, line = (json.loads(block) for block in blocks(PAGE, "json"))
    assert list(ready) == ["url", "api_key", "pid", "ca", "control_token"]
    assert list(line) == FIELDS
    hosts = served_hosts(load(), "127.0.0.1")
    assert all(host in hosts for host in ("api.segmind.com", "workflows-api.segmind.com", "images.segmind.com"))
    assert all(host in PAGE for host in hosts)
    assert len(yaml.safe_load(blocks(PAGE, "yaml")[0])["services"]["mockling"]["networks"]["default"]["aliases"]) == 3
    (program,) = blocks(PAGE, "python")
    exec(program, {})
    assert '"credits": 100' in capsys.readouterr().out


def test_the_shell_completes_it() -> None:
    """What the page says about completion holds: it is a function of bash's that knows the commands and options."""
    mockling = Path(sys.executable).with_name("mockling")
    given = {
        **os.environ,
        "_MOCKLING_COMPLETE": "bash_complete",
        "COMP_WORDS": "mockling serve --rea",
        "COMP_CWORD": "2",
    }
    ended = subprocess.run([mockling], env=given, capture_output=True, text=True, timeout=60)
    assert ended.stdout == "plain,--ready-file\n"
    given = {**os.environ, "_MOCKLING_COMPLETE": "zsh_source"}
    ended = subprocess.run([mockling], env=given, capture_output=True, text=True, timeout=60)
    assert "_MOCKLING_COMPLETE=zsh_complete" in ended.stdout


def test_the_files_of_one_that_runs_are_not_taken(tmp_path: Path) -> None:
    """A second emulator with the same ready file, or the same authority's, is refused; after a kill it is not."""
    mine = ("serve", "--port", 0, "--tls", "--ready-file", "ready.json")
    with started(*mine) as process:
        assert process.stdout
        assert "listens" in str(process.stdout.readline())
        before = [(tmp_path / name).read_text() for name in ("ready.json", "mockling-ca.pem")]
        fails(run("serve", "--ready-file", "ready.json"), f"process {process.pid}, which still runs", code=2)
        fails(run("serve", "--tls"), "mockling-ca.pem is that of process", code=2)
        assert [(tmp_path / name).read_text() for name in ("ready.json", "mockling-ca.pem")] == before
        process.kill()
        process.communicate(timeout=10)
    with started(*mine) as process:
        assert process.stdout
        assert "listens" in str(process.stdout.readline())
        process.terminate()
        process.communicate(timeout=10)
