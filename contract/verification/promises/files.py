"""Files: what was generated or uploaded can be fetched by everybody, whole and in parts, byte for byte."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator

from mockling.contract.contract import Contract
from mockling.contract.model import Model
from mockling.contract.verification.clause import Clause, Finding, Oracle, broken, holds, unseen
from mockling.contract.verification.evidence import Evidence, Step
from mockling.contract.verification.probe import Cost, Need, Probe, Request, Sender
from mockling.contract.verification.promises.buying import PART, Buying
from mockling.contract.verification.promises.delivery import VIDEO
from mockling.contract.verification.promises.making import upload_of
from mockling.contract.verification.promises.promise import (
    Check,
    Place,
    answered,
    field,
    header,
    message,
    observed,
    promise,
    same,
)
from mockling.contract.verification.promises.refusing import Refusing
from mockling.contract.verification.values import NOWHERE

# A PNG of one pixel.
PIXEL = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
GENERATION: Place = ("components", "schemas", "Generation", "properties")
DOWNLOAD: Place = ("paths", "/generations/{file}", "get", "responses")


def file_clauses(contract: Contract, model: Model) -> Iterator[Clause]:
    """Yield the clauses of the files that a model's generations leave."""
    buying = Buying(contract, model)
    asked = {"submit": (buying.submit.id, "ended")}
    if contract.success_type != VIDEO:
        asked["generate"] = (buying.generate.id, "generate")
    for name, (probe, answer) in asked.items():
        yield from _files(contract, f"{buying.prefix}{name}.file", probe, answer)


def _files(contract: Contract, prefix: str, probe: str, answer: str) -> Iterator[Clause]:
    shown = "A4" if answer == "ended" else "M8"  # what JSON of v1 looks like, nobody has shown

    def clause(name: str, sentence: str, place: Place, oracle: Oracle, *facts: str) -> Clause:
        return promise(contract, f"{prefix}.{name}", sentence, place, oracle, facts=facts)

    told = "output and video.url are the same address."
    place: Place = (*GENERATION, "output")
    yield clause("address", told, place, observed(probe, answer, _same_address), shown)
    told = "The address of a file is where files are, or at the server that answered."
    yield clause("place", told, place, _placed(contract, probe, "download"), "G21")
    told = "A generated file is fetched without a key, as video/mp4 and nothing more."
    yield clause("public", told, (*DOWNLOAD, "200"), answered(probe, "download", [200], _is_mp4), "G21")
    told = "With a key the same bytes come."
    yield clause("keyed", told, (*DOWNLOAD, "200"), _same_bytes(probe), "G21")
    told = "video.file_size is the bytes of the file."
    yield clause("size", told, (*GENERATION, "video", "properties", "file_size"), _same_size(probe, answer), shown)
    told = f"Range: bytes={PART[0]}-{PART[1]} gives these bytes alone, with 206."
    yield clause("part", told, (*DOWNLOAD, "206"), _same_part(probe), "G21")
    told = "HEAD tells a file's length, and sends no byte of it."
    yield clause("head", told, (*DOWNLOAD, "200"), _same_length(probe), "G21")


def upload_clauses(contract: Contract) -> Iterator[Clause]:
    """Yield the clauses of uploads (G20)."""

    def run(sender: Sender) -> None:
        urls = field(sender.send(upload_of("image/png", PIXEL), "upload"), "file_urls")
        for url in urls if isinstance(urls, list) else ():
            sender.send(Request(operation="asset", path=str(url), key=None), "asset")
            part = {"range": f"bytes={PART[0]}-{PART[1]}"}
            sender.send(Request(operation="asset", path=str(url), key=None, headers=part), "part")

    probe = Probe("upload.keeps", Cost.FREE, run, frozenset({Need.GOOD}), 3)
    told = "An upload is answered with 200 and one address for each file, where files are."
    place: Place = ("paths", "/upload-asset", "post", "responses", "200")
    yield promise(contract, probe.id, told, place, answered(probe.id, "upload", [200], _one_address), probe=probe)
    told = "An uploaded file is fetched without a key, byte for byte."
    place = ("paths", "/assets/{file}", "get", "responses", "200")
    oracle = answered(probe.id, "asset", [200], _is_pixel)
    yield promise(contract, "upload.fetched", told, place, oracle, facts=["G20"], probe=probe)
    told = f"Range: bytes={PART[0]}-{PART[1]} gives these bytes of an uploaded file."
    oracle = observed(probe.id, "part", _is_part, 206)
    yield promise(contract, "upload.part", told, ("paths", "/assets/{file}", "get", "responses", "206"), oracle)
    refusing = Refusing(contract)
    for what, url in {"no-data-url": NOWHERE, "no-base64": "data:image/png;base64,%%%"}.items():
        request = refusing.request("upload", json={"data_urls": [url]})
        yield refusing.refused(f"upload.refuses.{what}", f"of {url}", "bad_upload", request, "M14")
    told = "The address of an uploaded file is where files are, or at the server that answered."
    oracle = _placed(contract, probe.id, "asset")
    yield promise(contract, "upload.place", told, place, oracle, facts=["G20"], probe=probe)


def _same_address(step: Step) -> Finding | None:
    output, url = field(step, "output"), field(step, "video.url")
    kept = isinstance(output, str) and output == url
    return None if kept else broken("output and video.url alike", f"{output} and {url}", step)


def _placed(contract: Contract, probe: str, name: str) -> Oracle:
    """Return the oracle of where a file was fetched from, whether or not it was there."""
    check, fetched = _is_placed(contract), answered(probe, name, [200])

    def oracle(evidence: Evidence) -> Finding:
        step = evidence.step(probe, name)
        return (check(step) if step else None) or fetched(evidence)

    return oracle


def _is_placed(contract: Contract) -> Check:
    """Return the check that a file was not fetched from elsewhere; the target's own address is left out of a path."""
    places = [f"{place['origin']}/" for place in contract.document["x-live-origins"] if place["role"] == "files"]

    def check(step: Step) -> Finding | None:
        path = step.exchange.path
        return None if path.startswith(("/", *places)) else broken(f"an address at {places[0]}", path[:100], step)

    return check


def _is_mp4(step: Step) -> Finding | None:
    return same("content-type", VIDEO, header(step, "content-type") or None, step)


def _same_bytes(probe: str) -> Oracle:
    def oracle(evidence: Evidence) -> Finding:
        whole, keyed = evidence.step(probe, "download"), evidence.step(probe, "download with a key")
        if whole is None or whole.status != 200:
            return unseen("No file was fetched.")
        if keyed is not None and not keyed.exchange.key:
            return unseen("The file is at another server, to which no key is sent.")
        digest = message(whole).sha256
        check = answered(
            probe, "download with a key", [200], lambda step: same("sha256", digest, message(step).sha256, step)
        )
        return check(evidence) if keyed else unseen("No file was fetched.")

    return oracle


def _same_size(probe: str, answer: str) -> Oracle:
    def oracle(evidence: Evidence) -> Finding:
        told, whole = evidence.step(probe, answer), evidence.step(probe, "download")
        if told is None or whole is None or whole.status != 200:
            return unseen("No file was fetched.")
        return same("file_size", message(whole).size, field(told, "video.file_size"), told, whole) or holds(told, whole)

    return oracle


def _same_part(probe: str) -> Oracle:
    first, last = PART

    def oracle(evidence: Evidence) -> Finding:
        whole = evidence.step(probe, "download")
        if whole is None or whole.status != 200:
            return unseen("No file was fetched.")
        wanted = (f"bytes {first}-{last}/{message(whole).size}", message(whole).body[first : last + 1].hex())

        def check(step: Step) -> Finding | None:
            told = (header(step, "content-range"), message(step).body.hex())
            return same("", wanted, told, step, whole)

        return answered(probe, "part", [206], check)(evidence)

    return oracle


def _same_length(probe: str) -> Oracle:
    def oracle(evidence: Evidence) -> Finding:
        whole = evidence.step(probe, "download")
        if whole is None or whole.status != 200:
            return unseen("No file was fetched.")
        length = str(message(whole).size)
        check = answered(
            probe,
            "head",
            [200],
            lambda step: same("content-length", length, header(step, "content-length") or None, step),
        )
        return check(evidence)

    return oracle


def _one_address(step: Step) -> Finding | None:
    urls = field(step, "file_urls")
    kept = isinstance(urls, list) and len(urls) == 1 and str(urls[0]).startswith(("http://", "https://"))
    return None if kept else broken("one absolute address in file_urls", str(urls)[:100], step)


def _is_part(step: Step) -> Finding | None:
    return same("", PIXEL[PART[0] : PART[1] + 1].hex(), message(step).body.hex(), step)


def _is_pixel(step: Step) -> Finding | None:
    return (
        None
        if message(step).body == PIXEL
        else broken("the bytes that were uploaded", f"{message(step).size} others", step)
    )
