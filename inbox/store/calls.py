"""Calls as pages and take-in look them up."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session

from inbox.store.counts import may_open
from inbox.store.people import Person
from models import Agent, Call, ChannelKind, Conversation, Message, SLAClock, Status
from models.base import columns

agents = columns(Agent)
calls = columns(Call)
clocks = columns(SLAClock)
conversations = columns(Conversation)
messages = columns(Message)

IN_WORK = (Status.OPEN, Status.WAITING, Status.SNOOZED)
SAME_MATTER = timedelta(days=7)  # who rings again so soon rings about the same
A_WEEK = timedelta(days=7)


def find_call(session: Session, inbox_id: int, call_id: str) -> Call | None:
    """Return what is known of a switchboard's call, locked to be changed."""
    return session.execute(
        select(Call)
        .where(calls.inbox_id == inbox_id, calls.call_id == call_id)
        .with_for_update()
    ).scalar_one_or_none()


def calls_of(session: Session, said: Iterable[Message]) -> dict[int, Call]:
    """Return what is known of the calls among messages, by message id; asks only for calls."""
    ids = [one.id for one in said if one.channel is ChannelKind.PHONE]
    if not ids:
        return {}
    rows = session.execute(select(Call).where(calls.message_id.in_(ids))).scalars()
    return {row.message_id: row for row in rows}


def find_current(
    session: Session, inbox_id: int, contact_id: int, at: datetime
) -> Conversation | None:
    """Return the unfinished conversation in which somebody last rang here, locked."""
    found: Conversation | None = session.execute(
        select(Conversation)
        .where(
            conversations.contact_id == contact_id,
            conversations.inbox_id == inbox_id,
            conversations.channel == ChannelKind.PHONE,
            conversations.status.in_(IN_WORK),
            func.coalesce(conversations.last_inbound_at, conversations.created_at)
            > at - SAME_MATTER,
        )
        .order_by(conversations.id.desc())
        .limit(1)
        .with_for_update()
    ).scalar_one_or_none()
    return found


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A conversation that a call may be about; ``owes``: the customer waits for an answer."""

    id: int
    subject: str
    owner_id: int | None
    owes: bool


def list_unfinished(
    session: Session, contact_id: int, who: Person | None = None
) -> list[Unfinished]:
    """Return what is open of somebody, who waits longest first; of a person, what they see."""
    query = (
        select(
            conversations.id,
            conversations.subject,
            conversations.owner_id,
            conversations.next_due_at.is_not(None).label("owes"),
        )
        .where(conversations.contact_id == contact_id, conversations.status.in_(IN_WORK))
        .order_by(conversations.order_at, conversations.id.desc())
        .limit(20)
    )
    if who is not None:
        query = query.where(may_open(who))
    return [
        Unfinished(row.id, row.subject, row.owner_id, bool(row.owes))
        for row in session.execute(query)
    ]


def find_agent(session: Session, address: str) -> int | None:
    """Return who works here under an address."""
    found: int | None = session.execute(
        select(agents.id).where(
            agents.email == address.strip().lower(), agents.is_active.is_(True)
        )
    ).scalar_one_or_none()
    return found


@dataclass(frozen=True, slots=True)
class Told:
    """What a switchboard has told within a week, and when it did last."""

    count: int
    last_at: datetime | None


def told_of(session: Session, inbox_id: int, now: datetime) -> Told:
    """Return how a way in of calls does."""
    mine = calls.inbox_id == inbox_id
    row: Any = session.execute(
        select(
            func.count().filter(calls.began_at > now - A_WEEK), func.max(calls.began_at)
        ).where(mine)
    ).one()
    return Told(int(row[0]), row[1])
