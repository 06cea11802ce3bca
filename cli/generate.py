"""`mockling generate`: one generation, against any server."""

from __future__ import annotations

import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from mockling.cli import told
from mockling.cli.parameters import chosen, parameter_options
from mockling.cli.waiting import resumable, wait_for, with_progress
from mockling.client import LIVE, ApiError, Client, Job, Video
from mockling.client.video import writable
from mockling.contract import Contract, ContractError, load


@click.command("generate")
@click.argument("prompt")
@click.option("--video-url", required=True, help="The input video, 720 to 2160 pixels wide.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@parameter_options
@click.option("--base-url", default=LIVE, show_default=True, help="The server; the default is live and costs money.")
@click.option("--api-key", help="The API key; by default that in SEGMIND_API_KEY.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=900.0, show_default=True, help="Seconds."
)
@click.option("--async", "asynchronous", is_flag=True, help="Submit a job and poll it, so that it can be resumed.")
@told(ApiError, ValueError)
def command(
    prompt: str,
    video_url: str,
    output: Path,
    base_url: str,
    api_key: str | None,
    timeout: float,
    asynchronous: bool,
    **parameters: Any,
) -> None:
    """Generate a video from PROMPT and the input video, and save it."""
    prepare(output)
    client = Client(api_key, base_url, timeout)
    contract, given = load(), chosen(parameters)
    request = {"prompt": prompt, "video_url": video_url, **given}
    warn(contract, request)
    live = estimate(contract, given)
    click.echo(
        f"Asking {client.base_url}" + (f"; live this is ${live[0]} and about {live[1]:.0f} s" if live else ""), err=True
    )
    if asynchronous:
        job = _submitted(client, request)
        with resumable(job, output, client.base_url):
            click.echo(f"Submitted as request {job.request_id}.", err=True)
            finish(wait_for(job, client.base_url, live and live[1], timeout, None), output)
    else:
        finish(_generated(client, request, live and live[1]), output)


def _generated(client: Client, request: dict[str, Any], expected: float | None) -> Video:
    try:
        return with_progress("generating", expected, lambda: client.generate(**request))
    except KeyboardInterrupt:
        click.echo("Interrupted. The generation may go on and be billed; there is no way to fetch it.", err=True)
        raise click.exceptions.Exit(130) from None


def _submitted(client: Client, request: dict[str, Any]) -> Job:
    try:
        return with_progress("submitting", None, lambda: client.submit(**request))
    except KeyboardInterrupt:
        click.echo("Interrupted. The job may have been submitted, and be billed; its id is not known.", err=True)
        raise click.exceptions.Exit(130) from None


def prepare(output: Path) -> None:
    """Make ready for a call whose video goes to `output`."""
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it would tell of every attempt to connect
    check_writable(output)


def finish(video: Video, output: Path) -> None:
    """Save a video and say what it took."""
    save(video, output, f"It is at {video.url} for now." if video.url else "It is lost.")
    click.echo(f"Saved {output} ({output.stat().st_size:,} bytes). {paid(video)}")


def check_writable(output: Path) -> None:
    """Refuse a file that could not be written later, when the video would have been paid for."""
    try:
        writable(output)
    except OSError as error:
        raise click.ClickException(f"{error.strerror}. Nothing was sent.") from error


def save(video: Video, output: Path, where: str) -> None:
    """Save a video; if that fails, say why, and `where` it still is."""
    try:
        video.save(output)
    except (OSError, ApiError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).rstrip(".")
        raise click.ClickException(
            f"The video was generated (request {video.request_id}) but not saved as {output}: {reason}. {where}"
        ) from error


def warn(contract: Contract, request: dict[str, Any]) -> None:
    """Tell what in a request is probably a mistake; whether it is valid is the server's to say."""
    if not contract.violations(request):
        for finding in contract.findings(request):
            click.echo(f"Warning: {finding}", err=True)


def estimate(contract: Contract, given: dict[str, Any]) -> tuple[Decimal, float] | None:
    """Return the dollars and the average seconds of a live call; None if its parameters are not in order."""
    full = {**contract.defaults, **given}
    try:
        return contract.price(full["mode"], full["duration"]), contract.latency(full["mode"], full["duration"])
    except ContractError:
        return None


def paid(video: Video) -> str:
    """Say what a video took."""
    parts = [
        f"{video.seconds:.1f} s" if video.seconds is not None else "",
        f"${video.cost}" if video.cost is not None else "",
        f"${video.remaining_credits} left" if video.remaining_credits is not None else "",
        f"request {video.request_id}" if video.request_id else "",
    ]
    return ", ".join(part for part in parts if part)
