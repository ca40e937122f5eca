"""What nobody has touched for so many working hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlmodel import Session

from inbox.rulebook import load_rulebook
from inbox.sla.calendar import WorkingCalendar
from inbox.store.conversations import SHOWN_NAME
from models import Contact, Conversation, Event, Status
from models.base import columns, core

conversations = columns(Conversation)
contacts = columns(Contact)
events = columns(Event)

HOURS = 8  # working hours, unless somebody asks for others
MOST_HOURS = 400
MOST_SHOWN = 200
FARTHEST = timedelta(days=366)
_TO = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """One of them. ``touched_at``: when a person of ours did anything with it; None: never."""

    number: int
    subject: str
    contact: str
    owner_id: int | None
    team_id: int | None
    due_at: datetime | None
    created_at: datetime
    touched_at: datetime | None


def working_ago(calendar: WorkingCalendar, now: datetime, hours: int) -> datetime:
    """Return the moment since which so many hours were worked, to a minute; a year at most."""
    wanted_s = hours * 3600
    early, late = now - FARTHEST, now
    if calendar.working_seconds(early, now) <= wanted_s:
        return early
    while late - early > _TO:
        middle = early + (late - early) / 2
        if calendar.working_seconds(middle, now) >= wanted_s:
            early = middle
        else:
            late = middle
    return early


def list_forgotten(session: Session, hours: int, now: datetime) -> Sequence[Forgotten]:
    """Return open conversations that nobody has touched for so long, most pressing first.

    Neither a person of ours nor the customer did anything with them; 200 at most.
    """
    book = load_rulebook(session)
    before = working_ago(book.calendars[book.default_calendar_id], now, hours)
    by_people = (events.conversation_id == conversations.id, events.actor_id.is_not(None))
    touched = select(func.max(events.at)).where(*by_people).correlate(Conversation)
    lately = select(events.id).where(*by_people, events.at > before).correlate(Conversation)
    rows = session.execute(
        select(
            *(conversations.id, conversations.subject, SHOWN_NAME.label("contact")),
            *(conversations.owner_id, conversations.team_id),
            *(conversations.next_due_at, conversations.created_at),
            touched.scalar_subquery().label("touched_at"),
        )
        .join(core(Contact), contacts.id == conversations.contact_id)
        .where(
            conversations.status == Status.OPEN,
            conversations.created_at <= before,
            or_(
                conversations.last_inbound_at.is_(None), conversations.last_inbound_at <= before
            ),
            ~lately.exists(),
        )
        .order_by(conversations.order_at, conversations.id)
        .limit(MOST_SHOWN)
    )
    return [Forgotten(*row) for row in rows]
