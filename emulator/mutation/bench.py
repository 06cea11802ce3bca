"""The bench: a changeable emulator, the clauses of the unchanged contract, and whether they notice a mutant."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import takewhile
from pathlib import Path
from typing import Any, Self

from mockling.contract import Contract, load
from mockling.contract.contract import Refusal
from mockling.contract.verification.catalogue import clauses
from mockling.contract.verification.clause import Severity, Verdict
from mockling.contract.verification.evidence import Evidence, Step
from mockling.contract.verification.guard import Unguarded
from mockling.contract.verification.probe import Cost, Need, Probe
from mockling.contract.verification.running import Gathered, Plan, Result, gather, judged, planned
from mockling.contract.verification.target import Target
from mockling.emulator.mutation.changing import Changeable, Changing
from mockling.emulator.mutation.guarding import guarded
from mockling.emulator.mutation.mutant import Kind, Mutant, Noticed, Touched
from mockling.emulator.testing.emulated import KEYS, accounts, target_of

BATCH = 60  # probes after which it is looked whether something was noticed
MOST_OF_PLACE = 24  # probes that are tried first for they ask about the place of a mutant, or one around it
MOST_OF_ANSWER = 3  # those for they bring an answer that it changes

Alarms = dict[str, Verdict]  # by the ids of clauses: those that are broken or give notice
Batch = Sequence[Probe]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Which contract is meant, as `mockling.contract.load` is told."""

    profile: str = "documented"
    answers: Mapping[str, str] = field(default_factory=dict)
    models: tuple[Path, ...] = ()

    def contract(self) -> Contract:
        """Return it, newly made. Raises `ContractError` as `load` does."""
        return load(self.profile, self.answers, None, self.models)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant: who `noticed` it first (None: nobody), after how many probes, in how many seconds.

    `failed` names clauses whose check itself failed, which is a defect of theirs.
    """

    mutant: str
    noticed: Noticed | None
    probes: int
    seconds: float
    failed: tuple[str, ...] = ()


class AlarmedError(Exception):
    """The clauses find fault with an emulator that was not changed; the message says which."""


class Bench:
    """An emulator on which one mutant after the other is tried; a context manager, within which it listens.

    Raises `AlarmedError` on entry if the clauses find fault with the emulator as it is.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.contract = loaded.contract()
        self.clauses = clauses(self.contract)
        settings: dict[str, Any] = {"profile": loaded.profile, "answers": loaded.answers, "models": loaded.models}
        self._emulator = Changeable(speed="instant", accounts=accounts(self.contract), **settings)
        self._controls: dict[tuple[str, ...], list[Alarms]] = {}
        self._alarms: list[Alarms] = []  # of the emulator as it is, after each batch
        self._met = set[str]()  # the errors that are met at all
        self._brought: dict[Touched, list[Probe]] = {}  # which probes bring which answers

    def __enter__(self) -> Self:
        self._emulator.start()
        try:
            self._target: Target = target_of(self._emulator)
            self._plan = planned(self.clauses, self._target, set(Cost))
            probes = self._plan.probes
            self._batches = [probes[start : start + BATCH] for start in range(0, len(probes), BATCH)]
            self._learn()
        except BaseException:
            self._emulator.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._emulator.stop()

    def outcome(self, mutant: Mutant) -> Outcome:
        """Return what becomes of a mutant: the probes near it are tried alone, then all of them."""
        began = time.monotonic()
        if mutant.kind is Kind.GUARD:
            noticed, sent = self._guarded(mutant)
            return Outcome(mutant.id, noticed, sent, time.monotonic() - began)
        if mutant.case is not None and mutant.case not in self._met:
            return Outcome(mutant.id, None, 0, time.monotonic() - began)  # no probe would see a difference
        noticed, sent, failed = None, 0, tuple[str, ...]()
        for near in [] if mutant.benign else self._near(mutant):
            noticed, more, failed = self._tried(mutant, [near], None)
            sent += more
            if noticed:
                break
        if noticed is None:
            noticed, more, failed = self._tried(mutant, self._batches, self._alarms)
            sent += more
        return Outcome(mutant.id, noticed, sent, time.monotonic() - began, failed)

    def _tried(
        self, mutant: Mutant, batches: Sequence[Batch], controls: Sequence[Alarms] | None
    ) -> tuple[Noticed | None, int, tuple[str, ...]]:
        """Return who notices a mutant, after how many probes, and which checks failed.

        `controls` are what is said, after each batch, of the emulator as it is (None: find it out for the last one).
        """
        found, sent, failed = list[Result](), 0, tuple[str, ...]()
        with closing(self._judged(mutant.change, batches)) as run:
            for index, (results, _) in enumerate(run):
                sent += len(batches[index])
                failed = tuple(one.clause.id for one in results if one.verdict is Verdict.ERROR)
                found = _found(results, mutant.worth, controls[index] if controls else {})
                if found:
                    break
        if found and not controls:
            found = _found(results, mutant.worth, self._control(batches)[-1])
        if not found:
            return None, sent, failed
        first = found[0]
        return Noticed(first.clause.id, first.verdict, first.finding.expected, first.finding.actual), sent, failed

    def _guarded(self, mutant: Mutant) -> tuple[Noticed | None, int]:
        """Return whether the guard stops a run against a mutant, and after how many probes it would have ended."""
        target = replace(self._target, advance=None, fault_header=None)  # as a target is that bills
        plan = planned(self.clauses, target, {Cost.FREE, Cost.FREE_IF_TRUE})
        account = self._emulator.platform.keys.find(KEYS[Need.GOOD])
        assert account and account.credits is not None
        rich, whole = account, account.credits

        def billed() -> Decimal:
            return whole - self._emulator.platform.store.balance(rich, 0.0)

        with self._emulator.changed(mutant.change):
            told = guarded(plan, self.contract, target, billed)
        return told, len(plan.probes)

    def _judged(
        self, change: Callable[[Changing], object], batches: Sequence[Batch]
    ) -> Generator[tuple[list[Result], Evidence]]:
        """Yield, after each batch of probes, what the evidence so far says of the clauses, and that evidence."""
        steps, probes, failed = list[Step](), set[str](), dict[str, str]()
        with self._emulator.changed(change):
            for batch in batches:
                plan = Plan(self._plan.clauses, tuple(batch), self._plan.skipped)
                gathered = gather(plan, self.contract, self._target, Unguarded())
                steps += gathered.evidence.steps
                probes |= gathered.sent
                failed |= gathered.failed
                evidence = Evidence(steps)
                yield judged(plan, Gathered(evidence, gathered.stopped, frozenset(probes), failed)), evidence

    def _learn(self) -> None:
        """Find out what the clauses say of the emulator as it is, and which probes bring which answers.

        Raises `AlarmedError`.
        """
        results, evidence = list[Result](), Evidence(())
        for results, evidence in self._judged(self._watch, self._batches):  # noqa: B007 - the last of them count
            self._alarms.append(_alarms(results))
        known = {probe.id: probe for probe in self._plan.probes}
        for step in evidence:
            brought = self._brought.setdefault((step.exchange.operation or "", step.status or 0), [])
            if known[step.probe] not in brought:
                brought.append(known[step.probe])
        broken = [one for one in results if one.verdict in (Verdict.BROKEN, Verdict.ERROR)]
        if broken:
            first = broken[0].finding
            raise AlarmedError(
                f"{len(broken)} clauses do not hold of the emulator as it is, {broken[0].clause.id} for one "
                f"(expected {first.expected}, got {first.actual}); `mockling verify emulator` tells them all."
            )

    def _control(self, batches: Sequence[Batch]) -> list[Alarms]:
        """Return what is said of the emulator as it is by the same probes alone."""
        known = tuple(probe.id for batch in batches for probe in batch)
        if known not in self._controls:
            self._controls[known] = [_alarms(results) for results, _ in self._judged(_nothing, batches)]
        return self._controls[known]

    def _watch(self, changing: Changing) -> None:
        """Note which errors are met; of those of a generation it is known from its job."""

        def refusal(make: Callable[..., Refusal], case: str, **values: object) -> Refusal:
            self._met.add(case)
            return make(case, **values)

        changing.wrap(changing.contract, "refusal", refusal)

    def _near(self, mutant: Mutant) -> Iterator[list[Probe]]:
        """Yield the probes that are likely to notice a mutant: nearest to its place or its answers, then further."""
        brought = [probe for touched in mutant.touches for probe in self._brought.get(touched, [])[:MOST_OF_ANSWER]]
        steps = mutant.place.split("/")
        ranked = [(_alike(steps, one.place.split("/")), one.probe) for one in self.clauses if one.probe]
        ranked = sorted(ranked, key=lambda pair: -pair[0])[:MOST_OF_PLACE]
        closest = ranked[0][0] if ranked and ranked[0][0] > 1 else 0  # all have the document itself in common
        first = {probe.id for probe in (*brought, *(one for rank, one in ranked if rank == closest))}
        second = first | {one.id for rank, one in ranked if rank > 1}
        for chosen in (first, second) if first != second else (first,):
            near = [probe for probe in self._plan.probes if probe.id in chosen]
            if near:
                yield near


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many steps two places have in common, from the first on."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _nothing(_: Changing) -> None:
    """Change nothing."""


def _alarms(results: list[Result]) -> Alarms:
    return {one.clause.id: one.verdict for one in results if one.verdict in (Verdict.BROKEN, Verdict.NOTICE)}


def _found(results: list[Result], worth: Severity, before: Alarms) -> list[Result]:
    """Return the results that notice what was not so before: as a break, or by a notice, where that is enough."""
    enough = {Verdict.BROKEN} if worth is Severity.BREAK else {Verdict.BROKEN, Verdict.NOTICE}
    return [one for one in results if one.verdict in enough and before.get(one.clause.id) is not one.verdict]
