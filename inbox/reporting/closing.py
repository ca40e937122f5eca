"""A day's figures are written down once it is over, and never change after that (F94)."""

import logging
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select, update
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import Database, insert_into
from inbox.reporting.days import A_DAY, INSTANT, Days
from inbox.reporting.gathering import Window, gather
from inbox.reporting.months import sum_next
from inbox.store import reports
from inbox.store.company import find_company
from models import (
    Conversation,
    Counted,
    Event,
    Outcome,
    ReportClosing,
    ReportDay,
    ReportFact,
)
from models.base import columns, core

facts = columns(ReportFact)
events = columns(Event)

log = logging.getLogger(__name__)

SETTLES = timedelta(minutes=15)  # for what was under way at midnight
LOOK_EVERY = timedelta(minutes=1)
COMES_BACK = timedelta(days=90)
AT_ONCE = 500


def find_window(session: Session, until: datetime) -> Window | None:
    """Return what is not closed at an instant; None before there is anything to count."""
    company = find_company(session)
    if company is None:
        return None
    zone = ZoneInfo(company.time_zone)
    closed = reports.last_closings(session)
    if closed:
        open_from = closed[0].day + A_DAY
        after = closed[-1].last_event_id if len(closed) > 1 else 0
    else:
        first = reports.first_day_at(session)
        if first is None:
            return None
        open_from, after = first.astimezone(zone).date(), _last_event_id(session)
    days = Days(zone, open_from)
    # A day more: a transaction may end after it was looked at.
    since = (days.midnight(open_from) - A_DAY).astimezone(UTC)
    return Window(days, since, until, after)


def open_facts(session: Session, now: datetime) -> list[ReportFact]:
    """Return what counts for the days that are not closed: today, as a rule."""
    window = find_window(session, now + INSTANT)
    return [] if window is None else gather(session, window)


def _last_event_id(session: Session) -> int:
    return session.execute(select(func.max(events.id))).scalar_one() or 0


class Close:
    """Closes days, one at a time; any number of workers may."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._next = datetime.min.replace(tzinfo=UTC)

    async def once(self) -> bool:
        """Close a day that is over; True if there may be another."""
        now = utcnow()
        if now < self._next:
            return False
        if await close_next(self._database, now) or await sum_next(self._database):
            return True
        self._next = now + LOOK_EVERY
        return False


async def close_next(database: Database, now: datetime) -> bool:
    """Close the first open day if it is over; True if that was done, here or elsewhere."""
    ready = await database.read(_gather_day, now)
    if ready is None:
        return False
    day, last_event_id, found = ready
    if await database.write(_write, day, last_event_id, found, now):
        log.info("the figures of %s are final: %d facts", day, len(found))
    return True


def _gather_day(session: Session, now: datetime) -> tuple[date, int, list[ReportFact]] | None:
    last_event_id = _last_event_id(session)  # first: what is newer is looked at again
    window = find_window(session, now)
    if window is None:
        return None
    day = window.days.open_from
    ends = window.days.midnight(day + A_DAY)
    if now < ends + SETTLES:
        return None
    window = Window(window.days, window.since, ends.astimezone(UTC), window.after_event)
    return day, last_event_id, gather(session, window)


def _write(
    session: Session, day: date, last_event_id: int, found: list[ReportFact], now: datetime
) -> bool:
    """Write a day's facts and sums; False if another worker has closed it meanwhile."""
    closing = insert_into(session, ReportClosing).values(
        day=day, closed_at=now, last_event_id=last_event_id
    )
    if session.execute(closing.on_conflict_do_nothing()).rowcount == 0:  # type: ignore[attr-defined]
        return False
    write_facts(session, found)
    _follow_up(session, day, found, now)
    return True


def write_facts(session: Session, found: list[ReportFact]) -> None:
    """Write facts and the sums of their days."""
    if not found:
        return
    names = [name for name in columns(ReportFact).keys() if name != "id"]  # noqa: SIM118
    session.execute(
        insert(core(ReportFact)),
        [{name: getattr(one, name) for name in names} for one in found],
    )
    cells = reports.fold(found)
    session.execute(
        insert(core(ReportDay)), [reports.as_row(cell, sums) for cell, sums in cells.items()]
    )


def _follow_up(session: Session, day: date, found: list[ReportFact], now: datetime) -> None:
    """Note on promises of the last 90 days who came back and what was opened again."""
    since = day - COMES_BACK
    opened = {one.conversation_id for one in found if one.what is Counted.REOPENED}
    _mark(session, opened, since, "reopened")
    new = sorted(one.conversation_id for one in found if one.what is Counted.RECEIVED)
    before: set[int] = set()
    newer, older = core(Conversation).alias().c, core(Conversation).alias().c
    for begin in range(0, len(new), AT_ONCE):
        query = (
            select(older.id)
            .where(newer.contact_id == older.contact_id, older.id < newer.id)
            .where(newer.id.in_(new[begin : begin + AT_ONCE]))
        )
        before.update(session.execute(query).scalars())
    _mark(session, before, since, "came_back")


def _mark(session: Session, numbers: set[int], since: date, name: str) -> None:
    wanted = sorted(numbers)
    for begin in range(0, len(wanted), AT_ONCE):
        session.execute(
            update(ReportFact)
            .where(
                facts.conversation_id.in_(wanted[begin : begin + AT_ONCE]),
                facts.what == Counted.PROMISE,
                facts.outcome != Outcome.EXCUSED,
                facts.day >= since,
            )
            .values({name: True})
        )
