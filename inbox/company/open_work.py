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

from inbox import clocks
from inbox.company import hours
from inbox.queue import CLOCKS
from inbox.rulebook import load_rulebook
from inbox.sla.calendar import WorkingCalendar
from inbox.store import conversations as rows
from inbox.store.audit import add_entry
from inbox.store.changes import add_event, changed
from models import AuditAction, AuditThing, Conversation, EventKind, SLAClock
from models.base import columns

live = columns(SLAClock)
conversations = columns(Conversation)

MOST_SHOWN = 5000  # open clocks that a preview looks at
BATCH = 25  # conversations in one transaction
FRIDAY, FOUR_PM = 4, 16


@dataclass(frozen=True, slots=True)
class Effect:
    """What applying the hours does to one running clock."""

    number: int
    kind: str
    due_at: datetime
    new_due_at: datetime


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


def open_effects(session: Session, calendar_id: int, now: datetime) -> list[Effect]:
    """Return what applying the hours as they are now would move, nearest due time first.

    Looks at 5,000 running clocks at most; applying moves all of them.
    """
    calendar = WorkingCalendar.from_spec(hours.get_calendar(session, calendar_id).spec)
    found = session.execute(
        select(SLAClock, conversations.promised_at)
        .join(Conversation, conversations.id == live.conversation_id)
        .where(*_running(calendar_id))
        .order_by(live.due_at, live.id)
        .limit(MOST_SHOWN)
    )
    effects = []
    for clock, promised_at in found:
        new = clocks.due_under(calendar, clock, promised_at, now)
        if new != clock.due_at:
            effects.append(Effect(clock.conversation_id, clock.kind.value, clock.due_at, new))
    return effects


def _running(calendar_id: int) -> tuple[Any, ...]:
    return (
        live.met_at.is_(None),
        live.cancelled_at.is_(None),
        live.calendar_id == calendar_id,
    )


def apply_batch(
    session: Session, calendar_id: int, after: int, *, by: int, now: datetime
) -> tuple[int, int | None]:
    """Let the next open conversations after number ``after`` follow the hours.

    Returns
    -------
    moved, last
        How many changed, and the number to go on after; None when all are done.
    """
    calendar = WorkingCalendar.from_spec(hours.get_calendar(session, calendar_id).spec)
    numbers = session.execute(
        select(live.conversation_id)
        .where(*_running(calendar_id), live.conversation_id > after)
        .distinct()
        .order_by(live.conversation_id)
        .limit(BATCH)
    ).scalars()
    moved, last = 0, None
    for number in list(numbers):
        last = number
        conversation = rows.get_to_change(session, number)
        if conversation is None:
            continue
        if clocks.follow_calendar(
            session,
            number,
            calendar_id,
            calendar,
            promised_at=conversation.promised_at,
            now=now,
        ):
            moved += 1
            values = clocks.summary(session, number)
            data = {"from": _due(conversation.next_due_at), "to": _due(values["next_due_at"])}
            add_event(session, number, EventKind.RESCHEDULED, now, data, by=by)
            changed(session, number, CLOCKS, **values)
    return moved, last


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
