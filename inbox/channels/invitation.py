"""Invitations to a meeting (RFC 5545 in a mail) as one line that a person can read."""

import re

from inbox.channels.charsets import decode
from inbox.channels.headers import parameters
from inbox.channels.words import one_line

MAX_BYTES = 256 * 1024
MAX_EVENTS = 5
MAX_LINES = 5000
MAX_CHARS = 300

_WHEN = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?")
_ESCAPE = re.compile(r"\\([\\;,nN])")
_KINDS = {
    "REQUEST": "Invitation",
    "PUBLISH": "Event",
    "CANCEL": "Invitation taken back",
    "REPLY": "Answer to an invitation",
    "COUNTER": "Another time proposed",
}
_SHOWN = ("SUMMARY", "DTSTART", "DTEND", "LOCATION", "ORGANIZER", "PARTSTAT")

Field = tuple[dict[str, str], str]


def describe(data: bytes, charset: str = "") -> list[str]:
    """Return a line for each event: what, when, where, by whom; [] if it is no calendar.

    Times are as they are written, with their zone. Never raises; at most five events.
    """
    text = decode(data[:MAX_BYTES], charset)
    if "BEGIN:VEVENT" not in text:
        return []
    lines = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "").split("\n")
    kind = ""
    found: list[dict[str, Field]] = []
    event: dict[str, Field] | None = None
    for line in lines[:MAX_LINES]:
        name, field = _read(line)
        if name == "METHOD":
            kind = _KINDS.get(field[1].strip().upper(), "")
        elif name == "BEGIN" and field[1].strip() == "VEVENT":
            event = {}
        elif name == "END" and field[1].strip() == "VEVENT" and event is not None:
            found.append(event)
            event = None
        elif event is not None and name == "ATTENDEE" and "partstat" in field[0]:
            event.setdefault("PARTSTAT", ({}, field[0]["partstat"].lower()))
        elif event is not None and name in _SHOWN:
            event.setdefault(name, field)
    return [_line(kind or "Event", event) for event in found[:MAX_EVENTS]]


def _read(line: str) -> tuple[str, Field]:
    """Split ``DTSTART;TZID=X:2026…`` into name, parameters and value."""
    head, colon, value = _outside_quotes(line[:8192])
    if not colon:
        return "", ({}, "")
    name, given = parameters(head)
    return name.upper(), (given, value)


def _outside_quotes(line: str) -> tuple[str, str, str]:
    quoted = False
    for at, letter in enumerate(line):
        if letter == '"':
            quoted = not quoted
        elif letter == ":" and not quoted:
            return line[:at], ":", line[at + 1 :]
    return line, "", ""


def _line(kind: str, event: dict[str, Field]) -> str:
    def text(name: str) -> str:
        value = event.get(name, ({}, ""))[1]
        plain = _ESCAPE.sub(lambda found: " " if found[1] in "nN" else found[1], value)
        return one_line(plain)[:MAX_CHARS]

    if kind == _KINDS["REPLY"] and "PARTSTAT" in event:
        kind = f"{kind} ({text('PARTSTAT')})"
    organiser = text("ORGANIZER")
    if organiser.lower().startswith("mailto:"):
        organiser = organiser[7:]
    parts = (text("SUMMARY"), _period(event), text("LOCATION"), organiser)
    return f"{kind}: " + " · ".join(part for part in parts if part)


def _period(event: dict[str, Field]) -> str:
    """Return ``2026-07-14 09:00–10:00 Asia/Ho_Chi_Minh``, or what there is of it."""
    start, end = (_moment(event.get(name)) for name in ("DTSTART", "DTEND"))
    if start is None:
        return ""
    day, clock, zone = start
    shown = f"{day} {clock}".strip()
    if end is not None and clock:
        last = end[1] if end[0] == day else f"{end[0]} {end[1]}".strip()
        shown += f"–{last}" if last != clock else ""
    return f"{shown} {zone}".strip()


def _moment(field: Field | None) -> tuple[str, str, str] | None:
    match = _WHEN.match(field[1].strip()) if field is not None else None
    if match is None or field is None:
        return None
    year, month, day, hour, minute, universal = match.groups()
    clock = f"{hour}:{minute}" if hour else ""
    zone = "UTC" if universal else one_line(field[0].get("tzid", ""))[:60]
    return f"{year}-{month}-{day}", clock, zone if clock else ""
