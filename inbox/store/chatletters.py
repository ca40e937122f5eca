"""Answers of chats that go out by mail: which are due, and what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlmodel import Session

from inbox.store.deliveries import Delivery
from models import (
    Attachment,
    ChannelKind,
    ChatLetter,
    Conversation,
    Direction,
    Message,
    Outbox,
    OutboxKind,
)
from models.base import columns, core

letters = columns(ChatLetter)
messages = columns(Message)
conversations = columns(Conversation)
outbox = columns(Outbox)
attachments = columns(Attachment)

MOST_AT_ONCE = 50  # conversations


@dataclass(frozen=True, slots=True)
class Letter:
    """What became of an answer: its mail, or why there is none; neither while it waits."""

    reason: str
    mail: Delivery | None


def plan(session: Session, message_id: int, due_at: datetime) -> None:
    """Have somebody look at ``due_at`` whether an answer has to go out by mail."""
    session.add(ChatLetter(message_id=message_id, due_at=due_at))


def _waiting() -> tuple[ColumnElement[bool], ...]:
    return (letters.outbox_id.is_(None), letters.reason == "")


def is_due(session: Session, now: datetime) -> bool:
    """Tell whether there is something to look at."""
    found = select(letters.id).where(*_waiting(), letters.due_at <= now).limit(1)
    return session.execute(found).first() is not None


def due_numbers(session: Session, now: datetime) -> list[int]:
    """Return the conversations with an answer to look at."""
    found = session.execute(
        select(messages.conversation_id)
        .join(core(ChatLetter), letters.message_id == messages.id)
        .where(*_waiting(), letters.due_at <= now)
        .distinct()
        .order_by(messages.conversation_id)
        .limit(MOST_AT_ONCE)
    )
    return list(found.scalars())


def claim(session: Session, number: int) -> list[tuple[ChatLetter, Message]]:
    """Return what waits in a conversation, the oldest answer first, due or not.

    Only what no other worker has in hands.
    """
    found = session.execute(
        select(ChatLetter, Message)
        .join(core(Message), messages.id == letters.message_id)
        .where(messages.conversation_id == number, *_waiting())
        .order_by(messages.id)
        .with_for_update(of=ChatLetter, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return [(letter, message) for letter, message in found]


def forget(session: Session, ids: Sequence[int]) -> None:
    """Drop answers that the visitor has seen."""
    session.execute(delete(ChatLetter).where(letters.id.in_(list(ids))))


def put_off(session: Session, ids: Sequence[int], due_at: datetime) -> None:
    """Look again later."""
    session.execute(update(ChatLetter).where(letters.id.in_(list(ids))).values(due_at=due_at))


def settle(
    session: Session, ids: Sequence[int], *, outbox_id: int | None = None, reason: str = ""
) -> None:
    """Note the mail of answers, or why there is none."""
    session.execute(
        update(ChatLetter)
        .where(letters.id.in_(list(ids)), *_waiting())
        .values(outbox_id=outbox_id, reason=reason)
    )


def last_address(session: Session, number: int) -> str:
    """Return the address that the visitor gave or wrote from last in a conversation, or ""."""
    found = session.execute(
        select(messages.sender_address)
        .where(
            messages.conversation_id == number,
            messages.direction == Direction.INBOUND,
            messages.is_machine.is_(False),
            messages.sender_address != "",
        )
        .order_by(messages.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return found or ""


def with_files(session: Session, ids: Sequence[int]) -> set[int]:
    """Return which of these messages carry files."""
    found = select(attachments.message_id).where(attachments.message_id.in_(list(ids)))
    return set(session.execute(found.distinct()).scalars())


def was_mailed(session: Session, number: int, address: str) -> bool:
    """Tell whether answers of a chat went out to an address."""
    found = session.execute(
        select(outbox.id)
        .join(
            core(Conversation),
            and_(
                conversations.id == outbox.conversation_id,
                conversations.channel == ChannelKind.CHAT,
            ),
        )
        .where(
            outbox.conversation_id == number,
            outbox.kind == OutboxKind.REPLY,
            outbox.to_address == address,
        )
        .limit(1)
    ).first()
    return found is not None


def list_letters(
    session: Session, numbers: Sequence[int], mails: Sequence[Delivery]
) -> dict[int, Letter]:
    """Return what became of the answers of conversations, by message id."""
    known = {one.id: one for one in mails}
    found = session.execute(
        select(letters.message_id, letters.reason, letters.outbox_id)
        .join(core(Message), messages.id == letters.message_id)
        .where(messages.conversation_id.in_(list(numbers)))
    )
    return {row.message_id: Letter(row.reason, known.get(row.outbox_id or 0)) for row in found}
