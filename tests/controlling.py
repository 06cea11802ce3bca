"""How the tests use the control API."""

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
import yaml
from calling import GOOD_KEY, V1, V2

from mockling.contract import load
from mockling.contract.responses import ResponseChecker
from mockling.emulator import Emulator
from mockling.emulator.control.reading import document

OPERATIONS = {
    operation["operationId"]: (verb.upper(), path, operation)
    for path, item in document()["paths"].items()
    for verb, operation in item.items()
}
CHECKER = ResponseChecker(
    {name: told for name, (_, _, told) in OPERATIONS.items()},
    {"required": "{field} is missing", "invalid": "{field}: {expected}, {actual}"},
)
EXAMPLE = load().model.example
JSON = {"content-type": "application/json"}


class Control:
    """The control API of an emulator, each answer of which is held against its document."""

    def __init__(self, emulator: Emulator, key: str | None = None) -> None:
        self.url = emulator.url
        self._headers = {"x-api-key": key} if key else {}

    def call(self, name: str, status: int = 200, *, number: int = 0, **sent: Any) -> Any:
        """Call an operation, and return what it answers with this status."""
        verb, path, _ = OPERATIONS[name]
        sent["headers"] = {**self._headers, **sent.get("headers", {})}
        url = f"{self.url}/_mockling{path.format(number=number)}"
        answer = requests.request(verb, url, timeout=30, **sent)
        assert (name, answer.status_code, answer.text[:200]) == (name, status, answer.text[:200])
        assert CHECKER.violations(name, answer.status_code, answer.headers, answer.content) == []
        assert not [header for header in answer.headers if header.startswith("access-control-")]
        return answer.json() if "json" in answer.headers["content-type"] else yaml.safe_load(answer.text)

    def refused(self, name: str, status: int = 400, **sent: Any) -> str:
        """Call an operation that is refused and changes nothing, and return the sentence."""
        before = self.seen()
        told = self.call(name, status, **sent)
        assert self.seen() == before
        assert list(told) == ["error"]
        return str(told["error"])

    def seen(self) -> Any:
        """Return all that can be seen but the time that has passed."""
        state = requests.get(f"{self.url}/_mockling/state", timeout=30).json()
        state["clock"].pop("now")
        return state, requests.get(f"{self.url}/_mockling/requests", timeout=30).json()


def generate(emulator: Emulator, key: str = GOOD_KEY, path: str = V2) -> requests.Response:
    return requests.post(emulator.url + path, json=EXAMPLE, headers={"x-api-key": key}, timeout=30)


def raw(emulator: Emulator, head: str) -> int:
    """Send the head of a request, and return the answer's status."""
    port = int(emulator.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n")
        return int(connection.recv(4096).split()[1])


class Holding:
    """Calls of v1 that are held, in threads; `statuses` are their answers, when they have come."""

    def __init__(self, emulator: Emulator, keys: list[str]) -> None:
        self._pool = ThreadPoolExecutor(len(keys))
        self._calls = [self._pool.submit(generate, emulator, key, V1) for key in keys]
        for _ in range(5000):
            if emulator.held == len(keys):
                return
            requests.get(f"{emulator.url}/_mockling/health", timeout=30)
        raise AssertionError(f"{emulator.held} calls are held, not {len(keys)}")

    def statuses(self) -> list[int]:
        answers = [call.result(30).status_code for call in self._calls]
        self._pool.shutdown()
        return answers
