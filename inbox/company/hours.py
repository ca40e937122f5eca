"""Working hours: what is entered becomes a calendar.

Clocks that start from now on follow the hours as saved; for those that run, see
``inbox.company.open_work``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from inbox.company.installation import MOST_NAME, WEEKDAYS, is_zone
from inbox.company.profile import WRONG_ZONE
from inbox.company.staff import FILL_IN, LOOK_AGAIN
from inbox.errors import Invalid, NotFound
from inbox.sla.calendar import CalendarError, WorkingCalendar
from inbox.sla.spec import read_day
from inbox.store.audit import add_entry
from inbox.templating import N_
from models import AuditAction, AuditThing, Calendar, SLAPolicy
from models.base import columns, core

calendars = columns(Calendar)
policies = columns(SLAPolicy)

COUNTRY_OF = {"Asia/Ho_Chi_Minh": "VN", "Asia/Saigon": "VN"}
WRONG_HOURS = N_("Write times as 08:00, each one after the one before it, up to 24:00.")
WRONG_DAY = N_("This is no date of these years.")
WRONG_END = N_("It lies before the first day, or more than three months after it.")
TAKEN = N_("There is a calendar of this name already.")
CLOSED_ALWAYS = N_("At least one day of the week has to be open.")
MOST_DAYS = 1000  # days off and special days in one calendar
LONGEST_RUN = timedelta(days=92)

Spans = list[list[str]]


@dataclass(frozen=True, slots=True)
class Week:
    """What is entered of a calendar besides its dates; ``hours`` by weekday, ``mon`` first."""

    name: str
    time_zone: str
    hours: Mapping[str, Spans]


@dataclass(frozen=True, slots=True)
class Listed:
    """A calendar of the list; ``used_by`` counts the policies that name it."""

    id: int
    name: str
    is_default: bool
    used_by: int


def list_calendars(session: Session) -> list[Listed]:
    """Return the calendars, the default one first."""
    used = (
        select(func.count())
        .select_from(core(SLAPolicy))
        .where(policies.calendar_id == calendars.id)
        .scalar_subquery()
    )
    found = session.execute(
        select(calendars.id, calendars.name, calendars.is_default, used).order_by(
            calendars.is_default.desc(), calendars.id
        )
    )
    return [Listed(*row) for row in found]


def get_calendar(session: Session, calendar_id: int, *, to_change: bool = False) -> Calendar:
    """Return a calendar, locked ``to_change`` against another's change; raises ``NotFound``."""
    lock = {"key_share": True} if to_change else None  # clocks that refer to it go on
    found = session.get(Calendar, calendar_id, populate_existing=True, with_for_update=lock)
    if found is None:
        raise NotFound("There is no such calendar.")
    return found


def check_week(week: Week) -> None:
    """Raise ``Invalid`` with a sentence for each field (a weekday's is its key)."""
    wrong = _wrong_name(week.name)
    if not is_zone(week.time_zone):
        wrong["time_zone"] = WRONG_ZONE
    for day in WEEKDAYS:
        try:
            read_day(week.hours.get(day, []), day)
        except CalendarError:
            wrong[day] = WRONG_HOURS
    if not any(week.hours.values()) and not wrong:
        wrong["mon"] = CLOSED_ALWAYS
    if wrong:
        raise Invalid(LOOK_AGAIN, wrong)


def _wrong_name(name: str) -> dict[str, str]:
    if not name.strip():
        return {"name": FILL_IN}
    return {"name": N_("This is too long.")} if len(name) > MOST_NAME else {}


def spec_of(week: Week, old: Mapping[str, Any]) -> dict[str, Any]:
    """Return the calendar that a checked week makes of an old one, whose dates stay."""
    spec = {**old, "timezone": week.time_zone, "hours": dict(week.hours)}
    return WorkingCalendar.from_spec(spec).to_spec()


def add_calendar(
    session: Session, name: str, copy_of: int, *, by: int, now: datetime
) -> Calendar:
    """Make a calendar that begins as another one is.

    Raises
    ------
    Invalid
        If it has no name, one too long, or another calendar's.
    """
    if wrong := _wrong_name(name):
        raise Invalid(LOOK_AGAIN, wrong)
    made = Calendar(name=name.strip(), spec=dict(get_calendar(session, copy_of).spec))
    _flush(session, made)
    after = {"name": made.name, **made.spec}
    add_entry(
        session, AuditThing.CALENDAR, made.id, AuditAction.CREATED, now, by=by, after=after
    )
    return made


def _flush(session: Session, calendar: Calendar) -> None:
    session.add(calendar)
    try:
        session.flush()
    except IntegrityError as error:
        raise Invalid(LOOK_AGAIN, {"name": TAKEN}) from error


def save_week(
    session: Session, calendar_id: int, week: Week, *, by: int, now: datetime
) -> None:
    """Change name, zone and weekly hours.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change; another calendar may have the name.
    """
    check_week(week)
    calendar = get_calendar(session, calendar_id, to_change=True)
    _save(session, calendar, spec_of(week, calendar.spec), by, now, name=week.name.strip())


def _save(
    session: Session,
    calendar: Calendar,
    spec: dict[str, Any],
    by: int,
    now: datetime,
    *,
    name: str = "",
) -> None:
    before = {"name": calendar.name, **calendar.spec}
    after = {"name": name or calendar.name, **spec}
    if before == after:
        return
    if len(spec["holidays"]) + len(spec["special_days"]) > MOST_DAYS:
        raise Invalid("A calendar holds 1000 days at most. Take old ones out first.")
    calendar.name, calendar.spec = after["name"], spec
    _flush(session, calendar)
    add_entry(
        session,
        AuditThing.CALENDAR,
        calendar.id,
        AuditAction.CHANGED,
        now,
        by=by,
        before=before,
        after=after,
    )


def add_days(
    session: Session,
    calendar_id: int,
    first: date,
    last: date,
    hours: Spans,
    *,
    by: int,
    now: datetime,
) -> None:
    """Close from ``first`` to ``last``, or open in these hours, whatever the weekday says.

    Raises
    ------
    Invalid
        If the dates or hours cannot be.
    """
    _check_days(first, last, now)
    try:
        read_day(hours, first.isoformat())
    except CalendarError as error:
        raise Invalid(LOOK_AGAIN, {"hours": WRONG_HOURS}) from error
    calendar = get_calendar(session, calendar_id, to_change=True)
    spec = WorkingCalendar.from_spec(calendar.spec).to_spec()
    days = _dates(spec)
    for day in _range(first, last):
        days[day.isoformat()] = hours or None
    _save(session, calendar, _with_dates(spec, days), by, now)


def add_holidays(
    session: Session, calendar_id: int, days: Sequence[date], *, by: int, now: datetime
) -> None:
    """Close on these dates; a date that has hours of its own keeps them."""
    calendar = get_calendar(session, calendar_id, to_change=True)
    spec = WorkingCalendar.from_spec(calendar.spec).to_spec()
    merged = {day.isoformat(): None for day in days} | _dates(spec)
    _save(session, calendar, _with_dates(spec, merged), by, now)


def remove_days(
    session: Session, calendar_id: int, first: date, last: date, *, by: int, now: datetime
) -> None:
    """Make these dates days like any other."""
    calendar = get_calendar(session, calendar_id, to_change=True)
    spec = WorkingCalendar.from_spec(calendar.spec).to_spec()
    kept = {
        day: hours
        for day, hours in _dates(spec).items()
        if not first.isoformat() <= day <= last.isoformat()
    }
    _save(session, calendar, _with_dates(spec, kept), by, now)


def _check_days(first: date, last: date, now: datetime) -> None:
    years = range(now.year - 1, now.year + 11)
    if first.year not in years or last.year not in years:
        raise Invalid(LOOK_AGAIN, {"first": WRONG_DAY})
    if not first <= last <= first + LONGEST_RUN:
        raise Invalid(LOOK_AGAIN, {"last": WRONG_END})


def _range(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def _dates(spec: Mapping[str, Any]) -> dict[str, Spans | None]:
    """Return every date that is not as its weekday; None is a day off."""
    closed: dict[str, Spans | None] = dict.fromkeys(spec["holidays"])
    return closed | dict(spec["special_days"])


def _with_dates(spec: dict[str, Any], days: Mapping[str, Spans | None]) -> dict[str, Any]:
    return {
        **spec,
        "holidays": sorted(day for day, hours in days.items() if hours is None),
        "special_days": {day: days[day] for day in sorted(days) if days[day] is not None},
    }


def read_spans(text: str) -> Spans:
    """Read "08:00-12:00, 13:00 – 17:30"; the empty text is closed all day.

    Raises
    ------
    Invalid
        If it is none, under the field ``hours``.
    """
    spans = []
    for part in filter(None, re.split(r"[,;]", text.replace(" ", ""))):
        opens, dash, closes = re.sub("[–—]", "-", part).partition("-")
        if not dash:
            raise Invalid(LOOK_AGAIN, {"hours": WRONG_HOURS})
        spans.append([opens, closes])
    return spans
