"""What colleagues put on a customer's page: notes and files, kept and taken away again."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session

from inbox.auth import random_token
from inbox.errors import NotFound
from inbox.store.accountpage import Whose, page_of
from inbox.store.audit import add_entry
from inbox.store.people import Person
from models import AccountFile, AccountNote, AuditAction, AuditThing, Blob
from models.base import columns

blobs = columns(Blob)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a colleague puts on a page; its name is fit to be shown."""

    filename: str
    content_type: str
    data: bytes


def add_file(
    session: Session, whose: Whose, upload: Upload, *, by: int, now: datetime
) -> AccountFile:
    """Keep a file on an account's or a person's page."""
    blob = Blob(
        id=random_token(),
        sha256=hashlib.sha256(upload.data).hexdigest(),
        size_bytes=len(upload.data),
        content=upload.data,
    )
    session.add(blob)
    session.flush()
    row = AccountFile(
        account_id=whose.account_id,
        contact_id=whose.contact_id,
        author_id=by,
        blob_id=blob.id,
        filename=upload.filename,
        content_type=upload.content_type[:100],
        size_bytes=len(upload.data),
        created_at=now,
    )
    session.add(row)
    session.flush()
    _write_down(session, whose, by, now, after={"file": row.id})
    return row


def add_note(
    session: Session, whose: Whose, text: str, *, by: int, now: datetime
) -> AccountNote:
    """Keep a note on an account's or a person's page."""
    row = AccountNote(
        account_id=whose.account_id,
        contact_id=whose.contact_id,
        author_id=by,
        text=text,
        created_at=now,
    )
    session.add(row)
    session.flush()
    _write_down(session, whose, by, now, after={"note": row.id})
    return row


def remove_note(session: Session, note_id: int, who: Person, now: datetime) -> Whose:
    """Take a note away; only its author and those who see everything may.

    Raises
    ------
    NotFound
        If there is none, or they may not.
    """
    row, whose = _to_remove(session, AccountNote, note_id, who)
    session.delete(row)
    _write_down(session, whose, who.id, now, before={"note": note_id})
    return whose


def remove_file(session: Session, file_id: int, who: Person, now: datetime) -> Whose:
    """Take a file away that a colleague put on a page; as ``remove_note``."""
    row, whose = _to_remove(session, AccountFile, file_id, who)
    session.delete(row)
    session.flush()
    session.execute(delete(Blob).where(blobs.id == row.blob_id))
    _write_down(session, whose, who.id, now, before={"file": file_id})
    return whose


def _to_remove(session: Session, table: Any, row_id: int, who: Person) -> tuple[Any, Whose]:
    row = session.get(table, row_id, with_for_update=True)
    if row is None or not (who.sees_all or row.author_id == who.id):
        raise NotFound("It is not here any more, or somebody else put it here.")
    return row, page_of(session, row, who)


def _write_down(
    session: Session, whose: Whose, by: int, now: datetime, **change: dict[str, int]
) -> None:
    """Say in the audit trail that there was a change: never what it says."""
    thing = AuditThing.CONTACT if whose.contact is not None else AuditThing.ACCOUNT
    thing_id = whose.contact_id or whose.account_id or 0
    add_entry(
        session,
        thing,
        thing_id,
        AuditAction.CHANGED,
        now,
        by=by,
        before=change.get("before"),
        after=change.get("after"),
    )
