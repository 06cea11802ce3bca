"""Uploads: files that callers bring, to be used as inputs (G20)."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
import shutil
import tempfile
import weakref
from collections import OrderedDict
from pathlib import Path
from secrets import token_hex
from threading import Lock
from urllib.parse import urlsplit

from mockling.emulator.refused import Refused

MOST_UPLOADS = 1000  # files that are kept; the oldest go first
KINDS = {
    "video/mp4": (".mp4", re.compile(rb".{4}ftyp", re.DOTALL)),
    "video/quicktime": (".mov", re.compile(rb".{4}(ftyp|moov|mdat|wide|free)", re.DOTALL)),
    "image/jpeg": (".jpg", re.compile(rb"\xff\xd8\xff")),
    "image/jpg": (".jpg", re.compile(rb"\xff\xd8\xff")),
    "image/png": (".png", re.compile(rb"\x89PNG\r\n")),
}


class Uploads:
    """The files that were uploaded, in a private folder that goes with this object."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._files: OrderedDict[str, Path] = OrderedDict()
        self._lock = Lock()

    def add(self, data_url: str) -> str:
        """Keep the file in a data URL and return its name.

        Raises `Refused` if it is no base64, or is not what its media type says, for those that inputs have.
        """
        head, _, payload = data_url.partition(",")
        kind = head.removeprefix("data:").partition(";")[0].lower()
        suffix, beginning = KINDS.get(kind, (mimetypes.guess_extension(kind) or ".bin", re.compile(b"")))
        try:
            content = base64.b64decode(payload, validate=True)
        except (binascii.Error, ValueError) as error:
            raise _refused(f"The data URL is no valid base64: {error}") from error
        if not beginning.match(content):
            raise _refused(f"The file is not of the media type {kind} that its data URL names")
        try:
            return self._write(content, f"{token_hex(16)}{suffix}")
        except OSError as error:
            raise Refused("no_output", reason=error.strerror or error) from error

    def find(self, url_or_name: str) -> Path | None:
        """Return the file of a name, or of a URL that leads to it, whatever the address it was reached under."""
        folder, _, name = urlsplit(url_or_name).path.rpartition("/")
        return self._files.get(name) if folder == "" or folder.endswith("/assets") else None

    def clear(self) -> None:
        """Forget all files, and remove them."""
        with self._lock:
            self._files.clear()
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _write(self, content: bytes, name: str) -> str:
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="mockling-uploads-"))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            path = self._folder / name
            try:
                path.write_bytes(content)
            except OSError:
                path.unlink(missing_ok=True)
                raise
            self._files[name] = path
            if len(self._files) > MOST_UPLOADS:
                self._files.popitem(last=False)[1].unlink(missing_ok=True)
        return name


def _refused(message: str) -> Refused:
    return Refused("bad_upload", message=message)
