"""Telling: the sentences that all reports have in common."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from decimal import Decimal

from mockling.contract.exchange import money
from mockling.contract.verification.asked import EMULATOR
from mockling.contract.verification.clause import Finding, Verdict
from mockling.contract.verification.probe import Need
from mockling.contract.verification.run import ENDED, KEPT, Run, exit_code, groups
from mockling.contract.verification.spending import Spending
from mockling.contract.verification.target import LIVE

IMPOSSIBLE = re.compile("[^\t\n\r\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
MEANING = {
    Verdict.BROKEN: "the target does something else than was promised",
    Verdict.ERROR: "the check itself failed, which is a defect of Mockling",
    Verdict.INCONCLUSIVE: "it was asked, and what came says neither yes nor no",
    Verdict.NOTICE: "it differs in a way that should break nobody",
    Verdict.SKIPPED: "it was not asked",
    Verdict.HOLDS: "it is as promised",
}


def question(run: Run) -> str:
    """Return what a run answers."""
    return (
        "Is the live API still what we built against?" if run.target == LIVE else f"Does {who(run)} keep the contract?"
    )


def who(run: Run) -> str:
    """Return the target as a sentence names it."""
    return {LIVE: "the live API", EMULATOR: "the emulator"}.get(run.target, run.target)


def word(run: Run) -> str:
    """Return the answer in a word: Yes, No or Unknown."""
    if run.of(Verdict.BROKEN):  # what is known to be broken does not become unknown because the run ended early
        return "No"
    return "Yes" if exit_code(run) == KEPT else "Unknown"


def short(run: Run) -> str:
    """Return the answer in a few words: a yes says whether it is one to everything."""
    partly = word(run) == "Yes" and (run.only or run.of(Verdict.SKIPPED))
    return "Yes, as far as it was checked" if partly else word(run)


def answer(run: Run) -> str:
    """Return the answer in a sentence or two, which go on from `short`."""
    counts = Counter(outcome.verdict for outcome in run.outcomes)
    open_ones = counts[Verdict.INCONCLUSIVE] + counts[Verdict.ERROR]
    judged = sum(counts.values()) - counts[Verdict.SKIPPED]
    early = f", and the run was stopped early: {full_stop(run.stopped)}" if run.stopped else "."
    if counts[Verdict.BROKEN]:
        broken, causes = counts[Verdict.BROKEN], len(groups(run))
        verb, by = "is" if broken == 1 else "are", f", by {number(causes, 'cause')}" if causes < broken else ""
        return f"{broken:,} of the {number(judged, 'clause')} that were checked {verb} broken{by}{early}"
    if run.stopped:
        kept = counts[Verdict.HOLDS] + counts[Verdict.NOTICE]
        return f"The run was stopped early, with {number(kept, 'clause')} seen to hold: {full_stop(run.stopped)}"
    if not judged:
        return "Not one clause was checked."
    if open_ones:
        return f"Nothing was found broken, but {open_ones:,} of the {judged:,} clauses checked could not be decided."
    left = counts[Verdict.SKIPPED]
    unasked = f" {left:,} more {'was' if left == 1 else 'were'} not checked." if left else ""
    every = f"All {judged:,} clauses that were checked hold" if judged > 1 else "The one clause that was checked holds"
    chosen = f" No others than {' and '.join(run.only)} were chosen." if run.only else ""
    return f"{every}.{unasked}{chosen}"


def cost(run: Run) -> str:
    """Return what the run cost, in a sentence or some."""
    return "Nothing: a recording was judged again." if run.recording is not None else spent(run.spending, run.target)


def spent(spending: Spending, target: str) -> str:
    """Return what verifying a target cost, in a sentence or some."""
    if spending.budget is None and not spending.counted:
        return "Nothing." if target == EMULATOR else "Nothing: no request that could be billed was sent."
    amount = dollars(spending.counted) if spending.counted else "Nothing"
    told = [f"{amount}." if spending.budget is None else f"{amount}, of a budget of {dollars(spending.budget)}."]
    if spending.measured is None:
        told.append("The balance was not read before and after, so nothing confirms that.")
    elif spending.measured == spending.counted:
        told.append("The balance fell by exactly that." if spending.measured else "The balance did not move.")
    else:
        told.append(f"The balance fell by {dollars(spending.measured)}, which is not the same.")
    if spending.unknown:
        unknown = number(len(spending.unknown), "request")
        told.append(f"The outcome of {unknown} is unknown; counted as spent.")
    return " ".join(told)


def about(run: Run) -> list[tuple[str, str]]:
    """Return what a run was about, each with what it is called."""
    profile = f"profile {run.profile}" if run.profile else "answers of its own to the disputes"
    source = [("Recording", run.recording)] if run.recording is not None else []
    worst = f", billed {dollars(run.worst)} at worst" if run.spending.budget is not None else ""
    planned = f"{number(run.calls, 'request')} planned{worst}; {len(run.steps):,} sent, polls among them"
    sent = f"{number(len(run.steps), 'exchange')} read" if run.recording is not None else planned
    return [
        ("Target", f"{run.target}, {run.url}" if run.target != run.url else run.url),
        *source,
        ("When", f"{moment(run.began)}, within {lasting((run.ended - run.began).total_seconds())}"),
        ("Contract", f"sha256 {run.contract[:12]}, {profile}"),
        ("Models", ", ".join(run.models)),
        ("Requests", sent),
        *([("Ledger", run.spending.ledger)] if run.spending.ledger else []),
        ("Made by", f"Mockling {run.mockling}"),
    ]


def advice(run: Run) -> str:
    """Return what to do next, in a sentence."""
    if run.spending.unknown:
        return "Look up the requests of unknown outcome in the platform's own records before you pay for another run."
    if refuses_the_key(run):
        return f"The target refused the key: check {Need.GOOD.variable}, and run it again; nothing else here says much."
    if run.stopped:
        return _of_stopped(run)
    if run.of(Verdict.BROKEN):
        return _of_broken(run)
    if run.of(Verdict.ERROR):
        return "A check that fails is a defect of Mockling: report it, with the HAR evidence."
    if run.of(Verdict.INCONCLUSIVE):
        return "Run it again later: a busy gateway, a rate limit or a lost connection decides nothing."
    if run.of(Verdict.NOTICE):
        return "Read the notices: they break nobody today, and are how a platform begins to drift."
    if run.of(Verdict.SKIPPED):
        return "What was skipped says what it would need."
    return "There is nothing to do."


def refuses_the_key(run: Run) -> bool:
    """Return whether every request for the balance that was sent with the good key was answered with 401."""
    asked = [step for step in run.steps if step.exchange.operation == "credits" and step.exchange.method == "GET"]
    return {step.status for step in asked if step.exchange.key == Need.GOOD.variable and not step.exchange.fault} == {
        401
    }


def _of_stopped(run: Run) -> str:
    """Return what to do about a run that ended early."""
    if run.stopped in ENDED:
        return "Run it again, from the beginning: nothing is gone on with."
    if run.spending.budget is not None and run.spending.before is None:
        return "Find out why the balance cannot be read: is this the address of the API?"
    return "If the budget ended the run, raise it; if a charge was not planned, find out why before you go on."


def _of_broken(run: Run) -> str:
    """Return what to do about broken clauses."""
    again = " (a generation is billed again)" if run.spending.counted else ""
    told = f"Send the first request again by hand{again}; if the answer is the same, the contract or the target must"
    disputed = sorted({fact for group in groups(run) for fact in group.facts if fact in run.answers})
    if not disputed:
        return f"{told} change."
    which = f"{' and '.join(disputed)} {'is' if len(disputed) == 1 else 'are'} disputed"
    return f"{told} change. {which}: perhaps it gives another answer (`mockling contract {disputed[0]}`, and --answer)."


def headline_of(finding: Finding) -> str:
    """Return in a line what was found."""
    difference = f"expected {finding.expected}, got {finding.actual}" if finding.expected else finding.actual
    return finding.cause or difference


def skipped(run: Run) -> list[tuple[str, int]]:
    """Return why clauses were skipped and how many for each reason, the most frequent first."""
    return Counter(outcome.finding.actual for outcome in run.of(Verdict.SKIPPED)).most_common()


def counts(run: Run) -> dict[str, Counter[Verdict]]:
    """Return how many clauses there are of each class and verdict."""
    told: dict[str, Counter[Verdict]] = {}
    for outcome in run.outcomes:
        told.setdefault(outcome.cost.value, Counter())[outcome.verdict] += 1
    return told


def number(count: int, noun: str) -> str:
    """Return a count with its noun: "1 clause", "2 clauses"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def dollars(amount: Decimal | None) -> str:
    """Return an amount as people write it."""
    return "unknown" if amount is None else f"-${money(-amount)}" if amount < 0 else f"${money(amount)}"


def moment(time: datetime) -> str:
    """Return a time to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def lasting(seconds: float) -> str:
    """Return a duration as people tell it."""
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"


def clean(text: str) -> str:
    """Return a text without the characters that neither XML nor HTML can hold, not even escaped."""
    return IMPOSSIBLE.sub("\ufffd", text)


def full_stop(text: str) -> str:
    """Return a sentence with its full stop."""
    return text if text.endswith((".", "!", "?")) else f"{text}."
