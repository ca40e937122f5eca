"""The clock by which people are told of a conversation."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import Session

from models import SLAClock
from models.base import columns

clocks = columns(SLAClock)


def clocks_for(session: Session, numbers: Sequence[int]) -> dict[int, SLAClock]:
    """Return a clock of each conversation: of those that run the one due next, else the last.

    A conversation that never had a clock is missing.
    """
    found: dict[int, SLAClock] = {}
    query = select(SLAClock).where(clocks.conversation_id.in_(list(numbers)))
    for clock in session.execute(query.order_by(clocks.id)).scalars():
        best = found.get(clock.conversation_id)
        if best is None or _rank(clock) > _rank(best):
            found[clock.conversation_id] = clock
    return found


def _rank(clock: SLAClock) -> tuple[bool, float, int]:
    runs = clock.met_at is None and clock.cancelled_at is None
    return runs, -clock.due_at.timestamp() if runs else 0.0, clock.id
