"""What a worker does for one person in the background: rows with a lease, tried five times."""

from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.templating import N_
from models import Erasure, PersonExport, TaskState
from models.base import columns

Task = TypeVar("Task", Erasure, PersonExport)

LEASE = timedelta(minutes=5)
AGAIN = timedelta(seconds=20)
MOST_TRIES = 5
OPEN = (TaskState.WAITING, TaskState.RUNNING)
GAVE_UP = N_("It was tried five times without an end. Look at the worker’s log.")


def find_open(session: Session, table: type[Task], contact_id: int) -> Task | None:
    """Return what is under way for a person."""
    own = columns(table)
    return session.execute(
        select(table).where(own.contact_id == contact_id, own.state.in_(OPEN)).limit(1)
    ).scalar_one_or_none()


def find_last(session: Session, table: type[Task], contact_id: int) -> Task | None:
    """Return the newest one of a person."""
    own = columns(table)
    return session.execute(
        select(table).where(own.contact_id == contact_id).order_by(own.id.desc()).limit(1)
    ).scalar_one_or_none()


def list_lately(session: Session, table: type[Task], most: int = 20) -> list[Task]:
    """Return the newest ones of all."""
    found = select(table).order_by(columns(table).id.desc()).limit(most)
    return list(session.execute(found).scalars())


def waits(session: Session, table: type[Task], now: datetime) -> bool:
    """Tell whether one can be taken, without taking the writers' turn."""
    own = columns(table)
    found = select(own.id).where(own.state.in_(OPEN), own.leased_until <= now).limit(1)
    return session.execute(found).first() is not None


def claim(session: Session, table: type[Task], now: datetime) -> Task | None:
    """Take the next one; one that was tried five times fails and says so."""
    own = columns(table)
    found: Task | None = session.execute(
        select(table)
        .where(own.state.in_(OPEN), own.leased_until <= now)
        .order_by(own.leased_until, own.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).scalar_one_or_none()
    if found is None:
        return None
    if found.tries >= MOST_TRIES:
        fail(session, found, GAVE_UP, now)
        return None
    found.tries += 1
    found.state, found.leased_until = TaskState.RUNNING, now + LEASE
    session.flush()
    return found


def settle(session: Session, task: Erasure | PersonExport, **values: Any) -> bool:
    """Change one that is still in these hands; False if another worker has it."""
    own = columns(type(task))
    done = session.execute(
        update(type(task))
        .where(own.id == task.id, own.tries == task.tries, own.state.in_(OPEN))
        .values(**values)
    )
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def fail(session: Session, task: Erasure | PersonExport, error: str, now: datetime) -> None:
    """End one with a sentence."""
    settle(session, task, state=TaskState.FAILED, error=error[:300], finished_at=now)


def again(session: Session, task: Erasure | PersonExport, error: str, now: datetime) -> None:
    """Try one again a little later."""
    waiting = {"state": TaskState.WAITING, "leased_until": now + AGAIN}
    settle(session, task, error=error[:300], **waiting)
