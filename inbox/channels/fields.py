"""Filling names into prepared texts: ``{{customer.name}}`` becomes a name, all else stays.

This is no template language. Nothing is computed: ``{{7*7}}`` and ``{% … %}`` come out as they
were written, a value is never looked at again, and the time it takes grows with the length of
the text only.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

_FIELD = re.compile(r"\{\{([^{}\r\n]{1,60})\}\}")


class Kind(StrEnum):
    """What a piece of a filled text is."""

    TEXT = "text"
    VALUE = "value"
    EMPTY = "empty"  # a variable that has no value here
    UNKNOWN = "unknown"  # looks like a variable, and is none: it stays as it is


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text; ``name`` is the variable's, or "" for plain text."""

    kind: Kind
    text: str
    name: str = ""


def pieces(text: str, values: Mapping[str, str]) -> Iterator[Piece]:
    """Split a text into what was written and what is filled in."""
    at = 0
    for found in _FIELD.finditer(text):
        if found.start() > at:
            yield Piece(Kind.TEXT, text[at : found.start()])
        name = found[1].strip()
        if name not in values:
            yield Piece(Kind.UNKNOWN, found[0], name)
        elif values[name]:
            yield Piece(Kind.VALUE, values[name], name)
        else:
            yield Piece(Kind.EMPTY, "", name)
        at = found.end()
    if at < len(text):
        yield Piece(Kind.TEXT, text[at:])


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text with the values of its variables."""
    return "".join(piece.text for piece in pieces(text, values))


def names_in(text: str) -> list[str]:
    """Return what stands in double braces, each once, in the order of the text."""
    return list(dict.fromkeys(found[1].strip() for found in _FIELD.finditer(text)))


def fill_lines(text: str, values: Mapping[str, str], instead: Mapping[str, str]) -> str:
    """Fill a text line by line; a line leaves with a variable that is empty.

    ``instead``: what a line with that empty variable says instead.
    """
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        empty = [name for name in names_in(line) if values.get(name) == ""]
        if not empty:
            lines.append(fill(line, values))
        elif said := next((instead[name] for name in empty if name in instead), ""):
            lines.append(said)
    return "\n".join(lines)
