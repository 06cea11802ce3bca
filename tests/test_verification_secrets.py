"""What leaves a verification: never a key, never half a file, and commands that send the same again."""

import io
import json
import os
import shlex
import subprocess
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reported import CONTRACT, KEY, emulator_run, message, outcome, run, run_full_of, step, texts
from rich.console import Console
from scripted import http, scripted

from mockling.contract.verification.clause import Verdict
from mockling.contract.verification.guard import Unguarded
from mockling.contract.verification.probe import Need, Request
from mockling.contract.verification.reports.curl import OWN, curl
from mockling.contract.verification.reports.delivery import FORMATS, deliver
from mockling.contract.verification.reports.terminal import print_run
from mockling.contract.verification.secrets import SecretFound, masking, publish, search
from mockling.contract.verification.sending import Wire
from mockling.contract.verification.target import Target
from mockling.emulator.testing.emulated import KEYS

FORMS: list[Callable[[str], str]] = [
    str,
    str.lower,
    lambda key: quote(key, safe=""),
    lambda key: "".join(f"%{ord(sign):02x}" for sign in key),
    lambda key: "".join(f"\\u{ord(sign):04x}" for sign in key),
    json.dumps,
    lambda key: json.dumps(json.dumps(key)),
    lambda key: escape(key),
    lambda key: "".join(f"&#{ord(sign)};" for sign in key),
    lambda key: key.encode().hex(),
    lambda key: key.encode().hex().upper(),
    lambda key: f"{key[:7]}\n{key[7:]}",
    *(lambda key, before=before: b64encode(f"{before}{key}after".encode()).decode() for before in ("", "b", "be")),
    *(
        lambda key, before=before: urlsafe_b64encode(f"{before}{key}".encode()).decode()
        for before in ("?", "??", "???")
    ),
]
keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40).map("SG_".__add__)


@given(keys, texts, st.sampled_from(FORMS))
def test_a_key_is_found_in_any_form(key: str, around: str, form: Callable[[str], str]) -> None:
    """A key is noticed wherever it stands, as it is, escaped or encoded, and the message does not have it."""
    with pytest.raises(SecretFound) as found:
        search({"run.json": f"{around} {form(key)} {around}"}, [KEY, key])
    assert key not in str(found.value) and "run.json" in str(found.value)


SIGNS: list[Callable[[str], str]] = [
    str,
    "\\{}".format,
    lambda sign: f"\\u{ord(sign):04X}",
    lambda sign: f"\\\\u{ord(sign):04x}",
    lambda sign: f"%{ord(sign):02X}",
    lambda sign: f"&#{ord(sign):05};",
    lambda sign: f"&#x{ord(sign):x};",
    lambda sign: {"/": "&sol;", "+": "&plus;", "=": "&equals;"}.get(sign, escape(sign)),
]


@given(keys.map(lambda key: key.replace("\\", "/")), st.data())
def test_a_key_whose_signs_are_escaped_differently_is_masked(key: str, data: st.DataObject) -> None:
    """Each sign that is no letter or digit may be escaped in a way of its own, as servers escape a slash alone.

    But a backslash of the key itself: what escapes it or another sign cannot be told apart.
    """
    told = "".join(sign if sign.isalnum() else data.draw(st.sampled_from(SIGNS))(sign) for sign in key)
    masked = masking([key]).sub("$", f"a {told} b")
    search({"run.json": masked}, [key])
    assert masked.startswith("a $") and masked.endswith(" b")


def test_a_key_beyond_ascii_is_masked_as_its_bytes() -> None:
    """A body is looked through as bytes, each a sign."""
    key = "schl\u00fcssel-0123456789"
    assert masking([key]).sub("$", f"a {key} {key.encode().decode('latin-1')} b") == "a $ $ b"


BROKEN_LINE = 11  # of the forms, which search alone finds


@given(keys, texts, st.sampled_from([form for number, form in enumerate(FORMS) if number != BROKEN_LINE]))
def test_what_is_masked_is_not_found_any_more(key: str, around: str, form: Callable[[str], str]) -> None:
    """A key that a server says again in any form is masked so that no report is held back for it."""
    told = masking([key]).sub("$", f"{around} {form(key)} {around}")
    search({"run.json": told}, [key])
    assert told.startswith(f"{around} ") and told.endswith(f" {around}")


def test_what_is_no_key_is_not_masked() -> None:
    """Of two keys the longer is looked for first, and where there is none nothing is."""
    assert masking([]).sub("$", "a text") == masking([""]).sub("$", "a text") == "a text"
    assert masking(["SG_1", "SG_12"]).sub("$", "SG_12 SG_1 SG_") == "$ $ SG_"


def test_a_target_that_says_the_key_again_is_reported_without_it(tmp_path: Path) -> None:
    """In whatever form it stands in headers or bodies, each report and recording is written, and none has it."""
    told = [form(KEY) for number, form in enumerate(FORMS) if number != BROKEN_LINE]
    headers = [f"x-told-{number}: {one}" for number, one in enumerate(told) if "\n" not in one]
    answers = [http(401, " ".join(told).encode(), *headers), http(401, json.dumps({"error": told}).encode())]
    with scripted(*answers) as server:
        target = Target(name=server.url, url=server.url, storage_url=server.url, keys={Need.GOOD: KEY}, timeout=20)
        wire = Wire(CONTRACT, target, Unguarded())
        for request in (Request(operation="credits"), Request(operation="credits", path=f"/{told[2]}")):
            wire.send("a", "", request)
        wire.close()
    assert [step.status for step in wire.steps] == [401, 401]
    assert repr(wire.steps).count("$SEGMIND_API_KEY") >= 3 * len(told)
    reported = run(outcome(Verdict.BROKEN, wire.steps[0].told, *wire.steps), steps=tuple(wire.steps))
    shown, files = io.StringIO(), {name: tmp_path / name for name in FORMATS}
    deliver(reported, Console(file=shown), files, [KEY])
    assert len([*tmp_path.iterdir()]) == len(FORMATS)


def test_no_part_of_a_key_is_left_where_a_body_is_cut() -> None:
    """What is kept of a body is cut once its keys are masked."""
    body = "".join(f"\\u{ord(sign):04x}" for sign in KEY).encode() * 2000
    with scripted(http(401, body)) as server:
        target = Target(name=server.url, url=server.url, storage_url=server.url, keys={Need.GOOD: KEY}, timeout=20)
        wire = Wire(CONTRACT, target, Unguarded())
        kept = wire.send("a", "", Request(operation="credits")).exchange.response
        wire.close()
    assert kept and kept.body == (b"$SEGMIND_API_KEY" * 2000)[: 64 * 1024] and kept.size == len(body)


@given(keys)
def test_a_report_without_a_key_passes(key: str) -> None:
    """A report in which no key stands is not held back, also where no key is at hand."""
    search({"run.json": FORMATS["json"](run_full_of("told"))}, [key, "", KEY])


@given(st.sampled_from(sorted(FORMATS)), st.sampled_from(FORMS), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_written_if_a_key_stands_in_one_file(
    tmp_path: Path, name: str, form: Callable[[str], str], in_body: bool
) -> None:
    """One artefact with a key keeps all of them back, and the terminal stays empty."""
    sent = step(body=form(KEY).encode()) if in_body else step(error=form(KEY))
    told = form(KEY) if name not in ("har",) else "told"
    reported = run(outcome(Verdict.BROKEN, told, sent), steps=(sent,))
    shown = io.StringIO()
    with pytest.raises(SecretFound):
        deliver(reported, Console(file=shown), {name: tmp_path / "run", "junit": tmp_path / "junit"}, [KEY])
    assert list(tmp_path.iterdir()) == [] and shown.getvalue() == ""


def test_nothing_is_printed_if_a_key_stands_in_it() -> None:
    """A report on the terminal is held back, also where its lines would break the key in two."""
    shown = io.StringIO()
    with pytest.raises(SecretFound):
        print_run(Console(file=shown, width=30), run(outcome(Verdict.BROKEN, f"got {KEY * 3}")), [KEY])
    assert shown.getvalue() == ""


def test_a_real_run_is_delivered_in_every_form_without_its_keys(tmp_path: Path) -> None:
    """A run against the emulator, which sends its keys, is written and printed, and none of them stands anywhere."""
    shown = io.StringIO()
    files = {name: tmp_path / name for name in FORMATS}
    deliver(emulator_run(), Console(file=shown), files, KEYS.values())
    written = [path.read_text("utf-8") for path in tmp_path.iterdir()]
    assert len(written) == len(FORMATS) and all(written)
    assert not [key for key in KEYS.values() for text in [*written, shown.getvalue()] if key in text]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that cannot be written leaves the old one as it was, and nothing beside it."""
    path = tmp_path / "run.json"
    path.write_text("old", "utf-8")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            publish({path: "new"}, [])
    assert [file.read_text("utf-8") for file in tmp_path.iterdir()] == ["old"]
    publish({path: "new\ud800"}, [])
    assert [file.read_text("utf-8") for file in tmp_path.iterdir()] == ["new?"]


def test_a_link_goes_on_leading_to_the_file_that_is_replaced(tmp_path: Path) -> None:
    """What a link leads to is replaced, not the link; and a device is written to."""
    link, path = tmp_path / "latest.json", tmp_path / "run.json"
    path.write_text("old", "utf-8")
    link.symlink_to(path)
    publish({link: "new", Path(os.devnull): "new"}, [])
    assert link.is_symlink() and path.read_text("utf-8") == "new"
    assert not Path(os.devnull).is_file()


def test_a_folder_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    """A report in a folder that is not there is an error of the system, which names it."""
    with pytest.raises(OSError, match="none"):
        publish({tmp_path / "none" / "run.json": "new"}, [])
    assert list(tmp_path.iterdir()) == []


names = st.from_regex(r"x-[a-z]{1,8}", fullmatch=True)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30).map(str.strip)
bodies = st.binary(max_size=60) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace"))


@given(st.dictionaries(names, values, max_size=3), bodies, values, st.booleans())
def test_a_curl_command_sends_the_same_request(headers: dict[str, str], body: bytes, query: str, typed: bool) -> None:
    """What a shell makes of the command is the request that was sent: its method, address, headers and body."""
    kind = (("content-type", "text/plain"),) if typed else ()
    sent = (("x-api-key", "$SEGMIND_API_KEY"), *kind, *headers.items(), ("accept", "*/*"))
    request = message("", body)
    exchange = step(request=type(request)(sent, body, len(body)), path=f"/v1/a?b={query}").exchange
    command = curl(exchange, "https://api.segmind.com")
    assert command.isprintable()
    words = shlex.split(command)
    if words[0] == "printf":
        assert (
            b64decode(words[2]) == body
            and words[3:6] == ["|", "base64", "-d"]
            and words[-2:] == ["--data-binary", "@-"]
        )
        words = words[7:-2]
    elif body:
        assert words[-2] == "--data-raw" and words[-1].encode() == body
        words = words[:-2]
    assert words[:7] == ["curl", "-sS", "-i", "-g", "-X", "POST", f"https://api.segmind.com/v1/a?b={query}"]
    told = [word.rstrip(";") if word.endswith(";") and ":" not in word else word for word in words[8::2]]
    parts = [(name, value.strip()) for name, _, value in (word.partition(":") for word in told)]
    none = [("content-type", "")] if body and not typed else []  # keeps curl from adding one
    assert parts == [(name, value) for name, value in sent if name not in OWN] + none


def test_a_shell_puts_the_key_in_its_place_and_expands_nothing_else(tmp_path: Path) -> None:
    """The variable of a key is expanded wherever it stands; what else looks like shell stays as it is."""
    body = b'{"a": "$SEGMIND_API_KEY `id` $(id) $HOME ! \' \\\\"}'
    exchange = step(request=message("$SEGMIND_API_KEY $HOME", body), path="/v1/a?key=$SEGMIND_API_KEY").exchange
    shown = tmp_path / "curl"
    shown.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', "utf-8")
    shown.chmod(0o755)
    variables = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "SEGMIND_API_KEY": KEY, "HOME": "home"}
    command = ["/bin/sh", "-c", curl(exchange, "http://a")]
    ran = subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=30)
    told = ran.stdout.splitlines()
    assert told[5:] == [
        f"http://a/v1/a?key={KEY}",
        "-H",
        "content-type: application/json",
        "-H",
        f"x-told: {KEY} $HOME",
        "--data-raw",
        body.decode().replace("$SEGMIND_API_KEY", KEY),
    ]
