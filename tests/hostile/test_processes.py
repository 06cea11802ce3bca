"""A process whose output nobody reads, which has no descriptors left, and what other languages send it."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from calling import GOOD_KEY, V1

from hostile.callers import CREDITS, serving
from mockling.emulator import Emulator


def test_a_log_that_nobody_reads_holds_nothing_up() -> None:
    """With its output an unread pipe the emulator answers on, ends at a signal, and told what there was room for."""
    with serving("--speed", "instant") as (process, url), requests.Session() as caller:
        assert process.stdout
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        for _ in range(300):
            assert caller.get(f"{url}/a", timeout=5).status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert b"GET /a 404" in process.stdout.read()


def test_out_of_descriptors_callers_wait() -> None:
    """With 64 open files and 100 connections that is told once, without work, and those who waited are served later."""
    with serving("--speed", "instant", files=64) as (process, url), ExitStack() as connections:
        port = urlsplit(url).port or 0
        callers = [connections.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(100)]
        for caller in callers[:20]:
            caller.sendall(CREDITS)
            assert caller.recv(9) == b"HTTP/1.1 "
        used = os.times().children_user
        last = callers.pop()
        last.sendall(CREDITS)
        for caller in callers:
            caller.close()
        last.settimeout(20)
        assert last.recv(9) == b"HTTP/1.1 "
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert process.stdout
        told = process.stdout.read().decode()
        assert told.count("New connections have to wait: Too many open files") == 1
        assert "Traceback" not in told
        assert os.times().children_user - used < 5


JAVA = """
import java.net.URI;
import java.net.http.*;
public class Call {
    public static void main(String[] given) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        for (int call = 0; call < 2; call++) {
            HttpRequest asked = HttpRequest.newBuilder(URI.create(given[0])).header("x-api-key", given[1])
                .header("content-type", "application/json").POST(HttpRequest.BodyPublishers.ofString(given[2])).build();
            HttpResponse<String> answer = client.send(asked, HttpResponse.BodyHandlers.ofString());
            System.out.println(answer.statusCode() + " " + answer.version());
        }
    }
}
"""


@pytest.mark.skipif(shutil.which("javac") is None, reason="there is no JDK")
def test_javas_client_is_served(server: Emulator, sample: dict[str, Any], tmp_path: Path) -> None:
    """Its default, which asks for HTTP/2 first, gets its video over HTTP/1.1."""
    (tmp_path / "Call.java").write_text(JAVA, "utf-8")
    command = [
        "java",
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        str(tmp_path / "Call.java"),
        server.url + V1,
        GOOD_KEY,
        json.dumps(sample),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.split("\n")[:2] == ["200 HTTP_1_1"] * 2


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curls_http2_is_served(server: Emulator, sample: dict[str, Any]) -> None:
    """`curl --http2` gets its video over HTTP/1.1."""
    headers = ["-H", f"x-api-key: {GOOD_KEY}", "-H", "content-type: application/json"]
    command = ["curl", "-s", "--http2", "-d", json.dumps(sample), *headers, server.url + V1]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(ended.stdout)["status"] == "COMPLETED"
