"""Imported mail becomes conversations: nobody is acknowledged, and what is done has no clock.

A file is an administrator's word: its mails belong together by their references, as they did
where they come from, as long as they are of the same contact and inbox.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox import clocks, corrections, intake, record, threads
from inbox.channels.authresults import read_results
from inbox.channels.base import InboundMessage
from inbox.db import after_commit
from inbox.errors import Conflict
from inbox.later import asking
from inbox.later.incoming import Context, Incoming, new_conversation, remember, sorted_as
from inbox.opening import Openings
from inbox.queue import conversation_name
from inbox.store import conversations as rows
from inbox.store import merges, people
from inbox.store.changes import add_happened, changed, moved
from inbox.store.raw import Claimed
from inbox.store.sessions import find_person
from inbox.timeline import Happened
from models import (
    Agent,
    ChannelKind,
    Contact,
    Conversation,
    Direction,
    EventKind,
    Message,
    RawMessage,
    RawState,
    Status,
)
from models.base import columns, core

agents = columns(Agent)
conversations = columns(Conversation)
messages = columns(Message)
raws = columns(RawMessage)

IMPORTED = "imported"  # in a raw row's meta: {"is_open", "request_type", "by"}
MOST_IDS = 20


def with_facts(
    raw: Claimed, message: InboundMessage, context: Context
) -> tuple[Claimed, InboundMessage]:
    """Add what the receiving server says of a mail, and the topic that a file is known by."""
    door = context.doors.get(raw.inbox_id)
    found = read_results(raw.body, door.authserv_id) if door is not None else {}
    if found:
        raw = replace(raw, meta={**raw.meta, "authentication": found})
    chosen = raw.meta.get(IMPORTED, {}).get("request_type")
    return raw, replace(message, request_type=chosen) if chosen else message


def take(
    session: Session, incoming: Incoming, context: Context, openings: Openings, now: datetime
) -> bool:
    """Take in a mail from a file; False if it is none.

    Raises
    ------
    Conflict
        If its inbox is closed.
    """
    raw = incoming.raw
    how = raw.meta.get(IMPORTED)
    if how is None or raw.kind is not ChannelKind.EMAIL:
        return False
    state = session.execute(
        select(raws.state).where(raws.id == raw.id).with_for_update()
    ).scalar_one()
    if state is not RawState.PENDING:
        return True
    if raw.inbox_id not in context.doors:
        raise Conflict("The inbox that it came to was closed meanwhile.")
    message = incoming.message
    author, is_ours = _author(session, message, context)
    contact = _contact(session, incoming, is_ours, now)
    joined = _find(session, incoming, contact)
    if joined is not None:
        openings.settle_before(joined.id)
        number = _append(session, incoming, context, joined, author, is_ours, now)
    elif how.get("is_open") and not is_ours:
        number = _open(session, incoming, context, openings, now)
    else:
        number = _keep(session, incoming, context, contact, now)
        if is_ours:
            _is_ours(session, raw.id, author)
    session.execute(
        update(RawMessage)
        .where(raws.id == raw.id)
        .values(state=RawState.DONE, conversation_id=number, error="")
    )
    intake.enter(session, incoming)
    after_commit(session, "list", conversation_name(number))
    return True


def _author(
    session: Session, message: InboundMessage, context: Context
) -> tuple[int | None, bool]:
    """Return who of us wrote it, and whether one of us did, also under an inbox's address."""
    author = session.execute(
        select(agents.id).where(agents.email == message.from_address)
    ).scalar_one_or_none()
    return author, author is not None or message.from_address in context.house.own_addresses


def _contact(session: Session, incoming: Incoming, is_ours: bool, now: datetime) -> Contact:
    """Return whom it is about: who wrote, or whom we wrote to."""
    message = incoming.message
    if not is_ours or not message.to:
        return threads.find_writer(session, incoming.raw, message, now)[0]
    known = people.find_contact(session, "email", message.to[0])
    if known is not None:
        return known
    return people.create_contact(session, "email", message.to[0], name="", language="", now=now)


def _find(session: Session, incoming: Incoming, contact: Contact) -> Conversation | None:
    """Return the contact's conversation in this inbox that it refers to."""
    message = incoming.message
    ids = [one for one in (message.in_reply_to, *reversed(message.references)) if one]
    if not ids:
        return None
    number = session.execute(
        select(messages.conversation_id)
        .join(core(Conversation), conversations.id == messages.conversation_id)
        .where(
            messages.email_message_id.in_(ids[:MOST_IDS]),
            conversations.contact_id == contact.id,
            conversations.inbox_id == incoming.raw.inbox_id,
        )
        .order_by(messages.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    if number is None:
        return None
    found = rows.get_to_change(session, number)
    return merges.follow(session, found) if found is not None else None


def _keep(
    session: Session, incoming: Incoming, context: Context, contact: Contact, now: datetime
) -> int:
    """Keep a conversation that is done: no clock, owner or acknowledgement."""
    raw, how = incoming.raw, incoming.raw.meta[IMPORTED]
    conversation = new_conversation(incoming, context, contact, None)
    conversation.status, conversation.resolved_at = Status.RESOLVED, raw.received_at
    conversation.team_id = context.doors[raw.inbox_id].team_id
    for name, value in clocks.summary_of([]).items():
        setattr(conversation, name, value)
    session.add(conversation)
    session.flush()
    number = conversation.id
    stored = threads.store_message(session, raw, incoming.message, number, contact)
    conversation.last_message_id = stored.id
    remember(session, incoming, context, number, stored.id, now)
    arrived = {"channel": raw.kind.value, **moved({}, {"status": Status.RESOLVED.value})}
    first = [
        (EventKind.IMPORTED, raw.received_at, arrived),
        (EventKind.SORTED, now, sorted_as(conversation, incoming.prediction)),
    ]
    add_happened(session, [(number, *what, None) for what in first])
    session.flush()
    by = find_person(session, int(how.get("by") or 0)) if how.get("request_type") else None
    if by is not None:
        corrections.agree(session, conversation, by=by, now=now)
    return number


def _open(
    session: Session,
    incoming: Incoming,
    context: Context,
    openings: Openings,
    now: datetime,
) -> int:
    """Open a conversation whose clocks begin now, as its time was up long ago."""
    raw = replace(incoming.raw, received_at=now)
    number = intake.take_in(session, replace(incoming, raw=raw), context, now, openings)
    openings.settle()
    session.execute(
        update(Message)
        .where(messages.raw_id == raw.id)
        .values(created_at=incoming.raw.received_at)
    )
    add_happened(session, [(number, EventKind.IMPORTED, now, {}, None)])
    return number


def _append(
    session: Session,
    incoming: Incoming,
    context: Context,
    conversation: Conversation,
    author: int | None,
    is_ours: bool,
    now: datetime,
) -> int:
    """Add a mail to its conversation; only clocks of one that is open follow it."""
    raw, number = incoming.raw, conversation.id
    contact = session.get(Contact, conversation.contact_id)
    stored = threads.store_message(session, raw, incoming.message, number, contact)
    values: dict[str, Any] = {"last_message_id": stored.id}
    if is_ours:
        _is_ours(session, raw.id, author)
        if conversation.first_responded_at is None:
            values["first_responded_at"] = raw.received_at
    is_done = conversation.status is not Status.OPEN
    if is_done:
        latest = max(conversation.resolved_at or raw.received_at, raw.received_at)
        values |= {"resolved_at": latest} if conversation.status is Status.RESOLVED else {}
        if not is_ours:
            values["last_inbound_at"] = latest
    elif is_ours:
        replied = Happened(EventKind.REPLIED, now, {"message": stored.id}, author)
        values |= record.keep(session, number, replied, now=now)
    elif not stored.is_machine:
        values |= asking.owe_answer(session, conversation, context.rulebook, now, now)
        values["asked_again"] = 0  # they asked in another time
    changed(session, number, **values)
    return number


def _is_ours(session: Session, raw_id: int, author: int | None) -> None:
    """Make a stored message one that we wrote."""
    session.execute(
        update(Message)
        .where(messages.raw_id == raw_id)
        .values(
            direction=Direction.OUTBOUND, author_id=author, contact_id=None, is_machine=False
        )
    )
