"""Mutants of how a generation of v2 goes: its states, its addresses, its failure, and when it is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from mockling.contract import Contract
from mockling.contract.states import COMPLETED, FAILED, PROCESSING, QUEUED
from mockling.contract.verification.places import pointer
from mockling.emulator.mutation.changing import Answer, Changing
from mockling.emulator.mutation.mutant import Kind, Mutant, Touched
from mockling.emulator.platform.jobs import Job

ASKING = ("status", "result", "poll")
SUBMITTED: Touched = ("submit", 200)
STATES = ("components", "schemas", "Status", "properties", "status")
ADDRESSES = {"status_url": "status", "response_url": "result", "poll_url": "poll"}
MOMENT = 10.0  # simulated seconds, which are too few
AGES = 100.0  # times as long, which is too long


def lifecycle_mutants(contract: Contract) -> Iterator[Mutant]:
    """Yield the mutants of the life cycle."""
    yield from _states()
    for operation in ASKING:
        yield from _asking(operation)
    yield from _failures()
    yield from _submissions()
    yield from _lifetimes(contract)


def _mutant(
    name: str,
    sentence: str,
    change: Callable[[Changing], object],
    *place: str,
    touches: tuple[Touched, ...] = (SUBMITTED,),
) -> Mutant:
    where = pointer(*(place or STATES))
    return Mutant(
        id=f"life.{name}", kind=Kind.LIFE_CYCLE, sentence=sentence, place=where, change=change, touches=touches
    )


State = Callable[[Job, float, int], str]


def _states() -> Iterator[Mutant]:
    """Yield jobs whose states come in another order, or never end."""

    def told(state: Callable[[Job, str, int], str]) -> Callable[[Changing], object]:
        def of(ask: State, job: Job, now: float, steps: int) -> str:
            return state(job, ask(job, now, steps), steps)

        return lambda changing: changing.wrap(Job, "state", of)

    def swapped(_: Job, state: str, _steps: int) -> str:
        return {QUEUED: PROCESSING, PROCESSING: QUEUED}.get(state, state)

    def returning(job: Job, state: str, steps: int) -> str:
        return PROCESSING if state == job.last_state and steps % 2 else state

    yield _mutant("backwards", "PROCESSING comes before QUEUED.", told(swapped))
    yield _mutant("restarts", "A job that has ended is processed again every other poll.", told(returning))
    never = told(lambda _, state, __: PROCESSING if state in (COMPLETED, FAILED) else state)
    yield _mutant("never-ends", "A job never ends.", never)
    yield _mutant("never-starts", "A job is queued for ever.", told(lambda *_: QUEUED))
    flipped = {COMPLETED: FAILED}
    fails = told(lambda _, state, __: flipped.get(state, state))
    yield _mutant("fails-always", "What should complete is told as failed.", fails)


def _asking(operation: str) -> Iterator[Mutant]:
    """Yield jobs about which one address tells something else than the others."""
    done, failed = ((operation, 200),), ((operation, 422),)

    def at_end(change: Callable[[Answer, Any], object]) -> Callable[[Changing], object]:
        def edit(answer: Answer) -> None:
            body = answer.json
            if isinstance(body, dict) and body.get("status") == COMPLETED:
                change(answer, body)

        return lambda changing: changing.answer(operation, 200, edit)

    def running(answer: Answer, body: dict[str, Any]) -> None:
        answer.json = {"status": PROCESSING, "request_id": body["request_id"], "metrics": {}}

    def another_id(answer: Answer, body: dict[str, Any]) -> None:
        answer.json = {**body, "request_id": _other(body["request_id"])}

    def missing(answer: Answer) -> None:
        if (answer.json or {}).get("status") in (QUEUED, PROCESSING):
            answer.refuse(404, "Request not found")

    def twisted(answer: Answer, body: dict[str, Any]) -> None:
        answer.json = {**body, "output": body["output"].replace(body["request_id"], _other(body["request_id"]))}

    told = f"GET {operation}"
    yield _mutant(f"{operation}.lags", f"{told} never tells that a job is completed.", at_end(running), touches=done)
    yield _mutant(f"{operation}.other-id", f"{told} names another id.", at_end(another_id), touches=done)
    yield _mutant(
        f"{operation}.running-404",
        f"{told} is 404 while the job runs.",
        lambda changing: changing.answer(operation, 200, missing),
        touches=done,
    )
    if operation != "status":
        yield _mutant(
            f"{operation}.output-apart", f"{told} has another output than video.url.", at_end(twisted), touches=done
        )
    yield _mutant(
        f"{operation}.failed-as-200",
        f"{told} serves a failed job as 200.",
        lambda changing: changing.answer(operation, 422, _as_200),
        "components", "schemas", "Failure",
        touches=failed,
    )  # fmt: skip


def _failures() -> Iterator[Mutant]:
    """Yield that what should fail is refused, or delivered."""

    def forgiving(changing: Changing) -> None:
        def job_of(make: Callable[[Any], Job], call: Any) -> Job:
            call.failure = None
            call.parameters = call.parameters or call.model.completed(call.model.example)
            return make(call)

        changing.wrap(changing.platform, "job_of", job_of)

    yield _mutant("forgives", "What should fail is delivered.", forgiving, "components", "schemas", "Failure")

    def at_once(changing: Changing) -> None:
        stages = changing.platform.stages
        changing.put(stages, "queues_invalid", not stages.queues_invalid)

    told = "An invalid body on v2 is refused at once, or queued, whichever it should not be."
    yield _mutant("invalid-body", told, at_once, "x-behaviour", "invalid_body_on_v2")


def _submissions() -> Iterator[Mutant]:
    """Yield submissions that are answered with something that leads nowhere."""

    def submitted(edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Changing], object]:
        return lambda changing: changing.answer(
            "submit", 200, lambda answer: setattr(answer, "json", edit(answer.json))
        )

    for name in ADDRESSES:
        place = ("components", "schemas", "Submitted", "properties", name)
        for what, told, edit in (
            ("relative", "relative", lambda url: "/" + url.split("/", 3)[3]),
            ("elsewhere", "at another server", lambda url: "https://elsewhere.invalid/" + url.split("/", 3)[3]),
            ("other-path", "at another path", lambda url: url.replace("requests", "jobs")),
        ):
            change = submitted(lambda body, name=name, edit=edit: {**body, name: edit(body[name])})  # type: ignore[misc]
            yield _mutant(f"submit.{name}.{what}", f"The {name} of a submission is {told}.", change, *place)
    swap = submitted(lambda body: {**body, "status_url": body["response_url"], "response_url": body["status_url"]})
    yield _mutant(
        "submit.urls-swapped",
        "The addresses of status and result are swapped.",
        swap,
        "components",
        "schemas",
        "Submitted",
    )
    other = submitted(lambda body: {**body, "request_id": _other(body["request_id"])})
    yield _mutant(
        "submit.other-id",
        "A submission names an id that is not that of its addresses.",
        other,
        "components",
        "schemas",
        "RequestId",
    )

    def idempotent(changing: Changing) -> None:
        first = list[Any]()

        def once(answer: Answer) -> None:
            first.append(answer.json)
            answer.json = first[0]

        changing.answer("submit", 200, once)

    yield _mutant(
        "submit.idempotent",
        "The same request submitted again is the same job.",
        idempotent,
        "paths",
        "/v2/{model}",
        "post",
    )

    def otherwise_formed(changing: Changing) -> None:
        def job_of(make: Callable[[Any], Job], call: Any) -> Job:
            job = make(call)
            return replace(job, request_id=_reformed(job.request_id))

        changing.wrap(changing.platform, "job_of", job_of)

    told = "Ids are hexadecimal digits without dashes where they should have some, and the other way round."
    yield _mutant("id.form", told, otherwise_formed, "components", "schemas", "RequestId", "pattern")


def _lifetimes(contract: Contract) -> Iterator[Mutant]:
    for name, seconds in contract.document["x-lifetimes"].items():
        if name.startswith("x-"):
            continue
        for what, told, other in (("early", "much too early", MOMENT), ("never", "much too late", AGES * seconds)):
            yield _mutant(
                f"{name}.{what}",
                f"What should go after {name} goes {told}.",
                lambda changing, name=name, other=other: changing.item(  # type: ignore[misc]
                    changing.contract.document["x-lifetimes"], name, other
                ),
                "x-lifetimes",
                name,
            )


def _as_200(answer: Answer) -> None:
    answer.status = 200


def _other(request_id: str) -> str:
    """Return another id of the same form."""
    return request_id[:-1] + ("0" if request_id[-1] != "0" else "1")


def _reformed(request_id: str) -> str:
    """Return the same id in the other form (D3)."""
    if "-" in request_id:
        return request_id.replace("-", "")
    return "-".join(request_id[start:end] for start, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
