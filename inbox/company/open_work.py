"""What working hours do to open work: an example, a preview, and following them.

Clocks that run keep their due times when a calendar is changed, until somebody applies its
hours to them, after seeing what would move.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session

from inbox import clocks, record
from inbox.company import hours
from inbox.db import after_commit
from inbox.queue import CLOCKS, conversation_name
from inbox.rulebook import load_rulebook
from inbox.sla.calendar import WorkingCalendar
from inbox.sla.history import Kind
from inbox.store.audit import add_entry
from inbox.timeline import Happened, pauses_of
from models import AuditAction, AuditThing, ClockKind, Conversation, EventKind, SLAClock
from models.base import columns, core

live = columns(SLAClock)
conversations = columns(Conversation)

MOST_SHOWN = 5000  # open clocks that a preview looks at
BATCH = 100  # conversations in one transaction
FRIDAY, FOUR_PM = 4, 16


@dataclass(frozen=True, slots=True)
class Effect:
    """What applying the hours does to one running clock."""

    number: int
    kind: str
    due_at: datetime
    new_due_at: datetime


@dataclass(frozen=True, slots=True)
class Effects:
    """What would move; ``is_whole`` is false where more runs than was looked at."""

    found: list[Effect]
    is_whole: bool

    @property
    def numbers(self) -> set[int]:
        """Return which conversations would change."""
        return {one.number for one in self.found}


@dataclass(frozen=True, slots=True)
class Hours:
    """What a calendar says now."""

    calendar_id: int
    version: int
    calendar: WorkingCalendar


def sample_due(
    session: Session, calendar: WorkingCalendar, request_type: str, now: datetime
) -> tuple[datetime, datetime | None]:
    """Return next Friday 16:00 by the calendar, and when a message of then would be due."""
    today = now.astimezone(ZoneInfo(calendar.timezone))
    friday = today.date() + timedelta(days=(FRIDAY - today.weekday()) % 7 or 7)
    arrival = datetime(
        friday.year, friday.month, friday.day, FOUR_PM, tzinfo=ZoneInfo(calendar.timezone)
    )
    book = load_rulebook(session)
    kind = request_type if request_type in book.types else next(iter(book.types))
    target_s = book.promise((kind,), "normal").targets.first_response_s
    return arrival, calendar.due_at(arrival, target_s) if target_s is not None else None


def open_effects(session: Session, calendar_id: int, now: datetime) -> Effects:
    """Return what applying the hours as they are now would move, nearest due time first.

    Looks at 5,000 running clocks at most; applying moves all of them.
    """
    calendar = WorkingCalendar.from_spec(hours.get_calendar(session, calendar_id).spec)
    found = session.execute(
        select(SLAClock, conversations.promised_at)
        .join(core(Conversation), conversations.id == live.conversation_id)
        .where(*running(calendar_id))
        .order_by(live.due_at, live.id)
        .limit(MOST_SHOWN + 1)
    ).all()
    effects = []
    for clock, promised_at in found[:MOST_SHOWN]:
        new = due_under(calendar, clock, promised_at, now)
        if new != clock.due_at:
            effects.append(Effect(clock.conversation_id, clock.kind.value, clock.due_at, new))
    return Effects(effects, len(found) <= MOST_SHOWN)


def running(calendar_id: int) -> tuple[Any, ...]:
    """Return the conditions for live clocks on a calendar."""
    return (
        live.met_at.is_(None),
        live.cancelled_at.is_(None),
        live.calendar_id == calendar_id,
    )


def due_under(
    calendar: WorkingCalendar, clock: SLAClock, promised_at: datetime | None, now: datetime
) -> datetime:
    """Return when a running clock is due once its calendar's hours are these.

    What is late stays late, nothing becomes late by it, and a first response is never put off
    beyond what was promised. What stands still has no due time to move.
    """
    is_word = clock.kind is ClockKind.WORD  # due when it was said, whatever the hours
    if clocks.stands_still(clock) or clock.due_at <= now or is_word:
        return clock.due_at
    pauses = pauses_of(clock.pauses)
    due_at = calendar.due_at(clock.started_at, clock.target_s, pauses) or clocks.NEVER
    if promised_at is not None and clock.kind is ClockKind.FIRST_RESPONSE:
        due_at = min(due_at, promised_at)
    return due_at if due_at > now else clock.due_at


def apply_batch(
    session: Session, calendar_id: int, after: int, *, by: int, now: datetime
) -> tuple[int, int | None]:
    """Let the next open conversations after number ``after`` follow the hours.

    Returns
    -------
    moved, last
        How many changed, and the number to go on after; None when all are done.
    """
    book = load_rulebook(session)
    hours_now = Hours(calendar_id, book.versions[calendar_id], book.calendars[calendar_id])
    numbers = (
        select(live.conversation_id)
        .where(*running(calendar_id), live.conversation_id > after)
        .distinct()
        .order_by(live.conversation_id)
        .limit(BATCH)
    )
    found = session.execute(numbers).scalars().all()
    if not found:
        return 0, None
    locked = session.execute(
        select(conversations.id, conversations.promised_at, conversations.next_due_at)
        .where(conversations.id.in_(found))
        .order_by(conversations.id)
        .with_for_update()
    ).all()
    told = record.load(session, [row.id for row in locked], now)
    moving = []
    for row, one in zip(locked, told, strict=True):
        data = _rescheduled(session, one, hours_now, row.promised_at, row.next_due_at, now)
        if data is not None:
            one.tell(Happened(EventKind.RESCHEDULED, now, data, by))
            moving.append(one)
    record.settle(session, moving, now)
    record.show(session, moving)
    after_commit(session, "list", CLOCKS, *(conversation_name(one.number) for one in moving))
    return len(moving), found[-1]


def _rescheduled(
    session: Session,
    told: record.Told,
    hours_now: Hours,
    promised_at: datetime | None,
    next_due_at: datetime | None,
    now: datetime,
) -> dict[str, Any] | None:
    """Return what an event says of the clocks that follow; None if none of them moves."""
    kinds, dues = [], []
    for clock in told.rows:
        if not clocks.is_live(clock):
            continue
        due_at = clock.due_at
        if clock.calendar_id == hours_now.calendar_id:
            due_at = due_under(hours_now.calendar, clock, promised_at, now)
            if due_at != clock.due_at or _waits_under_others(session, told, clock, hours_now):
                kinds.append(clock.kind.value)
        if clock.kind in clocks.REPLY_KINDS and due_at != clocks.NEVER:
            dues.append(due_at)
    if not kinds:
        return None
    moves = {"from": _due(next_due_at), "to": _due(min(dues, default=None))}
    place = {"calendar": hours_now.calendar_id, "version": hours_now.version}
    return {**moves, **place, "kinds": kinds}


def _waits_under_others(
    session: Session, told: record.Told, clock: SLAClock, hours_now: Hours
) -> bool:
    """Tell whether a clock stands still and would go on by hours of before."""
    if not clocks.stands_still(clock):
        return False
    found = record.clocks_of(session, told)
    kind = Kind(clock.kind.value)
    return any(
        one.is_live and one.kind is kind and one.rule.calendar != hours_now.calendar
        for one in found
    )


def _due(at: datetime | None) -> dict[str, str | None]:
    return {"next_due_at": at.isoformat() if at else None}


def note_applied(
    session: Session, calendar_id: int, moved: int, *, by: int, now: datetime
) -> None:
    """Write down that open conversations follow the hours now."""
    add_entry(
        session,
        AuditThing.CALENDAR,
        calendar_id,
        AuditAction.CHANGED,
        now,
        by=by,
        after={"applied_to_open": moved},
    )
