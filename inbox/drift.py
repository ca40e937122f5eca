"""Nothing drifts away: waits that end, and a nightly look for what has no date at all.

A wait for the customer that ends unanswered is followed up once, in the customer's language;
after a second time of the same length it is closed with a notice or given back to its owner,
as the company has it. Every step is one transaction on a locked row, so that it happens once,
however many workers there are and whenever one of them dies.
"""

import logging
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlmodel import Session

from inbox import waits
from inbox.acknowledgement import House
from inbox.clock import utcnow
from inbox.closing import finish
from inbox.customermail import tell_customer
from inbox.db import Database
from inbox.failpoints import failpoint
from inbox.house import load_house
from inbox.queue import OUTBOX
from inbox.record import owes_answer
from inbox.settings import Settings
from inbox.sla.history import Wait
from inbox.store import people
from inbox.store.adrift import ADRIFT
from inbox.store.changes import add_event, changed
from inbox.store.company import find_company
from inbox.templating import N_, translator
from models import Conversation, EventKind, OutboxKind
from models.base import columns

conversations = columns(Conversation)

log = logging.getLogger(__name__)

BATCH = 50
NIGHT_HOUR = 3  # in the company's zone
FOLLOW_UP = N_("Do you still need our help? Just answer here, and we go on.")
CLOSED = N_("We have heard nothing and close your request. Write again at any time.")


class Drift:
    """Ends waits whose time has come, and looks once a night for what has no date."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret
        self._night = ""

    async def once(self) -> bool:
        """End what is due; True if there may be more."""
        now = utcnow()
        if await self._database.read(waits_end, now):
            ended = await self._database.write(self._end, now)
            failpoint("drift.committed")
            return ended == BATCH
        night = await self._database.read(_night, now)
        if night and night != self._night:
            found = await self._database.write(look_nightly, night, now)
            if found is None or found < BATCH:
                self._night = night
            return bool(found)
        return False

    def _end(self, session: Session, now: datetime) -> int:
        house = load_house(session, self._settings, self._secret)
        return end_waits(session, house, now) if house is not None else 0


def _over(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (conversations.waiting_until <= now, conversations.status.in_(waits.IN_WORK))


def waits_end(session: Session, now: datetime) -> bool:
    """Tell whether a wait has ended, without taking the writers' turn."""
    found = session.execute(select(conversations.id).where(*_over(now)).limit(1))
    return found.first() is not None


def end_waits(session: Session, house: House, now: datetime) -> int:
    """Do what comes next for waits that have ended; return of how many."""
    found = session.execute(
        select(Conversation)
        .where(*_over(now))
        .order_by(conversations.waiting_until, conversations.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).scalars()
    ended = list(found)
    rules = waits.load_rules(session)
    for conversation in ended:
        _end(session, conversation, house, rules, now)
        failpoint("drift.ended")
    return len(ended)


def _end(
    session: Session,
    conversation: Conversation,
    house: House,
    rules: waits.Rules,
    now: datetime,
) -> None:
    asked = conversation.wait_reason == Wait.CUSTOMER
    if asked and conversation.followed_up_at is None:
        if _tell(session, conversation, house, OutboxKind.FOLLOW_UP, now):
            until = waits.usual_end(session, now)
            add_event(
                session,
                conversation.id,
                EventKind.FOLLOWED_UP,
                now,
                {"until": until.isoformat()},
            )
            order_at = conversation.next_due_at or until
            changed(
                session,
                conversation.id,
                OUTBOX,
                followed_up_at=now,
                waiting_until=until,
                order_at=order_at,
            )
            return
    elif asked and rules.closes and not owes_answer(session, conversation.id):
        _tell(session, conversation, house, OutboxKind.CLOSING, now)
        finish(session, conversation, now, why="no_answer")
        changed(session, conversation.id, OUTBOX)
        return
    waits.resume(session, conversation, by=None, now=now, at=conversation.waiting_until)


def _tell(
    session: Session, conversation: Conversation, house: House, kind: OutboxKind, now: datetime
) -> bool:
    say = translator(conversation.language).gettext
    line = say(FOLLOW_UP if kind is OutboxKind.FOLLOW_UP else CLOSED)
    return tell_customer(session, conversation, house, kind, now, line=line)


# ---- the nightly look ---------------------------------------------------------------


def _night(session: Session, now: datetime) -> str:
    """Return the date of the night whose look is due, or "" while it is not."""
    company = find_company(session)
    if company is None:
        return ""
    local = now.astimezone(ZoneInfo(company.time_zone))
    return local.date().isoformat() if local.hour >= NIGHT_HOUR else ""


def look_nightly(session: Session, night: str, now: datetime) -> int | None:
    """Give a date to what has none; return how many, None if another worker has looked.

    A batch a turn, so that nobody waits behind it; the night is taken with the last one.
    """
    found = mend(session, now)
    if found < BATCH:
        end = now + timedelta(days=2)
        if not people.take_turn(session, f"drift:{night}", 1, expires_at=end, now=now):
            return None
    return found


def mend(session: Session, now: datetime) -> int:
    """Let what has no date wait for the customer until the usual time; return how many."""
    found = session.execute(
        select(Conversation)
        .where(ADRIFT)
        .order_by(conversations.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).scalars()
    adrift = list(found)
    for conversation in adrift:
        log.warning("conversation %d had no date; it waits for the customer", conversation.id)
        waits.wait(session, conversation, Wait.CUSTOMER, by=None, now=now)
    return len(adrift)
