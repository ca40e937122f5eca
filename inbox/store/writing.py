"""Addresses that copies of an answer may go to: whoever has to do with its conversation."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlmodel import Session

from inbox.store.deliveries import Delivery
from models import Contact, ContactIdentity, Conversation, Message
from models.base import columns, core

contacts = columns(Contact)
identities = columns(ContactIdentity)

MOST = 30


def list_known(
    session: Session,
    conversation: Conversation,
    messages: Iterable[Message],
    mails: Sequence[Delivery],
) -> list[str]:
    """Return who wrote or was copied here, and the customer's colleagues."""
    found = [one.sender_address for one in messages if one.sender_address]
    for mail in mails:
        found += [*mail.copies.get("cc", ()), *mail.copies.get("bcc", ())]
    if conversation.account_id is not None:
        found += session.execute(
            select(identities.value)
            .join(core(Contact), contacts.id == identities.contact_id)
            .where(contacts.account_id == conversation.account_id, identities.kind == "email")
            .order_by(identities.id)
            .limit(MOST)
        ).scalars()
    return list(dict.fromkeys(one for one in found if "@" in one))[:MOST]
