"""Where a setting comes from: command line, variable, file or default, in this order; and what it cannot be."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest
from test_cli import fails, run

from mockling.emulator import AccountSettings, Settings, SettingsError, read_settings
from mockling.emulator.settings import amount_of

COMMAND_LINE = [
    *("--host", "127.0.0.3", "--port", 3, "--speed", "instant", "--profile", "observed", "--v1-body", "video"),
    *("--credits", "3", "--requests-per-minute", 3, "--seed", 3, "--model", "c.yaml", "--model", "d.yaml", "--strict"),
    *("--control-token", "three", "--fault", "status=503", "--fault", "on=download drop", "--tls"),
]
VARIABLES = {
    "HOST": "127.0.0.2", "PORT": "2", "SPEED": "manual", "PROFILE": "documented", "V1_BODY": "json", "CREDITS": "2",
    "REQUESTS_PER_MINUTE": "off", "SEED": "2", "MODEL": "b.yaml", "STRICT": "0", "CONTROL_TOKEN": "two",
    "FAULT": "status=502", "TLS": "0",
}  # fmt: skip
FILE = """
host = "127.0.0.1"
port = 1
speed = 1
profile = "observed"
credits = "1"
requests_per_minute = 1
seed = 1
models = ["a.yaml"]
strict = true
control_token = "one"
faults = [{status = 501}]
tls = true
answers = {D1 = "video", D7 = "coerced"}
receive_timeout = 9
"""
OF_COMMAND_LINE = {
    "host": "127.0.0.3", "port": 3, "speed": "instant", "profile": "observed", "credits": Decimal(3),
    "requests_per_minute": 3, "seed": 3, "models": (Path("c.yaml"), Path("d.yaml")), "strict": True,
    "control_token": "three", "faults": ({"on": "post", "status": 503}, {"on": "download", "drop": True}), "tls": True,
}  # fmt: skip
OF_VARIABLES = {
    "host": "127.0.0.2", "port": 2, "speed": "manual", "profile": "documented", "credits": Decimal(2),
    "requests_per_minute": "off", "seed": 2, "models": (Path("b.yaml"),), "strict": False, "control_token": "two",
    "faults": ({"on": "post", "status": 502},), "tls": False,
}  # fmt: skip
OF_FILE = {
    "host": "127.0.0.1", "port": 1, "speed": 1, "profile": "observed", "credits": Decimal(1), "requests_per_minute": 1,
    "seed": 1, "models": (Path("a.yaml"),), "strict": True, "control_token": "one", "faults": ({"status": 501},),
    "tls": True,
}  # fmt: skip
OF_DEFAULT = {
    "host": "127.0.0.1", "port": 8787, "speed": 100.0, "profile": "documented", "credits": Decimal(100),
    "requests_per_minute": None, "models": (), "strict": False, "control_token": None, "faults": (), "tls": False,
    "answers": {}, "receive_timeout": 300.0,
}  # fmt: skip


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Settings]:
    """Return the settings that `mockling serve` would begin with."""
    monkeypatch.chdir(tmp_path)
    for name in "abcd":
        Path(f"{name}.yaml").touch()
    Path("m.toml").write_text(FILE)
    found: list[Settings] = []

    def emulator(settings: Settings) -> NoReturn:
        found.append(settings)
        raise SettingsError("enough")

    monkeypatch.setattr("mockling.cli.serve.Emulator", emulator)

    def serve(*options: object, **variables: str) -> Settings:
        fails(run("serve", *options, env={f"MOCKLING_{name}": value for name, value in variables.items()}), code=2)
        return found[-1]

    return serve


def of(settings: Settings, names: dict[str, object]) -> dict[str, object]:
    return {name: getattr(settings, name) for name in names}


def test_each_setting_comes_from_the_nearest_place(served: Callable[..., Settings]) -> None:
    """All settings in all places, and one place less each time; the answers to disputes are put together."""
    config = ("--config", "m.toml")
    settings = served(*config, *COMMAND_LINE, **VARIABLES)
    assert of(settings, OF_COMMAND_LINE) == OF_COMMAND_LINE
    assert settings.answers == {"D1": "video", "D7": "coerced"}
    settings = served(*config, **VARIABLES)
    assert of(settings, OF_VARIABLES) == OF_VARIABLES
    assert settings.answers == {"D1": "json", "D7": "coerced"}
    settings = served(*config)
    assert of(settings, OF_FILE) == OF_FILE
    assert (settings.answers, settings.receive_timeout) == ({"D1": "video", "D7": "coerced"}, 9)
    assert of(served(), OF_DEFAULT) == OF_DEFAULT


def test_the_file_is_named_by_a_variable_too(served: Callable[..., Settings]) -> None:
    """MOCKLING_CONFIG names the file of settings, unless --config names another one."""
    Path("other.toml").write_text("port = 4")
    assert served(CONFIG="m.toml").port == 1
    assert served("--config", "other.toml", CONFIG="m.toml").port == 4


def test_an_empty_variable_is_none(served: Callable[..., Settings]) -> None:
    """A variable that is there and empty says nothing, whatever its option is."""
    settings = served(**dict.fromkeys([*VARIABLES, "CONFIG", "READY_FILE", "CA_FILE", "TLS_CERT", "TLS_KEY"], ""))
    assert of(settings, OF_DEFAULT) == OF_DEFAULT


def test_only_a_port_may_be_the_address_of_a_service(served: Callable[..., Settings]) -> None:
    """Kubernetes puts one into MOCKLING_PORT; in another variable it is a wrong value."""
    assert served(PORT="tcp://10.96.0.7:8787").port == 8787
    fails(run("serve", env={"MOCKLING_SEED": "tcp://10.96.0.7:8787"}), "'MOCKLING_SEED'", "tcp://", code=2)
    fails(run("serve", env={"MOCKLING_PORT": "tcp:8787"}), "'MOCKLING_PORT'", code=2)


def test_without_a_seed_each_run_is_another_one(served: Callable[..., Settings]) -> None:
    """Ids and latencies differ from run to run; the seed is a number of at most six digits, to be typed again."""
    seeds = {served().seed for _ in range(8)}
    assert len(seeds) > 1
    assert all(0 <= seed < 10**6 for seed in seeds)


def test_the_key_is_that_of_the_command_line_or_of_its_variable(tmp_path: Path) -> None:
    """`--api-key` outweighs SEGMIND_API_KEY; a wrong one in either is told alike, without showing it."""
    base = ["wait", "a-1", "-o", tmp_path / "o.mp4", "--base-url", "http://127.0.0.1:9"]
    fails(run(*base, env={"SEGMIND_API_KEY": ""}), "There is no API key")
    fails(run(*base, env={"SEGMIND_API_KEY": "k"}), "Nothing answers")
    fails(run(*base, "--api-key", "k", env={"SEGMIND_API_KEY": "\xe9"}), "Nothing answers")


NAN = float("nan")
WRONG: dict[tuple[str, str], list[object]] = {
    ("speed", "speed must be a number from 0.001"): [True, None, "1", "", "Instant", 0.0009, 1e6 + 1, NAN],
    ("port", "port must be a whole number"): [True, None, "1", 1.0, -1, 65536],
    ("seed", "seed must be a whole number"): [True, None, "1", 1.0],
    ("requests_per_minute", 'a whole number above 0 or "off"'): [True, "1", "OFF", 1.5, 0, -1],
    ("host", "host must be an address"): [None, 5, b"127.0.0.1", ["127.0.0.1"]],
    ("credits", "credits must be an amount"): [True, None, "", "1,5", -0.01, 10**12 + 1, "1e-7", "nan", "inf"],
    ("control_token", "control_token must be a text"): ["", 5, "\xe9", "a\n", b"a"],
    ("strict", "strict must be true or false"): [None, 0, 1, "true"],
    ("receive_timeout", "a number of seconds above 0, up to 86,400"): [True, None, "5", 0, -1, 86_401, NAN],
    ("answers", "answers must be a table"): [None, [], "D1", {1: "json"}],
    ("contract", "contract must be a table"): [None, [], "x", {1: {}}],
    ("inputs", "inputs must be a table"): [None, [], "x", {1: "cat.mp4"}],
    ("inputs", "inputs must name URLs"): [{"ftp://e.com/a": __file__}, {"e.com/a": __file__}],
    ("inputs", "there is no such file"): [{"https://e.com/a": str(Path(__file__).parent)}],
    ("inputs", "inputs must name files"): [{"https://e.com/a": None}],
    ("models", "models must be a list"): [None, "a.yaml", {"a.yaml": 1}],
    ("models", "models must name files"): [[None], [5]],
    ("faults", "faults must be a list"): [None, "status=502", {"status": 502}],
    ("faults", "each of faults must be a table"): [["status=502"], [None]],
    ("accounts", "accounts must be a list"): [None, "k", {"key": "k"}],
    ("accounts", "each [[accounts]] must have a key"): [["k"], [None], [{}], [{"credits": 1}]],
    ("tls", "tls must be true, false, or"): [None, 1, "true", {}, {"cert": "c"}, {"cert": "c", "key": 5}],
}
WRONG_OF_ACCOUNTS: dict[tuple[str, str], list[object]] = {
    ("key", "key must be a text of visible ASCII"): [None, 5, "", "  ", "a\nb", "\xe9", b"a"],
    ("credits", "credits must be an amount"): [None, True, "None", "some", -1],
    ("plan", "plan must be a name"): [5, ["free"], True],
    ("models", "models must be a list of names"): [5, "abc", [5], {"a": 1}],
}


@pytest.mark.parametrize(
    ("kind", "name", "told", "values"),
    [
        *((Settings, name, told, values) for (name, told), values in WRONG.items()),
        *((AccountSettings, name, told, values) for (name, told), values in WRONG_OF_ACCOUNTS.items()),
    ],
)
def test_what_a_setting_cannot_be_is_told_with_its_name(
    kind: Callable[..., Any], name: str, told: str, values: list[object]
) -> None:
    """Each setting takes values of its own kind and within its bounds, and one sentence says which."""
    for value in values:
        given = {"key": "k", name: value} if kind is AccountSettings else {name: value}
        with pytest.raises(SettingsError) as caught:
            kind(**given)
        assert told in str(caught.value), value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("speed", 0.001), ("speed", 1_000_000), ("port", 0), ("port", 65535), ("seed", -1), ("requests_per_minute", 1),
        ("credits", 0), ("credits", 10**12), ("credits", "0.000001"), ("receive_timeout", 0.001),
        ("receive_timeout", 86_400), ("control_token", "~ !"),
    ],
)  # fmt: skip
def test_a_setting_may_be_its_bounds(name: str, value: Any) -> None:
    """The least and the most belong to what may be."""
    assert getattr(Settings(**{name: value}), name) == (Decimal(value) if name == "credits" else value)


def test_an_amount_that_is_added_may_be_less_than_nothing() -> None:
    """What takes money away has the same bounds, and the sentence names them."""
    assert amount_of("amount", -(10**12), least=-(10**12)) == -(10**12)
    for value in (-(10**12) - 1, 10**12 + 1):
        with pytest.raises(SettingsError, match=r"amount must be an amount of US dollars from -10\^12 to 10\^12"):
            amount_of("amount", value, least=-(10**12))
    with pytest.raises(SettingsError, match=r"from 0 to 10\^12, got '9{40}'"):
        amount_of("credits", "9" * 100)


def test_files_are_beside_the_file_that_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs, models and certificates of a settings file are sought beside it, those of an option where it is typed."""
    folder = tmp_path / "settings"
    folder.mkdir()
    (folder / "cat.mp4").touch()
    monkeypatch.chdir(tmp_path)
    text = "models = ['a.yaml']\ntls = {cert = 'c.pem', key = '/k.pem'}\ninputs = {'https://e.com/a' = 'cat.mp4'}"
    (folder / "m.toml").write_text(text)
    settings = read_settings(folder / "m.toml", {})
    assert settings.models == (folder / "a.yaml",)
    assert settings.tls == {"cert": folder / "c.pem", "key": Path("/k.pem")}
    assert settings.inputs == {"https://e.com/a": folder / "cat.mp4"}
    assert read_settings(folder / "m.toml", {"models": (Path("b.yaml"),)}).models == (Path("b.yaml"),)
    for wrong in ("tls = {cert = 5, key = 'k'}", "models = [5]", "inputs = {'https://e.com/a' = 5}"):
        (folder / "m.toml").write_text(wrong)
        with pytest.raises(SettingsError, match=r"m\.toml: \w+ must name files, such as 'cat\.mp4', got 5\.$"):
            read_settings(folder / "m.toml", {})


def test_an_option_outweighs_the_file_also_where_it_is_nothing_much(tmp_path: Path) -> None:
    """False, 0 and an empty list are values; only None is none."""
    (tmp_path / "m.toml").write_text("strict = true\nport = 5\nmodels = ['a.yaml']\nfaults = [{status = 502}]")
    settings = read_settings(tmp_path / "m.toml", {"strict": False, "port": 0, "models": (), "faults": None})
    assert (settings.strict, settings.port, settings.models, settings.faults) == (False, 0, (), ({"status": 502},))
