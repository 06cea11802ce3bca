"""Delivery: what a generation gives, byte for byte and frame by frame, and how long it takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mockling.contract.contract import Contract
from mockling.contract.figures import names
from mockling.contract.model import Model
from mockling.contract.terms import Output
from mockling.contract.verification.clause import Clause, Finding, Oracle, Severity, broken, holds, unclear, unseen
from mockling.contract.verification.evidence import Evidence, Step
from mockling.contract.verification.places import facts_at
from mockling.contract.verification.probe import Probe
from mockling.contract.verification.promises.buying import Buying
from mockling.contract.verification.promises.promise import (
    Check,
    Place,
    answered,
    header,
    media_type,
    message,
    observed,
    promise,
    same,
)

VIDEO = "video/mp4"
WIDE = 4.0  # how many times longer or shorter than the average a generation may take
SLACK = 5.0  # seconds
GENERATED: Place = ("components", "responses", "Generated")


def delivery_clauses(contract: Contract, model: Model) -> Iterator[Clause]:
    """Yield the clauses of what a model's generations deliver."""
    buying = Buying(contract, model)
    yield from _waited(contract, buying)
    for probe, body in ((buying.generate, buying.waited), (buying.submit, buying.queued)):
        yield from _video(contract, model, probe, body)


def _waited(contract: Contract, buying: Buying) -> Iterator[Clause]:
    """Yield the clauses of the answer of v1."""
    model, probe, expected = buying.model, buying.generate, contract.success_type
    path = contract.path("generate", model=model.slug)

    def clause(
        name: str, sentence: str, place: Place, check: Check, *facts: str, severity: Severity | None = None
    ) -> Clause:
        oracle = observed(probe.id, "generate", check)
        return promise(
            contract, f"{buying.prefix}generate.{name}", sentence, place, oracle, facts=facts, severity=severity
        )

    needed = [fact for name in model.schema.get("required", ()) for fact in _facts_of(contract, model, {name})]
    told = f"POST {path} answers a valid request with 200."
    place: Place = ("paths", "/v1/{model}", "post", "responses", "200")
    oracle = answered(probe.id, "generate", [200])
    yield promise(contract, probe.id, told, place, oracle, facts=["P1", *needed], probe=probe)
    told = (
        f"The answer of POST {path} is {'a video, of exactly that type' if expected == VIDEO else 'JSON'}, {expected}."
    )
    yield clause("body", told, (*GENERATED, "content"), _is_of(expected), "P13", "D1")
    told = "The answer's content-length is the bytes of its body."
    yield clause("content-length", told, (*GENERATED, "content"), _has_length, "P13", "D1", severity=Severity.NOTICE)
    average = model.latency(buying.waited)
    told = f"x-generation-time is within {WIDE:g} times the average, {average:.0f} s."
    yield clause("latency", told, ("x-models", model.slug, "latency"), _takes(average), severity=Severity.NOTICE)
    told = "The answer comes when x-generation-time has passed."
    place = (*GENERATED, "headers", "x-generation-time")
    yield clause("generation-time", told, place, _took_that_long, "G13", severity=Severity.NOTICE)


def _video(contract: Contract, model: Model, probe: Probe, body: dict[str, Any]) -> Iterator[Clause]:
    """Yield the clauses of the video that a request gets."""
    output, figures = model.output(body), contract.document["x-models"][model.slug]["output"]
    place: Place = ("x-models", model.slug, "output")
    prefix = probe.id.removesuffix(".delivers")

    def clause(name: str, sentence: str, part: str, check: Check, facts: tuple[str, ...] = ()) -> Clause:
        where = (*place, part) if part in figures else place
        return promise(contract, f"{prefix}.video.{name}", sentence, where, _of_video(probe.id, check), facts=facts)

    def by(part: str) -> tuple[str, ...]:
        return _facts_of(contract, model, names(figures[part])) or facts_at(contract.document, *place)

    told = "What is delivered is an MP4 that can be played."
    yield promise(contract, f"{prefix}.video", told, (*GENERATED, "content"), _is_video(probe.id), facts=["P13"])
    told = f"The video is {output.seconds:g} s long, as was asked for."
    yield clause("length", told, "seconds", _is_long(output), by("seconds"))
    told = f"The video has the shape of {output.width} to {output.height}."
    yield clause("shape", told, "pixels", _is_shaped(output), by("pixels"))
    told = f"The video has {output.width}x{output.height} pixels."
    yield clause("pixels", told, "pixels", _has_pixels(output))
    told = f"The video is H.264, {output.fps} frames a second, {round(output.seconds * output.fps)} frames in all."
    yield clause("frames", told, "frames_per_second", _has_frames(output))
    told = f"The video has {'the sound of its input' if output.audio else 'no sound'}, as was asked for."
    yield clause("audio", told, "audio", _sounds(output), by("audio"))
    if prefix.endswith("generate"):
        told = "x-output-metadata says of the video what it is."
        where = (*GENERATED, "headers", "x-output-metadata")
        yield promise(contract, f"{prefix}.metadata", told, where, _described(probe.id), facts=["G13", "M9"])


def _facts_of(contract: Contract, model: Model, parameters: set[str]) -> tuple[str, ...]:
    """Return the facts that these parameters rest on."""
    document, places = contract.document, sorted(name.partition(".")[0].removesuffix("[]") for name in parameters)
    found = [facts_at(document, "x-models", model.slug, "parameters", "properties", name) for name in places]
    return tuple(dict.fromkeys(fact for facts in found for fact in facts))


def delivered(evidence: Evidence, probe: str) -> Step | None:
    """Return the step that brought a probe's video: a download, or the answer of v1 itself; None: there was none."""
    for name in ("download", "generate"):
        step = evidence.step(probe, name)
        if step is not None and step.status == 200 and (name == "download" or media_type(step) == VIDEO):
            return step
    return None


def _of_video(probe: str, check: Check) -> Oracle:
    def oracle(evidence: Evidence) -> Finding:
        step = delivered(evidence, probe)
        if step is None or step.video is None:
            return unseen("No video was delivered.")
        return check(step) or holds(step)

    return oracle


def _is_video(probe: str) -> Oracle:
    def oracle(evidence: Evidence) -> Finding:
        step = delivered(evidence, probe)
        if step is None:
            return unseen("No video was delivered.")
        if step.video is None or message(step).body[4:8] != b"ftyp":
            return broken("an MP4 that can be played", f"{message(step).body[:16].hex()}...", step)
        return holds(step)

    return oracle


def _is_of(expected: str) -> Check:
    def check(step: Step) -> Finding | None:
        told = header(step, "content-type")
        kept = told == VIDEO if expected == VIDEO else media_type(step) == expected and step.exchange.answer is not None
        return None if kept else broken(expected, told or "no content type", step)

    return check


def _has_length(step: Step) -> Finding | None:
    return same("content-length", str(message(step).size), header(step, "content-length") or None, step)


def _seconds(step: Step) -> float | None:
    try:
        return float(header(step, "x-generation-time"))
    except ValueError:
        return None


def _takes(average: float) -> Check:
    def check(step: Step) -> Finding | None:
        took = _seconds(step)
        if took is None:
            return unclear("x-generation-time was not told.", step)
        if average / WIDE <= took <= average * WIDE:
            return None
        return broken(f"{average / WIDE:.0f} to {average * WIDE:.0f} s", f"{took:.0f} s", step)

    return check


def _took_that_long(step: Step) -> Finding | None:
    told, took = _seconds(step), step.exchange.ended - step.exchange.moment
    if told is None:
        return unclear("x-generation-time was not told.", step)
    if took < told / 10:
        return unseen("The target does not take the time that it tells.")
    return None if told <= took + SLACK else broken(f"at most {took:.1f} s", f"{told:.1f} s", step)


def _measures(step: Step) -> dict[str, Any]:
    return dict(step.video or {})


def _is_long(output: Output) -> Check:
    def check(step: Step) -> Finding | None:
        seconds = _measures(step)["seconds"]
        return None if abs(seconds - output.seconds) < 0.5 else broken(f"{output.seconds:g} s", f"{seconds:g} s", step)

    return check


def _is_shaped(output: Output) -> Check:
    def check(step: Step) -> Finding | None:
        width, height = (_measures(step)[name] for name in ("width", "height"))
        if abs(width * output.height - height * output.width) <= 0.02 * width * output.height:
            return None
        return broken(f"the shape of {output.width} to {output.height}", f"{width}x{height}", step)

    return check


def _has_pixels(output: Output) -> Check:
    def check(step: Step) -> Finding | None:
        told = "{width}x{height}".format(**_measures(step))
        return same("pixels", f"{output.width}x{output.height}", told, step)

    return check


def _has_frames(output: Output) -> Check:
    def check(step: Step) -> Finding | None:
        told = "{codec}, {fps:g} frames a second, {frames} in all".format(**_measures(step))
        frames = round(output.seconds * output.fps)
        return same("", f"h264, {output.fps:g} frames a second, {frames} in all", told, step)

    return check


def _sounds(output: Output) -> Check:
    def check(step: Step) -> Finding | None:
        sound = _measures(step)["audio"]
        if bool(sound) is bool(output.audio):
            return None
        hint = " (or its input has none)" if isinstance(output.audio, str) else ""
        return broken("sound" if output.audio else "no sound", f"{sound or 'none'}{hint}", step)

    return check


def _described(probe: str) -> Oracle:
    def oracle(evidence: Evidence) -> Finding:
        step, video = evidence.step(probe, "generate"), delivered(evidence, probe)
        if step is None or step.status != 200 or video is None or video.video is None:
            return unseen("No video was delivered.")
        try:
            told = json.loads(header(step, "x-output-metadata"))
        except ValueError:
            return broken("JSON in x-output-metadata", header(step, "x-output-metadata")[:100] or "none", step)
        known = ("width", "height", "frames", "fps")
        said = {name: told.get(name) if isinstance(told, dict) else None for name in (*known, "resolution")}
        found = {name: video.video[name] for name in known}
        found["resolution"] = f"{found['width']}x{found['height']}"
        return same("", found, said, step, video) or holds(step, video)

    return oracle
