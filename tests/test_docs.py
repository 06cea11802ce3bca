"""What the documents say is so."""

import re
import shlex
import tomllib
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import yaml
from hypothesis import given, settings
from segmind.files import Files

from mockling import fixtures
from mockling.cli import main
from mockling.contract import load
from mockling.contract.strategies import broken_requests, valid_requests
from mockling.contract.validation import expected
from mockling.emulator import AccountSettings, Emulator, Fault, Settings, read_settings
from mockling.emulator.control.conduct import Kind
from mockling.emulator.control.matching import Wanted
from mockling.emulator.platform.sense import schema

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
FAULTS = (ROOT / "docs" / "faults.md").read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("program", [program for program in blocks(README, "python") if "def test_" not in program])
def test_the_readmes_programs_run(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Each Python program of the README runs as it stands, but for the port; test_cookbook.py runs its test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Files, "STORAGE_BASE_URL", Files.STORAGE_BASE_URL)  # one program sets it, for the whole process
    with Emulator(speed="instant") as emulator:
        exec(program.replace("http://127.0.0.1:8787", emulator.url), {})
    assert capsys.readouterr().out


def test_the_program_of_rerouting_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """The program that docs/rerouting.md shows runs as it stands."""
    (program,) = blocks((ROOT / "docs" / "rerouting.md").read_text("utf-8"), "python")
    exec(program, {})
    assert "credits" in capsys.readouterr().out


def test_a_model_can_be_written_from_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file that docs/models.md shows is served as it stands, by its program and by its command's settings."""
    text = (ROOT / "docs" / "models.md").read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-model.yaml").write_text(blocks(text, "yaml")[0])
    (program,) = blocks(text, "python")
    exec(program, {})
    assert capsys.readouterr().out == "0.20\n"
    video = fixtures.probe(tmp_path / "boat.mp4")
    assert (video.width, video.height, video.frames, video.audio) == (1024, 576, 120, False)
    model = load(models=["my-model.yaml"]).models["paper-text2video"]

    @settings(max_examples=30)
    @given(valid_requests(model), broken_requests(model))
    def agree(request_body: dict[str, Any], broken: tuple[dict[str, Any], str]) -> None:
        assert model.violations(request_body) == []
        assert [violation.path for violation in model.violations(broken[0])] == [broken[1]]

    agree()


@pytest.mark.parametrize("part", blocks((ROOT / "docs" / "models.md").read_text("utf-8"), "yaml")[1:])
def test_the_parts_of_a_model_that_its_page_shows_are_taken(part: str, tmp_path: Path) -> None:
    """The further examples of docs/models.md fit into the bundled model."""
    bundled = files("mockling.contract") / "models" / "kling-o3-video2video-reference.yaml"
    model = {**yaml.safe_load(bundled.read_text("utf-8")), **yaml.safe_load(part), "slug": "other", "x-disputes": {}}
    model["output"]["audio"] = True
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(model))
    assert load(models=[tmp_path / "other.yaml"]).models["other"]


def test_the_readmes_commands_exist() -> None:
    """Every command and option that the README shows is one that `mockling` has, and the other way round."""
    shown = "\n".join(blocks(README, "sh")).replace("\\\n", " ")
    names = set(re.findall(r"^mockling (\w+)", shown, re.MULTILINE))
    context = click.Context(main)
    assert names == set(main.list_commands(context))
    options = {
        option for name in names for parameter in main.get_command(context, name).params for option in parameter.opts
    }
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", README)) <= options


def test_the_makefile_has_the_two_commands() -> None:
    """`make demo` and `make test` are targets."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^make (\w+)", " ".join(blocks(README, "sh")), re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_every_setting_is_documented_and_the_example_works(tmp_path: Path) -> None:
    """docs/settings.md shows every setting there is, and its example is read without complaint."""
    (example,) = blocks((ROOT / "docs" / "settings.md").read_text("utf-8"), "toml")
    values = tomllib.loads(example)
    assert values.keys() == {field.name for field in fields(Settings)}
    assert values["accounts"][0].keys() == {field.name for field in fields(AccountSettings)}
    (tmp_path / "cat.mp4").touch()
    (tmp_path / "my-model.yaml").write_text(blocks((ROOT / "docs" / "models.md").read_text("utf-8"), "yaml")[0])
    (tmp_path / "mockling.toml").write_text(example)
    Emulator(read_settings(tmp_path / "mockling.toml", {}))


def test_every_word_of_a_fault_is_documented() -> None:
    """The tables of docs/faults.md are the words of the schema, in its order, with their values and meanings."""
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", FAULTS, re.MULTILINE)
    words = schema()["properties"]
    assert rows == [(name, meaning_of(rule), rule["description"]) for name, rule in words.items()]
    said = {"type", "enum", "const", "pattern", "minLength", "minProperties", "additionalProperties", "description"}
    bounds = {"minimum", "maximum", "exclusiveMinimum"}
    assert {key for rule in words.values() for key in rule} == said | bounds | {"x-expected", "x-strikes"}


def meaning_of(rule: dict[str, Any]) -> str:
    return rule.get("x-expected") or ("true" if "const" in rule else expected(rule))


@pytest.mark.parametrize("program", blocks(FAULTS, "python"))
def test_the_programs_about_faults_run(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each Python program of docs/faults.md runs as it stands, and prints what its comments say."""
    monkeypatch.chdir(tmp_path)
    exec(program, {})
    said = capsys.readouterr().out.splitlines()
    for line in program.splitlines():
        if "print(" in line and "  # " in line:
            assert line.partition("  # ")[2] in said


@pytest.mark.parametrize("command", re.findall(r"`mockling (serve --fault [^`]*)`", FAULTS))
def test_the_commands_about_faults_are_understood(command: str) -> None:
    """A fault that docs/faults.md has on a command line can be read."""
    assert Fault.read(shlex.split(command)[-1])


def test_every_dependency_is_justified() -> None:
    """Each dependency has its line in docs/dependencies.md, and nothing stands there that is not one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.split(r"[>=\[]", one)[0] for one in needed} - {"mockling"}
    rows = re.findall(
        r"^\| ([a-z][a-z0-9, -]*) \|", (ROOT / "docs" / "dependencies.md").read_text("utf-8"), re.MULTILINE
    )
    justified = {name for row in rows for name in row.split(", ")} - {"library"}
    assert {name for name in names if not name.startswith("types-")} == justified


def test_links_of_the_documents_lead_somewhere() -> None:
    """A link to a file in this repository names one that is there."""
    for document in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), (document.name, target)


JOURNAL = (ROOT / "docs" / "journal.md").read_text("utf-8")


@pytest.mark.parametrize("program", blocks(JOURNAL, "python"))
def test_the_programs_about_the_journal_run(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each Python program of docs/journal.md runs as it stands."""
    exec(program, {})
    assert capsys.readouterr().out


def test_every_conduct_warning_is_documented() -> None:
    """docs/journal.md has a row for each kind of warning about a client's conduct, and each keyword of a match."""
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", JOURNAL, re.MULTILINE)
    assert rows == list(get_args(Kind))
    (keywords,) = re.findall(r"The keywords of `matching`.*?\.", JOURNAL, re.DOTALL)
    assert [name for name in Wanted.__annotations__ if f"`{name}`" not in keywords] == []
