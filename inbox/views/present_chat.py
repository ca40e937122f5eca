"""What a chat adds to its conversation's page: who is there, and what was seen."""

from collections.abc import Mapping
from typing import Any

from inbox.sla.chat import is_there
from inbox.store.pages import Thread
from inbox.templating import N_
from inbox.views.words import Speaker
from models import ChannelKind, Message

DELIVERY_TEXT = {
    "delivered": N_("delivered"),
    "waits": N_("on its way to the visitor"),
    "unseen": N_("not seen yet: the visitor has left"),
}
HINT_TEXT = {  # by: is it a chat
    False: N_("Perhaps this belongs to #%(n)s: the mail refers to it."),
    True: N_("Perhaps this also belongs to #%(n)s: the visitor typed that address."),
}


def delivery(message: Message, thread: Thread, speak: Speaker) -> tuple[str, str]:
    """Return how far an answer in a chat has come, as a key and in words."""
    if message.delivered_at is not None:
        state = "delivered"
    else:
        state = "waits" if is_there(thread.seen_at, speak.now) else "unseen"
    return state, speak.say(DELIVERY_TEXT[state])


def address(thread: Thread, identities: Mapping[str, Any]) -> str:
    """Return the contact's address; in a chat also one that is known as somebody else's."""
    known = (identities.get("email") or [""])[0]
    if known or thread.conversation.channel != ChannelKind.CHAT:
        return str(known)
    typed = [one.sender_address for one in thread.messages if one.sender_address]
    return typed[-1] if typed else ""


def presence(thread: Thread, speak: Speaker) -> str:
    """Say whether the visitor would see an answer now."""
    if is_there(thread.seen_at, speak.now):
        return speak.say("the visitor is in the chat")
    return speak.say("the visitor has left; the answer waits in the chat")


def address_note(thread: Thread, speak: Speaker) -> str:
    """Say what an address is worth that a visitor typed."""
    by_chat = thread.conversation.channel == ChannelKind.CHAT
    return speak.say("typed in the chat, not proved") if by_chat else ""
