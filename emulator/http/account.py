"""The account: its balance."""

from __future__ import annotations

from flask import Response, request

from mockling.emulator.http.reading import key_of
from mockling.emulator.http.responses import Responses
from mockling.emulator.platform.platform import Platform


class Accounts:
    """The HTTP of accounts."""

    def __init__(self, platform: Platform, responses: Responses) -> None:
        self._platform = platform
        self._responses = responses

    def credits(self) -> Response:
        """GET /v1/get-user-credits (G19)."""
        account = self._platform.authenticate(*key_of(request.environ))
        return self._responses.json({"credits": float(self._platform.credits(account)), "free-credits": 0.0})
