"""The control API: what Python can do to an emulator, over HTTP, apart from what the platform serves."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import yaml
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from mockling.contract import ContractError, Document
from mockling.contract.exchange import money
from mockling.emulator.control.calls import Calls
from mockling.emulator.control.controls import seconds_of
from mockling.emulator.control.guard import why_not
from mockling.emulator.control.reading import ControlError, body_of, document, settings_of, whole
from mockling.emulator.control.rows import whole_row
from mockling.emulator.http.reading import root_of
from mockling.emulator.platform.faults import Fault
from mockling.emulator.platform.sense import FaultError
from mockling.emulator.settings import SettingsError
from mockling.emulator.signs import CONTROL

if TYPE_CHECKING:
    from mockling.emulator.listening.server import Emulator

LARGEST_BODY = 1024**2  # bytes
MOST_ROWS = 10_000  # calls that are told at once
MOST_FAULTS = 1000  # that are armed, spent ones too
_HEADERS = {  # of every answer: no page reads it, by whatever tag, and nothing keeps it
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class Control(Flask):
    """The control API of an emulator, as a WSGI application of its own; control/openapi.yaml is what it promises.

    A call with the header `x-api-key` sees and changes only what belongs to that key.
    """

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(__name__, static_folder=None)
        self._emulator = emulator
        self.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
        self.json.sort_keys = False  # type: ignore[attr-defined] # the default provider has it
        self.url_map.merge_slashes = False  # it would redirect
        self.before_request(self._guard)
        self.after_request(_closed)
        self.register_error_handler(Exception, _refused)
        for path, item in document()["paths"].items():
            rule = f"{CONTROL}{path.replace('{', '<').replace('}', '>')}"
            for verb, operation in item.items():
                name = operation["operationId"]
                view = getattr(self, f"_{name}")
                self.add_url_rule(rule, name, view, methods=[verb.upper()], provide_automatic_options=False)

    def _guard(self) -> Response | None:
        known = request.path == f"{CONTROL}/health"  # it tells and changes nothing
        refused = why_not(request, self._emulator.settings.host, self._emulator.control_token, known=known)
        return _error(refused[1], refused[0]) if refused else None

    def _health(self) -> Response:
        return jsonify(status="ok", version=version("mockling"))

    def _state(self) -> Response:
        emulator, calls, key = self._emulator, self._calls(), _key()
        return jsonify(
            url=_url(),
            api_key=emulator.api_key,
            profile=emulator.settings.profile,
            seed=emulator.settings.seed,
            models=list(emulator.contract.models),
            clock=self._time(),
            held=emulator.held_of(key) if key else emulator.held,
            calls=len(calls),
            billed=money(calls.cost if key else emulator.billed),
            warnings=calls.warnings,
            faults=self._armed(),
        )

    def _requests(self) -> Response:
        known = [part["name"] for part in document()["paths"]["/requests"]["get"]["parameters"]]
        wanted: dict[str, Any] = dict(request.args.items())
        if unknown := [name for name in wanted if name not in known]:
            raise ControlError(f"Calls cannot be told by {unknown[0][:40]!r}; there is {', '.join(known)}.")
        since = whole("since", wanted.pop("since", "0"))
        if "status" in wanted:
            wanted["status"] = whole("status", wanted["status"])
        calls = self._calls().matching(**wanted)
        rows = [whole_row(call) for call in calls if call.number > since]
        return jsonify(requests=rows[:MOST_ROWS], billed=money(calls.cost), warnings=calls.warnings)

    def _forget_requests(self) -> Response:
        self._refuse_key("forgetting all calls")
        self._emulator.journal.clear()
        return jsonify(requests=[])

    def _faults(self) -> Response:
        return jsonify(faults=self._armed())

    def _arm(self) -> Response:
        words = body_of(request, None)
        if len(self._emulator.faults) >= MOST_FAULTS:
            raise ControlError(f"{MOST_FAULTS:,} faults are armed, spent ones too; forget some.")
        if key := _key():
            if words.get("key", key) != key:
                raise ControlError("A call for one key cannot arm a fault for another; leave key out.")
            words["key"] = key
        return jsonify(self._emulator.platform.arm(Fault.of(words)).report())

    def _disarm_all(self) -> Response:
        for armed in self._mine():
            self._emulator.disarm(armed["number"])
        return jsonify(faults=self._armed())

    def _disarm(self, number: str) -> Response:
        wanted = whole("number", number)
        if wanted not in [armed["number"] for armed in self._mine()]:
            raise ControlError(f"There is no fault {wanted} (for this key).", 404)
        self._emulator.disarm(wanted)
        return jsonify(faults=self._armed())

    def _clock(self) -> Response:
        return jsonify(self._time())

    def _set_clock(self) -> Response:
        self._refuse_key("moving time, which is one for all,")
        body, emulator = body_of(request, "Clock"), self._emulator
        speed, settles = body.pop("speed", None), body.pop("settle", False)
        emulator.clock.check(seconds_of(**body))  # so that the speed stays, too, if this cannot be
        if speed is not None:
            emulator.speed = speed
        if body:
            emulator.advance(**body)
        if settles:
            emulator.settle()
        return jsonify(self._time())

    def _account(self) -> Response:
        return jsonify(self._balance(_needed_key()))

    def _credit(self) -> Response:
        key = _needed_key()
        self._emulator.credit(key, body_of(request, "Credit")["add"])
        return jsonify(self._balance(key))

    def _reset(self) -> Response:
        key, wanted = _key(), body_of(request, "Reset", empty=True)
        if key and wanted:
            raise ControlError("Settings are those of all keys; leave x-api-key or the settings out.")
        if key:
            self._emulator.forget(key)
        else:
            self._emulator.reset(**settings_of(wanted))
        return self._state()

    def _openapi_json(self) -> Response:
        return jsonify(self._served())

    def _openapi_yaml(self) -> Response:
        return Response(
            yaml.safe_dump(self._served(), sort_keys=False, allow_unicode=True), mimetype="application/yaml"
        )

    def _control(self) -> Response:
        return jsonify({**document(), "servers": [{"url": f"{_url()}{CONTROL}"}]})

    def _served(self) -> Document:
        return {**self._emulator.contract.openapi, "servers": [{"url": _url()}]}

    def _calls(self) -> Calls:
        key = _key()
        return self._emulator.calls.of(key) if key else self._emulator.calls

    def _mine(self) -> list[dict[str, Any]]:
        """Return the faults that a call may take away."""
        key = _key()
        return [report for report in self._armed() if not key or report["fault"].get("key") == key]

    def _armed(self) -> list[dict[str, Any]]:
        key, reports = _key(), [armed.report() for armed in self._emulator.faults]
        return [report for report in reports if not key or report["fault"].get("key", key) == key]

    def _time(self) -> dict[str, Any]:
        clock = self._emulator.clock
        return {"now": round(clock.now(), 6), "speed": clock.speed}

    def _balance(self, key: str) -> dict[str, Any]:
        return {"credits": money(self._emulator.balance(key))}

    def _refuse_key(self, what: str) -> None:
        if _key():
            raise ControlError(f"With x-api-key, {what} is not possible; leave the header out.")


def _key() -> str | None:
    return request.headers.get("x-api-key", "").strip() or None


def _needed_key() -> str:
    key = _key()
    if key is None:
        raise ControlError("Whose account? Send the API key in the header x-api-key.")
    return key


def _url() -> str:
    """Return the emulator's address as its caller knows it, who may come through a forwarded port."""
    return root_of(request).rstrip("/")


def _closed(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return response


def _error(message: str, status: int) -> Response:
    response = jsonify(error=message)
    response.status_code = status
    return response


def _refused(error: Exception) -> Response:
    """Return the response to a control call that failed."""
    match error:
        case ControlError():
            return _error(str(error), error.status)
        case FaultError() | SettingsError() | ContractError() | ValueError() | TimeoutError():
            return _error(str(error), 400)
        case HTTPException():
            there = ", ".join(f"{CONTROL}{path}" for path in document()["paths"])
            told = f"There is no {request.method} {request.path[:100]}; there is {there}."
            response = _error(told if error.code in (404, 405) else str(error.description), error.code or 500)
            if isinstance(error, MethodNotAllowed) and error.valid_methods:
                response.headers["allow"] = ", ".join(sorted(error.valid_methods))
            return response
    raise error
