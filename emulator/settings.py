"""Settings: everything about an emulator that its user may choose."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal

INSTANT: Literal["instant"] = "instant"
MANUAL: Literal["manual"] = "manual"
Speed = float | Literal["instant", "manual"]
OFF: Literal["off"] = "off"
SLOWEST, FASTEST = 0.001, 1_000_000  # simulated seconds in a real one
NO_BALANCE: Literal["none"] = "none"
LONGEST_WAIT = 86_400  # seconds
MOST_MONEY = 10**12  # US dollars


class SettingsError(ValueError):
    """A setting is unknown or has a value it cannot have; the message says which, and what it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """An account that exists from the start.

    `key` is its API key (any text), `credits` its balance in US dollars ("none": it has no balance record, G19), `plan`
    a plan of the contract, whose requests per minute then hold (none: no limit), `models` the models it may call (None:
    all).
    """

    key: str
    credits: Decimal | Literal["none"] = Decimal("100.00")
    plan: str | None = None
    models: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.key, str) and self.key.isprintable() and self.key.isascii() and self.key.strip()):
            raise SettingsError("key must be a text of visible ASCII characters; such as SG_0123456789abcdef.")
        if self.credits != NO_BALANCE:
            object.__setattr__(self, "credits", amount_of("credits", self.credits))
        if not isinstance(self.plan, str | None):
            raise SettingsError(f"plan must be a name, got {self.plan!r}.")
        if self.models is not None:
            is_list = isinstance(self.models, list | tuple)
            if not (is_list and all(isinstance(model, str) for model in self.models)):
                raise SettingsError(f"models must be a list of names, got {self.models!r}.")
            object.__setattr__(self, "models", tuple(self.models))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an emulator is to be like.

    - `host`: the address to listen on; only callers of this machine reach the default.
    - `port`: the TCP port; 0 takes any free one.
    - `speed`: simulated seconds that pass in a real one; "instant" answers without waiting; with "manual" time passes
      only by `Emulator.clock.advance(seconds)`.
    - `profile`: the answers to everything the sources dispute, "documented" or "observed".
    - `answers`: single answers that differ from the profile, such as `{"D1": "video"}`.
    - `contract`: a JSON merge patch on the contract's document, for what is only assumed there.
    - `credits`: US dollars that a key starts with if no account is configured.
    - `requests_per_minute`: the limit of every account; "off" for none; None for each account's plan.
    - `seed`: the same seed and the same requests give the same ids, latencies and videos.
    - `accounts`: the accounts there are, as `AccountSettings` or as tables with their fields; none: every key of the
      documented shape is one.
    - `inputs`: files that stand behind URLs, for nothing is fetched from the network.
    - `models`: files with further models to serve; docs/models.md shows how to write one.
    - `receive_timeout`: real seconds within which the head of a request, and then its body, must have come.
    - `faults`: failures that are planned from the start, as tables; docs/faults.md has their words.
    - `control_token`: what callers of the control API must know; None: nothing on loopback, a random text elsewhere.
    - `strict`: whether every warning fails its generation, but the note that a URL stands for no file here.
    - `tls`: whether HTTPS is spoken, with an authority made on the spot (`Emulator.ca`), which needs the extra
      `mockling[tls]`; or the PEM files of a certificate of one's own, `{"cert": "cert.pem", "key": "key.pem"}`.

    Raises `SettingsError` for a value that cannot be.
    """

    host: str = "127.0.0.1"
    port: int = 0
    speed: Speed = 100.0
    profile: str = "documented"
    answers: Mapping[str, str] = field(default_factory=dict)
    contract: Mapping[str, Any] = field(default_factory=dict)
    credits: Decimal = Decimal("100.00")
    requests_per_minute: int | Literal["off"] | None = None
    seed: int = 0
    accounts: tuple[AccountSettings, ...] = ()
    inputs: Mapping[str, Path] = field(default_factory=dict)
    models: tuple[Path, ...] = ()
    strict: bool = False
    receive_timeout: float = 300.0
    faults: tuple[Mapping[str, Any], ...] = ()
    control_token: str | None = None
    tls: bool | Mapping[str, Path] = False

    def __post_init__(self) -> None:
        if self.speed not in (INSTANT, MANUAL) and not (_is_number(self.speed) and SLOWEST <= self.speed <= FASTEST):
            raise SettingsError(
                f'speed must be a number from {SLOWEST} to {FASTEST:,}, "instant" or "manual", got {self.speed!r}.'
            )
        limit = self.requests_per_minute
        if limit not in (None, OFF) and not (_is_whole(limit) and int(limit or 0) > 0):
            raise SettingsError(f'requests_per_minute must be a whole number above 0 or "off", got {limit!r}.')
        if not (_is_whole(self.port) and 0 <= self.port <= 65535):
            raise SettingsError(f"port must be a whole number from 0 (any free one) to 65535, got {self.port!r}.")
        if not isinstance(self.host, str):
            raise SettingsError(f'host must be an address such as "127.0.0.1", got {self.host!r}.')
        if not _is_whole(self.seed):
            raise SettingsError(f"seed must be a whole number, got {self.seed!r}.")
        object.__setattr__(self, "credits", amount_of("credits", self.credits))
        token = self.control_token
        if token is not None and not (isinstance(token, str) and token.isascii() and token.isprintable() and token):
            raise SettingsError("control_token must be a text of visible ASCII characters.")
        if not isinstance(self.strict, bool):
            raise SettingsError(f"strict must be true or false, got {self.strict!r}.")
        if not (_is_number(self.receive_timeout) and 0 < self.receive_timeout <= LONGEST_WAIT):
            raise SettingsError(
                f"receive_timeout must be a number of seconds above 0, up to {LONGEST_WAIT:,}, "
                f"got {self.receive_timeout!r}."
            )
        _check_tables({"answers": self.answers, "contract": self.contract, "inputs": self.inputs})
        object.__setattr__(self, "accounts", tuple(_account(entry) for entry in _list("accounts", self.accounts)))
        object.__setattr__(self, "inputs", {url: _file(path) for url, path in self.inputs.items()})
        object.__setattr__(self, "models", tuple(_model(path) for path in _list("models", self.models)))
        object.__setattr__(self, "faults", tuple(_fault(table) for table in _list("faults", self.faults)))
        object.__setattr__(self, "tls", _tls(self.tls))
        _check_accounts(self.accounts)
        _check_inputs(self.inputs)


def _check_tables(tables: Mapping[str, object]) -> None:
    for name, table in tables.items():
        if not (isinstance(table, Mapping) and all(isinstance(key, str) for key in table)):
            raise SettingsError(f"{name} must be a table whose names are texts, got {table!r}.")


def _check_accounts(accounts: Iterable[AccountSettings]) -> None:
    keys = [account.key for account in accounts]
    if len(keys) != len(set(keys)):
        raise SettingsError("accounts must have different keys; one stands there twice.")


def _check_inputs(inputs: Mapping[str, Path]) -> None:
    for url, path in inputs.items():
        if not url.lower().startswith(("http://", "https://")):
            raise SettingsError(f"inputs must name URLs, such as 'https://cdn.example.com/cat.mp4', got {url!r}.")
        if not path.is_file():
            raise SettingsError(f"inputs names the file {str(path)!r} for {url}, but there is no such file.")


def changed(settings: Settings | None, changes: Mapping[str, Any]) -> Settings:
    """Return settings (None: the default ones) with fields replaced. Raises `SettingsError` for one there is not."""
    _check_names(changes, Settings, "setting")
    return replace(settings or Settings(), **changes)


def read_settings(
    path: Path | None, overrides: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> Settings:
    """Return the settings of a TOML file (None: none), changed by `overrides` whose value is not None.

    `defaults` stand in for what neither names.

    The file has the fields of `Settings` as its keys, accounts as `[[accounts]]` tables; paths in `[inputs]` are
    relative to the file. `answers` are merged, the rest is replaced. Raises `SettingsError` with the reason if the file
    cannot be read, is no TOML, or holds a setting that does not exist or cannot be.
    """
    values = {**(defaults or {}), **(_read_toml(path) if path else {})}
    where = f"{path}: " if path else ""
    try:
        _check_names(values, Settings, "setting")
        if path and "inputs" in values:
            values["inputs"] = {url: _beside(path, "inputs", file) for url, file in _table(values, "inputs").items()}
        for name in ("answers", "contract"):
            values[name] = _table(values, name)
        if path and "models" in values:
            values["models"] = [_beside(path, "models", file) for file in _list("models", values["models"])]
        if path and isinstance(values.get("tls"), dict):
            values["tls"] = {part: _beside(path, "tls", file) for part, file in values["tls"].items()}
        given = {name: value for name, value in overrides.items() if value is not None}
        answers = {**values["answers"], **given.pop("answers", {})}
        return Settings(**{**values, **given, "answers": answers})
    except SettingsError as error:
        raise SettingsError(f"{where}{str(error).rstrip('.')}.") from error


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise SettingsError(f"{path} is no TOML file: {error}.") from error


def _beside(settings: Path, name: str, file: object) -> Path:
    if not isinstance(file, str):
        raise SettingsError(f"{name} must name files, such as 'cat.mp4', got {file!r}")
    return settings.parent / file


def _list(name: str, value: object) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise SettingsError(f"{name} must be a list, got {value!r}")
    return list(value)


def _model(path: object) -> Path:
    if not isinstance(path, str | Path):
        raise SettingsError(f"models must name files, such as 'my-model.yaml', got {path!r}")
    return Path(path)


def _file(path: object) -> Path:
    if not isinstance(path, str | Path):
        raise SettingsError(f"inputs must name files, such as 'cat.mp4', got {path!r}.")
    return Path(path)


def _fault(table: object) -> Mapping[str, Any]:
    if not isinstance(table, Mapping):
        raise SettingsError(f"each of faults must be a table, such as {{'status': 502}}, got {table!r}")
    return table


def _tls(value: object) -> bool | dict[str, Path]:
    if isinstance(value, bool):
        return value
    files = dict(value) if isinstance(value, Mapping) else {}
    if files.keys() != {"cert", "key"} or not all(isinstance(file, str | Path) for file in files.values()):
        raise SettingsError(f'tls must be true, false, or {{cert = "cert.pem", key = "key.pem"}}, got {value!r}.')
    return {part: Path(file) for part, file in files.items()}


def _account(entry: Any) -> AccountSettings:
    if isinstance(entry, AccountSettings):
        return entry
    if not isinstance(entry, Mapping) or "key" not in entry:
        raise SettingsError("each [[accounts]] must have a key, such as key = 'SG_0123456789abcdef'")
    _check_names(entry, AccountSettings, "setting of an account")
    return AccountSettings(**entry)


def _check_names(values: Mapping[str, Any], kind: type[Settings | AccountSettings], what: str) -> None:
    known = [one.name for one in fields(kind)]
    for name in values:
        if name not in known:
            raise SettingsError(f"There is no {what} {name!r}; there is {', '.join(known)}")


def _table(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = values.get(name, {})
    if not isinstance(table, Mapping):
        raise SettingsError(f"{name} must be a table, [{name}], got {table!r}")
    return dict(table)


def amount_of(name: str, value: object, least: int = 0) -> Decimal:
    """Return an amount of US dollars, at least so many. Raises `SettingsError` for what is none."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("nan")
    if not (amount.is_finite() and least <= amount <= MOST_MONEY and amount == round(amount, 6)):
        raise SettingsError(
            f"{name} must be an amount of US dollars from {least and '-10^12'} to 10^12, got {str(value)[:40]!r}."
        )
    return amount


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
