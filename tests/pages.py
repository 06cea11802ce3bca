"""The stored page, in the ways in which it may be saved, and what changes one fact on it."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

from mockling.contract import load
from mockling.contract.page import Comparison, compare, model_of, read_page

STORED = (files("mockling.fixtures") / "pages" / "kling-o3-video2video-reference.txt").read_text("utf-8")
CONTRACT = load()
POINTS = 74
HEAD = re.compile(r"^(\w+?)(required|optional)\n(.+)$", re.MULTILINE)
CODE = re.compile(r"(?:^ ?\d+.*\n)+", re.MULTILINE)


def compared(saved: str) -> Comparison:
    """Return what comes of comparing a page with the contract."""
    page = read_page(saved)
    return compare(page, model_of(page, CONTRACT), CONTRACT)


def places(saved: str) -> set[str]:
    """Return the places in which a page differs from the contract."""
    return {difference.place for difference in compared(saved).differences}


@dataclass(frozen=True)
class Change:
    """A change of one fact: the text from `start` to `end` becomes `new`, and differences at `places` are due."""

    start: int
    end: int
    new: str
    places: frozenset[str]

    def __str__(self) -> str:
        return f"{STORED[self.start : self.end]!r} becomes {self.new!r} at {self.start}"


def changed(*changes: Change) -> str:
    """Return the stored page with changes."""
    text = STORED
    for change in sorted(changes, key=lambda change: -change.start):
        text = text[: change.start] + change.new + text[change.end :]
    return text


def _within(start: int, old: str, new: str, *due: str) -> Change:
    at = STORED.index(old, start)
    return Change(at, at + len(old), new, frozenset(due))


def _of_parameters() -> Iterator[Change]:
    heads = list(HEAD.finditer(STORED))
    inside = {"frontal_image_url": "elements[].", "reference_image_urls": "elements[]."}
    for head, end in zip(heads, [*(head.start() for head in heads[1:]), STORED.index("Response Type")], strict=True):
        name, body = head[1], STORED[head.start() : end]
        path = f"parameters.{inside.get(name, '')}"
        other = "optional" if head[2] == "required" else "required"
        yield Change(*head.span(2), other, frozenset({f"{path}{name}.required"}))
        kind = "integer" if head[3] != "integer" else "string"
        yield Change(*head.span(3), kind, frozenset({f"{path}{name}.type"}))
        renamed = frozenset({f"{path}{name}", f"{path}{name}x"})
        yield Change(*head.span(1), f"{name}x", renamed)
        for default in re.finditer(r"^Default: (.+)$", body, re.MULTILINE):
            place = frozenset({f"{path}{name}.default"})
            start, stop = (head.start() + index for index in default.span(1))
            yield Change(start, stop, "false" if default[1] == "true" else '"zebra"', place)
            yield Change(head.start() + default.start(), stop, "", place)
        if "Allowed" in body:
            listed = body.index("Allowed")
            for value in re.finditer(r'"([^"]+)"', body[listed:]):
                start, stop = (head.start() + listed + index for index in value.span())
                yield Change(start, stop, '"zebra"', frozenset({f"{path}{name}.enum"}))
                yield Change(stop, stop, '"zebra"', frozenset({f"{path}{name}.enum"}))


def _of_figures() -> Iterator[Change]:
    yield _within(0, "Video To Video", "Video Two Video", "title")
    for old, new in [("213.36", "213.37"), ("213.36", "1213.36"), ("~213.36s\n", "")]:
        yield _within(0, old, new, "latency")
    for old, new in [("0.945", "0.946"), ("6.30", "6.31"), ("per generation", "per second"), ("0.945 - $", "")]:
        yield _within(0, old, new, "price")
    yield _within(0, "720-2160", "720-2161", "inputs.video_url.width")
    yield _within(0, "720-2160", "721-2160", "inputs.video_url.width")
    yield _within(0, " Width must be 720-2160px.", "", "inputs.video_url.width")
    yield _within(0, "Max 10", "Max 11", "parameters.elements.maxItems")
    yield _within(0, " Max 10 elements.", "", "parameters.elements.maxItems")
    yield _within(0, "Up to 3", "Up to 4", "parameters.elements[].reference_image_urls.maxItems")
    yield _within(0, "(13 total)", "(14 total)", "parameters.duration.enum")
    yield _within(0, "+3 more", "+2 more", "parameters.duration.enum")
    yield _within(0, 'Standard"', 'Fast"', "parameters.mode.labels.std")
    yield _within(0, 'Pro"', 'Best"', "parameters.mode.labels.pro")
    yield _within(0, "(element1)", "{element1}", "parameters.notations")
    yield _within(STORED.index("image_urlso"), "@Image1", "@Picture1", "parameters.notations")


def _of_answers() -> Iterator[Change]:
    yield _within(0, "Returns: Video", "Returns: Image", "returns")
    yield _within(0, "in the response body", "in the response headers", "errors.messages")
    table = STORED.index("\n400\n")
    for row in re.finditer(r"^(\d{3})\n\n(.+)\n\n(.+)\n?", STORED[table:], re.MULTILINE):
        spans = [[table + index for index in row.span(group)] for group in range(4)]
        yield Change(*spans[1], "418", frozenset({f"errors.{row[1]}", "errors.418"}))
        yield Change(*spans[2], "Odd Name", frozenset({f"errors.{row[1]}.name"}))
        yield Change(*spans[3], "Something else", frozenset({f"errors.{row[1]}.text"}))
        yield Change(*spans[0], "", frozenset({f"errors.{row[1]}"}))


def _of_sample() -> Iterator[Change]:
    yield _within(0, "api.segmind.com", "api.example.com", "sample.url")
    yield _within(0, "x-api-key", "authorization", "sample.headers.x-api-key", "sample.headers.authorization")
    yield _within(0, "application/json", "text/plain", "sample.headers.content-type")
    yield _within(0, "input-video.mp4", "other-video.mp4", "sample.data.video_url")
    yield _within(0, '"mode": "pro"', '"mode": "std"', "sample.data.mode")
    yield _within(0, '"mode": "pro"', '"mode": "max"', "sample.data.mode", "sample.data")
    yield _within(0, '"duration": "5"', '"duration": "6"', "sample.data.duration")
    yield _within(0, '"duration": "5"', '"duration": 5', "sample.data.duration", "sample.data")
    yield _within(0, '"aspect_ratio": "16:9"', '"aspect_ratio": "1:1"', "sample.data.aspect_ratio")
    yield _within(0, "false", "true", "sample.data.keep_audio")
    yield _within(0, "false", "null", "sample.data.keep_audio", "sample.data")
    yield _within(0, '"customize"', '"intelligent"', "sample.data.shot_type")
    yield _within(0, '"shot_type"', '"shot_kind"', "sample.data.shot_type", "sample.data.shot_kind")
    yield _within(0, '"prompt"', '"text"', "sample.data.prompt", "sample.data.text", "sample.data")
    yield _within(0, "requests.post(", "requests.put(", "sample.method")
    yield _within(0, "== 200", "== 202", "sample.status")
    yield _within(0, "response.json()", "response.content", "sample.answer")
    endpoint = STORED.index("API Endpoint")
    yield _within(endpoint, "POST", "PUT", "endpoint.method")
    yield _within(endpoint, "/v1/", "/v3/", "endpoint.url")
    yield _within(endpoint, "https://api.", "https://gateway.", "endpoint.url")


CHANGES = [*_of_parameters(), *_of_figures(), *_of_answers(), *_of_sample()]


def as_lines(text: str) -> str:
    """Return the page as it is where each element of it is saved on a line of its own."""
    top, mark, listed = text.partition("API Endpoint")
    listed = re.sub(r"^Default: ", "Default:\n", HEAD.sub(r"\1\n\2\3", listed), flags=re.MULTILINE)
    return top + mark + re.sub(r'"[^"\n]*"', r"\n\g<0>\n", listed)


def as_html(text: str) -> str:
    """Return the page as HTML that a browser shows so."""
    whole = [_HTML_BEGINS]
    at = 0
    for code in CODE.finditer(text):
        whole += [*_blocks(text[at : code.start()]), f"<pre><code>{_code(code[0])}</code></pre>"]
        at = code.end()
    return "\n".join([*whole, *_blocks(text[at:]), "</main></body></html>"])


_HTML_BEGINS = """<!DOCTYPE html>
<html><head><title>An API</title><style>p { color: red }</style><script>if (1 < 2) url = "https://x"</script></head>
<body><nav><a href="/">Home</a> <a href="#p">Parameters</a></nav><main><!-- what is shown -->"""


def _code(lines: str) -> str:
    numbered = re.compile(r"^( ?\d+)(.*)$", re.MULTILINE)
    return numbered.sub(r'<span class="n">\1</span><span>\2</span>', html.escape(lines, quote=False))


def _blocks(text: str) -> Iterator[str]:
    for number, line in enumerate(filter(str.strip, text.split("\n"))):
        head = re.fullmatch(r"(\w+?)(required|optional)", line)
        if number == 0 and line.startswith("Kling"):
            yield f"<h1>{html.escape(line)}</h1>"
        elif head:
            yield f'<div class="[&amp;>svg]:x"><code>{head[1]}</code><span title="a > b">{head[2]}</span></div>'
        else:
            parts = re.sub(r'("[^"]*"|\+\d+ more)', r"<code>\1</code>", html.escape(line, quote=False))
            yield f"<div>{parts.replace(': ', ':<!-- --> ')}</div>"
