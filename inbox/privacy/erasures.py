"""Erasures as rows: asked for, carried out by one worker, and what came of it."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from inbox.db import after_commit
from inbox.errors import Conflict
from inbox.privacy import tasks
from inbox.privacy.erasing import HELD, find_hold
from inbox.privacy.subjects import find_subject, get_contact
from inbox.queue import PRIVACY
from inbox.store.audit import add_entry
from inbox.templating import N_
from models import AuditAction, AuditThing, Erasure, TaskState

GONE_ALREADY = N_("This person was erased already.")


def ask(
    session: Session, contact_id: int, reason: str, *, by: int | None, now: datetime
) -> Erasure:
    """Ask for an erasure; the one that waits already is the answer, if there is one.

    Raises
    ------
    NotFound
        If there is no such person.
    Conflict
        If their data must be kept, or is gone already.
    """
    contact = get_contact(session, contact_id)
    waiting = tasks.find_open(session, Erasure, contact.id)
    if waiting is not None:
        return waiting
    if contact.erased_at is not None:
        raise Conflict(GONE_ALREADY)
    if find_hold(session, find_subject(session, contact.id).contacts) is not None:
        raise Conflict(HELD)
    why = " ".join(reason.split())[:300]
    made = Erasure(
        contact_id=contact.id, asked_by_id=by, asked_at=now, reason=why, leased_until=now
    )
    session.add(made)
    session.flush()
    after = {"erasure": made.id, "reason": why}
    add_entry(
        session, AuditThing.PRIVACY, contact.id, AuditAction.CREATED, now, by=by, after=after
    )
    after_commit(session, PRIVACY)
    return made


def note_wiped(session: Session, task: Erasure, counts: dict[str, int], now: datetime) -> bool:
    """Write down that the rows are changed, in the transaction that changes them."""
    return tasks.settle(session, task, wiped_at=now, counts=counts)


def finish(session: Session, task: Erasure, checked: dict[str, Any], now: datetime) -> None:
    """Write down what was found when everything was searched."""
    ended = {"state": TaskState.DONE, "finished_at": now, "checked": checked, "error": ""}
    if not tasks.settle(session, task, **ended):
        return
    row = session.get_one(Erasure, task.id, populate_existing=True)
    after = {"erasure": task.id, "rows": sum(row.counts.values()), "checked": checked}
    add_entry(
        session,
        AuditThing.PRIVACY,
        task.contact_id,
        AuditAction.REMOVED,
        now,
        by=task.asked_by_id,
        after=after,
    )
