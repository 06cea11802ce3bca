"""Rerouting: calls that this process makes of the platform's live hosts reach an emulator instead.

Each library that can be rerouted has a module here, named after it and loaded only once the library itself is.
"""

from mockling.emulator.rerouting.errors import LiveCallError, NetworkBlocked
from mockling.emulator.rerouting.rerouting import Rerouting
from mockling.emulator.rerouting.routes import Attempt

__all__ = ["Attempt", "LiveCallError", "NetworkBlocked", "Rerouting"]
