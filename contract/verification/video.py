"""Videos: what one that was delivered is like."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any


def measured(content: bytes) -> Mapping[str, Any] | None:
    """Return what a video is like, as `Step.video` says; None if it cannot be read as one.

    Its frames are counted, not taken from what its head says.
    """
    import av

    try:
        with av.open(BytesIO(content), "r") as container:
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 0)
            sound = next((track.codec_context.name for track in container.streams.audio), None)
            width, height, codec = stream.codec_context.width, stream.codec_context.height, stream.codec_context.name
            frames = len([packet for packet in container.demux(stream) if packet.size])
    except (av.FFmpegError, IndexError, ValueError, AttributeError, ArithmeticError):  # a codec may be unknown
        return None
    seconds = round(frames / rate, 6) if rate else 0.0
    measures = {"width": width, "height": height, "frames": frames, "fps": rate, "seconds": seconds, "codec": codec}
    return {**measures, "audio": sound, "begins": content[:32].hex()}
