"""Raw messages on their way in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import Session

from inbox.store import ledger
from inbox.store.audit import add_entry
from models import (
    AuditAction,
    AuditThing,
    ChannelKind,
    LedgerState,
    RawMessage,
    RawState,
)
from models.base import columns, core

raws = columns(RawMessage)

LEASE = timedelta(seconds=5)  # renewed while the work goes on
MAX_FAILURES = 3
BATCH_BYTES = 32 * 1024 * 1024  # of one claim, which are all in memory; its last may be over
DEADLY = "Every worker that took it in died over it."
MAX_ATTEMPTS = 25  # workers that died over it; more than a bad day of restarts


@dataclass(frozen=True, slots=True)
class Claimed:
    """A raw message that this worker works on until its lease ends."""

    id: int
    inbox_id: int
    kind: ChannelKind
    body: bytes
    meta: dict[str, Any]
    public_token: str | None
    received_at: datetime
    attempts: int


def claim(session: Session, now: datetime, limit: int) -> list[Claimed]:
    """Lease messages that wait, oldest first; their attempt is counted before the work.

    One over which very many workers died is quarantined instead.
    """
    waiting = session.execute(
        select(raws.id, raws.attempts, func.length(raws.body).label("size"))
        .where(raws.state == RawState.PENDING, raws.leased_until <= now)
        .order_by(raws.leased_until, raws.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    deadly = [row.id for row in waiting if row.attempts >= MAX_ATTEMPTS]
    if deadly:
        session.execute(
            update(RawMessage)
            .where(raws.id.in_(deadly))
            .values(
                state=RawState.QUARANTINED,
                error=DEADLY,
            )
        )
        for raw_id in deadly:
            ledger.move(session, raw_id, LedgerState.QUARANTINED, DEADLY)
    ids: list[int] = []
    room = BATCH_BYTES
    for row in waiting:
        if row.attempts < MAX_ATTEMPTS and (room > 0 or not ids):
            ids.append(row.id)
            room -= row.size
    if not ids:
        return []
    rows = session.execute(
        update(core(RawMessage))
        .where(raws.id.in_(ids))
        .values(leased_until=now + LEASE, attempts=raws.attempts + 1)
        .returning(*(raws[name] for name in Claimed.__dataclass_fields__))
    )
    return sorted((Claimed(*row) for row in rows), key=lambda one: one.id)


def waits(session: Session, now: datetime) -> bool:
    """Tell whether there is something to claim, without taking the writers' turn."""
    found = session.execute(
        select(raws.id).where(raws.state == RawState.PENDING, raws.leased_until <= now).limit(1)
    ).first()
    return found is not None


def renew(session: Session, ids: list[int], now: datetime) -> None:
    """Keep the lease on messages that are being worked on, without waiting.

    What is just being stored is locked, so that nobody claims it, and is not waited for.
    """
    free = (
        select(raws.id)
        .where(raws.id.in_(ids), raws.state == RawState.PENDING)
        .order_by(raws.id)
        .with_for_update(skip_locked=True)
    )
    session.execute(
        update(RawMessage).where(raws.id.in_(free)).values(leased_until=now + LEASE)
    )


def fail(session: Session, raw_id: int, reason: str, now: datetime) -> bool:
    """Put a message back to the end of the line, or into quarantine; True if the latter."""
    failures = session.execute(
        update(RawMessage)
        .where(raws.id == raw_id, raws.state == RawState.PENDING)
        .values(failures=raws.failures + 1)
        .returning(raws.failures)
    ).scalar_one_or_none()
    if failures is None:
        return False
    over = bool(failures >= MAX_FAILURES)
    session.execute(
        update(RawMessage)
        .where(raws.id == raw_id, raws.state == RawState.PENDING)
        .values(
            state=RawState.QUARANTINED if over else RawState.PENDING,
            error=reason[:500],
            leased_until=now + timedelta(seconds=failures),
        )
    )
    if over:
        ledger.move(session, raw_id, LedgerState.QUARANTINED, reason)
    return over


def list_quarantined(session: Session, limit: int = 200) -> Sequence[Any]:
    """Return what is in quarantine, newest first, without the bytes."""
    return session.execute(
        select(raws.id, raws.kind, raws.meta, raws.received_at, raws.attempts, raws.error)
        .where(raws.state == RawState.QUARANTINED)
        .order_by(raws.id.desc())
        .limit(limit)
    ).all()


def find_quarantined(session: Session, raw_id: int) -> RawMessage | None:
    """Return one message in quarantine."""
    return session.execute(
        select(RawMessage).where(raws.id == raw_id, raws.state == RawState.QUARANTINED)
    ).scalar_one_or_none()


def try_again(session: Session, raw_id: int, now: datetime, *, by: int | None = None) -> bool:
    """Put a message from quarantine back into the line; False if it is not there."""
    done = session.execute(
        update(RawMessage)
        .where(raws.id == raw_id, raws.state == RawState.QUARANTINED)
        .values(state=RawState.PENDING, attempts=0, failures=0, leased_until=now)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        return False
    ledger.move(session, raw_id, LedgerState.WAITING)
    add_entry(
        session,
        AuditThing.MESSAGE,
        raw_id,
        AuditAction.CHANGED,
        now,
        by=by,
        before={"state": RawState.QUARANTINED.value},
        after={"state": RawState.PENDING.value},
    )
    return True
