"""`mockling verify`: whether a target keeps the contract, and what finding out cost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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
from mockling.client.video import writable
from mockling.contract import Contract
from mockling.contract.verification.asked import EMULATOR, Asked
from mockling.contract.verification.catalogue import clauses
from mockling.contract.verification.clause import Clause
from mockling.contract.verification.ledger import LedgerError
from mockling.contract.verification.recording import judged_again
from mockling.contract.verification.reports.delivery import FORMATS, deliver
from mockling.contract.verification.reports.reading import Unreadable
from mockling.contract.verification.reports.terminal import ProgressLine
from mockling.contract.verification.run import UNKNOWN, Run, exit_code, run_of
from mockling.contract.verification.running import Plan, gather, judged, planned
from mockling.contract.verification.secrets import SecretFound
from mockling.contract.verification.sending import KeyRefused, Unreachable
from mockling.contract.verification.target import LIVE, Target
from mockling.contract.verification.verified import VerifiedError, record, verified_path
from mockling.emulator.testing.emulated import emulated


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
@click.option(
    "--verified",
    type=FILE,
    help="File that keeps when each clause last held live.  [default: the checkout's, or one in your state folder]",
)
@spending_options
@contract_options
@report_options
@click.pass_context
@told()
def command(
    context: click.Context,
    /,
    target: str | None,
    recording: Path | None,
    dry_run: bool,
    only: tuple[str, ...],
    verified: Path | None,
    **options: Any,
) -> None:
    """Say whether a target keeps the contract: an emulator, the live API, or a server at an address.

    `mockling verify page FILE` reads the endpoint's public page. Exit codes: 0 all that was checked holds; 1 something
    is broken; 2 not understood, a report cannot be written, or a key was about to be; 3 inconclusive; 4 stopped by the
    guard; 130 or 143 ended with Ctrl-C or SIGTERM, after which the reports tell what came by then.
    """
    if (target is None) == (recording is None):
        raise click.UsageError("Name one target (emulator, live, an address), or a recording with --from.")
    files: dict[str, Path] = {name: path for name in FORMATS if (path := options.pop(name))}
    _check_files([*files.values(), *filter(None, [recording, options["ledger"]])], [*files.values()])
    if recording and (options["budget"] is not None or options["paid"]):
        raise click.UsageError("A recording costs nothing: leave --budget and --paid out.")
    asked = asked_of(target or EMULATOR, options)
    contract = contract_of(asked)
    secrets = set(asked.keys.values())
    if recording:
        run, found = _judged_again(recording, contract)
        secrets |= found
    else:
        with asked.opened(contract, emulated) as server:
            plan = planned(_chosen(contract, only), server, asked.costs, asked.budget)
            if dry_run:
                _announce(plan, server, asked.pace(contract, server) if asked.guarded else None)
                return
            run = _run(asked, contract, server, plan, only)
            secrets |= set(server.keys.values())
    _deliver(run, files, secrets)
    if run.target == LIVE and run.recording is None:
        _keep(run, contract, verified)
    context.exit(exit_code(run))


def _deliver(run: Run, files: Mapping[str, Path], secrets: Collection[str]) -> None:
    """Print a run, and write the reports that were asked for."""
    try:
        deliver(run, Console(), files, secrets)
    except SecretFound as error:
        raise NotUnderstood(str(error)) from error
    except BrokenPipeError:
        raise  # the reader of a pipe had enough
    except OSError as error:
        what = f"{error.filename} cannot be written" if error.filename else "What was found cannot be printed"
        raise NotUnderstood(f"{what}: {error.strerror}.") from error


class _Untold(click.ClickException):
    """Nothing can be said of the target, for it does not answer."""

    exit_code = UNKNOWN


def _keep(run: Run, contract: Contract, path: Path | None) -> None:
    """Keep which clauses held live, and say so."""
    path = path or verified_path()
    try:
        held = record(run, contract, path)
    except (VerifiedError, OSError) as error:  # after a run that may have cost money its exit code still counts
        click.echo(f"What held live was not kept: {error}", err=True)
    else:
        click.echo(f"{path} keeps that {held:,} clauses held live.", err=True)


def _judged_again(recording: Path, contract: Contract) -> tuple[Run, frozenset[str]]:
    """Return what is said of a recording, and the keys that were found in it."""
    try:
        run, read = judged_again(recording, contract)
    except Unreadable as error:
        raise NotUnderstood(str(error)) from error
    return run, read.secrets


def _lasting(plan: Plan, pace: int | None) -> str:
    return f", at {pace} a minute about {plan.calls // pace + 1} minutes" if pace else ""


def _run(asked: Asked, contract: Contract, server: Target, plan: Plan, only: tuple[str, ...]) -> Run:
    """Send what is planned, and return what came of it, by the moment at which it was interrupted."""
    try:
        with asked.guard(contract, server) as guard:
            with ProgressLine(Console(stderr=True), plan, lambda: guard.spending.counted) as progress:
                gathered = gather(plan, contract, server, guard, progress)
            return run_of(contract, server, plan, gathered, judged(plan, gathered), guard.spending, only=only)
    except (LedgerError, KeyRefused) as error:
        raise NotUnderstood(str(error)) from error
    except Unreachable as error:
        raise _Untold(str(error)) from error


def _check_files(named: Collection[Path], written: Iterable[Path]) -> None:
    """Make sure that reports can be written, and over nothing else, before anything is sent that may cost money."""
    if len({path.resolve() for path in named}) < len(named):
        raise NotUnderstood("One file is named twice, and each report needs one of its own. Nothing was sent.")
    for path in written:
        try:
            writable(path)
        except OSError as error:
            raise NotUnderstood(f"{error.strerror}. Nothing was sent.") from error


def _chosen(contract: Contract, patterns: tuple[str, ...]) -> list[Clause]:
    """Return the clauses whose ids are of a pattern; all, if there is none."""
    known = clauses(contract)
    chosen = [clause for clause in known if not patterns or any(fnmatchcase(clause.id, one) for one in patterns)]
    if not chosen:
        raise click.UsageError(
            f"No clause is of {' or '.join(patterns)}; `mockling contract` lists the clauses of each fact."
        )
    return chosen


def _announce(plan: Plan, server: Target, pace: int | None) -> None:
    """Tell what would be sent, and what it may cost."""
    for probe in plan.probes:
        worst = f"  at most {dollars(probe.worst)}" if probe.worst else ""
        click.echo(f"{probe.cost.value:<12}  {probe.id}{worst}")
    click.echo(
        f"{len(plan.probes)} probes of {server.name} with {plan.calls} calls (polls not counted)"
        f"{_lasting(plan, pace)}, at most {dollars(plan.worst)} if every promise is broken; a budget of "
        f"{dollars(plan.least)} suffices if all are kept. {len(plan.skipped)} of {len(plan.clauses)} clauses are "
        "skipped. Nothing was sent."
    )
