"""Verified: when each clause last held against the live API, in a file that only a live run writes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_state_path

from mockling.contract.contract import Contract
from mockling.contract.verification.clause import Verdict
from mockling.contract.verification.run import Run
from mockling.contract.verification.secrets import write
from mockling.contract.verification.target import LIVE

FORMAT = 1
NOTE = "When each clause last held against the live API; only mockling verify live writes this file."
LARGEST = 16 * 1024**2  # bytes
HOME = Path(__file__).resolve().parents[1]  # the folder contract/


class NotLive(Exception):
    """A run that is not one against the live API would be kept as one; the message says why it is none."""


class VerifiedError(Exception):
    """The file cannot be understood; the message is one sentence that says why."""


@dataclass(frozen=True, slots=True)
class LivePass:
    """A clause held against the live API: when the run ended (`at`, UTC), and the sha256 of the `contract`."""

    at: datetime
    contract: str


def verified_path() -> Path:
    """Return where passes are kept unless another file is named.

    In a checkout that can be written to it is its `contract/verified.json`, else a file in the user's state folder.
    """
    kept = HOME / "verified.json"
    if (HOME.parent / ".git").exists() and os.access(kept if kept.exists() else HOME, os.W_OK):
        return kept
    return user_state_path("mockling") / "verified.json"


def live_passes(path: Path | None = None) -> dict[str, LivePass]:
    """Return the last live pass of each clause, by its id; of a clause that never had one there is none.

    `path` None is the file of `verified_path`. Raises `VerifiedError` if the file is none of these.
    """
    path = path or verified_path()
    try:
        with path.open("rb") as file:
            told = json.loads(file.read(LARGEST))
        if told["format"] != FORMAT:
            raise VerifiedError(f"{path} is of another format than {FORMAT}, which this version reads.")
        rows: Mapping[str, Mapping[str, str]] = told["clauses"]
        return {name: LivePass(_time(row["at"]), row["contract"]) for name, row in rows.items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise VerifiedError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise VerifiedError(f"{path} is no file of live passes; remove it or name another.") from error


def last_live_pass(clause: str, path: Path | None = None) -> LivePass | None:
    """Return the last live pass of a clause, None if it never had one. Raises `VerifiedError`."""
    return live_passes(path).get(clause)


def record(run: Run, contract: Contract, path: Path | None = None) -> int:
    """Keep that the clauses that a live run found to hold did so, and return how many they are.

    What is known of other clauses stays. Raises `NotLive` for any other run, `VerifiedError` if the file is none of
    these, and `OSError` if it cannot be written.
    """
    if run.target != LIVE or run.url != contract.live_origins[0]:
        raise NotLive(f"Only a run against {contract.live_origins[0]} is a live one, and this was one of {run.target}.")
    if run.recording is not None:
        raise NotLive("A recording that is judged again is no live run.")
    path = path or verified_path()
    known = live_passes(path)
    held = {outcome.id: LivePass(run.ended, run.contract) for outcome in run.of(Verdict.HOLDS)}
    newer = {name: one for name, one in held.items() if name not in known or known[name].at <= one.at}
    rows = {
        name: {"at": one.at.isoformat(), "contract": one.contract} for name, one in sorted({**known, **newer}.items())
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write({path: json.dumps({"format": FORMAT, "note": NOTE, "clauses": rows}, indent=1) + "\n"})
    return len(held)


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
