"""`mockling generate`: one generation, against any server."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

import click

from mockling.cli import told
from mockling.cli.asking import Asked, model_asked
from mockling.cli.connecting import connection_options
from mockling.cli.money import dollars
from mockling.cli.output import Output, output_options
from mockling.cli.parameters import MODEL, chosen, joined, named, parameter_options
from mockling.cli.waiting import resumable, wait_for, with_progress
from mockling.client import ApiError, Client, Job, Video
from mockling.contract import ContractError, Model


@click.command("generate")
@click.argument("prompt", required=False)
@click.option("--video-url", help="The input video, 720 to 2160 pixels wide.  [required by the default model]")
@output_options()
@parameter_options
@click.option(
    "--model",
    "asked",
    metavar="SLUG|FILE",
    callback=model_asked,
    default=MODEL,
    show_default=True,
    help="The model, by its name in the address or its YAML file; only the default needs PROMPT and --video-url.",
)
@click.option(
    "-p",
    "--parameter",
    "more",
    metavar="NAME=VALUE",
    multiple=True,
    callback=named,
    help="Any other parameter; what is no JSON is text (null: left out). Repeatable.",
)
@connection_options("The server; the default is live and costs money.", "The API key")
@click.option("--async", "asynchronous", is_flag=True, help="Submit a job and poll it, so that it can be resumed.")
@click.pass_context
@told(ApiError)
def command(
    context: click.Context,
    /,
    output: Output,
    force: bool,
    asked: Asked,
    more: dict[str, Any],
    base_url: str,
    api_key: str | None,
    timeout: float,
    asynchronous: bool,
    **parameters: Any,
) -> None:
    """Generate a video from PROMPT and the input video, and save it."""
    request = joined(chosen(parameters), more)
    if asked.slug == MODEL:
        _require(context, request, "prompt", "video_url")
    client = Client(api_key, base_url, timeout)
    prepare(output, force)
    expected = _announce(client, asked, request)
    if asynchronous:
        job = _submitted(client, asked.slug, request)
        with resumable(job, output, client.base_url):
            click.echo(f"Submitted as request {job.request_id}.", err=True)
            finish(wait_for(job, client.base_url, expected, timeout, None), output)
    else:
        finish(_generated(client, asked.slug, request, expected), output)


def _require(context: click.Context, request: dict[str, Any], *names: str) -> None:
    """Raise `MissingParameter` for the first of these parameters that was not given."""
    for parameter in sorted(context.command.params, key=lambda one: one.param_type_name):  # arguments first
        if parameter.name in names and request.get(parameter.name) is None:
            hint = "'PROMPT'" if parameter.name == "prompt" else None  # click would write it in brackets
            raise click.MissingParameter(ctx=context, param=parameter, param_hint=hint)


def _announce(client: Client, asked: Asked, request: dict[str, Any]) -> float | None:
    """Say what is asked of whom, and what it costs; return the average seconds of a live call (None: unknown)."""
    named = "" if asked.slug == MODEL else f" for {asked.slug}"
    live = estimate(asked.model, request) if asked.model else None
    if asked.model:
        warn(asked.model, request)
    about = f"; live this is {dollars(live[0])} and about {live[1]:.0f} s" if live else ""
    click.echo(f"Asking {client.base_url}{named}{about}", err=True)
    return live[1] if live else None


def _generated(client: Client, model: str, request: dict[str, Any], expected: float | None) -> Video:
    try:
        return with_progress("generating", expected, lambda: client.generate_with(model, **request))
    except KeyboardInterrupt:
        click.echo("Interrupted. The generation may go on and be billed; there is no way to fetch it.", err=True)
        raise click.exceptions.Exit(130) from None


def _submitted(client: Client, model: str, request: dict[str, Any]) -> Job:
    try:
        return with_progress("submitting", None, lambda: client.submit_with(model, **request))
    except KeyboardInterrupt:
        click.echo("Interrupted. The job may have been submitted, and be billed; its id is not known.", err=True)
        raise click.exceptions.Exit(130) from None


def prepare(output: Output, force: bool) -> None:
    """Make ready for a call whose video goes to `output`; `force` lets it replace a file."""
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it would tell of every attempt to connect
    output.check(force)


def finish(video: Video, output: Output) -> None:
    """Save a video and say what it took."""
    where = f"It is at {video.url} for now." if video.url else "It is lost."
    with output.written(video, where) as file:
        size = file.stat().st_size
    done = f"Saved {output} ({size:,} bytes)" if output.path else f"Wrote {size:,} bytes to standard output"
    output.tell(f"{done}. {paid(video)}")


def warn(model: Model, request: dict[str, Any]) -> None:
    """Tell what in a request is probably a mistake; whether it is valid is the server's to say."""
    if not model.violations(request):
        for warning in model.warnings(request):
            click.echo(f"Warning: {warning}", err=True)


def estimate(model: Model, given: dict[str, Any]) -> tuple[Decimal, float] | None:
    """Return the dollars and the average seconds of a live call; None if its parameters are not in order."""
    try:
        return model.price(given), model.latency(given)
    except ContractError:
        return None


def paid(video: Video) -> str:
    """Say what a video took."""
    parts = [
        f"{video.seconds:.1f} s" if video.seconds is not None else "",
        dollars(video.cost) if video.cost is not None else "",
        f"{dollars(video.remaining_credits)} left" if video.remaining_credits is not None else "",
        f"request {video.request_id}" if video.request_id else "",
    ]
    return ", ".join(part for part in parts if part)
