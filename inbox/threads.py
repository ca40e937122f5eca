"""Who wrote, and which conversation it belongs to."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from inbox.addressing import conversation_of
from inbox.channels.base import InboundMessage
from inbox.store import conversations as rows
from inbox.store import people
from inbox.store.raw import Claimed
from models import ChannelKind, Contact, Conversation, Message
from models.base import columns

messages = columns(Message)
conversations = columns(Conversation)

LANGUAGES = ("vi", "en")


def find_writer(
    session: Session, raw: Claimed, message: InboundMessage, now: datetime
) -> tuple[Contact, bool]:
    """Return who wrote, and whether we never heard of them before."""
    if "conversation" in raw.meta:
        owner = session.get(Conversation, int(raw.meta["conversation"]))
        found = session.get(Contact, owner.contact_id) if owner is not None else None
        if found is not None:
            return found, False
    address = message.from_address
    kind = "email" if address else "phone" if message.phone else "raw"
    value = address or message.phone or str(raw.id)
    known = people.find_contact(session, kind, value)
    if known is not None:
        if not known.name and message.from_name:
            known.name = message.from_name[:200]
            session.add(known)
        return known, False
    contact = people.create_contact(
        session,
        kind,
        value,
        name=message.from_name[:200],
        language=message.language if message.language in LANGUAGES else "",
        now=now,
    )
    if address and message.phone:
        people.add_identity(session, contact.id, "phone", message.phone, now)
    return contact, True


def has_mailed(session: Session, contact_id: int) -> bool:
    """Tell whether mail ever came from a contact: anybody can type an address into a form."""
    found = session.execute(
        select(conversations.id)
        .where(
            conversations.contact_id == contact_id, conversations.channel == ChannelKind.EMAIL
        )
        .limit(1)
    ).first()
    return found is not None


def find_thread(
    session: Session, raw: Claimed, message: InboundMessage, contact: Contact, secret: bytes
) -> tuple[Conversation | None, int | None]:
    """Return the conversation that this mail answers, or a number to hint at.

    Joined only by an id or address that we signed, and only from a known participant. It is
    locked: nobody marks it as done while the message is added.
    """
    if "conversation" in raw.meta:  # written on the customer's own page, behind its link
        return rows.get_to_change(session, int(raw.meta["conversation"])), None
    if raw.kind is not ChannelKind.EMAIL:
        return None, None
    ids = [message.in_reply_to, *reversed(message.references)]
    ids = [one for one in ids if one]
    envelope = [str(one) for one in raw.meta.get("rcpt", [])]
    number = conversation_of(secret, ids, [*envelope, *message.to])
    if number is not None:
        found = rows.get_to_change(session, number)
        if found is not None and found.contact_id == contact.id:
            return found, None
        if found is not None and message.is_bounce:
            return found, None  # shown where the mail went out; changes nothing else
        return None, number if found is not None else None
    if not ids:
        return None, None
    theirs = session.execute(
        select(messages.conversation_id)
        .where(messages.email_message_id.in_(ids[:20]))
        .order_by(messages.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return None, theirs
