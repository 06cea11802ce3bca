"""At the edges of a test: threads it leaves behind, what its fixtures do at the end, and time that others move."""

import pytest
from sessions import outcomes, run, told, write

pytest_plugins = ["pytester"]


def test_what_happens_beside_a_test_reaches_nobody_else_and_is_told(pytester: pytest.Pytester) -> None:
    """Live hosts are refused to the session's end; a fixture's own end counts; no block is within another."""
    write(
        pytester,
        """
        import urllib.request

        def test_first(mockling):
            assert generate().ok

        def test_without_the_fixture():
            with pytest.raises(requests.ConnectionError, match="outside of a test with the fixture mockling"):
                ask("GET", "/v1/get-user-credits")

        def test_with_the_server_alone(mockling_server):
            with mockling_server.intercept():
                assert ask("GET", "/v1/get-user-credits").status_code == 200

        @pytest.fixture
        def careless(mockling):
            yield
            try:
                urllib.request.urlopen(LIVE)
            except OSError:
                pass

        def test_with_a_careless_end(careless):
            pass

        def test_within_another(mockling, mockling_fresh):
            with mockling_fresh():
                pass

        def test_one_after_the_other(mockling_fresh):
            for _ in range(2):
                with mockling_fresh() as mockling:
                    assert generate().ok
                    assert len(mockling.calls) == 1
        """,
    )
    result = run(pytester)
    assert outcomes(result) == {
        "test_first": "PASSED",
        "test_without_the_fixture": "PASSED",
        "test_with_the_server_alone": "PASSED",
        "test_with_a_careless_end": "ERROR",
        "test_within_another": "FAILED",
        "test_one_after_the_other": "PASSED",
    }
    assert "The live platform was called: api.segmind.com" in told(result, "test_with_a_careless_end")
    assert "take one of them in a test" in told(result, "test_within_another")


def test_time_is_moved_and_frozen_for_the_code_alone_that_is_tested(pytester: pytest.Pytester) -> None:
    """A module's `time` can be the emulator's; a frozen clock and a mocked sleep do not touch the emulator."""
    write(
        pytester,
        """
        import asyncio
        import time
        from unittest.mock import AsyncMock

        import freezegun

        def status(job):
            return ask("GET", f"/v2/requests/{job}/status")

        def test_simulated(mockling, monkeypatch):
            monkeypatch.setattr("test_it.time", mockling.time)
            job, clocks = submit(), (time.time, time.monotonic, time.perf_counter)
            before = [clock() for clock in clocks]
            before_ns = [time.time_ns(), time.monotonic_ns(), time.perf_counter_ns()]
            time.sleep(3600)
            assert all(3600 <= clock() - since < 3660 for clock, since in zip(clocks, before))
            after_ns = [time.time_ns(), time.monotonic_ns(), time.perf_counter_ns()]
            assert all(3600e9 <= now - since < 3660e9 for now, since in zip(after_ns, before_ns))
            assert time.strftime("%Y", time.gmtime(0)) == "1970"
            assert status(job).status_code == 404
            with pytest.raises(ValueError):
                time.sleep(-1)

        def test_frozen(mockling):
            job = submit()
            with freezegun.freeze_time("2035-01-01"):
                assert status(job).json()["status"] == "QUEUED"
                mockling.speed = 10_000
                frozen = requests.post(f"{LIVE}/v1/{MODEL}", json=BODY, headers={"x-api-key": KEY}, timeout=900)
            assert frozen.ok and "2035" not in frozen.headers["date"]
            assert mockling.clock.now() < 3600

        def test_mocked_sleep(mockling, monkeypatch):
            monkeypatch.setattr(asyncio, "sleep", AsyncMock())
            video = requests.get(generate().json()["output"], timeout=30)
            assert video.ok and asyncio.sleep.await_count == 0
        """,
    )
    result = run(pytester)
    assert set(outcomes(result).values()) == {"PASSED"}, result.stdout.str()
