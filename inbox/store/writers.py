"""Who wrote through a messenger, as their provider has proved it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from inbox.store import joins, people
from inbox.store.joins import Why
from models import ChannelKind, Contact, ContactIdentity
from models.base import columns

identities = columns(ContactIdentity)


@dataclass(frozen=True, slots=True)
class Wrote:
    """A writer: how their identities are written, the first is what answers go to.

    ``phone`` is a number that the provider vouches for, in E.164, or "".
    """

    kind: ChannelKind
    values: Sequence[str]
    name: str = ""
    language: str = ""
    phone: str = ""


def find(session: Session, wrote: Wrote, now: datetime) -> tuple[Contact, bool]:
    """Return whose contact wrote, and whether we never heard of them before.

    Their identity is locked, so that messages of one person take turns and two never open two
    conversations. A number that is known to be somebody's makes it their contact.
    """
    known = (
        session.execute(
            select(identities.contact_id)
            .where(
                identities.kind == wrote.kind.value, identities.value.in_(list(wrote.values))
            )
            .order_by(identities.id)
            .with_for_update()
        )
        .scalars()
        .first()
    )
    theirs = people.find_contact(session, "phone", wrote.phone) if wrote.phone else None
    is_theirs = theirs is not None and people.is_verified(session, "phone", wrote.phone)
    if known is not None:
        contact = session.get_one(Contact, known)
    elif theirs is not None and is_theirs:
        contact = theirs
    else:
        contact = people.create_contact(
            session,
            wrote.kind.value,
            wrote.values[0],
            name=wrote.name[:200],
            language=wrote.language,
            now=now,
        )
    if not contact.name and wrote.name:
        contact.name = wrote.name[:200]
        session.add(contact)
    _keep_identities(session, contact, wrote, now)
    _keep_number(session, contact, theirs, wrote.phone, now)
    return contact, known is None


def _keep_identities(session: Session, contact: Contact, wrote: Wrote, now: datetime) -> None:
    """Keep every id of theirs that nobody has; the provider vouches for them."""
    kind = wrote.kind.value
    for value in wrote.values:
        if people.find_contact(session, kind, value) is None:
            people.add_identity(session, contact.id, kind, value, now)
        people.verify(session, kind, value, now)


def _keep_number(
    session: Session, contact: Contact, theirs: Contact | None, phone: str, now: datetime
) -> None:
    """Keep a number that the provider vouches for; one of somebody else's is only proposed."""
    if not phone:
        return
    if theirs is None:
        people.add_identity(session, contact.id, "phone", phone, now)
    elif theirs.id != contact.id:
        joins.propose(session, theirs.id, contact.id, Why.CLAIMED, now)
        return
    people.verify(session, "phone", phone, now)
