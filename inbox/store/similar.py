"""Which conversations began with much the same words, and what helped then.

Rows only: a worker compares (``inbox.learning.likening``), pages read.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, select
from sqlmodel import Session

from inbox.store.counts import looker, seen_by
from inbox.store.people import Person
from models import Conversation, Direction, Message, SimilarMessage, Status
from models.base import columns, core

alike = columns(SimilarMessage)
conversations = columns(Conversation)
messages = columns(Message)

TWIN_FROM = 0.5  # likeness of two open requests of one customer that are perhaps one matter
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Helped:
    """An answered conversation, how alike its first words are, and the last answer."""

    number: int
    subject: str
    likeness: float
    answer: str


@cache
def _answered(sees_all: bool) -> Select[Any]:
    return (
        select(conversations.id, conversations.subject, alike.likeness)
        .join(core(SimilarMessage), alike.other_id == conversations.id)
        .where(
            alike.conversation_id == bindparam("number"),
            conversations.first_responded_at.is_not(None),
            conversations.status.not_in((Status.SPAM, Status.MERGED)),
            seen_by(sees_all),
        )
        .order_by(alike.likeness.desc(), conversations.id.desc())
        .limit(SHOWN)
    )


def list_answered(session: Session, number: int, who: Person) -> list[Helped]:
    """Return the most similar answered ones that this person may see, the nearest first."""
    found = session.execute(_answered(who.sees_all), {"number": number, **looker(who)}).all()
    answers = last_answers(session, [row.id for row in found])
    return [
        Helped(row.id, row.subject, row.likeness, answers[row.id])
        for row in found
        if row.id in answers
    ]


def last_answers(session: Session, numbers: list[int]) -> dict[int, str]:
    """Return the last answer of each conversation, where somebody gave one."""
    if not numbers:
        return {}
    last = (
        select(func.max(messages.id))
        .where(messages.conversation_id.in_(numbers), messages.direction == Direction.OUTBOUND)
        .group_by(messages.conversation_id)
    )
    rows = session.execute(
        select(messages.conversation_id, messages.text).where(messages.id.in_(last))
    )
    return {row.conversation_id: row.text for row in rows if row.text.strip()}


_TWINS = select(alike.other_id).where(
    alike.conversation_id == bindparam("number"), alike.likeness >= TWIN_FROM
)


def twins_of(session: Session, number: int) -> frozenset[int]:
    """Return what began so much alike that it may be the same matter."""
    found = session.execute(_TWINS, {"number": number})
    return frozenset(int(one) for one in found.scalars())
