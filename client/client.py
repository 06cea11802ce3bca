"""The client: one call that turns a video into another."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from io import BytesIO
from math import isfinite
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import requests

from mockling.client.errors import Unauthorized
from mockling.client.http import answer, blocks, broken, is_web_address, read_json, request_id
from mockling.client.video import Video, check_mp4

LIVE = "https://api.segmind.com"
PATH = "/v1/kling-o3-video2video-reference"

Number = TypeVar("Number", float, Decimal)


class Client:
    """A client of the endpoint.

    - `api_key`: the key; None takes the environment variable SEGMIND_API_KEY.
    - `base_url`: the server's address; the default is the live API, where every generation costs money.
    - `timeout`: seconds for which the server may be silent; it is until a generation is done.

    Raises `Unauthorized` if there is no key, or none that can be sent; `ValueError` for an address or time-out that
    is none.
    """

    def __init__(self, api_key: str | None = None, base_url: str = LIVE, timeout: float = 900.0) -> None:
        key = (api_key if api_key is not None else os.environ.get("SEGMIND_API_KEY", "")).strip()
        if not key:
            raise Unauthorized("There is no API key.")
        if not (key.isascii() and key.isprintable()):
            raise Unauthorized("The API key has characters that no key has.")
        if not is_web_address(base_url) or "@" in urlsplit(base_url).netloc:
            raise ValueError(f"base_url must be an address such as {LIVE}, without a user name.")
        if not isinstance(timeout, int | float) or not timeout > 0:
            raise ValueError(f"timeout must be a number of seconds above 0, got {timeout!r}.")
        self._key = key
        self.base_url = base_url.rstrip("/")
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
        `NotSent` if the server was not reached; `NoAnswer` if it did not answer; `BrokenAnswer` if its answer cannot be
        used.
        """
        parameters = {
            "prompt": prompt,
            "video_url": video_url,
            "aspect_ratio": aspect_ratio,
            "duration": duration,
            "elements": elements,
            "image_urls": image_urls,
            "keep_audio": keep_audio,
            "mode": mode,
            "shot_type": shot_type,
        }
        given = {name: value for name, value in parameters.items() if value is not None}
        with answer(
            "POST", self.base_url + PATH, self.timeout, json=given, headers={"x-api-key": self._key}
        ) as response:
            return _video(response)


def _video(response: requests.Response) -> Video:
    """Return the video in an answer, which holds its bytes or JSON with its URL (D1)."""
    about: dict[str, Any] = {
        "request_id": request_id(response),
        "seconds": _number(response, "x-generation-time", float),
        "cost": _number(response, "x-cost", Decimal),
        "remaining_credits": _number(response, "x-remaining-credits", Decimal),
    }
    content = b"".join(blocks(response))
    if content[4:8] == b"ftyp" or response.headers.get("content-type", "").lower().startswith("video/"):
        check_mp4(BytesIO(content))
        return Video(url=None, _content=content, **about)
    body = read_json(response, content)
    if not is_web_address(body.get("output")):
        raise broken(response, "The answer names no output URL.")
    named = body.get("request_id")
    return Video(url=body["output"], **{**about, "request_id": about["request_id"] or (str(named) if named else None)})


def _number(response: requests.Response, header: str, kind: type[Number]) -> Number | None:
    with suppress(KeyError, ValueError, InvalidOperation):
        number = kind(response.headers[header])
        return number if isfinite(number) else None
    return None
