"""`mockling serve`: the emulator in the foreground."""

from __future__ import annotations

import gc
import logging
import secrets
import signal
import time
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import click

from mockling.cli import NotUnderstood, told
from mockling.cli.lines import Lines
from mockling.cli.money import dollars
from mockling.cli.settings import fault, limit, setting, speed
from mockling.contract import ContractError, load
from mockling.emulator import Emulator, FaultError, SettingsError, read_settings
from mockling.emulator.settings import MANUAL

PORT = 8787
LAST_LINES = 0.2  # real seconds for which the end waits for the last lines to be read
MANY_FILES = 20_000
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("serve")
@click.option("--host", callback=setting, help="Address to listen at.  [default: 127.0.0.1]")
@click.option("--port", type=int, callback=setting, help=f"Port to listen at; 0 takes any free one.  [default: {PORT}]")
@click.option(
    "--speed", callback=speed, help='Simulated seconds in a real one; 1 is live, or "instant".  [default: 100]'
)
@click.option("--profile", help="How disputed facts are answered: documented or observed.  [default: documented]")
@click.option("--v1-body", type=click.Choice(["json", "video"]), help="What a successful answer holds (D1).")
@click.option("--credits", callback=setting, help="US dollars each key starts with.  [default: 100.00]")
@click.option(
    "--requests-per-minute",
    callback=limit,
    help='Limit of every account in a simulated minute, or "off".  [default: its plan, if any]',
)
@click.option("--seed", type=int, help="Repeats the ids and latencies of an earlier run.  [default: random]")
@click.option("--model", "models", multiple=True, type=FILE, help="YAML file of another model to serve; repeatable.")
@click.option(
    "--strict", is_flag=True, help="Let every warning fail its generation, but that a URL stands for no file here."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    callback=fault,
    help="A planned failure, such as 'on=download cut=0.5' (docs/faults.md); repeatable.",
)
@click.option("--config", type=FILE, help="TOML file of settings.")
@told()
def command(v1_body: str | None, models: tuple[Path, ...], strict: bool, config: Path | None, **options: Any) -> None:
    """Run the emulator until Ctrl-C. Options override the settings of --config; its keys are in docs/settings.md."""
    overrides = {
        **options,
        "answers": {"D1": v1_body} if v1_body else {},
        **({"models": models} if models else {}),
        "faults": options["faults"] or None,
        **({"strict": True} if strict else {}),
    }
    ready = _emulator(config, overrides)
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # the emulator tells of each call itself
    out, log = Lines(1), _log()
    _allow_many_connections()
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ready as emulator:
        gc.freeze()  # what is there by now stays; looking through it again and again would delay answers
        out.line(_banner(emulator))
        while not stop.wait(0.5):  # Windows hears Ctrl-C only in between
            pass
    log.finish(LAST_LINES)
    out.line("Stopped.")
    out.finish(LAST_LINES)


class _Lines(logging.Formatter):
    """Log lines with the time of day, which is written out once a second."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging's
        """Return when a record was made."""
        return _time_of_day(int(record.created))


@lru_cache(maxsize=1)
def _time_of_day(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))


def _log() -> Lines:
    """Log to standard error, a line a call; nothing is collected that the line does not show, for it takes time."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = Lines(2)
    handler.setFormatter(_Lines("%(asctime)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    return handler


def _emulator(config: Path | None, overrides: dict[str, Any]) -> Emulator:
    """Return the emulator that was asked for. Raises `ClickException` for what in its settings is not understood."""
    where = f"{config}: " if config else ""
    try:
        settings = read_settings(config, overrides, {"port": PORT, "seed": secrets.randbelow(10**6)})
        if settings.speed == MANUAL:
            raise NotUnderstood(f'{where}The speed "manual" is for Emulator in Python, where time can be advanced.')
        return Emulator(settings)
    except SettingsError as error:
        raise NotUnderstood(str(error)) from error
    except FaultError as error:
        raise NotUnderstood(f"{where}{error}") from error
    except ContractError as error:
        _check_profile(overrides["profile"])
        raise NotUnderstood(f"{where}{error}") from error


def _check_profile(profile: str | None) -> None:
    """Raise `BadParameter` if the option --profile names none."""
    try:
        if profile is not None:
            load(profile)
    except ContractError as error:
        raise click.BadParameter(str(error), param_hint="'--profile'") from error


def _banner(emulator: Emulator) -> str:
    settings, contract, url = emulator.settings, emulator.contract, reachable(emulator.url)
    answers = ", ".join(f"{dispute} {answer}" for dispute, answer in contract.answers.items())
    typical = contract.model.latency(contract.model.example)
    instant = settings.speed == "instant"
    pace = (
        "every response at once" if instant else f"{typical:.0f} s pass in about {typical / float(settings.speed):.1f}"
    )
    limit = settings.requests_per_minute or ("as each account's plan says" if settings.accounts else "off")
    if settings.accounts:
        money, other = "as configured", ""
    else:
        money, other = f"{dollars(settings.credits)} for each key", ", or SG_ and any 16 hex digits"
    lines = [
        f"Mockling listens at {url}",
        f"  key         {emulator.api_key}{other}",
        "              (one that ends in 0401, 0403, 0406, 0429, 0500, 0502 or 0504 always meets that error)",
        f"  speed       {settings.speed if instant else format(settings.speed, 'g')} ({pace})",
        f"  profile     {settings.profile} ({answers})",
        f"  credits     {money}",
        f"  rate limit  {limit}",
        f"  seed        {settings.seed}",
        "In your code, change the address and the key:",
        f"  {contract.document['x-live-origin']}{contract.path('generate')}",
        *(f"  {url}{contract.path('generate', model=slug)}" for slug in contract.models),
        "Stop with Ctrl-C.",
    ]
    if not ip_address(str(urlsplit(emulator.url).hostname)).is_loopback:
        lines.insert(1, "  WARNING     whoever reaches this machine over the network can use it")
    return "\n".join(lines)


def reachable(url: str) -> str:
    """Return an address that works on this machine, for one that may stand for all the addresses it has."""
    parts = urlsplit(url)
    host = ip_address(str(parts.hostname))
    if not host.is_unspecified:
        return url
    return f"{parts.scheme}://{'127.0.0.1' if host.version == 4 else '[::1]'}:{parts.port}"


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
