"""Hostile meaning: requests in good order whose paths, keys, bodies and headers make little sense."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from mockling import fixtures
from mockling.contract import load

from .child import LOOSE
from .odd import BODIES, CODES, FORM, ID_FORMS, JSON, LARGE, MORE, ODD, ODD_IDS, PATHS, TYPES

CONTRACT = load(models=[LOOSE])
SLUGS = list(CONTRACT.models)
EXAMPLE = CONTRACT.model.example
CLIP = fixtures.input_clip("narrow").read_bytes()
NAMES = sorted({name for model in CONTRACT.models.values() for name in model.parameters})


class Request(NamedTuple):
    """A request as it is sent. `own`: it has the caller's own key, so that it may cost something."""

    data: bytes
    method: str
    own: bool
    heavy: bool = False


class Known:
    """What a caller knows of what it asked for: the ids of its jobs, and the names of its files."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.ids = ["00000000-0000-0000-0000-000000000000"]
        self.files = ["a.png"]


def changed(random: Random, known: Known) -> Any:
    """Return a body's value: the example's, with up to three fields that are odd or missing."""
    if random.random() < 0.05:
        return random.choice(ODD)
    body = dict(EXAMPLE, mode="std", duration=random.choice(["3", "5"])) if random.random() < 0.8 else {"prompt": "a"}
    for _ in range(random.choice([0, 0, 1, 1, 2, 3])):
        name = random.choice([*NAMES, "seed", "data_urls", "\ud800"])
        if random.random() < 0.2:
            body.pop(name, None)
        elif random.random() < 0.2:
            body[name] = f"http://127.0.0.1/assets/{random.choice(known.files)}"
        else:
            body[name] = random.choice(ODD)
    return body


def form(random: Random, known: Known) -> bytes:
    """Return a form's body, as careless clients write it."""
    value = changed(random, known)
    fields = list(value.items()) if isinstance(value, dict) else [("prompt", value)]
    parts = []
    for name, field in [*fields, *random.sample(fields, random.randint(0, min(2, len(fields))))]:
        written = json.dumps(field) if random.random() < 0.5 else str(field)
        text = field if isinstance(field, str) else written
        named = "" if random.random() < 0.03 else f'; name="{name}"'
        more = '; filename="../../x"' if random.random() < 0.03 else ""
        parts += [f"--cut\r\ncontent-disposition: form-data{named}{more}\r\n\r\n{text}\r\n"]
    if random.random() < 0.9:
        parts.append("--cut--\r\n")
    return "".join(parts).encode("utf-8", "surrogatepass")


def a_body(random: Random, known: Known) -> tuple[bytes, str]:
    """Return a body and what it says it is."""
    match random.random():
        case share if share < 0.7:
            return json.dumps(changed(random, known)).encode(), JSON
        case share if share < 0.85:
            return form(random, known), FORM
    return random.choice(BODIES), random.choice(TYPES)


def composed(random: Random, known: Known, method: str, path: str, body: bytes = b"", kind: str = "") -> Request:
    """Return a request with a key, most often the caller's own, and now and then an odd header."""
    keys = [known.key] * 8 + [f"SG_000000000000{random.choice(CODES):04}", "", f" {known.key}\t", "SG_\xff", "a" * 300]
    key = random.choice(keys)
    headers = {"host": "127.0.0.1", **({"content-type": kind} if kind else {}), **({"x-api-key": key} if key else {})}
    headers |= random.choice(MORE)
    if random.random() < 0.02:
        headers["host"] = random.choice(["a b", "", "evil.example", "[::1]:5", "a:b:c", "\xff", "x" * 3000])
    if body or method == "POST":
        headers["content-length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    own = headers.get("x-api-key", "").strip() == known.key
    return Request(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body, method, own)


def generation(random: Random, known: Known) -> Request:
    """A call of a model, of one that there is or one that there is not."""
    slug = random.choice(
        SLUGS * 4 + [SLUGS[0]] * 4 + ["unknown", "mockling-retired-model", "a%20b", "%C3%A9" * 50, ".."]
    )
    method = "POST" if random.random() < 0.97 else random.choice(["GET", "PUT", "HEAD", "DELETE", "OPTIONS", "TRACE"])
    return composed(random, known, method, f"/{random.choice(['v1', 'v2'])}/{slug}", *a_body(random, known))


def question(random: Random, known: Known) -> Request:
    """A poll or a download, of what is known or not."""
    name = random.choice(known.ids[-8:]) if random.random() < 0.8 else random.choice(ODD_IDS)
    method = random.choice(["GET"] * 12 + ["HEAD", "HEAD", "OPTIONS", "POST", "DELETE"])
    asked = composed(random, known, method, random.choice(ID_FORMS).format(name))
    return asked if b"\r\nrange:" in asked.data or b"/generations/" not in asked.data else _in_part(asked)


def _in_part(asked: Request) -> Request:
    """Return a download of a few bytes, for whole videos would take all the time there is."""
    head, _, rest = asked.data.partition(b"\r\n")
    return asked._replace(data=head + b"\r\nrange: bytes=0-99\r\n" + rest)


def upload(random: Random, known: Known) -> Request:
    """Files, some of them what they say they are."""
    kinds = [
        ("image/png", b"\x89PNG\r\n\x1a\n"),
        ("video/mp4", b"\0\0\0\x18ftypmp42"),
        ("text/html", b"<script>"),
        ("a/../b", b""),
    ]
    urls: list[Any] = []
    for _ in range(random.randint(1, 3)):
        kind, start = random.choice(kinds)
        content = b64encode(start + random.randbytes(random.randrange(200))).decode()
        urls.append(f"data:{kind};base64,{content}" if random.random() < 0.85 else random.choice(ODD))
    body = {"data_urls": urls if random.random() < 0.95 else random.choice(ODD)}
    return composed(random, known, "POST", "/upload-asset", json.dumps(body).encode(), random.choice(TYPES))


def film(random: Random, known: Known) -> Request:
    """A video of which a few bytes were changed, mostly where it says what it is."""
    data = bytearray(CLIP)
    for _ in range(random.randint(0, 8)):
        near = data.find(b"moov") if random.random() < 0.8 else 0
        at = (near + random.randrange(3000 if near else len(data))) % len(data)
        data[at] = random.choice([0, 1, 0x7F, 0x80, 0xFF, data[at] ^ 1, random.randrange(256)])
    kind = random.choice(["video/mp4", "video/quicktime", "image/png"])
    body = {"data_urls": [f"data:{kind};base64,{b64encode(data).decode()}"]}
    return composed(random, known, "POST", "/upload-asset", json.dumps(body).encode(), JSON)


def asset(random: Random, known: Known) -> Request:
    """An uploaded file, or what might be taken for one."""
    odd = ["..", "%2e%2e/%2e%2e/etc/passwd", "..%5c", "a" * 300, "%00", "", ".", "C:%5cx", "%ED%A0%80.png"]
    name = random.choice(known.files[-8:]) if random.random() < 0.7 else random.choice(odd)
    return composed(random, known, random.choice(["GET", "GET", "HEAD", "POST"]), f"/assets/{name}")


def elsewhere(random: Random, known: Known) -> Request:
    """The balance, and addresses at which there is nothing, or should be nothing."""
    path = "/v1/get-user-credits" if random.random() < 0.5 else random.choice(PATHS)
    return composed(random, known, random.choice(["GET"] * 6 + ["POST", "HEAD", "PURGE"]), path)


def heavy(random: Random, known: Known) -> Request:
    """A body that is large, and large in the way that something gets slow with."""
    size = random.choice([70_000, 300_000, 1_000_000, 2_000_000, 27_000_000 if random.random() < 0.1 else 500_000])
    start, part, end = random.choice(LARGE)
    body = start + part * (size // len(part)) + end
    path = f"/{random.choice(['v1', 'v2'])}/{random.choice(SLUGS)}"
    return composed(random, known, "POST", path, body, FORM if b"\r\n" in body[:90] else JSON)._replace(heavy=True)


KINDS: list[Callable[[Random, Known], Request]] = [
    *[generation] * 4,
    *[question] * 4,
    upload,
    asset,
    elsewhere,
    elsewhere,
]


def request(random: Random, known: Known) -> Request:
    """Return one of all these."""
    chance = random.random()
    return (heavy if chance < 1 / 1500 else film if chance < 1 / 100 else random.choice(KINDS))(random, known)
