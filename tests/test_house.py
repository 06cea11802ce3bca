"""The rooms of the house keep to themselves."""

import ast
import importlib
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from mockling.contract import load

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "contract": set[str](),
    "fixtures": set[str](),
    "client": set[str](),
    "emulator": {"contract", "fixtures"},
    "cli": {"contract", "fixtures", "emulator", "client"},
}


SUITE = ROOT / "contract" / "suite"


@cache
def parsed(file: Path) -> ast.Module:
    """Return a file's code, which several tests look at."""
    return ast.parse(file.read_text("utf-8"))


def imported_rooms(file: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mockling"):
            steps = node.module.split(".")
            rooms |= {steps[1]} if len(steps) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            rooms |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("mockling.")}
    return rooms


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    """Each folder imports, of ours, itself and the rooms it stands on, and nothing else."""
    for file in set((ROOT / room).rglob("*.py")) - set(SUITE.glob("*.py")):
        assert imported_rooms(file) <= MAY_IMPORT[room] | {room}, file


def test_nothing_imports_the_suite_of_clauses() -> None:
    """It is a suite of tests, and as one it may use every room."""
    for room in MAY_IMPORT:
        for file in set((ROOT / room).rglob("*.py")) - set(SUITE.glob("*.py")):
            assert not [name for name in imported_at_start(file) if name.startswith("mockling.contract.suite")], file


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("mockling.client", {"flask", "av", "jsonschema", "yaml", "uvicorn", "hypothesis", "click", "rich"}),
        ("mockling.contract", {"flask", "av", "requests", "uvicorn", "hypothesis", "rich"}),
        ("mockling.fixtures", {"flask", "av", "requests", "numpy", "PIL"}),
        ("mockling.emulator", {"flask", "av", "requests", "uvicorn", "hypothesis", "rich", "numpy"}),
        ("mockling.emulator.rerouting", {"flask", "requests", "urllib3", "httpx", "httpcore", "aiohttp"}),
        ("mockling.emulator.settings", {"flask", "av", "requests", "uvicorn", "yaml", "jsonschema"}),
        ("mockling.emulator.platform.platform", {"flask", "werkzeug", "av", "requests", "uvicorn", "numpy"}),
        ("mockling.emulator.http.app", {"av", "requests", "uvicorn", "numpy"}),
        ("mockling.emulator.listening.server", {"av", "requests", "trustme", "cryptography"}),
        ("mockling.cli", {"flask", "av", "requests", "jsonschema", "rich"}),
    ],
)
def test_importing_a_room_loads_no_more_than_it_needs(module: str, unwanted: set[str]) -> None:
    """A program that imports one room does not pay for the libraries of another."""
    program = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert not unwanted & set(loaded.stdout.split())


def test_settings_cost_neither_flask_nor_a_server() -> None:
    """Whoever makes settings and accounts for an emulator loads nothing that would serve them."""
    program = "import sys; from mockling.emulator import AccountSettings, Settings; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert not {"flask", "uvicorn", "av", "yaml"} & set(loaded.stdout.split())


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_every_public_name_exists(room: str) -> None:
    """What a room says it offers, it has."""
    module = importlib.import_module(f"mockling.{room}")
    assert [name for name in getattr(module, "__all__", []) if not hasattr(module, name)] == []


def test_the_links_for_type_checkers_lead_to_the_rooms() -> None:
    """The committed links are relative and name every room."""
    links = {link.name: str(link.readlink()) for link in (ROOT / ".links" / "mockling").iterdir()}
    assert links == {room: f"../../{room}" for room in MAY_IMPORT}


EMULATOR = ROOT / "emulator"
FLOORS = ["platform", "http", "control", "listening", "testing", "mutation"]  # each stands on those before it
GROUND = ["settings", "signs"]  # on which all stand
APART = "rerouting"  # stands on the ground alone
SERVERS = {"flask": 1, "werkzeug": 1, "uvicorn": 3}  # the lowest floor that may import each


@cache
def imported_at_start(file: Path) -> frozenset[str]:
    """Return the modules that a file imports when it is imported itself."""
    names: set[str] = set()
    for node in parsed(file).body:  # those below `if TYPE_CHECKING` and in functions come later
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return frozenset(names)


def test_the_emulators_rooms_stand_on_one_another() -> None:
    """What the platform does knows no HTTP, HTTP no server, and the settings nothing of ours."""
    assert {folder.name for folder in EMULATOR.iterdir() if (folder / "__init__.py").exists()} == {*FLOORS, APART}
    for level, floor in enumerate(FLOORS):
        forbidden = [f"mockling.emulator.{above}" for above in FLOORS[level + 1 :]]
        forbidden += [server for server, lowest in SERVERS.items() if lowest > level]
        for file in (EMULATOR / floor).rglob("*.py"):
            names = imported_at_start(file)
            assert not [name for name in names for bad in forbidden if f"{name}.".startswith(f"{bad}.")], file
    for ground in GROUND:
        assert not any(name.startswith("mockling") for name in imported_at_start(EMULATOR / f"{ground}.py"))
    for file in (EMULATOR / APART).rglob("*.py"):
        ours = [name for name in imported_at_start(file) if name.startswith("mockling")]
        assert all(name.startswith((f"mockling.emulator.{APART}", "mockling.emulator.signs")) for name in ours), file


@pytest.mark.parametrize("room", ["contract", "fixtures", "client", "emulator", "cli"])
def test_no_modules_of_a_room_import_each_other(room: str) -> None:
    """There is an order in which they can be imported, whatever is imported first."""
    files = {
        file: f"mockling.{'.'.join(file.relative_to(ROOT).with_suffix('').parts)}"
        for file in (ROOT / room).rglob("*.py")
    }
    modules = {name: imported_at_start(file) & set(files.values()) - {name} for file, name in files.items()}
    TopologicalSorter(modules).prepare()


WORDS = {*load().model.parameters, *load().model.parameters["elements"]["items"]["properties"]}
WORDS -= {"prompt", "duration", "mode", "elements"}  # words that have other meanings, too
HISTORY = {"_MOVED"}  # tables that tell what was called otherwise before


def spoken(file: Path) -> set[str]:
    """Return the names and texts in a file's code, without what only its readers see."""
    tree = parsed(file)
    told: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            told.add(node.value)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in HISTORY:
            told |= set(ast.walk(node))
    said: set[str] = set()
    for node in set(ast.walk(tree)) - told:
        for part in ("id", "attr", "arg", "name", "value"):
            text = getattr(node, part, None)
            said |= {text} if isinstance(text, str) else set()
    return said


def test_no_code_knows_what_the_models_parameters_mean() -> None:
    """Only a model's file names its parameters or its slug; the code serves whatever there is in it."""
    slug = load().model.slug
    for file in {*EMULATOR.rglob("*.py"), *(ROOT / "contract").rglob("*.py")} - {*SUITE.rglob("*.py")}:
        said = spoken(file)
        assert not [text for text in said for word in WORDS | {slug} if word in text], file
    platform = (ROOT / "contract" / "platform.yaml").read_text("utf-8")
    assert not [word for word in WORDS | {slug} if word in platform]


def test_the_distribution_is_one_package() -> None:
    """`mockling` is a package with a file, or pytest would rewrite a user's own `client` or `cli` as a plugin's."""
    assert importlib.import_module("mockling").__file__
