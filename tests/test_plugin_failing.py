"""What fails a test that uses the fixture, what its report tells, and how markers and options are set."""

import re

import pytest
from sessions import KEY, outcomes, run, told, write

pytest_plugins = ["pytester"]


def test_a_fault_that_never_fired_fails_its_test(pytester: pytest.Pytester) -> None:
    """A fault that struck nothing fails its test and says why, unless chance kept it or the test ended otherwise."""
    write(
        pytester,
        """
        def test_unmet(mockling):
            mockling.fault(on="download", cut=0.5)
            generate()

        @pytest.mark.mockling(faults=["status=502 skip=2", {"on": "credits", "status": 500}])
        def test_let_go(mockling):
            generate()
            generate()
            assert ask("GET", "/v1/get-user-credits").status_code == 500

        def test_struck(mockling):
            mockling.fault(status=502)
            assert generate().status_code == 502

        def test_chance(mockling):
            mockling.fault(status=502, probability=1e-9)
            assert generate().status_code == 200

        def test_no_chance(mockling):
            mockling.fault(status=502, probability=0.5, skip=1)
            generate()

        def test_disarmed(mockling):
            mockling.fault(status=502)
            mockling.disarm()

        def test_reset(mockling):
            mockling.fault(status=502)
            mockling.reset()

        def test_skipped(mockling):
            mockling.fault(status=502)
            pytest.skip("not today")

        @pytest.mark.xfail(strict=True)
        def test_expected(mockling):
            mockling.fault(status=502)

        def test_own(mockling):
            mockling.fault(status=502)
            raise ZeroDivisionError("its own")
        """,
    )
    result = run(pytester)
    result.assert_outcomes(passed=4, failed=4, skipped=1, xfailed=1)
    unmet, let_go = told(result, "test_unmet"), told(result, "test_let_go")
    assert "The fault 'on=download cut=0.5' was armed and never fired: no call met it. Arm it before" in unmet
    assert "What there was: <1 call>" in unmet and "Traceback" not in unmet and "plugin.py" not in unmet
    assert "'on=post skip=2 status=502' was armed and never fired: it let 2 calls go that met it" in let_go
    assert "500" not in let_go.partition("What there was")[0]
    assert "it let 1 call go that met it" in told(result, "test_no_chance")
    assert "its own" in told(result, "test_own") and "never fired" not in told(result, "test_own")


def test_a_live_call_by_another_way_fails_its_test(pytester: pytest.Pytester) -> None:
    """A live call that cannot be rerouted fails the test, also if the code swallowed the error or a thread made it."""
    write(
        pytester,
        """
        import subprocess, sys, threading, urllib.request

        def swallowed():
            try:
                urllib.request.urlopen(LIVE)
            except OSError:
                pass

        def test_swallowed(mockling):
            swallowed()

        def test_thread(mockling):
            thread = threading.Thread(target=swallowed)
            thread.start()
            thread.join(20)

        def test_subprocess(mockling):
            program = f"import urllib.request; urllib.request.urlopen({LIVE!r})"
            assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 1

        def test_none(mockling):
            generate()
        """,
    )
    result = run(pytester)
    result.assert_outcomes(passed=2, failed=2)
    for name in ("test_swallowed", "test_thread"):
        text = told(result, name)
        assert "The live platform was called: api.segmind.com by socket.getaddrinfo. It cannot be rerouted; set" in text
        assert "set the base URL to http://127.0.0.1:" in text and "refused: api.segmind.com" in text


BLOCKED = """
        def call():
            with pytest.raises(requests.ConnectionError, match={match!r}):
                requests.get("https://example.com", timeout=30)

        def test_usual(mockling):
            call()

        @pytest.mark.mockling(block_network={marked})
        def test_marked(mockling):
            requests.get("https://example.com", timeout=30)
"""


@pytest.mark.parametrize("place", ["marker", "option", "file"])
def test_the_network_can_be_blocked(pytester: pytest.Pytester, place: str) -> None:
    """With `block_network` a call beyond this machine is refused and told in the report; the marker outweighs."""
    blocked = place != "marker"
    refused = ("stay on loopback", "block_network=True refuses")  # by the guard of these tests, by the plugin
    write(pytester, BLOCKED.format(match=refused[blocked], marked=not blocked))
    pytester.makeini("[pytest]\nmockling_block_network = " + ("true" if place == "file" else "false"))
    result = run(pytester, *(["--mockling-block-network"] if place == "option" else []))
    result.assert_outcomes(passed=1, failed=1)
    assert refused[not blocked] in told(result, "test_marked")
    assert ("refused: example.com by" in told(result, "test_marked")) is not blocked


@pytest.mark.parametrize("place", ["marker", "option", "file"])
def test_every_warning_can_fail_its_test(pytester: pytest.Pytester, place: str) -> None:
    """With `strict` any warning about a call fails the test, and says which; the marker outweighs option and file."""
    strict = place != "marker"
    write(
        pytester,
        f"""
        def test_usual(mockling):
            assert generate(sed=7).status_code == 200

        @pytest.mark.mockling(strict={not strict})
        def test_marked(mockling):
            assert generate(sed=7).status_code == 200
        """,
    )
    pytester.makeini("[pytest]\nmockling_strict = " + ("true" if place == "file" else "false"))
    result = run(pytester, *(["--mockling-strict"] if place == "option" else []))
    failed = ("test_marked", "test_usual")[strict]
    assert outcomes(result) == {"test_usual": "PASSED", "test_marked": "PASSED", failed: "FAILED"}
    assert "A warning, and the test is strict: " in told(result, failed) and "sed" in told(result, failed)


def test_a_failures_report_tells_what_the_emulator_saw(pytester: pytest.Pytester) -> None:
    """Calls, bill, warnings, faults and refused calls stand in the report of a failure, and no API key in any part."""
    write(
        pytester,
        """
        import threading

        def test_body(mockling):
            mockling.fault(status=502, key=KEY)
            mockling.fault(on="download", drop=True, key=KEY)
            generate()
            generate(sed=7)
            assert False

        @pytest.fixture
        def broken(mockling):
            generate()
            raise ZeroDivisionError

        def test_setup(broken):
            pass

        @pytest.mark.parametrize("calls", [50, 51])
        def test_many(mockling, calls):
            for _ in range(calls):
                ask("GET", "/v1/get-user-credits")
            assert False

        @pytest.mark.mockling(speed="manual")
        def test_held(mockling):
            threading.Thread(target=generate).start()
            while not mockling.held:
                threading.Event().wait(0.001)
            assert False

        @pytest.mark.mockling(faults=[{"on": "download", "cut": 0.5, "key": KEY}])
        def test_unused(mockling):
            generate()

        def test_quiet(mockling):
            generate()
        """,
    )
    result = run(pytester)
    ends = outcomes(result)
    assert (ends["test_setup"], ends["test_quiet"], ends["test_unused"]) == ("ERROR", "PASSED", "FAILED")
    body = told(result, "test_body")
    for text in ("- mockling -", "$2.10 billed", "<2 calls>", "  502  ", "  200    $2.10  POST /v1/", "warning: ",
                 "fault 1: on=post key=...cdef status=502, fired 1 time\n", "drop, fired 0 times"):  # fmt: skip
        assert text in body
    assert "<1 call>" in told(result, "test_setup")
    assert "... and 1 call before these" in told(result, "test_many[51]")
    assert "before these" not in told(result, "test_many[50]")
    shown = [re.findall(r"(?m)^ +(\d+) .* GET /", told(result, f"test_many[{calls}]")) for calls in (50, 51)]
    assert [(numbers[0], numbers[-1], len(numbers)) for numbers in shown] == [("1", "50", 50), ("2", "51", 50)]
    assert "1 call still held" in told(result, "test_held")
    assert "$2.10 billed" in told(result, "test_unused")
    assert KEY not in result.stdout.str() + result.stderr.str()


def test_what_a_marker_cannot_say_is_told_in_a_sentence(pytester: pytest.Pytester) -> None:
    """A wrong marker is an error of its test alone, without a traceback, that says what would be right."""
    wrong = {
        "sped='manual'": "There is no setting 'sped'; there is host, port, speed",
        "'manual'": "it takes keywords only, such as speed='manual', got 'manual'.",
        "speed='fast'": "speed must be a number from 0.001 to 1,000,000",
        "profile='live'": "There is no profile 'live'; there is documented, observed.",
        "faults=['stauts=502']": "A fault has no 'stauts'; did you mean 'status'?",
        "faults='status=502'": "faults must be a list, such as ['status=502'], got 'status=502'.",
        "faults=[502]": "Each of faults must be a text or a table, such as 'status=502', got 502.",
        "faults=[{1: 2}]": "A fault has no 1; there is on, key, model",
        "strict='yes'": "strict must be True or False, got 'yes'.",
        "block_network=1": "block_network must be True or False, got 1.",
        "models=['none.yaml']": "none.yaml",
        "inputs=['cat.mp4']": "inputs must be a table whose names are texts, got ['cat.mp4'].",
        "inputs={'https://a.example/cat.mp4': 5}": "inputs must name files, such as 'cat.mp4', got 5.",
        "answers='D1'": "answers must be a table whose names are texts, got 'D1'.",
        "contract=5": "contract must be a table whose names are texts, got 5.",
        "port=1": "cannot change while it listens; start another emulator.",
    }
    tests = [
        f"@pytest.mark.mockling({said})\ndef test_{number:02}(mockling): pass\n" for number, said in enumerate(wrong)
    ]
    write(pytester, "\n".join([*tests, "def test_right(mockling): assert generate().status_code == 200"]))
    result = run(pytester)
    result.assert_outcomes(passed=1, errors=len(wrong))
    for number, sentence in enumerate(wrong.values()):
        (line,) = told(result, f"test_{number:02}").strip().splitlines()
        assert line.startswith("The marker or an option of mockling makes no sense: ") and sentence in line
        assert not line.endswith("..")


SET = """
        def test_set(mockling):
            settings = mockling.settings
            assert [settings.speed, settings.profile, settings.seed, str(settings.credits)] == {wanted}
            assert mockling.clock.speed == settings.speed
"""
FILE = "mockling_speed = 2.5\nmockling_profile = observed\nmockling_seed = 7\nmockling_credits = 5.50\n"


@pytest.mark.parametrize(
    ("file", "options", "wanted"),
    [
        ("", "", ["instant", "documented", 0, "100.00"]),
        (FILE, "", [2.5, "observed", 7, "5.50"]),
        (FILE, "--mockling-speed=1e3 --mockling-profile= --mockling-seed=-1", [1000, "observed", -1, "5.50"]),
        (FILE, "--mockling-speed=manual --mockling-profile=documented --mockling-seed=0 --mockling-credits=1",
         ["manual", "documented", 0, "1"]),
    ],
)  # fmt: skip
def test_options_are_set_in_the_file_or_on_the_command_line(
    pytester: pytest.Pytester, file: str, options: str, wanted: list[object]
) -> None:
    """Each option has a name for the configuration file and one for the command line, which outweighs."""
    pytester.makeini(f"[pytest]\n{file}")
    write(pytester, SET.format(wanted=wanted))
    run(pytester, *options.split()).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("file", "options", "sentence"),
    [
        ("", ["--mockling-speed=fast"], "speed must be a number from 0.001 to 1,000,000"),
        ("", ["--mockling-seed=1.5"], "seed must be a whole number, got 1.5."),
        ("", ["--mockling-profile=live"], "There is no profile 'live'"),
        ("mockling_credits = '$5'", [], "credits must be an amount of US dollars"),
        ("mockling_seed = 7", [], "config option 'mockling_seed' expects a string, got int: 7."),
    ],
)
def test_an_option_that_cannot_be_is_told_in_a_sentence(
    pytester: pytest.Pytester, file: str, options: list[str], sentence: str
) -> None:
    """A wrong option is the error of each test that uses the fixture, without a traceback, and of no other."""
    pytester.makefile(".toml", pytest=f"[pytest]\n{file}")
    write(pytester, "def test_it(mockling): pass\ndef test_other(): pass")
    result = run(pytester, *options)
    result.assert_outcomes(passed=1, errors=1)
    (line,) = told(result, "test_it").strip().splitlines()
    assert sentence in line


def test_markers_and_options_are_told(pytester: pytest.Pytester) -> None:
    """`pytest --markers`, `--fixtures` and `--help` tell what there is."""
    assert "@pytest.mark.mockling(speed, profile" in run(pytester, "--markers").stdout.str()
    assert "mockling_fresh" in run(pytester, "--fixtures").stdout.str()
    text = run(pytester, "--help").stdout.str()
    for name in ("speed", "profile", "seed", "credits", "strict", "block-network"):
        assert f"--mockling-{name}" in text and f"mockling_{name.replace('-', '_')} " in text
