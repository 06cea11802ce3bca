"""Striking: what a fault makes of a request's answer."""

from __future__ import annotations

from math import isfinite

from flask import Response

from mockling.emulator.http.answering import Answering
from mockling.emulator.http.delivery import DeliveredResponse, Delivery, Ending
from mockling.emulator.http.held import skips, timed_out
from mockling.emulator.http.recording import Draft, Recorder
from mockling.emulator.http.responses import Responses
from mockling.emulator.http.spoiling import spoil
from mockling.emulator.platform.arming import Encounter, checked, meets
from mockling.emulator.platform.faults import GENERATIONS, OPERATIONS, Fault
from mockling.emulator.platform.platform import Platform
from mockling.emulator.platform.refused import Refused
from mockling.emulator.platform.sense import FaultError
from mockling.emulator.signs import FAULT, STALLS, variable

CHOOSING = ("times", "skip", "every", "probability", "prompt")  # words that choose among calls


class Striking:
    """Asks which fault strikes a call, and carries it out."""

    def __init__(self, platform: Platform, responses: Responses, recorder: Recorder) -> None:
        self._platform = platform
        self._responses = responses
        self._recorder = recorder
        self.answer = Answering(platform, responses).answer

    def ended(self, draft: Draft, response: Response) -> Response:
        """Record a call, and return its response as it is to be sent."""
        if draft.fault:
            return self.carry_out(draft.fault, draft, response)
        return self._recorder.recorded(draft, response)

    def brought(self, draft: Draft) -> Fault | None:
        """Return the fault in a call's header `x-mockling-fault`, if any. Raises `Refused` for one that is none."""
        text = draft.environ.get(variable(FAULT))
        if text is None:
            return None
        try:
            fault = Fault.read(text)
            if choosing := [word for word in CHOOSING if word in fault.table()]:
                raise FaultError(
                    f"{choosing[0]} chooses among calls, and a header has one; plan it with Emulator.fault."
                )
            if draft.operation not in GENERATIONS and fault.on == "post":
                fault = Fault.of({**fault.table(), "on": "any"})
            struck = (*OPERATIONS[fault.on], *(GENERATIONS if fault.on == "job" else ()))
            if draft.operation not in struck:
                raise FaultError(f"it is for {fault.on}, and a header strikes its own call alone, {draft.operation}.")
            return checked(fault, self._platform.contract)
        except FaultError as error:
            raise Refused("bad_fault", reason=error) from error

    def meet(self, draft: Draft) -> Fault | None:
        """Return the fault that strikes a call of an operation without stages, if any."""
        brought = self.brought(draft)
        if not (brought or self._platform.store.plans):
            return None
        key = draft.environ.get("HTTP_X_API_KEY", "").strip(" \t") or draft.owner or None
        meeting = Encounter(operation=str(draft.operation), now=self._platform.clock.now(), key=key)
        return brought if brought and meets(brought, meeting) else self._platform.store.strike(meeting)

    def delay(self, fault: Fault) -> float:
        """Return the simulated seconds by which a fault holds an answer back."""
        if fault.timeout and not self._platform.clock.instant:
            return float(self._platform.contract.document["x-errors"]["gateway_timeout"]["seconds"])
        return fault.latency_is if fault.latency_is is not None else fault.latency or 0.0

    def carry_out(self, fault: Fault, draft: Draft, response: Response) -> Response:
        """Record a call that a fault strikes, and return the response as it is to be delivered."""
        if fault.silent:
            response.close()
            self._recorder.left(draft)
            if fault.stall and draft.patience is not None:
                self._wait_in_vain(draft)
                return timed_out(draft)
            return self._delivered(response, draft, _ending(fault))
        if fault.billed:
            response.close()
            response = self.answer(fault, draft)
        for name, value in fault.headers.items():
            response.headers[name.lower()] = value
        spoil(fault, response)
        ending = _ending(fault)
        if ending == "stall" and draft.patience is not None:
            response.headers[STALLS] = "1"
            ending = "close"
            self._wait_in_vain(draft)
        return self._delivered(self._recorder.recorded(draft, response), draft, ending)

    def _wait_in_vain(self, draft: Draft) -> None:
        """Have time pass as long as a caller waits for what stalls, where time is moved."""
        clock = self._platform.clock
        if skips(clock, draft) and isfinite(draft.patience or 0):
            clock.reach(clock.now() + (draft.patience or 0))

    def _delivered(self, response: Response, draft: Draft, ending: Ending) -> Response:
        assert draft.fault
        clock = self._platform.clock
        delivery = Delivery(draft.fault.silent, draft.fault.rate, ending, skips(clock, draft))
        return DeliveredResponse(response, delivery, clock)


def _ending(fault: Fault) -> Ending:
    """Return what happens to the connection where the body ends."""
    if fault.drop or fault.cut is not None or fault.length is not None:
        return "close"
    return "reset" if fault.reset is not None else "stall" if fault.stall is not None else None
