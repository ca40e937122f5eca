"""Questions between teams: who may see them, and the lists of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select, true
from sqlmodel import Session

from inbox.errors import NotFound
from inbox.store.counts import TEAMS, visible_to
from inbox.store.people import Person
from models import Ask, Conversation
from models.base import columns, core

asks = columns(Ask)
conversations = columns(Conversation)

IS_OPEN = and_(asks.answered_at.is_(None), asks.withdrawn_at.is_(None))
MOST = 200  # of one list


@dataclass(frozen=True, slots=True)
class AskRow:
    """A question with its request's subject."""

    id: int
    conversation_id: int
    team_id: int
    asked_by_id: int
    question: str
    asked_at: datetime
    due_at: datetime
    taken_by_id: int | None
    answer: str
    answered_at: datetime | None
    answered_by_id: int | None
    withdrawn_at: datetime | None
    subject: str

    @property
    def is_open(self) -> bool:
        """Whether an answer is still awaited."""
        return self.answered_at is None and self.withdrawn_at is None


_ROWS = select(
    *(asks[name] for name in AskRow.__dataclass_fields__ if name != "subject"),
    conversations.subject,
).join(core(Conversation), conversations.id == asks.conversation_id)


def asked_of(who: Person) -> ColumnElement[bool]:
    """Return the condition for conversations about which a person's team is being asked.

    Only while the question is open: whoever was asked reads no further afterwards.
    """
    return _asked(sorted(who.team_ids))


def _asked(team_ids: Any) -> ColumnElement[bool]:
    open_to = select(asks.conversation_id).where(IS_OPEN, asks.team_id.in_(team_ids))
    return conversations.id.in_(open_to)


ASKED = _asked(TEAMS)
"""That condition with parameters for ``looker``, for statements written once."""


def is_answered_by(who: Person) -> ColumnElement[bool]:
    """Return the condition on asks that this person may answer them."""
    return true() if who.sees_all else asks.team_id.in_(sorted(who.team_ids))


def list_asked_of(session: Session, who: Person) -> list[AskRow]:
    """Return the open questions to a person's teams (to every team), nearest due time first."""
    return _found(session, _ROWS.where(IS_OPEN, is_answered_by(who)))


def list_asked_by(session: Session, who: Person) -> list[AskRow]:
    """Return the open questions that a person asked, or that are about what they own."""
    mine = or_(asks.asked_by_id == who.id, conversations.owner_id == who.id)
    return _found(session, _ROWS.where(IS_OPEN, mine))


def _found(session: Session, query: Select[tuple[object, ...]]) -> list[AskRow]:
    rows = session.execute(query.order_by(asks.due_at, asks.id).limit(MOST))
    return [AskRow(*row) for row in rows]


_ABOUT = _ROWS.where(asks.conversation_id == bindparam("number")).order_by(asks.id)


def list_about(session: Session, conversation_id: int) -> list[AskRow]:
    """Return every question about one conversation, the oldest first."""
    return [AskRow(*row) for row in session.execute(_ABOUT, {"number": conversation_id})]


def get_ask(session: Session, ask_id: int, who: Person) -> AskRow:
    """Return a question to a person's team, or about a conversation that they may see.

    Raises
    ------
    NotFound
        If there is none, or it is neither.
    """
    may = or_(visible_to(who), is_answered_by(who))
    row = session.execute(_ROWS.where(asks.id == ask_id, may)).one_or_none()
    if row is None:
        raise NotFound("There is no such question, or it is not for your team.")
    return AskRow(*row)


def next_due(session: Session) -> datetime | None:
    """Return when the next question that nobody was told of falls due."""
    found: datetime | None = session.execute(
        select(asks.due_at)
        .where(IS_OPEN, asks.warned_at.is_(None))
        .order_by(asks.due_at)
        .limit(1)
    ).scalar_one_or_none()
    return found


def list_overdue(session: Session, now: datetime, limit: int) -> list[Ask]:
    """Return open questions past their due time of which nobody was told."""
    query = select(Ask).where(IS_OPEN, asks.warned_at.is_(None), asks.due_at <= now)
    found: Iterable[Ask] = session.execute(
        query.order_by(asks.due_at, asks.id).limit(limit)
    ).scalars()
    return list(found)


def open_ids(session: Session, conversation_id: int) -> list[int]:
    """Return the ids of the open questions about a conversation."""
    query = select(asks.id).where(IS_OPEN, asks.conversation_id == conversation_id)
    return list(session.execute(query.order_by(asks.id)).scalars())
