"""Calendars as other programs write them (RFC 5545): their events, and when somebody is busy.

Written by strangers: read in one pass with everything bounded, and nothing raises but
``NoCalendar`` where it is none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.core import get_global

from inbox.channels.headers import parameters
from inbox.channels.icsrules import RuleError, read_rule

MAX_EVENTS = 10_000
MAX_LINES = 300_000
MAX_BUSY = 1000
MOST_RULES = 2000  # repeating events that are followed
MOST_COUNTS = 100  # of them such as end after so many times
LONGEST = timedelta(days=31)

_WHEN = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z?))?")
_LASTS = re.compile(
    r"P(?:(\d{1,3})W)?(?:(\d{1,3})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:\d+S)?)?"
)
_ESCAPE = re.compile(r"\\([\\;,nN])")
_WANTED = frozenset(
    {
        *("UID", "DTSTART", "DTEND", "DURATION", "RRULE", "EXDATE", "RECURRENCE-ID", "RDATE"),
        *("TRANSP", "STATUS", "SUMMARY", "LOCATION", "ORGANIZER"),
        "X-MICROSOFT-CDO-BUSYSTATUS",
    }
)

Field = tuple[dict[str, str], str]
Span = tuple[datetime, datetime]


class NoCalendar(ValueError):
    """It is no calendar."""


@dataclass(slots=True)
class Event:
    """An event's fields as they are written; ``method`` and ``zone`` are its calendar's."""

    method: str = ""
    zone: str = ""
    fields: dict[str, list[Field]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a field's text, "" if there is none."""
        found = self.fields.get(name)
        if not found:
            return ""
        return _ESCAPE.sub(lambda one: " " if one[1] in "nN" else one[1], found[0][1])

    def moment(self, name: str, usual: tzinfo) -> datetime | date | None:
        """Return a field's time, aware; a date where it names a whole day."""
        found = self.fields.get(name)
        return read_moment(found[0], self.zone, usual) if found else None


@dataclass(frozen=True, slots=True)
class Busy:
    """When somebody is busy, joined and in order; ``left_out`` events could not be read."""

    spans: tuple[Span, ...]
    left_out: int = 0


def read_events(text: str) -> Iterator[Event]:
    """Yield a calendar's events.

    Raises
    ------
    NoCalendar
        If it does not begin as one.
    """
    if not text.lstrip("\ufeff \r\n").upper().startswith("BEGIN:VCALENDAR"):
        raise NoCalendar
    plain = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "")
    reader, count = _Reader(), 0
    for line in plain.split("\n", MAX_LINES)[:MAX_LINES]:
        event = reader.take(*_split(line))
        if event is not None:
            yield event
            count += 1
            if count == MAX_EVENTS:
                return


class _Reader:
    """Puts lines together to events; what is inside of an event's parts is not the event's."""

    def __init__(self) -> None:
        self._inside: list[str] = []
        self._method = self._zone = ""
        self._event: Event | None = None

    def take(self, name: str, given: dict[str, str], value: str) -> Event | None:
        """Take a line; the event that ends with it."""
        if name == "BEGIN":
            self._inside.append(value.upper())
            if self._inside[-1] == "VEVENT":
                self._event = Event(self._method, self._zone)
        elif name == "END":
            ended = self._inside[-1:] == ["VEVENT"]
            del self._inside[-1:]
            if ended:
                event, self._event = self._event, None
                return event
        elif self._event is None:
            self._note(name, value)
        elif self._inside[-1:] == ["VEVENT"] and name in _WANTED:
            self._event.fields.setdefault(name, []).append((given, value))
        return None

    def _note(self, name: str, value: str) -> None:
        if name == "METHOD":
            self._method = value.lower()
        elif name == "X-WR-TIMEZONE":
            self._zone = value


def _split(line: str) -> tuple[str, dict[str, str], str]:
    """Split ``DTSTART;TZID=X:2026…``; a colon inside of quotation marks is none."""
    head, colon, value = line.partition(":")
    if not colon:
        return "", {}, ""
    if '"' in head and head.count('"') % 2:
        rest, colon, value = value.partition('":')
        if not colon:
            return "", {}, ""
        head = f'{head}:{rest}"'
    if ";" not in head:
        return head.strip().upper(), {}, value.strip()
    name, given = parameters(head[:1000])
    return name.upper(), given, value.strip()


@lru_cache(maxsize=256)
def find_zone(name: str) -> tzinfo | None:
    """Return a zone by its usual name, or by the one that Windows gives it."""
    known = name.strip().strip('"')
    known = get_global("windows_zone_mapping").get(known, known)
    if not re.fullmatch(r"[A-Za-z0-9_+/-]{1,60}", known):
        return None
    try:
        return ZoneInfo(known)
    except (KeyError, OSError, ValueError):
        return None


def read_moment(found: Field, zone: str, usual: tzinfo) -> datetime | date | None:
    """Return a time; one without a zone is in the calendar's, else in ``usual``."""
    given, value = found
    match = _WHEN.match(value)
    if match is None:
        return None
    year, month, day, hour, minute, second, universal = match.groups()
    try:
        on = date(int(year), int(month), int(day))
        if hour is None:
            return on
        at = time(int(hour), int(minute), min(int(second or 0), 59))
    except ValueError:
        return None
    where = UTC if universal else find_zone(given.get("tzid", "") or zone) or usual
    return datetime.combine(on, at, where)


def read_busy(text: str, since: datetime, until: datetime, usual: tzinfo) -> Busy:
    """Return when the events of [since, until) keep somebody busy.

    Free, cancelled and tentative-only events do not. Raises ``NoCalendar``.
    """
    spans: list[Span] = []
    events = list(read_events(text))
    moved = _moved(events, usual)
    left_out = rules = counted = 0
    for event in events:
        if not _is_busy(event):
            continue
        rule = event.text("RRULE").upper()
        rules, counted = rules + bool(rule), counted + ("COUNT" in rule)
        try:
            if rule and (rules > MOST_RULES or counted > MOST_COUNTS):
                raise RuleError("too many")
            spans += _spans(event, since, until, usual, moved)
        except (RuleError, OverflowError):
            left_out += 1
    return Busy(tuple(_joined(spans)[:MAX_BUSY]), left_out)


def _is_busy(event: Event) -> bool:
    return (
        event.text("TRANSP").upper() != "TRANSPARENT"
        and event.text("STATUS").upper() != "CANCELLED"
        and event.text("X-MICROSOFT-CDO-BUSYSTATUS").upper() not in ("FREE", "TENTATIVE")
    )


def _moved(events: list[Event], usual: tzinfo) -> set[tuple[str, datetime]]:
    """Return which occurrences of which events have an event of their own."""
    found = set()
    for event in events:
        at = event.moment("RECURRENCE-ID", usual)
        if at is not None:
            found.add((event.text("UID"), _begin(at, usual)))
    return found


def _begin(at: datetime | date, usual: tzinfo) -> datetime:
    if isinstance(at, datetime):
        return at.astimezone(UTC)
    return datetime.combine(at, time(), usual).astimezone(UTC)


def _spans(
    event: Event,
    since: datetime,
    until: datetime,
    usual: tzinfo,
    moved: set[tuple[str, datetime]],
) -> Iterator[Span]:
    start = event.moment("DTSTART", usual)
    if start is None:
        return
    lasts = length_of(event, start, usual)
    if not timedelta() < lasts <= LONGEST:
        return
    left_out = {_begin(at, usual) for at in _dates(event, "EXDATE", usual)}
    uid = "" if "RECURRENCE-ID" in event.fields else event.text("UID")
    for begin in _begins(event, start, since - lasts, until, usual):
        if begin in left_out or (uid and (uid, begin) in moved):
            continue
        if begin < until and begin + lasts > since:
            yield begin, begin + lasts


def _begins(
    event: Event, start: datetime | date, since: datetime, until: datetime, usual: tzinfo
) -> Iterator[datetime]:
    """Yield when the event begins, each time that may lie in a window."""
    if "RDATE" in event.fields:
        yield from (_begin(at, usual) for at in _dates(event, "RDATE", usual))
    if "RRULE" not in event.fields or "RECURRENCE-ID" in event.fields:
        yield _begin(start, usual)
        return
    rule = read_rule(event.text("RRULE"))
    is_timed = isinstance(start, datetime)
    at = start.timetz() if isinstance(start, datetime) else time()
    zone = (start.tzinfo if isinstance(start, datetime) else None) or usual
    first_day = start.date() if isinstance(start, datetime) else start
    window = since.astimezone(zone).date(), until.astimezone(zone).date()
    for day in rule.days(first_day, *window):
        local = datetime.combine(day, at.replace(tzinfo=None), zone if is_timed else usual)
        yield local.astimezone(UTC)


def _dates(event: Event, name: str, usual: tzinfo) -> Iterator[datetime | date]:
    for given, value in event.fields.get(name, []):
        for one in value.split(",")[:500]:
            at = read_moment((given, one), event.zone, usual)
            if at is not None:
                yield at


def length_of(event: Event, start: datetime | date, usual: tzinfo) -> timedelta:
    """Return how long an event lasts; a whole day where it only names one."""
    end = event.moment("DTEND", usual)
    if end is not None:
        return _begin(end, usual) - _begin(start, usual)
    found = _LASTS.fullmatch(event.text("DURATION").lstrip("+"))
    if found is not None and any(found.groups()):
        weeks, days, hours, minutes = (int(one or 0) for one in found.groups())
        return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
    return timedelta() if isinstance(start, datetime) else timedelta(days=1)


def _joined(spans: list[Span]) -> list[Span]:
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found
