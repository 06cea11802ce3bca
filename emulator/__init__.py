"""The emulator: `Emulator` listens, `create_app` is it as a Flask application, `Settings` what it is like."""

from mockling.emulator.app import create_app
from mockling.emulator.journal import Entry
from mockling.emulator.server import Emulator, StartError
from mockling.emulator.settings import AccountSettings, Settings, SettingsError, read_settings

__all__ = [
    "AccountSettings",
    "Emulator",
    "Entry",
    "Settings",
    "SettingsError",
    "StartError",
    "create_app",
    "read_settings",
]
