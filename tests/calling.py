"""How the tests call an emulator: over a socket, or through WSGI in their own thread."""

from base64 import b64encode
from collections.abc import Sequence
from itertools import count
from typing import Any

import requests
from werkzeug.test import Client, EnvironBuilder, TestResponse

from mockling.contract import load
from mockling.emulator import Emulator, Exchange, Journal, Settings, create_app
from mockling.emulator.http.held import GONE, Held

CONTRACT = load()
SLUG = CONTRACT.model.slug
V1, V2 = CONTRACT.path("generate"), CONTRACT.path("submit")
PRICE = CONTRACT.model.price(CONTRACT.model.example)
STEADY = {"x-models": {SLUG: {"latency": {"spread": 0}}}}  # a change of the contract: every latency is the mean

INPUTS = "https://inputs.mockling.example/"
GOOD_KEY, BAD_KEY = "SG_0123456789abcdef", "SG_0000000000000401"
NOBODY = "00000000-0000-0000-0000-000000000000"
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
    path = path or emulator.contract.path("generate")
    response = requests.post(emulator.url + path, headers=headers, timeout=30, **sent, **more)
    operation = "submit" if path.startswith("/v2/") else "generate"
    told = (response.status_code, response.headers, response.content)
    assert emulator.contract.response_violations(operation, *told) == []
    assert response.headers["access-control-allow-origin"] == "*"
    return response


def text(response: requests.Response) -> str:
    """Return the text of an error."""
    told = response.json()
    assert list(told) == ["error"]
    return str(told["error"])


def data_url(kind: str, content: bytes) -> str:
    """Return a file as a data URL."""
    return f"data:{kind};base64,{b64encode(content).decode()}"


class Local:
    """An emulator that does not listen: each call goes through WSGI, and its response is checked against the contract.

    `settings` are those of `Settings`; its clock stands still but for `advance`, unless they say otherwise.
    """

    def __init__(self, **settings: Any) -> None:
        self.app = create_app(Settings(**{"speed": "manual", **settings}))
        self.platform = self.app.platform
        self.contract = self.platform.contract
        self.clock = self.platform.clock
        self.advance = self.clock.advance
        self._client = Client(self._answered)

    def _answered(self, environ: Any, start_response: Any) -> Any:
        result = self.app.wsgi_app(environ, start_response)
        assert not (isinstance(result, Held) and self.clock.manual and result.seconds), (
            "It would wait forever; use hold."
        )
        return result

    @property
    def journal(self) -> Sequence[Exchange]:
        """The calls that were recorded."""
        return Journal(self.platform)

    def call(self, method: str, path: str, key: str | None = None, **more: Any) -> TestResponse:
        """Send a request and return the whole response."""
        headers = {**({"x-api-key": key} if key is not None else {}), **more.pop("headers", {})}
        response = self._client.open(path, method=method, headers=headers, **more)
        body = response.get_data()  # a file is recorded when it was read
        operation = list(self.platform.store.exchanges(self.clock.now()))[-1].operation
        if operation and method != "HEAD" and response.status_code != GONE:
            told = (response.status_code, dict(response.headers), body)
            assert self.contract.response_violations(operation, *told) == []
        response.close()
        return response

    def get(self, path: str, key: str | None = None, **more: Any) -> TestResponse:
        """Get a path or URL."""
        return self.call("GET", path, key, **more)

    def post(self, path: str, key: str | None, body: Any, **more: Any) -> TestResponse:
        """Post JSON."""
        return self.call("POST", path, key, json=body, **more)

    def submit(self, key: str, body: Any, status: int = 200) -> dict[str, Any]:
        """Submit a generation and return the reply."""
        response = self.post(self.contract.path("submit"), key, body)
        assert response.status_code == status, response.text
        return dict(response.get_json())

    def upload(self, kind: str, content: bytes) -> str:
        """Upload a file and return its URL."""
        response = self.post("/upload-asset", GOOD_KEY, {"data_urls": [data_url(kind, content)]})
        (url,) = response.get_json()["file_urls"]
        return str(url)

    def balance(self, key: str) -> float:
        """Return an account's credits."""
        return float(self.get("/v1/get-user-credits", key).get_json()["credits"])

    def hold(self, key: str, body: Any) -> tuple[Held, list[str]]:
        """Call v1, and return what waits for the response, and a list that will have the response's status."""
        sent = EnvironBuilder(V1, method="POST", headers={"x-api-key": key}, json=body)
        told: list[str] = []
        held = self.app.wsgi_app(sent.get_environ(), lambda status, *_: told.append(status))  # type: ignore[arg-type]
        assert isinstance(held, Held)
        return held, told
