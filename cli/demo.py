"""`mockling demo`: the main job, start to finish, offline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from mockling import fixtures
from mockling.cli import told
from mockling.cli.generate import check_writable, estimate, save, warn
from mockling.cli.parameters import chosen, parameter_options
from mockling.cli.parameters import speed as speed
from mockling.cli.waiting import with_progress
from mockling.client import ApiError, Client, Video
from mockling.emulator import Emulator
from mockling.emulator.inputs import BUNDLED

PROMPT = "Let it snow over the hills at dusk"


@click.command("demo")
@click.option("--video", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Your own input video.")
@click.option("--prompt", default=PROMPT, show_default=True, help="What to make of it.")
@parameter_options
@click.option(
    "--speed", callback=speed, default="100", show_default=True, help='Simulated seconds in a real one, or "instant".'
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("mockling-demo.mp4"),
    show_default=True,
    help="File to write.",
)
@told(ApiError, ValueError)
def command(video: Path | None, prompt: str, speed: float | str, output: Path, **parameters: Any) -> None:
    """Turn a video into another through an emulator started for the purpose: no network, no key, no money."""
    check_writable(output)
    source = video or fixtures.input_clip("valid")
    click.echo(f"input     {source.name}: {_probed(source)}")
    url = BUNDLED.format(name=quote(source.stem))
    given = {"prompt": prompt, **chosen(parameters)}
    try:
        with Emulator(speed=speed, inputs={url: source}) as emulator:
            full = {**emulator.contract.defaults, **given}
            click.echo("request   " + ", ".join(f"{name} {value!r}" for name, value in full.items()))
            click.echo(f"emulator  {emulator.url}, speed {speed if isinstance(speed, str) else format(speed, 'g')}")
            warn(emulator.contract, {"video_url": url, **given})
            live = estimate(emulator.contract, given)
            typical = live[1] / speed if live and isinstance(speed, float) else None
            client = Client(emulator.api_key, emulator.url)
            started = time.monotonic()
            made = with_progress("waiting", typical, lambda: client.generate(video_url=url, **given))
            waited = time.monotonic() - started
            save(made, output, "Make room, or choose another --output, and run it again.")
    except KeyboardInterrupt:
        click.echo("Interrupted; nothing was written.", err=True)
        raise click.exceptions.Exit(130) from None
    _report(made, waited, output)


def _report(made: Video, waited: float, output: Path) -> None:
    click.echo(f"output    {_probed(output)}")
    click.echo(f"live      would have cost ${made.cost} and taken {made.seconds:.0f} s")
    click.echo(f"here      it cost nothing and took {waited:.1f} s")
    click.echo("note      it is a bundled clip, cut to measure: of the input only width and sound count")
    click.echo(f"saved     {output.absolute()}")
    click.echo("\nNext: `mockling serve` keeps an emulator running for your own code.")


def _probed(path: Path) -> str:
    probe = fixtures.probe(path)
    sound = "with sound" if probe.audio else "no sound"
    return f"{probe.width}x{probe.height} pixels, {probe.seconds:.2f} s, {probe.frames} frames, {sound}"
