"""A saved page as plain text: the lines that a reader sees."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_HTML = re.compile(r"<(?:!doctype\s+html|html|body|main|div|h1)[\s>]", re.IGNORECASE)
_HIDDEN = {"script", "style", "template", "noscript", "svg", "title"}
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "br", "button", "dd", "details", "dialog", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "label",
    "li", "main", "nav", "ol", "option", "p", "pre", "section", "select", "summary", "table", "tbody", "td", "th",
    "thead", "tr", "ul",
}  # fmt: skip


MOST_PARTS = 200_000  # tags, and texts between them


class PageError(ValueError):
    """What was given is no page of an endpoint; the message says, without its subject, what is wrong."""


def plain(saved: str) -> str:
    """Return a saved page's text, whether it was saved as text or as HTML.

    Of HTML what stands before the first `<h1>` is left out, as what is never shown. Characters that cannot be printed
    become blanks, so that what a page says can be shown on a terminal. Raises `PageError` if its markup cannot be read,
    or is more than on any page.
    """
    text = saved.replace("\r\n", "\n").replace("\r", "\n")
    if _HTML.search(text):
        reader = _Reader()
        try:
            reader.feed(text)  # and no close, which would look for hours into tags that never end
        except AssertionError as error:  # so html.parser says that a declaration is none
            raise PageError("holds markup that could not be read") from error
        text = "".join(reader.parts[reader.start :])
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)


class _Reader(HTMLParser):
    """Gathers the text of HTML in `parts`: a line for each block, a blank between what else is apart.

    What is preformatted stays as it is. `start` is where the first `<h1>` begins.
    """

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.start = 0
        self._hidden = 0
        self._formatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's
        self._hidden += tag in _HIDDEN
        self._formatted += tag == "pre"
        if tag == "h1" and not self.start:
            self.start = len(self.parts)
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _HIDDEN and self._hidden > 0
        self._part(tag)
        self._formatted -= tag == "pre" and self._formatted > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._add(data if self._formatted else re.sub(r"\s+", " ", data))

    def _part(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._add("\n")
        elif not self._formatted:
            self._add(" ")

    def _add(self, text: str) -> None:
        if len(self.parts) == MOST_PARTS:
            raise PageError("holds more markup than any page")
        self.parts.append(text)
