"""A job: a generation that was submitted, and is waited for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mockling.client.checks import check_seconds
from mockling.client.errors import (
    ApiError,
    BrokenAnswer,
    Forbidden,
    GenerationFailed,
    NotFound,
    Unauthorized,
    WaitTimeout,
)
from mockling.client.http import LONGEST_MESSAGE
from mockling.client.patience import Patience
from mockling.client.values import figures, is_web_address, is_word
from mockling.client.video import Video

REQUESTS = "/v2/requests/"
POLL_TIMEOUT = 30.0  # seconds within which the server must tell of a job

GONE = "Its record is gone, for it lives an hour only, or it was submitted with another key or at another base URL."


@dataclass(frozen=True, slots=True)
class Job:
    """A generation that was submitted, and goes on whether it is waited for or not.

    `request_id` names it: with that, `Client.job` picks it up again, for an hour after it was submitted (A8).
    """

    request_id: str
    _get: Callable[[str, float], dict[str, Any]] = field(repr=False, compare=False)

    def status(self) -> str:
        """Ask once how it stands: "QUEUED", "PROCESSING", "COMPLETED" or "FAILED" (A2).

        Raises `NotFound` if its record is gone, and the `ApiError` of any other answer or of none.
        """
        try:
            return self._poll(POLL_TIMEOUT)
        except GenerationFailed:
            return "FAILED"

    def wait(
        self,
        timeout: float = 900.0,
        poll_interval: float = 5.0,
        on_progress: Callable[[str], object] | None = None,
    ) -> Video:
        """Wait until it is done, and return its video; can be called again.

        It is asked for every `poll_interval` seconds, for at most `timeout` seconds, whatever the server does; the
        answer to what is asked last is waited for one second longer. `on_progress` is called with each status that
        differs from the one before. What fails on the way is asked again, later and later, if that may help: without a
        connection, after a broken answer, and for 408, 425, 429 and from 500 on.

        Raises `GenerationFailed` if there will be no video; `WaitTimeout` if it is not done in time, and goes on;
        `NotFound` if its record is gone; the last `ApiError` if asking failed to the end; `ValueError` for seconds that
        are none.
        """
        check_seconds("timeout", timeout)
        check_seconds("poll_interval", poll_interval)
        patience, before = Patience(timeout), None
        while True:
            status, failure = patience.insist(lambda: self._outcome(patience.rest))
            if on_progress and status != before:
                on_progress(status)
            if failure:
                raise failure
            if status == "COMPLETED":
                return patience.insist(lambda: self._video(patience.rest))
            if not patience.left:
                raise WaitTimeout(f"The job is {status} after {timeout:g} seconds.", request_id=self.request_id)
            before = status
            patience.pause(poll_interval)

    def _outcome(self, seconds: float) -> tuple[str, GenerationFailed | None]:
        try:
            return self._poll(seconds), None
        except GenerationFailed as failure:
            return "FAILED", failure

    def _poll(self, seconds: float) -> str:
        status = self._ask("/status", seconds).get("status")
        if not is_word(status):
            raise self._broken("The answer names no status.")
        return str(status)

    def _video(self, seconds: float) -> Video:
        """Fetch the result (A4)."""
        result = self._ask("", seconds)
        url, metrics = result.get("output"), result.get("metrics")
        if not is_web_address(url):
            raise self._broken("The answer names no output URL.")
        told = metrics if isinstance(metrics, dict) else {}
        try:
            about = figures(told.get("total_time"), told.get("cost"), told.get("remaining_credits"))
        except ValueError as error:
            raise self._broken(str(error)) from error
        return Video(url=str(url), request_id=self.request_id, **about)

    def _ask(self, what: str, seconds: float) -> dict[str, Any]:
        """Ask for the record, at an address of our own making: the key follows none that an answer names."""
        try:
            record = self._get(f"{REQUESTS}{self.request_id}{what}", min(POLL_TIMEOUT, seconds))
        except ApiError as error:
            error.request_id = self.request_id
            if isinstance(error, NotFound):
                error.advice = GONE
            elif not isinstance(error, GenerationFailed | Unauthorized | Forbidden):
                error.advice = WaitTimeout.advice
            raise
        if record.get("status") == "FAILED":
            reason = str(record.get("error") or "It failed")[:LONGEST_MESSAGE]
            raise GenerationFailed(reason, status=200, request_id=self.request_id)
        return record

    def _broken(self, message: str) -> BrokenAnswer:
        error = BrokenAnswer(message, status=200, request_id=self.request_id)
        error.advice = WaitTimeout.advice
        return error
