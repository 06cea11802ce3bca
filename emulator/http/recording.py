"""Recording: every call becomes an exchange, once, at the boundary of the application."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any

from flask import Response

from mockling.contract.exchange import LONGEST_BODY, Exchange, Message
from mockling.emulator.http.masking import Mask, Shape, has_key, sent_of
from mockling.emulator.platform.clock import Real
from mockling.emulator.platform.exchange import tell
from mockling.emulator.platform.faults import Fault
from mockling.emulator.platform.keys import masked
from mockling.emulator.platform.platform import Platform
from mockling.emulator.signs import PATIENCE, variable

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

BEGINNING = LONGEST_BODY + 256  # bytes of a body that are looked at, so that no key is cut at its end
LONGEST_PATH = 200  # characters of a path, and of its query, that are kept
_DRAFT = "mockling.draft"


class Draft:
    """What is known of a call while it is under way; what the views find out about it is noted here.

    `path` is decoded and has no query; `fault` strikes its answer, `faults` are all that struck it, `delay` is by how
    many simulated seconds they hold it back; `patience` is how many its caller waits at most, where he is known to
    count in simulated ones; `era` is that of the platform; `owner` is the key of the job whose
    video it fetches. The other attributes are those of `Exchange`.
    """

    __slots__ = (
        "at", "body", "cost", "delay", "ended", "environ", "era", "error", "fault", "faults", "method", "model",
        "moment", "operation", "owner", "pace", "path", "patience", "query", "request_id", "resets", "seconds",
        "size", "violations", "warnings",
    )  # fmt: skip

    def __init__(self, environ: WSGIEnvironment, moment: float, pace: float | None, era: int) -> None:
        self.environ = environ
        self.moment = moment
        self.pace = pace
        self.era = era
        self.patience = _patience(environ.pop(variable(PATIENCE), None))
        self.owner = ""
        self.resets: float | None = None
        self.fault: Fault | None = None
        self.faults: tuple[Fault, ...] = ()
        self.delay = 0.0
        self.ended: float | None = None  # None: when it is recorded
        self.at = Real.time()
        self.method: str = environ["REQUEST_METHOD"]
        self.path: str = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        self.query: str = environ.get("QUERY_STRING", "")
        self.size = int(environ.get("CONTENT_LENGTH") or 0)
        self.body = b""
        self.operation: str | None = None
        self.model: str | None = None
        self.request_id: str | None = None
        self.error: str | None = None
        self.violations: list[str] = []
        self.warnings: list[str] = []
        self.seconds: float | None = None
        self.cost = Decimal(0)

    def look(self) -> None:
        """Note the body if nobody read it, for the request was refused before, and it is at hand."""
        source = self.environ.get("wsgi.input")
        whole = source.getvalue() if not self.body and isinstance(source, BytesIO) else b""
        if whole:
            self.sent(whole)

    def sent(self, body: bytes) -> bytes:
        """Note the body of the request, of which only the beginning is kept, and return it."""
        self.body, self.size = body[:BEGINNING], len(body)
        return body


def _patience(text: str | None) -> float | None:
    """Return the simulated seconds that a caller waits for an answer, as its header says (None: it has none)."""
    try:
        seconds = float(text) if text else None
    except ValueError:
        return None
    return seconds if seconds is not None and seconds >= 0 else None


def draft_of(environ: WSGIEnvironment) -> Draft:
    """Return the draft of the call that is under way."""
    draft: Draft = environ[_DRAFT]
    return draft


class Recorder:
    """Makes exchanges of calls, and has the platform keep them."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._shape = Shape.of(platform.keys.shape)

    def begin(self, environ: WSGIEnvironment) -> Draft:
        """Return a new draft for a call, which from then on is that of its environment."""
        era, clock = self._platform.era, self._platform.clock  # the era first: time may begin anew right now
        draft = environ[_DRAFT] = Draft(environ, clock.now(), clock.pace, era)
        return draft

    def recorded(self, draft: Draft, response: Response) -> Response:
        """Record a call with its response, and return that; a file's when its last byte is about to be sent."""
        # A 304 has fewer headers than it was given.
        headers = tuple(response.get_wsgi_headers(draft.environ).to_wsgi_list())
        if response.direct_passthrough and draft.method != "HEAD" and response.status_code in (200, 206):
            response.response = _Watched(
                response.response,
                lambda size, digest: self._keep(draft, response.status_code, Message(headers, b"", size, digest)),
                lambda: self._keep(draft, None, None),
            )
            return response
        body = b"" if draft.method == "HEAD" or response.direct_passthrough else response.get_data()
        is_file = (response.mimetype or "").startswith("video/")
        kept = Message(
            headers, b"" if is_file else body[:BEGINNING], len(body), _digest(body) if is_file and body else None
        )
        self._keep(draft, response.status_code, kept)
        return response

    def left(self, draft: Draft) -> None:
        """Record a call whose caller left before the response."""
        self._keep(draft, None, None)

    def abandoned(self, environ: WSGIEnvironment) -> None:
        """Record a call whose caller left before it was whole."""
        self.left(self.begin(environ))

    def _keep(self, draft: Draft, status: int | None, response: Message | None) -> None:
        store = self._platform.store
        if draft.era != self._platform.era:  # it was begun before all was forgotten
            return
        draft.look()
        key = draft.environ.get("HTTP_X_API_KEY", "").strip()
        headers, secrets = sent_of(draft.environ)
        request = Message(headers, draft.body, draft.size)
        fault = ", ".join(map(str, draft.faults))
        mask = self._mask(draft, fault, secrets, [message for message in (request, response) if message])
        path, query = (mask.text(text)[:LONGEST_PATH] for text in (draft.path, draft.query))
        exchange = Exchange(
            number=store.next("exchanges"),
            moment=draft.moment,
            at=draft.at,
            operation=draft.operation,
            method=draft.method,
            path=f"{path}?{query}" if query else path,
            key=masked(key),
            request=mask.message(request),
            status=status,
            response=response and mask.message(response),
            model=draft.model and mask.text(draft.model),
            request_id=draft.request_id if draft.model else draft.request_id and mask.text(draft.request_id),
            error=draft.error and mask.text(draft.error),
            violations=tuple([mask.text(violation) for violation in draft.violations]),
            warnings=tuple([mask.text(warning) for warning in draft.warnings]),
            seconds=draft.seconds,
            cost=draft.cost,
            fault=mask.text(fault) or None,
            ended=self._platform.clock.now() if draft.ended is None else draft.ended,
            caller=self._platform.keys.digest(key or draft.owner),
            exposed=() if mask.idle else self._exposed(draft, key),
            pace=draft.pace,
            resets=draft.resets,
        )
        store.record(exchange)
        tell(exchange)

    def _exposed(self, draft: Draft, key: str) -> tuple[str, ...]:
        """Return where in a call a whole key stands: its own, or another that is good here."""
        keys = [key, *self._platform.keys.configured]
        places = {"URL": f"{draft.path}?{draft.query}", "body": draft.body.decode("latin-1")}
        return tuple([place for place, text in places.items() if has_key(text, keys, self._shape)])

    def _mask(self, draft: Draft, fault: str, secrets: list[str], messages: list[Message]) -> Mask:
        """Return the mask of a call, given all that is kept of it; the headers of a response hold nothing of it."""
        texts = [draft.path, draft.query, fault, draft.error or "", *draft.violations, *draft.warnings]
        texts += [message.body.decode("latin-1") for message in messages]
        texts += map("\n".join, messages[0].headers)
        return Mask([*self._platform.keys.configured, *secrets], self._shape, texts)


class _Watched:
    """A file's blocks on their way: before the last, `ended` is told their size and digest; else `left` is called.

    An empty file is one empty block.
    """

    def __init__(self, blocks: Any, ended: Any, left: Any) -> None:
        self._blocks = blocks
        self._ended = ended
        self._left: Any = left

    def __iter__(self) -> Iterator[bytes]:
        digest, size = sha256(), 0
        iterator = iter(self._blocks)
        block = next(iterator, b"")
        while block is not None:
            digest.update(block)
            size += len(block)
            following = next(iterator, None)
            if following is None:
                self._left = None
                self._ended(size, digest.hexdigest())
            yield block
            block = following

    def close(self) -> None:
        if hasattr(self._blocks, "close"):
            self._blocks.close()
        left, self._left = self._left, None
        if left:
            left()


def _digest(body: bytes) -> str:
    return sha256(body).hexdigest()
