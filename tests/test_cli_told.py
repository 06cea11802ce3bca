"""What the command tells, in this process: the banner, a job's way, files that announce, names that are refused."""

import json
import os
import re
import signal
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from calling import INPUTS, make_key
from scripted import http, scripted
from test_cli import fails, run
from test_cli import known as known

from mockling import cli, fixtures
from mockling.cli import announcing, asking, banner, generate, output, serve, waiting
from mockling.cli.announcing import announced, check_place
from mockling.cli.health import ailment
from mockling.cli.output import Output
from mockling.client import ApiError, Client, GenerationFailed, NotFound
from mockling.contract import facts
from mockling.emulator import Emulator
from mockling.emulator.listening import server
from mockling.emulator.listening.sockets import listen

MP4 = fixtures.input_clip("narrow").read_bytes()


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def lines(emulator: Emulator, ca: Path | None = None) -> dict[str, str]:
    """Return the lines of the banner that have a name."""
    return dict(re.findall(r"(?m)^  (\w[\w ]+?) {2,}(.*)$", banner.banner(emulator, ca)))


def test_the_banner_tells_how_it_is(tmp_path: Path) -> None:
    """Each line says what holds: speed in terms of a typical call, limit, money, seed, authority."""
    with Emulator(seed=7, requests_per_minute=9, credits="0.5") as emulator:
        told = lines(emulator)
        assert (told["seed"], told["rate limit"], told["credits"]) == ("7", "9", "$0.50 for each key")
        assert told["speed"] == "100 (213 s pass in about 2.1)"
        assert told["key"] == f"{emulator.api_key}, or SG_ and any 16 hex digits"
        assert told["control"] == f"{emulator.url}/_mockling/control.json"
        assert not {"authority", "WARNING"} & told.keys()
        for_programs = banner.told(emulator, Path("a.pem"))
        assert (for_programs["credits"], for_programs["requests_per_minute"], for_programs["seed"]) == ("0.5", 9, 7)
        assert (for_programs["ca"], for_programs["pid"]) == (str(tmp_path / "a.pem"), os.getpid())
    with Emulator(accounts=[{"key": "my-key", "credits": "5"}], speed="manual", control_token="a token") as emulator:
        told = lines(emulator, Path("a.pem"))
        assert (told["key"], told["credits"]) == ("my-key", "as configured")
        assert told["rate limit"] == "as each account's plan says"
        assert told["authority"] == "a.pem has its certificate, for callers to trust"
        assert told["speed"] == "manual (time passes only where the control API says so)"
        assert "  needs the header x-mockling-token: a token\n" in banner.banner(emulator, None)
        assert (banner.told(emulator, None)["credits"], banner.told(emulator, None)["ca"]) == (None, None)
    with Emulator(speed="instant") as emulator:
        assert (lines(emulator)["speed"], lines(emulator)["rate limit"]) == ("instant (every response at once)", "off")


def test_the_banner_warns_where_others_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who listens at all addresses is told so, and is given one that works."""
    monkeypatch.setattr(server, "listen", lambda _, port: listen("127.0.0.1", port))
    with Emulator(host="0.0.0.0") as emulator:
        port = emulator.url.rpartition(":")[2]
        monkeypatch.setattr(Emulator, "url", property(lambda _: f"http://0.0.0.0:{port}"))
        assert lines(emulator)["WARNING"] == "whoever reaches this machine over the network can use it"
        shown = banner.banner(emulator, None)
        assert shown.startswith(f"Mockling listens at http://127.0.0.1:{port}\n") and "0.0.0.0" not in shown
        assert banner.ready(emulator, None)["url"] == f"http://127.0.0.1:{port}"
        assert banner.ready(emulator, None)["control_token"] == emulator.control_token != ""


def test_the_command_leaves_signals_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a command SIGTERM ends it with 143; whoever calls `main` in a program of his own has his handler again."""
    found: list[Any] = []

    def looked(*_: object) -> None:
        found.append(signal.getsignal(signal.SIGTERM))
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("mockling.cli.contract.loaded", looked)
    result = run("contract")
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")
    assert signal.getsignal(signal.SIGTERM) is before is not found[0]
    with pytest.raises(SystemExit) as ended:
        found[0](signal.SIGTERM, None)
    assert ended.value.code == 143


def test_a_question_without_an_answer_ends_on_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a question the cursor stands in its line."""

    def aborted(*_: object) -> None:
        raise click.Abort

    monkeypatch.setattr("mockling.cli.contract.loaded", aborted)
    assert run("contract").stderr == "\nInterrupted.\n"


def test_what_the_system_says_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the name of the file if there is one, without the number of the error."""
    for error, told in (
        (OSError(28, "No space left on device", "a.txt"), "Error: a.txt: No space left on device.\n"),
        (OSError(28, "No space left on device"), "Error: No space left on device.\n"),
        (OSError("something odd"), "Error: something odd\n"),
    ):

        def failing(*_: object, error: OSError = error) -> None:
            raise error

        monkeypatch.setattr("mockling.cli.contract.loaded", failing)
        result = run("contract")
        assert (result.exit_code, result.stderr) == (1, told)


# Files that announce.


@pytest.mark.parametrize(
    ("content", "taken"),
    [
        ("", None),
        ('{"url": "http://a", "pid": 99999999999}', None),
        ('{"url": "http://a"}', None),
        ('{"url": "http://a", "pid": MINE}', None),
        ('{"url": "http://a", "pid": PARENT}', "which still runs"),
        ('{"url": "http://a", "pid": 1}', "which still runs"),
        ("something of a user's\nProcess PARENT.\n", "something else"),
    ],
)
def test_a_file_is_replaced_if_it_is_ours_and_of_nobody_who_runs(content: str, taken: str | None) -> None:
    """An empty file, one of this process or of one that has ended, is free; a running one's and a user's are not."""
    place = Path("ready.json")
    content = content.replace("MINE", str(os.getpid())).replace("PARENT", str(os.getppid()))
    place.write_text(content)
    if taken:
        with pytest.raises(ValueError, match=taken):
            check_place(place, serve.READY_BEGINS)
    else:
        check_place(place, serve.READY_BEGINS)
    assert place.read_text() == content


def test_the_process_of_a_certificate_is_named_in_its_second_line() -> None:
    """The authority's file names its process where readers of certificates pass over it."""
    place = Path("ca.pem")
    place.write_text(f"{serve.CA_BEGINS}Process {os.getppid()}.\n-----BEGIN CERTIFICATE-----\n")
    with pytest.raises(ValueError, match=f"ca.pem is that of process {os.getppid()}, which still runs"):
        check_place(place, serve.CA_BEGINS)


class Said:
    """Stands in for what writes lines: keeps them, and for how long the end waited for each writer."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.finished: list[float] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def finish(self, seconds: float) -> None:
        self.finished.append(seconds)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    """What `serve` says in this process, where it ends as soon as it listens and `look` has been called."""
    said = Said()
    monkeypatch.setattr(serve, "Lines", lambda _descriptor: said)
    monkeypatch.setattr(serve, "log", lambda _form: said)
    monkeypatch.setattr(serve.signal, "signal", lambda *_: None)
    monkeypatch.setattr(serve.gc, "freeze", lambda: None)
    monkeypatch.setattr(serve.secrets, "randbelow", lambda _most: 42)
    monkeypatch.setattr(serve, "_allow_many_connections", lambda: said.lines.append("allowed"))
    return said


def served(monkeypatch: pytest.MonkeyPatch, look: Callable[[], None], *options: object) -> Any:
    """Run `serve` until it has been looked at."""

    class Event:
        def wait(self, _seconds: float) -> bool:
            look()
            return True

        def set(self) -> None:
            pass

    monkeypatch.setattr(serve, "Event", Event)
    return run("serve", "--port", 0, *options)


def test_the_files_of_serve_are_there_while_it_runs(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ready file is for its owner alone, the authority's for all; both go before it stops."""
    found: list[tuple[str, int]] = []

    def look() -> None:
        found.extend((path.name, path.stat().st_mode & 0o077) for path in sorted(Path().iterdir()))
        ready = json.loads(Path("ready.json").read_text())
        assert ready["ca"] == str(Path("mine.pem").absolute())
        text = Path("mine.pem").read_text()
        assert text.startswith(f"{serve.CA_BEGINS}Process {os.getpid()}.\n-----BEGIN CERTIFICATE-----")

    stop, left = Emulator.stop, list[list[Path]]()

    def stopped(emulator: Emulator) -> None:
        left.append(list(Path().iterdir()))
        stop(emulator)

    monkeypatch.setattr(Emulator, "stop", stopped)
    result = served(monkeypatch, look, "--tls", "--ca-file", "mine.pem", "--ready-file", "ready.json")
    assert (result.exit_code, result.output) == (0, "")
    assert [name for name, _ in found] == ["mine.pem", "ready.json"]
    assert left == [[]]
    mask = os.umask(0)
    os.umask(mask)
    assert [mode for _, mode in found] == [0o066 & ~mask, 0]
    assert said.lines[0] == "allowed"
    assert said.lines[1].startswith("Mockling listens at https://127.0.0.1:") and "  seed        42\n" in said.lines[1]
    assert said.lines[2:] == ["Stopped."]
    assert said.finished == [serve.LAST_LINES] * 2


def test_serve_says_json_to_programs(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `--log json` its first and its last line are JSON; the default authority's file is in the folder."""
    names: list[str] = []
    result = served(monkeypatch, lambda: names.extend(os.listdir()), "--tls", "--log", "json")  # noqa: PTH208
    assert (result.exit_code, names) == (0, ["mockling-ca.pem"])
    assert json.loads(said.lines[1])["ca"] == str(Path("mockling-ca.pem").absolute())
    assert json.loads(said.lines[2]) == {"stopped": True}


def test_a_process_that_ended_has_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a process runs is what the system says; one of another user's runs, too."""
    place = Path("ready.json")
    place.write_text('{"url": "http://a", "pid": 4242}')
    asked: list[tuple[int, int]] = []

    def kill(process: int, number: int) -> None:
        asked.append((process, number))
        raise errors[len(asked) - 1]

    errors = [ProcessLookupError(), OverflowError(), PermissionError()]
    monkeypatch.setattr(announcing.os, "kill", kill)
    for _ in range(2):
        check_place(place, serve.READY_BEGINS)
    with pytest.raises(ValueError, match="process 4242, which still runs"):
        check_place(place, serve.READY_BEGINS)
    assert asked == [(4242, 0)] * 3


def test_a_link_that_leads_nowhere_is_something_else() -> None:
    """What is no file is not replaced, also if nothing is behind it."""
    Path("ready.json").symlink_to("none")
    with pytest.raises(ValueError, match="something else, which is not replaced"):
        check_place(Path("ready.json"), "{")
    assert Path("ready.json").is_symlink()


def test_a_secret_file_is_for_its_owner_alone() -> None:
    """A file with a key in it is one that nobody else may read, from its first moment."""
    with announced(Path("ready.json"), "mine", secret=True):
        assert Path("ready.json").stat().st_mode & 0o777 == 0o600


def test_the_health_is_that_of_the_emulator_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy is asked, its authority is trusted where there is one, and what it answers is told."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    ready, authority = Path("ready.json"), Path("ca.pem")
    with Emulator(speed="manual", control_token="a token") as emulator:
        ready.write_text(json.dumps(banner.ready(emulator, None)))
        assert ailment(ready) is None
    assert str(ailment(ready)).startswith("It does not answer: ")
    with Emulator(speed="manual", tls=True) as emulator, Emulator(tls=True) as other:
        for content, sick in ((emulator.ca, False), (other.ca, True)):
            authority.write_text(str(content))
            ready.write_text(json.dumps(banner.ready(emulator, authority)))
            assert bool(ailment(ready)) == sick
        ready.write_text(json.dumps(banner.ready(emulator, None)))
        assert ailment(ready) is None
    with scripted(http(500, b"no")) as there:
        ready.write_text(json.dumps({"url": there.url, "ca": None}))
        assert ailment(ready) == "It answers with 500."
    assert there.requests[0].startswith(b"GET /_mockling/health HTTP/1.1")


# Models that are asked for.


def test_a_model_is_asked_for_by_its_file() -> None:
    """A file that ends in .yaml or .yml names the model in it, whose price is told; any other name is a slug."""
    text = (Path(__file__).parent.parent / "docs" / "models.md").read_text("utf-8")
    model = text.split("```yaml\n")[1].split("```")[0]
    for name in ("my-model.yaml", "my-model.yml"):
        Path(name).write_text(model)
        with scripted(http(400, b'{"error": "no"}')) as there:
            result = run("generate", "--model", name, "-p", "prompt=a boat", "-o", "o.mp4", "--base-url", there.url,
                         "--api-key", "k")  # fmt: skip
        fails(result, "400: no")
        assert f"Asking {there.url} for paper-text2video; live this is $0.60 and about 50 s" in result.stderr
    for wrong, told in (
        ("models/my-model", "(a file's name ends in .yaml)."),
        ("none/none.yaml", "none.yaml"),
        ("a b", "slug of a model"),
    ):
        result = run("generate", "p", "--model", wrong, "-o", "o.mp4")
        fails(result, "'--model'", told, code=2)
        assert ("ends in .yaml" in result.stderr) == (wrong == "models/my-model")
    assert asking.model_asked(None, None, "other").model is None  # type: ignore[arg-type]


# Jobs and their videos.


def test_waiting_offers_to_resume_what_may_go_on() -> None:
    """After an error that may pass it says how; a job that failed or is gone cannot be resumed."""
    job = Client("k", "http://h").job("a-1")
    for error, offered in (
        (GenerationFailed("it failed"), False),
        (NotFound("it is gone"), False),
        (ApiError("something"), True),
    ):
        with pytest.raises((type(error), click.ClickException)) as caught:  # noqa: SIM117 - the block is what is tested
            with waiting.resumable(job, Output(Path("o.mp4")), "http://h"):
                raise error
        assert ("To resume" in str(caught.value)) == offered


@pytest.mark.parametrize(
    ("base", "given", "interval"),
    [("http://127.0.0.1:1", None, 0.5), ("https://api.example", None, 5.0), ("http://127.0.0.1:1", 7.0, 7.0)],
)
def test_how_often_a_job_is_polled(base: str, given: float | None, interval: float) -> None:
    """A server on this machine twice a second, another one every five seconds, or as was said."""
    asked: list[tuple[float, float]] = []

    class Job:
        def wait(self, timeout: float, interval: float, _tell: object) -> str:
            asked.append((timeout, interval))
            return "video"

    assert waiting.wait_for(Job(), base, 10, 33, given) == "video"  # type: ignore[arg-type]
    assert asked == [(33, interval)]


def test_what_a_video_took_is_told_as_far_as_it_is_known() -> None:
    """Nothing that the server did not say; a cost or seconds of nothing are something."""
    nothing = dict.fromkeys(("seconds", "cost", "remaining_credits", "request_id"))
    some = {"seconds": 0.0, "cost": Decimal(0), "remaining_credits": Decimal("0.10"), "request_id": "a-1"}
    assert generate.paid(SimpleNamespace(**some)) == "0.0 s, $0.00, $0.10 left, request a-1"  # type: ignore[arg-type]
    assert generate.paid(SimpleNamespace(**nothing)) == ""  # type: ignore[arg-type]


def test_an_output_that_cannot_be_written_is_found_before_anything_is_sent() -> None:
    """`generate`, also with --async, and `wait` look at the output first."""
    Path("there.mp4").write_text("before")
    with scripted() as there:
        base = ["--base-url", there.url, "--api-key", "k", "-o", "there.mp4"]
        for command in (
            ["generate", "p", "--video-url", f"{INPUTS}valid.mp4"],
            ["generate", "p", "--video-url", f"{INPUTS}valid.mp4", "--async"],
            ["wait", "a-1"],
        ):
            fails(run(*command, *base), "there.mp4 exists already", "Nothing was sent.")
    assert there.requests == []


def test_warnings_are_of_requests_that_are_valid() -> None:
    """What is wrong is the server's to say; only what is right and odd is warned of."""
    with Emulator(speed="instant") as emulator:
        base = ["generate", "see @Image2", "--video-url", f"{INPUTS}valid.mp4", "-o", "o.mp4"]
        base += ["--base-url", emulator.url, "--api-key", make_key()]
        assert "Warning: " not in run(*base, "--mode", "max").stderr
        assert "Warning: " in run(*base, "--mode", "std").stderr


def test_the_demo_warns_and_tells_what_it_asks() -> None:
    """What was chosen outweighs the model's default in what is told, and what is odd about it is warned of."""
    result = run("demo", "--speed", "instant", "--prompt", "see @Image2", "--mode", "std", "-o", "o.mp4")
    assert result.exit_code == 0, result.output
    assert "Warning: prompt names @Image2, but image_urls has 0 (P4).\n" in result.stderr
    (request,) = re.findall(r"(?m)^request   (.*)$", result.stdout)
    assert "prompt 'see @Image2'" in request and "mode 'std'" in request and "aspect_ratio '16:9'" in request
    assert "would have cost $1.575 " in result.stdout


def test_an_interrupted_demo_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while it waits says so, with the exit code that shells expect."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mockling.cli.demo.with_progress", interrupted)
    result = run("demo", "--speed", "instant")
    assert (result.exit_code, result.stderr) == (130, "Interrupted; nothing was written.\n")
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("streams", "asked"), [((True, True), True), ((True, False), False), ((False, True), False)], ids=str
)
def test_nobody_is_asked_who_cannot_answer(
    streams: tuple[bool, bool], asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question is put only if both its text and the answer have a terminal."""

    class Stream:
        def __init__(self, terminal: bool) -> None:
            self.isatty = lambda: terminal

    questions: list[str] = []

    def confirm(question: str, err: bool) -> bool:
        questions.append(question)
        return err

    monkeypatch.setattr(output.sys, "stdin", Stream(streams[0]))
    monkeypatch.setattr(output.sys, "stderr", Stream(streams[1]))
    monkeypatch.setattr(output.click, "confirm", confirm)
    Path("o.mp4").touch()
    place = Output(Path("o.mp4"))
    if asked:
        place.check(force=False)
        assert (place.replace, questions) == (True, ["o.mp4 exists already. Replace it?"])
    else:
        with pytest.raises(click.ClickException, match="exists already"):
            place.check(force=False)
        assert questions == []


def test_what_may_be_replaced_stays_so() -> None:
    """A file that may be replaced, as the demo's own, is replaced without --force, too."""
    Path("o.mp4").touch()
    place = Output(Path("o.mp4"), replace=True)
    place.check(force=False)
    assert place.replace


# Numbers of open files.


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ((1024, 4096), (4096, 4096)),
        ((1024, -1), (20_000, -1)),
        ((1024, 10**6), (20_000, 10**6)),
        ((30_000, 10**6), None),
    ],
)
def test_as_many_connections_are_allowed_as_may_be(
    limits: tuple[int, int], wanted: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The soft limit is raised to twenty thousand, or to the hard one, and never lowered."""
    resource = pytest.importorskip("resource")
    limited: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "RLIM_INFINITY", -1)
    monkeypatch.setattr(resource, "setrlimit", lambda _, given: limited.append(given))
    serve._allow_many_connections()
    assert limited == [wanted or limits]


# The facts.


def test_the_whole_contract_is_one_document() -> None:
    """`--openapi` prints it in JSON, of a profile and with further models; with an ID it makes no sense."""
    told = json.loads(run("contract", "--openapi").output)
    assert told["openapi"].startswith("3.1")
    observed = json.loads(run("contract", "--openapi", "--profile", "observed").output)
    assert observed["paths"].keys() == told["paths"].keys() and observed != told
    fails(run("contract", "--openapi", "P7"), "--openapi prints the whole document; leave the ID out.", code=2)
    fails(run("contract", "--profile", "live"), "'--profile'", "no profile 'live'", code=2)
    Path("empty.yaml").touch()
    fails(run("contract", "--model", "empty.yaml"), "'--model'", code=2)


@pytest.mark.usefixtures("known")
def test_the_answer_of_a_profile_is_told() -> None:
    """With a fact in dispute it is told which answer is now taken, and it is that of the profile."""
    documented, observed = (run("contract", "D1", "--profile", name).output for name in ("documented", "observed"))
    assert "  now: json\n" in documented and "  now: video\n" in observed


@pytest.mark.usefixtures("known")
def test_that_nothing_was_verified_is_no_row() -> None:
    """What is not about a fact goes to standard error, for programs read the rows."""
    result = run("contract")
    assert len(result.stdout.splitlines()) == len(facts())
    assert "No fact has been verified against the live API." in result.stderr


@pytest.mark.usefixtures("known")
def test_a_part_of_the_document_is_shown_up_to_forty_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A longer part, and longer lists of clauses, end with dots."""
    whole = run("contract", "P7").output
    assert "    ...\n" not in whole
    shown = sys.modules["mockling.cli.contract"]
    part = len(shown._shown({"a": 1}).splitlines())
    assert part == 1
    for most, dots in ((3, False), (2, True)):
        monkeypatch.setattr(shown, "MOST_LINES", most)
        assert ("..." in shown._shown({"a": 1, "b": 2, "c": 3})) == dots
    clauses = re.search(r"checked by (\d+) clauses? of", whole)
    assert clauses
    for most, dots in ((int(clauses[1]), False), (int(clauses[1]) - 1, True)):
        monkeypatch.setattr(shown, "MOST_CLAUSES", most)
        told = run("contract", "P7").output
        assert told.endswith("    ...\n") == dots
        assert len(re.findall(r"(?m)^    [\w.-]+\S*$", told.rpartition("of mockling verify:")[2])) >= most


def test_the_exit_codes_of_the_module_are_those_of_the_command() -> None:
    """A line of a file that is not understood is a wrong use."""
    assert cli.NotUnderstood("a").exit_code == 2
