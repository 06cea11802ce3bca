"""The rooms of the house keep to themselves."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "contract": set[str](),
    "fixtures": set[str](),
    "client": set[str](),
    "emulator": {"contract", "fixtures"},
    "cli": {"contract", "fixtures", "emulator", "client"},
}


def imported_rooms(file: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mockling"):
            steps = node.module.split(".")
            rooms |= {steps[1]} if len(steps) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            rooms |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("mockling.")}
    return rooms


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    """Each folder imports, of ours, itself and the rooms it stands on, and nothing else."""
    for file in (ROOT / room).rglob("*.py"):
        assert imported_rooms(file) <= MAY_IMPORT[room] | {room}, file


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("mockling.client", {"flask", "av", "jsonschema", "yaml", "uvicorn", "hypothesis", "click", "rich"}),
        ("mockling.contract", {"flask", "av", "requests", "uvicorn", "hypothesis", "rich"}),
        ("mockling.fixtures", {"flask", "av", "requests", "numpy", "PIL"}),
        ("mockling.emulator", {"av", "requests", "hypothesis", "rich", "numpy"}),
        ("mockling.cli", {"flask", "av", "requests", "jsonschema", "rich"}),
    ],
)
def test_importing_a_room_loads_no_more_than_it_needs(module: str, unwanted: set[str]) -> None:
    """A program that imports one room does not pay for the libraries of another."""
    program = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert not unwanted & set(loaded.stdout.split())


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_every_public_name_exists(room: str) -> None:
    """What a room says it offers, it has."""
    module = importlib.import_module(f"mockling.{room}")
    assert [name for name in getattr(module, "__all__", []) if not hasattr(module, name)] == []


def test_the_links_for_type_checkers_lead_to_the_rooms() -> None:
    """The committed links are relative and name every room."""
    links = {link.name: str(link.readlink()) for link in (ROOT / ".links" / "mockling").iterdir()}
    assert links == {room: f"../../{room}" for room in MAY_IMPORT}
