"""Taking note of an alert, "I have it": once, by whoever was told, seen by colleagues.

A mail's link names what went out together, to whom and when; it is signed, and works for a
week. Looking at it changes nothing: the page behind it has the button.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import Session

from inbox.auth import sign, signed
from inbox.db import after_commit
from inbox.errors import NotFound
from inbox.queue import conversation_name, notices_name
from inbox.store.changes import add_event
from inbox.templating import N_
from models import Agent, Conversation, EventKind, Notice
from models.base import columns, core

agents = columns(Agent)
notices = columns(Notice)
conversations = columns(Conversation)

PURPOSE = "alert"
WORKS_FOR = timedelta(days=7)
GONE = N_("This link has expired, or is not whole. Your notices are on the page “Notices”.")


@dataclass(frozen=True, slots=True)
class Group:
    """What went out to one person at one moment."""

    agent_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """An alert as the page behind its link shows it."""

    id: int
    number: int | None
    subject: str | None
    kind: str
    step: str
    data: dict[str, Any]
    due_at: datetime
    is_taken: bool


def make_token(secret: bytes, group: Group) -> str:
    """Return the signed part of a link's address."""
    micros = (group.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    text = f"{group.agent_id}.{micros}"
    return f"{text}.{sign(secret, PURPOSE, text)}"


def read_token(secret: bytes, token: str, now: datetime) -> Group:
    """Return what a link is for.

    Raises
    ------
    NotFound
        If we did not sign it, or it has expired.
    """
    text, _, signature = token.rpartition(".")
    agent_id, _, micros = text.partition(".")
    if not (agent_id.isdecimal() and micros.isdecimal() and len(token) < 120):
        raise NotFound(GONE)
    if not signed(secret, PURPOSE, text, signature):
        raise NotFound(GONE)
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(micros))
    if now > at + WORKS_FOR:
        raise NotFound(GONE)
    return Group(int(agent_id), at)


def list_group(session: Session, group: Group) -> tuple[str, list[Told]]:
    """Return the person's language and what went out together, the first due first.

    Raises
    ------
    NotFound
        If that person does not work here any more, or nothing of it is there.
    """
    language = session.execute(
        select(agents.language).where(agents.id == group.agent_id, agents.is_active.is_(True))
    ).scalar_one_or_none()
    rows = session.execute(
        select(
            notices.id,
            notices.conversation_id,
            conversations.subject,
            notices.kind,
            notices.step,
            notices.data,
            notices.due_at,
            notices.taken_at.is_not(None),
        )
        .outerjoin(core(Conversation), conversations.id == notices.conversation_id)
        .where(
            notices.agent_id == group.agent_id,
            notices.mailed_at == group.at,
            notices.told_by != "",
        )
        .order_by(notices.due_at, notices.id)
    )
    found = [Told(*row) for row in rows]
    if language is None or not found:
        raise NotFound(GONE)
    return str(language), found


def take(session: Session, agent_id: int, ids: Sequence[int], now: datetime) -> int:
    """Take note of one's own notices; return of how many that were not taken before.

    Others' notices and those taken already are passed over: pressing twice is once.
    """
    taken = session.execute(
        update(core(Notice))
        .where(
            notices.id.in_(list(ids)),
            notices.agent_id == agent_id,
            notices.taken_at.is_(None),
        )
        .values(taken_at=now, read_at=func.coalesce(notices.read_at, now))
        .returning(notices.id, notices.conversation_id, notices.step, notices.clock_id)
    ).all()
    about_one = (row for row in taken if row.conversation_id is not None)
    for row in sorted(about_one, key=lambda row: row.id):
        data: dict[str, Any] = {"notice": row.id, "step": row.step, "clock": row.clock_id}
        add_event(session, row.conversation_id, EventKind.TAKEN_NOTE, now, data, by=agent_id)
        after_commit(session, conversation_name(row.conversation_id))
    if taken:
        after_commit(session, notices_name(agent_id))
    return len(taken)


def take_of_conversation(session: Session, agent_id: int, number: int, now: datetime) -> int:
    """Take note of all that one was told about a conversation."""
    ids = list_open(session, agent_id, number)
    return take(session, agent_id, ids, now) if ids else 0


def list_open(session: Session, agent_id: int, number: int) -> list[int]:
    """Return one's notices about a conversation that nobody took note of."""
    return list(
        session.execute(
            select(notices.id).where(
                notices.conversation_id == number,
                notices.agent_id == agent_id,
                notices.taken_at.is_(None),
            )
        ).scalars()
    )
