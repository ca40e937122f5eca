"""What a later message says of type and urgency: the urgency may rise, a type is proposed."""

from datetime import datetime

from sqlmodel import Session

from inbox import chat, corrections, record
from inbox.acknowledgement import House
from inbox.errors import Conflict
from inbox.queue import CLOCKS
from inbox.rulebook import Rulebook, promise_of
from inbox.store import conversations as rows
from inbox.store.changes import add_event, changed
from inbox.store.people import Person
from inbox.triage.prediction import GENERAL, Prediction
from models import URGENCY_RANK, Conversation, EventKind, Urgency
from models.base import columns

conversations = columns(Conversation)

SURE = 0.85  # of a type that is proposed
RAISES_FROM = 0.60  # of an urgency that no written rule names


def reread(
    session: Session,
    conversation: Conversation,
    said: Prediction,
    rulebook: Rulebook,
    house: House,
    now: datetime,
) -> bool:
    """Let the urgency rise and propose a type; True if a type is proposed that was not before.

    Call it before the message's own clock starts, so that this one follows already.
    """
    _rise(session, conversation, said, rulebook, house, now)
    new = said.request_type
    known = {conversation.request_type, conversation.proposed_type, GENERAL}
    is_sure = not said.needs_review or said.request_type_confidence >= SURE
    if new in known or new not in rulebook.types or not is_sure:
        return False
    data = {"request_type": new, "confidence": round(said.request_type_confidence, 3)}
    add_event(session, conversation.id, EventKind.REREAD, now, data)
    rows.change(session, conversation.id, proposed_type=new)
    session.refresh(conversation)
    return True


def _rise(
    session: Session,
    conversation: Conversation,
    said: Prediction,
    rulebook: Rulebook,
    house: House,
    now: datetime,
) -> None:
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
    """Take the proposed type; nothing is learnt of it, for the first message said another.

    Raises
    ------
    Conflict
        If nothing is proposed any more.
    """
    proposed = _decide(session, conversation)
    corrections.correct(
        session,
        conversation,
        rulebook,
        house,
        request_type=proposed,
        by=by,
        now=now,
        because="message",
    )


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
