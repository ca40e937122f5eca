"""Conversations that became one: which goes on, and what belongs to it."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session

from models import Conversation, Direction, Event, EventKind, Message, Status
from models.base import columns

conversations = columns(Conversation)
events = columns(Event)
messages = columns(Message)

MOST_STEPS = 20  # of a chain: one merged into one that was merged itself


@dataclass(frozen=True, slots=True)
class Part:
    """A conversation that became part of another."""

    number: int
    subject: str
    contact_id: int


def list_parts(session: Session, conversation: Conversation) -> list[Part]:
    """Return all that became part of a conversation, also by way of others."""
    if conversation.merged_at is None:  # nothing ever did, and it is no part itself
        return []
    found: list[Part] = []
    nearest = [conversation.id]
    for _ in range(MOST_STEPS):
        rows = session.execute(
            select(conversations.id, conversations.subject, conversations.contact_id)
            .where(conversations.merged_into_id.in_(nearest))
            .order_by(conversations.id)
        )
        parts = [Part(*row) for row in rows]
        if not parts:
            break
        found += parts
        nearest = [one.number for one in parts]
    return found


def family(session: Session, conversation: Conversation) -> list[int]:
    """Return its number and those of all that became part of it."""
    return [conversation.id, *(one.number for one in list_parts(session, conversation))]


def follow(session: Session, conversation: Conversation) -> Conversation:
    """Return the conversation that goes on for this one, locked as ``to_change`` does.

    The part is locked before the whole, everywhere.
    """
    for _ in range(MOST_STEPS):
        if conversation.status is not Status.MERGED or conversation.merged_into_id is None:
            break
        number = conversation.merged_into_id
        whole = session.get(Conversation, number, populate_existing=True, with_for_update=True)
        if whole is None:
            break
        conversation = whole
    return conversation


def find_whole(session: Session, conversation: Conversation) -> Conversation:
    """Do what ``follow`` does, to read only."""
    for _ in range(MOST_STEPS):
        if conversation.status is not Status.MERGED or conversation.merged_into_id is None:
            break
        conversation = session.get_one(Conversation, conversation.merged_into_id)
    return conversation


def others_apart(happened: Iterable[Event]) -> frozenset[int]:
    """Return what a person said is another matter, or took out again, of its own events."""
    told = (EventKind.KEPT_APART, EventKind.UNMERGED)
    numbers = (
        one.data.get("number", one.data.get("into")) for one in happened if one.kind in told
    )
    return frozenset(int(one) for one in numbers if one is not None)


def kept_apart(session: Session, number: int) -> frozenset[int]:
    """Return what a person said is another matter than this."""
    found = session.execute(
        select(Event).where(
            events.conversation_id == number, events.kind == EventKind.KEPT_APART
        )
    )
    return others_apart(found.scalars())


def last_spoken(
    session: Session, numbers: list[int], direction: Direction, after_id: int
) -> Message | None:
    """Return the last message of a direction in these conversations, later than one."""
    return session.execute(
        select(Message)
        .where(
            messages.conversation_id.in_(numbers),
            messages.direction == direction,
            messages.is_machine.is_(False),
            messages.id > after_id,
        )
        .order_by(messages.id.desc())
        .limit(1)
    ).scalar_one_or_none()
