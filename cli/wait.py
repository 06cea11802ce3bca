"""`mockling wait`: a job that was submitted before."""

from __future__ import annotations

import click

from mockling.cli import told
from mockling.cli.connecting import connection_options, name, seconds
from mockling.cli.generate import finish, prepare
from mockling.cli.output import Output, output_options
from mockling.cli.waiting import LOOPBACK_INTERVAL, POLL_INTERVAL, resumable, wait_for
from mockling.client import ApiError, Client, Job, NotSent


@click.command("wait")
@click.argument("request_id", metavar="ID", callback=name("request id"))
@output_options()
@connection_options("The server that the job was submitted to.", "The API key it was submitted with")
@click.option(
    "--poll-interval",
    type=float,
    callback=seconds,
    help=f"Seconds between polls.  [default: {POLL_INTERVAL:g}, or {LOOPBACK_INTERVAL:g} on this machine]",
)
@told(ApiError)
def command(
    request_id: str,
    output: Output,
    force: bool,
    base_url: str,
    api_key: str | None,
    timeout: float,
    poll_interval: float | None,
) -> None:
    """Wait for the job of ID, which `mockling generate --async` or other code submitted, and save its video."""
    client = Client(api_key, base_url, timeout)
    prepare(output, force)
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
