"""Settings: what can be set, and how a wrong setting is told."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from calling import SLUG

from mockling import fixtures
from mockling.contract import ContractError
from mockling.emulator import AccountSettings, Emulator, Settings, SettingsError, read_settings
from mockling.emulator.settings import amount_of, changed

WHOLE = f"""
host = "127.0.0.1"
port = 9000
speed = "instant"
profile = "observed"
credits = "12.345"
requests_per_minute = 60
seed = 7
strict = true
models = []

[answers]
D7 = "coerced"

[[accounts]]
key = "SG_0123456789abcdef"
credits = 5.10
plan = "free"
models = ["{SLUG}"]

[inputs]
"https://cdn.example.com/cat.mp4" = "cat.mp4"

[contract.x-models.{SLUG}.latency]
spread = 0.3
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Write a settings file, with an input beside it."""
    (tmp_path / "cat.mp4").write_bytes(fixtures.input_clip("valid").read_bytes())

    def writer(text: str | bytes) -> Path:
        path = tmp_path / "mockling.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return writer


def test_a_file_can_set_everything(write: Any, tmp_path: Path) -> None:
    """Every setting can stand in a TOML file; money is exact, and paths are relative to the file."""
    assert read_settings(write(WHOLE), {}) == Settings(
        port=9000,
        speed="instant",
        profile="observed",
        credits=Decimal("12.345"),
        requests_per_minute=60,
        seed=7,
        strict=True,
        answers={"D7": "coerced"},
        accounts=(
            AccountSettings(
                key="SG_0123456789abcdef",
                credits=Decimal("5.1"),
                plan="free",
                models=(SLUG,),
            ),
        ),
        inputs={"https://cdn.example.com/cat.mp4": tmp_path / "cat.mp4"},
        contract={"x-models": {SLUG: {"latency": {"spread": 0.3}}}},
    )
    with Emulator(read_settings(write(WHOLE), {"port": 0})) as emulator:
        assert emulator.contract.answers["D7"] == "coerced"


def test_an_option_overrides_the_file_and_the_file_the_default(write: Any) -> None:
    """What is given outweighs the file, the file the defaults; None is not given; answers are merged."""
    given = {"port": 1234, "seed": None, "answers": {"D1": "json"}}
    settings = read_settings(write(WHOLE), given, {"seed": 99, "host": "127.0.0.2"})
    assert (settings.port, settings.seed, settings.host) == (1234, 7, "127.0.0.1")
    assert settings.answers == {"D7": "coerced", "D1": "json"}
    assert read_settings(None, {}, {"seed": 99}).seed == 99
    assert read_settings(None, {}) == Settings()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("spede = 5", "There is no setting 'spede'; there is host, port, speed"),
        ("speed = 0", 'speed must be a number from 0.001 to 1,000,000, "instant" or "manual", got 0'),
        ("speed = true", "got True"),
        ("speed = 'fast'", "got 'fast'"),
        ("speed = nan", "got nan"),
        ("port = 70000", "port must be a whole number from 0 (any free one) to 65535, got 70000"),
        ("seed = 1.5", "seed must be a whole number, got 1.5"),
        ("requests_per_minute = 0", 'requests_per_minute must be a whole number above 0 or "off", got 0'),
        ("credits = -1", "credits must be an amount of US dollars from 0 to 10^12, got '-1'"),
        ("credits = 'many'", "got 'many'"),
        ("credits = nan", "got 'nan'"),
        ("credits = 1e400", "got 'inf'"),
        ("credits = '1e30'", "got '1e30'"),
        ("credits = '0.0000001'", "from 0 to 10^12"),
        ("[[accounts]]\nkey = 'a'\nplan = ['x']", "plan must be a name"),
        ("[[accounts]]\nkey = 'a'\nmodels = 5", "models must be a list of names"),
        ("answers = 5", "answers must be a table, [answers], got 5"),
        ("[[accounts]]\ncredits = 1", "each [[accounts]] must have a key"),
        ("accounts = [1]", "each [[accounts]] must have a key"),
        ("host = 5", 'host must be an address such as "127.0.0.1", got 5'),
        ("[[accounts]]\nkey = 'a'\nmodels = 'abc'", "models must be a list of names, got 'abc'"),
        ("accounts = 1", "accounts must be a list, got 1"),
        ("[[accounts]]\nkey = ''", "key must be a text"),
        ("[[accounts]]\nkey = 'a'\ncoins = 1", "There is no setting of an account 'coins'; there is key, credits"),
        ("[inputs]\n'https://e.com/a' = 'none.mp4'", "but there is no such file"),
        ("[inputs]\n'https://e.com/a' = 5", "inputs must name files"),
        ("[inputs]\ncat = 'cat.mp4'", "inputs must name URLs"),
        ("[[accounts]]\nkey = 'a'\n[[accounts]]\nkey = 'a'", "accounts must have different keys"),
        ("models = 'my-model.yaml'", "models must be a list, got 'my-model.yaml'"),
        ("models = [5]", "models must name files, such as 'cat.mp4', got 5"),
        ("strict = 'yes'", "strict must be true or false, got 'yes'"),
        ("[[accounts]]\nkey = 'a'\ncredits = 'some'", "credits must be an amount of US dollars from 0 to 10^12"),
        ("[[accounts]]\nkey = 'a\u00e9'", "key must be a text of visible ASCII characters"),
        ("speed = ", "is no TOML file"),
        (b"\xff\xfe", "is no TOML file"),
    ],
)
def test_a_wrong_setting_is_told_with_its_file(write: Any, text: str | bytes, told: str) -> None:
    """One sentence names the setting, what it may be, and the file it stands in."""
    with pytest.raises(SettingsError) as caught:
        read_settings(write(text), {})
    assert told in str(caught.value)
    assert "mockling.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("speed", [0.001, 1, 1_000_000], [0.0009, 1_000_001, float("inf"), "1", None]),
        ("port", [0, 65535], [-1, 65536, 1.0, True, "80"]),
        ("requests_per_minute", [1, "off", None], [0, -1, 1.5, True, "none"]),
        ("receive_timeout", [0.001, 86_400], [0, -1, 86_400.1, True, float("nan"), "5"]),
        ("credits", [0, "0.000001", 10**12, 0.1], [-1, "0.0000001", 10**12 + 1, "1e12.1", "x", None]),
        ("seed", [0, -1, 2**70], [0.0, True, "1", None]),
        ("host", ["::1"], [5, None]),
        ("strict", [True], [1, None, "yes"]),
        ("control_token", ["t", None], ["", "\u00e9", "a\nb", 5]),
        ("tls", [True, {"cert": "c", "key": "k"}], [{"cert": "c"}, {"cert": "c", "key": 5}, "yes", None, {}]),
        ("answers", [{}], [{1: "x"}, "D1", None]),
        ("contract", [{}], [{1: 2}, [], None]),
        ("models", [()], [5, "a.yaml"]),
        ("faults", [()], ["drop", [5]]),
        ("accounts", [()], [5, [{"credits": 5}], [{"key": " "}], [{"key": "a\n"}], [{"key": 5}]]),
        ("inputs", [{}], [{"ftp://e.com/a": "b"}, {"https://e.com/a": "none.mp4"}, {"https://e.com/a": 5}]),
    ],
)
def test_the_bounds_of_each_setting(name: str, good: list[Any], bad: list[Any]) -> None:
    """At its bounds a value is taken, beyond them it is refused by its name."""
    for value in good:
        assert name in vars(Settings(**{name: value}))
    for value in bad:
        with pytest.raises(SettingsError, match={"accounts": "account|^key must"}.get(name, name)):
            Settings(**{name: value})


def test_what_is_taken_is_kept_exactly(tmp_path: Path) -> None:
    """Money as the decimal that was written, lists as tuples, names of files as paths; what is none stays so."""
    file = tmp_path / "a"
    file.touch()
    settings = Settings(
        credits=0.1,  # type: ignore[arg-type]
        accounts=[{"key": "k", "credits": 0.3, "models": ["m"]}, AccountSettings(key="l")],  # type: ignore[arg-type]
        models=["m.yaml"],  # type: ignore[arg-type]
        inputs={"HTTPS://e.com/a": str(file)},  # type: ignore[dict-item]
        tls={"cert": "c", "key": "k"},  # type: ignore[dict-item]
        faults=[{"drop": True}],  # type: ignore[arg-type]
    )
    assert settings.credits == Decimal("0.1")
    assert settings.accounts == (
        AccountSettings(key="k", credits=Decimal("0.3"), models=("m",)),
        AccountSettings(key="l"),
    )
    assert (settings.models, settings.faults) == ((Path("m.yaml"),), ({"drop": True},))
    assert settings.inputs == {"HTTPS://e.com/a": file}
    assert settings.tls == {"cert": Path("c"), "key": Path("k")}
    assert AccountSettings(key="k") == AccountSettings(key="k", credits=Decimal(100), plan=None, models=None)
    defaults = Settings()
    assert (defaults.host, defaults.port, defaults.speed, defaults.profile, defaults.seed) == (
        "127.0.0.1", 0, 100, "documented", 0,
    )  # fmt: skip
    assert (defaults.credits, defaults.receive_timeout, defaults.strict, defaults.tls) == (100, 300, False, False)


def test_files_are_beside_the_settings_and_what_is_given_outweighs_them(write: Any, tmp_path: Path) -> None:
    """A certificate, too, is relative to the file; a table that is given replaces the file's but for answers."""
    path = write("tls = {cert = 'c.pem', key = 'sub/k.pem'}\n[contract.x-limits]\nbody_bytes = 1\n")
    assert read_settings(path, {}).tls == {"cert": tmp_path / "c.pem", "key": tmp_path / "sub/k.pem"}
    assert read_settings(path, {"contract": {"a": 1}, "strict": False}, {"strict": True}).contract == {"a": 1}
    assert read_settings(path, {"strict": False}, {"strict": True}).strict is False
    with pytest.raises(SettingsError, match=r"tls must name files, such as 'cat.mp4', got 5\.$"):
        read_settings(write("tls = {cert = 5, key = 'k'}"), {})


@pytest.mark.parametrize(
    ("amount", "least", "good"),
    [
        ("-1", -(10**12), True),
        (-(10**12), -(10**12), True),
        (-(10**12) - 1, -(10**12), False),
        ("-0.1", 0, False),
    ],
)
def test_an_amount_that_may_be_negative_has_its_bound(amount: Any, least: int, good: bool) -> None:
    """What is added to an account may be taken away, within the bound that the sentence names."""
    if good:
        assert amount_of("credits", amount, least) == Decimal(amount)
        return
    with pytest.raises(SettingsError, match=rf"from {'-10.12' if least else '0'} to 10\^12"):
        amount_of("credits", amount, least)


def test_a_change_of_no_settings_is_one_of_the_defaults() -> None:
    """A field that is replaced stands among those of the settings, or of the defaults; an unknown one is told."""
    assert changed(None, {"seed": 5}) == Settings(seed=5)
    assert changed(Settings(port=5), {"seed": 5}) == Settings(seed=5, port=5)
    with pytest.raises(SettingsError, match="There is no setting 'sede'; there is host, port"):
        changed(None, {"sede": 5})


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A missing file is told by its name."""
    with pytest.raises(SettingsError, match=r"Cannot read .*none\.toml: No such file"):
        read_settings(tmp_path / "none.toml", {})


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"profile": "live"}, "no profile 'live'"),
        ({"answers": {"D1": "xml"}}, "no answer to D1 'xml'"),
        ({"contract": {"x-models": {SLUG: {"latency": {"bass": 1}}}}}, "no 'bass'"),
        ({"contract": {"x-latency": {"spread": 0}}}, rf"moved; it is .*: x-models\.{SLUG}\.latency"),
        ({"contract": {"paths": {}}}, "'paths' of the contract cannot be changed"),
        ({"models": ["none.yaml"]}, r"Cannot read none\.yaml"),
        ({"accounts": (AccountSettings(key="k", plan="gold"),)}, "no plan 'gold'; there is free, pro"),
    ],
)
def test_a_choice_the_contract_does_not_have_is_told(settings: dict[str, Any], told: str) -> None:
    """An emulator with a profile, answer, change or plan that does not exist is not made."""
    with pytest.raises(ContractError, match=told):
        Emulator(**settings)


def test_accounts_may_be_tables_and_one_may_have_no_balance() -> None:
    """In Python, too, an account may be a table; the one without a balance record stays without one."""
    settings = Settings(accounts=[{"key": "a", "credits": "none"}, {"key": "b", "models": [SLUG]}])
    assert settings.accounts == (AccountSettings(key="a", credits="none"), AccountSettings(key="b", models=(SLUG,)))


def test_the_files_of_models_are_beside_the_settings(write: Any, tmp_path: Path) -> None:
    """A model's file in a settings file is relative to it."""
    assert read_settings(write("models = ['a.yaml']"), {}).models == (tmp_path / "a.yaml",)


def test_accounts_may_be_tables() -> None:
    """In Python an account may be written as in a settings file, and what it cannot be is told as there."""
    emulator = Emulator(accounts=[{"key": "my key", "credits": "5"}])
    assert emulator.settings.accounts == (AccountSettings(key="my key", credits="5"),)
    with pytest.raises(SettingsError, match="no setting of an account 'kee'"):
        Emulator(accounts=[{"key": "a", "kee": "b"}])
    with pytest.raises(SettingsError, match="must have a key"):
        Emulator(accounts=[{"credits": "5"}])
