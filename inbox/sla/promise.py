"""What a customer is promised, and how its time is said in English and Vietnamese."""

from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.spec import Day, write_time

STEP = timedelta(minutes=5)
"""A promise is a due time rounded up to this."""

MARGIN = timedelta(minutes=30)
"""A correction says a new promise only if it is earlier by more than this."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LANGUAGES = ("en", "vi")
_EN_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_VI_DAYS = ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật")
_EN_SHORT = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_VI_SHORT = ("T2", "T3", "T4", "T5", "T6", "T7", "CN")
_EN_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class Correction(NamedTuple):
    """What a changed policy makes of a promised conversation."""

    due_at: datetime
    promised_at: datetime | None
    """The new promise, or None where the old one stands."""
    send: bool
    """Whether to tell the customer; the caller sees to it that this happens once."""


def promised_at(due_at: datetime) -> datetime:
    """Round a first-response due time up to five minutes; an even one stays as it is. UTC."""
    return _EPOCH + -((_EPOCH - due_at) // STEP) * STEP


def corrected_promise(old_promise: datetime, recomputed_due: datetime) -> Correction:
    """Decide what a correction of type, urgency or tier does to a promise.

    Both sides of the 30 minutes are promises, for those are what the customer reads. A later
    due time stays at the old promise: a correction of ours never makes a customer wait longer.
    """
    due_at = min(recomputed_due, old_promise)
    promise = promised_at(due_at)
    if old_promise - promise > MARGIN:
        return Correction(due_at, promise, send=True)
    return Correction(due_at, None, send=False)


def spoken_moment(at: datetime, zone: str, now: datetime, language: str) -> str:
    """Say when, in the zone's wall time: "14:30 today", "14:30 hôm nay".

    The very start of a date is said as 24:00 of the day before, which nobody misreads.

    Raises
    ------
    ValueError
        If the language is neither en nor vi.
    """
    _check(language)
    info = ZoneInfo(zone)
    local, today = at.astimezone(info), now.astimezone(info).date()
    day, clock = local.date(), _clock(local)
    if clock == "0:00":
        day, clock = day - timedelta(days=1), "24:00"
    return f"{clock} {_day(day, today, language)}"


def spoken_time(at: datetime, zone: str, now: datetime, language: str) -> str:
    """Say until when: "before 14:30 today", "trước 14:30 hôm nay"; see `spoken_moment`."""
    word = "before" if language == "en" else "trước"
    return f"{word} {spoken_moment(at, zone, now, language)}"


def opening_sentence(calendar: WorkingCalendar, arrival: datetime, language: str) -> str | None:
    """Say that we are closed and when we open again; None if we are open at ``arrival``.

    Raises
    ------
    ValueError
        If the language is neither en nor vi.
    """
    when = opening_moment(calendar, arrival, language)
    if when is None:
        return None
    if not when:
        return "We are closed now." if language == "en" else "Hiện chúng tôi đang nghỉ."
    if language == "en":
        return f"We are closed now and open again at {when}."
    return f"Hiện chúng tôi đang nghỉ và sẽ làm việc lại lúc {when}."


def opening_moment(calendar: WorkingCalendar, arrival: datetime, language: str) -> str | None:
    """Say when we open again: "8:00 tomorrow"; "" if never, None if we are open at ``arrival``.

    Raises
    ------
    ValueError
        If the language is neither en nor vi.
    """
    _check(language)
    opening = calendar.next_opening(arrival)
    if opening == arrival:
        return None
    if opening is None:
        return ""
    info = ZoneInfo(calendar.timezone)
    local, today = opening.astimezone(info), arrival.astimezone(info).date()
    return f"{_clock(local)} {_day(local.date(), today, language)}"


def hours_text(calendar: WorkingCalendar, language: str) -> str:
    """Say the weekly hours in short: "Mon–Fri 08:00–17:30; Sat 08:00–12:00".

    Holidays and special days are not said; days without hours are left out.

    Raises
    ------
    ValueError
        If the language is neither en nor vi.
    """
    _check(language)
    if calendar.is_always_open:
        return "24/7"
    names = _EN_SHORT if language == "en" else _VI_SHORT
    parts = []
    for hours, run in groupby(range(7), key=lambda weekday: calendar.hours[weekday]):
        days = list(run)
        if hours:
            parts.append(f"{_run(names, days)} {_spans(hours)}")
    if parts:
        return "; ".join(parts)
    return "closed" if language == "en" else "nghỉ"


def _run(names: tuple[str, ...], days: list[int]) -> str:
    first, last = names[days[0]], names[days[-1]]
    return first if first == last else f"{first}–{last}"


def _spans(hours: Day) -> str:
    return ", ".join(f"{write_time(opens)}–{write_time(closes)}" for opens, closes in hours)


def _clock(local: datetime) -> str:
    return f"{local.hour}:{local.minute:02}"


def _day(day: date, today: date, language: str) -> str:
    if day == today:
        return "today" if language == "en" else "hôm nay"
    if day == today + timedelta(days=1):
        return "tomorrow" if language == "en" else "ngày mai"
    other_year = day.year != today.year
    if language == "en":
        year = f" {day.year}" if other_year else ""
        return f"on {_EN_DAYS[day.weekday()]} {day.day} {_EN_MONTHS[day.month - 1]}{year}"
    year = f"/{day.year}" if other_year else ""
    return f"{_VI_DAYS[day.weekday()]}, {day.day}/{day.month}{year}"


def _check(language: str) -> None:
    if language not in _LANGUAGES:
        raise ValueError(f'There are no texts in "{language}"; use en or vi.')
