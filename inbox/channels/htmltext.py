"""HTML mail to plain text, for reading, searching and triage; never shown as HTML.

A linear pre-scan comes first: what is too large or too deep for a tree is stripped of its
tags in one pass instead, and the caller says so.
"""

import html
import re
from contextlib import suppress

from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_HTML_BYTES = 512 * 1024
MAX_DEPTH = 256
MAX_ATTRIBUTES = 2000
MAX_TAGS = 50_000
MAX_REOPENED = 200_000  # formatting elements, see fits()
MAX_STRIPPED_TAGS = 100_000  # the text after them is left out
MAX_QUOTE_DEPTH = 5

_SKIP = frozenset(
    "head script style title template noscript object iframe svg math select textarea".split()
)
_BLOCK = frozenset(
    "address article aside blockquote center dd div dl dt fieldset figure footer form h1 h2 h3 "
    "h4 h5 h6 header hr li main nav ol p pre section table tr ul caption".split()
)
_SPACED = frozenset("p h1 h2 h3 h4 h5 h6 ul ol blockquote table pre dl".split())
_VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr !doctype".split()
)
_FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_END_OPTIONAL = frozenset("p li dt dd tr td th option".split())
_TAG = re.compile(r"<(/?)([a-zA-Z!][a-zA-Z0-9:!-]{0,40})")
_HIDDEN = re.compile(r"display\s{0,4}:\s{0,4}none|mso-hide\s{0,4}:\s{0,4}all", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\r\n\f]+")
_STRIP_AREAS = ("script", "style", "head")


def fits(source: str) -> bool:
    """Tell whether a document is small and shallow enough to build a tree of it.

    Formatting left open is opened again in every paragraph that follows (200 unclosed ``<b>``
    and 20,000 ``<p>`` make four million elements), so that product is bounded too.
    """
    if len(source) > MAX_HTML_BYTES:
        return False
    tags = depth = formatting = reopened = 0
    at = 0
    while (match := _TAG.search(source, at)) is not None:
        tags += 1
        name = match[2].lower()
        end = source.find(">", match.end())
        end = len(source) if end < 0 else end
        step = -1 if match[1] else 1
        if name not in _VOID and name not in _END_OPTIONAL:
            depth = max(0, depth + step)
        if name in _FORMATTING:
            formatting = max(0, formatting + step)
        reopened += formatting
        if (
            tags > MAX_TAGS
            or depth > MAX_DEPTH
            or reopened > MAX_REOPENED
            or _many_attributes(source, match.end(), end)
        ):
            return False
        at = end
    return True


def _many_attributes(source: str, start: int, end: int) -> bool:
    if end - start <= MAX_ATTRIBUTES:
        return False
    return (
        source.count("=", start, end) > MAX_ATTRIBUTES
        or len(source[start:end].split()) > MAX_ATTRIBUTES
    )


def to_text(source: str) -> str:
    """Render as text: paragraphs, lists and tables as lines, quotes behind ``> ``."""
    if not fits(source):
        return strip_tags(source)
    root = LexborHTMLParser(source).root
    if root is None:
        return ""
    writer = _Writer()
    above: list[LexborNode] = []
    node: LexborNode | None = root
    while node is not None:
        child = writer.open(node)
        if child is not None:
            above.append(node)
            node = child
            continue
        node = node.next
        while node is None and above:
            parent = above.pop()
            writer.close(parent)
            node = parent.next
    return writer.result()


def strip_tags(source: str) -> str:
    """Drop everything between ``<`` and ``>`` in one pass; good for any size."""
    out: list[str] = []
    endless: set[str] = set()  # opened and never closed: looked for only once
    at = 0
    while (opened := source.find("<", at)) >= 0 and len(out) < MAX_STRIPPED_TAGS * 2:
        out.append(source[at:opened])
        match = _TAG.match(source, opened)
        if match is None:
            at = opened + 1
            out.append("<")
            continue
        name = match[2].lower()
        if name in _STRIP_AREAS and not match[1] and name not in endless:
            close = source.find(f"</{name}", opened)  # lower case only: enough for a fallback
            if close < 0:
                endless.add(name)
            opened = max(close, opened)
        end = source.find(">", opened)
        at = len(source) if end < 0 else end + 1
        if name in _BLOCK or name == "br":
            out.append("\n")
    if opened < 0:
        out.append(source[at:])
    text = "".join(out)
    with suppress(ValueError):  # a character number of thousands of digits
        text = html.unescape(text)
    lines = (_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


class _Writer:
    """Collects lines while the tree is walked."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quotes = 0
        self.prefix = ""  # of the last line
        self.pre = 0
        self.blank = False

    def open(self, node: LexborNode) -> LexborNode | None:
        """Write what a node begins with; return its first child if that is to be walked."""
        if node.is_text_node:
            self._text(node.text_content or "")
            return None
        if not node.is_element_node and not node.is_document_node:
            return None
        tag = (node.tag or "").lower()
        if tag in _SKIP or self._hidden(node):
            return None
        if tag == "br":
            self.end_line(force=True)
            return None
        if tag in ("td", "th") and self.line:
            self.line.append(" ")
        if tag in _BLOCK:
            self._start_block(tag)
        child = node.child
        if child is None and tag in _BLOCK:
            self.end_line()
        return child

    def _start_block(self, tag: str) -> None:
        self.end_line()
        self.blank = self.blank or tag in _SPACED
        if tag == "blockquote":
            self.quotes += 1
        elif tag == "pre":
            self.pre += 1
        elif tag == "li":
            self.line.append("- ")

    def close(self, node: LexborNode) -> None:
        """Write what a node ends with, after its children."""
        tag = (node.tag or "").lower()
        if tag not in _BLOCK:
            return
        self.end_line()
        self.blank = self.blank or tag in _SPACED
        if tag == "blockquote":
            self.quotes = max(0, self.quotes - 1)
        elif tag == "pre":
            self.pre = max(0, self.pre - 1)

    def end_line(self, *, force: bool = False) -> None:
        """Finish the line; an empty one only when a ``br`` forces it."""
        text = "".join(self.line)
        text = text.rstrip() if self.pre else _SPACES.sub(" ", text).strip()
        self.line = []
        if not text and not force:
            return
        prefix = "> " * min(self.quotes, MAX_QUOTE_DEPTH)
        if self.blank and self.lines and self.lines[-1].strip("> "):
            self.lines.append(min(prefix, self.prefix).rstrip())
        self.prefix = prefix
        self.blank = False
        self.lines.append((prefix + text).rstrip())

    def result(self) -> str:
        """Return all lines, with no more than two blank ones together."""
        self.end_line()
        out: list[str] = []
        for line in self.lines:
            if line or (out and (out[-1] or (len(out) > 1 and out[-2]))):
                out.append(line)
        return "\n".join(out).strip("\n").replace("\u00a0", " ")

    def _text(self, text: str) -> None:
        if not self.pre:
            self.line.append(text)
            return
        for at, piece in enumerate(text.split("\n")):
            if at:
                self.end_line(force=True)
            self.line.append(piece)

    @staticmethod
    def _hidden(node: LexborNode) -> bool:
        style = node.attributes.get("style")
        return bool(style and _HIDDEN.search(style[:500]))
