"""What a written answer becomes as a mail: signed, with what it answers quoted, and as HTML.

Everything is made out of plain text, and no text is ever a template: only the few names in
``FIELDS`` are filled in, everything else in braces stays as it was typed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

MAX_QUOTED_LINES = 200
MAX_QUOTED_CHARS = 20_000
FIELDS = ("name", "team", "company", "address")
_FIELD = re.compile(r"\{(" + "|".join(FIELDS) + r")\}")
_LINK = re.compile(r"https?://[^\s<>\"'`]{1,2000}")
_TAIL = ".,;:!?)]}"
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_DAYS = "Mon Tue Wed Thu Fri Sat Sun".split()


@dataclass(frozen=True, slots=True)
class Quoted:
    """What an answer answers: who said it, when, and the words they wrote themselves."""

    name: str
    address: str
    at: datetime
    text: str


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """Put names into a signature: ``{name}`` becomes a name, ``{{7*7}}`` stays as it is."""
    return _FIELD.sub(lambda found: values.get(found[1], ""), text)


def attribution(quoted: Quoted, language: str, zone: str) -> str:
    """Return the line above a quote, which mail programs know as one."""
    at = quoted.at.astimezone(ZoneInfo(zone))
    who = f"{quoted.name} <{quoted.address}>" if quoted.address else quoted.name
    who = " ".join(who.split())
    if language == "vi":
        return f"Vào {at:%H:%M} {at.day}/{at.month}/{at.year}, {who} đã viết:"
    day = f"{_DAYS[at.weekday()]}, {at.day} {_MONTHS[at.month - 1]} {at.year}"
    return f"On {day} at {at:%H:%M}, {who} wrote:"


def write(
    text: str, *, signature: str, quoted: Quoted | None, language: str, zone: str
) -> tuple[str, str]:
    """Return an answer as plain text and as HTML: words, signature, what it answers."""
    lines = [text.strip()]
    html = [_paragraphs(text.strip())]
    if signature.strip():
        lines.append(f"\n-- \n{signature.strip()}")
        html.append(f"<p>-- <br>\n{_breaks(signature.strip())}</p>")
    said = _shortened(quoted.text) if quoted is not None else []
    if quoted is not None and said:
        above = attribution(quoted, language, zone)
        lines.append("\n".join(["", above, *(f"> {line}".rstrip() for line in said)]))
        inside = _paragraphs("\n".join(said))
        html.append(f"<p>{escape(above)}</p>\n<blockquote>{inside}</blockquote>")
    page = f'<!DOCTYPE html>\n<html lang="{escape(language)}"><body>\n'
    return "\n".join(lines) + "\n", page + "\n".join(html) + "\n</body></html>\n"


def _shortened(text: str) -> list[str]:
    lines = text.strip()[:MAX_QUOTED_CHARS].splitlines()
    return lines if len(lines) <= MAX_QUOTED_LINES else [*lines[:MAX_QUOTED_LINES], "[…]"]


def _paragraphs(text: str) -> str:
    """Return text as HTML: paragraphs, line breaks, links; nothing in it is markup."""
    pieces = re.split(r"\n[ \t]*\n+", text.replace("\r\n", "\n"))
    return "\n".join(f"<p>{_breaks(piece)}</p>" for piece in pieces if piece.strip())


def _breaks(text: str) -> str:
    return "<br>\n".join(_linked(line) for line in text.splitlines())


def _linked(line: str) -> str:
    out, at = [], 0
    for found in _LINK.finditer(line):
        url = found[0].rstrip(_TAIL)
        out.append(escape(line[at : found.start()]))
        out.append(f'<a href="{escape(url)}">{escape(url)}</a>')
        at = found.start() + len(url)
    out.append(escape(line[at:]))
    kept = "".join(out)
    spaces = len(kept) - len(kept.lstrip(" "))  # people indent with spaces
    return "&nbsp;" * spaces + kept[spaces:]
