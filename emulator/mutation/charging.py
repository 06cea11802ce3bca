"""Mutants of money: what is charged, when, how much, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from mockling.contract import Contract
from mockling.contract.exchange import money
from mockling.contract.states import COMPLETED
from mockling.contract.verification.places import pointer
from mockling.emulator.mutation.changing import Answer, Changing, Environ
from mockling.emulator.mutation.mutant import Kind, Mutant, Touched
from mockling.emulator.platform.ledger import Purse, Record

CENT = Decimal("0.01")
HEADERS = ("components", "responses", "Generated", "headers")
METRICS = ("components", "schemas", "Metrics", "properties")
BALANCE = ("paths", "/v1/get-user-credits", "get")
BOUGHT: tuple[Touched, ...] = (("generate", 200), ("submit", 200))
CHARGED = ("generate", "submit")


def charging_mutants(contract: Contract) -> Iterator[Mutant]:
    """Yield the mutants of money."""
    yield from _of_jobs()
    yield from _of_answers(contract)
    yield from _told()


def _mutant(
    name: str, sentence: str, change: Callable[[Changing], object], *place: str, touches: tuple[Touched, ...] = BOUGHT
) -> Mutant:
    where = pointer(*place) if place else "#"
    return Mutant(id=f"money.{name}", kind=Kind.MONEY, sentence=sentence, place=where, change=change, touches=touches)


def _of_jobs() -> Iterator[Mutant]:
    """Yield jobs that are charged something else than their price, whoever waits for them."""
    for held, operation in ((True, "generate"), (False, "submit")):
        for what, told, amount in (
            ("never", "is not charged", lambda price: -price),
            ("twice", "is charged twice", lambda price: price),
            ("more", "is charged a cent too much", lambda _: CENT),
            ("less", "is charged a cent too little", lambda _: -CENT),
        ):

            def end(
                bill: Callable[[Purse, Record], bool],
                purse: Purse,
                record: Record,
                held: bool = held,
                amount: Any = amount,
            ) -> bool:
                billed = bill(purse, record)
                if billed and record.job.held is held:
                    purse.credits -= amount(record.job.price)
                    record.left = purse.credits
                return billed

            yield _mutant(
                f"{operation}.{what}",
                f"What {operation} delivers {told}.",
                lambda changing, end=end: changing.wrap(Purse, "end", end),  # type: ignore[misc]
                touches=((operation, 200),),
            )

    def failed(bill: Callable[[Purse, Record], bool], purse: Purse, record: Record) -> bool:
        if not record.ended and record.job.last_state != COMPLETED:
            purse.credits -= record.job.price or CENT
        return bill(purse, record)

    yield _mutant(
        "failed",
        "A generation that fails is charged all the same.",
        lambda changing: changing.wrap(Purse, "end", failed),
    )


def _of_answers(contract: Contract) -> Iterator[Mutant]:
    """Yield answers that are charged, though they must not be."""
    for operation, item in contract.operations.items():
        if operation in ("preflight", "asset", "download"):
            continue  # which nobody's key is sent with
        for status in map(int, sorted(item["responses"])):
            if operation in CHARGED and status == 200:
                continue
            sentence = f"An answer {status} of {operation} is charged a cent."
            place = (
                "paths",
                contract.path(operation, model="{model}", id="{id}"),
                _verb(contract, operation),
                "responses",
                str(status),
            )
            yield _mutant(
                f"charged.{operation}.{status}",
                sentence,
                _charging(operation, status),
                *place,
                touches=((operation, status),),
            )


def _verb(contract: Contract, operation: str) -> str:
    paths: dict[str, dict[str, Any]] = contract.document["paths"]
    return next(verb for item in paths.values() for verb, part in item.items() if part["operationId"] == operation)


def _charging(operation: str, status: int) -> Callable[[Changing], object]:
    def change(changing: Changing) -> None:
        platform = changing.platform

        def charge(answer: Answer) -> None:
            account = platform.keys.find(answer.environ.get("HTTP_X_API_KEY", ""))
            if account and account.credits:
                platform.store.credit(account, -CENT)

        changing.answer(operation, status, charge)

    return change


def _told() -> Iterator[Mutant]:
    """Yield what is told of money, and is wrong."""
    generated: tuple[Touched, ...] = (("generate", 200),)
    for name, what, amount in (
        ("x-cost", "a cent more", CENT),
        ("x-cost", "a cent less", -CENT),
        ("x-remaining-credits", "a cent more", CENT),
        ("x-remaining-credits", "a dollar more", Decimal(1)),
    ):
        yield _mutant(
            f"{name}.{what.replace(' ', '-')}",
            f"The header {name} tells {what} than it is.",
            _header(name, amount),
            *HEADERS,
            name,
            touches=generated,
        )
    for operation in ("status", "result", "poll"):
        done: tuple[Touched, ...] = ((operation, 200), *BOUGHT[1:])
        for name, what in (("cost", "cost"), ("remaining_credits", "balance")):
            sentence = f"The metrics of {operation} tell a cent more {what} than it is."
            yield _mutant(f"{operation}.{name}", sentence, _metric(operation, name), *METRICS, name, touches=done)
    yield _mutant(
        "balance.stale",
        "The balance that is told is that of the first time it was asked for.",
        _stale,
        *BALANCE,
        touches=(*BOUGHT, ("credits", 200)),
    )
    yield _mutant(
        "balance.falls",
        "The balance falls by a cent whenever it is asked for.",
        _charging("credits", 200),
        *BALANCE,
        touches=(("credits", 200),),
    )
    yield _mutant(
        "balance.negative",
        "The balance is told with the wrong sign.",
        _negative,
        *BALANCE,
        touches=(*BOUGHT, ("credits", 200)),
    )
    yield _mutant(
        "low.unchecked",
        "An account without credits may call all the same.",
        _rich,
        "x-errors",
        "low_balance",
        "status",
        touches=(("generate", 406), ("submit", 402)),
    )


def _header(name: str, amount: Decimal) -> Callable[[Changing], object]:
    def edit(answer: Answer) -> None:
        answer.headers[name] = money(Decimal(answer.headers[name]) + amount)

    return lambda changing: changing.answer("generate", 200, edit)


def _metric(operation: str, name: str) -> Callable[[Changing], object]:
    def edit(answer: Answer) -> None:
        body = answer.json
        if name in body.get("metrics", {}):
            body["metrics"][name] = round(body["metrics"][name] + 0.01, 6)
            answer.json = body

    return lambda changing: changing.answer(operation, 200, edit)


def _stale(changing: Changing) -> None:
    first: dict[str, Any] = {}

    def edit(answer: Answer) -> None:
        answer.json = first.setdefault(answer.environ.get("HTTP_X_API_KEY", ""), answer.json)

    changing.answer("credits", 200, edit)


def _negative(changing: Changing) -> None:
    def edit(answer: Answer) -> None:
        answer.json = {name: -value for name, value in answer.json.items()}

    changing.answer("credits", 200, edit)


def _rich(changing: Changing) -> None:
    def ask(environ: Environ) -> None:
        key = environ.get("HTTP_X_API_KEY", "")
        account = changing.platform.keys.find(key) if key else None
        if account and account.credits is not None and changing.platform.store.balance(account, 0.0) <= 0:
            changing.platform.store.credit(account, Decimal(1000))

    changing.requests(ask)
