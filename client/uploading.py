"""Uploading: a file as the storage takes it."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from pathlib import Path

LARGEST_UPLOAD = 200 * 1024**2  # bytes; the model takes no larger video (U4)
SLOWEST_UPLOAD = 128 * 1024  # bytes in a second; the largest file then has half an hour
KINDS = {
    ".mp4": ("video/mp4", re.compile(rb".{4}ftyp", re.DOTALL)),
    ".mov": ("video/quicktime", re.compile(rb".{4}(ftyp|moov|mdat|wide|free|skip)", re.DOTALL)),
    ".jpg": ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ".jpeg": ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ".png": ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
}


def upload_body(path: str | os.PathLike[str]) -> bytes:
    """Return the body of an upload of one file, JSON with its data URL (G20).

    Raises `ValueError` if the file is too large, or not of the kind that its name says; `OSError` if it cannot be read.
    """
    file = Path(path)
    if file.suffix.lower() not in KINDS:
        raise ValueError(f"{file} is of no kind that can be uploaded; its name must end in {', '.join(KINDS)}.")
    media_type, beginning = KINDS[file.suffix.lower()]
    if file.stat().st_size > LARGEST_UPLOAD:
        raise ValueError(f"{file} has {file.stat().st_size:,} bytes; at most {LARGEST_UPLOAD:,} can be uploaded.")
    content = file.read_bytes()
    if not beginning.match(content):
        raise ValueError(f"{file} does not begin as {media_type} does; name it for what it is.")
    return b'{"data_urls": ["data:%b;base64,%b"]}' % (media_type.encode(), b64encode(content))
