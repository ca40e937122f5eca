"""Forwarding: what was said with a customer goes to somebody outside, as a mail of its own.

It answers nobody, so no clock hears of it. Notes never go along, nor answers that have not
left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session

from inbox.acknowledgement import House, sender_of
from inbox.addressing import inbox_named, make_message_id, make_reply_address
from inbox.channels.base import OutboundMessage, as_facts
from inbox.errors import Conflict, Invalid, NotFound
from inbox.outgoing.letters import (
    MOST_FILE_BYTES,
    OWN_ADDRESS,
    WrongAddress,
    load_head,
    read_copies,
    signature,
)
from inbox.outgoing.marks import find_marked
from inbox.queue import OUTBOX
from inbox.store import merges, people
from inbox.store.changes import add_event, changed
from inbox.store.people import Person
from inbox.templating import N_, translator
from models import (
    Attachment,
    Contact,
    Conversation,
    DeliveryState,
    Direction,
    EventKind,
    Message,
    Outbox,
    OutboxKind,
)
from models.base import columns, core

messages = columns(Message)
attachments = columns(Attachment)
outbox = columns(Outbox)

MOST_MESSAGES, MOST_TEXT = 100, 100_000
NOBODY = N_("Say to which address it goes.")
NOTHING = N_("There is nothing here that could be forwarded.")
TOO_LARGE = N_("The files are larger than 10 MB together: forward one message, or no files.")
RESTRICTED = N_("Not sent: this person’s data is restricted. An administrator can lift that.")
BOUNCED = N_("Mail to this address came back before.")
HEAD = N_("---------- Forwarded message ----------")
SPOKEN = (Direction.INBOUND, Direction.OUTBOUND)
_LEFT = (DeliveryState.SENT, DeliveryState.UNCONFIRMED)


@dataclass(frozen=True, slots=True)
class Forward:
    """What a person wants forwarded: ``message_id`` only, or all that was said (None)."""

    to: str
    text: str
    message_id: int | None = None
    with_files: bool = True


def forward(
    session: Session,
    conversation: Conversation,
    *,
    wanted: Forward,
    house: House,
    by: Person,
    now: datetime,
) -> Outbox:
    """Put it into the outbox.

    Raises
    ------
    Invalid
        If it is for no address, one of ours, or its files are too large for one mail.
    NotFound
        If there is no such message, or nothing that may leave.
    Conflict
        If the customer's data is restricted, or mail to the address came back.
    """
    addresses = _addresses(session, conversation, wanted.to, house)
    said = list_forwardable(session, conversation, wanted.message_id)
    if not said:
        raise NotFound(NOTHING)
    files = _files(session, said) if wanted.with_files else []
    if sum(size for _, size in files) > MOST_FILE_BYTES:
        raise Invalid(TOO_LARGE, {"with_files": TOO_LARGE})
    head = load_head(session, conversation, by)
    sender = sender_of(house, head.address)
    signed = signature(head, house, sender, by)
    message_id = make_message_id(house.secret, conversation.id, sender.partition("@")[2])
    subject = conversation.subject or f"#{conversation.id}"
    mail = OutboundMessage(
        message_id=message_id,
        from_address=sender,
        from_name=house.company,
        to=addresses[0],
        subject=subject if subject.lower().startswith("fwd:") else f"Fwd: {subject}",
        text=_text(session, conversation, wanted.text, said, house, signed),
        envelope_from=make_reply_address(house.secret, conversation.id, sender),
        instance_id=house.instance_id,
        date=now,
        cc=addresses[1:],
    )
    facts: dict[str, Any] = as_facts(mail)
    if files:
        facts |= {"has_files": True, "blobs": [blob_id for blob_id, _ in files]}
    row = Outbox(
        kind=OutboxKind.FORWARD,
        conversation_id=conversation.id,
        to_address=addresses[0],
        email_message_id=message_id,
        mail=facts,
        copies={"cc": list(addresses[1:])} if addresses[1:] else {},
        created_at=now,
        leased_until=now,
    )
    session.add(row)
    session.flush()
    data = {"to": ", ".join(addresses), "mail": row.id, "message": wanted.message_id}
    add_event(session, conversation.id, EventKind.FORWARDED, now, data, by=by.id)
    changed(session, conversation.id, OUTBOX)
    return row


def _addresses(
    session: Session, conversation: Conversation, typed: str, house: House
) -> tuple[str, ...]:
    found, _ = read_copies(typed, "")
    if not found:
        raise Invalid(NOBODY, {"to": NOBODY})
    for address in found:
        if inbox_named(address, house.own_addresses):
            raise WrongAddress(OWN_ADDRESS, "to", address)
    if people.is_restricted(session, conversation.contact_id):
        raise Conflict(RESTRICTED)
    if find_marked(session, found):
        raise Conflict(BOUNCED)
    return found


def list_forwardable(
    session: Session, conversation: Conversation, message_id: int | None = None
) -> Sequence[Message]:
    """Return what may leave: what the customer and we said to each other, in order."""
    query = (
        select(Message)
        .outerjoin(core(Outbox), outbox.message_id == messages.id)
        .where(
            messages.conversation_id.in_(merges.family(session, conversation)),
            messages.direction.in_(SPOKEN),
            outbox.id.is_(None) | outbox.state.in_(_LEFT),
        )
        .order_by(messages.id.desc())
        .limit(MOST_MESSAGES)
    )
    if message_id is not None:
        query = query.where(messages.id == message_id)
    return list(session.execute(query).scalars())[::-1]


def _files(session: Session, said: Sequence[Message]) -> list[tuple[str, int]]:
    rows = session.execute(
        select(attachments.blob_id, attachments.size_bytes)
        .where(attachments.message_id.in_([one.id for one in said]))
        .order_by(attachments.id)
    )
    return [(row.blob_id, row.size_bytes) for row in rows]


def _text(
    session: Session,
    conversation: Conversation,
    typed: str,
    said: Sequence[Message],
    house: House,
    signed: str,
) -> str:
    say = translator(conversation.language).gettext
    contact = session.get(Contact, conversation.contact_id)
    name = contact.name if contact is not None else ""
    zone = ZoneInfo(house.time_zone)
    parts = [typed.replace("\r\n", "\n").strip()[:MOST_TEXT]]
    parts.append(signed)
    for one in said:
        inbound = one.direction is Direction.INBOUND
        who = name if inbound else house.company
        if inbound and one.sender_address:
            who = f"{who} <{one.sender_address}>".strip()
        at = one.created_at.astimezone(zone).strftime("%d/%m/%Y %H:%M")
        head = f"{say(HEAD)}\n{say('From')}: {who}\n{say('Date')}: {at}"
        parts.append(f"{head}\n\n{one.visible_text or one.text}")
    return "\n\n".join(part for part in parts if part.strip()) + "\n"
