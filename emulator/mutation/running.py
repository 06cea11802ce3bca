"""Running: every mutant tried, in as many processes as there are processors, and what that comes to."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from mockling.contract import Contract
from mockling.emulator.mutation.bench import Bench, Loaded, Outcome
from mockling.emulator.mutation.catalogue import mutants
from mockling.emulator.mutation.equivalent import Equivalent
from mockling.emulator.mutation.mutant import Kind, Mutant

SHARE = 0.98  # of the mutants that are not equivalent, which must be noticed at least
MOST_PAID = 4  # clauses that buy something
CHUNK = 4  # mutants that a process takes at once


@dataclass(frozen=True, slots=True)
class Row:
    """What became of the mutants of a kind, as numbers; of benign ones `noticed` are those that were called a break."""

    made: int
    noticed: int
    equivalent: int
    survived: int


@dataclass(frozen=True)
class Tried:
    """Mutants, what became of each, and the entries of `equivalent.json`; `paid` are the clauses that buy something.

    `whole` says whether these are all mutants of the contract as it comes, for which the entries were written.
    """

    mutants: tuple[Mutant, ...]
    outcomes: tuple[Outcome, ...]
    entries: tuple[Equivalent, ...]
    paid: tuple[str, ...]
    whole: bool

    @property
    def pairs(self) -> Iterator[tuple[Mutant, Outcome]]:
        """Each mutant with what became of it."""
        return zip(self.mutants, self.outcomes, strict=True)

    @property
    def unnoticed(self) -> list[Mutant]:
        """The mutants that nobody noticed, though they are not benign."""
        return [mutant for mutant, outcome in self.pairs if not (mutant.benign or outcome.noticed)]

    @property
    def survivors(self) -> list[Mutant]:
        """Those of them for which there is no reason."""
        return [mutant for mutant in self.unnoticed if self.reason(mutant) is None]

    @property
    def alarms(self) -> list[tuple[Mutant, Outcome]]:
        """The benign changes that were called a break, or made a check fail."""
        return [(mutant, one) for mutant, one in self.pairs if mutant.benign and (one.noticed or one.failed)]

    @property
    def idle(self) -> list[Equivalent]:
        """The entries of which no mutant went unnoticed; only all mutants together can tell."""
        found = [entry for entry in self.entries if not any(entry.covers(one) for one in self.unnoticed)]
        return found if self.whole else []

    @property
    def share(self) -> float:
        """The share of the mutants that were noticed, of those that are neither benign nor equivalent."""
        noticed = sum(outcome.noticed is not None for mutant, outcome in self.pairs if not mutant.benign)
        return noticed / (noticed + len(self.survivors)) if noticed or self.survivors else 1.0

    @property
    def good(self) -> bool:
        """Whether the clauses are as good as they have to be."""
        return self.share >= SHARE and not self.alarms and not self.idle and len(self.paid) <= MOST_PAID

    def reason(self, mutant: Mutant) -> str | None:
        """Return why nobody has to notice a mutant; None: there is no reason."""
        return next((entry.reason for entry in self.entries if entry.covers(mutant)), None)

    def row(self, kind: Kind) -> Row:
        """Return the numbers of a kind."""
        of_kind = [(mutant, outcome) for mutant, outcome in self.pairs if mutant.kind is kind]
        noticed = sum(outcome.noticed is not None for _, outcome in of_kind)
        survived = sum(mutant.kind is kind for mutant in self.survivors)
        alike = 0 if kind is Kind.BENIGN else len(of_kind) - noticed - survived
        return Row(len(of_kind), noticed, alike, survived)

    @property
    def kinds(self) -> list[Kind]:
        """The kinds of which there are any."""
        found = Counter(mutant.kind for mutant in self.mutants)
        return [kind for kind in Kind if kind in found]


def chosen(contract: Contract, patterns: Sequence[str] = ()) -> list[Mutant]:
    """Return the mutants whose ids are of a pattern, as `*.duration.*`; all, if there is no pattern."""
    known = mutants(contract)
    return [one for one in known if not patterns or any(fnmatchcase(one.id, pattern) for pattern in patterns)]


def tried(loaded: Loaded, names: Sequence[str], jobs: int, tell: Callable[[Outcome], object]) -> list[Outcome]:
    """Return what becomes of mutants, by their ids, in their order; `tell` is told of each.

    `jobs` is the number of processes; 1 does it in this one. Raises `AlarmedError` if the clauses find fault with the
    emulator as it is.
    """
    outcomes = list[Outcome]()
    with ExitStack() as stack:
        for outcome in _outcomes(loaded, names, jobs, stack):
            tell(outcome)
            outcomes.append(outcome)
    return outcomes


def _outcomes(loaded: Loaded, names: Sequence[str], jobs: int, stack: ExitStack) -> Iterable[Outcome]:
    if jobs == 1:
        bench = stack.enter_context(Bench(loaded))
        known = {mutant.id: mutant for mutant in mutants(bench.contract)}
        return (bench.outcome(known[name]) for name in names)
    context = multiprocessing.get_context("spawn")  # a fork would copy threads that are not there
    pool = stack.enter_context(ProcessPoolExecutor(jobs, context))
    stack.callback(pool.shutdown, wait=False, cancel_futures=True)
    return pool.map(_outcome, [loaded] * len(names), names, chunksize=CHUNK)


def _outcome(loaded: Loaded, name: str) -> Outcome:
    """Return what becomes of a mutant, in a process that has a bench of its own."""
    bench, known = _bench(loaded.profile, tuple(loaded.answers.items()), loaded.models)
    return bench.outcome(known[name])


@cache
def _bench(
    profile: str, answers: tuple[tuple[str, str], ...], models: tuple[object, ...]
) -> tuple[Bench, dict[str, Mutant]]:
    bench = Bench(Loaded(profile, dict(answers), models)).__enter__()  # type: ignore[arg-type] # it ends with its process
    return bench, {mutant.id: mutant for mutant in mutants(bench.contract)}
