"""Likely spam waits apart: no acknowledgement, no clock, one key brings it back.

Nothing is ever deleted. Precision first: who is known, answers us or asks again is never set
apart by itself.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, select
from sqlmodel import Session

from inbox import clocks, record, routing
from inbox.acknowledgement import Asker, House
from inbox.channels.base import InboundMessage
from inbox.errors import Conflict, Invalid
from inbox.opening import Opened, Openings, promised_time
from inbox.queue import CLOCKS, OUTBOX
from inbox.rulebook import Rulebook, promise_of
from inbox.store import conversations as rows
from inbox.store.audit import add_entry
from inbox.store.changes import add_event, changed, door_address, moved
from inbox.store.company import find_company, find_door_team
from inbox.store.people import Person, count_one
from inbox.templating import N_
from inbox.timeline import Happened
from inbox.triage.products import words_of
from inbox.triage.sight import Sight
from inbox.triage.spam import SPAM_FROM, with_copies
from models import (
    AuditAction,
    AuditThing,
    ChannelKind,
    ClockKind,
    Conversation,
    Direction,
    Event,
    EventKind,
    Message,
    Status,
)
from models.base import columns

conversations = columns(Conversation)
messages = columns(Message)
events = columns(Event)

BY_ITSELF = (ChannelKind.EMAIL, ChannelKind.FORM)  # ways in on which it is set apart by itself
LEAST, MOST = 0.8, 0.99
COUNTED_FROM = 0.3  # likelihood; below, no number of copies makes it spam
A_DAY = timedelta(days=1)
IN_WORK = (Status.OPEN, Status.WAITING, Status.SNOOZED)
WRONG_SHARE = N_("Between 80 and 99 percent.")
_NOT_WAITING = {"waiting_until": None, "wait_reason": "", "followed_up_at": None}


@dataclass(frozen=True, slots=True)
class Habit:
    """Whether likely spam is set apart by itself, and from which likelihood on."""

    is_on: bool = True
    least: float = SPAM_FROM

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Habit":
        """Read it out of the company's settings."""
        return cls(**{**asdict(cls()), **settings.get("spam", {})})


PLAIN_HABIT = Habit()


def load_habit(session: Session) -> Habit:
    """Return what the company does with likely spam."""
    company = find_company(session)
    return Habit.of(company.settings if company is not None else {})


def change_habit(session: Session, habit: Habit, *, by: int, now: datetime) -> None:
    """Say what becomes of likely spam from now on.

    Raises
    ------
    Invalid
        If the likelihood is out of bounds.
    """
    if not LEAST <= habit.least <= MOST:
        raise Invalid(WRONG_SHARE, {"least": WRONG_SHARE})
    company = find_company(session)
    if company is None:
        return
    before = Habit.of(company.settings)
    if before == habit:
        return
    company.settings = {**company.settings, "spam": asdict(habit)}
    session.add(company)
    add_entry(
        session,
        AuditThing.COMPANY,
        company.id,
        AuditAction.CHANGED,
        now,
        by=by,
        before={"spam": asdict(before)},
        after={"spam": asdict(habit)},
    )


def is_likely(session: Session, sight: Sight, habit: Habit, contact_id: int | None) -> bool:
    """Tell whether a new request is to be set apart; ``contact_id`` None: never heard of."""
    if not habit.is_on or sight.spam < habit.least:
        return False
    if contact_id is None:
        return True
    known = exists().where(
        conversations.contact_id == contact_id, conversations.status != Status.SPAM
    )
    return not session.execute(select(known)).scalar_one()


def counted(session: Session, sight: Sight, text: str, habit: Habit, now: datetime) -> Sight:
    """Return what was seen once copies count: the same text from others within a day.

    Only what may become spam by that is counted.
    """
    if not habit.is_on or not COUNTED_FROM <= sight.spam < habit.least:
        return sight
    digest = hashlib.sha256(" ".join(words_of(text)).encode()).hexdigest()
    n_copies = count_one(session, f"copy:{digest}", expires_at=now + A_DAY, now=now) - 1
    if n_copies < 1:
        return sight
    signs = ("sent_to_many", *sight.spam_signs)
    return replace(sight, spam=with_copies(sight.spam, n_copies), spam_signs=signs)


def happened(
    sight: Sight, message_id: int, now: datetime, block: int | None = None
) -> tuple[EventKind, datetime, Any]:
    """Return the event of what was set apart on arrival; by a ``block``, if there is one."""
    if block is not None:
        return EventKind.MARKED_SPAM, now, {"block": block, "message": message_id}
    data = {"likely": round(sight.spam, 3), "signs": list(sight.spam_signs)[:5]}
    data |= {"message": message_id}
    return EventKind.MARKED_SPAM, now, data


def was_by_itself(session: Session, conversation: Conversation) -> bool:
    """Tell whether it was set apart by itself, and no person has said that it is spam."""
    last = session.execute(
        select(events.actor_id)
        .where(events.conversation_id == conversation.id, events.kind == EventKind.MARKED_SPAM)
        .order_by(events.id.desc())
        .limit(1)
    ).one_or_none()
    return last is not None and last.actor_id is None


def mark(session: Session, conversation: Conversation, *, by: Person, now: datetime) -> None:
    """Say that it is spam: it waits apart, and its clocks count for nothing.

    Raises
    ------
    Conflict
        If it is done, or set apart already.
    """
    if conversation.status not in IN_WORK:
        raise Conflict("It is done, or set apart already.")
    number = conversation.id
    data = moved({"status": conversation.status.value}, {"status": Status.SPAM.value})
    said = Happened(EventKind.MARKED_SPAM, now, data, by.id)
    values = record.keep(session, number, said, now=now)
    is_same = conversations.status == conversation.status
    values |= {"status": Status.SPAM, "spam_at": now, "thanked_at": None, **_NOT_WAITING}
    if not rows.change(session, number, is_same, **values):
        raise Conflict("Somebody has just changed it.")
    changed(session, number, CLOCKS)


def restore(
    session: Session,
    conversation: Conversation,
    rulebook: Rulebook,
    house: House,
    *,
    by: Person | None,
    now: datetime,
) -> None:
    """Say that it is none: its clocks run as from its arrival.

    What was set apart on arrival gets its owner and its acknowledgement now.

    Raises
    ------
    Conflict
        If it is not set apart.
    """
    is_apart = conversations.status == Status.SPAM
    if not rows.change(session, conversation.id, is_apart, status=Status.OPEN):
        raise Conflict("It is not set apart.")
    session.refresh(conversation)
    data = moved({"status": Status.SPAM.value}, {"status": Status.OPEN.value})
    actor = by.id if by is not None else None
    if conversation.promised_at is None and not _had_rule(session, conversation.id):
        add_event(session, conversation.id, EventKind.RESTORED, now, data, by=actor)
        _open_late(session, conversation, rulebook, house, now)
        return
    said = Happened(EventKind.RESTORED, now, data, actor)
    values = record.keep(session, conversation.id, said, now=now)
    changed(session, conversation.id, CLOCKS, **values)


def _had_rule(session: Session, number: int) -> bool:
    found = session.execute(
        select(events.id)
        .where(events.conversation_id == number, events.kind == EventKind.RULED)
        .limit(1)
    ).first()
    return found is not None


def _open_late(
    session: Session,
    conversation: Conversation,
    rulebook: Rulebook,
    house: House,
    now: datetime,
) -> None:
    """Do what taking it in left out: clocks, promise, owner and acknowledgement."""
    number, arrived = conversation.id, conversation.created_at
    promise = promise_of(session, rulebook, conversation)
    kinds = (ClockKind.FIRST_RESPONSE, ClockKind.RESOLUTION)
    started = clocks.set_up(kinds, promise, arrived)
    promised = promised_time(started, promise, now)
    values = clocks.summary_of(started)
    rows.change(session, number, promised_at=promised, **values)
    session.refresh(conversation)
    clocks.write(session, number, started, promise.calendar, now)
    first = session.execute(
        select(Message)
        .where(messages.conversation_id == number, messages.direction == Direction.INBOUND)
        .order_by(messages.id)
        .limit(1)
    ).scalar_one()
    said = InboundMessage(
        from_address=first.sender_address,
        message_id=first.email_message_id or "",
        subject=conversation.subject,
        is_automatic=first.is_machine,
    )
    work = routing.work_of(conversation, conversation.request_type)
    team_id = find_door_team(session, conversation.inbox_id)
    openings = Openings(session, rulebook, house, now)
    openings.add(
        Opened(
            conversation,
            conversation.last_message_id or first.id,
            work,
            routing.find_place(session, rulebook, work, team_id),
            promise,
            # A person has looked at it: the caps for strangers do not concern it.
            Asker(said, conversation.channel, False, ""),
            door_address(session, conversation),
            before=[(EventKind.RULED, arrived, clocks.opening(promise, promised))],
        )
    )
    openings.settle()
    changed(session, number, CLOCKS, OUTBOX)
