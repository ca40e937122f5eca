"""Promises by product group, and how many had to ask again while they waited."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, exists, func, select
from sqlmodel import Session

from models import ClockKind, Conversation, Event, EventKind, SLAClock, Status
from models.base import columns, core

talks = columns(Conversation)
clocks = columns(SLAClock)
events = columns(Event)


@dataclass(frozen=True, slots=True)
class ProductLine:
    """One product group's requests of a period; None is those without one."""

    group: str | None
    received: int
    in_time: int  # first replies
    late: int
    asked_again: int  # requests that had to


def list_lines(session: Session, since: datetime, until: datetime) -> list[ProductLine]:
    """Return what arrived in [since, until], by product group, the largest first.

    A first reply that is owed still is neither in time nor late before its time has passed.
    """
    end = func.coalesce(clocks.met_at, until)
    owed = clocks.cancelled_at.is_(None)
    was_late = case((and_(owed, end > clocks.due_at), 1), else_=0)
    was_met = case((and_(owed, clocks.met_at <= clocks.due_at), 1), else_=0)
    asked_while = (
        exists()
        .where(
            events.conversation_id == talks.id,
            events.kind == EventKind.ASKED,
            events.at > clocks.started_at,
            events.at < func.coalesce(clocks.met_at, clocks.cancelled_at, until),
        )
        .correlate(Conversation, SLAClock)
    )
    count = func.count()
    rows = session.execute(
        select(
            talks.product_group,
            count.label("received"),
            func.sum(was_met),
            func.sum(was_late),
            func.sum(case((asked_while, 1), else_=0)),
        )
        .join(
            core(SLAClock),
            and_(
                clocks.conversation_id == talks.id,
                clocks.kind == ClockKind.FIRST_RESPONSE,
            ),
        )
        .where(
            clocks.due_at >= since,  # as every clock that started since; it has an index
            clocks.started_at >= since,
            clocks.started_at <= until,
            talks.status.not_in((Status.SPAM, Status.MERGED)),
        )
        .group_by(talks.product_group)
        .order_by(count.desc(), talks.product_group)
    )
    return [ProductLine(row[0], row[1], int(row[2]), int(row[3]), int(row[4])) for row in rows]
