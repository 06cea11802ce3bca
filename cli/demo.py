"""`mockling demo`: the main job, start to finish, offline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from mockling import fixtures
from mockling.cli import told
from mockling.cli.generate import estimate, warn
from mockling.cli.money import dollars
from mockling.cli.naming import suggested
from mockling.cli.output import Output, output_options
from mockling.cli.parameters import chosen, parameter_options
from mockling.cli.settings import speed as speed
from mockling.cli.waiting import with_progress
from mockling.client import ApiError, Client, Video
from mockling.emulator import Emulator
from mockling.emulator.platform.inputs import BUNDLED

PROMPT = "Let it snow over the hills at dusk"
DEFAULT = "mockling-demo.mp4"


@click.command("demo")
@click.option("--video", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Your own input video.")
@click.option("--prompt", default=PROMPT, show_default=True, help="What to make of it.")
@parameter_options
@click.option(
    "--speed", callback=speed, default="100", show_default=True, help='Simulated seconds in a real one, or "instant".'
)
@output_options(DEFAULT)
@told(ApiError, ValueError)
def command(
    video: Path | None, prompt: str, speed: float | str, output: Output | None, force: bool, **parameters: Any
) -> None:
    """Turn a video into another through an emulator started for the purpose: no network, no key, no money."""
    output = output or Output(Path(DEFAULT), replace=True)
    output.check(force)
    source = video or fixtures.input_clip("valid")
    output.tell(f"input     {source.name}: {_probed(source)}")
    url = BUNDLED.format(name=quote(source.stem))
    given = {"prompt": prompt, **chosen(parameters)}
    try:
        with Emulator(speed=speed, inputs={url: source}) as emulator:
            model = emulator.contract.model
            full = {**model.defaults, **given}
            output.tell("request   " + ", ".join(f"{name} {value!r}" for name, value in full.items()))
            output.tell(f"emulator  {emulator.url}, speed {speed if isinstance(speed, str) else format(speed, 'g')}")
            warn(model, {"video_url": url, **given})
            live = estimate(model, given)
            typical = live[1] / speed if live and isinstance(speed, float) else None
            client = Client(emulator.api_key, emulator.url)
            started = time.monotonic()
            made = with_progress("waiting", typical, lambda: client.generate(video_url=url, **given))
            waited = time.monotonic() - started
            with output.written(made, "Make room, or choose another --output, and run it again.") as file:
                found = _probed(file)
    except KeyboardInterrupt:
        click.echo("Interrupted; nothing was written.", err=True)
        raise click.exceptions.Exit(130) from None
    _report(made, waited, output, found)


def _report(made: Video, waited: float, output: Output, found: str) -> None:
    assert made.cost is not None and made.seconds is not None
    output.tell(f"output    {found}")
    output.tell(f"live      would have cost {dollars(made.cost)} and taken {made.seconds:.0f} s")
    output.tell(f"here      it cost nothing and took {waited:.1f} s")
    output.tell("note      it is a bundled clip, cut to measure: of the input only width and sound count")
    output.tell(f"saved     {output.path.absolute() if output.path else output}")
    output.tell(f"\nNext: `{suggested('serve')}` keeps an emulator running for your own code.")


def _probed(path: Path) -> str:
    probe = fixtures.probe(path)
    sound = "with sound" if probe.audio else "no sound"
    return f"{probe.width}x{probe.height} pixels, {probe.seconds:.2f} s, {probe.frames} frames, {sound}"
