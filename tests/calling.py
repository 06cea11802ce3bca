"""How the tests call an emulator."""

from itertools import count
from typing import Any

import requests

from mockling.emulator import Emulator

INPUTS = "https://inputs.mockling.example/"
_keys = count(1)


def make_key() -> str:
    """Return a key of the documented shape that no test has used, and that meets no planned error."""
    return f"SG_{next(_keys):08x}00000a00"


def post(emulator: Emulator, body: Any, key: str | None, path: str | None = None, **more: Any) -> requests.Response:
    """Send a request, and check that whatever comes back keeps the contract."""
    headers = {**({"x-api-key": key} if key else {}), **more.pop("headers", {})}
    sent = {"json": body} if not isinstance(body, bytes) else {"data": body}
    if isinstance(body, bytes):
        headers.setdefault("content-type", "application/json")
    url = emulator.url + (path or emulator.contract.path)
    response = requests.post(url, headers=headers, timeout=30, **sent, **more)
    assert emulator.contract.answer_violations(response.status_code, response.headers, response.content) == []
    assert response.headers["access-control-allow-origin"] == "*"
    return response


def text(response: requests.Response) -> str:
    """Return the text of an error."""
    told = response.json()
    assert list(told) == ["error"]
    return str(told["error"])
