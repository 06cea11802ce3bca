"""Uploads: files that callers bring, to be used as inputs (G20)."""

from __future__ import annotations

import base64
import binascii
import re

from mockling.emulator.platform.refused import Refused

KINDS = {  # by media type: the suffix, and how such a file begins (M14)
    "video/mp4": (".mp4", re.compile(rb".{4}ftyp", re.DOTALL)),
    "video/quicktime": (".mov", re.compile(rb".{4}(ftyp|moov|mdat|wide|free|skip)", re.DOTALL)),
    "image/jpeg": (".jpg", re.compile(rb"\xff\xd8\xff")),
    "image/jpg": (".jpg", re.compile(rb"\xff\xd8\xff")),
    "image/png": (".png", re.compile(rb"\x89PNG\r\n")),
}


def decoded(data_url: str) -> tuple[str, bytes]:
    """Return the suffix and the content of the file in a data URL.

    Raises `Refused` if it is no base64, or is not what its media type says, for those that inputs have.
    """
    import mimetypes  # late: uploads are seldom

    head, _, payload = data_url.partition(",")
    kind = head.removeprefix("data:").partition(";")[0].lower()
    suffix, beginning = KINDS.get(kind, (mimetypes.guess_extension(kind) or ".bin", re.compile(b"")))
    try:
        content = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("bad_upload", message=f"The data URL is no valid base64: {error}") from error
    if not beginning.match(content):
        raise Refused("bad_upload", message=f"The file is not of the media type {kind} that its data URL names")
    return suffix, content
