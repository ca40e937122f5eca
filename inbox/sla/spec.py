"""Read and write opening hours in their JSON form; a mistake is named in a sentence."""

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
KEYS = ("timezone", "hours", "holidays", "special_days")

Day = tuple[tuple[int, int], ...]
"""The open intervals of one date: (open, close) in minutes after 00:00, sorted, up to 1440."""

_TIME = re.compile(r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9]|24:00")


class CalendarError(ValueError):
    """A calendar that cannot be used; the message says what to change."""


def read_keys(spec: object) -> Mapping[str, object]:
    """Check that a calendar is an object with known keys: a misspelt one would be ignored."""
    if not isinstance(spec, Mapping):
        raise CalendarError('Give the calendar as an object with "timezone" and "hours".')
    for key in spec:
        if key not in KEYS:
            raise CalendarError(
                f'A calendar has no "{key}"; it has timezone, hours, holidays and special_days.'
            )
    return spec


def read_zone(name: object) -> str:
    """Check a time zone's name against the zones this machine knows."""
    if not isinstance(name, str) or not name:
        raise CalendarError('Give "timezone" a name such as Asia/Ho_Chi_Minh.')
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CalendarError(
            f'There is no time zone "{name}"; use a name such as Asia/Ho_Chi_Minh.'
        ) from None
    return name


def read_hours(hours: object) -> tuple[Day, ...]:
    """Read the seven days, Monday first; a weekday that is left out is closed."""
    if not isinstance(hours, Mapping):
        raise CalendarError('Give "hours" as an object with the days mon to sun.')
    for key in hours:
        if key not in WEEKDAYS:
            raise CalendarError(
                f'There is no weekday "{key}"; use mon, tue, wed, thu, fri, sat, sun.'
            )
    return tuple(read_day(hours.get(key, ()), key) for key in WEEKDAYS)


def read_dates(dates: object) -> frozenset[date]:
    """Read a list of holidays."""
    if not isinstance(dates, list | tuple):
        raise CalendarError('Give "holidays" as a list of dates such as "2026-02-17".')
    return frozenset(_read_date(text) for text in dates)


def read_special(days: object) -> tuple[tuple[date, Day], ...]:
    """Read the dates that have hours of their own, sorted by date."""
    if not isinstance(days, Mapping):
        raise CalendarError('Give "special_days" as an object of dates with their hours.')
    return tuple(
        sorted((_read_date(text), read_day(spans, str(text))) for text, spans in days.items())
    )


def read_day(spans: object, name: str) -> Day:
    """Read one day's intervals; ``name`` is what an error calls the day."""
    if not isinstance(spans, list | tuple):
        raise CalendarError(f'Give {name} a list of intervals such as [["08:00", "12:00"]].')
    day = tuple(sorted(_read_span(span, name) for span in spans))
    for (_, close), (opens, _) in pairwise(day):
        if opens < close:
            raise CalendarError(
                f"The hours of {name} overlap at {write_time(opens)}; "
                "let each interval begin after the one before has ended."
            )
    return day


def write_day(day: Day) -> list[list[str]]:
    """Write one day as the JSON form has it."""
    return [[write_time(opens), write_time(closes)] for opens, closes in day]


def write_time(minutes: int) -> str:
    """Write minutes after 00:00 as HH:MM; 1440 is 24:00."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _read_span(span: object, name: str) -> tuple[int, int]:
    match span:
        case [first, last]:
            opens, closes = _read_time(first, name), _read_time(last, name)
        case _:
            raise CalendarError(
                f"Each interval of {name} needs an opening and a closing time, "
                'such as ["08:00", "12:00"].'
            )
    if closes <= opens:
        raise CalendarError(
            f"{name} closes at {last}, not after {first}; split hours that pass midnight "
            "into one interval up to 24:00 and one from 00:00 on the next day."
        )
    return opens, closes


def _read_time(text: object, name: str) -> int:
    minutes = _minutes(text) if isinstance(text, str) else None
    if minutes is None:
        raise CalendarError(
            f'"{text}" on {name} is no time of day; write 00:00 to 24:00, such as "08:30".'
        )
    return minutes


@lru_cache(maxsize=2048)
def _minutes(text: str) -> int | None:
    if _TIME.fullmatch(text) is None:
        return None
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _read_date(text: object) -> date:
    if isinstance(text, str):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise CalendarError(f'"{text}" is no date; write dates as "2026-02-17".')
