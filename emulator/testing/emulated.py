"""The emulator as a target of verification."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mockling.contract import Contract
from mockling.contract.verification.probe import Need
from mockling.contract.verification.target import Target
from mockling.emulator.settings import NO_BALANCE, AccountSettings
from mockling.emulator.signs import FAULT

if TYPE_CHECKING:
    from mockling.emulator.listening.server import Emulator

RICH = Decimal(1_000_000)  # US dollars

KEYS = {
    Need.GOOD: "SG_000000000000a000",
    Need.POOR: "SG_000000000000a001",
    Need.LIMITED: "SG_000000000000a002",
    Need.FORBIDDEN: "SG_000000000000a003",
    Need.UNKNOWN: "SG_000000000000a004",
}


@contextmanager
def emulated(contract: Contract, /, **settings: Any) -> Iterator[Target]:
    """Give an emulator as a target that offers all there is, with time that does not have to be waited for.

    `settings` are fields of `mockling.emulator.Settings`, among them those that `contract` was loaded with. Raises what
    `Emulator` raises.
    """
    from mockling.emulator.listening.server import Emulator

    with Emulator(**{"speed": "instant", "accounts": accounts(contract), **settings}) as emulator:
        yield target_of(emulator)


def accounts(contract: Contract) -> tuple[AccountSettings, ...]:
    """Return an account of each kind that probes need."""
    plans: dict[str, int] = contract.document["x-plans"]["requests_per_minute"]
    smallest = min(plans, key=plans.__getitem__)
    return (
        AccountSettings(key=KEYS[Need.GOOD], credits=RICH),
        AccountSettings(key=KEYS[Need.POOR], credits=Decimal(0)),
        AccountSettings(key=KEYS[Need.LIMITED], credits=RICH, plan=smallest),
        AccountSettings(key=KEYS[Need.FORBIDDEN], plan=smallest, models=()),
        AccountSettings(key=KEYS[Need.UNKNOWN], credits=NO_BALANCE),
    )


def target_of(emulator: Emulator) -> Target:
    """Return a running emulator, with these accounts, as a target."""
    return Target(
        name="emulator",
        url=emulator.url,
        storage_url=emulator.url,
        keys=KEYS,
        advance=emulator.advance,
        fault_header=FAULT,
        timeout=30.0,
        patience=30.0,
        poll_interval=0.0,
    )
