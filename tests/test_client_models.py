"""The client's calls of any model, and where it saves what comes."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from calling import make_key
from scripted import http, scripted

from mockling import client, fixtures
from mockling.client import Client, Video
from mockling.client.content import Content
from mockling.client.video import writable
from mockling.emulator import Emulator

KEY = "SG_0123456789abcdef"
MP4 = fixtures.input_clip("narrow").read_bytes()
Call = Callable[..., object]


def calls(url: str) -> list[tuple[str, Call]]:
    api = Client(KEY, url, 10)
    return [("/v1/", api.generate_with), ("/v2/", api.submit_with)]


def test_any_model_can_be_called() -> None:
    """The slug is in the address, the parameters are the body as they stand, and those that are None are left out."""
    given: dict[str, Any] = {"slug": "x", "self": 1, "deep": {"a": [True]}, "none": None, "zero": 0, "empty": ""}
    with scripted(http(500), http(500)) as server:
        for _, call in calls(server.url):
            with pytest.raises(client.ServerError):
                call("seedance-v1.5_pro", **given)
    for version, request in zip(("/v1/", "/v2/"), server.requests, strict=True):
        head, body = request.split(b"\r\n\r\n")
        assert head.startswith(f"POST {version}seedance-v1.5_pro HTTP/1.1\r\n".encode())
        assert json.loads(body) == {name: value for name, value in given.items() if value is not None}


@pytest.mark.parametrize("slug", ["", ".", "..", "a/b", "a?b", "a b", "a\n", "ä", None, "../v1/a"])
def test_a_slug_that_is_none_is_told(slug: Any) -> None:
    """What would lead to another address is a `ValueError`, before anything is sent."""
    with scripted() as server:
        for _, call in calls(server.url):
            with pytest.raises(ValueError, match="is no slug of a model; one has only letters"):
                call(slug)


def test_the_model_at_hand_can_be_called_by_its_slug(
    emulator: Emulator, sample: dict[str, Any], tmp_path: Path
) -> None:
    """`generate_with` and `submit_with` do what `generate` and `submit` do, and are never sent twice either."""
    api = Client(make_key(), emulator.url)
    assert api.generate_with(emulator.contract.model.slug, **sample).save(tmp_path / "a.mp4").stat().st_size
    assert api.submit_with(emulator.contract.model.slug, **sample).wait(poll_interval=0.001).cost
    with scripted(b"", b"") as server:
        with pytest.raises(client.NoAnswer, match="may have been started and billed"):
            Client(KEY, server.url).generate_with("a")
        assert len(server.requests) == 1


@pytest.mark.parametrize("links", [True, False])
def test_a_file_is_not_replaced_unless_it_may_be(tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With replace=False a file that is there stays, on any file system, and nothing else is left behind."""

    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    video = Video(url=None, request_id=None, seconds=None, cost=None, remaining_credits=None, _content=Content([MP4]))
    video.save(tmp_path / "a.mp4", replace=False)
    (tmp_path / "b.mp4").write_bytes(b"before")
    with pytest.raises(FileExistsError, match="exists already"):
        video.save(tmp_path / "b.mp4", replace=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.mp4": MP4, "b.mp4": b"before"}


def test_what_takes_no_file_is_found_by_trying(tmp_path: Path) -> None:
    """A folder that only looks writable is an `OSError`; trying a good one leaves nothing and replaces nothing."""
    with pytest.raises(OSError, match=r"/proc takes no new file \(No such file or directory\); choose another folder"):
        writable("/proc/x.mp4")
    with pytest.raises(OSError, match="can be no file"):
        writable(tmp_path / ("a" * 300))
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="choose another name"):
        writable(tmp_path / "loop")
    (tmp_path / "a.mp4").write_bytes(b"before")
    assert writable(tmp_path / "a.mp4") == tmp_path / "a.mp4"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "loop"]
    assert (tmp_path / "a.mp4").read_bytes() == b"before"
