"""Conduct: what a reviewer would raise about how a client called, told from its calls alone."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from mockling.contract import Contract, ContractError
from mockling.contract.exchange import Exchange
from mockling.contract.states import COMPLETED, FAILED
from mockling.emulator.control.tables import count, times

Kind = Literal["double_charge", "gave_up_early", "polls_too_fast", "poll_after_end", "key_exposed", "no_back_off"]

PAID = ("generate", "submit")  # the operations that can cost money
POLLS = ("status", "result", "poll")  # those that ask how a job goes
SHORTEST_PAUSE = 1.0  # simulated seconds between two polls of a job, and after a 429 that names no reset
Ends = dict[tuple[str, str | None], float]


@dataclass(frozen=True, slots=True)
class ConductWarning:
    """Something that is wrong with how a client called.

    `kind` is what it is, `text` says it in a sentence with its numbers, `exchanges` are the calls that show it.
    """

    kind: Kind
    text: str
    exchanges: tuple[Exchange, ...]

    def __str__(self) -> str:
        return self.text


def conduct(exchanges: Iterable[Exchange], contract: Contract) -> tuple[ConductWarning, ...]:
    """Return what is wrong with how these calls were made, in whatever order they are.

    Where nothing took any time (see `Exchange.pace`), calls do not tell whether a caller waited long enough: of those
    `polls_too_fast` and `no_back_off` are not raised, and `gave_up_early` only if he was there for a second.
    """
    calls = sorted(exchanges, key=lambda call: (call.moment, call.number))
    ends = _ends(calls)
    timed = [call for call in calls if call.pace is not None]
    found = [*double_charges(calls, contract, ends), *given_up(calls, contract)]
    found += [*fast_polls(timed), *without_back_off(timed)]
    return (*found, *late_polls(calls), *exposed_keys(calls))


def double_charges(calls: Sequence[Exchange], contract: Contract, ends: Ends) -> Iterator[ConductWarning]:
    """Yield each request that was sent again while the one before was under way, as far as its caller knew.

    `ends` are the moments at which a caller learnt that a job has ended. A repeat after a clear refusal is none.
    """
    for same in _grouped(calls, _request).values():
        open_call, until = None, 0.0
        for call in same:
            if open_call and call.moment < until and (open_call.lost or _accepted(call)):
                yield _double(open_call, call)
                if open_call.lost and _accepted(call):  # from here on its repeat is what its caller waits for
                    until = 0.0
            ends_at = _open_until(call, contract, ends)
            if ends_at is not None and ends_at > until:
                open_call, until = call, ends_at


def given_up(calls: Sequence[Exchange], contract: Contract) -> Iterator[ConductWarning]:
    """Yield each call of v1 whose caller left before a generation of its kind usually ends.

    Where no time passed, a caller who left within a second has a time-out for tests.
    """
    for call in calls:
        if call.operation != "generate" or call.status is not None or call.unanswered:
            continue
        usual, waited = _usual_seconds(call, contract), call.ended - call.moment
        if usual is not None and waited < usual and (call.pace is not None or waited >= SHORTEST_PAUSE):
            text = (
                f"The caller of {call.path} left after {waited:.1f} s, though such a generation takes {usual:.1f} s on "
                "average and is billed all the same; wait longer, or submit on v2 and poll."
            )
            yield ConductWarning("gave_up_early", text, (call,))


def fast_polls(calls: Sequence[Exchange]) -> Iterator[ConductWarning]:
    """Yield each job that a caller polled again less than a second after a poll that told it is under way."""
    for polls in _grouped(calls, _job).values():
        pairs = [(one, other) for one, other in pairwise(polls) if not (end_of(one) or _failed(one))]
        fast = [(one, other) for one, other in pairs if other.moment - one.moment < SHORTEST_PAUSE]
        if fast:
            least = min(other.moment - one.moment for one, other in fast)
            text = (
                f"Job {polls[0].request_id} was polled {times(len(fast))} less than {SHORTEST_PAUSE:g} s after the "
                f"poll before, {least:.2f} s at the least; poll every few seconds."
            )
            yield ConductWarning("polls_too_fast", text, _unique(fast))


def late_polls(calls: Sequence[Exchange]) -> Iterator[ConductWarning]:
    """Yield each job whose status a caller asked for once more when it had told him the end, or whose result twice.

    A look at the result after the status has told the end is the usual way, and another one a retry.
    """
    for polls in _grouped(calls, _address).values():
        first = next(filter(end_of, polls), None)
        late = [poll for poll in polls if first and poll.number > first.number and poll.moment >= first.ended]
        what = "status" if polls[0].operation == "status" else "result"
        if first and len(late) > (what == "result"):
            text = (
                f"The {what} of job {first.request_id} was asked for {times(len(late))} after it had told that the "
                f"job is {end_of(first)}; stop polling there."
            )
            yield ConductWarning("poll_after_end", text, (first, *late))


def exposed_keys(calls: Sequence[Exchange]) -> Iterator[ConductWarning]:
    """Yield each place beside its header in which API keys were sent."""
    places = dict.fromkeys(place for call in calls for place in call.exposed)
    for place in places:
        shown = tuple(call for call in calls if place in call.exposed)
        text = (
            f"An API key was sent in the {place} of {count(len(shown), 'call')}, where logs and others may keep it; "
            "send it in the header x-api-key alone."
        )
        yield ConductWarning("key_exposed", text, shown)


def without_back_off(calls: Sequence[Exchange]) -> Iterator[ConductWarning]:
    """Yield each caller who called a paid operation again before its rate limit, of which he was told, was reset."""
    for same in _grouped(calls, _limited).values():
        early = [(one, other) for one, other in pairwise(same) if one.ended <= other.moment < _allowed(one)]
        if early:
            one, other = early[0]
            text = (
                f"{one.path} was called {times(len(early))} before the rate limit of a 429 was reset, first "
                f"{other.moment - one.ended:.1f} s after it instead of {_allowed(one) - one.ended:.1f} s; wait "
                "until x-rate-limit-reset-at-utc."
            )
            yield ConductWarning("no_back_off", text, _unique(early))


def _grouped(calls: Iterable[Exchange], key: Callable[[Exchange], Hashable | None]) -> dict[Hashable, list[Exchange]]:
    """Return the calls in groups, without those that have no key."""
    groups: dict[Hashable, list[Exchange]] = defaultdict(list)
    for call in calls:
        found = key(call)
        if found is not None:
            groups[found].append(call)
    return groups


def _request(call: Exchange) -> Hashable | None:
    """Return what two requests for the same generation have in common, None for others and if it is not known."""
    if not (_is_paid(call) and call.caller):
        return None
    body = call.json
    if body is not None:
        return call.caller, call.operation, call.model, json.dumps(body, sort_keys=True)
    boundary = re.search(r'boundary="?([^";]+)', call.request.header("content-type"))
    if not boundary or call.request.size != len(call.request.body):
        return None
    return call.caller, call.operation, call.model, call.request.body.replace(boundary[1].encode(), b"")


def _limited(call: Exchange) -> Hashable | None:
    return (call.caller, call.operation) if _is_paid(call) and call.caller else None


def _job(call: Exchange) -> Hashable | None:
    return (call.caller, call.request_id) if call.operation in POLLS and call.request_id else None


def _address(call: Exchange) -> Hashable | None:
    job = _job(call)
    return job and (job, call.operation == "status")


def _is_paid(call: Exchange) -> bool:
    return call.operation in PAID and call.method == "POST"


def _failed(call: Exchange) -> bool:
    """Say whether a call told its caller nothing, so that he may repeat it at once."""
    return call.lost or (call.status or 0) >= 500


def _accepted(call: Exchange) -> bool:
    """Say whether a call started a generation that is billed, or will be if it succeeds."""
    return call.seconds is not None and call.error is None and call.status in (None, 200)


def _open_until(call: Exchange, contract: Contract, ends: Ends) -> float | None:
    """Return the moment until which a request is under way as far as its caller knows; None if it was refused."""
    if call.status is not None and not _accepted(call):
        return None
    if call.operation == "generate" and call.lost and call.cost:
        return float("inf")  # nobody will tell its caller that it is over
    if call.operation == "generate" and call.status is not None:
        return call.ended
    seconds = call.seconds if call.seconds is not None else _usual_seconds(call, contract)
    since = call.ended if call.status is None else call.moment  # who has left asks nobody whether it is over
    return min(since + (seconds or 0.0), ends.get((call.caller, call.request_id), float("inf")))


def _double(first: Exchange, second: Exchange) -> ConductWarning:
    unknown = "whose answer its caller did not know" if first.lost else "which was still under way"
    text = (
        f"The same request was sent to {second.path} again {second.moment - first.moment:.1f} s after the one before, "
        f"{unknown}: both may be billed; never repeat a paid POST blindly."
    )
    return ConductWarning("double_charge", text, (first, second))


def _usual_seconds(call: Exchange, contract: Contract) -> float | None:
    """Return the average seconds of a generation, by its parameters; else those of this one, if it was started."""
    model = contract.models.get(call.model or "")
    try:
        return model.latency(model.completed(call.json)) if model and isinstance(call.json, dict) else call.seconds
    except ContractError:
        return call.seconds


def _ends(calls: Iterable[Exchange]) -> Ends:
    """Return when each caller was told the end of a job, by caller and request id."""
    ends: Ends = {}
    for call in calls:
        if call.operation in POLLS and end_of(call):
            ends.setdefault((call.caller, call.request_id), call.ended)
    return ends


def end_of(call: Exchange) -> str | None:
    """Return the state in which a job has ended, if that is what a poll told its caller."""
    state = call.answer.get("status") if isinstance(call.answer, dict) and not call.lost else None
    return state if state in (COMPLETED, FAILED) else None


def _allowed(call: Exchange) -> float:
    """Return the moment from which on a call may be followed by the next one of its kind."""
    if call.status != 429:
        return call.moment
    return call.ended + SHORTEST_PAUSE if call.resets is None else call.resets


def _unique(pairs: Iterable[tuple[Exchange, Exchange]]) -> tuple[Exchange, ...]:
    return tuple({call.number: call for pair in pairs for call in pair}.values())
