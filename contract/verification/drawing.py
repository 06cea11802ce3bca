"""Drawing: small files of a given width, to be uploaded as inputs."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from io import BytesIO
from itertools import cycle
from math import ceil
from typing import Any

MEDIA = {"video": "video/mp4", "image": "image/png"}


def drawn(kind: str, width: int, should: Mapping[str, Any]) -> bytes:
    """Return a black "video" (MP4) or "image" (PNG) so many pixels wide, an even number; the rest is as it should be.

    `should` are the limits of an input in a model's file, so that nothing but the width can be a reason to refuse it.
    """
    height = _within(should.get("height", {}), width if "ratio" in should else 720)
    if kind == "image":
        return _image(width, height)
    fps, seconds = _within(should.get("fps", {}), 24), _within(should.get("seconds", {}), 3)
    return _video(width, height + height % 2, fps, seconds * fps)


def _within(limits: Mapping[str, Any], value: int) -> int:
    return int(max(ceil(limits.get("minimum", value)), min(limits.get("maximum", value), value)))


@lru_cache(maxsize=16)
def _image(width: int, height: int) -> bytes:
    import av

    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "gray"
    encoder.time_base = Fraction(1, 1)
    packets = [*encoder.encode(_black(width, height, "gray")), *encoder.encode(None)]
    return b"".join(map(bytes, packets))


@lru_cache(maxsize=16)
def _video(width: int, height: int, fps: int, frames: int) -> bytes:
    import av

    written = BytesIO()
    with av.open(written, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, height, "yuv420p", 1
        picture = _black(width, height, "yuv420p")
        encoded = [bytes(packet) for _ in range(2) for packet in stream.encode(picture)]
        # Two whole pictures in turn, for to encode each takes longer than all else that a run does.
        for number, content in zip(range(frames), cycle(encoded), strict=False):
            packet = av.Packet(content)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, fps), True
            packet.pts = packet.dts = number
            packet.duration = 1
            container.mux(packet)
    return written.getvalue()


def _black(width: int, height: int, form: str) -> Any:
    import av

    picture = av.VideoFrame(width, height, form)
    for index, plane in enumerate(picture.planes):
        plane.update(bytes([128 if index else 16]) * plane.buffer_size)
    return picture
