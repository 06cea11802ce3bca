"""What is asked for: whom to verify, with which keys, and how much it may cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mockling.contract.contract import Contract, load
from mockling.contract.verification.guard import Guard, Unguarded
from mockling.contract.verification.guarding import SpendingGuard
from mockling.contract.verification.ledger import Ledger, digest
from mockling.contract.verification.pacing import Pacer
from mockling.contract.verification.probe import KEYS, Cost, Need
from mockling.contract.verification.target import LIVE, Target, is_loopback

EMULATOR = "emulator"
UNLIMITED = 1_000_000  # requests per minute
NEAR, FAR = 0.1, 5.0  # seconds between two polls of a server on this machine, and of any other
Emulated = Callable[..., AbstractContextManager[Target]]


class AskedError(ValueError):
    """What is asked for makes no sense; the message says what to ask for instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whom to verify, and how.

    `target` is "emulator", "live" or the address of a server; `keys` are the API keys at hand, by what they are;
    `storage_url` is where uploads go (None: the target itself, or the live storage). `budget` are the US dollars that
    may be spent (None: nothing may be billed, even by mistake), `paid` says whether generations may be bought with
    them. `profile`, `answers` and `models` are those of `mockling.contract.load`. `timeout` is how many seconds an
    answer is waited for, `requests_per_minute` the limit of the
    account (None: that of the smallest plan, on this machine none), `ledger` the
    file that keeps what was spent (None: one in the user's state folder). Raises `AskedError` for what makes no sense.
    """

    target: str
    keys: Mapping[Need, str] = field(default_factory=dict, repr=False)
    storage_url: str | None = None
    budget: Decimal | None = None
    paid: bool = False
    profile: str = "documented"
    answers: Mapping[str, str] = field(default_factory=dict)
    models: tuple[Path, ...] = ()
    timeout: float = 900.0
    requests_per_minute: int | None = None
    ledger: Path | None = None

    def __post_init__(self) -> None:
        address = urlsplit(self.target)
        if self.target not in (EMULATOR, LIVE) and not (address.scheme in ("http", "https") and address.hostname):
            raise AskedError(
                f"The target must be emulator, live, or an address such as http://127.0.0.1:8787, got {self.target!r}."
            )
        if self.budget is not None and not (self.budget.is_finite() and self.budget >= 0):
            raise AskedError(f"The budget must be US dollars, such as 2.00, got {self.budget}.")
        if self.paid and self.budget is None:
            raise AskedError("Buying generations needs a budget: say how many US dollars may be spent.")
        if self.target == EMULATOR and (self.paid or self.budget is not None):
            raise AskedError("The emulator costs nothing: every clause is checked, without a budget.")

    @property
    def guarded(self) -> bool:
        """Whether the target may bill."""
        return self.target != EMULATOR

    @property
    def costs(self) -> frozenset[Cost]:
        """The classes of clauses that are asked for: without a budget only those that cannot be billed."""
        if not self.guarded:
            return frozenset(Cost)
        more = {Cost.FREE_IF_TRUE} if self.budget is not None else set()
        return frozenset({Cost.STATIC, Cost.FREE, *more, *({Cost.PAID} if self.paid else ())})

    def contract(self) -> Contract:
        """Return the contract that the target is to keep. Raises `ContractError`."""
        return load(self.profile, self.answers, models=self.models)

    @contextmanager
    def opened(self, contract: Contract, emulated: Emulated) -> Iterator[Target]:
        """Give the target; `emulated` is what gives an emulator as one (`mockling.emulator.testing.emulated`)."""
        if not self.guarded:
            settings: dict[str, Any] = {"profile": self.profile, "answers": self.answers, "models": self.models}
            with emulated(contract, **settings) as target:
                yield target
            return
        live, storage = contract.live_origins[:2]
        url = live if self.target == LIVE else self.target.rstrip("/")
        yield Target(
            name=LIVE if url == live else url,
            url=url,
            storage_url=self.storage_url or (storage if url == live else url),
            keys=self.keys,
            timeout=self.timeout,
            patience=2 * self.timeout,
            poll_interval=NEAR if is_loopback(url) else FAR,
        )

    def pace(self, contract: Contract, target: Target) -> int | None:
        """Return how many requests are sent in a minute at most; None: as many as there are."""
        plans: Mapping[str, int] = contract.document["x-plans"]["requests_per_minute"]
        return self.requests_per_minute or (None if is_loopback(target.url) else min(plans.values()))

    @contextmanager
    def guard(self, contract: Contract, target: Target) -> Iterator[Guard]:
        """Give the guard over what a run costs. Raises `LedgerError` if what is spent cannot be kept."""
        if not self.guarded:
            yield Unguarded()
            return
        pacer = Pacer(self.pace(contract, target) or UNLIMITED)
        if self.budget is None or Need.GOOD not in target.keys:
            yield SpendingGuard(None, None, pacer)
            return
        ledger, key = Ledger(self.ledger), target.keys[Need.GOOD]
        with ledger.alone(key):
            yield SpendingGuard(self.budget, ledger, pacer, target.name, digest(key))


def keys_of(environment: Mapping[str, str], given: Mapping[Need, str]) -> dict[Need, str]:
    """Return the keys of an environment, by the variables that their kinds have, and those given, which go before."""
    told = {need: environment.get(need.variable, "").strip() for need in KEYS}
    return {**{need: key for need, key in told.items() if key}, **given}
