"""A message that only thanks: it owes nobody an answer, until somebody says otherwise."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox import record
from inbox.errors import Conflict
from inbox.later import asking
from inbox.queue import CLOCKS
from inbox.rulebook import load_rulebook
from inbox.sla.history import Wait
from inbox.store import conversations as rows
from inbox.store.changes import add_event, changed
from inbox.store.people import Person
from inbox.triage.sight import Sight
from models import Conversation, Direction, EventKind, Message
from models.base import columns

messages = columns(Message)
conversations = columns(Conversation)

_LAST_SAID = (
    select(messages.visible_text, messages.text)
    .where(messages.direction == Direction.OUTBOUND)
    .order_by(messages.id.desc())
    .limit(1)
)


def is_thanks(session: Session, conversation: Conversation, sight: Sight) -> bool:
    """Tell whether a message in a conversation only thanks.

    Whoever was asked something answers with the same words: after a question of ours, or
    while we wait for the customer, nothing counts as thanks.
    """
    if not sight.only_thanks or conversation.wait_reason == Wait.CUSTOMER:
        return False
    last = session.execute(
        _LAST_SAID.where(messages.conversation_id == conversation.id)
    ).one_or_none()
    return last is None or "?" not in (last.visible_text or last.text)


def note(
    session: Session, conversation: Conversation, message_id: int, arrived: datetime
) -> dict[str, Any]:
    """Write down that a message only thanked; return the columns that follow.

    An answer that was owed before stays owed; then there is nothing to undo.
    """
    data = {"message": message_id}
    add_event(session, conversation.id, EventKind.THANKED, arrived, data)
    owed = record.owes_answer(session, conversation.id)
    return {"last_inbound_at": arrived, "thanked_at": None if owed else arrived}


def undo(session: Session, conversation: Conversation, *, by: Person, now: datetime) -> None:
    """Say that it wants an answer after all: its clock runs from when it arrived.

    Raises
    ------
    Conflict
        If its last message did not only thank, or somebody has said so already.
    """
    arrived = conversation.thanked_at
    is_there = conversations.thanked_at.is_not(None)
    if arrived is None or not rows.change(session, conversation.id, is_there, thanked_at=None):
        raise Conflict("Somebody has answered, or said so already.")
    said = {"undone": True}
    add_event(session, conversation.id, EventKind.THANKED, now, said, by=by.id)
    book = load_rulebook(session)
    values = asking.owe_answer(session, conversation, book, arrived, now, by=by.id)
    changed(session, conversation.id, CLOCKS, **values)
