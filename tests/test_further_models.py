"""A model that a user wrote is served as the bundled one is, on every path of the platform."""

import io
from pathlib import Path
from typing import Any

import av
import pytest
import requests
from calling import GOOD_KEY, SLUG, V1, Local, make_key, post
from drawn import png

from mockling.emulator import Emulator

FILE = Path(__file__).parent / "data" / "sketch.yaml"
SKETCH = "sketch-text2video"


@pytest.fixture
def sketch() -> Local:
    """An emulator that does not wait and serves the further model, too."""
    return Local(speed="instant", models=[FILE])


def measures(video: bytes) -> tuple[int, int, int, float, bool]:
    """Return a video's width, height, pictures, pictures a second, and whether it has sound."""
    with av.open(io.BytesIO(video)) as container:
        stream = container.streams.video[0]
        return (
            stream.width,
            stream.height,
            stream.frames,
            float(stream.average_rate or 0),
            bool(container.streams.audio),
        )


@pytest.mark.parametrize(
    ("change", "price", "latency", "made"),
    [
        ({}, 0.21, 20, (320, 180, 20, 10, False)),
        ({"quality": "fine", "sound": True}, 0.45, 20, (640, 360, 20, 10, True)),
        ({"seconds": 1.5, "sound": True}, 0.31, 17.5, (320, 180, 15, 10, True)),
        ({"seconds": 8}, 0.81, 50, (320, 180, 80, 10, False)),
    ],
)
def test_it_has_prices_latencies_and_videos_of_its_own(
    sketch: Local, change: dict[str, Any], price: float, latency: float, made: tuple[int, int, int, float, bool]
) -> None:
    """On v1 and v2 a generation costs, takes and gives what the model's file says."""
    body = {"prompt": "A cat", **change}
    at_once = sketch.post(f"/v1/{SKETCH}", GOOD_KEY, body)
    assert (float(at_once.headers["x-cost"]), float(at_once.headers["x-generation-time"])) == (price, latency)
    assert measures(sketch.get(at_once.get_json()["output"]).data) == made
    reply = sketch.post(f"/v2/{SKETCH}", GOOD_KEY, body).get_json()
    told = [sketch.get(reply["response_url"], GOOD_KEY).get_json() for _ in range(3)][-1]
    assert (told["metrics"]["cost"], told["metrics"]["total_time"]) == (price, latency)
    assert measures(sketch.get(told["output"]).data) == made
    assert sketch.balance(GOOD_KEY) == pytest.approx(100 - 2 * price)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"prompt": ""}, "prompt must be"),
        ({"prompt": "x" * 81}, "prompt must be"),
        ({"seconds": 8.5}, "seconds must be"),
        ({"seconds": "2"}, "seconds must be a number"),
        ({"scenes": [{"shots": [{"count": 1}]}, {"shots": [{"count": 0}]}]}, "scenes[1].shots[0].count must be"),
        ({"scenes": [{"shots": []}]}, "scenes[0].shots must be"),
        ({"scenes": [{}]}, "scenes[0].shots is mandatory"),
        ({"scenes": [{"shots": [{}]}] * 3}, "scenes must be"),
    ],
)
def test_its_parameters_are_checked(sketch: Local, change: dict[str, Any], told: str) -> None:
    """What breaks its schema is refused on v1, with the place, and fails on v2 with the same text."""
    refused = sketch.post(f"/v1/{SKETCH}", GOOD_KEY, {"prompt": "A cat", **change})
    assert refused.status_code == 400
    assert refused.get_json()["error"].startswith(told)
    reply = sketch.post(f"/v2/{SKETCH}", GOOD_KEY, {"prompt": "A cat", **change}).get_json()
    failed = [sketch.get(reply["status_url"], GOOD_KEY) for _ in range(3)][-1]
    assert (failed.status_code, failed.get_json()["error"]) == (422, refused.get_json()["error"])


def test_its_failures_and_warnings_are_told(sketch: Local) -> None:
    """A blank prompt fails with the file's sentence; a long one is a warning."""
    failed = sketch.post(f"/v1/{SKETCH}", GOOD_KEY, {"prompt": "  "})
    assert (failed.status_code, failed.get_json()) == (500, {"error": "Say what to draw."})
    assert sketch.post(f"/v1/{SKETCH}", GOOD_KEY, {"prompt": "x" * 21}).status_code == 200
    assert sketch.journal[-1].warnings == ("prompt has 21 characters; the model reads 20.",)


def test_its_input_is_looked_at(sketch: Local) -> None:
    """An uploaded image is measured; a file of another kind cannot be read; one that is not at hand is no matter."""

    def warnings(url: str) -> tuple[int, tuple[str, ...]]:
        status = sketch.post(f"/v1/{SKETCH}", GOOD_KEY, {"prompt": "A cat", "frame_url": url}).status_code
        return status, sketch.journal[-1].warnings

    assert warnings(sketch.upload("image/png", png(64, 64))) == (200, ())
    small = ("frame_url is 63 pixels wide; the model takes at least 64.",)
    assert warnings(sketch.upload("image/png", png(63, 64))) == (200, small)
    assert warnings(sketch.upload("text/plain", b"none"))[0] == 500
    assert warnings("https://e.com/a.png") == (200, ())
    assert warnings("https://e.com/a.jpg") == (200, ("frame_url names a .jpg file; the model takes .png.",))


@pytest.mark.parametrize(
    ("body", "status", "cost"),
    [
        ({"prompt": "a", "size": 10.0}, 200, 0.12),
        ({"prompt": "a", "size": 10, "fast": True}, 200, 0.62),
        (
            {"prompt": "a", "size": None, "fast": None, "seconds": None, "image_urls": None, "video_url": None},
            200,
            0.07,
        ),
        ({"prompt": "a", "fast": 1}, 400, 0),
        ({"prompt": "a", "size": True}, 400, 0),
        ({"prompt": None}, 500, 0),
        ({"prompt": "a", "seconds": 601}, 400, 0),
        ({"prompt": "a", "seconds": 0.001}, 400, 0),
        ({"prompt": "a", "seconds": -5}, 400, 0),
        ({"prompt": "a", "parts": 5}, 200, 0.07),
        ({"prompt": "a", "parts": [5, {"url": "https://e.com/a.png", "seconds": 1000}, {"seconds": None}]}, 200, 1.07),
        ({"prompt": "a", "image_urls": [None, "x"]}, 500, 0),
        ({"prompt": "@imagex @image @image3"}, 200, 0.07),
        ({"prompt": "a", "two-words": 3}, 200, 3.07),
        ({"prompt": "a", "steps": "1.5"}, 200, 0.22),
        ({"prompt": "a", "steps": 1.5}, 200, 0.22),
        ({"prompt": "a", "steps": 1.0}, 200, 0.17),
        ({"prompt": "a", "anything": [1, 2, 3]}, 200, 0.07),
        ({"prompt": "a", "either": [1, 2]}, 400, 0),
        ({"prompt": "a", "never": 1}, 400, 0),
        ({"prompt": "a", "odd": 1}, 400, 0),
        ({}, 500, 0),
    ],
)
def test_what_a_model_leaves_open_is_no_defect(body: dict[str, Any], status: int, cost: float) -> None:
    """null counts as left out, equal numbers are one value, and what leads to no video is refused in a sentence."""
    local = Local(speed="instant", models=[FILE.parent / "loose.yaml"])
    response = local.post("/v1/loose-video2video", GOOD_KEY, body)
    assert response.status_code == status, response.text
    assert "defect" not in response.text
    assert float(local.journal[-1].cost) == cost
    assert local.balance(GOOD_KEY) == pytest.approx(100 - cost)


def test_accounts_may_be_for_one_model_alone() -> None:
    """A permission names the slug; the rate counts all models together."""
    accounts = [{"key": "both"}, {"key": "sketch", "models": [SKETCH]}, {"key": "kling", "models": [SLUG]}]
    local = Local(speed="instant", models=[FILE], accounts=accounts, requests_per_minute=2)
    calls = [("sketch", V1), ("sketch", f"/v1/{SKETCH}"), ("kling", f"/v1/{SKETCH}"), ("both", f"/v1/{SKETCH}")]
    assert [local.post(path, key, {"prompt": "A cat"}).status_code for key, path in calls] == [403, 200, 403, 200]
    assert local.post(V1, "both", {}).status_code == 400
    assert local.post(f"/v1/{SKETCH}", "both", {"prompt": "A cat"}).status_code == 429


def test_it_is_served_over_http_beside_the_bundled_one(sample: dict[str, Any]) -> None:
    """A call of either model over a socket keeps the contract, and the journal says which it was."""
    with Emulator(speed="instant", models=[FILE]) as emulator:
        key = make_key()
        url = post(emulator, {"prompt": "A cat"}, key, f"/v1/{SKETCH}").json()["output"]
        assert measures(requests.get(url, timeout=30).content)[:2] == (320, 180)
        assert post(emulator, sample, key).headers["x-remaining-credits"] == "97.69"
        models = [exchange.model for exchange in emulator.journal if exchange.operation == "generate"]
        assert models == [SKETCH, emulator.contract.model.slug]
