"""A trial: one test's use of an emulator, and what is wrong with it at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mockling.emulator.listening.server import Emulator
from mockling.emulator.platform.arming import Armed
from mockling.emulator.platform.exchange import money
from mockling.emulator.platform.faults import Fault
from mockling.emulator.rerouting import Rerouting

MOST_CALLS = 50  # that are told of a test that failed; the last ones


@dataclass(frozen=True, slots=True)
class Trial:
    """A fresh `emulator`, its `rerouting`, and whether any warning is a problem (`strict`)."""

    emulator: Emulator
    rerouting: Rerouting
    strict: bool

    def problems(self) -> list[str]:
        """Return what makes a test fail that has not failed by itself, a sentence or more each."""
        found = [_never_fired(armed, self.emulator) for armed in self.emulator.faults if not _had_its_way(armed)]
        found += [
            f"The live platform was called: {attempt}. It cannot be rerouted; set the base URL to {self.emulator.url}."
            for attempt in self.rerouting.live_calls
        ]
        warnings = self.emulator.warnings if self.strict else []
        return [*found, *(f"A warning, and the test is strict: {text}" for text in warnings)]

    def report(self) -> str:
        """Return the calls, the bill, the warnings and the faults, for whoever looks why a test failed."""
        emulator = self.emulator
        calls, warnings = emulator.calls, emulator.warnings
        left_out = [f"... and {len(calls) - MOST_CALLS} calls before these"] if len(calls) > MOST_CALLS else []
        lines = [f"${money(emulator.billed)} billed", *left_out, repr(calls[-MOST_CALLS:])]
        lines += [f"{emulator.held} calls wait for their answer"] if emulator.held else []
        lines += [f"warning: {text}" for text in warnings]
        lines += [f"fault {armed.number}: {armed.fault}, fired {armed.fired} times" for armed in emulator.faults]
        return "\n".join([*lines, *(f"refused: {attempt}" for attempt in self.rerouting.live_calls)])


@contextmanager
def trial(
    emulator: Emulator,
    *,
    faults: Iterable[Mapping[str, Any] | str] = (),
    strict: bool = False,
    block_network: bool = False,
    **settings: Any,
) -> Iterator[Trial]:
    """Reset a running emulator, with some settings and faults, and reroute this process's live calls to it.

    `faults` are tables or texts, `strict` makes any warning a problem, `block_network` refuses every call beyond this
    machine. Raises what `Emulator.reset` and `Emulator.fault` raise.
    """
    emulator.reset(**settings)
    for fault in faults:
        emulator.fault(**(Fault.read(fault).table() if isinstance(fault, str) else fault))
    with emulator.intercept(block_network=block_network) as rerouting:
        yield Trial(emulator, rerouting, strict)


def _had_its_way(armed: Armed) -> bool:
    """Say whether a fault struck, or only chance kept it from that."""
    return armed.fired > 0 or (armed.fault.probability < 1 and armed.met > 0)


def _never_fired(armed: Armed, emulator: Emulator) -> str:
    calls = emulator.calls
    met = f"{armed.met} calls met it, and it let them go" if armed.met else "no call met it"
    return (
        f"The fault {str(armed.fault)!r} was armed and never fired: {met}. Arm it before the call that it "
        f"is for, or leave it out. What there was: {calls!r}"
    )
