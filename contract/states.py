"""The states of a request of v2 (A2), in the order in which it has them; the document says the same."""

from __future__ import annotations

QUEUED, PROCESSING, COMPLETED, FAILED = "QUEUED", "PROCESSING", "COMPLETED", "FAILED"
RUNNING, ENDED = (QUEUED, PROCESSING), (COMPLETED, FAILED)
