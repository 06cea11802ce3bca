"""What a test has that uses the fixture: each shown by a session of its own."""

import pytest
import requests
from rerouted import LIVE
from sessions import outcomes, run, told, write

from mockling.emulator import Emulator
from mockling.emulator.testing.trial import trial

pytest_plugins = ["pytester"]


def test_unchanged_code_reaches_the_emulator(pytester: pytest.Pytester) -> None:
    """Code that has the live address written into it gets its video, whichever library it uses."""
    write(
        pytester,
        """
        import httpx
        from mockling.client import Client
        from segmind import SegmindClient

        def test_requests(mockling):
            assert generate().json()["status"] == "COMPLETED"
            assert len(mockling.calls.generations) == 1

        def test_httpx(mockling):
            answer = httpx.post(f"{LIVE}/v1/{MODEL}", headers={"x-api-key": KEY}, json=BODY)
            assert answer.json()["status"] == "COMPLETED"
            assert len(mockling.calls.generations) == 1

        def test_client(mockling, tmp_path):
            video = Client(KEY).generate(BODY["prompt"], BODY["video_url"])
            video.save(tmp_path / "snow.mp4")
            assert mockling.billed == video.cost > 0

        def test_sdk(mockling):
            client = SegmindClient(api_key=KEY)
            assert client.submit_async(MODEL, **BODY).wait(interval=0.01)
            client._client.close()
            assert mockling.calls.polls()
        """,
    )
    run(pytester).assert_outcomes(passed=4)


def test_each_test_begins_anew(pytester: pytest.Pytester) -> None:
    """Journal, money, uploads, faults, time, speed and chance are those of a new emulator, whatever a test did."""
    write(
        pytester,
        """
        IDS = []

        @pytest.mark.parametrize("time", range(3))
        def test_fresh(mockling, time):
            assert (len(mockling.journal), mockling.faults, mockling.billed) == (0, [], 0)
            assert (mockling.speed, mockling.clock.advanced, mockling.clock.now() < 5) == ("instant", 0, True)
            assert balance() == 100
            IDS.append(generate().json()["request_id"])
            mockling.fault(on="credits", status=500, times="always")
            assert ask("GET", "/v1/get-user-credits").status_code == 500
            mockling.speed = "manual"
            mockling.advance(days=3)
            submit()

        def test_ids():
            assert IDS == IDS[:1] * 3
        """,
    )
    run(pytester).assert_outcomes(passed=4)


def test_what_a_marker_says_holds_also_after_a_reset(pytester: pytest.Pytester) -> None:
    """`reset` comes back to what the marker says, and the next test is as the options say."""
    write(
        pytester,
        """
        @pytest.mark.mockling(speed="manual", credits="5.00", seed=3, profile="observed")
        def test_reset(mockling):
            def state():
                settings = mockling.settings
                return settings.speed, str(settings.credits), settings.seed, settings.profile, mockling.clock.speed
            assert state() == ("manual", "5.00", 3, "observed", "manual")
            mockling.reset(speed=1000)
            assert mockling.speed == 1000
            mockling.reset()
            assert state() == ("manual", "5.00", 3, "observed", "manual")

        def test_next(mockling):
            assert (mockling.speed, mockling.settings.seed, mockling.settings.profile) == ("instant", 0, "documented")
            mockling.reset()
            assert balance() == 100
        """,
    )
    run(pytester).assert_outcomes(passed=2)


def test_the_nearest_marker_wins(pytester: pytest.Pytester) -> None:
    """What markers of module, class and function say is put together; where two say the same, the nearer one counts."""
    write(
        pytester,
        """
        pytestmark = pytest.mark.mockling(speed="manual", seed=1, credits="1.00")

        def of(mockling):
            return mockling.settings.speed, mockling.settings.seed, str(mockling.settings.credits)

        def test_module(mockling):
            assert of(mockling) == ("manual", 1, "1.00")

        @pytest.mark.mockling(seed=2, credits="2.00")
        class TestClass:
            def test_class(self, mockling):
                assert of(mockling) == ("manual", 2, "2.00")

            @pytest.mark.mockling(credits="3.00")
            def test_function(self, mockling):
                assert of(mockling) == ("manual", 2, "3.00")
        """,
    )
    run(pytester).assert_outcomes(passed=3)


def test_threads_and_asynchronous_code_are_rerouted(pytester: pytest.Pytester) -> None:
    """Threads that a test starts, its coroutines, and tests that are coroutines reach its emulator."""
    write(
        pytester,
        """
        import asyncio, httpx
        from concurrent.futures import ThreadPoolExecutor

        async def of_account():
            async with httpx.AsyncClient() as client:
                answer = await client.get(f"{LIVE}/v1/get-user-credits", headers={"x-api-key": KEY})
                return answer.json()["credits"]

        def test_threads(mockling):
            with ThreadPoolExecutor(8) as pool:
                assert {answer.result().status_code for answer in [pool.submit(generate) for _ in range(16)]} == {200}
            assert len(mockling.calls.charged) == 16

        @pytest.mark.mockling(credits="7.00")
        def test_inside(mockling):
            assert asyncio.run(of_account()) == 7

        @pytest.mark.anyio
        @pytest.mark.mockling(credits="8.00")
        async def test_outside(mockling, anyio_backend):
            assert await of_account() == 8

        @pytest.fixture
        def anyio_backend():
            return "asyncio"
        """,
    )
    run(pytester).assert_outcomes(passed=3)


def test_test_cases_of_unittest_are_served(pytester: pytest.Pytester) -> None:
    """Classes of unittest that are marked to use the fixture are rerouted, and fail for what their emulator saw."""
    write(
        pytester,
        """
        import unittest

        @pytest.mark.usefixtures("mockling")
        @pytest.mark.mockling(credits="5.00")
        class Case(unittest.TestCase):
            def setUp(self):
                self.before = balance()

            def test_good(self):
                self.assertEqual(generate().status_code, 200)
                self.assertLess(balance(), self.before)

            @pytest.mark.mockling(faults=["on=download drop"])
            def test_unused(self):
                self.assertEqual(self.before, 5)

            @pytest.mark.mockling(faults=["on=download drop"])
            def test_own(self):
                self.assertEqual(self.before, 6)
        """,
    )
    result = run(pytester)
    assert outcomes(result) == {"Case::test_good": "PASSED", "Case::test_unused": "FAILED", "Case::test_own": "FAILED"}
    assert "never fired" in told(result, "Case.test_unused")
    assert "AssertionError: 5.0 != 6" in told(result, "Case.test_own")


def test_calls_that_are_left_behind_end_with_their_test(pytester: pytest.Pytester) -> None:
    """A thread whose call is still held is answered when its test is over, and the next test knows nothing of it."""
    write(
        pytester,
        """
        from threading import Event, Thread

        @pytest.fixture
        def waiting():
            statuses = []
            thread = Thread(target=lambda: statuses.append(generate().status_code))
            yield thread
            thread.join(20)
            assert statuses == [503]

        @pytest.mark.parametrize("time", range(3))
        @pytest.mark.mockling(speed="manual")
        def test_leaves(waiting, mockling, time):
            assert (mockling.held, len(mockling.calls)) == (0, 0)
            waiting.start()
            while not mockling.held:
                Event().wait(0.001)

        def test_next(mockling):
            assert generate().status_code == 200
            assert (mockling.held, len(mockling.calls)) == (0, 1)
        """,
    )
    run(pytester).assert_outcomes(passed=4)


def test_live_hosts_lead_to_the_emulator_while_it_is_reset(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call between two tests, of a thread that the reset has sent on its way, does not find the live platform."""
    reset, found = Emulator.reset, []

    def followed(self: Emulator, *args: object, **more: object) -> None:
        reset(self, *args, **more)  # type: ignore[arg-type]
        found.append(requests.get(f"{LIVE}/v1/get-user-credits", timeout=30).status_code)

    monkeypatch.setattr(Emulator, "reset", followed)
    with trial(emulator):
        pass
    assert found == [401]


def test_an_emulator_that_a_test_stopped_is_there_for_the_next(pytester: pytest.Pytester) -> None:
    """A test may stop its emulator, to see its code without the platform."""
    write(
        pytester,
        """
        def test_stops(mockling):
            mockling.stop()
            with pytest.raises(requests.ConnectionError, match="not running"):
                generate()

        def test_next(mockling):
            assert generate().status_code == 200
        """,
    )
    assert outcomes(run(pytester))["test_next"] == "PASSED"


def test_one_emulator_may_serve_a_whole_module(pytester: pytest.Pytester) -> None:
    """`mockling_server` is the emulator without its reset and its rerouting, for fixtures of any scope."""
    write(
        pytester,
        """
        @pytest.fixture(scope="module")
        def job(mockling_server):
            with mockling_server.intercept():
                return submit()

        def test_first(mockling_server, job):
            with mockling_server.intercept():
                assert ask("GET", f"/v2/requests/{job}").status_code == 200
            assert len(mockling_server.calls) == 2

        def test_second(mockling_server, job):
            assert len(mockling_server.calls) == 2

        def test_reset(mockling_server, mockling, job):
            assert mockling is mockling_server
            assert ask("GET", f"/v2/requests/{job}").status_code == 404
        """,
    )
    run(pytester, "--setup-show").assert_outcomes(passed=3)


def test_each_example_of_hypothesis_can_have_a_fresh_emulator(pytester: pytest.Pytester) -> None:
    """`mockling_fresh` gives one for each example, takes what the marker takes, and fails for what the fixture does."""
    write(
        pytester,
        """
        from hypothesis import HealthCheck, Phase, given, settings, strategies as some

        few = settings(max_examples=5, database=None, deadline=None, phases=[Phase.generate])
        reset = settings(few, suppress_health_check=[HealthCheck.function_scoped_fixture])

        @few
        @given(some.integers(1, 3))
        def test_fresh(mockling_fresh, times):
            with mockling_fresh(credits="50.00") as mockling:
                assert (balance(), len(mockling.calls)) == (50, 1)
                for _ in range(times):
                    assert generate().status_code == 200

        @reset
        @given(some.integers(1, 3))
        @pytest.mark.mockling(credits="60.00")
        def test_plain(mockling, times):
            mockling.reset()
            assert (balance(), len(mockling.calls)) == (60, 1)
            generate()

        @few
        @given(some.integers(1, 3))
        def test_shared(mockling, times):
            pass

        @few
        @given(some.just("502"))
        def test_unused(mockling_fresh, status):
            with mockling_fresh(faults=[f"status={status}"]):
                pass

        @few
        @given(some.just(KEY))
        def test_wrong(mockling_fresh, key):
            with mockling_fresh():
                assert generate().status_code == 201

        @few
        @given(some.just("sped"))
        def test_typo(mockling_fresh, name):
            with mockling_fresh(**{name: 1}):
                pass
        """,
    )
    result = run(pytester)
    ends = outcomes(result)
    assert (ends["test_fresh"], ends["test_plain"], ends["test_shared"]) == ("PASSED", "PASSED", "FAILED")
    assert "Use the fixture mockling_fresh: `with mockling_fresh() as mockling:`" in told(result, "test_shared")
    assert "'on=post status=502' was armed and never fired" in told(result, "test_unused")
    assert "$2.10 billed" in told(result, "test_wrong")
    assert "There is no setting 'sped'" in told(result, "test_typo")
