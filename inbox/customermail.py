"""What a customer is told unasked: once more asked, closed, late. By the way that they came."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from inbox import chat
from inbox.acknowledgement import House, own_words, sender_of
from inbox.addressing import make_message_id, make_reply_address
from inbox.channels.addresses import is_strict
from inbox.channels.base import OutboundMessage, as_facts
from inbox.outgoing import messengers
from inbox.store import people
from inbox.store.changes import door_address, last_inbound_id
from inbox.store.wordings import load_words
from models import MESSENGERS, ChannelKind, Conversation, Direction, Message, Outbox, OutboxKind


def tell_customer(
    session: Session,
    conversation: Conversation,
    house: House,
    kind: OutboxKind,
    now: datetime,
    *,
    line: str,
    facts: Mapping[str, Any] | None = None,
) -> bool:
    """Write to the customer; False if there is no way.

    By chat and messenger it is ``line``, said in the conversation; else a mail of the template
    that is named like its kind, which has ``facts`` besides number, company and link.
    """
    if conversation.channel is ChannelKind.CHAT:
        session.add(
            Message(
                conversation_id=conversation.id,
                direction=Direction.AUTOMATIC,
                channel=ChannelKind.CHAT,
                text=line,
                visible_text=line,
                created_at=now,
            )
        )
        chat.tell_visitors(session, conversation)
        return True
    if conversation.channel in MESSENGERS:
        return messengers.say(session, conversation, line, kind, house, now)
    mail = _mail(session, conversation, house, kind, now, facts or {})
    if mail is not None:
        session.add(mail)
    return mail is not None


def _mail(
    session: Session,
    conversation: Conversation,
    house: House,
    kind: OutboxKind,
    now: datetime,
    more: Mapping[str, Any],
) -> Outbox | None:
    addresses = people.list_identities(session, conversation.contact_id).get("email", [])
    sender = sender_of(house, door_address(session, conversation))
    if not addresses or not is_strict(addresses[0]) or not is_strict(sender):
        return None
    language = conversation.language
    last = last_inbound_id(session, conversation)
    message_id = make_message_id(house.secret, conversation.id, sender.partition("@")[2])
    mail = OutboundMessage(
        message_id=message_id,
        from_address=sender,
        from_name=house.company,
        to=addresses[0],
        subject="",
        text="",
        in_reply_to=last,
        references=(last,) if last else (),
        reply_to=make_reply_address(house.secret, conversation.id, sender),
        automatic=True,
        instance_id=house.instance_id,
        date=now,
    )
    facts = {
        "number": conversation.id,
        "company": house.company,
        "link": f"{house.base_url}/s/{conversation.public_token}",
        **more,
    }
    return Outbox(
        kind=kind,
        conversation_id=conversation.id,
        to_address=addresses[0],
        email_message_id=message_id,
        mail={
            **as_facts(mail),
            "template": kind.value,
            "language": language,
            "facts": facts,
            **own_words(load_words(session), conversation.inbox_id, kind.value, language),
        },
        created_at=now,
        leased_until=now,
    )
