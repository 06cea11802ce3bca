"""Verification of targets that mean no good: a run ends in time, sends no key astray, and holds nothing by accident."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hostile.servers import BODIES, HEADS, dripping, hostile
from reported import CONTRACT, KEY, every_clause, message, run, step
from rich.console import Console
from scripted import Scripted, http, scripted
from test_verify import verify

from mockling import fixtures
from mockling.contract.exchange import amount
from mockling.contract.verification.evidence import Evidence, Step
from mockling.contract.verification.guard import Unguarded
from mockling.contract.verification.probe import Need, Request
from mockling.contract.verification.reports.curl import curl
from mockling.contract.verification.reports.delivery import deliver
from mockling.contract.verification.reports.document import as_json, read_json
from mockling.contract.verification.reports.foreign import secrets_of
from mockling.contract.verification.reports.har import as_har
from mockling.contract.verification.reports.reading import Unreadable
from mockling.contract.verification.reports.recorded import read_har
from mockling.contract.verification.sending import Wire
from mockling.contract.verification.target import Target, is_inner, is_loopback
from mockling.contract.verification.video import measured

SECONDS = 0.5
SLACK = 10.0  # seconds that a busy machine may take longer
ELSEWHERE = "https://api.segmind.com"


@contextmanager
def wire(url: str, timeout: float = SECONDS) -> Iterator[Wire]:
    """Give what sends requests to a target, with a good key."""
    target = Target(name=url, url=url, storage_url=url, keys={Need.GOOD: KEY}, timeout=timeout)
    sending = Wire(CONTRACT, target, Unguarded())
    try:
        yield sending
    finally:
        sending.close()


def sent(server: Scripted, request: Request) -> Step:
    """Return what comes of a request."""
    with wire(server.url, 5.0) as sending:
        return sending.send("a", "", request)


@pytest.mark.parametrize(("first", "drop"), [*HEADS.values(), *BODIES.values()], ids=[*HEADS, *BODIES])
def test_an_answer_that_trickles_in_is_over_in_time(first: bytes, drop: bytes) -> None:
    """However slowly an answer comes, no more than the time of one answer is spent on it, and it is none."""
    with hostile(dripping(first, drop)) as server, wire(server.url) as sending:
        exchange = sending.send("a", "", Request(operation="credits")).exchange
    assert (exchange.status, exchange.response) == (None, None)
    assert exchange.ended - exchange.moment < SECONDS + SLACK
    # Where the machine is busy, its first bytes may be late already.
    assert re.search(r"did not come within 0.5 s|read timeout=0.5", exchange.error or "")


def test_headers_without_end_are_no_answer() -> None:
    """An answer whose headers are larger than anybody needs is none, so that no run fills the memory."""
    with scripted(http(404, b"{}", *(f"x-{number}: {'y' * 60_000}" for number in range(3)))) as server:
        assert "headers have more than" in (sent(server, Request(operation="credits")).exchange.error or "")


def test_what_is_told_before_an_answer_is_none() -> None:
    """A 103 is passed over, so that no later request gets the answer of this one."""
    with scripted(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + http(404, b"{}")) as server:
        assert sent(server, Request(operation="credits")).status == 404


@pytest.mark.parametrize("told", ["1E+999999999", "1e-999999", "9" * 5000, 1e300, "NaN", True, [1]])
def test_a_balance_beyond_all_reckoning_is_not_told(told: Any) -> None:
    """What nobody can have on an account is no balance, and no error of ours."""
    body = json.dumps({"credits": told}).encode()
    assert amount(told) is None
    with scripted(http(200, body)) as server, wire(server.url, 5.0) as sending:
        assert sending.balance(Need.GOOD) is None


@pytest.mark.parametrize("told", [0, 0.1 + 0.2, "100000.50", -3])
def test_a_balance_is_told_as_it_is(told: Any) -> None:
    """Any amount that somebody may have is one, also below 0."""
    with scripted(http(200, json.dumps({"credits": told}).encode())) as server, wire(server.url, 5.0) as sending:
        assert sending.balance(Need.GOOD) == Decimal(str(told))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0x7f000001", "localhost", "10.0.0.8", "169.254.169.254", "[::1]"]
)
def test_no_server_sends_us_to_our_own_network(host: str) -> None:
    """What a server elsewhere calls the address of a file is not asked if it is on this machine or its network."""
    assert is_inner(f"http://{host}/a")
    with wire(ELSEWHERE) as sending:
        exchange = sending.send("a", "", Request(operation="asset", path=f"http://{host}:9/a", key=None)).exchange
    assert "no server may send others" in (exchange.error or "")


def test_a_server_here_may_name_addresses_here() -> None:
    """An emulator's files are where it is."""
    with scripted(http(200, b"a")) as server:
        assert sent(server, Request(operation="asset", path=f"{server.url}/a", key=None)).status == 200


@pytest.mark.parametrize("path", ["@{}/a", ".{}/a", 5, {"a": 1}])
def test_what_is_no_address_is_not_put_behind_the_target(path: Any) -> None:
    """A text that a server calls an address is never made into one of another server."""
    with scripted(http(200)) as other, scripted(http(200)) as server:
        told = path.format(other.url.removeprefix("http://")) if isinstance(path, str) else path
        assert sent(server, Request(operation="asset", path=told)).status is None
        assert other.requests == server.requests == []


@pytest.mark.parametrize("url", ["http://127.example", "http://127.0.0.1.example", "https://api.segmind.com", "http:"])
def test_a_name_that_looks_like_this_machine_is_elsewhere(url: str) -> None:
    """Only addresses of this machine are taken for it: others have a pace."""
    assert not is_loopback(url) and is_loopback("http://127.8.8.8:1") and is_loopback("http://localhost")


@pytest.mark.parametrize("name", ["SEGMIND_API_KEY", "SEGMIND_POOR_KEY"])
def test_no_command_sends_a_key_to_where_a_server_says(name: str) -> None:
    """In an address that a target named, the variable of a key stays the text that it is."""
    here, elsewhere = step(path=f"/a?b=${name}"), step(path=f"https://elsewhere.example/${name}")
    assert f'"https://api.example/a?b=${name}"' not in curl(elsewhere.exchange, "https://api.example")
    assert f"'https://elsewhere.example/${name}'" in curl(elsewhere.exchange, "https://api.example")
    assert f'${name}"' in curl(here.exchange, "https://api.example")


def judged(clause: str, *steps: Step) -> str:
    """Return what a clause says of steps."""
    known = {one.id: one for one in every_clause()}
    return known[clause].judge(Evidence(steps)).verdict


def test_nothing_holds_without_an_answer() -> None:
    """A run without any answer has not shown that there are no redirects."""
    lost = step(status=None, response=None)
    assert judged("answers.no-redirect", lost) == "skipped"
    assert judged("answers.no-redirect", lost, step()) == "holds"


@pytest.mark.parametrize(("key", "verdict"), [("", "skipped"), ("SEGMIND_API_KEY", "holds")])
def test_a_file_is_the_same_with_a_key_only_if_one_was_sent(key: str, verdict: str) -> None:
    """To another server no key is sent, so that nobody knows what it would change."""
    exchange = step(status=200, operation="download", key=key, response=message("a", b"x", file=True)).exchange
    steps = [Step("submit.delivers", name, exchange) for name in ("download", "download with a key")]
    assert judged("submit.file.keyed", *steps) == verdict


@pytest.mark.parametrize("where", ["moment", "ended", "video"])
@pytest.mark.parametrize("number", ["1e308", "NaN", "1e999", "-1e20"])
def test_numbers_that_are_none_are_refused(tmp_path: Path, where: str, number: str) -> None:
    """A recording or report with a number that no clock and no JSON has is refused in a sentence."""
    for made, read in ((as_har, lambda path: read_har(path, CONTRACT)), (as_json, read_json)):
        document = json.loads(made(run(steps=(step(),))))
        entry = document.get("evidence", document)["log"]["entries"][0]
        entry["_mockling"][where] = {"fps": "NUMBER"} if where == "video" else "NUMBER"
        path = tmp_path / "a"
        path.write_text(json.dumps(document).replace('"NUMBER"', number))
        if where == "video" and number in ("1e308", "-1e20"):
            read(path)
            continue
        with pytest.raises(Unreadable):
            read(path)


@pytest.mark.parametrize("names", [("--json", "--har"), ("--json", "--ledger"), ("--html", "--from")])
def test_no_report_is_written_over_another_file_that_is_named(tmp_path: Path, names: tuple[str, str]) -> None:
    """A report that would take the place of another, of the ledger or of the recording is refused beforehand."""
    file = tmp_path / "a"
    file.write_text("precious")
    (tmp_path / "b").symlink_to(file)
    target = [] if "--from" in names else ["http://127.0.0.1:9", "--budget", "1", "--api-key", "SG_1"]
    result = verify(*target, names[0], file, names[1], tmp_path / "b")
    assert (result.exit_code, "named twice" in result.output) == (2, True), result.output
    assert file.read_text() == "precious"


def test_a_failure_of_everything_is_no_word_on_anything() -> None:
    """Where even what must be refused fails, nothing is said to be taken: the target is out of order."""
    taken = {name: f"{CONTRACT.model.slug}.{name}" for name in ("takes.least", "takes.all")}
    probes = {one.id: one.probe.id for one in every_clause() if one.probe}
    failed, refused = (step(status=status, response=message("a")).exchange for status in (500, 400))
    accepted = [Step(probes[name], "", failed) for name in taken.values()]
    flawed = probes[f"{CONTRACT.model.slug}.refuses.without_prompt"]
    for others, verdict in (([], "holds"), ([failed], "inconclusive"), ([refused], "holds")):
        steps = [*accepted, *(Step(flawed, "", other) for other in others)]
        assert {judged(name, *steps) for name in taken.values()} == {verdict}


def test_a_terminal_that_is_gone_loses_no_report(tmp_path: Path) -> None:
    """What was paid for is in the files, also if nothing can be printed, or one of them cannot be written."""

    class Full(StringIO):
        def write(self, text: str) -> int:
            if text:
                raise OSError(28, "No space left on device")
            return 0

    (tmp_path / "folder").mkdir()
    files = {"json": tmp_path / "a.json", "har": tmp_path / "folder", "html": tmp_path / "a.html"}
    with pytest.raises(OSError, match=r"folder|No space"):
        deliver(run(), Console(file=Full()), files, [KEY])
    assert files["json"].exists() and files["html"].exists()


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("cookie", "a=1; session=abcdef123456; b=2", "abcdef123456"),
        ("set-cookie", "sid=abcdef123456; Path=/; Secure; SameSite=Strict", "abcdef123456"),
        ("x-auth-token", "abcdef123456", "abcdef123456"),
        ("authorization", "Basic YWJjZGVmMTIzNDU2", "YWJjZGVmMTIzNDU2"),
    ],
)
def test_every_secret_of_a_foreign_header_is_one(name: str, value: str, secret: str) -> None:
    """Cookies are secrets one by one, tokens by whatever header they travel in; the words around them are none."""
    headers = [{"name": name.title(), "value": value}]
    entry = {"request": {"url": "https://a.example", "headers": headers}, "response": {"headers": []}}
    found = secrets_of([entry])
    assert secret in found
    assert not {one for one in found if one.lower() in ("secure", "strict", "bearer", "basic", "path", "samesite")}


def test_a_video_of_an_unknown_codec_cannot_be_read() -> None:
    """What was paid for stays in the evidence, whatever is wrong with it."""
    clip = fixtures.input_clip("valid").read_bytes()
    assert b"avc1" in clip and measured(clip) and measured(clip.replace(b"avc1", b"zzzz")) is None
