"""By which channels an answer may go, as the composer shows it."""

from collections.abc import Sequence
from datetime import datetime

from inbox.channels.messengers.errors import BLOCKED, WINDOW_CLOSED
from inbox.store.messengers import Reach
from inbox.store.ways import Way, others
from inbox.templating import N_
from inbox.views.models import ConversationPage
from inbox.views.words import MESSENGER_NAMES, Speaker
from models import MESSENGERS, ChannelKind

ALWAYS = N_("by %(name)s")
UNTIL = N_("by %(name)s, until %(time)s")
WAY_UNTIL = N_("%(way)s, until %(time)s")
INSTEAD = N_("%(why)s The answer goes out by %(way)s instead, unless you choose otherwise.")
NOWHERE = N_("%(why)s You can keep notes.")
NOBODY = N_("There is nobody to answer to here; you can keep notes.")


def fill(
    shown: ConversationPage, ways: Sequence[Way], own: Reach | None, speak: Speaker
) -> None:
    """Offer the ways that an answer may go; where its own is closed, another comes first."""
    channel = ChannelKind(shown.channel)
    by_mail = channel not in (*MESSENGERS, ChannelKind.CHAT)
    mine = f"{channel.value}:{own.value}" if own is not None else ""
    address = shown.contact.address if by_mail else ""
    open_now = [
        one
        for one in others(ways, address, mine)
        if one.reach is None or one.reach.is_open(speak.now)
    ]
    shown.others = [(one.to, _label(one)) for one in open_now]
    if channel not in MESSENGERS:
        return
    shown.own_way = shown.reply_hint = _own(channel, own, speak)
    if own is not None and own.is_open(speak.now):
        return
    why = speak.say((BLOCKED if own.left else WINDOW_CLOSED) if own is not None else NOBODY)
    shown.own_way = ""  # cannot be chosen
    if not open_now:
        shown.can_reply = False
        text = speak.say(NOWHERE) % {"why": why} if own is not None else why
        shown.cannot_reply_reason = text
    elif shown.can_reply:
        shown.to = open_now[0].to
        shown.closed = speak.say(INSTEAD) % {"why": why, "way": _label(open_now[0])}


def _own(channel: ChannelKind, own: Reach | None, speak: Speaker) -> str:
    if own is None or own.until is None:
        return speak.say(ALWAYS) % {"name": MESSENGER_NAMES[channel]}
    return speak.say(UNTIL) % {"name": MESSENGER_NAMES[channel], "time": speak.clock(own.until)}


def offered(ways: Sequence[Way], speak: Speaker) -> list[tuple[str, str]]:
    """Return those messengers by which somebody may be written to now."""
    return [
        (one.to, _with_end(one, one.reach.until, speak))
        for one in ways
        if one.reach is not None and one.reach.is_open(speak.now)
    ]


def _with_end(way: Way, until: datetime | None, speak: Speaker) -> str:
    if until is None:
        return _label(way)
    return speak.say(WAY_UNTIL) % {"way": _label(way), "time": speak.clock(until)}


def _label(way: Way) -> str:
    return way.name if way.reach is None else f"{MESSENGER_NAMES[way.kind]} · {way.name}"
