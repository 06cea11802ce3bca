"""Harmless requests: such as no video can come of, for nobody can fetch their inputs."""

from __future__ import annotations

import re
from typing import Any

NOWHERE = "https://nowhere.invalid/input"  # M21
_WEB = re.compile(r"https?://[^/?#]", re.IGNORECASE)


def nowhere(value: Any) -> Any:
    """Return a request, or a part of one, with every web address in it replaced by one that leads nowhere."""
    if isinstance(value, dict):
        return {name: nowhere(part) for name, part in value.items()}
    if isinstance(value, list):
        return [nowhere(part) for part in value]
    return NOWHERE if isinstance(value, str) and _WEB.match(value) else value
