"""`mockling verify page`: what a user types and sees."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pages import POINTS, STORED, as_html
from test_cli import fails
from test_page_models import DOCS, PAPER

from mockling import fixtures
from mockling.cli import main
from mockling.cli.page import command

PAGE = files("mockling.fixtures") / "pages" / "kling-o3-video2video-reference.txt"
DRIFTED = STORED.replace("~213.36s", "~152.69s").replace("Max 10 elements", "Max 4 elements")


def page(*arguments: object, **more: Any) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(command, [str(argument) for argument in arguments], **more)


@pytest.mark.parametrize("saved", [STORED, as_html(STORED), STORED.replace("\n", "\r\n"), f"\ufeff{STORED}"])
def test_a_page_that_agrees_is_one_line(tmp_path: Path, saved: str) -> None:
    """The bundled page, as text or HTML, from a file or standard input: how many points agree, and exit code 0."""
    file = tmp_path / "page"
    file.write_text(saved, "utf-8", newline="")
    for result in (page(file), page("-", input=saved)):
        assert result.output == f"The page agrees with the contract in {POINTS} points; 0 differences.\n"
        assert result.exit_code == 0


def test_a_page_in_utf_16_is_read(tmp_path: Path) -> None:
    """Some programs save text so."""
    file = tmp_path / "page.txt"
    file.write_text(STORED, "utf-16")
    assert page(file).exit_code == 0


def test_differences_come_first_then_what_is_not_compared(tmp_path: Path) -> None:
    """Each is a line of place, page, contract and facts, for other programs; the last line counts; exit code 1."""
    file = tmp_path / "page.txt"
    file.write_text(DRIFTED.replace('Default: "pro"', "Default: pro"), "utf-8")
    result = page(file)
    assert result.stdout.splitlines() == [
        "latency\t152.69 s\t213.36 s\tP2, U10, M3",
        "parameters.elements.maxItems\t4\t10\tP8",
        "not compared: parameters.mode.default: what the page says could not be read: pro",
        f"The page agrees with the contract in {POINTS - 3} points; 2 differences.",
    ]
    assert result.exit_code == 1


def test_on_a_terminal_differences_are_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a header, and what a page holds is shown as it is, never as markup."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    result = page("-", input=STORED.replace("Returns: Video", "Returns: [red]Image[/red]\x1b[31m"))
    assert "the contract says" in result.output.splitlines()[0]
    assert "[red]Image[/red] [31m" in result.output
    assert "\x1b[31m" not in result.output


def test_json_tells_everything() -> None:
    """Beside the lines' values it has the JSON pointers, and the places of the points that agree."""
    result = page("-", "--json", input=DRIFTED)
    told = json.loads(result.stdout)
    assert (told["model"], told["profile"], told["not_compared"]) == (
        "kling-o3-video2video-reference",
        "documented",
        [],
    )
    assert len(told["agreed"]) == POINTS - 2
    assert told["differences"][1] == {
        "place": "parameters.elements.maxItems",
        "page": "4",
        "contract": "10",
        "pointer": "#/x-models/kling-o3-video2video-reference/parameters/properties/elements/maxItems",
        "facts": ["P8"],
    }
    assert result.exit_code == 1


def test_a_profile_is_compared_as_it_answers() -> None:
    """The page's sample reads JSON, which `observed` holds to be wrong."""
    result = page(PAGE, "--profile", "observed")
    assert result.stdout.splitlines()[0].startswith("sample.answer\tapplication/json\tvideo/mp4\tP13, D1")
    assert result.stdout.splitlines()[1].endswith(f"{POINTS - 1} points; 1 difference.")
    fails(page(PAGE, "--profile", "none"), "--profile", "documented, observed", code=2)


def test_the_page_of_another_model_needs_its_file(tmp_path: Path) -> None:
    """Without the model's file the command says which option takes it; with it, it compares."""
    fails(page("-", input=PAPER), "'paper-text2video'", "--model FILE", code=2)
    file = tmp_path / "paper.yaml"
    file.write_text(DOCS.partition("```yaml\n")[2].partition("```")[0], "utf-8")
    result = page("-", "--model", file, input=PAPER)
    assert result.output.endswith("0 differences.\n")
    assert result.exit_code == 0
    file.write_text("slug: x", "utf-8")
    fails(page("-", "--model", file, input=PAPER), "--model", str(file), code=2)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\x00\x01\x02", "names no endpoint"),
        (b"\xff\xd8\xff\xe0", "is no text"),
        (b"\xff\xfea", "is no text"),
        (fixtures.input_clip("valid").read_bytes(), "is no text"),
        (b"%PDF-1.7\n", "names no endpoint"),
        (b"a" * (5 * 1024**2 + 1), "has more than 5 MiB"),
        (b"POST https://api.segmind.com/v1/x\n", "lists no parameters"),
        (STORED.replace("3 reference", "3\x00reference").encode()[:600], "names no endpoint"),
    ],
)
def test_what_is_no_page_is_told_in_a_sentence(tmp_path: Path, content: bytes, told: str) -> None:
    """One line names the file and what is wrong with it; exit code 2; nothing on standard output."""
    file = tmp_path / "a page"
    file.write_bytes(content)
    for result, name in ((page(file), str(file)), (page("-", input=content), "Standard input")):
        fails(result, name, told, code=2)
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """One that is not there, a folder, and none at all: exit code 2."""
    fails(page(tmp_path / "none.txt"), "none.txt", "No such file", code=2)
    fails(page(tmp_path), str(tmp_path), code=2)
    fails(page(), "FILE", code=2)


def test_it_is_a_part_of_the_command() -> None:
    """`mockling verify page FILE` is how it is called."""
    result = CliRunner().invoke(main, ["verify", "page", str(PAGE)])
    assert result.output.endswith(f"{POINTS} points; 0 differences.\n")
    assert result.exit_code == 0
