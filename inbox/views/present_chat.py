"""What a chat adds to its conversation's page: who is there, and what was seen."""

from collections.abc import Mapping
from typing import Any

from inbox.sla.chat import is_there
from inbox.store.deliveries import Delivery
from inbox.store.pages import Thread
from inbox.templating import N_
from inbox.views.words import Speaker
from models import ChannelKind, Direction, Message

DELIVERY_TEXT = {
    "delivered": N_("seen at %(time)s"),
    "waits": N_("on its way to the visitor"),
    "unseen": N_("not seen yet: the visitor has left"),
}
NO_LETTER = {  # reason: in words
    "no_address": N_("not seen yet: the visitor has left, and gave no e-mail address"),
    "own_address": N_("not seen yet: the visitor has left, and gave an address of ours"),
    "bounced": N_("not seen yet: the visitor has left, and mail to the address comes back"),
    "restricted": N_("not seen yet: this person’s data is restricted, no mail is sent"),
}
BY_MAIL = N_("by e-mail to %(address)s: %(state)s")
HINT_TEXT = {  # by: is it a chat
    False: N_("Perhaps this belongs to #%(n)s: the mail refers to it."),
    True: N_("Perhaps this also belongs to #%(n)s: the visitor typed that address."),
}


def delivery(message: Message, thread: Thread, speak: Speaker) -> tuple[str, str]:
    """Return how far an answer in a chat has come, as a key and in words."""
    if message.delivered_at is not None:
        time = {"time": speak.clock(message.delivered_at)}
        return "delivered", speak.say(DELIVERY_TEXT["delivered"]) % time
    if is_there(thread.seen_at, speak.now):
        return "waits", speak.say(DELIVERY_TEXT["waits"])
    letter = thread.letters.get(message.id)
    reason = letter.reason if letter is not None else ""
    return "unseen", speak.say(NO_LETTER.get(reason, DELIVERY_TEXT["unseen"]))


def by_mail(message: Message, thread: Thread) -> Delivery | None:
    """Return the mail that an answer went out by when the visitor had left."""
    letter = thread.letters.get(message.id)
    return letter.mail if letter is not None else None


def address(thread: Thread, identities: Mapping[str, Any]) -> str:
    """Return the contact's address; in a chat also one that is known as somebody else's."""
    known = (identities.get("email") or [""])[0]
    if known or thread.conversation.channel != ChannelKind.CHAT:
        return str(known)
    return _typed(thread)


def _typed(thread: Thread) -> str:
    """Return the address that the visitor gave, or wrote from, last."""
    said = [
        one.sender_address
        for one in thread.messages
        if one.sender_address and one.direction == Direction.INBOUND and not one.is_machine
    ]
    return said[-1] if said else ""


def presence(thread: Thread, speak: Speaker, address: str) -> str:
    """Say whether the visitor would see an answer now, or get it by mail."""
    if is_there(thread.seen_at, speak.now):
        return speak.say("the visitor is in the chat")
    typed = _typed(thread)
    if typed or address:
        said = speak.say("the visitor has left; the answer also goes by e-mail to %(address)s")
        return said % {"address": typed or address}
    return speak.say("the visitor has left; the answer waits in the chat")


def address_note(thread: Thread, speak: Speaker) -> str:
    """Say what an address is worth that a visitor typed."""
    address = _typed(thread)
    proved = any(
        one.sender_address == address
        and one.direction == Direction.INBOUND
        and (one.channel == ChannelKind.EMAIL or "site" in one.authentication)
        for one in thread.messages
    )
    if proved or thread.conversation.channel != ChannelKind.CHAT:
        return ""
    return speak.say("typed in the chat, not proved")
