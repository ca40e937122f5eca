"""A calendar that other programs read (RFC 5545)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FOLD_AT = 73  # bytes of a line, so that with its end it is at most 75
SHOWN_FOR = timedelta(minutes=15)  # what is due ends the event, which begins so long before


@dataclass(frozen=True, slots=True)
class Item:
    """Something that is due; ``key`` names it for ever."""

    key: str
    due_at: datetime
    title: str
    address: str


def write_calendar(name: str, items: Iterable[Item]) -> str:
    """Return a calendar of what is due. It keeps nobody busy: these are no meetings."""
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Kip//Feed//EN", "CALSCALE:GREGORIAN"]
    head += ["METHOD:PUBLISH", f"X-WR-CALNAME:{escaped(name)}", "X-PUBLISHED-TTL:PT15M"]
    lines = [*head, *(line for item in items for line in _event(item)), "END:VCALENDAR"]
    return "".join(f"{part}\r\n" for line in lines for part in folded(line))


def _event(item: Item) -> list[str]:
    begin = item.due_at - SHOWN_FOR
    return [
        "BEGIN:VEVENT",
        f"UID:{item.key}",
        f"DTSTAMP:{_moment(begin)}",
        f"DTSTART:{_moment(begin)}",
        f"DTEND:{_moment(item.due_at)}",
        f"SUMMARY:{escaped(item.title)}",
        f"URL:{item.address}",
        "TRANSP:TRANSPARENT",
        "CLASS:PRIVATE",
        "END:VEVENT",
    ]


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def escaped(text: str) -> str:
    """Return a text as a field's value: one line, whatever is in it."""
    plain = " ".join(text.split())
    for sign in ("\\", ";", ","):
        plain = plain.replace(sign, f"\\{sign}")
    return plain


def folded(line: str) -> Iterator[str]:
    """Cut a line into those that programs take, never inside of a letter."""
    rest = line
    mark = ""
    while rest:
        taken = rest.encode()[:FOLD_AT].decode(errors="ignore")
        yield mark + taken
        rest, mark = rest[len(taken) :], " "
