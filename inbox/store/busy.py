"""When people are in meetings, as their own calendars say."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlmodel import Session

from models import BusyTime
from models.base import columns, core

busy = columns(BusyTime)

Span = tuple[datetime, datetime]


def keep(session: Session, agent_id: int, spans: Sequence[Span]) -> None:
    """Let somebody's meetings be these."""
    session.execute(delete(BusyTime).where(busy.agent_id == agent_id))
    if spans:
        rows = [{"agent_id": agent_id, "starts_at": a, "ends_at": b} for a, b in spans]
        session.execute(insert(core(BusyTime)), rows)


def list_busy(
    session: Session, since: datetime, until: datetime, agent_ids: Iterable[int] | None = None
) -> dict[int, list[Span]]:
    """Return everybody's meetings that touch [since, until), in order."""
    query = select(busy.agent_id, busy.starts_at, busy.ends_at).where(
        busy.ends_at > since, busy.starts_at < until
    )
    if agent_ids is not None:
        query = query.where(busy.agent_id.in_(list(agent_ids)))
    found: dict[int, list[Span]] = defaultdict(list)
    for agent_id, begin, end in session.execute(query.order_by(busy.starts_at)):
        found[agent_id].append((begin, end))
    return dict(found)
