"""Calls that one of us writes down. One in which we spoke is an answer, and meets its clocks.

What is written of a call is for colleagues: no customer's page and no mail shows it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox import dialling, threads
from inbox.acknowledgement import House
from inbox.conversations import RESTRICTED
from inbox.errors import Conflict, Invalid
from inbox.later import elsewhere
from inbox.queue import CLOCKS
from inbox.store import people
from inbox.store.changes import add_event, changed
from inbox.store.people import Person
from inbox.templating import N_
from inbox.writing import beginning
from inbox.writing.beginning import Beginning
from models import (
    Call,
    CallDirection,
    CallState,
    ChannelKind,
    Conversation,
    Direction,
    EventKind,
    Inbox,
    Message,
    Status,
)
from models.base import columns

inboxes = columns(Inbox)
messages = columns(Message)

MOST_NOTE = 10_000
LONGEST = timedelta(days=1)
LONG_AGO = timedelta(days=7)
OUTCOMES = (
    *(CallState.ANSWERED, CallState.NO_ANSWER, CallState.VOICEMAIL),
    CallState.WRONG_NUMBER,
)
NO_NUMBER = N_("This is no telephone number. Begin one of another country with +.")
WRONG_LENGTH = N_("Write how many minutes, such as 4 or 4:30.")
WRONG_TIME = N_("Choose a time that has passed, within a week.")
TOO_LONG = N_("This is too long.")
ONE_OF = N_("Please choose one of these.")
IS_SPAM = N_("It is set apart as spam. Say first that it is none.")
NO_WAY_IN = N_("There is no inbox that calls could belong to. An administrator can open one.")


@dataclass(frozen=True, slots=True)
class Logged:
    """A call as somebody writes it down. ``at`` None is now."""

    number: str = ""
    direction: CallDirection = CallDirection.OUTBOUND
    outcome: CallState = CallState.ANSWERED
    length_s: int | None = None
    note: str = ""
    at: datetime | None = None


def read_length(text: str) -> int | None:
    """Read ``4``, ``4:30`` or ``4,5`` minutes as seconds; None where nothing is written.

    Raises
    ------
    Invalid
        If it is no length, or longer than a day.
    """
    typed = text.strip().replace(",", ".")
    if not typed:
        return None
    minutes, colon, seconds = typed.partition(":")
    try:
        found = float(minutes) * 60 + (int(seconds) if colon else 0)
    except ValueError:
        found = -1.0
    if not 0 <= found <= LONGEST.total_seconds():
        raise Invalid(WRONG_LENGTH, {"minutes": WRONG_LENGTH})
    return int(found)


def log_call(
    session: Session,
    conversation: Conversation,
    call: Logged,
    *,
    by: Person,
    now: datetime,
    key: str = "",
) -> Message:
    """Write a call down; where we spoke, running reply clocks are met at its time.

    The same ``key`` again returns the first message.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change.
    Conflict
        If the conversation is set apart, or the person's data restricted.
    """
    again = _same_key(session, key)
    if again is not None:
        return again
    if conversation.status is Status.SPAM:
        raise Conflict(IS_SPAM)
    if people.is_restricted(session, conversation.contact_id):
        raise Conflict(RESTRICTED)
    call = _checked(session, call, now)
    at = call.at or now
    message = Message(
        conversation_id=conversation.id,
        direction=Direction.NOTE,
        channel=ChannelKind.PHONE,
        author_id=by.id,
        text=call.note,
        visible_text=call.note,
        client_key=key or None,
        created_at=at,
    )
    session.add(message)
    session.flush()
    session.add(
        Call(
            message_id=message.id,
            direction=call.direction,
            state=_state(call),
            number=call.number,
            agent_id=by.id,
            length_s=call.length_s,
            began_at=at,
            answered_at=at if call.outcome is CallState.ANSWERED else None,
        )
    )
    if call.number and call.outcome is CallState.ANSWERED:
        threads.add_number(session, conversation.contact_id, call.number, now)
    values: dict[str, Any] = {"last_message_id": message.id}
    values |= keep(session, conversation, message.id, call.outcome, by.id, at, now)
    changed(session, conversation.id, CLOCKS, **values)
    return message


def keep(
    session: Session,
    conversation: Conversation,
    message_id: int,
    outcome: CallState,
    agent_id: int | None,
    at: datetime,
    now: datetime,
) -> dict[str, Any]:
    """Write down that a call was; return the conversation's columns that follow from it."""
    said = {"message": message_id, "call": True}
    if outcome is CallState.ANSWERED:
        return elsewhere.count_answer(session, conversation, said, agent_id, at, now)
    add_event(session, conversation.id, EventKind.NOTED, now, said, by=agent_id)
    return {}


def _state(call: Logged) -> CallState:
    missed = call.outcome is CallState.NO_ANSWER and call.direction is CallDirection.INBOUND
    return CallState.MISSED if missed else call.outcome


def _checked(session: Session, call: Logged, now: datetime) -> Logged:
    number = dialling.kept(session, call.number)
    wrong = {}
    if call.number.strip() and not number.startswith("+"):
        wrong["number"] = NO_NUMBER
    if call.outcome not in OUTCOMES:
        wrong["outcome"] = ONE_OF
    if len(call.note) > MOST_NOTE:
        wrong["note"] = TOO_LONG
    if call.at is not None and not now - LONG_AGO < call.at <= now + timedelta(minutes=1):
        wrong["at"] = WRONG_TIME
    if wrong:
        raise Invalid(next(iter(wrong.values())), wrong)
    at = min(call.at, now) if call.at is not None else None
    return replace(call, number=number, note=call.note.replace("\r\n", "\n").strip(), at=at)


def begin_with_call(
    session: Session,
    wanted: Beginning,
    call: Logged,
    *,
    house: House,
    by: Person,
    now: datetime,
    key: str,
) -> int:
    """Begin a conversation by a call that was made; return its number.

    ``wanted.address`` is the number; ``inbox_id`` 0 is the usual inbox of calls. The same
    ``key`` again returns the first one's number.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change.
    Conflict
        If the person's data is restricted.
    """
    again = beginning.find_again(session, key, now)
    if again is not None:
        return again
    number = dialling.kept(session, wanted.address)
    if not number.startswith("+"):
        raise Invalid(NO_NUMBER, {"number": NO_NUMBER})
    subject = wanted.subject.strip() or number
    wanted = replace(wanted, address=number, kind="phone", subject=subject)
    contact = beginning.find_reachable(session, wanted, house, by)
    if contact is None:
        contact = beginning.enter_contact(session, "phone", number, wanted.name, by=by, now=now)
    wanted = replace(wanted, inbox_id=wanted.inbox_id or usual_inbox(session))
    row = beginning.open_with(session, wanted, contact, ChannelKind.PHONE, by=by, now=now)
    log_call(session, row, replace(call, number=number), by=by, now=now, key=key)
    beginning.remind(session, row, wanted, by=by, now=now)
    return row.id


def usual_inbox(session: Session) -> int:
    """Return the inbox that calls belong to which no switchboard told of.

    That is the first of telephone, else of mail, that is open.
    """
    for kind in (ChannelKind.PHONE, ChannelKind.EMAIL):
        found: int | None = session.execute(
            select(inboxes.id)
            .where(inboxes.kind == kind, inboxes.is_active.is_(True))
            .order_by(inboxes.id)
            .limit(1)
        ).scalar_one_or_none()
        if found is not None:
            return found
    raise Conflict(NO_WAY_IN)


def _same_key(session: Session, key: str) -> Message | None:
    if not key:
        return None
    return session.execute(
        select(Message).where(messages.client_key == key)
    ).scalar_one_or_none()
