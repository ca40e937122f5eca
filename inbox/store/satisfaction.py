"""Who is to be asked how we did, and what was said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, case, exists, func, or_, select
from sqlmodel import Session

from inbox.db import insert_into
from models import Contact, Conversation, Direction, Message, Satisfaction, Score, Status
from models.base import columns, core

asked = columns(Satisfaction)
contacts = columns(Contact)
conversations = columns(Conversation)
messages = columns(Message)

BATCH = 50
LOOKED_AT = timedelta(days=3)  # what was done before that is not asked about any more
REST = timedelta(days=7)  # nobody is asked more often
DIMENSIONS = {
    "agent": asked.agent_id,
    "team": asked.team_id,
    "type": asked.request_type,
    "channel": asked.channel,
}
MOST_LINES = 200


def list_due(session: Session, now: datetime, after: timedelta) -> Sequence[Conversation]:
    """Return conversations whose customers are to be asked, locked; none is seen twice.

    Done for ``after``, answered by a person, not by somebody whose data is restricted or gone,
    and not of a customer who was asked within ``REST``.
    """
    other = columns(Satisfaction)
    was_asked = exists().where(
        or_(
            other.conversation_id == conversations.id,
            and_(other.contact_id == conversations.contact_id, other.asked_at > now - REST),
        )
    )
    query = (
        select(Conversation)
        .join(core(Contact), contacts.id == conversations.contact_id)
        .where(
            conversations.status == Status.RESOLVED,
            conversations.resolved_at <= now - after,
            conversations.resolved_at > now - after - LOOKED_AT,
            conversations.first_responded_at.is_not(None),
            contacts.restricted_at.is_(None),
            contacts.erased_at.is_(None),
            ~was_asked,
        )
        .order_by(conversations.resolved_at)
        .limit(BATCH)
        .with_for_update(of=Conversation, skip_locked=True)
    )
    return session.execute(query).scalars().all()


def is_due(session: Session, now: datetime, after: timedelta) -> bool:
    """Tell whether anything was done in the time that is looked at, without any lock."""
    query = select(conversations.id).where(
        conversations.status == Status.RESOLVED,
        conversations.resolved_at <= now - after,
        conversations.resolved_at > now - after - LOOKED_AT,
    )
    return session.execute(query.limit(1)).first() is not None


def last_author(session: Session, number: int) -> int | None:
    """Return who of us gave the last answer."""
    query = (
        select(messages.author_id)
        .where(
            messages.conversation_id == number,
            messages.direction == Direction.OUTBOUND,
            messages.author_id.is_not(None),
        )
        .order_by(messages.id.desc())
        .limit(1)
    )
    return session.execute(query).scalar_one_or_none()


def begin(session: Session, conversation: Conversation, now: datetime) -> bool:
    """Write down that it is asked about; False if it was."""
    made = session.execute(
        insert_into(session, Satisfaction)
        .values(
            conversation_id=conversation.id,
            contact_id=conversation.contact_id,
            agent_id=last_author(session, conversation.id),
            team_id=conversation.team_id,
            request_type=conversation.request_type,
            channel=conversation.channel,
            asked_at=now,
            comment="",
        )
        .on_conflict_do_nothing(index_elements=["conversation_id"])
        .returning(asked.id)
    )
    return made.scalar_one_or_none() is not None


def find(session: Session, number: int) -> Satisfaction | None:
    """Return what was asked about a conversation, and the answer."""
    return session.execute(
        select(Satisfaction).where(asked.conversation_id == number)
    ).scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class Share:
    """How many were asked, and what they said; ``key`` is what they have in common."""

    key: Any
    asked: int
    good: int
    fair: int
    bad: int

    @property
    def answered(self) -> int:
        """How many said something."""
        return self.good + self.fair + self.bad


def sum_by(session: Session, dimension: str, since: datetime) -> list[Share]:
    """Sum up what was asked since then, by one of ``DIMENSIONS``; most asked first."""
    key = DIMENSIONS[dimension]
    said = [func.sum(case((asked.score == score, 1), else_=0)) for score in Score]
    rows = session.execute(
        select(key, func.count(), *said)
        .where(asked.asked_at >= since)
        .group_by(key)
        .order_by(func.count().desc(), key)
    )
    return [Share(row[0], row[1], *(int(n) for n in row[2:])) for row in rows]


def list_said(session: Session, since: datetime) -> Sequence[Row[Any]]:
    """Return the latest words: conversation, score, comment, when, and who answered them."""
    query = (
        select(
            *(asked.conversation_id, asked.score, asked.comment, asked.answered_at),
            asked.agent_id,
        )
        .where(asked.asked_at >= since, asked.comment != "")
        .order_by(asked.asked_at.desc(), asked.id.desc())
        .limit(MOST_LINES)
    )
    return session.execute(query).all()
