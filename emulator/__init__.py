"""The emulator: `Emulator` listens, `create_app` is it as a Flask application, `Settings` what it is like.

Each name is loaded when it is first used, so that `Settings` costs neither Flask nor a server.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockling.contract.exchange import Exchange, Message
    from mockling.emulator.control.calls import Calls
    from mockling.emulator.control.conduct import ConductWarning
    from mockling.emulator.control.journal import Journal
    from mockling.emulator.http.app import create_app
    from mockling.emulator.listening.server import Emulator, StartError
    from mockling.emulator.platform.faults import Fault
    from mockling.emulator.platform.sense import FaultError
    from mockling.emulator.rerouting import Attempt, LiveCallError, NetworkBlocked, Rerouting
    from mockling.emulator.settings import AccountSettings, Settings, SettingsError, read_settings

__all__ = [
    "AccountSettings",
    "Attempt",
    "Calls",
    "ConductWarning",
    "Emulator",
    "Exchange",
    "Fault",
    "FaultError",
    "Journal",
    "LiveCallError",
    "Message",
    "NetworkBlocked",
    "Rerouting",
    "Settings",
    "SettingsError",
    "StartError",
    "create_app",
    "read_settings",
]

_HOMES = {
    "Calls": "control.calls",
    "ConductWarning": "control.conduct",
    "create_app": "http.app",
    "Journal": "control.journal",
    "Emulator": "listening.server",
    "StartError": "listening.server",
    "Exchange": "mockling.contract.exchange",
    "Fault": "platform.faults",
    "FaultError": "platform.sense",
    "Message": "mockling.contract.exchange",
    "Attempt": "rerouting",
    "LiveCallError": "rerouting",
    "NetworkBlocked": "rerouting",
    "Rerouting": "rerouting",
    "AccountSettings": "settings",
    "Settings": "settings",
    "SettingsError": "settings",
    "read_settings": "settings",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    if name == "Entry":
        raise AttributeError("Entry is Exchange now; emulator.journal holds values of it.")
    if name not in _HOMES:
        raise AttributeError(f"mockling.emulator has no {name!r}; it has {', '.join(__all__)}.")
    home = _HOMES[name]
    return getattr(import_module(home if home.startswith("mockling.") else f"mockling.emulator.{home}"), name)
