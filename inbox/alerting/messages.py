"""Messages to chats and browsers as a queue: claimed, fenced before the request, settled.

What may have arrived is never sent again by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from models import AlertMessage, DeliveryState
from models.base import columns

messages = columns(AlertMessage)

BATCH = 5  # their sending lies inside one lease
LEASE = timedelta(seconds=60)
GIVE_UP_AFTER = timedelta(hours=12)  # an alert of yesterday helps nobody
FIRST_RETRY_S, LONGEST_RETRY_S = 5, 900
OWED = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed message."""

    id: int
    agent_id: int
    address: str
    facts: dict[str, Any]
    attempts: int
    created_at: datetime


def waits(session: Session, way: str, now: datetime) -> bool:
    """Tell whether there is something to send, without taking the writers' turn."""
    owed = messages.state.in_(OWED), messages.leased_until <= now, messages.way == way
    return session.execute(select(messages.id).where(*owed).limit(1)).first() is not None


def claim(session: Session, way: str, now: datetime) -> list[Job]:
    """Lease messages whose time has come; what was being sent when a worker died is unknown."""
    due = messages.leased_until <= now, messages.way == way
    session.execute(
        update(AlertMessage)
        .where(messages.state == DeliveryState.SENDING, *due)
        .values(state=DeliveryState.UNCONFIRMED, error="We were stopped while sending it.")
    )
    ids = list(
        session.execute(
            select(messages.id)
            .where(messages.state.in_([DeliveryState.QUEUED, DeliveryState.CLAIMED]), *due)
            .order_by(messages.leased_until, messages.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).scalars()
    )
    if not ids:
        return []
    session.execute(
        update(AlertMessage)
        .where(messages.id.in_(ids))
        .values(
            state=DeliveryState.CLAIMED,
            leased_until=now + LEASE,
            attempts=messages.attempts + 1,
        )
    )
    shown = [messages[name] for name in Job.__dataclass_fields__]
    rows = session.execute(select(*shown).where(messages.id.in_(ids)).order_by(messages.id))
    return [Job(*row) for row in rows]


def _move(session: Session, job: Job, before: Sequence[DeliveryState], **values: Any) -> bool:
    """Change a row that is still ours (same attempt, expected state)."""
    done = session.execute(
        update(AlertMessage)
        .where(
            messages.id == job.id,
            messages.state.in_(before),
            messages.attempts == job.attempts,
        )
        .values(**values)
    )
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def fence(session: Session, job: Job, now: datetime) -> bool:
    """Commit that it goes out next."""
    until = now + LEASE
    return _move(
        session, job, [DeliveryState.CLAIMED], state=DeliveryState.SENDING, leased_until=until
    )


def settle(
    session: Session,
    job: Job,
    state: DeliveryState,
    error: str,
    sent_at: datetime | None = None,
) -> None:
    """Write down how it went."""
    before = [DeliveryState.CLAIMED, DeliveryState.SENDING]
    _move(session, job, before, state=state, error=error[:300], sent_at=sent_at)


def settle_all(session: Session, jobs: Sequence[Job], reason: str) -> None:
    """Write down that nothing can be sent, and why."""
    for job in jobs:
        settle(session, job, DeliveryState.FAILED, reason)


def postpone(session: Session, job: Job, reason: str, now: datetime, wait_s: int = 0) -> None:
    """Have it tried again, after ``wait_s`` at least; not for ever."""
    if now - job.created_at > GIVE_UP_AFTER:
        settle(session, job, DeliveryState.FAILED, f"Given up. {reason}")
        return
    pause_s = min(FIRST_RETRY_S * 2 ** (job.attempts - 1), LONGEST_RETRY_S)
    put_back(session, job, now + timedelta(seconds=max(pause_s, wait_s)), reason)


def put_back(session: Session, job: Job, until: datetime, reason: str) -> None:
    """Have it tried again at a moment."""
    _move(
        session,
        job,
        [DeliveryState.CLAIMED, DeliveryState.SENDING],
        state=DeliveryState.QUEUED,
        leased_until=until,
        error=reason[:300],
    )
