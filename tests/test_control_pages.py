"""A page of another origin, in a real browser, cannot use the control API; it can use the platform's."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import pytest
import requests
from calling import GOOD_KEY, SLUG, V2
from controlling import EXAMPLE, Control

from mockling.emulator import Emulator

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--no-proxy-server",
         "--host-resolver-rules=MAP evil.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # fmt: skip
SCRIPT = (Path(__file__).parent / "data" / "page.js").read_text("utf-8")
SECRET = "a secret of somebody"
LIMIT = 120  # seconds for a browser


class Pages(ThreadingHTTPServer):
    """Serves a page, keeps what it posts in `told`, and sends what it asks of /_mockling on, as a rebound name does."""

    def __init__(self, script: str, emulator: Emulator) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.content = f"<!doctype html><body><script>{script}</script>".encode()
        self.emulator = emulator
        self.told: SimpleQueue[bytes] = SimpleQueue()
        self.sent_on: list[str] = []


class Page(BaseHTTPRequestHandler):
    """One request of the browser for the page's own server."""

    server: Pages

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path.startswith("/_mockling"):
            self.send_on(body)
        elif self.path == "/done":
            self.tell(200, b"", "text/plain")
            self.server.told.put(body)
        else:
            self.tell(200, self.server.content, "text/html; charset=utf-8")

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - http.server's names

    def send_on(self, body: bytes) -> None:
        self.server.sent_on.append(f"{self.command} {self.path} {self.headers['host']}")
        there = HTTPConnection(self.server.emulator.url.removeprefix("http://"), timeout=30)
        there.request(self.command, self.path, body, dict(self.headers))
        answer = there.getresponse()
        self.tell(answer.status, answer.read(), "application/json")
        there.close()

    def tell(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def browsing(pages: Pages, host: str, profile: Path) -> Iterator[None]:
    """Have a browser look at the page, under a name of this machine."""
    thread = Thread(target=pages.serve_forever)
    thread.start()
    url = f"http://{host}:{pages.server_port}/"
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", url]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        browser.terminate()
        browser.wait(30)
        pages.shutdown()
        thread.join()
        pages.server_close()


@pytest.fixture
def own() -> Iterator[Emulator]:
    """An emulator of this test's own, with a call and a fault in it that could leak or be lost."""
    with Emulator(speed="manual") as emulator:
        emulator.fault(on="download", cut=0.5)
        emulator.credit(GOOD_KEY, 11)
        body, headers = {**EXAMPLE, "prompt": SECRET}, {"x-api-key": GOOD_KEY}
        assert requests.post(emulator.url + V2, json=body, headers=headers, timeout=30).status_code == 200
        yield emulator


def look(emulator: Emulator, base: str, host: str, profile: Path) -> tuple[dict[str, str], list[str]]:
    """Return what a page saw that asked at a base address, and what its own server sent on."""
    known = {"base": base, "platform": emulator.url, "model": SLUG, "key": GOOD_KEY, "body": json.dumps(EXAMPLE)}
    given = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in known.items())
    pages = Pages(given + SCRIPT, emulator)
    with browsing(pages, host, profile):
        return json.loads(pages.told.get(timeout=LIMIT)), pages.sent_on


def unchanged(control: Control, before: Any) -> None:
    """Assert that nothing of an emulator has changed but that the platform was called more often."""
    (state, calls), (was, those) = control.seen(), before
    assert {name for name in state if state[name] != was[name]} <= {"calls"}
    assert calls["requests"][: len(those["requests"])] == those["requests"]


def test_a_foreign_page_reads_and_changes_nothing(own: Emulator, tmp_path: Path) -> None:
    """Whatever a page of another port tries, it is told nothing and nothing changes; the platform it may call (G16)."""
    control = Control(own)
    before = control.seen()
    seen, _ = look(own, own.url, "127.0.0.1", tmp_path)
    platform = {name: told for name, told in seen.items() if name.startswith(("platform", "balance"))}
    controls = {name: told for name, told in seen.items() if name not in platform}
    assert len(controls) > 25
    blind = {name: told for name, told in controls.items() if not told.startswith("refused: ")}
    assert blind == {name: "opaque 0 " for name in blind if "blindly" in name} | {"beacon": "sent"}
    unchanged(control, before)

    assert platform["platform"].startswith("cors 200 {")
    assert json.loads(platform["balance"].removeprefix("cors 200 "))["credits"] == 111
    assert platform["platform with fault"].startswith("refused: ")
    assert platform["platform with patience"].startswith("refused: ")
    made = [(call.operation, call.status) for call in own.calls[1:]]
    assert [one for one in made if one[0] != "preflight"] == [("submit", 200), ("credits", 200)]


def test_a_page_whose_name_leads_here_reads_and_changes_nothing(own: Emulator, tmp_path: Path) -> None:
    """A page whose name is made to lead to the emulator once it has loaded is of one origin with it, and is refused."""
    control = Control(own)
    before = control.seen()
    seen, sent_on = look(own, "", "evil.example", tmp_path)
    assert len([line for line in sent_on if "evil.example" in line]) > 20
    asked = {name: told for name, told in seen.items() if not name.startswith(("platform", "balance", "socket"))}
    for name, told in asked.items():
        assert told.startswith(("refused: ", "basic 403 ")) or "is not at the host" in told or told in ("sent", ""), (
            name
        )
        assert not any(word in told for word in (SECRET, own.api_key, "manual", '"ok"')), name
    unchanged(control, before)
