"""One mail at the start of a working day: what it holds; for who leads a team, its day too.

A person's day begins with the first opening of their hours on a date. The mail is claimed
by one conditional update of the date in the person's row, so that it comes once, whatever
number of workers look, and later on the day when nobody could look in time.
"""

import logging
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.alerting import daywork
from inbox.alerting.choices import Choices
from inbox.alerting.hours import load_hours
from inbox.clock import utcnow
from inbox.db import Database, after_commit
from inbox.house import load_house
from inbox.queue import OUTBOX
from inbox.settings import Settings
from inbox.sla.calendar import WorkingCalendar
from inbox.staffmail import to_staff
from inbox.store.duty import list_running
from models import Agent
from models.base import columns

log = logging.getLogger(__name__)

agents = columns(Agent)

LOOK_EVERY = timedelta(seconds=20)
BATCH = 50
USUAL_START = time(8)  # of the day of who is there around the clock


class DayMail:
    """Sends the mails of days that begin."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret
        self._not_before: datetime | None = None

    async def once(self) -> bool:
        """Send the mails of whose day has begun; True if there may be more."""
        now = utcnow()
        if self._not_before is not None and now < self._not_before:
            return False
        self._not_before = now + LOOK_EVERY
        if not await self._database.read(list_starting, now):
            return False
        count = await self._database.write(self._send, now)
        if count == BATCH:
            self._not_before = None
        return count == BATCH

    def _send(self, session: Session, now: datetime) -> int:
        house = load_house(session, self._settings, self._secret)
        return send_day_mails(session, house, now) if house is not None else 0


@dataclass(frozen=True, slots=True)
class Starting:
    """Somebody whose day has begun, and who was not told yet what it holds."""

    id: int
    email: str
    language: str
    day: date
    ends_at: datetime  # the day, not the work


def day_start(calendar: WorkingCalendar, now: datetime) -> datetime | None:
    """Return when the work of this date begins, by its calendar; None if there is none.

    What goes on from the day before does not begin; who is there around the clock begins
    at eight.
    """
    zone = ZoneInfo(calendar.timezone)
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone)
    if calendar.is_always_open:
        return datetime.combine(midnight.date(), USUAL_START, zone)
    before = midnight - timedelta(microseconds=1)
    for opens, _ in calendar.intervals(midnight):
        if opens.astimezone(zone).date() != midnight.date():
            return None
        if opens > midnight or not calendar.is_open(before):
            return opens
    return None


def list_starting(session: Session, now: datetime) -> list[Starting]:
    """Return whose day has begun without a mail, without taking the writers' turn."""
    rows = session.execute(
        select(
            *(agents[name] for name in ("id", "email", "language", "alerts")),
            *(agents[name] for name in ("calendar_id", "day_mail_on")),
        )
        .where(
            agents.is_active.is_(True),
            agents.on_duty.is_(True),
            agents.day_mail_on < _latest(now),  # "" is before every date
        )
        .order_by(agents.id)
    ).all()
    if not rows:
        return []
    hours, away = load_hours(session), list_running(session, now)
    starts: dict[WorkingCalendar, tuple[date, datetime] | None] = {}
    found = []
    for row in rows:
        calendar = hours.of(row.calendar_id)
        if calendar is None or row.id in away or not Choices.of(row.alerts).day_mail:
            continue
        if calendar not in starts:
            starts[calendar] = _today(calendar, now)
        today = starts[calendar]
        if today is not None and row.day_mail_on != today[0].isoformat():
            found.append(Starting(row.id, row.email, row.language, *today))
    return found


def _latest(now: datetime) -> str:
    """Return the last date that it is anywhere."""
    return (now + timedelta(hours=14)).date().isoformat()


def _today(calendar: WorkingCalendar, now: datetime) -> tuple[date, datetime] | None:
    """Return the date and its end, if its work has begun and goes on."""
    start = day_start(calendar, now)
    if start is None or now < start or not calendar.is_open(now):
        return None
    zone = ZoneInfo(calendar.timezone)
    today = now.astimezone(zone).date()
    return today, datetime.combine(today + timedelta(days=1), time(), zone)


def send_day_mails(session: Session, house: House, now: datetime) -> int:
    """Write the mails of days that have begun; return of how many people."""
    starting = list_starting(session, now)[:BATCH]
    ours = [one for one in starting if _claim(session, one)]
    work = daywork.load_work(session, {one.id: one.ends_at for one in ours}, now)
    for one in ours:
        mail = to_staff(
            one.email,
            house,
            now,
            template="day",
            language=one.language,
            facts=daywork.facts_of(work, one.id, house, one.language, now),
        )
        if mail is not None:
            session.add(mail)
    if ours:
        after_commit(session, OUTBOX)
        log.info("%d people were told what their day holds", len(ours))
    return len(starting)


def _claim(session: Session, one: Starting) -> bool:
    day = one.day.isoformat()
    done = session.execute(
        update(Agent)
        .where(agents.id == one.id, agents.day_mail_on != day)
        .values(day_mail_on=day)
    )
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]
