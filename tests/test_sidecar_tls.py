"""HTTPS: a certificate authority of its own, and callers who are good, slow, lost or gone."""

import json
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Any

import pytest
import requests
from calling import GOOD_KEY, V1
from hostile.callers import CREDITS, LAST, calling, everything

from mockling.emulator import Emulator, SettingsError, read_settings
from mockling.emulator.listening import tls

PLATFORM = ["api.segmind.com", "workflows-api.segmind.com", "images.segmind.com"]


@pytest.fixture(scope="module")
def secure() -> Iterator[Emulator]:
    """An emulator that speaks HTTPS."""
    with Emulator(speed="instant", credits=10**9, tls=True) as emulator:
        yield emulator


def trusting(emulator: Emulator) -> ssl.SSLContext:
    """Return the context of a caller who trusts an emulator."""
    assert emulator.ca
    return ssl.create_default_context(cadata=emulator.ca)


def plain(emulator: Emulator) -> socket.socket:
    """Return a connection without TLS."""
    return socket.create_connection(("127.0.0.1", int(emulator.url.rpartition(":")[2])), timeout=20)


def connect(emulator: Emulator, host: str = "127.0.0.1", context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    """Return a connection to an emulator by the name of a host."""
    connection = plain(emulator)
    try:
        return (context or trusting(emulator)).wrap_socket(connection, server_hostname=host)
    except BaseException:
        connection.close()
        raise


def test_the_main_job_works_over_https(secure: Emulator, sample: dict[str, Any], tmp_path: Path) -> None:
    """With the authority trusted a generation is answered, and its video is at an HTTPS address that works."""
    (tmp_path / "ca.pem").write_text(str(secure.ca))
    assert secure.url.startswith("https://127.0.0.1:")
    more: Any = {"verify": str(tmp_path / "ca.pem"), "timeout": 20}
    answer = requests.post(secure.url + V1, json=sample, headers={"x-api-key": GOOD_KEY}, **more).json()
    assert answer["output"].startswith(f"{secure.url}/generations/")
    assert requests.get(answer["output"], **more).content[4:8] == b"ftyp"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", *PLATFORM])
def test_it_is_each_host_it_stands_in_for(secure: Emulator, host: str) -> None:
    """Whoever is led here by a hosts entry meets a certificate of the platform's name, and addresses of that name."""
    with connect(secure, host) as caller:
        caller.sendall(LAST)
        assert everything(caller).startswith(b"HTTP/1.1 200 ")


def test_a_hosts_entry_is_enough(secure: Emulator, sample: dict[str, Any]) -> None:
    """A call to the platform's own name is answered with a video at that name, over HTTPS."""
    body = json.dumps(sample).encode()
    head = f"POST {V1} HTTP/1.1\r\nHost: api.segmind.com\r\nx-api-key: {GOOD_KEY}\r\nconnection: close\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    with connect(secure, "api.segmind.com") as caller:
        caller.sendall(head.encode() + body)
        assert b'"output": "https://api.segmind.com/generations/' in everything(caller)


def test_nobody_else_is_served(secure: Emulator, log: "SimpleQueue[str]") -> None:
    """Another host's name, or a caller without the authority, is no connection; the latter's reason is logged."""
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for 'example"):
        connect(secure, "example.com")
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        connect(secure, context=ssl.create_default_context())
    told = [log.get(timeout=10) for _ in range(2)]
    assert all(line.startswith("A caller's TLS handshake failed: ") for line in told)
    assert told[1].endswith("It must trust this emulator's authority and call it by a host it serves.")


def test_http_1_1_is_agreed_on(secure: Emulator) -> None:
    """A caller who would rather have HTTP/2 learns in the handshake that there is none."""
    context = trusting(secure)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with connect(secure, context=context) as caller:
        assert caller.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("sent", [LAST, b"POST / HTTP/1.1\r\nHost: x\r\ncontent-length: 9999\r\n\r\n", b"\0"])
def test_plain_http_is_told_where_it_is(secure: Emulator, sent: bytes) -> None:
    """Who speaks no TLS gets one answer that says so, and the end."""
    with plain(secure) as caller:
        caller.sendall(sent)
        head, _, body = everything(caller).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"] == "This port speaks HTTPS alone; write https:// in place of http://"


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01\x02\x00\x01"])
def test_a_handshake_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    """Who says nothing, or only the beginning of a handshake, has a bounded time; others are served meanwhile."""
    monkeypatch.setattr("mockling.emulator.listening.tls.HANDSHAKE", 0.2)
    monkeypatch.setattr("mockling.emulator.listening.listener.HANDSHAKE", 0.2)
    with Emulator(speed="instant", tls=True) as emulator, plain(emulator) as slow, connect(emulator) as other:
        slow.sendall(begun)
        other.sendall(LAST)
        assert everything(other).startswith(b"HTTP/1.1 200 ")
        assert everything(slow) == b""


def test_callers_who_leave_before_tls_are_forgotten(secure: Emulator, log: "SimpleQueue[str]") -> None:
    """They cost nothing and are no line in the log."""
    for begun in (b"", b"\x16\x03\x01\x02\x00\x01"):
        with plain(secure) as caller:
            caller.sendall(begun)
    with connect(secure) as caller:
        caller.sendall(LAST)
        everything(caller)
    assert log.get(timeout=10).startswith("GET /v1/get-user-credits 200")


def test_a_held_call_is_answered_over_tls(sample: dict[str, Any]) -> None:
    """It waits for its moment, as over plain HTTP."""
    with Emulator(speed="manual", tls=True) as emulator, connect(emulator) as caller:
        caller.sendall(calling(sample))
        with connect(emulator) as other:  # answered after the first was taken
            other.sendall(LAST)
            everything(other)
        assert emulator.held == 1
        emulator.clock.advance(1000)
        assert caller.recv(9) == b"HTTP/1.1 "


@pytest.mark.parametrize("orderly", [True, False])
def test_a_caller_who_leaves_a_held_call_is_noticed(
    sample: dict[str, Any], log: "SimpleQueue[str]", orderly: bool
) -> None:
    """With TLS's goodbye or without it, the call is recorded as one whose caller left."""
    with Emulator(speed="manual", tls=True) as emulator:
        with ExitStack() as open_ones:
            caller = open_ones.enter_context(connect(emulator))
            caller.sendall(calling(sample))
            with connect(emulator) as other:
                other.sendall(LAST)
                everything(other)
            log.get(timeout=10)
            if orderly:
                caller.settimeout(0.01)
                with suppress(TimeoutError, ssl.SSLError):  # as soon as the server says goodbye, or does not
                    caller.unwrap()
                assert log.get(timeout=10).startswith(f"POST {V1} caller left")
        if not orderly:
            assert log.get(timeout=10).startswith(f"POST {V1} caller left")
        assert emulator.held == 0


def test_open_connections_do_not_hold_the_end_up(sample: dict[str, Any]) -> None:
    """With idle callers, unfinished handshakes and a held call it ends at once, the call answered with 503."""
    with ExitStack() as callers:
        emulator = callers.enter_context(Emulator(speed="manual", tls=True))
        held, idle, kept = (callers.enter_context(connect(emulator)) for _ in range(3))
        for silent in (plain(emulator), plain(emulator)):
            callers.enter_context(closing(silent))
        silent.sendall(b"\x16\x03\x01\x02\x00\x01")
        held.sendall(calling(sample))
        kept.sendall(CREDITS)
        assert kept.recv(9) == b"HTTP/1.1 "
        before = monotonic()
        emulator.stop()
        assert monotonic() - before < 1
        assert everything(held).startswith(b"HTTP/1.1 503 ")
        assert everything(idle) == b""


def test_a_certificate_of_ones_own_is_shown(tmp_path: Path) -> None:
    """With files of a certificate and its key no authority is made; the settings file names them beside itself."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "m.toml").write_text('speed = "instant"\ntls = {cert = "cert.pem", key = "key.pem"}')
    with Emulator(read_settings(tmp_path / "m.toml", {})) as emulator:
        assert emulator.ca is None
        context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
        with connect(emulator, context=context) as caller:
            caller.sendall(LAST)
            assert everything(caller).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "wrong", ["yes", 1, {}, {"cert": "a"}, {"cert": 1, "key": "b"}, {"cert": "a", "key": "b", "c": "d"}]
)
def test_what_tls_cannot_be_is_told(wrong: Any) -> None:
    """It is true, false, or two files."""
    with pytest.raises(SettingsError, match="tls must be true, false, or"):
        Emulator(tls=wrong)


def test_files_that_are_no_certificate_are_told(tmp_path: Path) -> None:
    """Files that are not there, hold no PEM, or an encrypted key are named, and nobody is asked for a password."""
    (tmp_path / "a").write_text("nonsense")
    issued = pytest.importorskip("trustme").CA().issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    (tmp_path / "locked").write_bytes(key.private_bytes(*kinds, serialization.BestAvailableEncryption(b"secret")))
    for cert, key in (("none", "none"), ("a", "a"), ("cert", "locked"), ("cert", "cert")):
        with pytest.raises(SettingsError, match=f"must name a PEM certificate and its key: .*{cert}, .*{key}: "):
            Emulator(tls={"cert": tmp_path / cert, "key": tmp_path / key})


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without trustme one sentence says how to get it; a certificate of one's own needs none."""
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(SettingsError, match="needs the library trustme; install it with: pip install"):
        Emulator(tls=True)


def test_without_tls_there_is_no_authority(emulator: Emulator) -> None:
    """Plain HTTP stays the default."""
    assert (emulator.ca, emulator.url[:7]) == (None, "http://")
    assert tls.identity(emulator.settings) is None
