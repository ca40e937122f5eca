"""The ways to a contact: what they have proved, on each channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, Select, bindparam, select
from sqlmodel import Session

from inbox.store import people
from inbox.store.chat import REOPENS_FOR
from inbox.store.messengers import Reach, address_of
from inbox.store.people import Known
from models import (
    MESSENGERS,
    ChannelKind,
    ContactIdentity,
    Conversation,
    Inbox,
    MessengerPerson,
    Outbox,
    OutboxKind,
    Status,
)
from models.base import columns, core

identities = columns(ContactIdentity)
persons = columns(MessengerPerson)
inboxes = columns(Inbox)
outbox = columns(Outbox)
conversations = columns(Conversation)

_MESSENGERS = frozenset(kind.value for kind in MESSENGERS)

# Through messengers whose inbox is open; a provider vouches for who wrote there.
_PEOPLE: Select[tuple[object, ...]] = (
    select(
        identities.kind,
        identities.value,
        inboxes.name,
        persons.inbox_id,
        persons.wrote_at,
        persons.may_write_until,
        persons.left_at,
    )
    .join(core(MessengerPerson), persons.value == identities.value)
    .join(core(Inbox), inboxes.id == persons.inbox_id)
    .where(
        identities.kind.in_(_MESSENGERS),
        identities.kind == inboxes.kind,
        identities.verified_at.is_not(None),
        inboxes.is_active.is_(True),
    )
    .order_by(persons.wrote_at.desc(), persons.id.desc())
)
_THEIRS = _PEOPLE.where(identities.contact_id == bindparam("contact_id"))


@dataclass(frozen=True, slots=True)
class Way:
    """A way to a contact; ``to`` is how a form names it: an address, or ``telegram:12:4242``.

    ``name`` is the address, or the inbox that it goes out by. ``reach`` is whom a messenger
    reaches; None is mail.
    """

    to: str
    kind: ChannelKind
    name: str
    reach: Reach | None = None


def list_ways(session: Session, contact_id: int, known: Sequence[Known]) -> list[Way]:
    """Return all ways that a contact has proved: addresses first, then messengers.

    ``known`` are the contact's addresses (``people.list_known``).
    """
    found = [Way(one, ChannelKind.EMAIL, one) for one in people.verified_of(known)]
    if any(one.kind in _MESSENGERS for one in known):
        rows = session.execute(_THEIRS, {"contact_id": contact_id})
        found += [_way(row) for row in rows]
    return found


def names_messenger(to: str) -> bool:
    """Tell whether a form names a messenger, not an address."""
    return to.partition(":")[0] in _MESSENGERS


def find_person(session: Session, contact_id: int, to: str) -> Way | None:
    """Return the way through a messenger that a form names, if it is the contact's."""
    kind, _, value = to.partition(":")
    row = session.execute(
        _PEOPLE.where(
            identities.contact_id == contact_id,
            identities.kind == kind,
            identities.value == value,
        )
    ).first()
    return _way(row) if row is not None else None


def _way(row: Row[tuple[object, ...]]) -> Way:
    reach = Reach(
        row.inbox_id, row.value, row.wrote_at, row.may_write_until, row.left_at is not None
    )
    return Way(f"{row.kind}:{row.value}", ChannelKind(row.kind), row.name, reach)


def find_answered(
    session: Session, kind: ChannelKind, inbox_id: int, user: str, contact_id: int, at: datetime
) -> int | None:
    """Return the contact's conversation out of which they were answered there last.

    So an answer that went out by another channel than it was asked by has its own answer with
    it. Only within a week, as a conversation there is gone on with.
    """
    return session.execute(
        select(outbox.conversation_id)
        .join(core(Conversation), conversations.id == outbox.conversation_id)
        .where(
            outbox.to_address == address_of(inbox_id, user, kind.value),
            outbox.kind == OutboxKind.REPLY,
            outbox.created_at > at - REOPENS_FOR,
            conversations.contact_id == contact_id,
            conversations.status != Status.SPAM,
        )
        .order_by(outbox.created_at.desc(), outbox.id.desc())
        .limit(1)
    ).scalar_one_or_none()


def others(ways: Sequence[Way], address: str, own: str) -> list[Way]:
    """Return those besides the one that an answer takes by itself: ``address`` or ``own``."""
    return [one for one in ways if one.to not in (address, own)]
