"""Generations: start one and wait for it (v1), or start one and ask how it goes (v2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Request, Response, request

from mockling.contract.states import FAILED
from mockling.emulator.http.defects import as_refused
from mockling.emulator.http.held import Due, HeldResponse
from mockling.emulator.http.reading import content_of, key_of, media_type_of, read_body, root_of
from mockling.emulator.http.recording import Draft, Recorder, draft_of
from mockling.emulator.http.responses import Responses
from mockling.emulator.http.striking import Striking
from mockling.emulator.platform.jobs import Failure, Job
from mockling.emulator.platform.platform import Platform
from mockling.emulator.platform.refused import Refused
from mockling.emulator.platform.stages import Call
from mockling.emulator.platform.store import Kept

LOOK = 0.005  # real seconds between two looks whether a video is cut


class Generations:
    """The HTTP of generations."""

    def __init__(self, platform: Platform, responses: Responses, recorder: Recorder, striking: Striking) -> None:
        self.platform = platform
        self.responses = responses
        self.recorder = recorder
        self.striking = striking
        self._limits: dict[str, int] = platform.contract.document["x-limits"]

    def generate(self, model: str) -> Response:
        """POST /v1/<model>: what POST /v2/<model> does, and then wait until the job has ended."""
        call, draft, job = self._start("generate", model)
        return self._when_due(JobWait(self, draft, job, call), draft)

    def submit(self, model: str) -> Response:
        """POST /v2/<model> (A1): the stages of v1, but that what has an invalid parameter is queued, and fails (A6)."""
        call, draft, job = self._start("submit", model)
        draft.error = job.outcome.text if isinstance(job.outcome, Failure) else None
        return self._when_due(CutWait(self, draft, job, call), draft)

    def _when_due(self, wait: JobWait, draft: Draft) -> Response:
        """Return the response to a call, which may have to wait for it."""
        due = Due(wait, self.platform.clock, draft)
        return wait.finish() if due.now else HeldResponse(due, self.striking.ended)

    def status(self, id: str) -> Response:  # noqa: A002 - the parameter's name in the contract
        """GET /v2/requests/<id>/status."""
        return self.responses.status(*self._ask(id, "unknown_request"), root_of(request))

    def result(self, id: str) -> Response:  # noqa: A002 - the parameter's name in the contract
        """GET /v2/requests/<id>."""
        return self.responses.result(*self._ask(id, "unknown_request"), root_of(request))

    def older_result(self, id: str) -> Response:  # noqa: A002 - the parameter's name in the contract
        """GET /v1/requests/<id>: the result under its older address."""
        return self.responses.result(*self._ask(id, "unknown_output"), root_of(request))

    def _start(self, operation: str, slug: str) -> tuple[Call, Draft, Job]:
        caller: Request = request._get_current_object()  # type: ignore[attr-defined] # each look through it costs
        draft, media_type = draft_of(caller.environ), media_type_of(caller.environ)
        draft.model = slug[:100]
        key, authorization = key_of(caller.environ)

        def read(schema: Mapping[str, Any]) -> dict[str, Any]:
            # A form is parsed from what was read.
            is_form = media_type == "multipart/form-data"
            content = draft.sent(caller.get_data() if is_form else content_of(caller))
            return read_body(caller, content, schema, self._limits)

        call = Call(
            operation=operation,
            method=draft.method,
            key=key,
            authorization=authorization,
            slug=slug,
            root=root_of(caller),
            media_type=media_type,
            read=read,
            fault=self.striking.brought(draft),
            simulated=draft.patience is not None,
            era=draft.era,
        )
        job = self.platform.stages.run(call)
        draft.fault, draft.faults = call.planned.answer, call.planned.faults
        draft.request_id, draft.seconds, draft.warnings = job.request_id, job.latency, call.warnings
        return call, draft, job

    def _ask(self, request_id: str, missing: str) -> tuple[Kept, str]:
        draft = draft_of(request.environ)
        draft.request_id = request_id[:100]
        account = self.platform.authenticate(*key_of(request.environ))
        kept, state = self.platform.ask(account, request_id, missing, step=request.method == "GET")
        draft.model = kept.job.model
        if state == FAILED and isinstance(kept.job.outcome, Failure):
            draft.error = kept.job.outcome.text
        return kept, state


class JobWait:
    """A call of v1 that waits until its job has ended."""

    __slots__ = ("_admission", "_draft", "_job", "_of", "_root", "due")

    def __init__(self, of: Generations, draft: Draft, job: Job, call: Call) -> None:
        self._of = of
        self._draft = draft
        self._job = job
        self._admission, self._root = call.admission, call.root  # not all of the call, whose body may be large
        fault = call.planned.answer
        self.due = max(job.due, draft.moment + of.striking.delay(fault)) if fault and fault.timeout else job.due

    @property
    def working(self) -> float:
        """The real seconds after which to look whether the video is cut, 0 if it is."""
        outcome = self._job.outcome
        return 0.0 if isinstance(outcome, Failure) or self._of.platform.outputs.ready(outcome) else LOOK

    def finish(self) -> Response:
        """Return the response to what came of the job. Whatever goes wrong here costs nothing."""
        try:
            if not self._is_known:
                raise Refused("reset")
            return self._ended()
        except Exception as error:
            return self._undone(as_refused(error))

    def stop(self, case: str) -> Response:
        """Return the response of a server that cannot wait; the job is undone."""
        return self._undone(Refused(case))

    def leave(self) -> None:
        """Record that the caller left; the generation goes on and is billed (M6)."""
        if self._is_known:
            self._of.platform.store.leave(self._job.request_id)
        self._of.recorder.left(self._draft)

    @property
    def _is_known(self) -> bool:
        """Whether the platform still has what the job is of; after a reset another job may have its id."""
        return self._draft.era == self._of.platform.era

    def _ended(self) -> Response:
        platform, responses = self._of.platform, self._of.responses
        kept = platform.store.complete(self._job.request_id, max(self._job.due, platform.clock.now()))
        outcome = self._job.outcome
        if isinstance(outcome, Failure):
            self._draft.error = outcome.text
            return responses.failure(outcome)
        if kept is None:  # it was forgotten with its account
            raise Refused("reset")
        assert self._admission
        reset = platform.stamp(self._admission.resets, simulated=self._draft.patience is not None)
        response = responses.generation(kept, outcome, self._admission, self._root, reset)
        self._draft.cost = self._job.price
        return response

    def _undone(self, refused: Refused) -> Response:
        if self._is_known:
            self._of.platform.store.cancel(self._job.request_id)
        response, self._draft.error = self._of.responses.refused(refused)
        return response


class CutWait(JobWait):
    """A call of v2 that waits until the video which its job will deliver is cut, and as long as is planned."""

    __slots__ = ()

    def __init__(self, of: Generations, draft: Draft, job: Job, call: Call) -> None:
        super().__init__(of, draft, job, call)
        fault = call.planned.answer
        self.due = draft.moment + (of.striking.delay(fault) if fault else 0.0)

    def leave(self) -> None:
        """Record that the caller left; the job goes on."""
        self._of.recorder.left(self._draft)

    def _ended(self) -> Response:
        if not isinstance(self._job.outcome, Failure):
            self._of.platform.outputs.size(self._job.outcome)
        return self._of.responses.submitted(self._job, self._root)
