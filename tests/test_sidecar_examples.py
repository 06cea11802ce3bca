"""The examples in other languages, each run as it stands."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import requests
import yaml
from calling import BAD_KEY, GOOD_KEY

from mockling import fixtures
from mockling.cli.serve import CA_BEGINS
from mockling.emulator import Emulator

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "examples"
PROGRAMS = {
    "generate.sh": ["sh"],
    "generate.mjs": ["node"],
    "generate-axios.mjs": ["node"],
    "generate.go": ["go", "run"],
    "Generate.java": ["java"],
}
NEEDED = {"generate.sh": ["curl", "jq"], "generate.mjs": ["node"], "generate-axios.mjs": ["node"]}
NEEDED |= {"generate.go": ["go"], "Generate.java": ["javac"]}


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Emulator, Path]]:
    """An emulator that speaks HTTPS, and the file that `serve` writes of its authority."""
    file = tmp_path_factory.mktemp("ca") / "mockling-ca.pem"
    with Emulator(speed="instant", tls=True) as emulator:
        file.write_text(f"{CA_BEGINS}{emulator.ca}")
        yield emulator, file


def example(name: str) -> list[str]:
    """Return the command of an example; skip the test where its language is not installed."""
    missing = [program for program in NEEDED[name] if not shutil.which(program)]
    if missing:
        pytest.skip(f"there is no {missing[0]}")
    if "axios" in name and not (ROOT / "node_modules" / "axios").is_dir():
        pytest.skip("there is no axios: npm install --no-save --no-package-lock axios")
    return [*PROGRAMS[name], str(EXAMPLES / name)]


def trusting(name: str, ca: Path) -> tuple[dict[str, str], list[str]]:
    """Return what the language of an example needs to trust an authority: variables, and options."""
    if name != "Generate.java":
        return dict.fromkeys(("CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"), str(ca)), []
    store = ca.with_name("store")
    command = ["keytool", "-importcert", "-noprompt", "-alias", "mockling", "-storepass", "changeit"]
    subprocess.run([*command, "-file", str(ca), "-keystore", str(store)], check=True, timeout=60, capture_output=True)
    return {}, [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"]


def run(command: list[str], url: str, key: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run an example."""
    local = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    environment = {**os.environ, **local, "SEGMIND_BASE_URL": url, "SEGMIND_API_KEY": key, **more}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_saves_its_video(name: str, secure: tuple[Emulator, Path], tmp_path: Path) -> None:
    """It generates over HTTPS, trusting the authority as its first lines say, and the video is what was asked for."""
    command = example(name)
    emulator, ca = secure
    variables, flags = trusting(name, ca)
    output = tmp_path / "out.mp4"
    ended = run([command[0], *flags, *command[1:], str(output)], emulator.url, GOOD_KEY, **variables)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"{output}: {output.stat().st_size} bytes\n"
    found = fixtures.probe(output)
    assert (found.width, found.frames) == (1280, 72)


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_tells_an_error(name: str, emulator: Emulator, tmp_path: Path) -> None:
    """An error status is told with its text, the exit code says so, and nothing is written."""
    output = tmp_path / "out.mp4"
    ended = run([*example(name), str(output)], emulator.url, BAD_KEY)
    assert ended.returncode == 1
    assert ended.stderr.startswith("401: Unauthorized")
    assert not output.exists()


def test_every_example_is_run() -> None:
    """No file lies there that no test runs; the worker is what the cookbook's tests are of."""
    files = {path.name for path in EXAMPLES.iterdir() if path.is_file()}
    assert files == {*PROGRAMS, "github-actions.yml", "verify-live.yml", "worker.py"}


@pytest.mark.skipif(not shutil.which("jq") or not hasattr(os, "pidfd_open"), reason="there is no jq, or no Linux")
def test_the_workflow_runs_tests_beside_an_emulator(tmp_path: Path) -> None:
    """Its steps start an emulator, tell later steps its address and key, and stop it."""
    (job,) = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text("utf-8"))["jobs"].values()
    steps = {step.get("name", step.get("uses")): step for step in job["steps"]}
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    told = tmp_path / "env"
    environment = {**os.environ, "PATH": paths, "RUNNER_TEMP": str(tmp_path), "GITHUB_ENV": str(told)}

    def step(name: str) -> str:
        script = ["bash", "-eo", "pipefail", "-c", steps[name]["run"]]
        more = {**environment, **steps[name].get("env", {})}
        return subprocess.run(script, env=more, check=True, timeout=90, stdout=subprocess.PIPE, text=True).stdout

    step("Start Mockling")
    pid = json.loads((tmp_path / "mockling.json").read_text())["pid"]
    with closing(os.fdopen(os.pidfd_open(pid))) as process:
        try:
            variables = dict(line.split("=", 1) for line in told.read_text().splitlines())
            assert variables["SEGMIND_API_KEY"] == GOOD_KEY
            assert requests.get(f"{variables['SEGMIND_BASE_URL']}/a", timeout=20).status_code == 404
            log = step("Stop Mockling")
            assert select.select([process], [], [], 10)[0]
            assert '"path": "/a"' in log or '"path": "/a"' in (tmp_path / "mockling.log").read_text()
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
