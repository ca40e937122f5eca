"""Who of us was told what about a conversation, and what its ladder will still do."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import Session

from models import EscalationStep, Notice
from models.base import columns

notices = columns(Notice)
steps = columns(EscalationStep)


def list_told(session: Session, number: int) -> Sequence[Notice]:
    """Return a conversation's notices, the oldest first."""
    query = select(Notice).where(notices.conversation_id == number).order_by(notices.id)
    return session.execute(query).scalars().all()


def list_coming(session: Session, number: int) -> Sequence[EscalationStep]:
    """Return the steps of a conversation's ladders that have not fired."""
    waits = (steps.fired_at.is_(None), steps.cancelled_at.is_(None))
    query = select(EscalationStep).where(steps.conversation_id == number, *waits)
    return session.execute(query).scalars().all()
