"""Unfinished conversations that change hands many at a time."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlmodel import Session

from inbox.db import after_commit
from inbox.queue import conversation_name, notices_name
from inbox.store.staff import WORK
from models import Conversation
from models.base import columns

conversations = columns(Conversation)


def list_batch(session: Session, whose: ColumnElement[bool], limit: int) -> Sequence[Any]:
    """Return some unfinished conversations, the most pressing first, locked to be changed.

    Each row has ``id``, ``team_id`` and ``owner_id``.
    """
    return session.execute(
        select(conversations.id, conversations.team_id, conversations.owner_id)
        .where(whose, conversations.status.in_(WORK))
        .order_by(conversations.order_at, conversations.id)
        .limit(limit)
        .with_for_update()
    ).all()


def announce_moved(session: Session, numbers: Iterable[int], told: Iterable[int] = ()) -> None:
    """Have lists and open pages look again once this unit of work is committed."""
    names = [conversation_name(number) for number in numbers]
    after_commit(session, "list", *names, *(notices_name(one) for one in told))
