"""Unfinished conversations that nothing would bring back to anybody."""

from sqlalchemy import and_, exists, or_, select
from sqlmodel import Session

from models import Conversation, SLAClock, Status
from models.base import columns

conversations = columns(Conversation)
clocks = columns(SLAClock)

_RUNS = exists().where(
    clocks.conversation_id == conversations.id,
    clocks.met_at.is_(None),
    clocks.cancelled_at.is_(None),
    clocks.paused_at.is_(None),
)
ADRIFT = and_(
    conversations.waiting_until.is_(None),
    or_(
        conversations.status.in_([Status.WAITING, Status.SNOOZED]),
        and_(conversations.status == Status.OPEN, ~_RUNS),
    ),
)
"""Neither a running clock nor a date (F117)."""


def list_adrift(session: Session, limit: int) -> list[int]:
    """Return the numbers of some of them."""
    found = session.execute(
        select(conversations.id).where(ADRIFT).order_by(conversations.id).limit(limit)
    )
    return list(found.scalars())
