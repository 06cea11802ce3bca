"""Hostile meaning: requests in good order whose paths, keys, bodies and headers make little sense."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from mockling.contract import load

from .child import LOOSE

CONTRACT = load(models=[LOOSE])
SLUGS = list(CONTRACT.models)
EXAMPLE = CONTRACT.model.example
NAMES = sorted({name for model in CONTRACT.models.values() for name in model.parameters})
INPUTS = "https://inputs.mockling.example/"
JSON, FORM = "application/json", "multipart/form-data; boundary=cut"


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


ODD: list[Any] = [
    None, True, False, 0, 5, -1, 1.5, 10, 10.0, -1e300, 1e-9, 1e300, 10**400, "", " ", "5", "pro", "std", "x" * 3000, "\ud800\0",
    "a/\xe9", [], {}, [[]], [{}], [None], ["x", "http://["], "http://[", "@image1 @image99999999 @imagex @image", [5, None],
    [{"url": None, "seconds": None}, {"url": "x", "seconds": 3}, {"url": 5, "seconds": "x"}, 5, None], "http://a@b:c/",
    ["https://e.com/a.png"] * 5, ["http://\ud800/"], [{"frontal_image_url": 5}], [{"reference_image_urls": ["x"] * 4}],
    [{"reference_image_urls": ["https://localhost/a.gif"]}] * 11, f"{INPUTS}truncated.mp4", f"{INPUTS}narrow.mp4",
    f"{INPUTS}silent.mp4", f"{INPUTS}not-a-video.mp4", "https://youtu.be/a", ["data:text/plain;base64,aGk="], ["data:,"] * 21,
    ["data:image/png;base64,aGk="], ["data:a/b;base64,#"] * 2, "http://169.254.169.254/latest/meta-data", "file:///etc/passwd",
    "gopher://127.0.0.1:25/", "${jndi:ldap://127.0.0.1/a}", "{{7*7}}", "' OR 1=1 --", "\u202e\u2066", "9" * 5000,
]  # fmt: skip
BODIES = [b"", b"{", b"nul", b"[1]", b'"a"', b"NaN", b'{"prompt": Infinity}', b"\xff\xfe{", b"\xef\xbb\xbf{}", b'{"a":1,"a":2}', b"{}{}",
          b"[" * 40 + b"]" * 40, b'{"prompt":' + b"1" * 5000 + b"}", b"\0", b'{"prompt": "\\ud800"}']  # fmt: skip
TYPES = [JSON] * 4 + [FORM, "multipart/form-data", "text/plain", "", "application/json; charset=utf-16", "APPLICATION/JSON ;",
                      "multipart/form-data; boundary=", "application/x-www-form-urlencoded", "\xff/\xfe"]  # fmt: skip
CODES = (401, 403, 406, 429, 500, 502, 504)
MORE = [
    {}, {}, {}, {}, {}, {}, {"range": "bytes=0-0"}, {"range": "bytes=-5"}, {"range": "bytes=9-1"}, {"range": "bytes=9999999999-"},
    {"range": "bytes=0-0,2-3"}, {"range": "x=1"}, {"range": "bytes=" + "0-," * 900}, {"if-none-match": "*"}, {"if-match": "*"},
    {"if-match": '"zz"'}, {"if-match": 'W/"'}, {"if-range": '"x"', "range": "bytes=0-1"}, {"if-modified-since": "yesterday"},
    {"if-unmodified-since": "Sat, 01 Jan 2000 00:00:00 GMT"}, {"if-range": "Sat, 01 Jan 20000000000000 00:00:00 GMT", "range": "a"},
    {"x-forwarded-prefix": "//x"}, {"x-forwarded-for": "x"}, {"x-forwarded-host": "a b\xff"}, {"x-forwarded-proto": "javascript"},
    {"x-forwarded-port": "-1"}, {"x-forwarded-host": "e.com", "x-forwarded-prefix": "/\xe9"}, {"cookie": "session=a.b.c"},
    {"authorization": "Basic OjpB"}, {"accept-encoding": "gzip, br;q=x"}, {"content-encoding": "gzip"}, {"x_api_key": "a"},
    {"origin": "https://evil.example"}, {"accept": "*/*;q=\xff"}, {"x-http-method-override": "DELETE"}, {"date": "a"},
    {"transfer-encodings": "chunked"}, {"content-type": "text/plain"}, {"x-api-key": "SG_0123456789abcdef"},
]  # fmt: skip
ID_FORMS = ["/v2/requests/{}", "/v2/requests/{}/status", "/v2/requests/{}/status", "/v1/requests/{}", "/generations/{}.mp4"]
ODD_IDS = ["a", "", "..", "%00", "%2F", "%C3%A9", "%ED%A0%80", "%F0%9F%98%80", "x" * 900, "%0d%0a", "-1"]


def changed(random: Random, known: Known) -> Any:
    """Return a body's value: the example's, with up to three fields that are odd or missing."""
    if random.random() < 0.05:
        return random.choice(ODD)
    body = dict(EXAMPLE, mode="std", duration=random.choice(["3", "5"])) if random.random() < 0.8 else {"prompt": "a"}
    for _ in range(random.choice([0, 0, 1, 1, 2, 3])):
        name = random.choice([*NAMES, "seed", "data_urls", "\ud800"])
        if random.random() < 0.2:
            body.pop(name, None)
        elif random.random() < 0.1:
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
        text = field if isinstance(field, str) else random.choice([json.dumps, str])(field)
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
    slug = random.choice(SLUGS * 4 + [SLUGS[0]] * 4 + ["unknown", "mockling-retired-model", "a%20b", "%C3%A9" * 50, ".."])
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
    kinds = [("image/png", b"\x89PNG\r\n\x1a\n"), ("video/mp4", b"\0\0\0\x18ftypmp42"), ("text/html", b"<script>"), ("a/../b", b"")]
    urls: list[Any] = []
    for _ in range(random.randint(1, 3)):
        kind, start = random.choice(kinds)
        content = b64encode(start + random.randbytes(random.randrange(200))).decode()
        urls.append(f"data:{kind};base64,{content}" if random.random() < 0.85 else random.choice(ODD))
    body = {"data_urls": urls if random.random() < 0.95 else random.choice(ODD)}
    return composed(random, known, "POST", "/upload-asset", json.dumps(body).encode(), random.choice(TYPES))


def asset(random: Random, known: Known) -> Request:
    """An uploaded file, or what might be taken for one."""
    odd = ["..", "%2e%2e/%2e%2e/etc/passwd", "..%5c", "a" * 300, "%00", "", ".", "C:%5cx", "%ED%A0%80.png"]
    name = random.choice(known.files[-8:]) if random.random() < 0.7 else random.choice(odd)
    return composed(random, known, random.choice(["GET", "GET", "HEAD", "POST"]), f"/assets/{name}")


def elsewhere(random: Random, known: Known) -> Request:
    """The balance, and addresses at which there is nothing, or should be nothing."""
    paths = ["/", "//", "/v1", "/v1/", "/health", "/metrics", "/console", "/__admin", "/_mockling", "/journal", "/?__debugger__=yes&cmd=1",
             "/static/x", "/favicon.ico", "/openapi.json", "/%F0%9F%98%80?a=%00", "/v1/get-user-credits/", "/upload-asset/x"]  # fmt: skip
    path = "/v1/get-user-credits" if random.random() < 0.5 else random.choice(paths)
    return composed(random, known, random.choice(["GET"] * 6 + ["POST", "HEAD", "PURGE"]), path)


def heavy(random: Random, known: Known) -> Request:
    """A body that is large, and large in the way that something gets slow with."""
    size = random.choice([70_000, 300_000, 1_000_000, 2_000_000, 27_000_000 if random.random() < 0.1 else 500_000])
    example = json.dumps(EXAMPLE)[:-1].encode()
    body = random.choice(
        [
            lambda: b"[" * size,
            lambda: b'{"a":' * (size // 5),
            lambda: example + b', "prompt": "' + b"@Image1 " * (size // 8) + b'"}',
            lambda: example + b', "prompt": "' + b"\\u0041" * (size // 6) + b'"}',
            lambda: example + b', "prompt": "' + b"SG_0123456789abcde " * (size // 19) + b'"}',
            lambda: example + b', "image_urls": [' + b'"http://a/",' * (size // 12) + b'"x"]}',
            lambda: example + b', "elements": [' + b"{}," * (size // 3) + b"{}]}",
            lambda: example + b"".join(b', "k%d": 1' % n for n in range(size // 12)) + b"}",
            lambda: b'{"prompt": ' + b"9" * size + b"}",
            lambda: b'{"prompt": 1e' + b"9" * size + b"}",
            lambda: example + b', "video_url": "http://' + b"a." * (size // 2) + b'com"}',
            lambda: example + b" " * size + b"}",
            lambda: b'--cut\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n' * (size // 60) + b"--cut--\r\n",
            lambda: b"--cut\r\n" + b"x: y\r\n" * (size // 6),
            lambda: b"-" * size,
            lambda: b"\r\n--cu" * (size // 6),
        ]
    )()
    kind = FORM if body[:1] in b"-\r" else JSON
    path = f"/{random.choice(['v1', 'v2'])}/{random.choice(SLUGS)}"
    return composed(random, known, "POST", path, body, kind)._replace(heavy=True)


KINDS: list[Callable[[Random, Known], Request]] = [*[generation] * 4, *[question] * 4, upload, asset, elsewhere, elsewhere]


def request(random: Random, known: Known) -> Request:
    """Return one of all these."""
    return (heavy if random.random() < 1 / 1500 else random.choice(KINDS))(random, known)
