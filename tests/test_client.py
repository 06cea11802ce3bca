"""The client: one POST, a video or a clear exception, and nothing half-written."""

import inspect
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from calling import INPUTS, make_key
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import http, scripted
from silence import end_calls

from mockling import client, fixtures
from mockling.client import (
    ApiError,
    BrokenAnswer,
    Client,
    NoAnswer,
    NotSent,
    RateLimited,
    Unauthorized,
    UnexpectedStatus,
    Video,
)
from mockling.client.client import LIVE_STORAGE, SLUG
from mockling.contract import Contract
from mockling.emulator import Emulator

MP4 = fixtures.input_clip("narrow").read_bytes()


def generate(url: str) -> Video:
    return Client("SG_0123456789abcdef", url, timeout=30).generate("a", "https://example.com/a.mp4")


def test_the_parameters_are_the_pages(contract: Contract) -> None:
    """`generate` takes exactly the page's parameters, with the page's defaults, at the contract's address."""
    parameters = dict(list(inspect.signature(Client.generate).parameters.items())[1:])
    assert set(parameters) == set(contract.model.parameters)
    required = {name for name, one in parameters.items() if one.default is inspect.Parameter.empty}
    assert required == set(contract.model.schema["required"])
    defaults = {
        name: one.default for name, one in parameters.items() if one.default not in (inspect.Parameter.empty, None)
    }
    assert defaults == contract.model.defaults
    hints = get_type_hints(Client.generate)
    for name in ("mode", "aspect_ratio"):
        assert list(get_args(hints[name])) == contract.model.parameters[name]["enum"]
    assert contract.model.slug == SLUG
    assert contract.live_origins[:2] == (client.LIVE, LIVE_STORAGE)


@pytest.mark.parametrize("body", ["json", "video"])
def test_a_video_is_generated_and_saved(tmp_path: Path, sample: dict[str, Any], body: str) -> None:
    """Whichever way the server answers (D1), the same bytes are saved, and what the headers told is there."""
    with Emulator(speed="instant", answers={"D1": body}) as emulator:
        video = Client(emulator.api_key, emulator.url).generate(**sample)
        assert video.save(str(tmp_path / "out.mp4")) == tmp_path / "out.mp4"
        video.save(tmp_path / "again.mp4")
    assert (video.cost, video.remaining_credits) == (Decimal("2.10"), Decimal("97.90"))
    assert video.seconds == pytest.approx(213, rel=0.6)
    assert video.request_id
    assert (video.url is None) == (body == "video")
    found = fixtures.probe(tmp_path / "out.mp4")
    assert (found.width, found.height, found.frames, found.audio) == (1920, 1080, 120, False)
    assert (tmp_path / "again.mp4").read_bytes() == (tmp_path / "out.mp4").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.mp4", "out.mp4"]


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ("0401", client.Unauthorized),
        ("0403", client.Forbidden),
        ("0406", client.InsufficientCredits),
        ("0429", client.RateLimited),
        ("0500", client.ServerError),
        ("0502", client.BadGateway),
        ("0504", client.GatewayTimeout),
    ],
)
def test_each_status_is_an_exception_of_its_own(
    emulator: Emulator, sample: dict[str, Any], ending: str, kind: type[ApiError]
) -> None:
    """A documented error is its own exception with status, the server's words and advice, under one root."""
    with pytest.raises(kind) as caught:
        Client(f"SG_000000000000{ending}", emulator.url).generate(**sample)
    error = caught.value
    assert type(error) is kind
    assert error.status == int(ending)
    assert str(error) == f"{error.status}: {error.message.rstrip('.')}. {error.advice}"
    assert error.advice.endswith(".")
    if isinstance(error, RateLimited):
        assert error.resets_at
        assert error.resets_at in error.message


@pytest.mark.parametrize(
    ("status", "kind"), [(400, "BadRequest"), (404, "NotFound"), (405, "MethodNotAllowed"), (410, "Gone")]
)
def test_the_other_statuses_have_theirs(status: int, kind: str) -> None:
    """400, 404, 405 and 410 too, with the request's id if the server gave one."""
    with scripted(http(status, b'{"error": "told"}', "x-request-id: 7")) as server, pytest.raises(ApiError) as caught:
        generate(server.url)
    assert type(caught.value) is getattr(client, kind)
    assert (caught.value.message, caught.value.request_id) == ("told", "7")
    assert str(caught.value).endswith("(request 7)")


def test_a_servers_words_stay_on_one_line() -> None:
    """Control characters in an error's text neither break the line nor colour the terminal."""
    with (
        scripted(http(500, b'{"error": "\\u001b[31mred\\nline 2"}')) as server,
        pytest.raises(client.ServerError) as caught,
    ):
        generate(server.url)
    assert str(caught.value).startswith("500: ?[31mred?line 2. Nothing was billed")


@pytest.mark.parametrize("content_type", ["Video/MP4", "application/octet-stream", "video/mp4; charset=utf-8"])
def test_a_video_is_known_by_its_bytes(content_type: str, tmp_path: Path) -> None:
    """Whatever the server calls it, a whole video that was paid for is not thrown away."""
    with scripted(http(200, MP4, f"Content-Type: {content_type}")) as server:
        assert generate(server.url).save(tmp_path / "a.mp4").read_bytes() == MP4


@pytest.mark.parametrize(
    "body", [b"", b'{"error": " "}', b"<html>502</html>", b'"text"', b"[1]", b'{"error": {"a": 1}}', b"\xff\xfe"]
)
def test_an_error_without_the_documented_body_is_still_told(body: bytes) -> None:
    """A proxy's HTML, nothing at all, or other JSON: the status says what it can."""
    with scripted(http(502, body)) as server, pytest.raises(client.BadGateway, match="The server answered 502 Said"):
        generate(server.url)


@pytest.mark.parametrize("where", ["/elsewhere", "http://[::1", "\udcff"])
@pytest.mark.parametrize("status", [301, 307, 308, 201, 204, 418, 503])
def test_an_undocumented_status_is_unexpected(status: int, where: str) -> None:
    """A redirect is not followed, for request and key would go elsewhere (G15); nothing but 200 is success."""
    moved = http(status, b"", f"Location: {where}", "Retry-After: 0")
    with scripted(moved, moved) as server:
        with pytest.raises(UnexpectedStatus) as caught:
            generate(server.url)
        assert len(server.requests) == 1
    assert caught.value.status == status


CUT = r"(?:^|\s)The connection broke before the whole answer had come\.(?:\s|$)"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (http(200), "200 with an empty body"),
        (http(200, b"<html>", "Content-Type: text/html"), "200 with no JSON but text/html"),
        (http(200, b"[]"), "JSON that is no object"),
        (http(200, b"{}", "x-request-id: 7"), "names no output URL"),
        (http(200, b'{"output": "file:///etc/passwd"}'), "names no output URL"),
        (http(200, b'{"output": "http://[::1"}'), "names no output URL"),
        (http(200, b"[" * 100_000), "no JSON but something else"),
        (http(200, b'{"output"', length=100), CUT),
        (
            http(200, MP4[:1000], "Content-Type: video/mp4", length=len(MP4)),
            "The connection broke before the whole answer had come.",
        ),
        (http(200, MP4[:1000], "Content-Type: video/mp4"), "not whole: it ends after 1000 bytes"),
        (http(200, b"", "Content-Type: video/mp4"), "not whole: it is empty"),
        (http(200, b"<html>sorry</html>", "Content-Type: video/mp4"), "no MP4 video"),
    ],
)
def test_an_answer_that_cannot_be_used_is_broken(answer: bytes, told: str) -> None:
    """An empty, truncated or wrong answer with status 200 ends in one clear exception, and is not asked for again."""
    with scripted(answer, answer) as server:
        with pytest.raises(BrokenAnswer, match=told):
            generate(server.url)
        assert len(server.requests) == 1


TWO_LENGTHS = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"


@pytest.mark.parametrize("answer", [None, b"", b"HTTP/1.1 2", b"\x16\x03\x01 what\r\n\r\n", TWO_LENGTHS])
def test_a_post_is_never_sent_twice(monkeypatch: pytest.MonkeyPatch, answer: bytes | None) -> None:
    """However the connection ends after the request was sent, the request is not repeated (G12)."""
    with scripted(answer, answer, answer) as server:
        end_calls(monkeypatch, server.silent)
        with pytest.raises(NoAnswer, match=r"may have been started and billed"):
            generate(server.url)
        assert len(server.requests) == 1


def test_connecting_is_tried_again_for_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is not there is `NotSent`: nothing was billed; it was looked for three times."""
    tries: list[object] = []
    look_up = socket.getaddrinfo
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **more: tries.append(args) or look_up(*args, **more))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotSent, match=rf"Nothing answers at http://127\.0\.0\.1:{port}\..*Nothing was sent or billed"):
        generate(f"http://127.0.0.1:{port}")
    assert len(tries) == 3


def test_a_server_without_tls_is_told() -> None:
    """Asking a plain server for https fails once, and is not said to have sent nothing, for that is hard to know."""
    with scripted(http(400), http(400), http(400)) as server:
        with pytest.raises(NoAnswer, match="broke before an answer came"):
            generate(server.url.replace("http:", "https:"))
        assert len(server.requests) == 1


@pytest.mark.parametrize("key", ["", "  ", "a\nb", "ключ"])
def test_a_key_that_cannot_be_one_is_told_before_anything_is_sent(key: str) -> None:
    """No key, or one with signs that no header holds, is `Unauthorized` at once."""
    with pytest.raises(Unauthorized, match="SEGMIND_API_KEY"):
        Client(key)


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without api_key the variable SEGMIND_API_KEY is taken, line end and all."""
    with pytest.raises(Unauthorized):
        Client()
    monkeypatch.setenv("SEGMIND_API_KEY", "SG_0123456789abcdef\n")
    with scripted(http(500)) as server, pytest.raises(client.ServerError):
        Client(base_url=server.url).generate("a", "b")
    assert b"\r\nx-api-key: SG_0123456789abcdef\r\n" in server.requests[0]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8787",
        "ftp://example.com",
        "http://",
        "http://u:secret@h",
        "http://[::1",
        "http://h:99999",
        "http://h?a",
    ],
)
def test_an_address_that_is_none_is_told(url: str) -> None:
    """A base_url must be an http or https address, and no more than that."""
    with pytest.raises(ValueError, match="base_url must be an address such as https") as caught:
        Client("key", url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("timeout", [0, -1, None, "5", float("nan"), float("inf"), 1e10])
def test_a_time_out_that_is_none_is_told(timeout: Any) -> None:
    """A time-out must be a number of seconds."""
    with pytest.raises(ValueError, match="timeout must be a number of seconds above 0"):
        Client("key", timeout=timeout)


@pytest.mark.parametrize("url", ["http://a..b", f"http://{'a' * 300}"])
def test_an_address_that_cannot_be_asked_is_told(url: str) -> None:
    """A name that no host can have is `NotSent`."""
    with pytest.raises(NotSent):
        generate(url)


def test_a_parameter_that_is_no_json_is_told() -> None:
    """NaN is no JSON: `NotSent`, before anything is sent."""
    with scripted(http(200)) as server, pytest.raises(NotSent, match="cannot be made"):
        Client("key", server.url).generate("a", "b", duration=float("nan"))


def test_the_key_goes_to_the_api_alone(tmp_path: Path) -> None:
    """The key is neither in what the client shows of itself nor in the download, which needs none (G21)."""
    key = make_key()
    with scripted(http(200, MP4)) as files:
        with scripted(http(200, f'{{"output": "{files.url}/a.mp4"}}'.encode())) as server:
            api = Client(key, server.url)
            api.generate("a", "b").save(tmp_path / "out.mp4")
        assert key.encode() in server.requests[0]
        assert key.encode() not in files.requests[0]
    assert key not in repr(api) + repr(vars(api).keys())


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    emulator: Emulator, sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An emulator on loopback is reached though the environment names a proxy."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    Client(make_key(), emulator.url).generate(**sample).save(tmp_path / "out.mp4")


def test_a_failed_download_leaves_what_was_there(tmp_path: Path) -> None:
    """If the download breaks, no part of it takes the file's name; saving can be tried again."""
    target = tmp_path / "out.mp4"
    target.write_bytes(b"before")
    with scripted(http(200, MP4[:5000], length=len(MP4)), http(404, b'{"error": "gone"}'), http(200, MP4)) as server:
        video = Video(url=f"{server.url}/a.mp4", request_id=None, seconds=None, cost=None, remaining_credits=None)
        with pytest.raises(BrokenAnswer):
            video.save(target)
        with pytest.raises(client.NotDownloaded, match=r"404: gone\. It was paid for and may still be at its URL"):
            video.save(target)
        assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
        assert target.read_bytes() == b"before"
        video.save(target)
    assert target.read_bytes() == MP4


def test_a_video_replaces_nothing_but_an_ordinary_file(tmp_path: Path) -> None:
    """A folder or device under the name is an `OSError`, and stays what it is."""
    video = Video(url="http://127.0.0.1:9/a", request_id=None, seconds=None, cost=None, remaining_credits=None)
    with pytest.raises(IsADirectoryError, match="is a folder; name a file"):
        video.save(tmp_path)
    with pytest.raises(FileExistsError, match="is no ordinary file"):
        video.save("/dev/null")


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A folder that is not there is an `OSError`, as for any file."""
    video = Video(url="http://127.0.0.1:9/a", request_id=None, seconds=None, cost=None, remaining_credits=None)
    with pytest.raises(FileNotFoundError):
        video.save(tmp_path / "none" / "out.mp4")


@settings(max_examples=50)
@given(st.integers(0, len(MP4) - 1))
def test_a_video_cut_anywhere_is_not_whole(length: int) -> None:
    """Wherever a video ends too early, it is noticed, whatever the server announced."""
    with scripted(http(200, MP4[:length], "Content-Type: video/mp4")) as server, pytest.raises(BrokenAnswer):
        generate(server.url)


def test_an_unreadable_input_is_a_server_error(emulator: Emulator, sample: dict[str, Any]) -> None:
    """What fails during generation is a `ServerError` with the reason (G18)."""
    with pytest.raises(client.ServerError, match="Please provide a valid video"):
        Client(make_key(), emulator.url).generate(**{**sample, "video_url": f"{INPUTS}truncated.mp4"})


def test_what_is_told_before_the_answer_is_passed_over() -> None:
    """Early hints and the like (102, 103) are no answer; the one after them is."""
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    with scripted(early + http(200, MP4, "Content-Type: video/mp4")) as server:
        assert client.Client("SG_0123456789abcdef", server.url).generate("a", "https://e.com/a.mp4").save
