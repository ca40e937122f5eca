"""Exports as rows: asked for, made by a worker, kept for a day in pieces of a megabyte."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Select, delete, select
from sqlmodel import Session

from inbox.db import after_commit
from inbox.errors import Conflict, NotFound
from inbox.privacy import tasks
from inbox.privacy.erasures import GONE_ALREADY
from inbox.privacy.subjects import get_contact
from inbox.queue import PRIVACY
from inbox.store.audit import add_entry
from inbox.templating import N_
from models import AuditAction, AuditThing, PersonExport, PersonExportPart, TaskState
from models.base import columns, core

exports = columns(PersonExport)
parts = columns(PersonExportPart)

KEPT = timedelta(hours=24)
PART_BYTES = 1024 * 1024
NOT_THERE = N_("This export is not there any more: make a new one.")


def ask(session: Session, contact_id: int, *, by: int | None, now: datetime) -> PersonExport:
    """Ask for an export; the one that waits already is the answer, if there is one.

    Raises
    ------
    NotFound
        If there is no such person.
    Conflict
        If nothing is left of them.
    """
    contact = get_contact(session, contact_id)
    if contact.erased_at is not None:
        raise Conflict(GONE_ALREADY)
    waiting = tasks.find_open(session, PersonExport, contact.id)
    if waiting is not None:
        return waiting
    made = PersonExport(contact_id=contact.id, asked_by_id=by, asked_at=now, leased_until=now)
    session.add(made)
    session.flush()
    after = {"export": made.id}
    add_entry(
        session, AuditThing.PRIVACY, contact.id, AuditAction.CREATED, now, by=by, after=after
    )
    after_commit(session, PRIVACY)
    return made


def note_by_command(
    session: Session, contact_id: int, counts: dict[str, int], now: datetime
) -> None:
    """Write down that a command on the server wrote an export to a file."""
    after = {"exported": counts}
    add_entry(
        session, AuditThing.PRIVACY, contact_id, AuditAction.CREATED, now, by=None, after=after
    )


def add_part(session: Session, task: PersonExport, position: int, content: bytes) -> bool:
    """Keep the next piece of the file; what an earlier try left is written over.

    False if another worker has the export by now.
    """
    if not tasks.settle(session, task, tries=task.tries):
        return False
    if position == 0:
        session.execute(delete(PersonExportPart).where(parts.export_id == task.id))
    session.add(PersonExportPart(export_id=task.id, position=position, content=content))
    session.flush()
    return True


def finish(
    session: Session,
    task: PersonExport,
    size_bytes: int,
    sha256: str,
    counts: dict[str, int],
    now: datetime,
) -> None:
    """Let it be fetched from now on, for a day."""
    tasks.settle(
        session,
        task,
        state=TaskState.DONE,
        finished_at=now,
        expires_at=now + KEPT,
        size_bytes=size_bytes,
        sha256=sha256,
        counts=counts,
        error="",
    )


def fetch(session: Session, export_id: int, *, by: int | None, now: datetime) -> PersonExport:
    """Return an export that somebody takes with them; that is written down.

    Raises
    ------
    NotFound
        If it is not finished, or is gone again.
    """
    found = session.get(PersonExport, export_id)
    if found is None or found.state is not TaskState.DONE:
        raise NotFound(NOT_THERE)
    if found.expires_at is None or found.expires_at <= now:
        raise NotFound(NOT_THERE)
    after = {"export": found.id, "fetched": now.isoformat(timespec="seconds")}
    add_entry(
        session,
        AuditThing.PRIVACY,
        found.contact_id,
        AuditAction.CHANGED,
        now,
        by=by,
        after=after,
    )
    return found


def part(session: Session, export_id: int, position: int) -> bytes | None:
    """Return a piece of the file; None after the last."""
    found = session.get(PersonExportPart, (export_id, position))
    return None if found is None else found.content


def cut(path: Path) -> Iterator[bytes]:
    """Yield a file in pieces."""
    with path.open("rb") as file:
        while chunk := file.read(PART_BYTES):
            yield chunk


def are_stale(session: Session, now: datetime) -> bool:
    """Tell whether files lie there that may not be fetched any more."""
    return session.execute(_stale(now).limit(1)).first() is not None


def expire(session: Session, now: datetime) -> None:
    """Delete the files of exports whose day is over."""
    session.execute(delete(PersonExportPart).where(parts.export_id.in_(_stale(now))))


def _stale(now: datetime) -> Select[int]:
    over = exports.state == TaskState.FAILED
    late = exports.expires_at <= now
    return (
        select(parts.export_id)
        .join(core(PersonExport), exports.id == parts.export_id)
        .where(over | late)
        .distinct()
    )
