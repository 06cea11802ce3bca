"""The official SDK, unmodified: only its base URL, and for uploads its storage URL, lead to the emulator."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from calling import INPUTS, SLUG, make_key
from segmind import AsyncJob, InferenceFailed, InferenceTimeout, SegmindClient, SegmindError
from segmind.files import Files

from mockling import fixtures
from mockling.emulator import Emulator

SOON = 0.001  # seconds between two polls
BAD_VIDEO = f"{INPUTS}truncated.mp4"


@contextmanager
def connect(emulator: Emulator, key: str | None = None) -> Iterator[SegmindClient]:
    """Give the SDK's client for an emulator, and close its connections, for which it has no method."""
    client = SegmindClient(api_key=key or make_key(), base_url=f"{emulator.url}/v1")
    with client._client:
        yield client


def credits_of(client: SegmindClient) -> float:
    """Return an account's balance, through the SDK's own connection, for the SDK has no call for it."""
    return float(client._client.get("/get-user-credits").raise_for_status().json()["credits"])


@pytest.fixture(autouse=True)
def polls_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `run`, which takes no interval, poll more often than once a second."""
    assert AsyncJob.wait.__defaults__ == (600.0, 1.0)
    monkeypatch.setattr(AsyncJob.wait, "__defaults__", (60.0, SOON))


@pytest.fixture
def sdk(emulator: Emulator) -> Iterator[SegmindClient]:
    """The SDK's client with an account of its own."""
    with connect(emulator) as client:
        yield client


@pytest.fixture
def storage(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point uploads at the emulator: the URL belongs to the class, as each use of `client.files` makes another."""
    monkeypatch.setattr(Files, "STORAGE_BASE_URL", emulator.url)


def upload(sdk: SegmindClient, clip: str) -> str:
    """Upload a bundled clip and return its URL."""
    told = sdk.files.upload(fixtures.input_clip(clip))
    assert told["message"] == "Files uploaded successfully"
    (url,) = told["file_urls"]
    return str(url)


def test_run_sync_returns_the_answer_of_v1(sdk: SegmindClient, sample: dict[str, Any]) -> None:
    """The blocking call gets the JSON of v1, and the video behind its URL."""
    answer = sdk.run_sync(SLUG, **sample).json()
    assert answer["output"] == answer["video"]["url"]
    assert requests.get(answer["output"], timeout=30).content[4:8] == b"ftyp"


def test_run_sync_returns_the_video_where_v1_answers_with_it(sample: dict[str, Any]) -> None:
    """Under the observed answers the blocking call gets the video's bytes."""
    with Emulator(speed="instant", profile="observed") as emulator, connect(emulator) as sdk:
        response = sdk.run_sync(SLUG, **sample)
    assert response.headers["content-type"] == "video/mp4"
    assert response.content[4:8] == b"ftyp"


@pytest.mark.parametrize("profile", ["documented", "observed"])
def test_run_submits_and_waits(profile: str, sample: dict[str, Any]) -> None:
    """The SDK's main call goes through v2 to a video that can be fetched, whatever the disputes' answers."""
    with Emulator(speed="instant", profile=profile) as emulator, connect(emulator) as sdk:
        result = sdk.run(SLUG, **sample)
        assert result["status"] == "COMPLETED"
        assert result["output"] == result["video"]["url"]
        assert result["metrics"]["cost"] == 2.1
        assert len(requests.get(result["output"], timeout=30).content) == result["video"]["file_size"]


def test_run_waits_as_long_as_a_generation_takes(sample: dict[str, Any]) -> None:
    """Where time passes, a job is not done before it is, and then it is."""
    with Emulator(speed=2000) as emulator, connect(emulator) as sdk:
        started = time.monotonic()
        result = sdk.run(SLUG, **sample)
    assert time.monotonic() - started >= result["metrics"]["total_time"] / 2000 > 0.03


def test_a_job_can_be_followed_by_hand(sdk: SegmindClient, sample: dict[str, Any]) -> None:
    """Each state is seen in its order, and the result is there at its end and stays."""
    job = sdk.submit_async(SLUG, **sample)
    assert job.submit_response["status"] == "QUEUED"
    assert [job.status()["status"] for _ in range(4)] == ["QUEUED", "PROCESSING", "COMPLETED", "COMPLETED"]
    assert job.result() == job.result()
    assert job.result()["request_id"] == job.request_id


def test_a_submitted_job_can_be_waited_for_and_is_paid_once(sdk: SegmindClient, sample: dict[str, Any]) -> None:
    """However often a job is waited for, its result is the same and so is its one cost."""
    before = credits_of(sdk)
    job = sdk.submit_async(SLUG, **sample)
    result = job.wait(timeout=30, interval=SOON)
    assert result == job.wait(timeout=30, interval=SOON)
    assert before - credits_of(sdk) == pytest.approx(2.1, abs=1e-4)
    assert result["metrics"]["remaining_credits"] == pytest.approx(before - 2.1)


def test_the_result_asked_for_too_early_is_the_state(sdk: SegmindClient, sample: dict[str, Any]) -> None:
    """Before a job has ended its result is the state it is in, and no error (A7)."""
    result = sdk.submit_async(SLUG, **sample).result()
    assert result["status"] == "QUEUED"
    assert "output" not in result


def test_a_failed_job_is_told_with_the_emulators_words(sdk: SegmindClient, sample: dict[str, Any]) -> None:
    """A job that fails raises InferenceFailed with the reason, and costs nothing."""
    before = credits_of(sdk)
    job = sdk.submit_async(SLUG, **{**sample, "video_url": BAD_VIDEO})
    with pytest.raises(InferenceFailed) as caught:
        job.wait()
    assert str(caught.value.detail).startswith("Invalid video URL or path.")
    assert caught.value.status_body["status"] == "FAILED"
    assert "cost" not in caught.value.status_body["metrics"]
    assert job.status()["error"] == job.result()["error"] == caught.value.detail
    assert credits_of(sdk) == before


def test_an_invalid_body_is_queued_and_then_fails(sdk: SegmindClient, sample: dict[str, Any]) -> None:
    """With v2 an invalid parameter is found when the job runs, and told as on v1 (D5)."""
    told = "mode must be a string, either 'std' or 'pro', got the string \"x\""
    with pytest.raises(InferenceFailed) as caught:
        sdk.run(SLUG, **{**sample, "mode": "x"})
    assert caught.value.detail == told
    with pytest.raises(SegmindError) as refused:
        sdk.run_sync(SLUG, **{**sample, "mode": "x"})
    assert (refused.value.status, refused.value.detail) == (400, told)


def test_a_deadline_that_passes_is_told(sample: dict[str, Any]) -> None:
    """A job that takes minutes is not there in the blink of an eye: InferenceTimeout, with its id."""
    with Emulator(speed=1) as emulator, connect(emulator) as sdk:
        job = sdk.submit_async(SLUG, **sample)
        with pytest.raises(InferenceTimeout) as caught:
            job.wait(timeout=0.02, interval=SOON)
    assert caught.value.request_id == job.request_id
    assert caught.value.elapsed_s >= 0.02


def test_a_job_goes_on_after_a_deadline(sdk: SegmindClient, sample: dict[str, Any]) -> None:
    """Who waited too short can wait again and gets the same job."""
    job = sdk.submit_async(SLUG, **sample)
    with pytest.raises(InferenceTimeout):
        job.wait(timeout=0)
    assert job.wait()["request_id"] == job.request_id


@pytest.mark.parametrize("call", ["run_sync", "run", "submit_async"])
@pytest.mark.parametrize("status", [401, 403, 406, 429])
def test_a_refusal_is_told_with_its_status(emulator: Emulator, sample: dict[str, Any], call: str, status: int) -> None:
    """Each way to call raises SegmindError with the status and the text of the answer."""
    key = f"SG_000000000000{status:04}"
    with connect(emulator, key) as sdk, pytest.raises(SegmindError) as caught:
        getattr(sdk, call)(SLUG, **sample)
    assert type(caught.value) is SegmindError
    assert caught.value.status == status
    assert caught.value.detail


@pytest.mark.parametrize("call", ["run_sync", "run", "submit_async"])
def test_an_unknown_model_is_told(sdk: SegmindClient, sample: dict[str, Any], call: str) -> None:
    """A model that does not exist is a SegmindError with 404."""
    with pytest.raises(SegmindError) as caught:
        getattr(sdk, call)("no-such-model", **sample)
    assert caught.value.status == 404


def test_a_job_of_another_account_is_told_as_unknown(
    emulator: Emulator, sdk: SegmindClient, sample: dict[str, Any]
) -> None:
    """Neither the state nor the result of a job is there for another key: 404, as for an unknown id."""
    job = sdk.submit_async(SLUG, **sample)
    with connect(emulator) as job._client:
        for ask in (job.status, job.result):
            with pytest.raises(SegmindError) as caught:
                ask()
            assert (caught.value.status, caught.value.detail) == (404, f"Request {job.request_id} not found")


@pytest.mark.parametrize(("setting", "status"), [({"D2": "402"}, 402), ({}, 406)])
def test_a_low_balance_is_told(sample: dict[str, Any], setting: dict[str, str], status: int) -> None:
    """What v2 answers without credits follows its setting (D2), and a job that was not begun costs nothing."""
    with Emulator(speed="instant", credits="2.00", answers=setting) as emulator, connect(emulator) as sdk:
        with pytest.raises(SegmindError) as caught:
            sdk.run(SLUG, **sample)
        assert credits_of(sdk) == 2
    assert caught.value.status == status
    assert "credits" in str(caught.value.detail)


def test_an_invalid_body_can_be_refused_at_once(sample: dict[str, Any]) -> None:
    """With D5 answered `at-once` an invalid submission is refused, while a bad video still fails the job (G18)."""
    with Emulator(speed="instant", answers={"D5": "at-once"}) as emulator, connect(emulator) as sdk:
        before = credits_of(sdk)
        with pytest.raises(SegmindError) as caught:
            sdk.submit_async(SLUG, **{**sample, "mode": "x"})
        assert (caught.value.status, credits_of(sdk)) == (400, before)
        with pytest.raises(InferenceFailed):
            sdk.run(SLUG, **{**sample, "video_url": BAD_VIDEO})


@pytest.mark.usefixtures("storage")
def test_an_uploaded_video_is_stored_and_can_be_used(sdk: SegmindClient, sample: dict[str, Any]) -> None:
    """What was uploaded is there, byte for byte, costs nothing, and is an input for both versions."""
    before = credits_of(sdk)
    url = upload(sdk, "valid")
    assert requests.get(url, timeout=30).content == fixtures.input_clip("valid").read_bytes()
    assert credits_of(sdk) == before
    body = {**sample, "video_url": url, "keep_audio": True}
    results = [sdk.run_sync(SLUG, **body).json(), sdk.run(SLUG, **body)]
    silent = sdk.run(SLUG, **{**body, "keep_audio": False})
    assert all(result["video"]["file_size"] > silent["video"]["file_size"] for result in results)


@pytest.mark.usefixtures("storage")
def test_an_uploaded_video_is_looked_at(sdk: SegmindClient, sample: dict[str, Any]) -> None:
    """An upload that is too narrow is refused for its width, measured in the bytes that were sent."""
    body = {**sample, "video_url": upload(sdk, "narrow")}
    with pytest.raises(SegmindError) as refused:
        sdk.run_sync(SLUG, **body)
    assert (refused.value.status, "640 pixels" in str(refused.value.detail)) == (400, True)
    with pytest.raises(InferenceFailed) as failed:
        sdk.run(SLUG, **body)
    assert "640 pixels" in str(failed.value.detail)


@pytest.mark.usefixtures("storage")
def test_several_files_are_uploaded_in_their_order(sdk: SegmindClient) -> None:
    """One call takes several files and answers with as many URLs, in order."""
    clips = [fixtures.input_clip(name) for name in ("silent", "wide")]
    urls = sdk.files.upload(clips)["file_urls"]
    assert [requests.get(url, timeout=30).content for url in urls] == [clip.read_bytes() for clip in clips]
