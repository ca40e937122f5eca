"""Restriction: what is kept of a person is kept, and nothing else is done with it."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.db import after_commit
from inbox.errors import Conflict, Invalid
from inbox.privacy.erasures import GONE_ALREADY
from inbox.privacy.subjects import find_subject, get_contact, in_parts
from inbox.store.audit import add_entry
from inbox.templating import N_
from models import AuditAction, AuditThing, Contact, LegalHold
from models.base import columns

contacts = columns(Contact)
holds = columns(LegalHold)

MOST_CHARS = 300
NO_REASON = N_("Say in a few words why.")
SO_ALREADY = N_("Somebody has done that already.")


def restrict(
    session: Session, contact_id: int, *, on: bool, by: int | None, now: datetime
) -> None:
    """Restrict what is done with a person's data, or lift that.

    Their conversations leave every list, nothing is sent to them, and sorting learns nothing
    from them. What they write from now on is taken in and shown.

    Raises
    ------
    NotFound
        If there is no such person.
    Conflict
        If it is so already, or they were erased.
    """
    contact = get_contact(session, contact_id)
    if contact.erased_at is not None:
        raise Conflict(GONE_ALREADY)
    if (contact.restricted_at is not None) is on:
        raise Conflict(SO_ALREADY)
    for some in in_parts(find_subject(session, contact.id).contacts):
        session.execute(
            update(Contact)
            .where(contacts.id.in_(some))
            .values(restricted_at=now if on else None)
        )
    before, after = {"restricted": not on}, {"restricted": on}
    _note(session, contact.id, AuditAction.CHANGED, now, by, before, after)
    after_commit(session, "list")


def hold(
    session: Session, contact_id: int, reason: str, *, by: int | None, now: datetime
) -> LegalHold:
    """Keep a person's data for a reason: neither erasure nor retention runs until it is lifted.

    Raises
    ------
    NotFound
        If there is no such person.
    Invalid
        Without a reason.
    """
    contact = get_contact(session, contact_id)
    said = " ".join(reason.split())[:MOST_CHARS]
    if not said:
        raise Invalid(NO_REASON, {"reason": NO_REASON})
    made = LegalHold(contact_id=contact.id, reason=said, made_by_id=by, created_at=now)
    session.add(made)
    session.flush()
    _note(session, contact.id, AuditAction.CREATED, now, by, {}, {"hold": said})
    return made


def lift(session: Session, hold_id: int, *, by: int | None, now: datetime) -> int:
    """End a reason to keep a person's data; return whose.

    Raises
    ------
    Conflict
        If it was lifted already.
    """
    done = session.execute(
        update(LegalHold)
        .where(holds.id == hold_id, holds.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by_id=by)
        .returning(holds.contact_id, holds.reason)
    ).one_or_none()
    if done is None:
        raise Conflict(SO_ALREADY)
    _note(session, done.contact_id, AuditAction.REMOVED, now, by, {"hold": done.reason}, {})
    return int(done.contact_id)


def list_holds(session: Session, contact_ids: list[int]) -> list[LegalHold]:
    """Return why a person's data is kept."""
    return list(
        session.execute(
            select(LegalHold)
            .where(holds.contact_id.in_(contact_ids), holds.lifted_at.is_(None))
            .order_by(holds.id)
        ).scalars()
    )


def _note(
    session: Session,
    contact_id: int,
    action: AuditAction,
    now: datetime,
    by: int | None,
    before: Mapping[str, object],
    after: Mapping[str, object],
) -> None:
    add_entry(
        session,
        AuditThing.PRIVACY,
        contact_id,
        action,
        now,
        by=by,
        before=before,
        after=after,
    )
