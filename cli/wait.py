"""`mockling wait`: a job that was submitted before."""

from __future__ import annotations

from pathlib import Path

import click

from mockling.cli import told
from mockling.cli.generate import finish, prepare
from mockling.cli.waiting import LOOPBACK_INTERVAL, POLL_INTERVAL, resumable, wait_for
from mockling.client import LIVE, ApiError, Client, Job, NotSent


@click.command("wait")
@click.argument("request_id", metavar="ID")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@click.option("--base-url", default=LIVE, show_default=True, help="The server that the job was submitted to.")
@click.option("--api-key", help="The API key it was submitted with; by default that in SEGMIND_API_KEY.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=900.0, show_default=True, help="Seconds."
)
@click.option(
    "--poll-interval",
    type=click.FloatRange(min=0, min_open=True),
    help=f"Seconds between polls.  [default: {POLL_INTERVAL:g}, or {LOOPBACK_INTERVAL:g} on this machine]",
)
@told(ApiError, ValueError)
def command(
    request_id: str, output: Path, base_url: str, api_key: str | None, timeout: float, poll_interval: float | None
) -> None:
    """Wait for the job of ID, which `mockling generate --async` or other code submitted, and save its video."""
    prepare(output)
    client = Client(api_key, base_url, timeout)
    job = client.job(request_id)
    with resumable(job, output, client.base_url):
        _reach(job)
        finish(wait_for(job, client.base_url, None, timeout, poll_interval), output)


def _reach(job: Job) -> None:
    """Raise `NotSent` if nothing answers: an address that was mistyped is told at once, not tried for minutes."""
    try:
        job.status()
    except NotSent:
        raise
    except ApiError:
        pass  # waiting tells it, or tries again
