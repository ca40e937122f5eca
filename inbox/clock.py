"""The only reader of the time, and of what people type as one."""

from datetime import UTC, date, datetime

_YEARS = range(1901, 9900)  # nearer to a calendar's edge another zone leaves it


def utcnow() -> datetime:
    """Return now, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 -- the one place


def read_day(text: str) -> date:
    """Read a day as ISO 8601 has it, of a year that can be counted with in every zone.

    Raises
    ------
    ValueError
        If it is none: also for the year 1, which browsers send while a year is being typed.
    """
    return _within(date.fromisoformat(text))


def read_time(text: str) -> datetime:
    """Read a time likewise, with a zone or without; raises ``ValueError`` if it is none."""
    found = datetime.fromisoformat(text)
    _within(found.date())
    return found


def is_near(day: date) -> bool:
    """Tell whether a day is of a year that can be counted with in every zone."""
    return day.year in _YEARS


def _within(day: date) -> date:
    if not is_near(day):
        raise ValueError(f"{day} is too far away")
    return day
