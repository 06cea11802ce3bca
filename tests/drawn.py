"""Small pictures and videos of any measures, made where a test needs them."""

import io
import struct
import zlib
from fractions import Fraction

import av
import numpy as np


def clip(width: int, height: int, frames: int, fps: int) -> bytes:
    """Return a silent black video."""
    written = io.BytesIO()
    with av.open(written, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "51"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), format="rgb24").reformat(
            format="yuv420p"
        )
        for number in range(frames):
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return written.getvalue()


def png(width: int, height: int) -> bytes:
    """Return a grey image."""
    parts = [(b"IHDR", struct.pack("!IIBBBBB", width, height, 8, 0, 0, 0, 0)),
             (b"IDAT", zlib.compress(bytes((width + 1) * height))), (b"IEND", b"")]  # fmt: skip
    chunks = (
        struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
