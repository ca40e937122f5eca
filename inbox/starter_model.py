"""The starter classifier as a row: registered once, and again when its files have changed."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.store.audit import add_entry
from inbox.store.setup import LiveModel, find_chosen_model
from inbox.triage import files, starter
from models import AuditAction, AuditThing, TriageModelVersion
from models.base import columns

versions = columns(TriageModelVersion)

NAME = "starter"


def find_starter(directory: Path | None = None) -> tuple[Path, str] | None:
    """Return where the starter model lies and its files' sha256; None if it was never made."""
    path = directory or starter.location()
    try:
        return path, files.sha256_of(path)
    except OSError:
        return None


def register_starter(session: Session, path: Path, sha256: str, now: datetime) -> bool:
    """Make the starter answer, unless a model of the company's own does; True if that is new.

    A starter made anew replaces the older one; the older row stays, because predictions
    name it.
    """
    live = find_chosen_model(session)
    if live is not None and not live.is_starter:
        return False
    if live is not None and (live.path, live.sha256) == (str(path), sha256):
        return False
    session.execute(
        update(TriageModelVersion).where(versions.is_live.is_(True)).values(is_live=False)
    )
    known = session.execute(
        select(versions.id).where(versions.is_starter.is_(True), versions.sha256 == sha256)
    ).scalar()
    if known is not None:
        session.execute(
            update(TriageModelVersion)
            .where(versions.id == known)
            .values(is_live=True, path=str(path), promoted_at=now)
        )
        _write_down(session, known, live, now)
        return True
    made = TriageModelVersion(
        name=NAME,
        path=str(path),
        sha256=sha256,
        is_starter=True,
        is_live=True,
        created_at=now,
        promoted_at=now,
    )
    session.add(made)
    session.flush()
    after = {"name": NAME, "sha256": sha256}
    add_entry(
        session, AuditThing.MODEL, made.id, AuditAction.CREATED, now, by=None, after=after
    )
    _write_down(session, made.id, live, now)
    return True


def _write_down(session: Session, new: int, old: LiveModel | None, now: datetime) -> None:
    """Enter that another model answers from now on; the product itself did it."""
    add_entry(
        session,
        AuditThing.MODEL,
        new,
        AuditAction.ACTIVATED,
        now,
        by=None,
        before={"live": old.id if old is not None else None},
        after={"live": new},
    )
