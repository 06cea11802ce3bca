"""Charges: what each request of a run may have been billed, from before it is sent until the balance has proved it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from mockling.contract.exchange import Exchange
from mockling.contract.states import COMPLETED, FAILED, RUNNING

ZERO = Decimal(0)


@dataclass(slots=True, eq=False)
class Charge:
    """What one request may have been billed; `number` counts those of a run, `what` says which request it was.

    `price` is the worst case in US dollars, `billed` what it was billed as far as the answers tell (None: they do not,
    so it may be the price), `job` the id of the request whose end will tell (None: nothing more will come).
    """

    number: int
    what: str
    price: Decimal
    billed: Decimal | None = None
    job: str | None = None

    @property
    def claimed(self) -> Decimal:
        """What was billed if the answers are right: the price where they say nothing."""
        return self.price if self.billed is None else self.billed

    def answered(self, status: int | None, job: str | None = None) -> None:
        """Note how the request was answered (None: not at all); `job` is the id of what it began and nobody saw end."""
        if is_refusal(status):
            self.billed = ZERO
        elif status == 200 and job is None:
            self.billed = self.price
        self.job = job

    def told(self, exchange: Exchange) -> None:
        """Note what an answer says of the job that the request began: only one that completed is billed (G11, A5)."""
        if self.job is None or self.job not in exchange.path:
            return
        body, ended = exchange.answer, {COMPLETED: self.price, FAILED: ZERO}
        if isinstance(body, dict):
            self.billed = ended.get(str(body.get("status")), self.billed)


@dataclass(slots=True)
class Charges:
    """All charges of a run: `open` are those that no balance has proved yet, `proved` the US dollars of the others."""

    open: list[Charge] = field(default_factory=list)
    proved: Decimal = ZERO

    @property
    def claimed(self) -> Decimal:
        """What was billed if the answers are right (US dollars)."""
        return self.proved + sum((charge.claimed for charge in self.open), ZERO)

    @property
    def held(self) -> Decimal:
        """What was billed at most, whatever the answers say (US dollars)."""
        return self.proved + sum((charge.price for charge in self.open), ZERO)

    @property
    def told(self) -> list[Charge]:
        """The open charges of which the answers tell what was billed."""
        return [charge for charge in self.open if charge.billed is not None]

    def prove(self) -> list[Charge]:
        """Take for true what the answers tell, for the balance agrees, and return those charges."""
        proved = self.told
        self.proved += sum((charge.claimed for charge in proved), ZERO)
        self.open = [charge for charge in self.open if charge.billed is None]
        return proved


def is_refusal(status: int | None) -> bool:
    """Say whether an answer is surely not billed (G11); behind a gateway that gives up, the work may go on."""
    return status is not None and status in range(400, 502) and status != 408


def job_in(exchange: Exchange) -> str | None:
    """Return the id of the job that an answer says has begun and not ended (None: there is none)."""
    body = exchange.answer
    if isinstance(body, dict) and body.get("status") in RUNNING:
        job = body.get("request_id")
        return job if isinstance(job, str) and job else None
    return None
