"""The client: calls that turn a video into another, and what goes with them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from typing import Any, Literal

from mockling.client.checks import check_name, check_seconds, checked_address, checked_key
from mockling.client.content import Content
from mockling.client.errors import BrokenAnswer, NoAnswer
from mockling.client.http import LARGEST_VIDEO, Answer, answer
from mockling.client.job import POLL_TIMEOUT, Job
from mockling.client.uploading import SLOWEST_UPLOAD, upload_body
from mockling.client.values import figures, is_name, is_web_address, is_word, number
from mockling.client.video import Video

LIVE = "https://api.segmind.com"
LIVE_STORAGE = "https://workflows-api.segmind.com"
SLUG = "kling-o3-video2video-reference"


class Client:
    """A client of the endpoint.

    - `api_key`: the key; None takes the environment variable SEGMIND_API_KEY.
    - `base_url`: the server's address; the default is the live API, where every generation costs money.
    - `timeout`: seconds within which the whole answer to a call must be there, whatever the server does. `generate`
      needs them until the generation is done; what is asked of an account or a job has 30 seconds at most, an upload
      more for a larger file. Looking up the server's name is the system's, which has its own limits.
    - `storage_url`: where uploads go; None takes the live storage for the live API, and `base_url` otherwise.

    Raises `Unauthorized` if there is no key, or none that can be sent; `ValueError` for an address or time-out that
    is none.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str = LIVE,
        timeout: float = 900.0,
        *,
        storage_url: str | None = None,
    ) -> None:
        self._key = checked_key(api_key if api_key is not None else os.environ.get("SEGMIND_API_KEY", ""))
        check_seconds("timeout", timeout)
        self.base_url = checked_address("base_url", base_url)
        storage = LIVE_STORAGE if self.base_url == LIVE else self.base_url
        self.storage_url = storage if storage_url is None else checked_address("storage_url", storage_url)
        self.timeout = timeout

    def __repr__(self) -> str:
        return f"Client(base_url={self.base_url!r}, timeout={self.timeout!r})"

    def generate(
        self,
        prompt: str,
        video_url: str,
        *,
        aspect_ratio: Literal["16:9", "9:16", "1:1"] = "16:9",
        duration: str = "5",
        elements: Sequence[Mapping[str, Any]] | None = None,
        image_urls: Sequence[str] | None = None,
        keep_audio: bool = True,
        mode: Literal["std", "pro"] = "pro",
        shot_type: str = "customize",
    ) -> Video:
        """Generate a video from another, and wait for it; this costs money and takes minutes.

        The parameters are the endpoint's own (P4-P12) and are checked by the server. `prompt` says what to make of the
        video; `video_url` is where it is (720 to 2160 pixels wide); `duration` is the output's length in seconds, a
        string from "3" to "15"; `elements` are at most 10 objects with a `frontal_image_url` and up to 3
        `reference_image_urls`; `image_urls` are images for style or scene; `keep_audio` keeps the input's sound; `mode`
        "std" is faster and cheaper, "pro" better.

        The request is sent at most once, for sent twice it would be billed twice (G12): only if no connection could be
        made, before anything was sent, is connecting tried again. Raises the `ApiError` of the server's status;
        `NotSent` if the server was not reached; `NoAnswer` if it did not answer in time; `BrokenAnswer` if its answer
        cannot be used, or was not whole in time; `OSError` if the answer is the video and there is no room for it.
        """
        return self.generate_with(SLUG, **_parameters(locals()))

    def submit(
        self,
        prompt: str,
        video_url: str,
        *,
        aspect_ratio: Literal["16:9", "9:16", "1:1"] = "16:9",
        duration: str = "5",
        elements: Sequence[Mapping[str, Any]] | None = None,
        image_urls: Sequence[str] | None = None,
        keep_audio: bool = True,
        mode: Literal["std", "pro"] = "pro",
        shot_type: str = "customize",
    ) -> Job:
        """Submit a generation and return at once with its job, to be waited for; this costs money if it succeeds.

        The parameters, and what is raised, are those of `generate`, and it is sent at most once too; but what is wrong
        with the parameters is told by the job, which then fails (A6).
        """
        return self.submit_with(SLUG, **_parameters(locals()))

    def generate_with(self, slug: str, /, **parameters: Any) -> Video:
        """Generate a video with any model of the platform, and wait for it; this costs money.

        `slug` is the model's name in its address; the parameters are the model's own, JSON values, and are checked by
        the server; those that are None are left out. It is sent at most once, and raises what `generate` does; and
        `ValueError` for what can be no slug, before anything is sent.
        """
        check_name("slug of a model", slug)
        with self._post(f"{self.base_url}/v1/{slug}", self.timeout, json=_given(parameters)) as answered:
            return _video(answered)

    def submit_with(self, slug: str, /, **parameters: Any) -> Job:
        """Submit a generation with any model of the platform, and return at once with its job.

        `slug` and the parameters are those of `generate_with`; what holds for `submit` holds here.
        """
        check_name("slug of a model", slug)
        with self._post(f"{self.base_url}/v2/{slug}", self.timeout, json=_given(parameters)) as answered:
            named = answered.record().get("request_id")
            if not is_name(named):
                raise answered.broken("The answer names no request id.")
            return self.job(str(named))

    def job(self, request_id: str) -> Job:
        """Return the job of an id, to be waited for (again); nothing is asked of the server yet.

        Raises `ValueError` for what can be no id.
        """
        check_name("request id", request_id)
        return Job(request_id, self._get)

    def credits(self) -> Decimal:
        """Return the account's balance, free credits included, in US dollars; asking costs nothing (G19).

        Raises `NotFound` if the account has no balance, and the `ApiError` of any other answer or of none.
        """
        with _advising("Asking for the balance changes and costs nothing: ask again."):
            balance = self._get("/v1/get-user-credits", POLL_TIMEOUT)
            try:
                paid = number(balance.get("credits"), Decimal)
                free = number(balance.get("free-credits", 0), Decimal)
            except ValueError as error:
                raise BrokenAnswer(str(error), status=200) from error
            if paid is None or free is None:
                raise BrokenAnswer("The answer names no credits.", status=200)
        return paid + free

    def upload(self, path: str | os.PathLike[str]) -> str:
        """Bring a video (.mp4, .mov) or image (.jpg, .png) to the storage, and return its URL, for use as an input.

        The URL is public: whoever has it can see the file. The storage has the client's `timeout` to answer, and a
        second more for each 128 KiB that are sent. Raises `ValueError` if the file has more than 200 MB or is not of
        the kind that its name says; `OSError` if it cannot be read; the `ApiError` of the storage's answer or of none.
        """
        body = upload_body(path)
        seconds = self.timeout + len(body) / SLOWEST_UPLOAD
        with (
            _advising("An upload costs nothing: send it again."),
            self._post(f"{self.storage_url}/upload-asset", seconds, data=body) as answered,
        ):
            urls = answered.record().get("file_urls")
            if not (isinstance(urls, list) and len(urls) == 1 and is_web_address(urls[0])):
                raise answered.broken("The answer names no URL of the file.")
            return str(urls[0])

    def _get(self, path: str, seconds: float) -> dict[str, Any]:
        """Return the JSON at a path of the API, which must be there within so many seconds."""
        headers = {"x-api-key": self._key}
        with answer("GET", self.base_url + path, min(seconds, self.timeout), headers=headers) as answered:
            return answered.record()

    def _post(self, url: str, seconds: float, **body: Any) -> AbstractContextManager[Answer]:
        """Send JSON (`json`, or bytes as `data`) with the key, at most once, and give the answer."""
        headers = {"x-api-key": self._key, "content-type": "application/json"}
        return answer("POST", url, seconds, headers=headers, **body)


def _parameters(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the model's parameters among a method's arguments."""
    return {name: value for name, value in arguments.items() if name != "self"}


def _given(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a call from its parameters: all that were given."""
    return {name: value for name, value in parameters.items() if value is not None}


@contextmanager
def _advising(advice: str) -> Iterator[None]:
    """Give errors that tell of a lost answer the advice that fits what was asked: no generation."""
    try:
        yield
    except (NoAnswer, BrokenAnswer) as error:
        error.advice = advice
        raise


def _video(answered: Answer) -> Video:
    """Return the video in an answer, which holds its bytes or JSON with its URL (D1)."""
    told = answered.headers
    try:
        about = figures(told.get("x-generation-time"), told.get("x-cost"), told.get("x-remaining-credits"))
    except ValueError as error:
        raise answered.broken(str(error)) from error
    named = told.get("x-request-id")
    if answered.begins()[4:8] == b"ftyp" or told.get("content-type", "").lower().startswith("video/"):
        url, content = None, Content(answered.blocks(LARGEST_VIDEO))
    else:
        body = answered.record()
        url, content = body.get("output"), None
        if not is_web_address(url):
            raise answered.broken("The answer names no output URL.")
        named = named or body.get("request_id")
    if named and not is_word(str(named)):
        raise answered.broken("The answer names a request id that can be none.")
    return Video(url=url, request_id=str(named) if named else None, _content=content, **about)
