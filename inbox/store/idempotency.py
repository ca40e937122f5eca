"""What a POST with a key answered, so that the same one again has no second effect."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlmodel import Session

from inbox.db import insert_into
from inbox.errors import Invalid
from models import IdempotencyKey
from models.base import columns

keys = columns(IdempotencyKey)
KEPT = timedelta(days=2)  # a day is promised


class KeyReused(Invalid):
    """The key came before, with something else to do."""

    problem_type = "urn:kip:problem:key-reused"


@dataclass(frozen=True, slots=True)
class Given:
    """A key as somebody sent it, and a fingerprint of what is to be done."""

    agent_id: int
    path: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a JSON body and perhaps where to find what was made."""

    status: int
    body: str
    location: str = ""
    replayed: bool = False


def begin(session: Session, given: Given, now: datetime) -> Answer | None:
    """Take a key; return the first answer if there is one already.

    On PostgreSQL this waits until another holder of the key has committed or given up; on
    SQLite writers take turns anyway.

    Raises
    ------
    KeyReused
        If the key came with another body.
    """
    session.execute(delete(IdempotencyKey).where(keys.created_at < now - KEPT))
    statement = insert_into(session, IdempotencyKey).values(
        agent_id=given.agent_id,
        path=given.path,
        key=given.key,
        fingerprint=given.fingerprint,
        status=None,
        body="",
        location="",
        created_at=now,
    )
    statement = statement.on_conflict_do_nothing(index_elements=["agent_id", "path", "key"])
    session.execute(statement)
    row = session.execute(
        select(keys.fingerprint, keys.status, keys.body, keys.location).where(*_is(given))
    ).one()
    if row.fingerprint != given.fingerprint:
        raise KeyReused("This Idempotency-Key came before with another body. Use a new key.")
    if row.status is None:
        return None
    return Answer(row.status, row.body, row.location, replayed=True)


def finish(session: Session, given: Given, answer: Answer) -> Answer:
    """Keep the answer, unless another holder of the key was faster; return the one kept."""
    session.execute(
        update(IdempotencyKey)
        .where(*_is(given), keys.status.is_(None))
        .values(status=answer.status, body=answer.body, location=answer.location)
    )
    row = session.execute(
        select(keys.status, keys.body, keys.location).where(*_is(given))
    ).one_or_none()
    return answer if row is None else Answer(row.status, row.body, row.location)


def _is(given: Given) -> tuple[ColumnElement[bool], ...]:
    return (
        keys.agent_id == given.agent_id,
        keys.path == given.path,
        keys.key == given.key,
    )
