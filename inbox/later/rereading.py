"""What a later message says of type and urgency: the urgency may rise, a type is proposed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox import chat, corrections, record
from inbox.acknowledgement import House
from inbox.db import insert_into
from inbox.errors import Conflict
from inbox.queue import CLOCKS
from inbox.rulebook import Rulebook, promise_of
from inbox.store import conversations as rows
from inbox.store.changes import add_event, changed
from inbox.store.people import Person
from inbox.triage.prediction import GENERAL, Prediction
from models import URGENCY_RANK, Conversation, Event, EventKind, MessageLabel, Urgency
from models.base import columns

conversations = columns(Conversation)
events = columns(Event)

SURE = 0.85  # of a type that is proposed
RAISES_FROM = 0.60  # of an urgency that no written rule names


@dataclass(frozen=True, slots=True)
class Later:
    """A later message of the customer's, and what the model says of it."""

    message_id: int
    arrived: datetime
    said: Prediction


def reread(
    session: Session,
    conversation: Conversation,
    later: Later,
    rulebook: Rulebook,
    house: House,
    now: datetime,
) -> bool:
    """Let the urgency rise and propose a type; True if a type is proposed that was not before.

    Call it before the message's own clock starts, so that this one follows already. What is
    stricter by it holds from when it arrived: nobody is late by what came later.
    """
    said = later.said
    _rise(session, conversation, later, rulebook, house, now)
    new = said.request_type
    known = {conversation.request_type, conversation.proposed_type, GENERAL}
    is_sure = not said.needs_review or said.request_type_confidence >= SURE
    if new in known or new not in rulebook.types or not is_sure:
        return False
    data = {"request_type": new, "confidence": round(said.request_type_confidence, 3)}
    data |= {"since": later.arrived.isoformat(), "message": later.message_id}
    add_event(session, conversation.id, EventKind.REREAD, now, data)
    rows.change(session, conversation.id, proposed_type=new)
    session.refresh(conversation)
    return True


def _rise(
    session: Session,
    conversation: Conversation,
    later: Later,
    rulebook: Rulebook,
    house: House,
    now: datetime,
) -> None:
    said = later.said
    level = Urgency(said.urgency)
    if URGENCY_RANK[level] >= conversation.urgency_rank:
        return
    if said.urgency_reason is None and said.urgency_confidence < RAISES_FROM:
        return
    corrections.raise_urgency(
        session,
        conversation,
        rulebook,
        house,
        now,
        to=level,
        because="message",
        reason=said.urgency_reason or "",
        since=later.arrived,
    )
    session.flush()
    session.refresh(conversation)


def accept(
    session: Session,
    conversation: Conversation,
    rulebook: Rulebook,
    house: House,
    *,
    by: Person,
    now: datetime,
) -> None:
    """Take the proposed type, with its times as from the message that reads so.

    That message is learnt as this type; the first one is not, for it said another.

    Raises
    ------
    Conflict
        If nothing is proposed any more.
    """
    proposed = _decide(session, conversation)
    since, message_id = _proposed_by(session, conversation.id)
    if message_id is not None:
        label: dict[str, Any] = {"message_id": message_id, "conversation_id": conversation.id}
        label |= {"request_type": proposed, "agent_id": by.id, "at": now}
        insert = insert_into(session, MessageLabel).values(**label)
        session.execute(insert.on_conflict_do_update(index_elements=["message_id"], set_=label))
    corrections.correct(
        session,
        conversation,
        rulebook,
        house,
        request_type=proposed,
        by=by,
        now=now,
        because="message",
        since=since,
    )


def _proposed_by(session: Session, number: int) -> tuple[datetime | None, int | None]:
    """Return when the message came that a proposal is about, and which it was."""
    last = session.execute(
        select(events.data)
        .where(
            events.conversation_id == number,
            events.kind == EventKind.REREAD,
            events.actor_id.is_(None),
        )
        .order_by(events.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    if last is None or "since" not in last:
        return None, None
    return datetime.fromisoformat(last["since"]), last.get("message")


def dismiss(
    session: Session,
    conversation: Conversation,
    rulebook: Rulebook,
    *,
    by: Person,
    now: datetime,
) -> None:
    """Leave the type as it is; what it made due earlier is due by its own type again.

    Raises
    ------
    Conflict
        If nothing is proposed any more.
    """
    proposed = _decide(session, conversation)
    data = {"request_type": proposed, "dismissed": True}
    add_event(session, conversation.id, EventKind.REREAD, now, data, by=by.id)
    promise = promise_of(session, rulebook, conversation)
    promise = chat.for_chat(session, conversation, promise, now=now)
    values = record.keep(session, conversation.id, now=now, promise=promise)
    changed(session, conversation.id, CLOCKS, **values)


def _decide(session: Session, conversation: Conversation) -> str:
    """Take the proposal away, once; return which it was."""
    proposed = conversation.proposed_type
    is_there = conversations.proposed_type == proposed
    if proposed is None or not rows.change(
        session, conversation.id, is_there, proposed_type=None
    ):
        raise Conflict("Somebody has decided that already.")
    session.refresh(conversation)
    return proposed
