"""The image: what its Dockerfile does, by hand where nobody can build it, and by Docker where somebody can."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

from mockling.cli.health import ailment

ROOT = Path(__file__).parent.parent
HOME = "/opt/mockling"


def steps() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, with their arguments."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    return [(step.split()[0], step.split(maxsplit=1)[1]) for step in text.splitlines() if step.strip()]


def of(kind: str) -> list[str]:
    """Return the arguments of the instructions of a kind."""
    return [rest for one, rest in steps() if one == kind]


class Image(NamedTuple):
    """An image that was made by hand: where its virtual environment is, and the environment of what runs in it."""

    home: Path
    environment: dict[str, str]

    def command(self, given: str) -> list[str]:
        """Return a command of the Dockerfile, as it is here."""
        return [part.replace(HOME, str(self.home)) for part in json.loads(given)]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Do what the Dockerfile does, with the libraries of this environment in place of downloaded ones."""
    source, home = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("image") / "mockling"
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    for *names, target in (shlex.split(rest) for rest in of("COPY") if not rest.startswith("--from")):
        for name in names:
            assert name in allowed, f".dockerignore keeps {name} away"
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, source / target)
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}  # its 0 means that there is none
    path = os.pathsep.join([sysconfig.get_path("purelib"), os.environ["PYTHONPATH"]])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    for rest in of("RUN"):
        shell = rest.replace(HOME, str(home)).replace("python -m venv", f"{sys.executable} -m venv")
        subprocess.run(shell, shell=True, cwd=source, env={**environment, **offline}, check=True, timeout=120)
    for pair in " ".join(of("ENV")).split():
        name, _, value = pair.partition("=")
        environment[name] = value
    there = {"MOCKLING_HOST": "127.0.0.1", "MOCKLING_PORT": "0", "MOCKLING_READY_FILE": str(home / "ready.json")}
    assert environment["MOCKLING_HOST"] == "0.0.0.0"
    return Image(home, {**environment, **there})


@contextmanager
def running(image: Image, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the image's command; gives it when it listens."""
    command = image.command(of("ENTRYPOINT")[0]) + image.command(of("CMD")[0])
    more = {**image.environment, **environment}
    process = subprocess.Popen(
        command, env=more, cwd=image.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout
            assert process.stdout.readline().startswith("Mockling listens at ")
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("tls", ["0", "1"])
def test_the_image_serves_is_healthy_and_stops(image: Image, tls: str) -> None:
    """Its command answers, its health check tells whether it does, over HTTPS too, and SIGTERM ends it at once."""
    (health,) = of("HEALTHCHECK")
    check = image.command(re.sub(r"^.*?CMD ", "", health))
    with running(image, MOCKLING_TLS=tls) as process:
        ready = json.loads(Path(image.environment["MOCKLING_READY_FILE"]).read_text())
        answer = requests.get(f"{ready['url']}/none", verify=ready["ca"] or True, timeout=20)
        assert answer.status_code == 404
        assert subprocess.run(check, env=image.environment, timeout=20).returncode == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=2) == 0
    ended = subprocess.run(check, env=image.environment, timeout=20, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith("It does not answer: ")


def test_the_installed_package_is_a_command(image: Image) -> None:
    """Installed in the ordinary way, `python -m mockling` works, and the rooms are parts of one package."""
    python = str(image.home / "bin" / "python")
    ended = subprocess.run(
        [python, "-m", "mockling", "--version"], env=image.environment, timeout=20, capture_output=True, text=True
    )
    assert ended.stdout.startswith("mockling, version ")
    program = "import mockling, mockling.cli; print(mockling.__file__, mockling.cli.__file__)"
    told = subprocess.run([python, "-c", program], env=image.environment, timeout=20, capture_output=True, text=True)
    assert [Path(file).is_relative_to(image.home) for file in told.stdout.split()] == [True, True]


def test_the_image_has_no_root_and_tells_its_port() -> None:
    """It runs as a user without rights, and says where it listens."""
    (user,) = of("USER")
    assert int(user) > 0
    assert of("EXPOSE") == ["8787"]


def test_the_image_is_what_the_dockerignore_lets_through() -> None:
    """Everything else is kept away from the builder."""
    rules = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line and line[0] != "#"]
    assert rules[0] == "*"
    copied = {name for rest in of("COPY") if not rest.startswith("--from") for name in shlex.split(rest)[:-1]}
    assert {rule[1:] for rule in rules if rule[0] == "!"} == copied


def test_health_is_what_the_server_says(tmp_path: Path) -> None:
    """A ready file that is not there, or is none, is no health."""
    for content in (None, "", "{}", "[]", '{"url": "http://127.0.0.1:1", "ca": null}', '{"url": 1, "ca": 1}'):
        if content is not None:
            (tmp_path / "ready.json").write_text(content)
        assert str(ailment(tmp_path / "ready.json")).startswith("It does not answer: ")


def _has_docker() -> bool:
    return bool(shutil.which("docker")) and subprocess.run(["docker", "info"], capture_output=True).returncode == 0


@pytest.mark.skipif(not _has_docker(), reason="no Docker daemon answers")
def test_docker_builds_it() -> None:
    """Docker makes an image of it, whose command is the emulator's."""
    subprocess.run(["docker", "build", "--tag", "mockling-test", str(ROOT)], check=True, timeout=600)
    command = ["docker", "run", "--rm", "mockling-test", "--version"]
    ended = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    assert ended.stdout.startswith("mockling, version ")
