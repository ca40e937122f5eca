"""Who of us was told what about a conversation, and what its ladder will still do."""

from collections.abc import Sequence

from sqlalchemy import bindparam, select
from sqlmodel import Session

from models import EscalationStep, Notice
from models.base import columns

notices = columns(Notice)
steps = columns(EscalationStep)


_TOLD = (
    select(Notice).where(notices.conversation_id == bindparam("number")).order_by(notices.id)
)
_COMING = select(EscalationStep).where(
    steps.conversation_id == bindparam("number"),
    steps.fired_at.is_(None),
    steps.cancelled_at.is_(None),
)


def list_told(session: Session, number: int) -> Sequence[Notice]:
    """Return a conversation's notices, the oldest first."""
    return session.execute(_TOLD, {"number": number}).scalars().all()


def list_coming(session: Session, number: int) -> Sequence[EscalationStep]:
    """Return the steps of a conversation's ladders that have not fired."""
    return session.execute(_COMING, {"number": number}).scalars().all()
