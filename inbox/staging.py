"""Raw first: a message is stored and committed before its sender is told yes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session

from inbox.db import after_commit, insert_into
from inbox.queue import INTAKE
from models import ChannelKind, RawMessage, RawState
from models.base import columns

raws = columns(RawMessage)

# What every way in keeps to, so that a mail refused by one is not taken by another.
MAX_MAIL_BYTES = 35 * 1024 * 1024
MAX_BACKLOG = 50_000  # messages not yet taken in; with more, senders keep theirs
MIN_FREE_BYTES = 100 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it came in, and how to know it again."""

    inbox_id: int
    kind: ChannelKind
    dedupe_key: str
    body: bytes
    meta: dict[str, Any]
    public_token: str | None = None


@dataclass(frozen=True, slots=True)
class Staged:
    """The stored row; not ``is_new`` when it was there already, ``is_same`` by its bytes."""

    id: int
    public_token: str | None
    is_new: bool
    is_same: bool = True


def stage(session: Session, arrival: Arrival, now: datetime) -> Staged:
    """Store a raw message once; the same one again returns the first row."""
    statement = (
        insert_into(session, RawMessage)
        .values(
            inbox_id=arrival.inbox_id,
            kind=arrival.kind,
            dedupe_key=arrival.dedupe_key,
            body=arrival.body,
            meta=arrival.meta,
            public_token=arrival.public_token,
            received_at=now,
            state=RawState.PENDING,
            attempts=0,
            failures=0,
            leased_until=now,
            error="",
        )
        .on_conflict_do_nothing(index_elements=["dedupe_key"])
        .returning(raws.id)
    )
    new = session.execute(statement).scalar_one_or_none()
    after_commit(session, INTAKE)
    if new is not None:
        return Staged(new, arrival.public_token, is_new=True)
    row = session.execute(
        select(raws.id, raws.public_token, raws.body).where(
            raws.dedupe_key == arrival.dedupe_key
        )
    ).one()
    return Staged(row.id, row.public_token, is_new=False, is_same=row.body == arrival.body)


def count_waiting(session: Session, most: int) -> int:
    """Count messages not yet taken in, up to ``most``."""
    some = select(raws.id).where(raws.state == RawState.PENDING).limit(most).subquery()
    return int(session.execute(select(func.count()).select_from(some)).scalar_one())
