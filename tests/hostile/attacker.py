"""A caller that means harm: one connection, what it sends, and what it notes of the answers."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from mockling.contract import Contract

from .semantic import CONTRACT, Known, Request, request
from .shapes import volley
from .wire import Address, Answer, Connection, Gone, Hang, raw, statuses

MOST_FINDINGS = 20
OPEN_JOBS = 8  # jobs of a caller that are not asked to their end yet
DEEPEST = 6  # requests sent in one go
PATIENCE = 0.01  # seconds for an answer that need not come
_COST = re.compile(rb"\r\nx-cost: *([0-9.]+)")
_ID = re.compile(rb'"request_id": "([0-9a-f-]+)"')
_FILE = re.compile(rb'/assets/([^"/]+)"')


@dataclass
class Notes:
    """What came of an attack: requests sent, answers by status, money spent, and whatever should not be."""

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    spent: Decimal = Decimal(0)
    unplanned: int = 0
    hangs: int = 0
    lost: int = 0
    findings: list[str] = field(default_factory=list)

    def found(self, what: str, sent: bytes, told: object = "") -> None:
        """Note what should not be, with what led to it."""
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(f"{what}: {sent[:600]!r}{'...' if len(sent) > 600 else ''} -> {told!r}"[:3000])

    def __add__(self, other: Notes) -> Notes:
        return Notes(
            self.sent + other.sent,
            self.statuses + other.statuses,
            self.spent + other.spent,
            self.unplanned + other.unplanned,
            self.hangs + other.hangs,
            self.lost + other.lost,
            [*self.findings, *other.findings][:MOST_FINDINGS],
        )


def planned_errors(contract: Contract) -> re.Pattern[str]:
    """Return the pattern of the texts with which a generation fails as it should, at a status of 500 and above."""
    errors = [error for error in contract.document["x-errors"].values() if isinstance(error, dict)]
    ends = [error["error"] for error in errors if error["status"] >= 500 and {"share", "seconds"} & error.keys()]
    parts = [re.split(r"\{\w+\}", text) for text in ends]
    ends = [".*".join(re.escape(part) for part in split) for split in parts if "".join(split)]
    texts = [
        failure["error"] for slug in contract.models for failure in contract.document["x-models"][slug]["failures"]
    ]
    return re.compile("|".join([*ends, *map(re.escape, texts)]), re.DOTALL)


_PLANNED = planned_errors(CONTRACT)


def is_planned(body: bytes) -> bool:
    """Say whether the body of a server's error is one that was asked for."""
    try:
        return _PLANNED.fullmatch(json.loads(body)["error"]) is not None
    except (ValueError, KeyError, TypeError):
        return False


class Attacker:
    """A caller with a key and a chance of its own; `notes` are what it has seen."""

    def __init__(self, address: Address, seed: str, key: str, share_raw: float) -> None:
        self._address = address
        self._random = Random(seed)
        self._share_raw = share_raw
        self._connection: Connection | None = None
        self._open: list[str] = []
        self.known = Known(key)
        self.notes = Notes()

    def attack(self) -> None:
        """Send the next volley and note what comes of it."""
        if self._random.random() < self._share_raw:
            self._raw()
            return
        first = request(self._random, self.known)
        count = 0 if first.heavy else self._random.choice([0, 0, 0, 1, 2, DEEPEST - 1])
        more = [request(self._random, self.known) for _ in range(count)]
        self._kept([first, *(one for one in more if not one.heavy)])
        while len(self._open) > OPEN_JOBS:
            self._end(self._open.pop(0))

    def finish(self) -> Decimal | None:
        """Ask every job to its end, and return the balance that is left (None: it is not told)."""
        while self._open:
            self._end(self._open.pop(0))
        told = self._ask("/v1/get-user-credits")
        self.pause()
        return Decimal(str(json.loads(told.body)["credits"])) if told and told.status == 200 else None

    def pause(self) -> None:
        """Close the connection; the next volley opens another."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _raw(self) -> None:
        made = volley(self._random)
        patience = 0 if self._random.random() < 0.5 else PATIENCE
        self.notes.sent += made.requests
        try:
            got = raw(self._address, made.data, answers=made.answers, patience=patience)
        except Hang as hang:
            self._hung(str(hang), made.data)
            return
        for status, rest in statuses(got):
            self._count(status, rest.partition(b"\r\n\r\n")[2], made.data)

    def _kept(self, requests: list[Request]) -> None:
        self._connection = self._connection or Connection(self._address)
        data = b"".join([one.data for one in requests])
        self.notes.sent += len(requests)
        last = False
        try:
            self._connection.send(data)
            for one in requests:
                answer = self._connection.answer(one.method)
                self._note(one, answer)
                last = answer.last
                if last:
                    break
        except Hang as hang:
            self._hung(str(hang), data)
            last = True
        except Gone:
            if not requests[0].heavy:
                self.notes.lost += 1
                self.notes.found("closed without an answer", data)
            last = True
        if last:
            self.pause()

    def _note(self, sent: Request, answer: Answer) -> None:
        self._count(answer.status, answer.body, sent.data)
        if answer.status != 200 or sent.method != "POST":
            return
        if sent.own and (cost := _COST.search(answer.head)):
            self.notes.spent += Decimal(cost[1].decode())
        if found := _ID.search(answer.body):
            self.known.ids = [*self.known.ids[-20:], found[1].decode()]
            if sent.own and b'"poll_url"' in answer.body:
                self._open.append(found[1].decode())
        self.known.files = [*self.known.files[-20:], *(name.decode() for name in _FILE.findall(answer.body))]

    def _end(self, job: str) -> None:
        """Ask for a job until it has ended, and note what it cost."""
        for _ in range(3):
            answer = self._ask(f"/v2/requests/{job}")
            if answer is None:
                return
            told = json.loads(answer.body)
            if told.get("status") == "COMPLETED":
                self.notes.spent += Decimal(str(told["metrics"]["cost"]))
            if told.get("status") in ("COMPLETED", "FAILED"):
                return
        self.notes.lost += 1
        self.notes.found("a job that does not end", job.encode(), answer)

    def _ask(self, path: str) -> Answer | None:
        """Ask in good order, and return the answer; none is noted."""
        sent = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {self.known.key}\r\n\r\n".encode()
        self._connection = self._connection or Connection(self._address)
        self.notes.sent += 1
        try:
            self._connection.send(sent)
            answer = self._connection.answer("GET")
        except (Hang, Gone) as gone:
            self._hung(f"an honest request got no answer ({gone})", sent)
            self.pause()
            return None
        self._count(answer.status, answer.body, sent)
        return answer

    def _count(self, status: int, body: bytes, sent: bytes) -> None:
        self.notes.statuses[status] += 1
        if status >= 500 and not is_planned(body):
            self.notes.unplanned += 1
            self.notes.found(f"an unplanned {status}", sent, body[:600])

    def _hung(self, what: str, sent: bytes) -> None:
        self.notes.hangs += 1
        self.notes.found(f"a hang, {what}", sent)
