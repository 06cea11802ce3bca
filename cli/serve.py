"""`mockling serve`: the emulator in the foreground."""

from __future__ import annotations

import gc
import json
import logging
import os
import secrets
import signal
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event
from typing import Any

import click

from mockling.cli import NotUnderstood, told
from mockling.cli import banner as banners
from mockling.cli.announcing import announced, check_place
from mockling.cli.environment import option, wrong
from mockling.cli.lines import Lines
from mockling.cli.logs import FORMS, log
from mockling.cli.settings import FaultText, any_speed, limit, setting
from mockling.contract import ContractError, load
from mockling.emulator import Emulator, FaultError, SettingsError, read_settings

PORT = 8787
LAST_LINES = 0.2  # real seconds for which the end waits for the last lines to be read
MANY_FILES = 20_000
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
PLACE = click.Path(path_type=Path)
CA_FILE = Path("mockling-ca.pem")
CA_BEGINS = "The certificate authority of a Mockling that runs, for tests alone.\n"  # readers of PEM pass over it
READY_BEGINS = '{"url": "http'


@click.command("serve")
@option("--host", callback=setting, help="Address to listen at.  [default: 127.0.0.1]")
@option("--port", type=int, callback=setting, help=f"Port to listen at; 0 takes any free one.  [default: {PORT}]")
@option(
    "--speed",
    callback=any_speed,
    help='Simulated seconds in a real one; 1 is live, or "instant", or "manual".  [default: 100]',
)
@option("--profile", help="How disputed facts are answered: documented or observed.  [default: documented]")
@option("--v1-body", type=click.Choice(["json", "video"]), help="What a successful answer holds (D1).")
@option("--credits", callback=setting, help="US dollars each key starts with.  [default: 100.00]")
@option(
    "--requests-per-minute",
    callback=limit,
    help='Limit of every account in a simulated minute, or "off".  [default: its plan, if any]',
)
@option("--seed", type=int, help="Repeats the ids and latencies of an earlier run.  [default: random]")
@option("--model", "models", multiple=True, type=FILE, help="YAML file of another model to serve; repeatable.")
@option(
    "--strict",
    is_flag=True,
    default=None,
    help="Let every warning fail its generation, but that a URL stands for no file here.",
)
@option("--tls", is_flag=True, default=None, help="Speak HTTPS, with a certificate authority made on the spot.")
@option("--ca-file", type=PLACE, help=f"File to write that authority's certificate to.  [default: {CA_FILE}]")
@option("--tls-cert", type=FILE, help="PEM file of a certificate of your own, to speak HTTPS with.")
@option("--tls-key", type=FILE, help="PEM file of its key.")
@option("--ready-file", type=PLACE, help="File to write the address and a key to, as JSON, once it listens.")
@option(
    "--control-token",
    callback=setting,
    help="What callers of the control API must know; other users see what is on the command line, so better in "
    "MOCKLING_CONTROL_TOKEN.  [default: none on loopback, elsewhere random]",
)
@option("--log", "form", type=click.Choice(FORMS), default="text", help="How calls are told.  [default: text]")
@option(
    "--fault",
    "faults",
    multiple=True,
    type=FaultText(),
    metavar="TEXT",
    help="A planned failure, such as 'on=download cut=0.5' (docs/faults.md); repeatable.",
)
@option("--config", type=FILE, help="TOML file of settings.")
@click.pass_context
@told()
def command(context: click.Context, /, config: Path | None, form: str, ready_file: Path | None, **options: Any) -> None:
    """Run the emulator until Ctrl-C.

    Options override the settings of --config; its keys are in docs/settings.md. Each option may also be given in the
    environment, --ready-file as MOCKLING_READY_FILE and so on, several files with the system's separator of paths
    between them; the command line outweighs that, and that outweighs --config.
    """
    ca_file = options.pop("ca_file")
    idle = _emulator(context, config, _overrides(context, **options))
    ca = _ca_place(context, idle, ca_file)
    if ready_file:
        _check(context, "ready_file", ready_file, READY_BEGINS)
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # the emulator tells of each call itself
    out, calls = Lines(1), log(form)
    _allow_many_connections()
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as files, idle as emulator:
        if ca:
            files.enter_context(announced(ca, f"{CA_BEGINS}Process {os.getpid()}.\n{emulator.ca}"))
        if ready_file:
            told = json.dumps(banners.ready(emulator, ca)) + "\n"
            files.enter_context(announced(ready_file, told, secret=True))
        gc.freeze()  # what is there by now stays; looking through it again and again would delay answers
        out.line(json.dumps(banners.told(emulator, ca)) if form == "json" else banners.banner(emulator, ca))
        while not stop.wait(0.5):  # Windows hears Ctrl-C only in between
            pass
        files.close()
    calls.finish(LAST_LINES)
    out.line(json.dumps({"stopped": True}) if form == "json" else "Stopped.")
    out.finish(LAST_LINES)


def _overrides(
    context: click.Context,
    /,
    v1_body: str | None,
    models: tuple[Path, ...],
    tls: bool | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    **options: Any,
) -> dict[str, Any]:
    """Return the settings that options name; what they leave open is None, or not there."""
    if bool(tls_cert) != bool(tls_key):
        raise wrong(context, "tls_cert" if tls_cert else "tls_key", "--tls-cert and --tls-key go together.")
    return {
        **options,
        "tls": {"cert": tls_cert, "key": tls_key} if tls_cert else tls,
        "answers": {"D1": v1_body} if v1_body else {},
        **({"models": models} if models else {}),
        "faults": options["faults"] or None,
    }


def _ca_place(context: click.Context, emulator: Emulator, given: Path | None) -> Path | None:
    """Return the file for the certificate of an emulator's authority; None if it has none."""
    if emulator.ca is None:
        if given:
            raise wrong(context, "ca_file", "there is an authority only with --tls and no certificate of your own.")
        return None
    _check(context, "ca_file", given or CA_FILE, CA_BEGINS)
    return given or CA_FILE


def _check(context: click.Context, name: str, place: Path, begins: str) -> None:
    try:
        check_place(place, begins)
    except ValueError as error:
        raise wrong(context, name, str(error)) from error


def _emulator(context: click.Context, config: Path | None, overrides: dict[str, Any]) -> Emulator:
    """Return the emulator that was asked for. Raises `ClickException` for what in its settings is not understood."""
    where = f"{config}: " if config else ""
    try:
        settings = read_settings(config, overrides, {"port": PORT, "seed": secrets.randbelow(10**6)})
        return Emulator(settings)
    except SettingsError as error:
        raise NotUnderstood(str(error)) from error
    except FaultError as error:
        raise NotUnderstood(f"{where}{error}") from error
    except ContractError as error:
        _check_profile(context, overrides["profile"])
        raise NotUnderstood(f"{where}{error}") from error


def _check_profile(context: click.Context, profile: str | None) -> None:
    """Raise `BadParameter` if the option --profile names none."""
    try:
        if profile is not None:
            load(profile)
    except ContractError as error:
        raise wrong(context, "profile", str(error)) from error


def _allow_many_connections() -> None:
    """Raise the number of open files to what the system permits, for every held call is one."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if most == resource.RLIM_INFINITY else min(MANY_FILES, most)
    with suppress(ValueError, OSError):  # then it stays as it is
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, wanted), most))
