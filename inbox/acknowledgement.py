"""The automatic answer: who gets one, and what it says. At once, once, with the honest time."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlmodel import Session

from inbox.addressing import inbox_named, make_message_id, make_reply_address, without_tag
from inbox.channels.addresses import is_strict
from inbox.channels.base import InboundMessage, OutboundMessage, as_facts
from inbox.channels.fields import fill
from inbox.channels.machinewords import says_so
from inbox.channels.words import one_line
from inbox.rulebook import Promise
from inbox.sla.calendar import WorkingCalendar
from inbox.sla.promise import (
    hours_text,
    opening_moment,
    opening_sentence,
    spoken_moment,
)
from inbox.store import people
from inbox.store.wordings import AllWords, words_for
from models import ChannelKind, Conversation, Outbox, OutboxKind
from models.base import columns

outbox = columns(Outbox)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
_SENT = (
    select(outbox.to_address, func.count().label("count"))
    .where(
        outbox.to_address.in_(bindparam("addresses", expanding=True)),
        outbox.kind == OutboxKind.ACKNOWLEDGEMENT,
        outbox.created_at > bindparam("since"),
    )
    .group_by(outbox.to_address)
)


@dataclass(frozen=True, slots=True)
class Caps:
    """How many automatic mails may leave (``caps`` in the company's settings)."""

    per_address_a_day: int = 3
    per_ip_an_hour: int = 5
    strangers_an_hour: int = 200
    chats_per_ip_an_hour: int = 30  # new visitors who write; the lines of known ones are free
    automatic_an_hour: int = 6  # of any kind to one address; asked when they leave

    @classmethod
    def of(cls, settings: dict[str, Any]) -> "Caps":
        """Read the caps out of the company's settings."""
        return cls(**settings.get("caps", {}))


@dataclass(frozen=True, slots=True)
class House:
    """What mail of ours needs to know of the installation."""

    secret: bytes
    base_url: str
    mail_from: str  # "" unless KIP_MAIL_FROM is set
    company: str
    instance_id: str
    time_zone: str
    own_addresses: tuple[str, ...]  # of the e-mail inboxes, the first is the company's
    caps: Caps
    undo_s: int = 0  # how long a colleague's mail waits, so that it can be undone


@dataclass(frozen=True, slots=True)
class Asker:
    """Who wrote a new request, by which way, as far as caps on acknowledgements ask."""

    message: InboundMessage
    channel: ChannelKind
    is_stranger: bool
    peer: str


class Gate:
    """Decides on the acknowledgements of one unit of work, and counts them.

    Counters stay locked until the commit: whoever asks for several is alone with it
    (``store.candidates.lock``), or two would wait for each other.
    """

    def __init__(
        self, session: Session, house: House, askers: Iterable[Asker], now: datetime
    ) -> None:
        self._session = session
        self._house = house
        self._now = now
        self._full: set[str] = set()  # counters that let nobody through any more
        found = {one.message.from_address for one in askers}
        addresses = sorted(one for one in found if self._may_have_one(one))
        values = {"addresses": addresses, "since": now - DAY}
        sent = session.execute(_SENT, values) if addresses else ()
        self._sent = Counter({row.to_address: row.count for row in sent})

    def withheld(self, asker: Asker) -> str | None:
        """Return why this message gets no acknowledgement, or None if it does.

        Counts the ones it lets through by form and API to addresses that never wrote before.
        """
        message, caps = asker.message, self._house.caps
        address = message.from_address
        if _is_automatic(asker):
            return "automatic"
        if not self._may_have_one(address):
            return "no_address"
        if self._sent[address] >= caps.per_address_a_day:
            return "address"
        if "+" in address and not self._tagged(address):
            return "address"
        if asker.channel is not ChannelKind.EMAIL and asker.is_stranger:
            if not self._hourly(f"ack-ip:{asker.peer}", caps.per_ip_an_hour):
                return "ip"
            if not self._hourly("ack-hour", caps.strangers_an_hour):
                return "hour"
        self._sent[address] += 1
        return None

    def _may_have_one(self, address: str) -> bool:
        return is_strict(address) and not inbox_named(address, self._house.own_addresses)

    def _tagged(self, address: str) -> bool:
        """Count all of somebody's tags (``name+tag@``) as one address, for a day."""
        key = "ack-tagged:" + hashlib.sha256(without_tag(address).encode()).hexdigest()[:32]
        return self._count(key, self._house.caps.per_address_a_day, DAY)

    def _hourly(self, key: str, cap: int) -> bool:
        return self._count(f"{key}:{int(self._now.timestamp() // 3600)}", cap, HOUR)

    def _count(self, key: str, cap: int, length: timedelta) -> bool:
        now = self._now
        if key not in self._full:
            if people.take_turn(self._session, key, cap, expires_at=now + length, now=now):
                return True
            self._full.add(key)
        return False


def _is_automatic(asker: Asker) -> bool:
    """Tell whether a machine wrote it, by its headers or by its own words."""
    message = asker.message
    if message.is_automatic or message.is_bounce or message.suppress_auto_response:
        return True
    by_mail = asker.channel is ChannelKind.EMAIL
    return by_mail and says_so(message.visible_reply or message.text, message.text)


def sender_of(house: House, door_address: str | None) -> str:
    """Return the address our mail comes from: the inbox it answers for, else the company's."""
    if door_address:
        return door_address
    return house.mail_from or (house.own_addresses[0] if house.own_addresses else "")


def closed_text(
    own: AllWords, inbox_id: int, calendar: WorkingCalendar, now: datetime, language: str
) -> str:
    """Say that we are closed and when we open again, as the company says it; or ""."""
    said = words_for(own, inbox_id, "closed", language)
    opens = opening_moment(calendar, now, language)
    if said is None or not opens:
        return opening_sentence(calendar, now, language) or ""
    return one_line(fill(said.text, {"opens": opens}))


def own_words(own: AllWords, inbox_id: int, kind: str, language: str) -> dict[str, Any]:
    """Return what a mail's row keeps of the company's own words: nothing where it has none."""
    said = words_for(own, inbox_id, kind, language)
    return {"words": {"subject": said.subject, "text": said.text}} if said else {}


def compose(
    conversation: Conversation,
    message: InboundMessage,
    promise: Promise,
    house: House,
    *,
    door_address: str | None,
    kind: OutboxKind,
    now: datetime,
    own: AllWords,
) -> Outbox | None:
    """Return the mail as facts, rendered when it is sent; None if there is no sender.

    Where the rules have no time for a first answer, it names none. ``own`` is what the company
    wrote instead of what is shipped.
    """
    sender = sender_of(house, door_address)
    if not is_strict(sender):
        return None
    language = conversation.language
    zone = promise.calendar.timezone
    facts = {
        "number": conversation.id,
        "company": house.company,
        "promise_text": spoken_moment(conversation.promised_at, zone, now, language)
        if conversation.promised_at is not None
        else "",
        "hours_text": hours_text(promise.calendar, language),
        "closed_text": closed_text(own, conversation.inbox_id, promise.calendar, now, language),
        "link": f"{house.base_url}/s/{conversation.public_token}",
    }
    message_id = make_message_id(house.secret, conversation.id, sender.partition("@")[2])
    mail = OutboundMessage(
        message_id=message_id,
        from_address=sender,
        from_name=house.company,
        to=message.from_address,
        subject="",
        text="",
        in_reply_to=message.message_id,
        references=(*message.references[-10:], message.message_id)
        if message.message_id
        else (),
        reply_to=make_reply_address(house.secret, conversation.id, sender),
        automatic=True,
        instance_id=house.instance_id,
        date=now,
    )
    return Outbox(
        kind=kind,
        conversation_id=conversation.id,
        to_address=message.from_address,
        email_message_id=message_id,
        mail={
            **as_facts(mail),
            "template": kind.value,
            "language": language,
            "facts": facts,
            **own_words(own, conversation.inbox_id, "acknowledgement", language),
        },
        created_at=now,
        leased_until=now,
    )
