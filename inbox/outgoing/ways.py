"""By which channel an answer goes: the one they wrote by, or another that they have proved."""

from datetime import datetime

from sqlmodel import Session

from inbox.errors import Invalid
from inbox.outgoing import messengers
from inbox.store import ways
from inbox.store.messengers import Reach
from inbox.templating import N_
from models import MESSENGERS, ChannelKind, Conversation

NOT_THEIRS = N_("The customer has not written from there. Choose another way.")


def choose(
    session: Session, conversation: Conversation, to: str, now: datetime
) -> tuple[ChannelKind, Reach | None]:
    """Return how an answer goes, and whom a messenger reaches.

    ``to`` is "", an e-mail address, or what ``store.ways`` names somebody on a messenger.

    Raises
    ------
    Invalid
        If that is nobody of the contact's, or there is nobody to reach.
    Closed
        If they may not be written to there just now.
    """
    if ways.names_messenger(to):
        way = ways.find_person(session, conversation.contact_id, to)
        if way is None or way.reach is None:
            raise Invalid(NOT_THEIRS, {"to": NOT_THEIRS})
        return way.kind, messengers.demand_open(way.reach, now)
    if to:
        return ChannelKind.EMAIL, None
    if conversation.channel in MESSENGERS:
        return conversation.channel, messengers.demand_reach(session, conversation, now)
    if conversation.channel is ChannelKind.CHAT:
        return ChannelKind.CHAT, None
    return ChannelKind.EMAIL, None
