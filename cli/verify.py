"""`mockling verify`: whether a target keeps the contract, and what finding out cost."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from mockling.cli import NotUnderstood, told
from mockling.cli.money import dollars
from mockling.cli.verifying import (
    FILE,
    asked_of,
    contract_of,
    contract_options,
    named,
    report_options,
    spending_options,
)
from mockling.contract import Contract
from mockling.contract.verification.asked import EMULATOR
from mockling.contract.verification.catalogue import clauses
from mockling.contract.verification.clause import Clause
from mockling.contract.verification.ledger import LedgerError
from mockling.contract.verification.recording import judged_again
from mockling.contract.verification.reports.document import as_json
from mockling.contract.verification.reports.har import as_har
from mockling.contract.verification.reports.html import as_html
from mockling.contract.verification.reports.junit import as_junit
from mockling.contract.verification.reports.markdown import as_markdown
from mockling.contract.verification.reports.reading import Unreadable
from mockling.contract.verification.reports.terminal import ProgressLine, print_run
from mockling.contract.verification.run import Run, exit_code, run_of
from mockling.contract.verification.running import Plan, gather, judged, planned
from mockling.contract.verification.secrets import SecretFound, publish
from mockling.contract.verification.target import Target
from mockling.emulator.testing.emulated import emulated

REPORTS = {"json": as_json, "junit": as_junit, "markdown": as_markdown, "html": as_html, "har": as_har}


class _Verify(click.Command):
    """The command; `page` behind it is one of its own, for it asks nobody."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args[:1] == ["page"]:
            from mockling.cli.page import command as page

            context: click.Context = page.make_context(f"{info_name} page", args[1:], parent, **extra)
            return context
        return super().make_context(info_name, args, parent, **extra)


@click.command("verify", cls=_Verify)
@click.argument("target", metavar="emulator|live|URL|page", callback=named, required=False)
@click.option("--dry-run", is_flag=True, help="Print what would be sent, and what it may cost; send nothing.")
@click.option(
    "--only", metavar="PATTERN", multiple=True, help="Check only clauses of such ids, as '*.duration.*'; repeatable."
)
@click.option("--from", "recording", metavar="HAR", type=FILE, help="Judge a recording again; nothing is sent.")
@spending_options
@contract_options
@report_options
@click.pass_context
@told(Unreadable, LedgerError)
def command(
    context: click.Context,
    /,
    target: str | None,
    recording: Path | None,
    dry_run: bool,
    only: tuple[str, ...],
    **options: Any,
) -> None:
    """Say whether a target keeps the contract: an emulator, the live API, or a server at an address.

    `mockling verify page FILE` reads the endpoint's public page. Exit codes: 0 all that was checked holds; 1 something
    is broken; 2 not understood, or a key was about to be written; 3 inconclusive; 4 stopped by the guard; 130
    interrupted with Ctrl-C, after which the reports tell what came by then.
    """
    if (target is None) == (recording is None):
        raise click.UsageError("Name one target (emulator, live, an address), or a recording with --from.")
    files = {name: options.pop(name) for name in REPORTS}
    asked = asked_of(target or EMULATOR, options)
    contract = contract_of(asked)
    secrets = set(asked.keys.values())
    if recording:
        run, read = judged_again(recording, contract)
        secrets |= read.secrets
    else:
        with ExitStack() as stack:
            server = stack.enter_context(asked.opened(contract, emulated))
            plan = planned(_chosen(contract, only), server, asked.costs)
            if dry_run:
                _announce(plan, server)
                return
            guard = stack.enter_context(asked.guard(contract, server))
            progress = stack.enter_context(ProgressLine(Console(stderr=True), plan, lambda: guard.spending.counted))
            gathered = gather(plan, contract, server, guard, progress)
        run = run_of(contract, server, plan, gathered, judged(plan, gathered), guard.spending)
    _publish(run, files, secrets)
    print_run(Console(), run, secrets)
    context.exit(exit_code(run))


def _chosen(contract: Contract, patterns: tuple[str, ...]) -> list[Clause]:
    """Return the clauses whose ids are of a pattern; all, if there is none."""
    known = clauses(contract)
    chosen = [clause for clause in known if not patterns or any(fnmatchcase(clause.id, one) for one in patterns)]
    if not chosen:
        raise click.UsageError(
            f"No clause is of {' or '.join(patterns)}; `mockling contract` lists the clauses of each fact."
        )
    return chosen


def _announce(plan: Plan, server: Target) -> None:
    """Tell what would be sent, and what it may cost."""
    for probe in plan.probes:
        worst = f"  at most {dollars(probe.worst)}" if probe.worst else ""
        click.echo(f"{probe.cost.value:<12}  {probe.id}{worst}")
    click.echo(
        f"{len(plan.probes)} probes of {server.name} with {plan.calls} calls (polls not counted), "
        f"at most {dollars(plan.worst)} if every promise is broken; a budget of {dollars(plan.least)} suffices if all "
        f"are kept. {len(plan.skipped)} of {len(plan.clauses)} clauses are skipped. Nothing was sent."
    )


def _publish(run: Run, files: Mapping[str, Path | None], secrets: set[str]) -> None:
    """Write the reports that were asked for."""
    try:
        publish({path: REPORTS[name](run) for name, path in files.items() if path}, secrets)
    except SecretFound as error:
        raise NotUnderstood(str(error)) from error
