"""Answers that go out through a messenger: rows of the same outbox as mail.

The part of the address behind the @ is the account's, so that a provider who wants us to slow
down is left alone with it, as a mail server is with its domain.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.addressing import make_message_id
from inbox.channels.base import OutboundFile, OutboundMessage, as_facts
from inbox.channels.messengers.errors import BLOCKED, WINDOW_CLOSED
from inbox.channels.messengers.providers import PROVIDERS
from inbox.db import after_commit
from inbox.errors import Conflict, Invalid, Rejected
from inbox.outgoing.letters import Extras, keep_files
from inbox.queue import OUTBOX
from inbox.store import messengers as rows
from inbox.store.messengers import Reach
from inbox.templating import N_
from models import ChannelKind, Conversation, Direction, Message, Outbox, OutboxKind

NO_COPIES = N_("Copies go out by e-mail only; this goes out by a messenger.")
NOBODY = N_("There is nobody to answer to here; you can keep notes.")
ROUTE = "messenger"  # under which a mail's facts name the inbox that it goes out by


class Closed(Conflict):
    """The customer cannot be written to here just now; nothing was sent."""

    problem_type = "urn:kip:problem:window-closed"


def demand_reach(session: Session, conversation: Conversation, now: datetime) -> Reach:
    """Return whom an answer reaches.

    Raises
    ------
    Invalid
        If there is nobody.
    Closed
        If they may not be written to.
    """
    reach = rows.find_reach(session, conversation)
    if reach is None:
        raise Invalid(NOBODY)
    return demand_open(reach, now)


def demand_open(reach: Reach, now: datetime) -> Reach:
    """Return somebody who may be written to; raises ``Closed``."""
    if not reach.is_open(now):
        raise Closed(BLOCKED if reach.left else WINDOW_CLOSED)
    return reach


def check(channel: ChannelKind, text: str, extras: Extras) -> None:
    """Refuse what the messenger does not take, before it is kept.

    Raises
    ------
    Invalid
        If there are copies, or a file that it does not take.
    """
    if extras.cc or extras.bcc:
        raise Invalid(NO_COPIES, {"cc": NO_COPIES})
    files = tuple(
        OutboundFile(one.filename, one.content_type, one.data) for one in extras.files
    )
    said = OutboundMessage("", "", "", "", text, files=files)
    try:
        PROVIDERS[channel.value].pieces(said)
    except Rejected as error:
        raise Invalid(error.message, {"files": error.message}) from error


def post(
    session: Session,
    conversation: Conversation,
    message: Message,
    reach: Reach,
    house: House,
    kind: OutboxKind,
    extras: Extras,
) -> Outbox:
    """Put a message into the outbox, as what the provider will get."""
    keep_files(session, message, extras.files)
    name = message.channel.value
    message_id = make_message_id(house.secret, conversation.id, f"{reach.inbox_id}.{name}")
    address = rows.address_of(reach.inbox_id, reach.user, name)
    said = OutboundMessage(
        message_id=message_id,
        from_address="",
        to=address,
        subject="",
        text=message.text,
        automatic=kind is not OutboxKind.REPLY,
        date=message.created_at,
    )
    facts: dict[str, Any] = {**as_facts(said), ROUTE: reach.inbox_id}
    if extras.files:
        facts["has_files"] = True
    if extras.hold_s:
        facts["undo"] = dict(extras.undo)
    made = Outbox(
        kind=kind,
        conversation_id=conversation.id,
        message_id=message.id,
        to_address=address,
        email_message_id=message_id,
        mail=facts,
        created_at=message.created_at,
        leased_until=message.created_at + timedelta(seconds=extras.hold_s),
    )
    session.add(made)
    return made


def say(
    session: Session,
    conversation: Conversation,
    text: str,
    kind: OutboxKind,
    house: House,
    now: datetime,
) -> bool:
    """Say something by ourselves; False if the customer cannot be written to."""
    reach = rows.find_reach(session, conversation)
    if reach is None or not reach.is_open(now):
        return False
    message = Message(
        conversation_id=conversation.id,
        direction=Direction.AUTOMATIC,
        channel=conversation.channel,
        text=text,
        visible_text=text,
        created_at=now,
    )
    session.add(message)
    session.flush()
    post(session, conversation, message, reach, house, kind, Extras())
    after_commit(session, OUTBOX)
    return True


def is_routed(mail: Mapping[str, Any]) -> bool:
    """Tell whether a mail's facts say that it goes out by a messenger."""
    return isinstance(mail.get(ROUTE), int)
