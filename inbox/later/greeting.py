"""What a new request hears at once where it came: in the chat, or by the messenger."""

from datetime import datetime

from sqlmodel import Session

from inbox import chat
from inbox.acknowledgement import House
from inbox.opening import What
from inbox.outgoing import messengers
from inbox.rulebook import Promise
from inbox.store.raw import Claimed
from models import MESSENGERS, ChannelKind, Conversation, EventKind, OutboxKind


def greet(
    session: Session,
    raw: Claimed,
    conversation: Conversation,
    promise: Promise,
    house: House,
    now: datetime,
) -> What | None:
    """Acknowledge where they wrote; return the event of it, or None where mail does it.

    What was imported is acknowledged nowhere.
    """
    if raw.kind is ChannelKind.CHAT:
        return chat.acknowledge(session, conversation, promise, house, now)
    if raw.kind in MESSENGERS:
        line = chat.thanks(session, conversation, promise, house, now)
        kind = OutboxKind.ACKNOWLEDGEMENT
        if messengers.say(session, conversation, line, kind, house, now):
            return chat.acknowledged(conversation, now)
        return EventKind.ACKNOWLEDGEMENT_WITHHELD, now, {"reason": "no_address"}
    if "imported" in raw.meta:
        return EventKind.ACKNOWLEDGEMENT_WITHHELD, now, {"reason": "imported"}
    return None
