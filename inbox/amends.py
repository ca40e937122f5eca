"""A promise that passed: the customer is told so, once, with a new honest time.

The new time is the target of an answer over again, counted from now in working hours, rounded
up as every promise is. What was promised first stays what is measured.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.clock import utcnow
from inbox.clocks import stands_still
from inbox.customermail import tell_customer
from inbox.db import Database
from inbox.failpoints import failpoint
from inbox.house import load_house
from inbox.queue import OUTBOX
from inbox.rulebook import Rulebook, load_rulebook
from inbox.settings import Settings
from inbox.sla.promise import promised_at, spoken_moment
from inbox.store.changes import add_event, changed
from inbox.templating import N_, translator
from models import ClockKind, Conversation, Event, EventKind, OutboxKind, SLAClock
from models.base import columns
from models.conversation import UNKEPT

conversations = columns(Conversation)
clocks = columns(SLAClock)
events = columns(Event)

log = logging.getLogger(__name__)

BATCH = 50
# After a longer outage a machine says nothing any more: people do.
NOT_AFTER = timedelta(days=1)
SORRY = N_(
    "We have not answered you yet, though we said before %(said)s. We are sorry. "
    "A person will answer you before %(time)s."
)


class Amends:
    """Tells customers of promises that have passed."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret

    async def once(self) -> bool:
        """Tell those who are due; True if there may be more."""
        now = utcnow()
        if not await self._database.read(has_broken, now):
            return False
        told = await self._database.write(self._tell, now)
        failpoint("amends.committed")
        return told == BATCH

    def _tell(self, session: Session, now: datetime) -> int:
        house = load_house(session, self._settings, self._secret)
        return own_up(session, house, now) if house is not None else 0


def _broken(now: datetime) -> tuple[Any, ...]:
    passed = conversations.promised_at.between(now - NOT_AFTER, now)
    return (passed, text(UNKEPT))


def has_broken(session: Session, now: datetime) -> bool:
    """Tell whether a promise has passed, without taking the writers' turn."""
    found = session.execute(select(conversations.id).where(*_broken(now)).limit(1))
    return found.first() is not None


def own_up(session: Session, house: House, now: datetime) -> int:
    """Tell customers that we are late; return how many conversations were looked at.

    Whoever was never told a time, or cannot be written to, gets no message; the new time
    stands on their page. Nothing is said where no answer is owed or the clock stands still.
    """
    found = session.execute(
        select(Conversation)
        .where(*_broken(now))
        .order_by(conversations.promised_at, conversations.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).scalars()
    late = {row.id: row for row in found}
    if not late:
        return 0
    book = load_rulebook(session)
    owed = _owed(session, list(late))
    were_told = set(
        session.execute(
            select(events.conversation_id).where(
                events.conversation_id.in_(list(late)), events.kind == EventKind.ACKNOWLEDGED
            )
        ).scalars()
    )
    for row in late.values():
        clock = owed.get(row.id)
        _own_up(session, row, clock, book, house, now, was_told=row.id in were_told)
    return len(late)


def _owed(session: Session, numbers: list[int]) -> dict[int, SLAClock]:
    rows = session.execute(
        select(SLAClock).where(
            clocks.conversation_id.in_(numbers),
            clocks.kind == ClockKind.FIRST_RESPONSE,
            clocks.met_at.is_(None),
            clocks.cancelled_at.is_(None),
        )
    ).scalars()
    return {clock.conversation_id: clock for clock in rows if not stands_still(clock)}


def _own_up(
    session: Session,
    row: Conversation,
    clock: SLAClock | None,
    book: Rulebook,
    house: House,
    now: datetime,
    *,
    was_told: bool,
) -> None:
    said = row.promised_at or now
    calendar = book.calendars[clock.calendar_id] if clock is not None else None
    due = calendar.due_at(now, clock.target_s) if calendar is not None and clock else None
    expected = promised_at(due) if due is not None else None
    if expected is None or calendar is None:  # never looked at again
        changed(session, row.id, expected_at=said)
        return
    zone, language = calendar.timezone, row.language
    facts = {
        "said_text": spoken_moment(said, zone, now, language),
        "time_text": spoken_moment(expected, zone, now, language),
    }
    line = translator(language).gettext(SORRY) % {
        "said": facts["said_text"],
        "time": facts["time_text"],
    }
    told = was_told and tell_customer(
        session, row, house, OutboxKind.LATE, now, line=line, facts=facts
    )
    data = {"expected_at": expected.isoformat(), "is_told": told}
    add_event(session, row.id, EventKind.PROMISE_BROKEN, now, data)
    changed(session, row.id, OUTBOX, expected_at=expected)
    failpoint("amends.told")
