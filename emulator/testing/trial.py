"""A trial: one test's use of an emulator, and what is wrong with it at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from mockling.contract.exchange import money
from mockling.emulator.control.tables import count
from mockling.emulator.listening.server import Emulator
from mockling.emulator.platform.arming import Armed
from mockling.emulator.platform.faults import Fault
from mockling.emulator.platform.keys import masked
from mockling.emulator.rerouting import Rerouting
from mockling.emulator.settings import SettingsError

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
        left_out = len(calls) - MOST_CALLS
        lines = [f"${money(emulator.billed)} billed"]
        lines += [f"... and {count(left_out, 'call')} before these"] if left_out > 0 else []
        lines += [repr(calls[-MOST_CALLS:])]
        lines += [f"{count(emulator.held, 'call')} still held"] if emulator.held else []
        lines += [f"warning: {text}" for text in warnings]
        lines += [f"fault {one.number}: {_told(one)}, fired {count(one.fired, 'time')}" for one in emulator.faults]
        refused = [*self.rerouting.live_calls, *self.rerouting.blocked_calls]
        return "\n".join([*lines, *(f"refused: {attempt}" for attempt in refused)])


@contextmanager
def trial(
    emulator: Emulator,
    *,
    faults: Iterable[Mapping[str, Any] | str] = (),
    strict: bool = False,
    block_network: bool = False,
    **settings: Any,
) -> Iterator[Trial]:
    """Reset an emulator, with some settings and faults, and reroute this process's live calls to it.

    `faults` are tables or texts, `strict` makes any warning a problem, `block_network` refuses every call beyond this
    machine. Within the block `emulator.reset()` comes back to these settings; it is started if it does not run. Raises
    what `Emulator.reset` and `Emulator.fault` raise.
    """
    tables = [_table(fault) for fault in _checked(faults, strict=strict, block_network=block_network)]
    if not emulator.running:
        emulator.start()
    with ExitStack() as stack:
        # Threads of the trial before, whose calls the reset ends, must not find the live platform meanwhile.
        with emulator.intercept():
            stack.enter_context(emulator.renewed(**settings))
            for table in tables:
                emulator.platform.arm(Fault.of(table))
            rerouting = stack.enter_context(emulator.intercept(block_network=block_network))
        stack.callback(_release, emulator)
        yield Trial(emulator, rerouting, strict)


def _checked(faults: Any, **switches: object) -> Iterable[Any]:
    """Return the faults of a trial. Raises `SettingsError` for what cannot be."""
    for name, value in switches.items():
        if not isinstance(value, bool):
            raise SettingsError(f"{name} must be True or False, got {value!r}.")
    if isinstance(faults, str | Mapping) or not isinstance(faults, Iterable):
        raise SettingsError(f"faults must be a list, such as ['status=502'], got {faults!r}.")
    return faults


def _table(fault: Any) -> Mapping[str, Any]:
    if isinstance(fault, str):
        return Fault.read(fault).table()
    if not isinstance(fault, Mapping):
        raise SettingsError(f"Each of faults must be a text or a table, such as 'status=502', got {fault!r}.")
    return fault


def _release(emulator: Emulator) -> None:
    """End what is still held, so that threads that wait for it end with their own trial."""
    if emulator.held:
        emulator.reset()


def _had_its_way(armed: Armed) -> bool:
    """Say whether a fault struck, or only chance kept it from that: else the first call after `skip` is struck."""
    return armed.fired > 0 or armed.met > armed.fault.skip


def _never_fired(armed: Armed, emulator: Emulator) -> str:
    met = f"it let {count(armed.met, 'call')} go that met it" if armed.met else "no call met it"
    return (
        f"The fault {_told(armed)!r} was armed and never fired: {met}. Arm it before the call that it "
        f"is for, or leave it out. What there was: {emulator.calls!r}"
    )


def _told(armed: Armed) -> str:
    """Return a fault as its text, without the API key that it may be for."""
    fault = armed.fault
    return str(replace(fault, key=masked(fault.key)) if fault.key else fault)
