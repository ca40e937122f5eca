"""Who wrote, and which conversation it belongs to.

Mail and forms are known by their address, a chat's visitor by the widget's signed token. The
address that a visitor types is a claim: it names nobody and joins nothing.
"""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session

from inbox import dialling
from inbox.addressing import conversation_of, ids_within
from inbox.auth import random_token
from inbox.channels.addresses import is_strict
from inbox.channels.base import InboundMessage
from inbox.store import (
    chat,
    chatletters,
    hooks,
    joins,
    messengers,
    people,
    splits,
    ways,
    writers,
)
from inbox.store import conversations as rows
from inbox.store.joins import Why
from inbox.store.raw import Claimed
from inbox.store.writers import Wrote
from models import (
    MESSENGERS,
    Attachment,
    Blob,
    ChannelKind,
    Contact,
    Conversation,
    Direction,
    Message,
    MessageHtml,
)
from models.base import columns

messages = columns(Message)
conversations = columns(Conversation)

LANGUAGES = ("vi", "en")


def find_writer(
    session: Session, raw: Claimed, message: InboundMessage, now: datetime, secret: bytes = b""
) -> tuple[Contact, bool]:
    """Return who wrote, and whether we never heard of them before.

    With our ``secret`` it can be told that a mail answers what a chat's visitor was sent.
    """
    if "conversation" in raw.meta:
        owner = session.get(Conversation, int(raw.meta["conversation"]))
        found = session.get(Contact, owner.contact_id) if owner is not None else None
        if found is not None:
            return found, False
    if raw.kind in (ChannelKind.CHAT, *MESSENGERS):
        by_chat = raw.kind is ChannelKind.CHAT
        return (_find_visitor if by_chat else _find_person)(session, raw, message, now)
    address = message.from_address
    number = dialling.kept(session, message.phone)
    kind, value = _known_as(raw, address, number)
    known = people.find_contact(session, kind, value)
    claimed_by = _drop_claim(session, known, raw, message, value, secret)
    if known is not None and claimed_by is None:
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
    if claimed_by is not None:
        joins.propose(session, contact.id, claimed_by, Why.CLAIMED, now)
    if address and number:
        add_number(session, contact.id, number, now)
    return contact, True


def _known_as(raw: Claimed, address: str, number: str) -> tuple[str, str]:
    """Return by what somebody is known: an address, a number, else only by this message."""
    if address:
        return "email", address
    return ("phone", number) if number else ("raw", str(raw.id))


def _drop_claim(
    session: Session,
    known: Contact | None,
    raw: Claimed,
    message: InboundMessage,
    value: str,
    secret: bytes,
) -> int | None:
    """Take a mail's address from a visitor who only typed it; return whose claim it was.

    Not where the mail answers one that went to that address out of the visitor's own chat:
    that proves the claim.
    """
    if known is None or raw.kind is not ChannelKind.EMAIL:
        return None
    if not chat.only_chats(session, known.id) or people.is_verified(session, "email", value):
        return None
    number = _signed_number(raw, message, secret) if secret else None
    chatted = session.get(Conversation, number) if number is not None else None
    if (
        chatted is not None
        and chatted.contact_id == known.id
        and chatletters.was_mailed(session, chatted.id, value)
    ):
        return None
    chat.drop_claim(session, known.id, value)  # the mail comes from there
    return known.id


def _signed_number(raw: Claimed, message: InboundMessage, secret: bytes) -> int | None:
    """Return the conversation that a mail answers by an id or address that we signed."""
    ids = [one for one in (message.in_reply_to, *reversed(message.references)) if one]
    envelope = [str(one) for one in raw.meta.get("rcpt", [])]
    return conversation_of(secret, ids, [*envelope, *message.to])


def add_number(session: Session, contact_id: int, phone: str, now: datetime) -> None:
    """Keep the number that somebody typed with their address; whose it is may be the same."""
    owner = people.find_contact(session, "phone", phone)
    if owner is None:
        people.add_identity(session, contact_id, "phone", phone, now)
    elif owner.id != contact_id:
        joins.propose(session, owner.id, contact_id, Why.CLAIMED, now)


def _find_visitor(
    session: Session, raw: Claimed, message: InboundMessage, now: datetime
) -> tuple[Contact, bool]:
    """Return the contact of a chat's visitor, who may only now have said a name or address.

    An address that nobody has is kept with the contact, so that agents see it.
    """
    value = chat.visitor_value(raw.inbox_id, str(raw.meta["visitor"]))
    visitor = chat.find_visitor(session, value, to_change=True)
    vouched = bool(raw.meta.get("identity"))
    if visitor is None and vouched:
        contact = _vouched_contact(session, value, message, now)
        chat.seen(session, [value], raw.received_at)
    elif visitor is None:
        contact = people.create_contact(
            session,
            chat.KIND,
            value,
            name=message.from_name[:200],
            language=message.language if message.language in LANGUAGES else "",
            now=now,
        )
        chat.seen(session, [value], raw.received_at)
    else:
        contact = session.get_one(Contact, visitor.contact_id)
        if not contact.name and message.from_name:
            contact.name = message.from_name[:200]
            session.add(contact)
    address = message.from_address
    if is_strict(address) and "email" not in people.list_identities(session, contact.id):
        people.add_identity(session, contact.id, "email", address, now)
    if vouched and address in people.list_identities(session, contact.id).get("email", ()):
        people.verify(session, "email", address, now)
    return contact, visitor is None


def _vouched_contact(
    session: Session, value: str, message: InboundMessage, now: datetime
) -> Contact:
    """Return the contact of a visitor whom the site vouches for: whoever has that address.

    But not a visitor who only typed it: from that one it is taken.
    """
    address = message.from_address
    known = people.find_contact(session, "email", address) if is_strict(address) else None
    proved = known is not None and people.is_verified(session, "email", address)
    if known is not None and not proved and chat.only_chats(session, known.id):
        chat.drop_claim(session, known.id, address)
        known = None
    if known is not None:
        people.add_identity(session, known.id, chat.KIND, value, now)
        return known
    return people.create_contact(
        session,
        chat.KIND,
        value,
        name=message.from_name[:200],
        language=message.language if message.language in LANGUAGES else "",
        now=now,
    )


def _find_person(
    session: Session, raw: Claimed, message: InboundMessage, now: datetime
) -> tuple[Contact, bool]:
    """Return the contact of whoever wrote by a messenger, and note until when they may be.

    They may be answered for as long as their provider says after their last message.
    """
    values = [
        messengers.value_of(raw.inbox_id, user) for user in (message.person, *message.also)
    ]
    language = message.language if message.language in LANGUAGES else ""
    number = dialling.kept(session, message.phone)
    wrote = Wrote(raw.kind, values, message.from_name, language, number)
    contact, is_stranger = writers.find(session, wrote, now)
    said = raw.meta.get("at")
    at = min(datetime.fromisoformat(said), raw.received_at) if said else raw.received_at
    window_s = raw.meta.get("window_s")
    window = timedelta(seconds=window_s) if window_s is not None else None
    is_named = bool(contact.name)
    messengers.note_written(session, raw.inbox_id, values[0], at, window, is_named=is_named)
    return contact, is_stranger


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
    if raw.kind is ChannelKind.CHAT:
        return _find_chat(session, raw, message, contact)
    if raw.kind in MESSENGERS:
        number = _going_on(session, raw, message, contact.id)
        return rows.get_to_change(session, number) if number is not None else None, None
    if raw.kind is not ChannelKind.EMAIL:
        return None, None
    ids = [message.in_reply_to, *reversed(message.references)]
    ids = [one for one in ids if one]
    number = _signed_number(raw, message, secret) or _returned(raw, message, secret)
    if number is not None:
        number = splits.goes_on_in(session, number, ids) if ids else number
        found = rows.get_to_change(session, number)
        return _answered(session, found, raw, message, contact)
    if not ids:
        return None, None
    theirs = session.execute(
        select(messages.conversation_id)
        .where(messages.email_message_id.in_(ids[:20]))
        .order_by(messages.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return None, theirs


def _going_on(
    session: Session, raw: Claimed, message: InboundMessage, contact_id: int
) -> int | None:
    """Return what a messenger's message goes on with: where they were answered last there."""
    at, kind, user = raw.received_at, raw.kind, message.person
    answered = ways.find_answered(session, kind, raw.inbox_id, user, contact_id, at)
    current = chat.find_current(session, raw.inbox_id, contact_id, at, kind)
    return answered or (current[0] if current is not None else None)


def _answered(
    session: Session,
    found: Conversation | None,
    raw: Claimed,
    message: InboundMessage,
    contact: Contact,
) -> tuple[Conversation | None, int | None]:
    """Return the conversation whose mail is answered, or its number where a stranger does."""
    if found is None:
        return None, None
    if message.is_bounce:
        return found, None  # shown where the mail went out; changes nothing else
    if found.contact_id != contact.id and not chatletters.was_mailed(
        session, found.id, message.from_address
    ):
        return None, found.id
    people.verify(session, "email", message.from_address, raw.received_at)  # it has our id
    return found, None


def _returned(raw: Claimed, message: InboundMessage, secret: bytes) -> int | None:
    """Return the conversation whose mail a delivery report gives back."""
    return conversation_of(secret, ids_within(raw.body), ()) if message.is_bounce else None


def _find_chat(
    session: Session, raw: Claimed, message: InboundMessage, contact: Contact
) -> tuple[Conversation | None, int | None]:
    """Return the visitor's open conversation, or one done within a week; and a hint.

    Hinted at is what somebody else with the address that the visitor typed wrote last.
    """
    current = chat.find_current(session, raw.inbox_id, contact.id, raw.received_at)
    joined = rows.get_to_change(session, current[0]) if current is not None else None
    known = people.find_contact(session, "email", message.from_address)
    if known is None or known.id == contact.id:
        return joined, None
    joins.propose(session, known.id, contact.id, Why.CLAIMED, raw.received_at)
    theirs = session.execute(
        select(conversations.id)
        .where(conversations.contact_id == known.id)
        .order_by(conversations.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    if joined is not None and theirs is not None and chat.was_hinted(session, joined.id):
        return joined, None
    return joined, theirs


def store_message(
    session: Session,
    raw: Claimed,
    read: InboundMessage,
    number: int,
    contact: Contact | None,
) -> Message:
    """Store what somebody outside wrote, with its files; one of us without ``contact``."""
    stored = Message(
        conversation_id=number,
        direction=Direction.INBOUND,
        channel=raw.kind,
        contact_id=contact.id if contact is not None else None,
        sender_address=read.from_address,
        is_machine=read.is_automatic or read.is_bounce,
        text=read.text,
        visible_text=read.visible_reply,
        notes=list(read.notes),
        authentication=dict(raw.meta.get("authentication", {})),
        email_message_id=read.message_id or None,
        client_key=raw.meta.get("key"),
        raw_id=raw.id,
        created_at=raw.received_at,
    )
    session.add(stored)
    session.flush()
    for file in read.attachments:
        blob = Blob(
            id=random_token(),
            sha256=hashlib.sha256(file.data).hexdigest(),
            size_bytes=len(file.data),
            content=file.data,
        )
        session.add(blob)
        session.flush()
        session.add(
            Attachment(
                message_id=stored.id,
                blob_id=blob.id,
                filename=file.filename or "file",
                content_type=file.content_type,
                size_bytes=len(file.data),
                content_id=file.content_id,
            )
        )
    messengers.plan_files(session, stored, raw.inbox_id, read.to_fetch)
    if read.shown_html:
        session.add(
            MessageHtml(
                message_id=stored.id, html=read.shown_html, remote_images=read.remote_images
            )
        )
    if contact is not None and not stored.is_machine and "imported" not in raw.meta:
        hooks.hear_message(session, number, stored.id, raw.received_at)
    return stored
