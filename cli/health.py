"""Whether the emulator of a ready file answers: `python -m mockling.cli.health FILE`, by default $MOCKLING_READY_FILE.

Exit codes: 0 it does; 1 it does not, and one line says why.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

from mockling.emulator.signs import CONTROL

ADDRESS = f"{CONTROL}/health"
LIMIT = 5.0  # real seconds


def ailment(ready_file: Path) -> str | None:
    """Return why the emulator of a ready file does not answer; None if it does."""
    try:
        ready = json.loads(ready_file.read_text("utf-8"))
        opener = build_opener(ProxyHandler({}), HTTPSHandler(context=_context(ready["ca"])))
        opener.open(ready["url"] + ADDRESS, timeout=LIMIT).close()
    except HTTPError as error:
        error.close()
        return f"It answers with {error.code}."
    except (OSError, ValueError, LookupError, TypeError) as error:
        return f"It does not answer: {error}."
    return None


def _context(ca: str | None) -> ssl.SSLContext:
    """Return what trusts an authority; None: anybody, for the name in a certificate of the user's is not known here."""
    context = ssl.create_default_context(cafile=ca)
    if ca is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


if __name__ == "__main__":
    sys.exit(ailment(Path(sys.argv[1] if sys.argv[1:] else os.environ.get("MOCKLING_READY_FILE", "no ready file"))))
